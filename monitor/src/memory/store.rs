//! The memory as bytes, and back.
//!
//! A file of its own format, not a database. All of it is in RAM anyway, it is at most some hundred
//! kilobytes, and it is written as a whole a few dozen times a day: there is nothing to query and
//! nothing to update in place. A database would write more, as it writes pages and a journal; it
//! would keep what was deleted in its free pages; and those that are well kept need a C compiler or
//! more code than the rest of the agent. Nor is the format derived from the types, as serde would:
//! then a field that moves changes the file without anybody noticing.
//!
//! ```text
//! magic, 8 bytes | version, u16 | length of the rest, u32 | CRC-32 of all but itself, u32 | the rest
//! ```
//!
//! These integers are little-endian, and the same in all versions. In the rest integers are LEB128,
//! texts and lists begin with their length, and times are differences where that is shorter.
//!
//! Reading is total: whatever the bytes are, the answer is a memory within its bounds or an error.

mod bytes;
mod parts;
mod told;

use std::fmt;

use self::bytes::{Reader, Writer, crc32};
use super::{Limits, Memory, Retention};

/// The first bytes of the file.
const MAGIC: [u8; 8] = *b"sortieM\n";
/// The version of the format.
pub const VERSION: u16 = 1;
/// Bytes before the rest.
const HEADER: usize = 18;

/// Why a file could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Not a memory of Sortie, or not all of one.
    Corrupt,
    /// Of a newer Sortie, in this version of the format.
    Newer(u16),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt => f.write_str("it is damaged"),
            Self::Newer(version) => {
                write!(f, "a newer Sortie wrote it (format {version}, this one reads {VERSION})")
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// The bytes of a memory, without the detail of full hosts.
pub fn encode(memory: &Memory) -> Vec<u8> {
    let mut writer = Writer::default();
    parts::write(&mut writer, memory.without_detail().as_ref().unwrap_or(memory));
    let rest = writer.into_bytes();
    let mut file = Vec::with_capacity(HEADER + rest.len());
    file.extend_from_slice(&MAGIC);
    file.extend_from_slice(&VERSION.to_le_bytes());
    // Bounds keep it far below 4 GB.
    file.extend_from_slice(&u32::try_from(rest.len()).unwrap_or(u32::MAX).to_le_bytes());
    let checksum = crc32(&[&file, &rest]);
    file.extend_from_slice(&checksum.to_le_bytes());
    file.extend_from_slice(&rest);
    file
}

/// The memory in some bytes, with bounds that may be others than those it was written with.
///
/// # Errors
///
/// If the bytes are not a memory, or not one of this version.
pub fn decode(file: &[u8], limits: Limits, retention: Retention) -> Result<Memory, StoreError> {
    let (fields, after) = file.split_first_chunk::<14>().ok_or(StoreError::Corrupt)?;
    let (checksum, rest) = after.split_first_chunk::<4>().ok_or(StoreError::Corrupt)?;
    let (magic, numbers) = fields.split_first_chunk::<8>().ok_or(StoreError::Corrupt)?;
    let [v0, v1, l0, l1, l2, l3] = *numbers else { return Err(StoreError::Corrupt) };
    let is_whole = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])) == Ok(rest.len());
    if *magic != MAGIC || !is_whole || crc32(&[fields, rest]) != u32::from_le_bytes(*checksum) {
        return Err(StoreError::Corrupt);
    }
    match u16::from_le_bytes([v0, v1]) {
        VERSION => {
            let mut reader = Reader::new(rest);
            let memory = parts::read(&mut reader, limits, retention);
            memory.filter(|_| reader.is_at_end()).ok_or(StoreError::Corrupt)
        }
        0 => Err(StoreError::Corrupt),
        newer => Err(StoreError::Newer(newer)),
    }
}

#[cfg(test)]
mod tests;
