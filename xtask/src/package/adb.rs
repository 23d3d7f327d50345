//! The container of apk 3 (apk-v3(5)): values, each a word with four bits of type and 28 bits of value
//! or offset, and blocks that hold them.

use std::collections::BTreeMap;

/// Types of values.
const INT: u32 = 0x1000_0000;
const INT_32: u32 = 0x2000_0000;
const BLOB_8: u32 = 0x8000_0000;
const BLOB_16: u32 = 0x9000_0000;
const BLOB_32: u32 = 0xa000_0000;
const ARRAY: u32 = 0xd000_0000;
const OBJECT: u32 = 0xe000_0000;
/// The bits that are not the type.
const VALUE: u32 = 0x0fff_ffff;

/// Types of blocks, and to what their beginnings are aligned.
const BLOCK_ADB: u32 = 0;
const BLOCK_DATA: u32 = 2;
const ALIGNMENT: usize = 8;

/// What a file begins with: the mark, and the kind of what it holds ("pckg").
const MAGIC: &[u8; 8] = b"ADB.pckg";

/// The version of the format and the root.
const HEADER_BYTES: usize = 8;

/// A value, as it stands in objects and arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Value(u32);

/// Values under construction.
#[derive(Debug)]
pub(super) struct Adb {
    bytes: Vec<u8>,
    /// What is there already needs not be there twice.
    known: BTreeMap<(usize, Vec<u8>), u32>,
}

impl Adb {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; HEADER_BYTES], known: BTreeMap::new() }
    }

    pub(super) fn int(&mut self, number: u32) -> Value {
        if number <= VALUE {
            return Value(INT | number);
        }
        let at = self.put(4, number.to_le_bytes().to_vec());
        Value(INT_32 | at)
    }

    /// Bytes, or nothing if there are none.
    pub(super) fn blob(&mut self, content: &[u8]) -> Value {
        let length = content.len();
        let (kind, alignment, mut bytes) = if let Ok(length) = u8::try_from(length) {
            (BLOB_8, 1, vec![length])
        } else if let Ok(length) = u16::try_from(length) {
            (BLOB_16, 2, length.to_le_bytes().to_vec())
        } else {
            (BLOB_32, 4, word(length).to_le_bytes().to_vec())
        };
        if length == 0 {
            return Value::default();
        }
        bytes.extend_from_slice(content);
        Value(kind | self.put(alignment, bytes))
    }

    pub(super) fn text(&mut self, text: &str) -> Value {
        self.blob(text.as_bytes())
    }

    /// Fields by their numbers, of which the first is 1. Trailing ones that are nothing are left out.
    pub(super) fn object(&mut self, fields: &[Value]) -> Value {
        self.slots(OBJECT, fields)
    }

    pub(super) fn array(&mut self, items: &[Value]) -> Value {
        self.slots(ARRAY, items)
    }

    fn slots(&mut self, kind: u32, values: &[Value]) -> Value {
        let last = values.iter().rposition(|value| *value != Value::default());
        let Some(last) = last else { return Value::default() };
        // The first slot is the number of slots.
        let mut bytes = word(last + 2).to_le_bytes().to_vec();
        for value in values.iter().take(last + 1) {
            bytes.extend_from_slice(&value.0.to_le_bytes());
        }
        Value(kind | self.put(4, bytes))
    }

    fn put(&mut self, alignment: usize, bytes: Vec<u8>) -> u32 {
        if let Some(at) = self.known.get(&(alignment, bytes.clone())) {
            return *at;
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(alignment), 0);
        let at = word(self.bytes.len());
        self.bytes.extend_from_slice(&bytes);
        self.known.insert((alignment, bytes), at);
        at
    }

    /// The bytes, with the value that all begins with.
    pub(super) fn finish(mut self, root: Value) -> Vec<u8> {
        if let Some(place) = self.bytes.get_mut(4..HEADER_BYTES) {
            place.copy_from_slice(&root.0.to_le_bytes());
        }
        self.bytes
    }
}

/// A whole file, not yet compressed: the values, and the content of files, each with the numbers of its
/// folder and of itself therein, from 1.
pub(super) fn package(values: &[u8], files: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    block(&mut bytes, BLOCK_ADB, &[values]);
    for (folder, file, content) in files {
        block(&mut bytes, BLOCK_DATA, &[&folder.to_le_bytes(), &file.to_le_bytes(), content]);
    }
    bytes
}

/// Its length counts the word that says it, and not what fills it up.
fn block(bytes: &mut Vec<u8>, kind: u32, parts: &[&[u8]]) {
    let length: usize = 4 + parts.iter().map(|part| part.len()).sum::<usize>();
    bytes.extend_from_slice(&(kind << 30 | word(length)).to_le_bytes());
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
}

/// Sizes here are those of a program for a router, far below the format's 2^28.
fn word(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
