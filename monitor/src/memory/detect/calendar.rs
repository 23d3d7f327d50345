//! Comes on the same day of each month, or in the same hour of each day.
//!
//! The day of the month may be off by one, and ends with the month where that is shorter. Three
//! months are enough if the hour is the same as well, four if it is not. The hour of the day needs
//! 8 events, or 14 where nothing tells whether a person was there.
//!
//! False positives on events at random: see the table of `monitor/BEHAVIOUR_DETECTION.md`.

use crate::memory::date::{DAY, Date, days_in};
use crate::memory::finding::Evidence;
use crate::memory::key::Habit;
use crate::memory::ring::EVENTS_MAX;

/// What is to be said about these events. `ahead_s` is by how much local time is ahead of UTC.
pub(in crate::memory) fn test(times: &[u32], ahead_s: i64, habit: Habit) -> Option<Evidence> {
    let [.., before, last] = times else { return None };
    if last - before < DAY / 2 {
        return None;
    }
    let dates: Vec<Date> = times.iter().map(|t| Date::at(*t, ahead_s)).collect();
    monthly(&dates).or_else(|| daily(&dates, habit))
}

fn monthly(dates: &[Date]) -> Option<Evidence> {
    // Of several events on one day, such as repeated tries, the first counts.
    let mut latest: Vec<Date> = Vec::with_capacity(EVENTS_MAX);
    for date in dates {
        if latest.last().is_none_or(|last| last.days != date.days) {
            latest.push(*date);
        }
    }
    (3..=latest.len()).rev().find_map(|months| {
        let dates = latest.get(latest.len().checked_sub(months)?..)?;
        let is_next = |pair: &[Date]| match pair {
            [one, next] => next.month == one.month + 1,
            _ => false,
        };
        if !dates.windows(2).all(is_next) || (months == 3 && !is_one_hour(dates)) {
            return None;
        }
        let is_on =
            |day: u8| dates.iter().all(|date| date.day.abs_diff(day.min(days_in(date.month))) <= 1);
        let day = dates.iter().map(|date| date.day).rev().find(|day| is_on(*day))?;
        let seen = u32::try_from(months).unwrap_or(u32::MAX);
        Some(Evidence { day, seen, possible: seen, ..Evidence::default() })
    })
}

/// Whether all hours are neighbours at most.
fn is_one_hour(dates: &[Date]) -> bool {
    let Some(first) = dates.first().map(|date| date.hour) else { return false };
    let near = |hour: u8| {
        let apart = hour.abs_diff(first);
        apart.min(24 - apart) <= 1
    };
    dates.iter().all(|date| near(date.hour))
}

fn daily(dates: &[Date], habit: Habit) -> Option<Evidence> {
    let days = match habit {
        Habit::No => 8,
        Habit::Unknown => 14,
        Habit::Likely => return None,
    };
    let latest = dates.get(dates.len().checked_sub(days)?..)?;
    let [first, .., last] = latest else { return None };
    let is_next = |pair: &[Date]| match pair {
        [one, next] => next.days > one.days && next.hour == first.hour,
        _ => false,
    };
    let possible = last.days.saturating_sub(first.days) + 1;
    let seen = u32::try_from(days).unwrap_or(u32::MAX);
    (latest.windows(2).all(is_next) && seen * 5 >= possible * 4).then(|| Evidence {
        period_s: DAY,
        hour_1: first.hour + 1,
        seen,
        possible,
        ..Evidence::default()
    })
}
