//! The series of an app's destinations: those that the ledger shows, and `(other)` for the rest.

use crate::event::Scope;
use crate::export::snapshot::DestinationRow;
use crate::ledger::Totals;
use crate::naming::Place;
use crate::naming::catalogue::BehaviourId;
use crate::naming::company::CompanyId;

/// The series of one destination.
#[derive(Clone, Debug)]
pub(super) struct DestinationSeries {
    /// What it is called.
    pub(super) destination: String,
    pub(super) company: Option<CompanyId>,
    pub(super) behaviour: Option<BehaviourId>,
    pub(super) scope: Option<Scope>,
    pub(super) totals: Totals,
    pub(super) first_seen_unix_ms: u64,
    pub(super) last_seen_unix_ms: u64,
}

impl DestinationSeries {
    /// The series of all that have none of their own, begun with one of them.
    fn other(row: &DestinationRow) -> Self {
        Self {
            destination: Place::Other.label(),
            company: None,
            behaviour: None,
            scope: None,
            totals: Totals::default(),
            first_seen_unix_ms: row.first_seen_unix_ms,
            last_seen_unix_ms: row.last_seen_unix_ms,
        }
    }

    fn include(&mut self, row: &DestinationRow, totals: Totals) {
        self.totals.add(totals);
        self.first_seen_unix_ms = self.first_seen_unix_ms.min(row.first_seen_unix_ms);
        self.last_seen_unix_ms = self.last_seen_unix_ms.max(row.last_seen_unix_ms);
    }
}

/// The series of an app's destinations. Their sum is that of the app.
#[derive(Clone, Debug, Default)]
pub(super) struct Destinations {
    own: Vec<DestinationSeries>,
    other: Option<DestinationSeries>,
    /// Destinations in `(other)` that are told apart elsewhere.
    pub(super) capped: u64,
}

impl Destinations {
    /// The series of these destinations.
    pub(super) fn new(rows: &[DestinationRow]) -> Self {
        let mut all = Self::default();
        for row in rows {
            match (&row.destination, row.shown) {
                (Some(to), Some(shown)) => {
                    all.own.push(DestinationSeries {
                        destination: to.place.label(),
                        company: to.company,
                        behaviour: to.behaviour,
                        scope: Some(to.scope),
                        totals: shown,
                        first_seen_unix_ms: row.first_seen_unix_ms,
                        last_seen_unix_ms: row.last_seen_unix_ms,
                    });
                    let before = row.totals.since(shown);
                    if !before.is_zero() {
                        all.fold(row, before);
                    }
                }
                (to, _) => {
                    all.capped += u64::from(to.is_some());
                    all.fold(row, row.totals);
                }
            }
        }
        // By name, so that two scrapes have the same order.
        all.own.sort_by(|a, b| (&a.destination, a.scope).cmp(&(&b.destination, b.scope)));
        all
    }

    fn fold(&mut self, row: &DestinationRow, totals: Totals) {
        self.other.get_or_insert_with(|| DestinationSeries::other(row)).include(row, totals);
    }

    /// Sums all up in `(other)`, with those of another app.
    pub(super) fn merge(&mut self, others: &Self) {
        let own = std::mem::take(&mut self.own);
        self.capped += (own.len() + others.own.len()) as u64 + others.capped;
        for series in own.iter().chain(&others.own).chain(&others.other) {
            let other = self.other.get_or_insert_with(|| DestinationSeries {
                destination: Place::Other.label(),
                company: None,
                behaviour: None,
                scope: None,
                totals: Totals::default(),
                ..series.clone()
            });
            other.totals.add(series.totals);
            other.first_seen_unix_ms = other.first_seen_unix_ms.min(series.first_seen_unix_ms);
            other.last_seen_unix_ms = other.last_seen_unix_ms.max(series.last_seen_unix_ms);
        }
    }

    /// All series, `(other)` last.
    pub(super) fn iter(&self) -> impl Iterator<Item = &DestinationSeries> {
        self.own.iter().chain(&self.other)
    }
}
