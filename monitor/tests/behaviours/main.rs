//! Conformance of the memory with documented behaviours, in virtual time: what is to be found is found
//! as soon as promised, and what has no pattern is not given one.
//!
//! `UPDATE=1 cargo test -p monitor --test behaviours` records `monitor/BEHAVIOUR_DETECTION.md` anew.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![expect(unreachable_pub, reason = "modules of a test are nobody else's")]

mod device;
mod documented;
mod measure;
mod nulls;
mod power;
mod random;
mod table;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use monitor::memory::Kind;

use documented::BEHAVIOURS;
use measure::{Detection, Null, PATTERNS, Year};

/// Measured once for all tests, on two processors.
static MEASURED: LazyLock<(Vec<Detection>, Vec<Null>, Year)> = LazyLock::new(|| {
    std::thread::scope(|scope| {
        let found = scope.spawn(|| (measure::detections(), measure::year()));
        let nulls = measure::nulls(1);
        let (detections, year) = found.join().expect("it was measured");
        (detections, nulls, year)
    })
});

#[test]
fn documented_behaviours_are_told_at_the_first_contact() {
    let (_, _, year) = &*MEASURED;
    for (at, behaviour) in BEHAVIOURS.iter().enumerate() {
        assert!(year.counts[at] > 0, "{} was not played", behaviour.id);
        let mut told = year
            .news
            .iter()
            .filter(|news| news.stream == at && news.finding.kind == Kind::Documented);
        let first = told.next().expect("it is told");
        assert_eq!((first.contacts, first.finding.behaviour.as_deref()), (1, Some(behaviour.id)));
    }
}

#[test]
fn regular_behaviours_are_found_by_the_fifth_contact() {
    for Detection { behaviour, phone, .. } in &MEASURED.0 {
        if behaviour.is_regular {
            let share = phone.share_by(5);
            assert!(share >= 0.95, "{}: {share}", behaviour.id);
        }
    }
}

#[test]
fn behaviours_are_found_with_and_without_knowing_who_is_there() {
    for Detection { behaviour, phone, router } in &MEASURED.0 {
        for runs in [phone, router] {
            match behaviour.pattern {
                Some(_) => {
                    let (_, most) = runs.quantiles().expect("nearly all runs found it");
                    // Two full rings, and as much again for those that begin in the middle of one.
                    assert!(most <= 64, "{}: {most} contacts", behaviour.id);
                }
                None => assert_eq!(runs.unexpected, 0, "{} has no pattern", behaviour.id),
            }
        }
    }
}

#[test]
fn behaviours_are_found_in_a_year_of_ordinary_life() {
    let (_, _, year) = &*MEASURED;
    for (at, behaviour) in BEHAVIOURS.iter().enumerate() {
        let mut patterns = year
            .news
            .iter()
            .filter(|news| news.stream == at && PATTERNS.contains(&news.finding.kind));
        match behaviour.pattern {
            Some(kind) => {
                let found = patterns.find(|news| news.finding.kind == kind);
                let contacts = found.map_or(usize::MAX, |news| news.contacts);
                // What comes once a month or with each start is seen ten times in a year or more.
                let is_seldom = matches!(kind, Kind::Calendar | Kind::AfterBoot);
                let most = if is_seldom { 8 } else { 96 };
                assert!(contacts <= most, "{}: {contacts} contacts", behaviour.id);
            }
            None => assert!(patterns.next().is_none(), "{} has no pattern", behaviour.id),
        }
    }
}

/// One in six contacts fails, as the device has no network: the others are as regular as before.
#[test]
fn missed_windows_do_not_hide_what_is_regular() {
    let mut contacts: Vec<usize> =
        (0..40).filter_map(|run| measure::regular_with_gaps(run, 6)).collect();
    contacts.sort_unstable();
    assert!(contacts.len() == 40 && contacts[37] <= 20, "{contacts:?}");
}

#[test]
fn traffic_without_a_pattern_has_none() {
    if let Some(scale) = std::env::var("SCALE").ok().and_then(|scale| scale.parse().ok()) {
        let nulls = measure::nulls(scale);
        for null in &nulls {
            let rate = f64::from(null.false_findings()) * 2_000.0 / null.keys_100_days();
            println!("{rate:.2} {null:?}");
        }
        println!("{:.3} per 2,000 keys and 100 days", table::per_2000_keys(&nulls));
        return;
    }
    let nulls = &MEASURED.1;
    let rate = table::per_2000_keys(nulls);
    assert!(rate <= 1.0, "{rate} false findings per 2,000 keys and 100 days: {nulls:?}");
    for null in nulls {
        // A single one among few keys would be too many as well.
        let rate = f64::from(null.false_findings()) * 2_000.0 / null.keys_100_days();
        assert!(rate <= 1.0 || null.keys >= 1_000 && rate <= 2.0, "{null:?}");
    }
    let ordinary = |news: &&device::News| {
        news.stream >= BEHAVIOURS.len() && PATTERNS.contains(&news.finding.kind)
    };
    assert_eq!(MEASURED.2.news.iter().filter(ordinary).count(), 0);
}

#[test]
fn a_year_stays_within_its_bounds() {
    let (_, _, year) = &*MEASURED;
    assert!(year.file_bytes_max < 300_000, "{} bytes", year.file_bytes_max);
    assert!(year.memory_bytes_max < 400_000, "{} bytes", year.memory_bytes_max);
    assert!(year.writes <= 366 * 96, "{} writes", year.writes);
    assert!(year.bytes_written < 366 * 8_000_000, "{} bytes", year.bytes_written);
    for app in year.memory.apps() {
        assert!(app.periods.months().len() <= 13, "{:?}", app.app);
    }
}

#[test]
fn the_table_is_what_was_measured() {
    let (detections, nulls, year) = &*MEASURED;
    let text = table::markdown(detections, nulls, year);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("BEHAVIOUR_DETECTION.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &text).expect("the repository is writable");
    }
    let recorded = fs::read_to_string(&file).unwrap_or_default();
    for (line, (now, then)) in text.lines().zip(recorded.lines()).enumerate() {
        assert_eq!(now, then, "line {}; UPDATE=1 records the new text", line + 1);
    }
    assert!(text == recorded, "lines are missing or new; UPDATE=1 records the new text");
}
