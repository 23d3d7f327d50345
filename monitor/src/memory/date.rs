//! The proleptic Gregorian calendar, in days since the Unix epoch.

/// Seconds of an hour.
pub(super) const HOUR: u32 = 3_600;
/// Seconds of a day.
pub(super) const DAY: u32 = 86_400;

/// A local date and hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date {
    /// Months since year 0.
    pub(super) month: u32,
    /// Day of the month, from 1.
    pub(super) day: u8,
    /// Hour of the day, 0 to 23.
    pub(super) hour: u8,
    /// Day of the week, 0 is Monday.
    pub(super) weekday: u8,
    /// Days since the Unix epoch.
    pub(super) days: u32,
}

impl Date {
    /// The date of a time in Unix seconds, `ahead_s` seconds east of Greenwich.
    pub(super) fn at(unix_s: u32, ahead_s: i64) -> Self {
        let local = u64::try_from((i64::from(unix_s) + ahead_s).max(0)).unwrap_or(0);
        let days = local / u64::from(DAY);
        let (month, day) = civil(days);
        Self {
            month,
            day,
            hour: small(local / u64::from(HOUR) % 24),
            // 1 January 1970 was a Thursday.
            weekday: small((days + 3) % 7),
            days: u32::try_from(days).unwrap_or(u32::MAX),
        }
    }
}

fn small(value: u64) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// Months since year 0, and the day of the month, of a day since the Unix epoch. Counts years from
/// March, so that the leap day is the last of its year.
fn civil(days: u64) -> (u32, u8) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = (era * 400 + year) * 12 + march_month + 2;
    (u32::try_from(month).unwrap_or(u32::MAX), small(day))
}

/// The days of a month that is given in months since year 0.
pub(super) fn days_in(month: u32) -> u8 {
    let (year, month) = (month / 12, month % 12);
    match month {
        1 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dates of date(1): `date -u -d @SECONDS '+%Y %m %d %H %u'`.
    #[test]
    fn dates_are_those_of_date_1() {
        let cases = [
            (0_u32, (1970, 1, 1, 0, 4)),
            (951_782_400, (2000, 2, 29, 0, 2)),
            (1_709_251_199, (2024, 2, 29, 23, 4)),
            (1_709_251_200, (2024, 3, 1, 0, 5)),
            (1_767_225_599, (2025, 12, 31, 23, 3)),
            (4_102_444_800, (2100, 1, 1, 0, 5)),
        ];
        for (seconds, (year, month, day, hour, weekday)) in cases {
            let date = Date::at(seconds, 0);
            assert_eq!(date.month, year * 12 + month - 1, "{seconds}");
            assert_eq!((date.day, date.hour, date.weekday + 1), (day, hour, weekday), "{seconds}");
        }
    }

    #[test]
    fn months_have_as_many_days_as_are_counted() {
        let mut seen = 0;
        let mut last = Date::at(0, 0);
        for day in 1..200 * 365_u32 {
            let Some(seconds) = day.checked_mul(DAY) else { break };
            let date = Date::at(seconds, 0);
            if date.month != last.month {
                assert_eq!((date.month, date.day), (last.month + 1, 1));
                assert_eq!(last.day, days_in(last.month), "month {}", last.month);
                seen += 1;
            }
            last = date;
        }
        assert!(seen > 1_600, "{seen} months");
    }

    #[test]
    fn local_time_is_ahead_or_behind() {
        assert_eq!(Date::at(1_709_251_199, 3_600).day, 1);
        assert_eq!(Date::at(1_709_251_200, -3_600).day, 29);
        assert_eq!(Date::at(0, -3_600).days, 0, "before the epoch is the epoch");
    }
}
