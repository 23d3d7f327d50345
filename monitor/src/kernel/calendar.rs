#![expect(unsafe_code, reason = "adjtimex(2) and localtime_r(3) have no safe wrapper here")]
//! Whether the clock can be trusted, what local time is, which boot this is, and whether somebody looks.

use std::mem::MaybeUninit;
use std::path::Path;

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
    /// Whether a screen is on; `None` on a device without one.
    pub is_screen_on: Option<bool>,
}

impl Calendar {
    /// Reads it; `unix_ms` is the time that the clock shows.
    pub fn read(unix_ms: u64) -> Self {
        let seconds = unix_ms / 1_000;
        Self {
            boot_id: boot_id().unwrap_or_default(),
            is_trusted: is_synchronised() || seconds >= SET_SINCE,
            utc_offset_minutes: utc_offset_minutes(seconds),
            is_screen_on: is_screen_on(Path::new("/sys/class/drm")),
        }
    }
}

/// Whether a connected screen is lit (Documentation/ABI/testing/sysfs-class-drm; the attribute `dpms` is
/// that of drm_sysfs.c).
fn is_screen_on(screens: &Path) -> Option<bool> {
    let read = |screen: &Path, name| std::fs::read_to_string(screen.join(name)).ok();
    let mut is_any = None;
    for screen in std::fs::read_dir(screens).ok()?.flatten() {
        let screen = screen.path();
        if read(&screen, "status").is_some_and(|status| status.trim() == "connected") {
            let is_on = read(&screen, "dpms").is_some_and(|power| power.trim() == "On");
            is_any = Some(is_any.unwrap_or(false) || is_on);
        }
    }
    is_any
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
    fn a_screen_is_on_or_off_or_missing() {
        let folder = std::env::temp_dir().join(format!("sortie-screens-{}", std::process::id()));
        let screen = |name: &str, status: &str, dpms: &str| {
            let path = folder.join(name);
            let made = std::fs::create_dir_all(&path)
                .and_then(|()| std::fs::write(path.join("status"), status))
                .and_then(|()| std::fs::write(path.join("dpms"), dpms));
            assert!(made.is_ok(), "{made:?}");
        };
        assert_eq!(is_screen_on(&folder), None, "no such folder");
        screen("card0-HDMI-A-1", "disconnected\n", "On\n");
        assert_eq!(is_screen_on(&folder), None, "nothing is plugged in");
        screen("card0-DSI-1", "connected\n", "Off\n");
        assert_eq!(is_screen_on(&folder), Some(false));
        screen("card0-DSI-1", "connected\n", "On\n");
        assert_eq!(is_screen_on(&folder), Some(true));
        drop(std::fs::remove_dir_all(&folder));
    }

    #[test]
    fn this_machine_has_a_boot_and_an_offset() {
        let calendar = Calendar::read(1_793_491_200_000);
        assert!(calendar.is_trusted);
        assert_ne!(calendar.boot_id, [0; 16]);
        assert!(calendar.utc_offset_minutes.abs() <= 14 * 60);
    }
}
