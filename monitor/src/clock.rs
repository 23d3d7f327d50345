//! Points in time, as arguments. Only `kernel` reads clocks.

/// A moment, on the clock that never jumps and on the one people read.
///
/// `boot_ns` counts suspend as well (`CLOCK_BOOTTIME`, clock_gettime(2)): on a phone that slept for
/// eight hours, eight hours have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Now {
    /// Nanoseconds since boot, the clock of the kernel's records.
    pub boot_ns: u64,
    /// Milliseconds since the Unix epoch; wrong until the device has set its clock.
    pub unix_ms: u64,
}

impl Now {
    /// The wall-clock time, in milliseconds since the Unix epoch, of an earlier moment on the boot
    /// clock. A moment in the future reads as now.
    pub fn unix_ms_at(self, boot_ns: u64) -> u64 {
        let ago_ms = self.boot_ns.saturating_sub(boot_ns) / 1_000_000;
        self.unix_ms.saturating_sub(ago_ms)
    }

    /// Whether `seconds` have passed since `boot_ns`.
    pub fn is_past(self, boot_ns: u64, seconds: u64) -> bool {
        self.boot_ns.saturating_sub(boot_ns) >= seconds.saturating_mul(1_000_000_000)
    }
}
