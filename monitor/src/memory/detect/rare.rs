//! A system app is seldom in contact with a destination no other app uses.
//!
//! False positives: none of its own, it is a statement about what the memory holds: at most two
//! events in 30 days, of a key known for at least a week.

use crate::memory::date::DAY;
use crate::memory::finding::Evidence;
use crate::memory::key::Key;

/// Events of the last [`SPAN`] at most.
const EVENTS_MAX: usize = 2;
/// Seconds that are looked back.
const SPAN: u32 = 30 * DAY;
/// Seconds between the first and the last event at least.
const KNOWN_MIN: u32 = 7 * DAY;

/// Whether an app of this kind came with the system rather than by the user's choice.
pub(in crate::memory) fn is_system(kind: &str) -> bool {
    matches!(kind, "service" | "kernel" | "executable")
}

/// What is to be said about a key; whether others use its destination is looked up only if it could
/// matter.
pub(in crate::memory) fn test(
    kind: &str,
    key: &Key,
    t: u32,
    is_shared: impl FnOnce() -> bool,
) -> Option<Evidence> {
    let times = key.ring.times();
    let lately = times.iter().filter(|event| t.saturating_sub(**event) < SPAN).count();
    let known_s = t.saturating_sub(key.first);
    if !is_system(kind)
        || key.events < 2
        || known_s < KNOWN_MIN
        || lately > EVENTS_MAX
        || is_shared()
    {
        return None;
    }
    Some(Evidence { seen: key.events, known_s, ..Evidence::default() })
}
