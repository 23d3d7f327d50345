//! Names as numbers: SipHash-2-4 (Aumasson and Bernstein, 2012) with a key of this device's own, so
//! that nobody can choose a name that is taken for another.

/// The key of this device's hashes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Salt {
    low: u64,
    high: u64,
}

/// Hashes of a name are of no use without the key, so it is shown nowhere.
impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt")
    }
}

impl Salt {
    pub(super) fn new(bytes: [u8; 16]) -> Self {
        let key = u128::from_le_bytes(bytes);
        let word = |shift: u32| u64::try_from((key >> shift) & u128::from(u64::MAX)).unwrap_or(0);
        Self { low: word(0), high: word(64) }
    }

    pub(super) fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.low) | (u128::from(self.high) << 64)).to_le_bytes()
    }

    /// The hash of some texts, one after the other; where one ends counts.
    pub(super) fn hash(self, texts: &[&str]) -> u64 {
        let mut bytes = Vec::with_capacity(64);
        for text in texts {
            bytes.extend_from_slice(text.as_bytes());
            // No UTF-8 text holds this byte.
            bytes.push(0xff);
        }
        self.sip(&bytes)
    }

    /// The same, in half the bits.
    pub(super) fn short(self, texts: &[&str]) -> u32 {
        u32::try_from(self.hash(texts) >> 32).unwrap_or(0)
    }

    fn sip(self, bytes: &[u8]) -> u64 {
        let mut v = [
            self.low ^ 0x736f_6d65_7073_6575,
            self.high ^ 0x646f_7261_6e64_6f6d,
            self.low ^ 0x6c79_6765_6e65_7261,
            self.high ^ 0x7465_6462_7974_6573,
        ];
        let (words, rest) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let length = (bytes.len() as u64) << 56;
        let last = u64::from_le_bytes(last) | length;
        for word in words.iter().map(|word| u64::from_le_bytes(*word)).chain([last]) {
            v[3] ^= word;
            round(&mut v);
            round(&mut v);
            v[0] ^= word;
        }
        v[2] ^= 0xff;
        (0..4).for_each(|_| round(&mut v));
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the paper (appendix A) and of the reference code (`vectors.h`).
    #[test]
    fn hashes_are_the_published_ones() {
        let key: [u8; 16] = std::array::from_fn(|at| u8::try_from(at).unwrap_or(0));
        let salt = Salt::new(key);
        let input: Vec<u8> = (0..15).collect();
        assert_eq!(salt.sip(&input), 0xa129_ca61_49be_45e5);
        assert_eq!(salt.sip(&[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(salt.to_bytes(), key);
    }

    #[test]
    fn where_a_text_ends_counts() {
        let salt = Salt::new([7; 16]);
        assert_ne!(salt.hash(&["ab", "c"]), salt.hash(&["a", "bc"]));
        assert_ne!(salt.hash(&["a"]), salt.hash(&["a", ""]));
        assert_ne!(salt.hash(&["a"]), Salt::new([8; 16]).hash(&["a"]));
    }
}
