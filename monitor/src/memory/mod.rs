//! Stage 4: since when, how often, and what is new.
//!
//! Per app, destination and behaviour a bounded record of contacts, and per app sums by hour, day
//! and month, that outlive the agent and the boot. The [`detect`]ors turn records into
//! [`Finding`]s. Time is an argument everywhere: a year of a phone's life takes a second.
//!
//! Nothing is forgotten because it is old alone: what comes once a month is always what was not
//! seen for longest. [`room`] says what goes first, and [`Retention`] how long anything stays.

mod app;
mod date;
mod detect;
mod finding;
mod findings;
mod forget;
mod hash;
mod key;
mod moment;
mod periods;
mod policy;
mod ring;
mod room;
mod sealed;
pub mod store;
mod tail;
mod timeline;
mod view;
mod words;

use std::collections::BTreeMap;

pub use app::AppKey;
pub use finding::{Evidence, Finding, Kind, State};
pub use forget::Forget;
pub use key::{INTERVAL_BINS, Masks, Sums};
pub use moment::{Moment, Presence};
pub use periods::{DAYS_MAX, HOURS_MAX, MONTHS_MAX, Period, Periods};
pub use policy::{WriteMode, WritePolicy};
pub use sealed::{Line, Origin, Report};
pub use view::{AppView, Health, KeyView};

use self::app::Apps;
use self::date::{DAY, Date, HOUR};
use self::detect::{after_boot, behaviour, calendar, floating, novelty, rare, regular};
use self::findings::Findings;
use self::hash::Salt;
use self::key::{Id, Key, Seen};
use self::tail::{Tail, TailId};
use self::timeline::{Shift, Step, Timeline};

/// Bytes of the longest name that is kept; a host name has 253 at most (RFC 1035 section 2.3.4).
pub const NAME_BYTES_MAX: usize = 256;

/// Bounds of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Keys remembered in detail: pairs of app and destination, by behaviour.
    pub keys_max: usize,
    /// Keys of which 24 bytes are left.
    pub tail_max: usize,
    /// Apps whose sums are told apart.
    pub apps_max: usize,
    /// Findings.
    pub findings_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { keys_max: 2_000, tail_max: 4_096, apps_max: 128, findings_max: 256 }
    }
}

/// How long anything is remembered after it was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days of a key, and of a finding after it has faded.
    pub key_days: u16,
    /// Hours of a key whose destination is a full host.
    pub detail_hours: u16,
    /// Days of what is left of a key.
    pub tail_days: u16,
}

impl Default for Retention {
    fn default() -> Self {
        Self { key_days: 100, detail_hours: 24, tail_days: 400 }
    }
}

/// Traffic between an app and a destination, new since the last time it was told.
#[derive(Clone, Copy, Debug)]
pub struct Contact<'a> {
    /// The app, or the device behind a router with the kind `device`.
    pub app: &'a AppKey,
    /// The destination, already redacted to the level that may be kept.
    pub destination: &'a str,
    /// The id of the behaviour in the catalogue that the full host matched.
    pub behaviour: Option<&'a str>,
    /// The company behind the destination.
    pub company: Option<&'a str>,
    /// Whether the catalogue knows the behaviour as ordinary, such as setting the clock.
    pub is_benign: bool,
    /// Whether `destination` is a full host, which is kept for a day only.
    pub is_detail: bool,
    /// Contacts and bytes.
    pub sums: Sums,
    /// By how many seconds the moment may be off: 0 when it is that of a packet or a call, the time
    /// since the last look when it is that of a look at counters.
    pub resolution_s: u16,
}

/// The memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    limits: Limits,
    retention: Retention,
    salt: Salt,
    line: Timeline,
    /// Where it begins on the line.
    begins: u32,
    apps: Apps,
    keys: BTreeMap<Id, Key>,
    tail: Tail,
    findings: Findings,
    report: Report,
    /// Keys folded into the sums of their apps.
    folded: u64,
    /// The day on which it was last looked for what is too old.
    swept: u32,
    has_changed: bool,
}

impl Memory {
    /// An empty memory. `salt` are random bytes, this device's own.
    pub fn new(limits: Limits, retention: Retention, salt: [u8; 16], origin: Origin) -> Self {
        Self {
            limits,
            retention,
            salt: Salt::new(salt),
            line: Timeline::default(),
            begins: 0,
            apps: Apps::new(),
            keys: BTreeMap::new(),
            tail: Tail::default(),
            findings: Findings::default(),
            report: Report { origin, ..Report::default() },
            folded: 0,
            swept: 0,
            has_changed: false,
        }
    }

    /// Adds a contact that began at `now`, which may be a little earlier than others that were added
    /// before.
    pub fn contact(&mut self, contact: &Contact<'_>, now: &Moment) {
        self.has_changed = true;
        let step = self.step(now);
        let date = step.is_dated.then(|| Date::at(step.t, now.utc_offset_s()));
        self.sweep(step.t, date);
        let (slot, is_new_app) = self.apps.slot(contact.app, self.limits.apps_max, step.t);
        let Some(app) = self.apps.get_mut(slot) else { return };
        app.sums.add(contact.sums);
        app.first = app.first.min(step.t);
        app.last = app.last.max(step.t);
        app.periods.add(contact.sums, step.t, date);
        let app_first = app.first;
        self.note_first_day(contact, step.t, app_first);

        let id = self.id(slot, contact);
        let is_new_key = !self.keys.contains_key(&id);
        let mut new = novelty::New { app: is_new_app, ..novelty::New::default() };
        if is_new_key {
            let tail_id = self.tail_id(contact.app, contact.destination);
            let is_forgotten = self.tail.rests.contains_key(&tail_id);
            if self.keys.len() >= self.limits.keys_max {
                if is_forgotten && maybe_name(contact.behaviour).is_none() {
                    self.note_forgotten(slot, tail_id, contact.sums, step.t, date);
                    return;
                }
                self.make_room(step.t);
            }
            if !is_forgotten && slot != app::OTHER {
                new.destination = true;
                new.lately = self.apps.get_mut(slot).map_or(0, |app| app.novelty.note(step.t));
            }
            self.keys.insert(id, Key::new(name(contact.destination), step.t, &self.line));
        }
        if let (Some(company), Some(app)) = (maybe_name(contact.company), self.apps.get_mut(slot)) {
            new.company = app.is_new_company(company, self.salt) && slot != app::OTHER;
        }
        let Some(key) = self.keys.get_mut(&id) else { return };
        if is_new_key {
            key.behaviour = maybe_name(contact.behaviour).map(Into::into);
        }
        if key.company.as_deref() != maybe_name(contact.company) {
            key.company = maybe_name(contact.company).map(Into::into);
        }
        key.is_benign = contact.is_benign;
        key.is_detail = contact.is_detail;
        let seen = Seen {
            t: step.t,
            boot_s: now.boot_s(),
            date,
            presence: now.presence,
            sums: contact.sums,
            resolution_s: contact.resolution_s,
        };
        let begins = key.record(&seen, &self.line);
        self.detect(id, new, begins, step, now);
    }

    /// Runs the detectors, cheapest first, on a key that had a contact.
    fn detect(&mut self, id: Id, new: novelty::New, begins: bool, step: Step, now: &Moment) {
        let (Some(key), Some(app)) = (self.keys.get(&id), self.apps.get(id.app)) else { return };
        let t = step.t;
        let mut streak = key.streak;
        let mut found: Vec<(Kind, Evidence)> = Vec::new();
        let mut find = |kind, evidence: Option<Evidence>| {
            found.extend(evidence.map(|evidence| (kind, evidence)));
            evidence.is_some()
        };
        find(Kind::Documented, behaviour::test(key));
        if let Some((kind, evidence)) = novelty::test(new, app, self.begins, t) {
            find(kind, Some(evidence));
        }
        if begins && !key.is_benign {
            let (times, habit) = (key.ring.times(), key.habit());
            find(Kind::AfterBoot, after_boot::test(key, &self.line));
            let is_shared = || {
                let mut others = self.keys.iter().filter(|(other, _)| other.app != id.app);
                others.any(|(_, other)| other.destination == key.destination)
            };
            find(Kind::Rare, rare::test(&app.key.kind, key, t, is_shared));
            let ahead_s = now.utc_offset_s();
            let calendar = if step.is_dated { calendar::test(times, ahead_s, habit) } else { None };
            let floats = floating::test(times, key.events, habit, &mut streak);
            let regular = regular::test(times, key.events, habit);
            // One pattern is told as one: that which was found first.
            let is_active = |kind| self.findings.is_active((kind, id), &self.line, t);
            let is_monthly = calendar.is_some_and(|evidence| evidence.day > 0)
                || self.findings.is_active_monthly(id, &self.line, t);
            find(Kind::Calendar, calendar);
            let is_regular =
                is_active(Kind::Regular) || (regular.is_some() && !is_active(Kind::Floating));
            if is_regular && !is_monthly {
                find(Kind::Regular, regular);
            } else if !is_monthly {
                find(Kind::Floating, floats);
            }
        }
        let Some(key) = self.keys.get_mut(&id) else { return };
        key.streak = streak;
        for (kind, evidence) in found {
            let id = if kind == Kind::NewApp { Id { name: 0, ..id } } else { id };
            self.findings.confirm((kind, id), key, evidence, &self.line, t);
        }
        self.findings.make_room(self.limits.findings_max, &self.line, t);
    }

    /// Moves on in time, and moves what was recorded before the time was known.
    fn step(&mut self, now: &Moment) -> Step {
        let is_first = self.line.boots == 0;
        let step = self.line.advance(now);
        if is_first {
            self.begins = step.t;
            self.report.begins = match self.report.origin {
                Origin::FirstBoot => step.t.saturating_sub(now.boot_s()),
                Origin::Installed => step.t,
            };
        } else if let Some(shift) = step.shift {
            self.shift(shift);
        }
        if step.is_newly_dated {
            self.date(now);
        }
        step
    }

    fn shift(&mut self, shift: Shift) {
        shift.apply(&mut self.begins);
        shift.apply(&mut self.report.begins);
        self.swept = 0;
        for key in self.keys.values_mut() {
            key.shift(shift);
        }
        for rest in self.tail.rests.values_mut() {
            shift.apply_both(&mut rest.first, &mut rest.last);
        }
        for app in self.apps.iter_mut() {
            shift.apply_both(&mut app.first, &mut app.last);
            shift.apply(&mut app.novelty.since);
            app.periods.shift(shift);
        }
        for found in self.findings.found.values_mut() {
            shift.apply_both(&mut found.first, &mut found.last);
        }
    }

    /// The date is known: events of this boot get theirs.
    fn date(&mut self, now: &Moment) {
        for key in self.keys.values_mut() {
            let events = key.ring.times().iter().filter(|t| **t >= self.line.start);
            events.for_each(|t| key.masks.mark(Date::at(*t, now.utc_offset_s())));
        }
    }

    /// Once a day, what is too old goes.
    fn sweep(&mut self, t: u32, date: Option<Date>) {
        // Without a date nothing is known to be old.
        let Some(date) = date else { return };
        if self.swept == date.days {
            return;
        }
        self.swept = date.days;
        let age = |last: u32| t.saturating_sub(last);
        let keep = u32::from(self.retention.key_days) * DAY;
        let detail = u32::from(self.retention.detail_hours) * HOUR;
        let expired = |key: &Key| age(key.last) > if key.is_detail { detail } else { keep };
        let old: Vec<Id> =
            self.keys.iter().filter(|(_, key)| expired(key)).map(|(id, _)| *id).collect();
        for id in old {
            self.fold(id, false);
        }
        let tail_keep = u32::from(self.retention.tail_days) * DAY;
        self.tail.rests.retain(|_, rest| age(rest.last) <= tail_keep);
        self.apps.iter_mut().for_each(|app| app.periods.expire(t, date));
        let line = &self.line;
        let keys = &self.keys;
        self.findings.retain(|kind, id, found| {
            keys.contains_key(&id)
                || kind == Kind::NewApp
                || line.last - found.last.min(line.last) <= keep
        });
        self.forget_silent_apps(t);
    }

    fn note_first_day(&mut self, contact: &Contact<'_>, t: u32, app_first: u32) {
        if self.report.is_sealed && &*contact.app.kind != "device" {
            return;
        }
        let line = Line {
            app: contact.app.clone(),
            destination: name(contact.destination).into(),
            behaviour: maybe_name(contact.behaviour).map(Into::into),
            sums: contact.sums,
            first_s: 0,
            last_s: 0,
        };
        // Full hosts are for a day: the report stays.
        if !contact.is_detail {
            self.report.note(t, app_first, line);
        }
    }

    fn id(&self, app: u16, contact: &Contact<'_>) -> Id {
        let destination = name(contact.destination);
        let behaviour = maybe_name(contact.behaviour);
        let name = match behaviour {
            Some(behaviour) => self.salt.hash(&[destination, behaviour]),
            None => self.salt.hash(&[destination]),
        };
        Id { app, name }
    }

    fn tail_id(&self, app: &AppKey, destination: &str) -> TailId {
        let app = self.salt.short(&[&app.kind, &app.id]);
        TailId { app, destination: self.salt.short(&[name(destination)]) }
    }

    /// Whether anything was recorded since the last [`Memory::saved`].
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// What there is was written.
    pub fn saved(&mut self) {
        self.has_changed = false;
    }
}

/// A name, cut where it is too long to be kept.
fn name(text: &str) -> &str {
    text.get(..text.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default()
}

/// A name that says something.
fn maybe_name(text: Option<&str>) -> Option<&str> {
    text.map(name).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
