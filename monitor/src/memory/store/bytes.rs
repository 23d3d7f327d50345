//! Integers, texts and lists as bytes.

/// Bytes of the longest text that is read.
const TEXT_MAX: usize = 1_024;

/// Writes values one after the other.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn flag(&mut self, value: bool) {
        self.byte(value.into());
    }

    /// An integer as LEB128: seven bits a byte, lowest first, the eighth says that more follow.
    pub(super) fn number(&mut self, value: impl Into<u64>) {
        let mut value = value.into();
        while value >= 0x80 {
            self.byte(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
            value >>= 7;
        }
        self.byte(u8::try_from(value).unwrap_or(0));
    }

    /// A length.
    pub(super) fn length(&mut self, value: usize) {
        self.number(value as u64);
    }

    /// An integer with its sign in the lowest bit.
    pub(super) fn signed(&mut self, value: i64) {
        self.number((value.unsigned_abs() << 1) | u64::from(value < 0));
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.length(text.len());
        self.raw(text.as_bytes());
    }
}

/// Reads them back. `None` is the answer to everything that was not written so.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn long(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// An integer that fits its type.
    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.long()?.try_into().ok()
    }

    /// A length of something whose elements take at least a byte each.
    pub(super) fn length(&mut self) -> Option<usize> {
        self.number().filter(|length| *length <= self.rest.len())
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let value = self.long()?;
        let magnitude = i64::try_from(value >> 1).ok()?;
        Some(if value & 1 == 1 { -magnitude } else { magnitude })
    }

    pub(super) fn raw<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*first)
    }

    pub(super) fn text(&mut self) -> Option<Box<str>> {
        let length = self.length().filter(|length| *length <= TEXT_MAX)?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok().map(Into::into)
    }

    /// A list, each element read by `read`.
    pub(super) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let length = self.length()?;
        (0..length).map(|_| read(self)).collect()
    }
}

/// CRC-32 as in IEEE 802.3 and gzip, of some bytes one after the other.
pub(super) fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc >>= 1;
            if low == 1 {
                crc ^= 0xedb8_8320;
            }
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of CRC algorithms, and of `printf sortie | gzip`.
    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc32(&[b"123456789"]), 0xcbf4_3926);
        assert_eq!(crc32(&[b"1234", b"", b"56789"]), 0xcbf4_3926);
        assert_eq!(crc32(&[]), 0);
    }

    /// The examples of the DWARF 4 specification, figure 22.
    #[test]
    fn integers_are_leb128() {
        for (value, bytes) in
            [(2_u64, &[2][..]), (127, &[127]), (128, &[0x80, 1]), (12_857, &[0xb9, 0x64])]
        {
            let mut writer = Writer::default();
            writer.number(value);
            assert_eq!(writer.into_bytes(), bytes);
            assert_eq!(Reader::new(bytes).number(), Some(value));
        }
        assert_eq!(Reader::new(&[0xff; 10]).number::<u64>(), None, "more than 64 bits");
        let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(Reader::new(&largest).number(), Some(u64::MAX));
        assert_eq!(Reader::new(&[0x80]).number::<u64>(), None, "unfinished");
    }

    #[test]
    fn signs_are_kept() {
        for value in [0, 1, -1, 1 << 40, -(1 << 40), i64::MAX >> 1] {
            let mut writer = Writer::default();
            writer.signed(value);
            assert_eq!(Reader::new(&writer.into_bytes()).signed(), Some(value));
        }
    }

    #[test]
    fn lengths_are_those_of_what_is_there() {
        assert_eq!(Reader::new(&[5, b'a']).text(), None);
        assert_eq!(Reader::new(&[1, b'a']).text().as_deref(), Some("a"));
        assert_eq!(Reader::new(&[1, 0xff]).text(), None, "not UTF-8");
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0x7f]).list(Reader::byte), None);
    }
}
