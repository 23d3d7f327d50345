//! QUIC Initial packets: the ClientHello that they carry, encrypted with keys that everybody can derive
//! (RFC 9001, 5.2; RFC 9369).

mod assembly;
mod attempt;
mod crypto;
mod frames;
mod packet;
mod reader;
#[cfg(test)]
mod tests;

use attempt::Attempt;
use crypto::Plain;
use packet::{ConnectionId, Initial};

use super::tls::{ClientHello, TlsError};

/// Datagrams with Initial packets that are looked at.
pub const DATAGRAMS_MAX: usize = 4;

/// Packets of a datagram that are looked at.
pub const PACKETS_PER_DATAGRAM_MAX: usize = 8;

/// Bytes of CRYPTO data that are kept. Hellos with post-quantum keys have about 1,900; servers may refuse
/// more than 4,096 (RFC 9000, 7.5).
pub const CRYPTO_BYTES_MAX: usize = 8 * 1024;

/// Attempts to connect whose packets are kept apart. A Retry packet of the server begins another one.
pub const ATTEMPTS_MAX: usize = DATAGRAMS_MAX;

/// Collects the datagrams that a client sends first, until its hello is complete.
///
/// Work is bounded: a packet is authenticated at most [`ATTEMPTS_MAX`] times, so that all datagrams together
/// cost at most 128 passes over a packet.
#[derive(Debug, Default)]
pub struct Initials {
    attempts: Vec<Attempt>,
    /// Datagrams with Initial packets that were looked at.
    datagrams: usize,
}

/// How far the datagrams of an attempt to connect lead.
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
    /// A limit of this module is reached.
    TooMuch,
    /// It has other CRYPTO data than an earlier packet of the attempt, so that there is no telling which is
    /// true. The attempt yields nothing from then on.
    Conflict,
    /// The CRYPTO data is no ClientHello. The attempt yields nothing from then on.
    Hello(TlsError),
}

impl Initials {
    /// Reads a whole UDP payload that the client sent, and tells of the attempt that it belongs to. An error
    /// in one of its packets is reported only when no other packet could be read.
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
        self.progress(outcome?)
    }

    /// Reads frames as they are in a decrypted packet. For fuzzing: what is behind the encryption is
    /// otherwise out of reach.
    #[doc(hidden)]
    pub fn frames(&mut self, payload: &[u8]) -> Result<Progress, QuicError> {
        self.count_datagram()?;
        if self.attempts.is_empty() {
            self.attempts.push(Attempt::new(ConnectionId::default()));
        }
        let attempt = self.attempts.first_mut().ok_or(QuicError::NotInitial)?;
        attempt.take(payload)?;
        self.progress(0)
    }

    fn count_datagram(&mut self) -> Result<(), QuicError> {
        if self.datagrams == DATAGRAMS_MAX {
            return Err(QuicError::TooMuch);
        }
        self.datagrams += 1;
        Ok(())
    }

    /// Takes an Initial packet, and tells of which attempt it is.
    fn initial(&mut self, initial: &Initial<'_>) -> Result<usize, QuicError> {
        let (at, plain) = self.open(initial).ok_or(QuicError::Undecryptable)?;
        if plain.has_reserved_bits {
            return Err(QuicError::Malformed);
        }
        self.attempts.get_mut(at).ok_or(QuicError::TooMuch)?.take(&plain.payload)?;
        Ok(at)
    }

    /// Finds the attempt that a packet belongs to, or begins one.
    fn open(&mut self, initial: &Initial<'_>) -> Option<(usize, Plain)> {
        for (at, attempt) in self.attempts.iter_mut().enumerate() {
            if let Some(plain) = attempt.open(initial) {
                return Some((at, plain));
            }
        }
        let is_known = self.attempts.iter().any(|attempt| attempt.id() == initial.dcid);
        if is_known || self.attempts.len() == ATTEMPTS_MAX {
            return None;
        }
        let mut attempt = Attempt::new(initial.dcid);
        let plain = attempt.open(initial)?;
        self.attempts.push(attempt);
        Some((self.attempts.len() - 1, plain))
    }

    fn progress(&self, at: usize) -> Result<Progress, QuicError> {
        self.attempts.get(at).map_or(Err(QuicError::NotInitial), Attempt::progress)
    }
}

/// The better of what two packets of a datagram led to: the first success, then the first error that says
/// more than that there is no Initial packet.
fn better(
    one: Result<usize, QuicError>,
    other: Result<usize, QuicError>,
) -> Result<usize, QuicError> {
    match (one, other) {
        (Err(QuicError::NotInitial), other) | (Err(_), other @ Ok(_)) => other,
        (one, _) => one,
    }
}
