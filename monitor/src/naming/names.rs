//! A set of host names in few bytes, with a small number for each.
//!
//! Names that end alike stand side by side when they are sorted from their last letter on, and each
//! then needs to say only how much of the one before it it keeps. Sixteen make a block, so that a name
//! is found by halving the blocks and reading one of them. `build/names.rs` writes the bytes.

/// The bytes of a table:
///
/// ```text
/// u16 blocks | u8 labels of the longest name | u8 bytes of a value, 1 or 2
/// u32 for each block: where it begins, from the start of the table
/// names: u8 letters kept of the name before | u8 letters that follow | the value | the letters
/// ```
///
/// Letters are in reverse; numbers have their lowest byte first. The first name of a block keeps
/// nothing. Whatever the bytes are, reading them ends, and ends without a panic.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameTable {
    bytes: &'static [u8],
}

/// A name as it is written in the table.
struct Written {
    kept: usize,
    letters: &'static [u8],
    value: u16,
}

const HEAD_BYTES: usize = 4;
const OFFSET_BYTES: usize = 4;

impl NameTable {
    pub(super) const fn new(bytes: &'static [u8]) -> Self {
        Self { bytes }
    }

    /// What the table says of the longest ending of `host` that it has, with that ending: the host
    /// itself, or what remains as labels are taken off.
    pub(super) fn longest_ending<'a>(&self, host: &'a str) -> Option<(&'a str, u16)> {
        self.endings(host).next()
    }

    /// The endings of `host` that the table has, the longest first.
    pub(super) fn endings<'a>(&self, host: &'a str) -> impl Iterator<Item = (&'a str, u16)> {
        let labels_max = usize::from(self.bytes.get(2).copied().unwrap_or_default());
        let labels = 1 + host.bytes().filter(|byte| *byte == b'.').count();
        let all = std::iter::successors(Some(host), |name| Some(name.split_once('.')?.1));
        let few = all.skip(labels.saturating_sub(labels_max));
        let table = *self;
        few.filter_map(move |name| table.value(name).map(|value| (name, value)))
    }

    /// The value of a name, if the table has it.
    pub(super) fn value(&self, name: &str) -> Option<u16> {
        let name = name.as_bytes();
        // The last block whose first name does not come after this one.
        let (mut low, mut high) = (0, self.blocks());
        while low < high {
            let middle = low.midpoint(high);
            let (first, _) = self.written(self.block(middle)?)?;
            if first.letters.iter().le(name.iter().rev()) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let block = low.checked_sub(1)?;
        let end = self.block(low).unwrap_or(self.bytes.len());
        self.value_in(self.block(block)?, end, name)
    }

    /// Looks for a name in a block.
    fn value_in(&self, mut at: usize, end: usize, name: &[u8]) -> Option<u16> {
        // How many letters the name has in common with the one just read.
        let mut common = 0;
        while at < end {
            let (written, next) = self.written(at)?;
            if written.kept < common {
                // It parts from the one before earlier than the name does: it comes after the name.
                return None;
            }
            if written.kept == common {
                let wanted = name.iter().rev().skip(common);
                common += written.letters.iter().zip(wanted).take_while(|(a, b)| a == b).count();
                if common == name.len() && common == written.kept + written.letters.len() {
                    return Some(written.value);
                }
            }
            at = next;
        }
        None
    }

    fn blocks(&self) -> usize {
        let count = self.bytes.first_chunk().map_or(0, |count| u16::from_le_bytes(*count));
        usize::from(count)
    }

    /// Where a block begins.
    fn block(&self, index: usize) -> Option<usize> {
        if index >= self.blocks() {
            return None;
        }
        let at = self.bytes.get(HEAD_BYTES + OFFSET_BYTES * index..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*at)).ok()
    }

    /// The name that is written at a place, and where the next one is.
    fn written(&self, at: usize) -> Option<(Written, usize)> {
        let ([kept, length], rest) = self.bytes.get(at..)?.split_first_chunk()?;
        let width = usize::from(self.bytes.get(3).copied().unwrap_or_default());
        let (value, rest) = rest.split_at_checked(width)?;
        let value = value.iter().rev().fold(0, |sum, byte| sum << 8 | u16::from(*byte));
        let letters = rest.get(..usize::from(*length))?;
        let next = at + 2 + width + letters.len();
        Some((Written { kept: usize::from(*kept), letters, value }, next))
    }
}

#[cfg(test)]
#[path = "../../build/names.rs"]
mod writer;

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn table(names: &BTreeMap<String, u16>) -> NameTable {
        NameTable::new(writer::table(names).expect("few short names").leak())
    }

    #[test]
    fn the_longest_ending_is_found() {
        let names = [("example", 1), ("co.example", 2), ("w.co.example", 300), ("w.example", 4)];
        let table = table(&names.map(|(name, value)| (name.to_owned(), value)).into());
        let longest = |host| table.longest_ending(host);
        assert_eq!(longest("www.example"), Some(("example", 1)));
        assert_eq!(longest("a.w.co.example"), Some(("w.co.example", 300)));
        assert_eq!(longest("xw.co.example"), Some(("co.example", 2)), "labels, not letters");
        assert_eq!(longest("w.example"), Some(("w.example", 4)));
        assert_eq!(longest("xample"), None);
        assert_eq!(longest(""), None);
        let endings: Vec<_> = table.endings("a.w.co.example").map(|(_, value)| value).collect();
        assert_eq!(endings, [300, 2, 1]);
    }

    #[test]
    fn a_table_may_be_empty_or_cut_off() {
        assert_eq!(table(&BTreeMap::new()).value("example"), None);
        let names = (0..100).map(|index| (format!("n{index}.example"), index)).collect();
        let whole = writer::table(&names).expect("few short names").leak();
        for length in 0..whole.len() {
            let table = NameTable::new(whole.get(..length).expect("shorter"));
            for name in names.keys() {
                table.longest_ending(name);
            }
        }
    }

    proptest! {
        #[test]
        fn a_table_is_the_map_that_it_was_made_from(
            names in proptest::collection::btree_map("[a-c]{1,2}(\\.[a-c]{1,2}){0,4}", any::<u16>(), 0..200),
            others in proptest::collection::vec("[a-c.]{0,12}", 50),
        ) {
            let table = table(&names);
            for name in names.keys().chain(&others) {
                prop_assert_eq!(table.value(name), names.get(name).copied());
            }
        }

        #[test]
        fn any_bytes_can_be_read(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            host in "[a-c]{1,3}(\\.[a-c]{1,3}){0,4}",
        ) {
            NameTable::new(bytes.leak()).longest_ending(&host);
        }
    }
}
