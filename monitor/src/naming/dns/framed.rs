//! Messages of a TCP stream.

use super::{DnsError, Message, message, wire};

/// Reads the messages of a stream that are whole; each has its length in two bytes before it (RFC 1035,
/// 4.2.2).
pub const fn framed(stream: &[u8]) -> Framed<'_> {
    Framed { stream, consumed: 0 }
}

/// The messages of a stream, one after the other.
#[derive(Clone, Debug)]
pub struct Framed<'a> {
    stream: &'a [u8],
    consumed: usize,
}

impl Framed<'_> {
    /// Bytes of the stream that were read, lengths included. What follows is the begin of a message, at most
    /// 65,536 bytes once the iterator has ended.
    pub const fn consumed(&self) -> usize {
        self.consumed
    }
}

impl Iterator for Framed<'_> {
    type Item = Result<Message, DnsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.stream.get(self.consumed..)?;
        let end = 2 + usize::from(wire::u16_at(rest, 0)?);
        let whole = rest.get(2..end)?;
        self.consumed += end;
        Some(message(whole))
    }
}
