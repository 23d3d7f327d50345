//! Lines on standard output, each flushed at once.

use std::fmt::Display;
use std::io::{Write as _, stdout};

use anyhow::Result;

/// Says that the actor can be reached, or has connected, at this port of its own.
pub(crate) fn ready(port: u16) -> Result<()> {
    line("ready", &[("port", &port)])
}

/// Says what was done.
pub(crate) fn done(fields: &[(&str, &dyn Display)]) -> Result<()> {
    line("done", fields)
}

fn line(word: &str, fields: &[(&str, &dyn Display)]) -> Result<()> {
    let mut text = word.to_owned();
    for (key, value) in fields {
        text.push_str(&[" ", key, "=", &value.to_string()].concat());
    }
    text.push('\n');
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
