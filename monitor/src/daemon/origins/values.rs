//! The values of a database file: text, numbers, and maps of them ("Data Section" of the MaxMind DB format,
//! version 2.0).
//!
//! A file is whatever somebody downloaded. Every step of reading is counted, and nothing recurses, so a
//! file that refers to itself ends like one that tells nothing.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes that are read at a time. Most of what is said of a network fits.
const WINDOW_BYTES: usize = 512;

/// Values that are looked at for one answer. The longest ones published have about two hundred.
const STEPS_MAX: u32 = 1_024;

/// Bytes of the longest text that is wanted. The longest names of organisations have about a hundred.
const TEXT_BYTES_MAX: usize = 512;

/// The types of values that matter here, by their numbers in the format.
const POINTER: u8 = 1;
const TEXT: u8 = 2;
const U16: u8 = 5;
const U32: u8 = 6;
const MAP: u8 = 7;
const U64: u8 = 9;
const LIST: u8 = 11;
const BOOLEAN: u8 = 14;

/// Reads values of one section of a file.
pub(super) struct Values<'a> {
    file: &'a File,
    /// Where the section begins in the file. Pointers count from here.
    section: u64,
    window: [u8; WINDOW_BYTES],
    /// Where the window begins in the section, and how much of it is filled.
    begin: u64,
    filled: usize,
    steps_left: u32,
}

/// The beginning of a value.
struct Head {
    kind: u8,
    /// Bytes, or pairs of a map, or items of a list, or the value of a boolean; where a pointer leads.
    size: u64,
    /// Where what follows the beginning is in the section.
    content: u64,
}

impl<'a> Values<'a> {
    pub(super) fn new(file: &'a File, section: u64) -> Self {
        let window = [0; WINDOW_BYTES];
        Self { file, section, window, begin: 0, filled: 0, steps_left: STEPS_MAX }
    }

    /// The text at a place in maps of maps. `None` when something else is there, or nothing.
    pub(super) fn text(&mut self, at: u64, place: &[&str]) -> Option<String> {
        let head = self.find(at, place).filter(|head| head.kind == TEXT)?;
        self.string(&head)
    }

    /// The number there that has no sign and at most 64 bits.
    pub(super) fn number(&mut self, at: u64, place: &[&str]) -> Option<u64> {
        let head = self.find(at, place)?;
        let is_number =
            matches!((head.kind, head.size), (U16, 0..=2) | (U32, 0..=4) | (U64, 0..=8));
        is_number.then_some(())?;
        self.big_endian(head.content, head.size)
    }

    fn find(&mut self, at: u64, place: &[&str]) -> Option<Head> {
        let mut found = self.resolved(at)?;
        for key in place {
            if found.kind != MAP {
                return None;
            }
            let value = self.value_of(&found, key)?;
            found = self.resolved(value)?;
        }
        Some(found)
    }

    /// Where in a map the value of a key is.
    fn value_of(&mut self, map: &Head, key: &str) -> Option<u64> {
        let mut at = map.content;
        for _ in 0..map.size {
            let head = self.resolved(at)?;
            let is_it = head.kind == TEXT && self.string(&head).as_deref() == Some(key);
            let value = self.after(at)?;
            if is_it {
                return Some(value);
            }
            at = self.after(value)?;
        }
        None
    }

    /// Where the value after this one begins.
    fn after(&mut self, mut at: u64) -> Option<u64> {
        let mut values: u64 = 1;
        while values > 0 {
            values -= 1;
            let head = self.head(at)?;
            let (bytes, inside) = match head.kind {
                POINTER | BOOLEAN => (0, 0),
                MAP => (0, head.size.checked_mul(2)?),
                LIST => (0, head.size),
                _ => (head.size, 0),
            };
            at = head.content.checked_add(bytes)?;
            values = values.checked_add(inside)?;
        }
        Some(at)
    }

    /// The beginning of the value here, or of the one that a pointer here leads to.
    fn resolved(&mut self, at: u64) -> Option<Head> {
        let head = self.head(at)?;
        if head.kind != POINTER {
            return Some(head);
        }
        // A pointer to a pointer is not allowed.
        self.head(head.size).filter(|head| head.kind != POINTER)
    }

    fn head(&mut self, at: u64) -> Option<Head> {
        self.steps_left = self.steps_left.checked_sub(1)?;
        let control = self.byte(at)?;
        let mut content = at.checked_add(1)?;
        let mut kind = control >> 5;
        if kind == POINTER {
            return self.pointer(control, content);
        }
        if kind == 0 {
            kind = self.byte(content)?.checked_add(7)?;
            content += 1;
        }
        let low = u64::from(control & 0x1f);
        let (bytes, least) = match low {
            29 => (1, 29),
            30 => (2, 285),
            31 => (3, 65_821),
            _ => (0, low),
        };
        let size = least + self.big_endian(content, bytes)?;
        Some(Head { kind, size, content: content + bytes })
    }

    fn pointer(&mut self, control: u8, content: u64) -> Option<Head> {
        let high = u64::from(control & 0x07);
        let (bytes, high, least) = match control >> 3 & 0x03 {
            0 => (1, high, 0),
            1 => (2, high, 2_048),
            2 => (3, high, 526_336),
            _ => (4, 0, 0),
        };
        let size = (high << (8 * bytes) | self.big_endian(content, bytes)?) + least;
        Some(Head { kind: POINTER, size, content: content + bytes })
    }

    fn string(&mut self, head: &Head) -> Option<String> {
        let size = usize::try_from(head.size).ok().filter(|size| *size <= TEXT_BYTES_MAX)?;
        let bytes: Option<Vec<u8>> = (head.content..).take(size).map(|at| self.byte(at)).collect();
        String::from_utf8(bytes?).ok()
    }

    /// A number of at most eight bytes.
    fn big_endian(&mut self, at: u64, bytes: u64) -> Option<u64> {
        (at..)
            .take(usize::try_from(bytes).ok()?)
            .try_fold(0, |number, at| self.byte(at).map(|byte| number << 8 | u64::from(byte)))
    }

    fn byte(&mut self, at: u64) -> Option<u8> {
        let within = |begin: u64| usize::try_from(at.checked_sub(begin)?).ok();
        if let Some(index) = within(self.begin).filter(|index| *index < self.filled) {
            return self.window.get(index).copied();
        }
        let in_file = self.section.checked_add(at)?;
        self.filled = self.file.read_at(&mut self.window, in_file).ok()?;
        self.begin = at;
        self.window.first().copied().filter(|_| self.filled > 0)
    }
}
