//! The memory as others see it.

use super::app::{App, AppKey, OTHER};
use super::finding::{Finding, State};
use super::findings::Found;
use super::key::{Id, Key};
use super::tail::{Rest, TailId};
use super::timeline::FLOOR;
use super::{Kind, Line, Masks, Memory, Moment, Period, Periods, Report, Sums};

/// An app, and its sums.
#[derive(Clone, Copy, Debug)]
pub struct AppView<'a> {
    /// The app.
    pub app: &'a AppKey,
    /// Everything since the first contact.
    pub sums: Sums,
    /// The part of it whose destinations are not remembered in detail.
    pub other: Sums,
    /// First contact, in milliseconds since the Unix epoch; `None` when no clock told.
    pub first_ms: Option<u64>,
    /// Last contact.
    pub last_ms: Option<u64>,
    /// Sums by hour, day and month.
    pub periods: &'a Periods,
}

/// A pair of app and destination.
#[derive(Clone, Copy, Debug)]
pub struct KeyView<'a> {
    /// The app.
    pub app: &'a AppKey,
    /// The destination.
    pub destination: &'a str,
    /// The id of the behaviour in the catalogue.
    pub behaviour: Option<&'a str>,
    /// The company behind the destination.
    pub company: Option<&'a str>,
    /// The sums.
    pub sums: Sums,
    /// First contact, in milliseconds since the Unix epoch; `None` when no clock told.
    pub first_ms: Option<u64>,
    /// Last contact.
    pub last_ms: Option<u64>,
    /// Seconds from the start of the device to the first contact.
    pub first_boot_s: u32,
    /// Events: contacts that follow each other closely are one.
    pub events: u32,
    /// The median of the latest intervals between events, in seconds.
    pub interval_s: Option<u32>,
    /// How many intervals were from 2^n to 2^(n+1) seconds long.
    pub intervals: &'a [u16; super::INTERVAL_BINS],
    /// When it was seen.
    pub masks: Masks,
    /// Events while somebody used the device, and while nobody did.
    pub presence: (u16, u16),
}

/// What the memory did with what found no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Keys remembered in detail.
    pub keys: usize,
    /// Keys of which little is left.
    pub tail: usize,
    /// Apps, `(other)` not counted.
    pub apps: usize,
    /// Keys ever folded into the sums of their apps.
    pub keys_folded: u64,
    /// Keys of which nothing is left.
    pub tail_dropped: u64,
    /// How often an app found no room.
    pub apps_capped: u64,
    /// Findings that found no room.
    pub findings_dropped: u64,
    /// Bytes that all of it takes, without what the allocator and the trees add.
    pub bytes: usize,
}

impl Memory {
    /// All findings, cheapest detector first.
    pub fn findings(&self, now: &Moment) -> Vec<Finding> {
        let t = self.line.at(now);
        let found = self.findings.iter(&self.line, t);
        found.filter_map(|(kind, id, found, state)| self.finding(kind, id, found, state)).collect()
    }

    /// How many findings of each kind are active, in the order of [`Kind::ALL`].
    pub fn active_findings(&self, now: &Moment) -> impl Iterator<Item = (Kind, usize)> {
        let t = self.line.at(now);
        let mut counts = std::collections::BTreeMap::new();
        for (kind, _, _, state) in self.findings.iter(&self.line, t) {
            *counts.entry(kind).or_insert(0) += usize::from(state == State::Active);
        }
        Kind::ALL.iter().map(move |kind| (*kind, counts.get(kind).copied().unwrap_or(0)))
    }

    /// The next finding that was not given before; each is given once, and again when it comes back
    /// after a week. What is not taken is dropped, oldest first.
    pub fn next_news(&mut self) -> Option<Finding> {
        while let Some(at) = self.findings.next_news() {
            let found = self.findings.found.get(&at);
            let news = found.and_then(|found| self.finding(at.0, at.1, found, State::Active));
            if news.is_some() {
                return news;
            }
        }
        None
    }

    fn finding(&self, kind: Kind, id: Id, found: &Found, state: State) -> Option<Finding> {
        Some(Finding {
            kind,
            app: self.apps.get(id.app)?.key.clone(),
            destination: found.destination.clone(),
            behaviour: found.behaviour.clone(),
            company: found.company.clone(),
            evidence: found.evidence,
            first_ms: unix_ms(found.first),
            last_ms: unix_ms(found.last),
            state,
        })
    }

    /// All apps, and `(other)` if anything went there.
    pub fn apps(&self) -> impl Iterator<Item = AppView<'_>> {
        let apps = self.apps.iter();
        apps.filter(|(slot, app)| *slot != OTHER || app.sums != Sums::default())
            .map(|(_, app)| app_view(app))
    }

    /// An app by its key.
    pub fn app(&self, key: &AppKey) -> Option<AppView<'_>> {
        self.apps.get(*self.apps.index.get(key)?).map(app_view)
    }

    /// All pairs of app and destination, app by app.
    pub fn keys(&self) -> impl Iterator<Item = KeyView<'_>> {
        self.keys.iter().filter_map(|(id, key)| Some(key_view(self.apps.get(id.app)?, key)))
    }

    /// The report of the first 24 hours.
    pub fn report(&self) -> &Report {
        &self.report
    }

    fn bytes(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_deref().map_or(0, str::len);
        let key = |key: &Key| {
            size_of::<(Id, Key)>()
                + key.destination.len()
                + text(&key.behaviour)
                + text(&key.company)
        };
        let app = |app: &App| {
            let periods = &app.periods;
            let count = periods.hours.len() + periods.days.len() + periods.months.len();
            let name = app.key.kind.len() + app.key.id.len();
            // The index holds the name once more.
            size_of::<App>()
                + size_of::<(AppKey, u16)>()
                + name * 2
                + count * size_of::<Period>()
                + app.companies.len() * size_of::<u32>()
        };
        let found = |found: &Found| {
            size_of::<(Kind, Id, Found)>() + found.destination.len() + text(&found.behaviour)
        };
        let line = |line: &Line| {
            size_of::<Line>() + line.app.kind.len() + line.app.id.len() + line.destination.len()
        };
        size_of::<Self>()
            + self.keys.values().map(key).sum::<usize>()
            + self.apps.iter().map(|(_, it)| app(it)).sum::<usize>()
            + self.tail.rests.len() * size_of::<(TailId, Rest)>()
            + self.findings.found.values().map(found).sum::<usize>()
            + self.report.lines.iter().map(line).sum::<usize>()
    }

    /// What found no room, and how large it is.
    pub fn health(&self) -> Health {
        Health {
            keys: self.keys.len(),
            tail: self.tail.rests.len(),
            apps: self.apps.index.len() - 1,
            keys_folded: self.folded,
            tail_dropped: self.tail.dropped,
            apps_capped: self.apps.capped,
            findings_dropped: self.findings.dropped,
            bytes: self.bytes(),
        }
    }
}

fn app_view(app: &App) -> AppView<'_> {
    AppView {
        app: &app.key,
        sums: app.sums,
        other: app.other,
        first_ms: unix_ms(app.first),
        last_ms: unix_ms(app.last),
        periods: &app.periods,
    }
}

fn key_view<'a>(app: &'a App, key: &'a Key) -> KeyView<'a> {
    KeyView {
        app: &app.key,
        destination: &key.destination,
        behaviour: key.behaviour.as_deref(),
        company: key.company.as_deref(),
        sums: key.sums,
        first_ms: unix_ms(key.first),
        last_ms: unix_ms(key.last),
        first_boot_s: key.first_boot_s,
        events: key.events,
        interval_s: key.median_interval(),
        intervals: &key.intervals,
        masks: key.masks,
        presence: (key.present, key.away),
    }
}

/// A time on the line as Unix time, if it is one.
fn unix_ms(t: u32) -> Option<u64> {
    (t >= FLOOR).then(|| u64::from(t) * 1_000)
}
