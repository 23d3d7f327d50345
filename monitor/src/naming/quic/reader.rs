//! Fields of QUIC packets and frames (RFC 9000, 16).

/// Takes fields off the front of bytes. `None` when they are too few.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What is left.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Takes bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Takes a number of one byte.
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    /// Takes a number of four bytes.
    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(*self.bytes(4)?.first_chunk()?))
    }

    /// Takes a number of one, two, four or eight bytes, as its first two bits say. Below 2^62.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let first = self.0.first()?;
        let bytes = self.bytes(1 << (first >> 6))?;
        let value = bytes.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        Some(value & (u64::MAX >> 2 >> (64 - 8 * bytes.len())))
    }

    /// Takes as many bytes as the number before them says.
    pub(super) fn vector(&mut self) -> Option<&'a [u8]> {
        let count = self.varint()?;
        self.bytes(usize::try_from(count).ok()?)
    }

    /// Takes all bytes of one value at the front.
    pub(super) fn skip_all(&mut self, value: u8) {
        let count = self.0.iter().take_while(|byte| **byte == value).count();
        self.0 = self.0.get(count..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9000, A.1.
    #[test]
    fn numbers_of_the_rfc() {
        let cases: [(&[u8], u64); 5] = [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
        ];
        for (bytes, value) in cases {
            let mut reader = Reader::new(bytes);
            assert_eq!(reader.varint(), Some(value), "{bytes:x?}");
            assert!(reader.rest().is_empty());
            assert_eq!(Reader::new(&bytes[..bytes.len() - 1]).varint(), None, "{bytes:x?}");
        }
        assert_eq!(Reader::new(&[0xff; 8]).varint(), Some((1 << 62) - 1));
    }
}
