//! QUIC Initial packets: the ClientHello that they carry, encrypted with keys that everybody can derive
//! (RFC 9001, 5.2; RFC 9369).

mod assembly;
mod crypto;
mod frames;
mod packet;
mod reader;
#[cfg(test)]
mod tests;

use assembly::Assembly;
use crypto::Keys;
use packet::{ConnectionId, Initial, Version};

use super::tls::{self, ClientHello, TlsError};

/// Datagrams with Initial packets that are looked at.
pub const DATAGRAMS_MAX: usize = 4;

/// Packets of a datagram that are looked at.
pub const PACKETS_PER_DATAGRAM_MAX: usize = 8;

/// Bytes of CRYPTO data that are kept. Hellos with post-quantum keys have about 1,900; servers may refuse
/// more than 4,096 (RFC 9000, 7.5).
pub const CRYPTO_BYTES_MAX: usize = 8 * 1024;

/// Connection ids of which the keys are kept.
pub const KEYS_MAX: usize = 4;

/// Collects the datagrams that a client sends first, until its hello is complete.
///
/// Work is bounded: each packet is authenticated at most `KEYS_MAX` + 1 times, so that the whole costs at
/// most 160 passes over a packet.
#[derive(Debug, Default)]
pub struct Initials {
    /// Keys of the connection ids under which packets were read. A client goes on with those of its
    /// first packet when it learns the server's connection id (RFC 9001, 5.2).
    keys: Vec<(Version, ConnectionId, Keys)>,
    /// The handshake bytes.
    crypto: Assembly,
    /// The largest packet number that was read.
    largest: Option<u64>,
    /// Datagrams with Initial packets that were looked at.
    datagrams: usize,
    /// Whether two packets contradicted each other.
    conflict: bool,
}

/// How far the datagrams so far lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The hello. Further datagrams add nothing to its name.
    Hello(ClientHello),
    /// Part of a hello: more datagrams are needed.
    More,
}

/// Why a datagram yields nothing. Unless stated otherwise it changes nothing either: the next may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuicError {
    /// It has no Initial packet of QUIC version 1 or 2.
    NotInitial,
    /// It ends before a packet does, which can then not be authenticated.
    Truncated,
    /// No keys fit: it was altered, sent by the server, or its keys come from a packet that was not seen.
    Undecryptable,
    /// No client sends this: a length, a header or a frame is invalid.
    Malformed,
    /// A limit of [`Initials`] is reached. Final.
    TooMuch,
    /// It has other CRYPTO data than an earlier packet, so that there is no telling which is true. Final:
    /// it may be a new connection, for new [`Initials`].
    Conflict,
    /// The CRYPTO data is no ClientHello. Final.
    Hello(TlsError),
}

impl Initials {
    /// Reads a whole UDP payload that the client sent. An error in one of its packets is reported only
    /// when no other packet could be read.
    pub fn datagram(&mut self, payload: &[u8]) -> Result<Progress, QuicError> {
        let mut outcome = Err(QuicError::NotInitial);
        let mut first = None;
        let mut rest = payload;
        for _ in 0..PACKETS_PER_DATAGRAM_MAX {
            let packet = match packet::read(rest) {
                Ok(packet) => packet,
                Err(error) => {
                    outcome = better(outcome, Err(error));
                    break;
                }
            };
            rest = packet.rest;
            // Servers ignore coalesced packets of another connection (RFC 9000, 12.2).
            if *first.get_or_insert(packet.dcid) != packet.dcid {
                continue;
            }
            if let Some(initial) = packet.initial {
                if outcome == Err(QuicError::NotInitial) {
                    self.count_datagram()?;
                }
                outcome = better(outcome, self.initial(&initial));
            }
        }
        outcome?;
        self.progress()
    }

    /// Reads frames as they are in a decrypted packet. For fuzzing: what is behind the encryption is
    /// otherwise out of reach.
    #[doc(hidden)]
    pub fn frames(&mut self, payload: &[u8]) -> Result<Progress, QuicError> {
        self.count_datagram()?;
        self.take(payload)?;
        self.progress()
    }

    fn count_datagram(&mut self) -> Result<(), QuicError> {
        if self.datagrams == DATAGRAMS_MAX {
            return Err(QuicError::TooMuch);
        }
        self.datagrams += 1;
        Ok(())
    }

    fn initial(&mut self, initial: &Initial<'_>) -> Result<(), QuicError> {
        let own = std::iter::once(initial.dcid);
        let known = self.keys.iter().map(|(_, id, _)| *id).filter(|id| *id != initial.dcid);
        for id in own.chain(known) {
            let kept = self
                .keys
                .iter()
                .find(|(version, of, _)| *version == initial.version && *of == id)
                .map(|(.., keys)| *keys);
            let keys = kept.or_else(|| Keys::derive(initial.version, id.as_bytes()));
            let Some(keys) = keys else { continue };
            let Some(plain) = keys.open(initial, self.largest) else { continue };
            if kept.is_none() && self.keys.len() < KEYS_MAX {
                self.keys.push((initial.version, id, keys));
            }
            self.largest = self.largest.max(Some(plain.number));
            if plain.has_reserved_bits {
                return Err(QuicError::Malformed);
            }
            return self.take(&plain.payload);
        }
        Err(QuicError::Undecryptable)
    }

    /// Takes the CRYPTO data of a packet, once all its frames are known to be valid.
    fn take(&mut self, payload: &[u8]) -> Result<(), QuicError> {
        for frame in frames::read(payload)? {
            let written = self.crypto.write(frame.offset, frame.data);
            self.conflict |= written == Err(QuicError::Conflict);
            written?;
        }
        Ok(())
    }

    fn progress(&self) -> Result<Progress, QuicError> {
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

/// The better of what two packets of a datagram led to: success, then the first error that says more
/// than that there is no Initial packet.
fn better(one: Result<(), QuicError>, other: Result<(), QuicError>) -> Result<(), QuicError> {
    match (one, other) {
        (Err(QuicError::NotInitial), other) | (Err(_), other @ Ok(())) => other,
        (one, _) => one,
    }
}
