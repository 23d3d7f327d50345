//! Findings in words. They say what was seen and how often, and accuse nobody.

use std::fmt::Write as _;

use super::date::{DAY, HOUR};
use super::finding::{Evidence, Finding, Kind, State};

impl Finding {
    /// The finding as a sentence without its subject: the app and the destination stand beside it.
    pub fn sentence(&self) -> String {
        let evidence = &self.evidence;
        let mut text = self.claim();
        if !self.kind.is_news() {
            let bytes = evidence.tx_bytes.saturating_add(evidence.rx_bytes);
            // Writing to a string cannot fail.
            let _ = write!(text, ", {} in all", volume(bytes));
        }
        text.push_str(presence(evidence));
        if self.state == State::Faded && !self.kind.is_news() {
            text.push_str("; not seen lately");
        }
        text
    }

    fn claim(&self) -> String {
        let evidence = &self.evidence;
        match self.kind {
            Kind::Documented => {
                let id = self.behaviour.as_deref().unwrap_or_default();
                format!("contact of a kind documented as `{id}`, {}", contacts(evidence.contacts))
            }
            Kind::NewApp => format!("not seen before, in {}", span(evidence.known_s)),
            Kind::NewCompany => {
                let company = self.company.as_deref().unwrap_or("this company");
                let known = span(evidence.known_s);
                format!("first contact with {company}, by an app known for {known}")
            }
            Kind::FirstContact => {
                let known = span(evidence.known_s);
                format!("first contact with this destination, by an app known for {known}")
            }
            Kind::AfterBoot => {
                let (from, until) = evidence.after_boot_s;
                let when = match from {
                    0 => format!("within {}", span(until)),
                    _ => format!("{} to {}", number(from, HOUR), span(until)),
                };
                let seen = share(evidence, "starts");
                format!("sends {when} after the device starts, {seen}")
            }
            Kind::Rare => {
                let known = span(evidence.known_s);
                format!(
                    "seen {} in {known}, and no other app uses this destination",
                    times(evidence.seen)
                )
            }
            Kind::Regular => {
                format!(
                    "sends about every {}, {}",
                    every(evidence.period_s),
                    share(evidence, "windows")
                )
            }
            Kind::Floating => format!(
                "sends once every {}, not always at the same time, {}",
                every(evidence.period_s),
                share(evidence, "windows")
            ),
            Kind::Calendar => match evidence.hour() {
                Some(hour) if evidence.day == 0 => {
                    let seen = share(evidence, "days");
                    format!("sends every day between {hour}:00 and {}:00, {seen}", (hour + 1) % 24)
                }
                _ => format!(
                    "sends once a month, about day {}, {}",
                    evidence.day,
                    share(evidence, "months")
                ),
            },
        }
    }
}

fn contacts(count: u64) -> String {
    if count == 1 { "1 contact".to_owned() } else { format!("{count} contacts") }
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn share(evidence: &Evidence, unit: &str) -> String {
    format!("seen {} of {} {unit}", evidence.seen, evidence.possible)
}

fn presence(evidence: &Evidence) -> &'static str {
    let (away, all) =
        (u32::from(evidence.away), u32::from(evidence.away) + u32::from(evidence.present));
    match all {
        0 => "",
        _ if away * 3 >= all * 2 => ", mostly while nobody used the device",
        _ if away * 3 <= all => ", mostly while somebody used the device",
        _ => ", whether or not somebody used the device",
    }
}

/// Bytes as a number of at most three digits and a unit.
fn volume(bytes: u64) -> String {
    let units = ["KB", "MB", "GB", "TB", "PB", "EB"];
    let (mut scale, mut name) = (1, "bytes");
    for unit in units {
        if bytes / scale < 1_000 {
            break;
        }
        scale *= 1_000;
        name = unit;
    }
    let whole = bytes / scale;
    match (bytes / (scale / 10).max(1)) % 10 {
        tenth if whole < 10 && scale > 1 && tenth > 0 => format!("{whole}.{tenth} {name}"),
        _ => format!("{whole} {name}"),
    }
}

/// A length of time, rounded to a number people would say, and its unit.
fn unit(seconds: u32) -> (u32, &'static str) {
    match seconds {
        0..90 => (1, "second"),
        90..5_400 => (60, "minute"),
        5_400..129_600 => (HOUR, "hour"),
        129_600..1_123_200 => (DAY, "day"),
        _ => (7 * DAY, "week"),
    }
}

/// A number of units, with a half where it matters.
fn number(seconds: u32, unit: u32) -> String {
    let halves = (u64::from(seconds) * 2 + u64::from(unit) / 2) / u64::from(unit);
    match (halves / 2, halves % 2) {
        (whole @ 1..10, 1) if unit > 1 => format!("{whole}.5"),
        (whole, rest) => (whole + rest).to_string(),
    }
}

/// A length of time: "3 days".
pub(super) fn span(seconds: u32) -> String {
    let (unit, name) = unit(seconds);
    let number = number(seconds, unit);
    let plural = if number == "1" { "" } else { "s" };
    format!("{number} {name}{plural}")
}

/// What follows "every": "4 hours", "day", "3 days".
fn every(seconds: u32) -> String {
    if seconds.abs_diff(DAY) * 20 < DAY {
        return "day".to_owned();
    }
    if seconds.abs_diff(7 * DAY) * 20 < 7 * DAY {
        return "week".to_owned();
    }
    if seconds.abs_diff(HOUR) * 20 < HOUR {
        return "hour".to_owned();
    }
    // Nobody says 270 seconds are 5 minutes.
    span(seconds)
}

#[cfg(test)]
mod tests;
