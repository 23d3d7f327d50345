//! The log: one line on standard error each, which systemd, procd and OpenRC keep.
//!
//! Lines above debug level hold no name and no address.

use std::io::{self, Write};

use log::{LevelFilter, Log, Metadata, Record};

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_ascii_lowercase();
            // A closed standard error is no reason to end.
            let _ = writeln!(io::stderr(), "sortie: {level}: {}", record.args());
        }
    }

    fn flush(&self) {}
}

/// Logs from now on. A second call changes the level only.
pub(super) fn start(level: LevelFilter) {
    // It fails when a logger is set already, and that is this one.
    let _ = log::set_logger(&StandardError);
    log::set_max_level(level);
}
