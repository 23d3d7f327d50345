//! Points in time as the memory needs them.

/// Whether somebody used the device when something was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// Nothing tells: a router, or no session to ask.
    #[default]
    Unknown,
    /// The screen was on, or a session not idle.
    Present,
    /// Nobody used it.
    Away,
}

/// A moment, on both clocks.
///
/// Intervals come from `boot_ns` alone, so that no setting of the clock makes or breaks one. The
/// calendar comes from `unix_ms` alone, and only when it is to be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Nanoseconds since boot, suspend included (`CLOCK_BOOTTIME`, clock_gettime(2)).
    pub boot_ns: u64,
    /// Which boot: `/proc/sys/kernel/random/boot_id` (random(4)).
    pub boot_id: [u8; 16],
    /// Milliseconds since the Unix epoch, if the clock was set by somebody who knows: adjtimex(2)
    /// without `STA_UNSYNC`. `None` until then.
    pub unix_ms: Option<u64>,
    /// Minutes that local time is ahead of UTC.
    pub utc_offset_minutes: i16,
    /// Whether somebody used the device.
    pub presence: Presence,
}

impl Moment {
    /// Whole seconds since boot.
    pub(super) fn boot_s(&self) -> u32 {
        u32::try_from(self.boot_ns / 1_000_000_000).unwrap_or(u32::MAX)
    }

    /// Seconds that local time is ahead of UTC, at most 26 hours either way.
    pub(super) fn utc_offset_s(&self) -> i64 {
        i64::from(self.utc_offset_minutes.clamp(-1_560, 1_560)) * 60
    }
}
