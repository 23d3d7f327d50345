//! What is forgotten when there is no room.
//!
//! Keys of the app that has most of them, a sixteenth of all at once, so that a browser or a scan
//! pays for its own detail and nobody else's. Of these, in this order:
//!
//! 1. what the catalogue knows as ordinary;
//! 2. what is found to be regular with less than an hour between: one of its findings says it all;
//! 3. what had many events and shows no pattern, those with most of them first;
//! 4. what had one or two events;
//! 5. what had a few more;
//! 6. what a lasting finding is about.
//!
//! Among equals a keyed hash decides: neither age nor name. Sums go to the `(other)` of the app, and
//! 24 bytes to the tail.

use std::collections::BTreeSet;

use super::Memory;
use super::date::{Date, HOUR};
use super::finding::Kind;
use super::key::{Id, Key, Sums};
use super::tail::{Rest, TailId};

/// Events that are many: a ring full of them was seen twice without a pattern.
const MANY: u32 = 32;

impl Memory {
    /// Folds keys until there is room for one.
    pub(super) fn make_room(&mut self, t: u32) {
        let Some(app) = self.largest_app() else { return };
        let mut lasting = BTreeSet::new();
        let mut boring = BTreeSet::new();
        for (kind, id, found, _) in self.findings.iter(&self.line, t) {
            match kind {
                Kind::NewApp | Kind::NewCompany | Kind::FirstContact => continue,
                Kind::Regular if found.evidence.period_s < HOUR => boring.insert(id),
                _ => lasting.insert(id),
            };
        }
        let rank = |id: &Id, key: &Key| match key {
            key if key.is_benign => (0, 0),
            _ if lasting.contains(id) => (5, 0),
            _ if boring.contains(id) => (1, 0),
            key if key.events >= MANY => (2, u32::MAX - key.events),
            key if key.events <= 2 => (3, 0),
            _ => (4, 0),
        };
        let mut order: Vec<_> = keys_of(app, self).map(|(id, key)| (rank(id, key), *id)).collect();
        order.sort_unstable();
        let excess = self.keys.len().saturating_sub(self.limits.keys_max);
        for (_, id) in order.into_iter().take((self.limits.keys_max / 16).max(1) + excess) {
            self.fold(id, true);
        }
    }

    fn largest_app(&self) -> Option<u16> {
        let mut counts = std::collections::BTreeMap::new();
        self.keys.keys().for_each(|id| *counts.entry(id.app).or_insert(0_usize) += 1);
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(app, _)| app)
    }

    /// Folds a key into the sums of its app, and, if `keep_rest`, into the tail.
    pub(super) fn fold(&mut self, id: Id, keep_rest: bool) {
        let Some(key) = self.keys.remove(&id) else { return };
        let Some(app) = self.apps.get_mut(id.app) else { return };
        app.other.add(key.sums);
        self.folded = self.folded.saturating_add(1);
        if key.is_detail {
            // What was found names the host as well.
            self.findings.retain(|_, found, _| found != id);
        }
        if keep_rest && !key.is_detail {
            let app = app.key.clone();
            let rest =
                Rest { first: key.first, last: key.last, count: key.events, days: key.masks.days };
            let tail_id = self.tail_id(&app, &key.destination);
            self.tail.put(tail_id, rest, self.limits.tail_max, self.salt);
        }
    }

    /// Adds a contact of a key that was forgotten and finds no room.
    pub(super) fn note_forgotten(
        &mut self,
        slot: u16,
        id: TailId,
        sums: Sums,
        t: u32,
        date: Option<Date>,
    ) {
        if let Some(app) = self.apps.get_mut(slot) {
            app.other.add(sums);
        }
        if let Some(rest) = self.tail.rests.get_mut(&id) {
            rest.last = rest.last.max(t);
            rest.count = rest.count.saturating_add(1);
            rest.days |= date.map_or(0, |date| 1 << date.day);
        }
    }

    /// Forgets the apps of which nothing is left: no key, and no period.
    pub(super) fn forget_silent_apps(&mut self, t: u32) {
        let with_keys: BTreeSet<u16> = self.keys.keys().map(|id| id.app).collect();
        let months = |last: u32| t.saturating_sub(last) > 732 * super::DAY;
        let silent: Vec<u16> = self
            .apps
            .iter()
            .filter(|(slot, app)| {
                *slot != super::app::OTHER && !with_keys.contains(slot) && months(app.last)
            })
            .map(|(slot, _)| slot)
            .collect();
        for slot in silent {
            self.findings.retain(|_, id, _| id.app != slot);
            if let Some(app) = self.apps.get(slot) {
                let sums = app.sums;
                if let Some(other) = self.apps.get_mut(super::app::OTHER) {
                    other.sums.add(sums);
                    other.other.add(sums);
                }
            }
            self.apps.remove(slot);
        }
    }
}

impl Memory {
    /// The same without full hosts, whose detail is never written: a device that sleeps could not
    /// remove it from its disk in time. `None` when there are none.
    pub(super) fn without_detail(&self) -> Option<Self> {
        let is_detail = |(id, key): (&Id, &Key)| key.is_detail.then_some(*id);
        let detail: Vec<Id> = self.keys.iter().filter_map(is_detail).collect();
        (!detail.is_empty()).then(|| {
            let mut copy = self.clone();
            for id in detail {
                copy.fold(id, false);
            }
            copy
        })
    }
}

/// The keys of an app.
pub(super) fn keys_of(app: u16, memory: &Memory) -> impl Iterator<Item = (&Id, &Key)> {
    memory.keys.range(Id { app, name: 0 }..=Id { app, name: u64::MAX })
}
