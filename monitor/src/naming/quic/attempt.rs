//! An attempt to connect, and how far its hello got.

use super::assembly::Assembly;
use super::crypto::{Keys, Plain};
use super::packet::{ConnectionId, Initial, Version};
use super::{CRYPTO_BYTES_MAX, Progress, QuicError, frames};
use crate::naming::tls::{self, TlsError};

/// The packets whose keys come from one connection id: the one that the client chose, or that the server
/// chose in a Retry packet. The client keeps the keys when it learns another id from the server's first
/// Initial packet, or goes on in another version (RFC 9001, 5.2; RFC 9369, 4.1).
#[derive(Debug)]
pub(super) struct Attempt {
    id: ConnectionId,
    /// At most one of each version.
    keys: Vec<(Version, Keys)>,
    /// The handshake bytes.
    crypto: Assembly,
    /// The largest packet number that was read.
    largest: Option<u64>,
    /// Whether two packets contradicted each other.
    conflict: bool,
}

impl Attempt {
    pub(super) fn new(id: ConnectionId) -> Self {
        Self { id, keys: vec![], crypto: Assembly::default(), largest: None, conflict: false }
    }

    /// The connection id that the keys come from.
    pub(super) const fn id(&self) -> ConnectionId {
        self.id
    }

    /// Removes the protection of a packet. `None` when it has other keys, or was altered.
    pub(super) fn open(&mut self, packet: &Initial<'_>) -> Option<Plain> {
        let plain = self.keys(packet.version)?.open(packet, self.largest)?;
        self.largest = self.largest.max(Some(plain.number));
        Some(plain)
    }

    fn keys(&mut self, version: Version) -> Option<Keys> {
        if let Some((_, keys)) = self.keys.iter().find(|(of, _)| *of == version) {
            return Some(*keys);
        }
        let keys = Keys::derive(version, self.id.as_bytes())?;
        self.keys.push((version, keys));
        Some(keys)
    }

    /// Takes the CRYPTO data of a packet, once all its frames are known to be valid.
    pub(super) fn take(&mut self, payload: &[u8]) -> Result<(), QuicError> {
        for frame in frames::read(payload)? {
            let written = self.crypto.write(frame.offset, frame.data);
            self.conflict |= written == Err(QuicError::Conflict);
            written?;
        }
        Ok(())
    }

    /// How far the hello got.
    pub(super) fn progress(&self) -> Result<Progress, QuicError> {
        if self.conflict {
            return Err(QuicError::Conflict);
        }
        let prefix = self.crypto.prefix();
        match tls::handshake(prefix) {
            Ok(hello) => Ok(Progress::Hello(hello)),
            Err(TlsError::Incomplete) if prefix.len() < CRYPTO_BYTES_MAX => Ok(Progress::More),
            Err(TlsError::Incomplete) => Err(QuicError::TooMuch),
            Err(error) => Err(QuicError::Hello(error)),
        }
    }
}
