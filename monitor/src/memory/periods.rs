//! An app's sums per hour, per day and per month.

use super::date::{DAY, Date, HOUR};
use super::key::Sums;
use super::timeline::Shift;

/// Hours that are kept.
pub const HOURS_MAX: usize = 48;
/// Days that are kept.
pub const DAYS_MAX: usize = 100;
/// Months that are kept.
pub const MONTHS_MAX: usize = 24;

/// What was sent and received in one period, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Which one: hours or local days since the Unix epoch, or local months since year 0.
    pub number: u32,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Bytes received.
    pub rx_bytes: u64,
}

/// Sums per period. Only periods with traffic take room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Periods {
    /// By hour, oldest first.
    pub(super) hours: Vec<Period>,
    /// By local day.
    pub(super) days: Vec<Period>,
    /// By local month.
    pub(super) months: Vec<Period>,
    /// What was sent before the date was known; goes to the day on which it is.
    pub(super) undated: Sums,
}

impl Periods {
    /// By hour since the Unix epoch, oldest first; at most [`HOURS_MAX`].
    pub fn hours(&self) -> &[Period] {
        &self.hours
    }

    /// By local day since the Unix epoch; at most [`DAYS_MAX`].
    pub fn days(&self) -> &[Period] {
        &self.days
    }

    /// By local month since year 0; at most [`MONTHS_MAX`].
    pub fn months(&self) -> &[Period] {
        &self.months
    }

    /// Bytes of which only is known that they are later than all dates before the last start, sent
    /// and received.
    pub fn undated(&self) -> (u64, u64) {
        (self.undated.tx_bytes, self.undated.rx_bytes)
    }

    /// Adds to the periods of a time; without a date, to the undated.
    pub(super) fn add(&mut self, sums: Sums, t: u32, date: Option<Date>) {
        let Some(date) = date else {
            self.undated.add(sums);
            return;
        };
        let mut sums = sums;
        sums.add(std::mem::take(&mut self.undated));
        add(&mut self.hours, HOURS_MAX, t / HOUR, sums);
        add(&mut self.days, DAYS_MAX, date.days, sums);
        add(&mut self.months, MONTHS_MAX, date.month, sums);
    }

    /// Drops the periods that are over for too long.
    pub(super) fn expire(&mut self, t: u32, date: Date) {
        expire(&mut self.hours, HOURS_MAX, t / HOUR);
        expire(&mut self.days, DAYS_MAX, date.days);
        expire(&mut self.months, MONTHS_MAX, date.month);
    }

    /// Moves the periods that begin after a time which was wrong. Sums of one period stay together.
    pub(super) fn shift(&mut self, shift: Shift) {
        let shifted = |periods: &mut Vec<Period>, length: u32, origin: u32| {
            let before = std::mem::take(periods);
            for mut period in before {
                let begins = period.number.saturating_sub(origin).saturating_mul(length);
                // The middle of a period says best in which one it ends up.
                let mut middle = begins.saturating_add(length / 2);
                if begins.saturating_add(length) > shift.from {
                    shift.apply(&mut middle);
                    middle = middle.max(length / 2);
                    period.number = middle / length + origin;
                }
                let sums =
                    Sums { contacts: 0, tx_bytes: period.tx_bytes, rx_bytes: period.rx_bytes };
                add(periods, usize::MAX, period.number, sums);
            }
        };
        shifted(&mut self.hours, HOUR, 0);
        shifted(&mut self.days, DAY, 0);
        // Months of the mean length of 400 years: 30.436875 days.
        shifted(&mut self.months, 2_629_746, 1970 * 12);
    }
}

fn add(periods: &mut Vec<Period>, max: usize, number: u32, sums: Sums) {
    let at = periods.partition_point(|period| period.number < number);
    if periods.get(at).is_none_or(|period| period.number != number) {
        if periods.len() >= max {
            if at == 0 {
                return;
            }
            periods.remove(0);
            return add(periods, max, number, sums);
        }
        periods.insert(at, Period { number, ..Period::default() });
    }
    if let Some(period) = periods.get_mut(at) {
        period.tx_bytes = period.tx_bytes.saturating_add(sums.tx_bytes);
        period.rx_bytes = period.rx_bytes.saturating_add(sums.rx_bytes);
    }
}

fn expire(periods: &mut Vec<Period>, max: usize, now: u32) {
    let first = (now + 1).saturating_sub(u32::try_from(max).unwrap_or(u32::MAX));
    periods.retain(|period| period.number >= first);
}
