//! The measurements as the Markdown file of the repository.

use std::fmt::Write as _;

use monitor::memory::Kind;

use crate::documented::BEHAVIOURS;
use crate::measure::{Detection, Null, PATTERNS, Runs, Year};

const HEAD: &str = "# What the memory detects

Measured in virtual time by `monitor/tests/behaviours`, and recorded by
`UPDATE=1 cargo test -p monitor --test behaviours`. The test fails when the code measures something else.

## Documented behaviours

A behaviour of the catalogue is told at its first contact, always.
The table is about the same traffic when the catalogue does not know it: by which pattern it is found, on a phone (it can be told whether somebody uses it) and on a router (it cannot), always up and online; and in a year of a phone that starts anew every ten days, sleeps, is offline for hours and days, travels, changes to summer time and has a wrong clock after one start in three, while 90 other destinations get ordinary traffic.
The numbers are contacts of the behaviour until it is found: in half of 40 runs, and in 95 % of them.

| behaviour | found as | by the fifth contact, phone | contacts, phone | contacts, router | contacts, year | words |
|---|---|---|---|---|---|---|
";

const NULLS: &str = "
## Traffic without a pattern

Each row: many keys, one at a time, on a device that starts anew every seven days.
At most one false finding per 2,000 keys and 100 days is promised.
`SCALE=50` in the environment measures so many times the keys, and prints instead of comparing.

| traffic | keys | days | events | after boot | regular | floating | calendar |
|---|---|---|---|---|---|---|---|
";

pub fn markdown(detections: &[Detection], nulls: &[Null], year: &Year) -> String {
    let mut text = HEAD.to_owned();
    for (at, detection) in detections.iter().enumerate() {
        let behaviour = detection.behaviour;
        let quantiles = |runs: &Runs| match runs.quantiles() {
            Some((half, most)) => format!("{half}, {most}"),
            None => "-".to_owned(),
        };
        let in_year = year
            .news
            .iter()
            .find(|news| news.stream == at && Some(news.finding.kind) == behaviour.pattern);
        let in_year = match in_year {
            Some(news) => format!("{} of {}", news.contacts, year.counts[at]),
            None => format!("- of {}", year.counts[at]),
        };
        let pattern = behaviour.pattern.map_or("no pattern", Kind::label);
        let by_fifth = match behaviour.pattern {
            Some(_) => format!("{:.0} %", detection.phone.share_by(5) * 100.0),
            None => "-".to_owned(),
        };
        let (phone, router) = (quantiles(&detection.phone), quantiles(&detection.router));
        let words = &detection.phone.words;
        line(
            &mut text,
            &format!(
                "| {} | {pattern} | {by_fifth} | {phone} | {router} | {in_year} | {words} |",
                behaviour.what
            ),
        );
    }
    text.push_str(NULLS);
    for null in nulls {
        let found = PATTERNS.map(|kind| null.found.get(&kind).copied().unwrap_or(0).to_string());
        line(
            &mut text,
            &format!(
                "| {} | {} | {} | {} | {} |",
                null.name,
                null.keys,
                null.days,
                null.events,
                found.join(" | ")
            ),
        );
    }
    let per_2000 = per_2000_keys(nulls);
    line(
        &mut text,
        &format!("\nAll together: {per_2000:.2} false findings per 2,000 keys and 100 days."),
    );
    write_year(&mut text, year);
    text
}

/// False findings per 2,000 keys and 100 days, all traffic together.
pub fn per_2000_keys(nulls: &[Null]) -> f64 {
    let keys: f64 = nulls.iter().map(Null::keys_100_days).sum();
    let found: u32 = nulls.iter().map(Null::false_findings).sum();
    f64::from(found) * 2_000.0 / keys
}

fn write_year(text: &mut String, year: &Year) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let per_day = |value: u64| value as f64 / year.days;
    let background = year
        .news
        .iter()
        .filter(|news| news.stream >= BEHAVIOURS.len() && PATTERNS.contains(&news.finding.kind));
    text.push_str("\n## A year of a phone\n\n");
    for (what, value) in [
        ("contacts", year.contacts.to_string()),
        ("false patterns among 90 ordinary destinations", background.count().to_string()),
        ("largest file", format!("{} bytes", year.file_bytes_max)),
        ("largest memory", format!("{} bytes", year.memory_bytes_max)),
        ("writes per day, at most one per 15 minutes", format!("{:.0}", per_day(year.writes))),
        ("bytes written per day", format!("{:.0}", per_day(year.bytes_written))),
    ] {
        line(text, &format!("* {what}: {value}"));
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
