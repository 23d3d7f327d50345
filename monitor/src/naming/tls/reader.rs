//! A checked view of a message whose end may not have been captured.

use super::TlsError;

/// What is left of a message or of a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// What was captured of it.
    bytes: &'a [u8],
    /// Bytes that it has; never less than were captured.
    length: usize,
}

impl<'a> Reader<'a> {
    /// A view of the first `length` bytes, or of as many as there are.
    pub(super) fn new(bytes: &'a [u8], length: usize) -> Self {
        Self { bytes: bytes.get(..length).unwrap_or(bytes), length }
    }

    /// Whether nothing is left, captured or not.
    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes that are left, captured or not.
    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// Takes the next `count` bytes as a view of their own, which may lack its end.
    pub(super) fn part(&mut self, count: usize) -> Result<Self, TlsError> {
        let length = self.length.checked_sub(count).ok_or(TlsError::Malformed)?;
        let part = Self::new(self.bytes, count);
        *self = Self { bytes: self.bytes.get(count..).unwrap_or_default(), length };
        Ok(part)
    }

    /// All that is left, if it was captured.
    pub(super) fn whole(self) -> Result<&'a [u8], TlsError> {
        if self.bytes.len() == self.length { Ok(self.bytes) } else { Err(TlsError::Incomplete) }
    }

    /// Takes the next `count` bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], TlsError> {
        self.part(count)?.whole()
    }

    /// Takes a number of one byte.
    pub(super) fn u8(&mut self) -> Result<u8, TlsError> {
        self.bytes(1)?.first().copied().ok_or(TlsError::Incomplete)
    }

    /// Takes a number of two bytes.
    pub(super) fn u16(&mut self) -> Result<u16, TlsError> {
        let bytes = self.bytes(2)?.first_chunk().ok_or(TlsError::Incomplete)?;
        Ok(u16::from_be_bytes(*bytes))
    }

    /// Takes a vector that its length in one byte precedes (RFC 8446, 3.4).
    pub(super) fn vector8(&mut self) -> Result<Self, TlsError> {
        let count = self.u8()?;
        self.part(usize::from(count))
    }

    /// Takes a vector that its length in two bytes precedes.
    pub(super) fn vector16(&mut self) -> Result<Self, TlsError> {
        let count = self.u16()?;
        self.part(usize::from(count))
    }
}
