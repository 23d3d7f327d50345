//! Comes at regular intervals, from 5 seconds to 6 weeks.
//!
//! All of the latest intervals lie within a tenth of their median; an interval of twice or three
//! times the median, as when the device was off, counts as so many windows of which one was seen.
//! A key is tested at every event, so the more events it has had the more intervals must agree.
//!
//! False positives on events at random, simulated: 4 intervals pass 1.9 times in 10,000, 5 pass 6
//! times in 100,000, 6 pass 6 and 7 pass 0.4 times in a million, 8 pass 7 times in 100 million, and 10
//! passed never in 200 million trials. Four to seven are tested once each, at the beginning of a
//! key's life: half a finding per 2,000 keys.

use crate::memory::date::{DAY, HOUR};
use crate::memory::finding::Evidence;
use crate::memory::key::Habit;
use crate::memory::ring::Intervals;

/// The shortest and the longest interval, in seconds.
pub(in crate::memory) const PERIODS: std::ops::RangeInclusive<u32> = 5..=43 * DAY;
/// The shortest interval of which a few are enough: of shorter ones there are soon many.
const EARLY_MIN: u32 = 60;
/// Events in which a few intervals are enough.
const EARLY_EVENTS: u32 = 24;
/// From this interval on, a person's habit is as regular.
pub(in crate::memory) const HABIT_MIN: u32 = 12 * HOUR;

/// What is asked of the latest intervals.
struct Rule {
    intervals: usize,
    /// How far they may be off, in percent of the median.
    percent: u32,
    /// Windows that may be missed.
    missed_max: u32,
}

/// What is to be said about these events, the last of `events` ever.
pub(in crate::memory) fn test(times: &[u32], events: u32, habit: Habit) -> Option<Evidence> {
    if !begins_alike(times) {
        return None;
    }
    let rule = rule(times.len().checked_sub(1)?, events)?;
    let evidence = windows(times, &rule)?;
    if rule.intervals < 8 && evidence.period_s < EARLY_MIN {
        return None;
    }
    if evidence.period_s < HABIT_MIN || habit == Habit::No {
        return Some(evidence);
    }
    // Once a day at about the same time is what people do as well.
    let stricter = Rule { intervals: 8, percent: 4, missed_max: 2 };
    let may_be = habit == Habit::Unknown && rule.intervals >= stricter.intervals;
    if may_be { windows(times, &stricter) } else { None }
}

fn rule(intervals: usize, events: u32) -> Option<Rule> {
    let rule = |intervals, percent, missed_max| Some(Rule { intervals, percent, missed_max });
    match intervals {
        4 if events <= EARLY_EVENTS => rule(4, 8, 0),
        5..8 if events <= EARLY_EVENTS => rule(intervals, 10, 1),
        0..8 => None,
        _ if events <= 1_000 => rule(8, 10, 2),
        10.. if events <= 10_000 => rule(10, 10, 3),
        12.. => rule(12, 10, 3),
        _ => None,
    }
}

/// Whether the last two intervals could be of one series. Most are not, and need no further look.
fn begins_alike(times: &[u32]) -> bool {
    let [.., first, second, third] = times else { return false };
    let (one, other) = (u64::from(second - first), u64::from(third - second));
    let (less, more) = (one.min(other), one.max(other));
    let windows = (more + less / 2) / less.max(1);
    windows <= 4 && (windows * less).abs_diff(more) * 100 <= windows * less * 23
}

/// Whether the latest intervals follow the rule.
fn windows(times: &[u32], rule: &Rule) -> Option<Evidence> {
    let latest = times.get(times.len().checked_sub(rule.intervals + 1)?..)?;
    let mut intervals = Intervals::of(latest);
    let period = intervals.median()?;
    if !PERIODS.contains(&period) {
        return None;
    }
    let mut windows = 0;
    for interval in intervals.values() {
        let count = (interval.saturating_add(period / 2) / period).max(1);
        let off = u64::from(interval.abs_diff(count.saturating_mul(period)));
        if off * 100 > u64::from(period) * u64::from(rule.percent) {
            return None;
        }
        windows += count;
    }
    let seen = u32::try_from(rule.intervals).unwrap_or(u32::MAX);
    (windows - seen <= rule.missed_max).then(|| Evidence {
        period_s: period,
        seen: seen + 1,
        possible: windows + 1,
        ..Evidence::default()
    })
}
