//! The command line: what was typed, and the commands that ask a running agent.

pub mod app;
pub mod apps;
pub mod args;
pub mod check;
pub mod client;
pub mod findings;
pub mod forget;
pub mod help;
mod screen;
pub mod top;

use std::env;
use std::io::{self, IsTerminal, Write};

use crate::failure::Failure;

/// Columns of a line where there is no terminal to measure and `COLUMNS` is not set.
const COLUMNS_DEFAULT: usize = 120;

/// Writes to standard output. A reader that has seen enough (`sortie apps | head`) is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::io("cannot write to standard output", error))
        }
        _ => Ok(()),
    }
}

/// Columns for a table that is printed once.
fn columns() -> usize {
    let set = || env::var("COLUMNS").ok()?.parse().ok().filter(|&columns| columns > 0);
    screen::size().map(|(columns, _)| columns).or_else(set).unwrap_or(COLUMNS_DEFAULT)
}

/// Whether colours are wanted: on a terminal that has them, unless `NO_COLOR` is set
/// (<https://no-color.org>).
fn colour() -> bool {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !set("NO_COLOR") && !is_dumb()
}

/// Whether the terminal only takes plain lines.
fn is_dumb() -> bool {
    env::var_os("TERM").is_none_or(|term| term == "dumb")
}

/// Lines, each with its newline.
fn joined(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}
