//! Waiting, always with a deadline.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything may take that should happen at once, on a slow and busy machine. The programs for
/// other devices run in emulated ones.
pub const PATIENCE: Duration = Duration::from_secs(if cfg!(target_env = "musl") { 90 } else { 10 });

/// Pause between two looks at a condition that has no event.
const PAUSE: Duration = Duration::from_millis(25);

/// Looks until `look` finds what it wants, and panics with its last complaint when that takes
/// longer than `patience`. For conditions without an event only.
pub fn eventually<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match look() {
            Ok(value) => return value,
            Err(complaint) if deadline <= Instant::now() => {
                panic!("{what}: not within {patience:?}: {complaint}");
            }
            Err(_) => sleep(PAUSE),
        }
    }
}
