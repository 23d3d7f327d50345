//! What the memory holds, as a JSON document: what the agent answers on its control socket to those who
//! ask for the past.

use serde::{Deserialize, Serialize};

use crate::memory::{Memory, Period, Sums};

/// The version of the schema; see [`super::json::VERSION`] for what it promises.
pub const VERSION: u32 = 1;

/// Everything that is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Past {
    /// The version of the schema: [`VERSION`].
    pub version: u32,
    /// The apps.
    pub apps: Vec<PastApp>,
    /// Whether the first 24 hours are over, and their report does not change any more.
    pub first_day_is_sealed: bool,
    /// What was seen in the first 24 hours, in the order of first contact.
    pub first_day: Vec<FirstDay>,
}

/// An app over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PastApp {
    /// As in the other document.
    pub kind: String,
    /// As in the other document.
    pub id: String,
    /// First contact; `null` when no clock told.
    pub first_unix_ms: Option<u64>,
    /// Last contact.
    pub last_unix_ms: Option<u64>,
    /// Everything since the first contact.
    pub totals: PastTotals,
    /// Sums by hour, 48 at most: hours since the Unix epoch.
    pub hours: Vec<PastPeriod>,
    /// Sums by day, 100 at most: local days since the Unix epoch.
    pub days: Vec<PastPeriod>,
    /// Sums by month, 24 at most: year * 12 + month - 1, local.
    pub months: Vec<PastPeriod>,
    /// Where it went.
    pub destinations: Vec<PastDestination>,
}

/// A destination of an app over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PastDestination {
    /// As in the other document, at most a registrable domain.
    pub name: String,
    /// The company behind it.
    pub company: Option<String>,
    /// The id of the documented behaviour.
    pub behaviour: Option<String>,
    /// First contact; `null` when no clock told.
    pub first_unix_ms: Option<u64>,
    /// Last contact.
    pub last_unix_ms: Option<u64>,
    /// Events: contacts that follow each other closely are one.
    pub events: u32,
    /// The median of the latest intervals between events, in seconds.
    pub interval_seconds: Option<u32>,
    /// The sums.
    pub totals: PastTotals,
}

/// Sums over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PastTotals {
    /// Connections, or first datagrams.
    pub contacts: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
}

/// An hour, day or month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PastPeriod {
    /// Which.
    pub number: u32,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
}

/// A pair of app and destination in the first 24 hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FirstDay {
    /// The app's kind.
    pub kind: String,
    /// The app's id.
    pub id: String,
    /// The destination.
    pub destination: String,
    /// The id of the documented behaviour.
    pub behaviour: Option<String>,
    /// Seconds from the beginning to the first contact.
    pub first_seconds: u32,
    /// Seconds from the beginning to the last contact of the day.
    pub last_seconds: u32,
    /// The sums.
    pub totals: PastTotals,
}

impl From<Sums> for PastTotals {
    fn from(sums: Sums) -> Self {
        Self { contacts: sums.contacts, sent_bytes: sums.tx_bytes, received_bytes: sums.rx_bytes }
    }
}

impl From<&Period> for PastPeriod {
    fn from(period: &Period) -> Self {
        Self { number: period.number, sent_bytes: period.tx_bytes, received_bytes: period.rx_bytes }
    }
}

impl From<&Memory> for Past {
    fn from(memory: &Memory) -> Self {
        let periods = |periods: &[Period]| periods.iter().map(PastPeriod::from).collect();
        let mut apps: Vec<PastApp> = memory
            .apps()
            .map(|view| PastApp {
                kind: view.app.kind.to_string(),
                id: view.app.id.to_string(),
                first_unix_ms: view.first_ms,
                last_unix_ms: view.last_ms,
                totals: view.sums.into(),
                hours: periods(view.periods.hours()),
                days: periods(view.periods.days()),
                months: periods(view.periods.months()),
                destinations: Vec::new(),
            })
            .collect();
        for view in memory.keys() {
            let is_it = |app: &&mut PastApp| *app.kind == *view.app.kind && *app.id == *view.app.id;
            if let Some(app) = apps.iter_mut().find(is_it) {
                app.destinations.push(PastDestination {
                    name: view.destination.to_owned(),
                    company: view.company.map(str::to_owned),
                    behaviour: view.behaviour.map(str::to_owned),
                    first_unix_ms: view.first_ms,
                    last_unix_ms: view.last_ms,
                    events: view.events,
                    interval_seconds: view.interval_s,
                    totals: view.sums.into(),
                });
            }
        }
        let report = memory.report();
        let first_day = report.lines().iter().map(|line| FirstDay {
            kind: line.app.kind.to_string(),
            id: line.app.id.to_string(),
            destination: line.destination.to_string(),
            behaviour: line.behaviour.as_deref().map(str::to_owned),
            first_seconds: line.first_s,
            last_seconds: line.last_s,
            totals: line.sums.into(),
        });
        Self {
            version: VERSION,
            apps,
            first_day_is_sealed: report.is_sealed(),
            first_day: first_day.collect(),
        }
    }
}
