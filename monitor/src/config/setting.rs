//! The types values can have: how they are written, and what of them is checked.

use std::path::{Path, PathBuf};

use super::{Detail, LogLevel, WriteMode};

/// What can be checked of a value.
pub(super) enum Value<'a> {
    Number(u32),
    Path(&'a Path),
    Other,
}

/// A type values can have.
pub(super) trait Setting {
    fn to_toml(&self) -> String;

    fn value(&self) -> Value<'_> {
        Value::Other
    }
}

impl Setting for u32 {
    fn to_toml(&self) -> String {
        self.to_string()
    }

    fn value(&self) -> Value<'_> {
        Value::Number(*self)
    }
}

impl Setting for String {
    // TOML's basic strings take the escapes of Rust's `Debug` for all that a default can hold.
    fn to_toml(&self) -> String {
        format!("{self:?}")
    }
}

impl Setting for Vec<String> {
    fn to_toml(&self) -> String {
        format!("{self:?}")
    }
}

impl Setting for PathBuf {
    fn to_toml(&self) -> String {
        format!("{:?}", self.display().to_string())
    }

    fn value(&self) -> Value<'_> {
        Value::Path(self)
    }
}

impl Setting for Detail {
    fn to_toml(&self) -> String {
        format!("\"{}\"", format!("{self:?}").to_lowercase())
    }
}

impl Setting for WriteMode {
    fn to_toml(&self) -> String {
        format!("\"{}\"", format!("{self:?}").to_lowercase())
    }
}

impl Setting for LogLevel {
    fn to_toml(&self) -> String {
        format!("\"{}\"", format!("{self:?}").to_lowercase())
    }
}
