//! What values the keys of the configuration take.

use std::fmt;

use super::RUNTIME_DIR_BYTES_MAX;
use super::setting::Value;

/// The values a key takes. Its `Display` completes "must be ...".
#[derive(Clone, Copy, Debug)]
pub enum Accepts {
    /// Any text.
    Text,
    /// A list of texts.
    Texts,
    /// An absolute path, short enough for a socket in it.
    Directory,
    /// An absolute path, or the empty text.
    PathOrNothing,
    /// A whole number from the first to the second, both included.
    Number(u32, u32),
    /// One of these words.
    OneOf(&'static [&'static str]),
}

impl Accepts {
    pub(super) fn allows(self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Directory, Value::Path(path)) => {
                path.is_absolute() && path.as_os_str().len() <= RUNTIME_DIR_BYTES_MAX
            }
            (Self::PathOrNothing, Value::Path(path)) => {
                path.is_absolute() || path.as_os_str().is_empty()
            }
            (Self::Number(min, max), Value::Number(number)) => (min..=max).contains(number),
            // Their types leave nothing to check.
            (Self::Text | Self::Texts | Self::OneOf(_), _) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Accepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text in quotes"),
            Self::Texts => f.write_str("a list of texts, as in [\"phone\", \"phone.lan\"]"),
            Self::Directory => {
                write!(f, "an absolute path of at most {RUNTIME_DIR_BYTES_MAX} bytes, in quotes")
            }
            Self::PathOrNothing => f.write_str("an absolute path in quotes, or \"\""),
            Self::Number(min, max) => write!(f, "a whole number from {min} to {max}"),
            Self::OneOf(words) => {
                f.write_str("one of ")?;
                for (i, word) in words.iter().enumerate() {
                    write!(f, "{}\"{word}\"", if i == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}
