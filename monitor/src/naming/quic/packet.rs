//! Packets with a long header, and how they share a datagram (RFC 9000, 12.2 and 17.2; RFC 9369, 3).

use super::QuicError;
use super::reader::Reader;

/// Bytes of the longest connection id.
const CONNECTION_ID_BYTES_MAX: usize = 20;

/// Bytes of a packet after the start of its packet number, at least: the sample that protects the header
/// stands four bytes after it (RFC 9001, 5.4.2).
const PROTECTED_BYTES_MIN: usize = 4 + 16;

/// Versions whose Initial packets can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// RFC 9000.
    V1,
    /// RFC 9369.
    V2,
}

impl Version {
    const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            0x6b33_43cf => Some(Self::V2),
            _ => None,
        }
    }

    /// The kind of a packet, by two bits of its first byte.
    const fn kind(self, first: u8) -> Kind {
        let number = first >> 4 & 0b11;
        match (self, number) {
            (Self::V1, 0b00) | (Self::V2, 0b01) => Kind::Initial,
            (Self::V1, 0b11) | (Self::V2, 0b00) => Kind::Retry,
            _ => Kind::Other,
        }
    }
}

enum Kind {
    Initial,
    Retry,
    /// 0-RTT or Handshake.
    Other,
}

/// A connection id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ConnectionId {
    length: u8,
    /// Zeros after the id.
    bytes: [u8; CONNECTION_ID_BYTES_MAX],
}

impl ConnectionId {
    fn read(reader: &mut Reader<'_>) -> Result<Self, QuicError> {
        let length = reader.u8().ok_or(QuicError::Truncated)?;
        let mut bytes = [0; CONNECTION_ID_BYTES_MAX];
        let space = bytes.get_mut(..usize::from(length)).ok_or(QuicError::Malformed)?;
        space.copy_from_slice(reader.bytes(space.len()).ok_or(QuicError::Truncated)?);
        Ok(Self { length, bytes })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// The packet at the front of a datagram.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    /// Whom it is for.
    pub(super) dcid: ConnectionId,
    /// What it is, if it is an Initial packet.
    pub(super) initial: Option<Initial<'a>>,
    /// What follows it in the datagram.
    pub(super) rest: &'a [u8],
}

/// An Initial packet, still protected.
#[derive(Debug)]
pub(super) struct Initial<'a> {
    pub(super) version: Version,
    pub(super) dcid: ConnectionId,
    /// The packet up to its packet number.
    pub(super) header: &'a [u8],
    /// The packet from its packet number on: at least [`PROTECTED_BYTES_MIN`] bytes.
    pub(super) protected: &'a [u8],
}

/// Reads the packet at the front. [`QuicError::NotInitial`] when it has no length to go on from: a short
/// header, padding, Version Negotiation, Retry, or a version that is not known.
pub(super) fn read(datagram: &[u8]) -> Result<Packet<'_>, QuicError> {
    let mut reader = Reader::new(datagram);
    let first = reader.u8().ok_or(QuicError::NotInitial)?;
    // The next bit is fixed, but may be used to tell nothing (RFC 9287).
    if first & 0x80 == 0 {
        return Err(QuicError::NotInitial);
    }
    let number = reader.u32().ok_or(QuicError::Truncated)?;
    let version = Version::from_number(number).ok_or(QuicError::NotInitial)?;
    let kind = version.kind(first);
    if matches!(kind, Kind::Retry) {
        return Err(QuicError::NotInitial);
    }
    let dcid = ConnectionId::read(&mut reader)?;
    let _scid = ConnectionId::read(&mut reader)?;
    let is_initial = matches!(kind, Kind::Initial);
    if is_initial {
        let _token = reader.vector().ok_or(QuicError::Truncated)?;
    }
    let length = reader.varint().ok_or(QuicError::Truncated)?;
    let header = datagram.get(..datagram.len() - reader.rest().len()).unwrap_or_default();
    let length = usize::try_from(length).map_err(|_| QuicError::Truncated)?;
    let protected = reader.bytes(length).ok_or(QuicError::Truncated)?;
    if protected.len() < PROTECTED_BYTES_MIN {
        return Err(QuicError::Malformed);
    }
    let initial = is_initial.then_some(Initial { version, dcid, header, protected });
    Ok(Packet { dcid, initial, rest: reader.rest() })
}
