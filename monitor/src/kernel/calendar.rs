#![expect(unsafe_code, reason = "adjtimex(2) and localtime_r(3) have no safe wrapper here")]
//! Whether the clock can be trusted, what local time is, and which boot this is.

use std::mem::MaybeUninit;

/// `STA_UNSYNC` (uapi/linux/timex.h): nobody sets the clock.
const UNSYNCHRONISED: libc::c_int = 0x40;

/// A clock that shows an earlier time than this was never set: 2026-11-01, in seconds since the Unix
/// epoch. Devices without a battery for theirs begin in 1970, or where their image was made.
const SET_SINCE: u64 = 1_793_491_200;

/// What the agent knows of days and hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// `/proc/sys/kernel/random/boot_id` (random(4)); zero when it cannot be read.
    pub boot_id: [u8; 16],
    /// Whether the clock was set by somebody who knows, or shows a time that can be right.
    pub is_trusted: bool,
    /// Minutes that local time is ahead of UTC.
    pub utc_offset_minutes: i16,
}

impl Calendar {
    /// Reads it; `unix_ms` is the time that the clock shows.
    pub fn read(unix_ms: u64) -> Self {
        let seconds = unix_ms / 1_000;
        Self {
            boot_id: boot_id().unwrap_or_default(),
            is_trusted: is_synchronised() || seconds >= SET_SINCE,
            utc_offset_minutes: utc_offset_minutes(seconds),
        }
    }
}

fn boot_id() -> Option<[u8; 16]> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)?.try_into().ok()).take(32).collect();
    let mut id = [0; 16];
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = high << 4 | low;
    }
    (digits.len() == 32).then_some(id)
}

fn is_synchronised() -> bool {
    let mut state = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: with `modes` zero the call only fills in the structure, which is plain numbers.
    let result = unsafe { libc::adjtimex(state.as_mut_ptr()) };
    // SAFETY: all zero bytes are a valid value, and the kernel wrote valid ones.
    let status = unsafe { state.assume_init() }.status;
    result >= 0 && status & UNSYNCHRONISED == 0
}

/// 0 where there is no time zone.
fn utc_offset_minutes(seconds: u64) -> i16 {
    // The type differs between C libraries.
    let Ok(time) = seconds.try_into() else {
        return 0;
    };
    let mut local = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both point to memory of their types that lives during the call.
    let found = unsafe { libc::localtime_r(&raw const time, local.as_mut_ptr()) };
    if found.is_null() {
        return 0;
    }
    // SAFETY: all zero bytes are a valid value, and the call succeeded.
    let offset = unsafe { local.assume_init() }.tm_gmtoff;
    i16::try_from(offset / 60).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_boot_and_an_offset() {
        let calendar = Calendar::read(1_793_491_200_000);
        assert!(calendar.is_trusted);
        assert_ne!(calendar.boot_id, [0; 16]);
        assert!(calendar.utc_offset_minutes.abs() <= 14 * 60);
    }
}
