#![cfg_attr(
    target_arch = "mips",
    expect(unsafe_code, reason = "clock_gettime(2) has no wrapper that is right there")
)]
//! The kernel's clocks.

use crate::clock::Now;

/// Reads both clocks.
pub fn now() -> Now {
    let (boot, unix) = read();
    Now { boot_ns: boot, unix_ms: unix / 1_000_000 }
}

/// Nanoseconds since boot, suspend included, and since the Unix epoch.
#[cfg(not(target_arch = "mips"))]
fn read() -> (u64, u64) {
    use rustix::time::{ClockId, clock_gettime};
    let nanoseconds = |id| {
        let time = clock_gettime(id);
        sum(time.tv_sec, time.tv_nsec)
    };
    (nanoseconds(ClockId::Boottime), nanoseconds(ClockId::Realtime))
}

/// The same. rustix 1.1 goes through the C library here and expects 64-bit seconds of it, but what the crate
/// `libc` links to has 32 bits: two numbers would be read as one, and the rest from nowhere.
#[cfg(target_arch = "mips")]
fn read() -> (u64, u64) {
    let nanoseconds = |id| {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the call fills in the structure that it is given. It fails for unknown clocks only.
        unsafe { libc::clock_gettime(id, &raw mut time) };
        sum(time.tv_sec, time.tv_nsec)
    };
    (nanoseconds(libc::CLOCK_BOOTTIME), nanoseconds(libc::CLOCK_REALTIME))
}

fn sum<T>(seconds: T, nanoseconds: T) -> u64
where
    u64: TryFrom<T>,
{
    let [seconds, nanoseconds] =
        [seconds, nanoseconds].map(|part| u64::try_from(part).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn both_clocks_are_those_that_others_read() {
        let now = now();
        let text = std::fs::read_to_string("/proc/uptime").expect("it is there");
        let (seconds, _) = text.split_once('.').expect("two numbers with decimals");
        let uptime: u64 = seconds.parse().expect("a number");
        assert!(uptime.abs_diff(now.boot_ns / 1_000_000_000) <= 2, "{uptime} s: {now:?}");
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).expect("it was set").as_millis();
        let unix = u64::try_from(unix).expect("few");
        assert!(unix.abs_diff(now.unix_ms) <= 2_000, "{unix} ms: {now:?}");
    }
}
