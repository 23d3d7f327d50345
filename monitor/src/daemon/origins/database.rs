//! A database file in the MaxMind DB format (maxmind.github.io/MaxMind-DB, version 2.0): a binary tree of
//! networks, what is said of them, and metadata at the end.
//!
//! The file stays a file: an answer takes some reads of a few bytes, which the kernel has in its cache, and
//! the agent keeps none of the megabytes. It is not mapped either: who replaces a mapped file in place
//! ends the agent (`SIGBUS`).

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;

use super::values::Values;

/// What the metadata begins with; it is looked for in the last [`METADATA_BYTES_MAX`] bytes.
const MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// Bytes of the longest metadata there may be.
const METADATA_BYTES_MAX: u64 = 128 << 10;

/// Zero bytes between the tree and what is said of its networks.
const SEPARATOR_BYTES: u64 = 16;

/// Bits of the longest address, and so the most nodes on the way to what is said of one.
const ADDRESS_BITS: usize = 128;

/// A database whose metadata was understood.
#[derive(Debug)]
pub(super) struct Database {
    file: File,
    kind: String,
    /// Nodes of the tree. A record above this leads to what is said.
    nodes: u32,
    /// Bits of a record: 24, 28 or 32. A node has two.
    record_bits: u8,
    /// Whether the tree is over the bits of IPv6 addresses, in which those of IPv4 come after 96 zeros.
    is_v6: bool,
    /// The node at which IPv4 addresses begin.
    v4: Next,
}

/// What is said of a network.
pub(super) struct Record<'a> {
    database: &'a Database,
    /// Where it is in the data section.
    at: u64,
}

/// Where a record of the tree leads.
#[derive(Clone, Copy, Debug)]
enum Next {
    Node(u32),
    Nowhere,
    Data(u64),
}

impl Database {
    /// Reads the metadata of a file. `None` when it is no database, or not a whole one.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub(super) fn open(file: File) -> io::Result<Option<Self>> {
        let length = file.metadata()?.len();
        let tail_bytes = length.min(METADATA_BYTES_MAX);
        let mut tail = vec![0; usize::try_from(tail_bytes).unwrap_or_default()];
        file.read_exact_at(&mut tail, length - tail_bytes)?;
        let Some(from_end) = tail.windows(MARK.len()).rev().position(|part| part == MARK) else {
            return Ok(None);
        };
        let metadata = length - u64::try_from(from_end).unwrap_or_default();
        Ok(Self::described(file, metadata))
    }

    fn described(file: File, metadata: u64) -> Option<Self> {
        let mut values = Values::new(&file, metadata);
        let major = values.number(0, &["binary_format_major_version"])?;
        let ip_version = values.number(0, &["ip_version"])?;
        let nodes = values.number(0, &["node_count"])?;
        let record_bits = values.number(0, &["record_size"])?;
        let kind = values.text(0, &["database_type"])?;
        let is_known =
            major == 2 && matches!(ip_version, 4 | 6) && matches!(record_bits, 24 | 28 | 32);
        let record_bits = u8::try_from(record_bits).ok().filter(|_| is_known)?;
        let nodes = u32::try_from(nodes).ok()?;
        let is_v6 = ip_version == 6;
        let mut database = Self { file, kind, nodes, record_bits, is_v6, v4: Next::Nowhere };
        let end = metadata.checked_sub(u64::try_from(MARK.len()).ok()?)?;
        if database.data() > end {
            return None;
        }
        database.v4 =
            database.walk(database.root(), std::iter::repeat_n(false, if is_v6 { 96 } else { 0 }));
        Some(database)
    }

    /// What it says it is.
    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    /// What is said of an address, if anything.
    pub(super) fn look_up(&self, address: IpAddr) -> Option<Record<'_>> {
        let next = match address {
            IpAddr::V4(v4) => self.walk(self.v4, bits(u128::from(v4.to_bits()) << 96, 32)),
            IpAddr::V6(v6) if self.is_v6 => self.walk(self.root(), bits(v6.to_bits(), 128)),
            IpAddr::V6(_) => return None,
        };
        self.record(next)
    }

    /// Whether any of the first networks, at most so many, is as asked.
    pub(super) fn any(&self, at_most: usize, is_it: impl Fn(&Record<'_>) -> bool) -> bool {
        let mut ahead = vec![self.root()];
        let mut seen = 0;
        // A tree that refers to itself ends, too.
        for _ in 0..at_most.saturating_mul(ADDRESS_BITS) {
            let Some(next) = ahead.pop().filter(|_| seen < at_most) else { break };
            if let Next::Node(node) = next {
                ahead.extend([true, false].map(|side| self.follow(node, side)));
            }
            if let Some(record) = self.record(next) {
                seen += 1;
                if is_it(&record) {
                    return true;
                }
            }
        }
        false
    }

    fn root(&self) -> Next {
        self.next(0)
    }

    /// Where the data section begins.
    fn data(&self) -> u64 {
        u64::from(self.nodes) * self.node_bytes() + SEPARATOR_BYTES
    }

    fn node_bytes(&self) -> u64 {
        u64::from(self.record_bits) / 4
    }

    fn record(&self, next: Next) -> Option<Record<'_>> {
        let Next::Data(at) = next else { return None };
        Some(Record { database: self, at })
    }

    fn walk(&self, from: Next, bits: impl Iterator<Item = bool>) -> Next {
        let mut next = from;
        for side in bits {
            let Next::Node(node) = next else { break };
            next = self.follow(node, side);
        }
        next
    }

    fn follow(&self, node: u32, side: bool) -> Next {
        let mut bytes = [0; 8];
        let width = usize::from(self.record_bits / 4);
        let at = u64::from(node) * self.node_bytes();
        let read = bytes.get_mut(8 - width..).map(|part| self.file.read_exact_at(part, at));
        let Some(Ok(())) = read else { return Next::Nowhere };
        let [left, right] = records(self.record_bits, u64::from_be_bytes(bytes));
        self.next(if side { right } else { left })
    }

    fn next(&self, value: u64) -> Next {
        let nodes = u64::from(self.nodes);
        match u32::try_from(value) {
            Ok(node) if value < nodes => Next::Node(node),
            _ => value.checked_sub(nodes + SEPARATOR_BYTES).map_or(Next::Nowhere, Next::Data),
        }
    }
}

impl Record<'_> {
    /// The text at a place in maps of maps.
    pub(super) fn text(&self, place: &[&str]) -> Option<String> {
        self.values().text(self.at, place)
    }

    /// The number there.
    pub(super) fn number(&self, place: &[&str]) -> Option<u64> {
        self.values().number(self.at, place)
    }

    fn values(&self) -> Values<'_> {
        Values::new(&self.database.file, self.database.data())
    }
}

/// The records of a node, which is the end of these bytes.
fn records(bits: u8, node: u64) -> [u64; 2] {
    match bits {
        // The highest four bits of both are in the byte between them.
        28 => [node >> 32 | (node >> 28 & 0xf) << 24, node & 0x0fff_ffff],
        bits => [node >> bits, node & !(u64::MAX << bits)],
    }
}

/// The first bits, the highest first.
fn bits(address: u128, count: u32) -> impl Iterator<Item = bool> {
    (0..count).map(move |depth| address >> (127 - depth) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::records;

    /// "Node Layout".
    #[test]
    fn records_of_a_node_are_told_apart() {
        assert_eq!(records(24, 0x1234_5678_9abc), [0x12_3456, 0x78_9abc]);
        assert_eq!(records(28, 0x12_3456_789a_bcde), [0x712_3456, 0x89a_bcde]);
        assert_eq!(records(32, 0x1234_5678_9abc_def0), [0x1234_5678, 0x9abc_def0]);
    }
}
