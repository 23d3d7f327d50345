//! The beginning of a TCP stream, put together from samples.

use std::fmt;

/// The beginning of a stream.
#[derive(Clone, Default)]
pub(super) struct Stream {
    /// Sequence number of the first byte.
    start: u32,
    bytes: Vec<u8>,
}

/// Why a sample cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// Bytes before it are missing: a sample was lost.
    Missing,
    /// There would be more than the bound.
    TooLong,
}

impl Stream {
    /// A stream that begins with this sequence number.
    pub(super) const fn new(start: u32) -> Self {
        Self { start, bytes: Vec::new() }
    }

    /// What there is of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds what was sampled at a sequence number. What is there already, as a retransmission is, adds
    /// nothing. Sequence numbers wrap around (RFC 9293, 3.4).
    pub(super) fn add(&mut self, sequence: u32, payload: &[u8], most: usize) -> Result<(), Gap> {
        let at = sequence.wrapping_sub(self.start);
        // A number before the start is a large distance.
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let before = usize::try_from(self.start.wrapping_sub(sequence)).unwrap_or(usize::MAX);
        let new = if at <= self.bytes.len() {
            payload.get(self.bytes.len() - at..)
        } else if before < payload.len() {
            payload.get(before.saturating_add(self.bytes.len())..)
        } else if before < usize::from(u16::MAX) {
            None
        } else {
            return Err(Gap::Missing);
        };
        let new = new.unwrap_or_default();
        if self.bytes.len() + new.len() > most {
            return Err(Gap::TooLong);
        }
        self.bytes.extend_from_slice(new);
        Ok(())
    }

    /// Drops bytes that were understood.
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.bytes.len());
        self.bytes.drain(..count);
        self.start = self.start.wrapping_add(u32::try_from(count).unwrap_or(u32::MAX));
    }
}

/// The bytes are nobody's to print.
impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(start: u32, samples: &[(u32, &[u8])]) -> Result<Vec<u8>, Gap> {
        let mut stream = Stream::new(start);
        for (sequence, payload) in samples {
            stream.add(*sequence, payload, 16)?;
        }
        Ok(stream.bytes().to_vec())
    }

    #[test]
    fn samples_are_put_together_across_the_wrap() {
        let start = u32::MAX - 1;
        assert_eq!(added(start, &[(start, b"abc"), (1, b"de")]), Ok(b"abcde".to_vec()));
    }

    #[test]
    fn what_is_there_adds_nothing() {
        let samples: [(u32, &[u8]); 4] = [(10, b"abcd"), (10, b"abcd"), (12, b"cdef"), (11, b"b")];
        assert_eq!(added(10, &samples), Ok(b"abcdef".to_vec()));
        assert_eq!(added(10, &[(10, b"ab"), (8, b"xx"), (12, b"c")]), Ok(b"abc".to_vec()));
        assert_eq!(added(10, &[(10, b"ab"), (9, b"xabc")]), Ok(b"abc".to_vec()));
    }

    #[test]
    fn a_gap_and_too_much_are_errors() {
        assert_eq!(added(0, &[(0, b"ab"), (3, b"d")]), Err(Gap::Missing));
        assert_eq!(added(0, &[(0, b"0123456789"), (10, b"0123456")]), Err(Gap::TooLong));
    }

    #[test]
    fn what_was_understood_is_dropped() {
        let mut stream = Stream::new(5);
        stream.add(5, b"abcdef", 16).unwrap_or_else(|gap| unreachable!("{gap:?}"));
        stream.consume(4);
        assert_eq!(stream.bytes(), b"ef");
        assert_eq!(stream.add(11, b"g", 16), Ok(()));
        assert_eq!(stream.bytes(), b"efg");
    }
}
