use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::event::Volume;
use crate::export::snapshot::ClassRow;
use crate::identity::Identity;

fn row(kind: Kind, id: &str, arrival: u64) -> AppRow {
    let app = App::new(kind, id);
    AppRow {
        identity: Identity { app, rung: Rung::Executable, name: None, icon: None },
        arrival,
        classes: Vec::new(),
        first_seen_unix_ms: 1000 + arrival,
        last_seen_unix_ms: 2000 + arrival,
        destinations: Vec::new(),
    }
}

fn class(protocol: Protocol, scope: Scope, bytes: u64) -> ClassRow {
    let tx = Volume { bytes, packets: 1 };
    let totals = Totals { tx, rx: tx, connections: 1, accepted: 2, failures: 3 };
    ClassRow { protocol, scope, totals }
}

/// A snapshot of these rows, in the order snapshots have.
fn snapshot(mut apps: Vec<AppRow>) -> Snapshot {
    apps.sort_by(|a, b| a.identity.app.cmp(&b.identity.app));
    Snapshot { apps, ..Snapshot::default() }
}

fn sum(apps: &[AppRow]) -> Totals {
    let mut sum = Totals::default();
    for app in apps {
        sum.add(app.total(|_| true));
    }
    sum
}

fn shown(apps: &Apps<'_>) -> Totals {
    let mut sum = Totals::default();
    for (_, _, totals) in apps.rows.iter().flat_map(|row| row.classes.iter()) {
        sum.add(*totals);
    }
    sum
}

fn series(apps: &Apps<'_>) -> u64 {
    apps.rows.iter().map(|row| series_count(&row.classes)).sum()
}

/// The bytes sent of every series.
fn bytes(apps: &Apps<'_>) -> BTreeMap<(String, Kind, Protocol, Scope), u64> {
    let of = |row: &AppSeries<'_>| {
        let (app, kind) = (row.app.to_string(), row.kind);
        let classes: Vec<_> = row.classes.iter().map(|(p, s, t)| (p, s, t.tx.bytes)).collect();
        classes.into_iter().map(move |(p, s, bytes)| ((app.clone(), kind, p, s), bytes))
    };
    apps.rows.iter().flat_map(of).collect()
}

/// What happens between two scrapes: this app sends these bytes in this class.
fn steps() -> impl Strategy<Value = Vec<(u8, usize, usize, u64)>> {
    vec((0..12_u8, 0..PROTOCOLS.len(), 0..SCOPES.len(), 1..1000_u64), 1..60)
}

/// Adds a step to the apps; a new one arrives after all others.
fn take(apps: &mut Vec<AppRow>, (id, protocol, scope, bytes): (u8, usize, usize, u64)) {
    let added = class(PROTOCOLS[protocol], SCOPES[scope], bytes);
    // App 0 is the ledger's own `(other)`.
    let app = if id == 0 { App::other() } else { App::new(Kind::Executable, &format!("/{id}")) };
    let at = apps.iter().position(|row| row.identity.app == app).unwrap_or_else(|| {
        apps.push(row(app.kind, &app.id, 7 * apps.len() as u64));
        apps.len() - 1
    });
    let same =
        |class: &&mut ClassRow| (class.protocol, class.scope) == (added.protocol, added.scope);
    match apps[at].classes.iter_mut().find(same) {
        Some(class) => class.totals.add(added.totals),
        None => apps[at].classes.push(added),
    }
}

proptest! {
    #[test]
    fn no_cap_changes_the_sums(steps in steps(), series_max in 0..3000_usize) {
        let mut apps = Vec::new();
        for step in steps {
            take(&mut apps, step);
        }
        let snapshot = snapshot(apps);
        let all = Apps::new(&snapshot, usize::MAX);
        let some = Apps::new(&snapshot, series_max);
        prop_assert_eq!(shown(&all), sum(&snapshot.apps));
        prop_assert_eq!(shown(&some), sum(&snapshot.apps));
        prop_assert_eq!(all.capped, 0);
        prop_assert!(series(&some) <= series_max.max(SERIES_PER_APP) as u64);
        let own = |apps: &Apps<'_>| apps.rows.iter().filter(|row| row.kind != Kind::Other).count();
        prop_assert_eq!(some.capped == 0, own(&some) == own(&all));
    }

    #[test]
    fn counters_never_fall_or_vanish_while_apps_arrive(
        steps in steps(),
        series_max in 0..2000_usize,
    ) {
        let mut apps = Vec::new();
        let mut before = BTreeMap::new();
        for step in steps {
            take(&mut apps, step);
            let snapshot = snapshot(apps.clone());
            let now = bytes(&Apps::new(&snapshot, series_max));
            let mut risen = 0;
            for (series, value) in &now {
                let earlier = before.get(series).copied().unwrap_or(0);
                prop_assert!(*value >= earlier, "{:?} fell", series);
                risen += value - earlier;
            }
            prop_assert!(before.keys().all(|series| now.contains_key(series)));
            // Nothing is taken over from another series, so a rate over all of them is right.
            prop_assert_eq!(risen, step.3);
            before = now;
        }
    }

    #[test]
    fn label_values_are_bounded_and_hold_no_nul(text in any::<String>(), times in 1..200_usize) {
        let text = text.repeat(times);
        let value = label_value(&text);
        prop_assert!(value.len() <= LABEL_BYTES_MAX);
        prop_assert!(!value.contains('\0'));
        prop_assert!(text.len() > LABEL_BYTES_MAX || text.contains('\0') || value == text);
    }
}

#[test]
fn the_latest_apps_are_folded_whatever_the_clock_said() {
    let mut apps: Vec<_> =
        (0..5).map(|i| row(Kind::Executable, &format!("/{i}"), 10 - i)).collect();
    for app in &mut apps {
        app.classes.push(class(Protocol::Tcp, Scope::Internet, app.arrival));
        app.first_seen_unix_ms = 20 - app.arrival;
    }
    let snapshot = snapshot(apps);
    let shown = Apps::new(&snapshot, 3 * SERIES_PER_APP);
    let names: Vec<_> = shown.rows.iter().map(|row| (&*row.app, row.kind)).collect();
    let own = Kind::Executable;
    assert_eq!(names, [("(other)", Kind::Other), ("/3", own), ("/4", own)]);
    let other = &shown.rows[0];
    assert_eq!((other.first_seen_unix_ms, other.last_seen_unix_ms), (10, 2010));
    assert_eq!(shown.capped, 3 * (3 + 7));
}

#[test]
fn an_app_that_calls_itself_other_stays_apart() {
    let mut rows = vec![row(Kind::Comm, "(other)", 0), row(Kind::Other, "(other)", 1)];
    for row in &mut rows {
        row.classes.push(class(Protocol::Udp, Scope::Lan, 1));
    }
    let snapshot = snapshot(rows);
    assert_eq!(Apps::new(&snapshot, usize::MAX).rows.len(), 2);
}

#[test]
fn apps_whose_shortened_names_are_equal_share_a_row() {
    let long = "/".repeat(300);
    let mut rows = vec![row(Kind::Script, &(long.clone() + "a"), 5), row(Kind::Script, &long, 4)];
    rows[0].identity.name = Some(Arc::from("later"));
    rows[1].identity.name = Some(Arc::from("earlier"));
    for row in &mut rows {
        row.classes.push(class(Protocol::Udp, Scope::Lan, 1));
        row.classes.push(class(Protocol::Unknown(0), Scope::Lan, 1));
        row.classes.push(class(Protocol::Unknown(47), Scope::Lan, 1));
    }
    let snapshot = snapshot(rows);
    let shown = Apps::new(&snapshot, usize::MAX);
    assert_eq!(shown.rows.len(), 1);
    assert_eq!(shown.rows[0].name, "earlier");
    let bytes: Vec<_> = shown.rows[0].classes.iter().map(|(_, _, t)| t.tx.bytes).collect();
    assert_eq!(bytes, [2, 4]);
}
