//! The series of apps: what each is called, and which apps have series of their own.

use std::borrow::Cow;

use crate::event::{Protocol, Scope};
use crate::export::snapshot::{AppRow, Snapshot};
use crate::identity::{App, Kind, Rung};
use crate::ledger::Totals;

use super::destinations::Destinations;
use super::table::{SERIES_PER_APP, SERIES_PER_CLASS};

/// Bytes a label value keeps; the end of a longer one is cut off and shown as `…`. Without a bound,
/// programs with paths as long as the kernel allows could blow up every scrape.
pub const LABEL_BYTES_MAX: usize = 256;

/// All values of the `protocol` label, in the order of the output.
pub(super) const PROTOCOLS: [Protocol; 4] =
    [Protocol::Tcp, Protocol::Udp, Protocol::Icmp, Protocol::Unknown(0)];

/// All values of the `scope` label, in the order of the output.
pub(super) const SCOPES: [Scope; 4] = [Scope::Loopback, Scope::Link, Scope::Lan, Scope::Internet];

/// Sums by protocol and scope.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Classes([[Totals; SCOPES.len()]; PROTOCOLS.len()]);

impl Classes {
    fn add_row(&mut self, row: &AppRow) {
        for class in &row.classes {
            for (protocol, sums) in PROTOCOLS.iter().zip(&mut self.0) {
                for (scope, sum) in SCOPES.iter().zip(sums) {
                    if (protocol.label(), *scope) == (class.protocol.label(), class.scope) {
                        sum.add(class.totals);
                    }
                }
            }
        }
    }

    fn add(&mut self, other: &Self) {
        for (sums, others) in self.0.iter_mut().zip(&other.0) {
            for (sum, other) in sums.iter_mut().zip(others) {
                sum.add(*other);
            }
        }
    }

    /// The classes in which anything was counted.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Protocol, Scope, &Totals)> {
        let rows = PROTOCOLS.into_iter().zip(&self.0);
        rows.flat_map(|(protocol, sums)| {
            SCOPES.into_iter().zip(sums).map(move |(scope, sum)| (protocol, scope, sum))
        })
        .filter(|(_, _, sum)| !sum.is_zero())
    }
}

/// The series of one app, or of all that have none of their own.
#[derive(Clone, Debug)]
pub(super) struct AppSeries<'a> {
    pub(super) app: Cow<'a, str>,
    pub(super) kind: Kind,
    pub(super) rung: Rung,
    pub(super) name: Cow<'a, str>,
    pub(super) icon: Cow<'a, str>,
    pub(super) first_seen_unix_ms: u64,
    pub(super) last_seen_unix_ms: u64,
    pub(super) classes: Classes,
    pub(super) destinations: Destinations,
}

impl<'a> AppSeries<'a> {
    fn new(row: &'a AppRow) -> Self {
        let identity = &row.identity;
        let mut classes = Classes::default();
        classes.add_row(row);
        Self {
            app: label_value(&identity.app.id),
            kind: identity.app.kind,
            rung: identity.rung,
            name: label_value(identity.name.as_deref().unwrap_or_default()),
            icon: label_value(identity.icon.as_deref().unwrap_or_default()),
            first_seen_unix_ms: row.first_seen_unix_ms,
            last_seen_unix_ms: row.last_seen_unix_ms,
            classes,
            destinations: Destinations::new(&row.destinations),
        }
    }

    /// The series of `(other)`, begun with one of the rows that go there.
    fn other(row: &AppRow) -> Self {
        Self {
            app: App::other().id.to_string().into(),
            kind: Kind::Other,
            rung: Rung::None,
            name: "".into(),
            icon: "".into(),
            first_seen_unix_ms: row.first_seen_unix_ms,
            last_seen_unix_ms: row.last_seen_unix_ms,
            classes: Classes::default(),
            destinations: Destinations::default(),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.first_seen_unix_ms = self.first_seen_unix_ms.min(other.first_seen_unix_ms);
        self.last_seen_unix_ms = self.last_seen_unix_ms.max(other.last_seen_unix_ms);
        self.classes.add(&other.classes);
        self.destinations.merge(&other.destinations);
    }
}

/// The apps with series of their own, and `(other)` for the rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Apps<'a> {
    /// Ordered by app and kind, without two of the same.
    pub(super) rows: Vec<AppSeries<'a>>,
    /// Series of the apps in `(other)` for lack of room.
    pub(super) capped: u64,
}

impl<'a> Apps<'a> {
    /// The apps of a snapshot in at most `series_max` series; what finds no room is summed up in
    /// `(other)`, which always has room.
    ///
    /// Room is granted in the order of arrival, and always for [`SERIES_PER_APP`] series, the most
    /// an app can come to have. An app in the metrics thus stays there whatever it does next and
    /// whoever comes after it, and no counter ever falls or takes over what was shown elsewhere.
    pub(super) fn new(snapshot: &'a Snapshot, series_max: usize) -> Self {
        let own_max = (series_max / SERIES_PER_APP).saturating_sub(1);
        let (mut own, others): (Vec<_>, Vec<_>) =
            snapshot.apps.iter().partition(|row| row.identity.app.kind != Kind::Other);
        own.sort_by_key(|row| row.arrival);
        let folded = own.split_off(own_max.min(own.len()));

        let mut rows: Vec<_> = own.into_iter().map(AppSeries::new).collect();
        let mut capped = 0;
        let mut other: Option<AppSeries<'_>> = None;
        for row in &folded {
            capped += series_count(&AppSeries::new(row).classes);
        }
        for row in others.into_iter().chain(folded) {
            other.get_or_insert_with(|| AppSeries::other(row)).merge(&AppSeries::new(row));
        }
        rows.extend(other);
        // Stable: of two apps whose labels are the same once shortened, the earlier one's name stays.
        rows.sort_by(|a, b| (&a.app, a.kind.label()).cmp(&(&b.app, b.kind.label())));
        rows.dedup_by(|later, earlier| {
            let same = (&later.app, later.kind) == (&earlier.app, earlier.kind);
            if same {
                earlier.merge(later);
            }
            same
        });
        Self { rows, capped }
    }
}

fn series_count(classes: &Classes) -> u64 {
    let classes = classes.iter().count();
    let count = SERIES_PER_APP - PROTOCOLS.len() * SCOPES.len() * SERIES_PER_CLASS
        + classes * SERIES_PER_CLASS;
    count as u64
}

/// A name as a label value: at most [`LABEL_BYTES_MAX`] bytes, and without NUL, at which some
/// readers of the text format stop. The encoder escapes the rest.
pub(super) fn label_value(text: &str) -> Cow<'_, str> {
    const CUT: &str = "…";
    if text.len() <= LABEL_BYTES_MAX && !text.contains('\0') {
        return text.into();
    }
    let text = text.replace('\0', "\u{fffd}");
    if text.len() <= LABEL_BYTES_MAX {
        return text.into();
    }
    let kept = text.floor_char_boundary(LABEL_BYTES_MAX - CUT.len());
    (text.split_at(kept).0.to_owned() + CUT).into()
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
