//! Seen after most starts of the device, within five minutes or three to four hours later, and
//! seldom otherwise.
//!
//! False positives: at 5 starts, events at random that are rare enough to be tested hit a span with
//! a chance of at most 1 in 32 each, so 4 of 5 at most 5 times in a million.

use crate::memory::finding::Evidence;
use crate::memory::key::Key;
use crate::memory::timeline::{AFTER_BOOT, Timeline};

/// Starts that are needed.
const STARTS_MIN: u32 = 5;
/// Of so many spans without a start at most one may hold an event.
const SELDOM: u64 = 32;

/// What is to be said about a key.
pub(in crate::memory) fn test(key: &Key, line: &Timeline) -> Option<Evidence> {
    let uptime = u64::from(line.uptime.saturating_sub(key.first_uptime));
    let classes = key.after_boot.iter().zip(key.born).zip(line.reached).zip(&AFTER_BOOT);
    for (((seen, born), reached), span) in classes {
        let seen = u32::from(*seen);
        // This start counts as soon as there is an event, though its span is not over.
        let starts = u32::from(reached.saturating_sub(born)).max(seen);
        let otherwise = u64::from(key.events.saturating_sub(seen));
        let length = u64::from(span.end - span.start);
        let is_seldom = (otherwise + 1).saturating_mul(length * SELDOM) <= uptime;
        if starts >= STARTS_MIN && seen * 5 >= starts * 4 && is_seldom {
            return Some(Evidence {
                seen,
                possible: starts,
                after_boot_s: (span.start, span.end),
                ..Evidence::default()
            });
        }
    }
    None
}
