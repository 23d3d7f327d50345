//! When what is remembered is written.
//!
//! Flash wears out with every byte, and a phone that writes does not sleep. So nothing is written
//! that did not change, seldom what did, and no timer runs on an idle device: the caller arms one
//! only for [`WritePolicy::due_in`], which is `None` while nothing changed.

/// How often is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// At most every 15 minutes, and on stop.
    Phone,
    /// Once a day, and on stop.
    Router,
}

/// Bytes written per day at most, in writes of the whole file.
const DAY_BYTES_MAX: u64 = 8_000_000;
/// Seconds of a day.
const DAY: u64 = 86_400;

/// Decides when to write. All times are seconds since boot.
#[derive(Clone, Copy, Debug)]
pub struct WritePolicy {
    interval_s: u64,
    /// When was last written, or tried to.
    last_s: u64,
    last_bytes: u64,
    bytes_written: u64,
    writes: u64,
}

impl WritePolicy {
    /// A policy that begins now, with what is on the disk.
    pub fn new(mode: WriteMode, now_s: u64) -> Self {
        let interval_s = match mode {
            WriteMode::Phone => 900,
            WriteMode::Router => DAY,
        };
        Self { interval_s, last_s: now_s, last_bytes: 0, bytes_written: 0, writes: 0 }
    }

    /// Seconds from one write to the next at least: what a power cut may cost. Longer for a file so
    /// large that a day would see more than 8 MB.
    pub fn interval_s(&self) -> u64 {
        let paced = self.last_bytes.saturating_mul(DAY).div_ceil(DAY_BYTES_MAX);
        self.interval_s.max(paced.min(DAY))
    }

    /// Seconds until a write is due; 0 when it is. `None` while nothing `has_changed`.
    pub fn due_in(&self, has_changed: bool, now_s: u64) -> Option<u64> {
        let since = now_s.saturating_sub(self.last_s);
        has_changed.then(|| self.interval_s().saturating_sub(since))
    }

    /// So many bytes were written, or tried to: a full disk is not tried more often.
    pub fn wrote(&mut self, bytes: u64, now_s: u64) {
        self.last_s = now_s;
        self.last_bytes = bytes;
        self.bytes_written = self.bytes_written.saturating_add(bytes);
        self.writes = self.writes.saturating_add(1);
    }

    /// Bytes written since the start.
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written
    }

    /// Writes since the start.
    pub fn writes(&self) -> u64 {
        self.writes
    }
}
