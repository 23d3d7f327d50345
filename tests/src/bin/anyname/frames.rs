//! Frames of QUIC (RFC 9000, 19): the few that a handshake takes.

use anyhow::{Context as _, Result, bail};

/// The handshake is over, says the server.
pub(crate) const HANDSHAKE_DONE: u8 = 0x1e;

/// The connection is, without an error: code 0, no reason.
pub(crate) const CLOSE: [u8; 3] = [0x1d, 0, 0];

/// What matters of a packet.
#[derive(Debug)]
pub(crate) enum Frame {
    /// Bytes of TLS at an offset.
    Crypto(u64, Vec<u8>),
    HandshakeDone,
    Close,
}

/// A number of two bytes (RFC 9000, 16), for lengths below 16384.
pub(crate) fn varint(number: usize) -> [u8; 2] {
    let number = u16::try_from(number).unwrap_or(0x3fff) & 0x3fff;
    (0x4000 | number).to_be_bytes()
}

/// Bytes of TLS.
pub(crate) fn crypto(offset: u64, data: &[u8]) -> Vec<u8> {
    let offset = varint(usize::try_from(offset).unwrap_or(usize::MAX));
    [&[6][..], &offset, &varint(data.len()), data].concat()
}

/// Everything up to a packet has come.
pub(crate) fn acknowledgement(largest: u32) -> Vec<u8> {
    let largest = varint(usize::try_from(largest).unwrap_or(usize::MAX));
    [&[2][..], &largest, &[0, 0], &largest].concat()
}

/// The frames of a packet, without those that only fill or acknowledge.
pub(crate) fn parse(payload: &[u8]) -> Result<Vec<Frame>> {
    let mut reader = Reader::new(payload);
    let mut frames = Vec::new();
    while let Ok(kind) = reader.bytes(1) {
        match kind[0] {
            0 | 1 => {}
            2 => {
                let (_largest, _delay, ranges) =
                    (reader.varint()?, reader.varint()?, reader.varint()?);
                // The first range, then a gap and a range each.
                for _ in 0..=2 * ranges {
                    reader.varint()?;
                }
            }
            6 => {
                let (offset, length) = (reader.varint()?, reader.varint()?);
                let data = reader.bytes(usize::try_from(length)?)?.to_vec();
                frames.push(Frame::Crypto(offset, data));
            }
            0x1d => {
                let (_code, length) = (reader.varint()?, reader.varint()?);
                reader.bytes(usize::try_from(length)?)?;
                frames.push(Frame::Close);
            }
            HANDSHAKE_DONE => frames.push(Frame::HandshakeDone),
            other => bail!("a frame of type {other:#x}"),
        }
    }
    Ok(frames)
}

/// Reads from the front.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How much was read.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).context("too long")?;
        let bytes = self.bytes.get(self.at..end).context("cut short")?;
        self.at = end;
        Ok(bytes)
    }

    /// A number of one to eight bytes (RFC 9000, 16).
    pub(crate) fn varint(&mut self) -> Result<u64> {
        let first = self.bytes(1)?[0];
        let rest = self.bytes((1 << (first >> 6)) - 1)?;
        let start = u64::from(first & 0x3f);
        Ok(rest.iter().fold(start, |number, byte| number << 8 | u64::from(*byte)))
    }
}
