//! Digits that nobody else would choose, the same in every run (xorshift).

use std::fmt::Write as _;

/// The numbers.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u32) -> Self {
        Self(0x5eed_0000_0000 | seed as u64)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// So many hexadecimal digits.
    pub(crate) fn digits(&mut self, count: usize) -> String {
        let mut digits = String::with_capacity(count + 16);
        while digits.len() < count {
            let _ = write!(digits, "{:016x}", self.next());
        }
        digits.truncate(count);
        digits
    }
}
