//! Comes once in each of many equal windows of time, as a job does that the system may place
//! anywhere in its window.
//!
//! The windows are those schedulers are asked for, from 15 minutes to a day. Two forms: at about
//! the same place in each window, such as 4 hours and up to one hour more, from 11 events on; and at
//! any place, which takes two times 16 events that agree.
//!
//! False positives on events at random: see the table of `monitor/BEHAVIOUR_DETECTION.md`.

use super::regular::HABIT_MIN;
use crate::memory::date::HOUR;
use crate::memory::finding::Evidence;
use crate::memory::key::{Habit, Streak};
use crate::memory::ring::EVENTS_MAX;
use crate::memory::ring::Intervals;

/// The windows that are tried, in seconds.
pub(in crate::memory) const WINDOWS: [u32; 10] =
    [900, 1_800, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 6 * HOUR, 8 * HOUR, 12 * HOUR, 24 * HOUR];
/// Events at about the same place in their window that are enough.
const PLACED_MIN: usize = 11;
/// Events a key may have had for so few to be enough.
const PLACED_EARLY: u32 = 100;
/// The share of the window that is about the same place, in percent.
const PLACE: u32 = 27;
/// Places where a window may begin that are tried.
const PHASES: u32 = 16;

/// What is to be said about these events, the last of `events` ever.
pub(in crate::memory) fn test(
    times: &[u32],
    events: u32,
    habit: Habit,
    streak: &mut Streak,
) -> Option<Evidence> {
    let window = candidate(times)?;
    if window >= HABIT_MIN && habit != Habit::No {
        return None;
    }
    let few = if events <= PLACED_EARLY { PLACED_MIN } else { EVENTS_MAX };
    if let Some(evidence) = latest(times, few).and_then(|times| placed(times, window)) {
        return Some(evidence);
    }
    if times.len() < EVENTS_MAX || !events.is_multiple_of(16) {
        return None;
    }
    let Some(evidence) = covered(times, window) else {
        *streak = Streak::default();
        return None;
    };
    let rings = if streak.period == window { streak.rings.saturating_add(1) } else { 1 };
    *streak = Streak { period: window, rings };
    (rings >= 2).then_some(evidence)
}

fn latest(times: &[u32], count: usize) -> Option<&[u32]> {
    times.get(times.len().checked_sub(count)?..)
}

/// The window that comes nearest to the median of the intervals, if one does.
fn candidate(times: &[u32]) -> Option<u32> {
    if times.len() < PLACED_MIN {
        return None;
    }
    let median = Intervals::of(times).median()?;
    let near =
        |window: &&u32| u64::from(median.abs_diff(**window)) * 100 <= u64::from(**window) * 15;
    WINDOWS.iter().find(near).copied()
}

/// Whether all events lie at about the same place of a window each.
fn placed(times: &[u32], window: u32) -> Option<Evidence> {
    let mut places: Vec<u32> = times.iter().map(|t| t % window).collect();
    places.sort_unstable();
    // The largest part of the window without an event; the rest is where all events are.
    let around = places.first()? + window - places.last()?;
    let gaps = places.windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?));
    let empty = gaps.chain([around]).max()?;
    if u64::from(window - empty) * 100 > u64::from(window) * u64::from(PLACE) {
        return None;
    }
    // Half an empty part before the events, no window border is near one.
    let begins = places.iter().find(|place| {
        let before = places.iter().rev().find(|other| other < place);
        before.map_or(around, |before| *place - before) == empty
    })?;
    covering(times, window, (begins + window - empty / 2) % window)
}

/// Whether there is exactly one event in nearly every window, wherever windows begin.
fn covered(times: &[u32], window: u32) -> Option<Evidence> {
    let phases = (0..PHASES).map(|phase| window / PHASES * phase);
    let found = phases.filter_map(|phase| covering(times, window, phase));
    found.min_by_key(|evidence| evidence.possible)
}

/// The windows that begin at `phase`, if no two events share one and at most one in five is empty.
fn covering(times: &[u32], window: u32, phase: u32) -> Option<Evidence> {
    let number = |t: &u32| t.saturating_sub(phase) / window;
    let mut last = None;
    for t in times {
        let at = number(t);
        if last == Some(at) {
            return None;
        }
        last = Some(at);
    }
    let possible = last?.saturating_sub(times.first().map(number)?) + 1;
    let seen = u32::try_from(times.len()).unwrap_or(u32::MAX);
    (seen * 5 >= possible * 4).then(|| Evidence {
        period_s: window,
        seen,
        possible,
        ..Evidence::default()
    })
}
