//! Frames of Initial packets (RFC 9000, 12.4 and 19).

use super::QuicError;
use super::reader::Reader;

const PADDING: u8 = 0x00;
const PING: u64 = 0x01;
const ACK: u64 = 0x02;
const ACK_ECN: u64 = 0x03;
const CRYPTO: u64 = 0x06;
const CONNECTION_CLOSE: u64 = 0x1c;

/// A piece of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crypto<'a> {
    /// Where it stands in the handshake bytes. Below 2^62.
    pub(super) offset: u64,
    pub(super) data: &'a [u8],
}

/// The CRYPTO frames of a payload. An error when a frame is invalid, of a kind that Initial packets do not
/// carry, or when there is none at all: servers then refuse the whole packet.
pub(super) fn read(payload: &[u8]) -> Result<Vec<Crypto<'_>>, QuicError> {
    let mut reader = Reader::new(payload);
    let mut found = Vec::new();
    if payload.is_empty() {
        return Err(QuicError::Malformed);
    }
    loop {
        reader.skip_all(PADDING);
        if reader.rest().is_empty() {
            return Ok(found);
        }
        if let Frame::Crypto(crypto) = frame(&mut reader).ok_or(QuicError::Malformed)? {
            found.push(crypto);
        }
    }
}

enum Frame<'a> {
    Crypto(Crypto<'a>),
    /// One that says nothing of the handshake.
    Other,
}

/// Takes a frame. `None` when it is invalid.
fn frame<'a>(reader: &mut Reader<'a>) -> Option<Frame<'a>> {
    let before = reader.rest().len();
    let kind = reader.varint()?;
    // Frame types are as short as they can be.
    if before - reader.rest().len() > 1 {
        return None;
    }
    match kind {
        PING => {}
        ACK | ACK_ECN => skip_ack(reader, kind == ACK_ECN)?,
        CRYPTO => {
            let offset = reader.varint()?;
            return Some(Frame::Crypto(Crypto { offset, data: reader.vector()? }));
        }
        CONNECTION_CLOSE => {
            let _error = reader.varint()?;
            let _frame = reader.varint()?;
            let _reason = reader.vector()?;
        }
        _ => return None,
    }
    Some(Frame::Other)
}

fn skip_ack(reader: &mut Reader<'_>, has_ecn: bool) -> Option<()> {
    let _largest = reader.varint()?;
    let _delay = reader.varint()?;
    let ranges = reader.varint()?;
    let _first = reader.varint()?;
    // Ends with the bytes, however many there are said to be.
    for _ in 0..ranges {
        let _gap = reader.varint()?;
        let _length = reader.varint()?;
    }
    let counts = if has_ecn { 3 } else { 0 };
    for _ in 0..counts {
        let _count = reader.varint()?;
    }
    Some(())
}
