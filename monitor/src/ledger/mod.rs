//! Stage 3: how much went where.
//!
//! Sums by app, and by app and destination. Both are bounded: what finds no room is added to an
//! `(other)`, so that the sums over everything shown are always the sums over everything recorded.

mod entry;
pub mod flows;
mod target;
pub mod totals;

use std::collections::BTreeMap;

pub use entry::{Contact, Destination, DestinationSums, Entry, Sources};
pub use flows::FlowBook;
pub use target::{Target, Which};
pub use totals::Totals;

use crate::identity::{App, Identity, Rung};

/// Bounds of the ledger.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Apps, `(other)` not counted.
    pub apps_max: usize,
    /// Destinations of all apps together, the apps' own `(other)`s not counted.
    pub destinations_max: usize,
    /// Destinations of one app that have series of their own in the metrics.
    pub shown_per_app_max: usize,
    /// Destinations of all apps together that have series of their own in the metrics.
    pub shown_max: usize,
}

/// An app's place in the ledger. Apps never leave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(usize);

impl Slot {
    /// Its number, counted up from 0.
    pub fn number(self) -> usize {
        self.0
    }
}

/// Sums by app and destination.
#[derive(Debug)]
pub struct Ledger {
    limits: Limits,
    entries: Vec<Entry>,
    index: BTreeMap<App, Slot>,
    /// The slot of `(other)`, once something went there.
    other: Option<Slot>,
    destinations: usize,
    shown: usize,
    apps_capped: u64,
    destinations_capped: u64,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: Vec::new(),
            index: BTreeMap::new(),
            other: None,
            destinations: 0,
            shown: 0,
            apps_capped: 0,
            destinations_capped: 0,
        }
    }

    /// The place of an app; that of `(other)` when the ledger is full. What is known of the app is
    /// brought up to date: a better rung replaces a worse one, and a name no name.
    pub fn slot(&mut self, identity: &Identity) -> Slot {
        if let Some(slot) = self.index.get(&identity.app).copied() {
            if let Some(entry) = self.entries.get_mut(slot.0) {
                entry.learn(identity);
            }
            return slot;
        }
        if self.index.len() >= self.limits.apps_max {
            self.apps_capped = self.apps_capped.saturating_add(1);
            return self.other_slot();
        }
        let slot = self.append(identity.clone());
        self.index.insert(identity.app.clone(), slot);
        slot
    }

    fn other_slot(&mut self) -> Slot {
        if let Some(slot) = self.other {
            return slot;
        }
        let identity = Identity { app: App::other(), rung: Rung::None, name: None, icon: None };
        let slot = self.append(identity);
        self.other = Some(slot);
        slot
    }

    fn append(&mut self, identity: Identity) -> Slot {
        self.entries.push(Entry::new(identity));
        Slot(self.entries.len() - 1)
    }

    /// Adds a contact to an app's sums. `now_ns` is the time since boot.
    pub fn record(&mut self, slot: Slot, contact: &Contact, now_ns: u64) {
        let Some(entry) = self.entries.get(slot.0) else {
            return;
        };
        let known = entry.knows(contact.destination.as_ref());
        if !known && self.destinations >= self.limits.destinations_max {
            self.make_room();
        }
        let has_room = !known && self.shown < self.limits.shown_max;
        let Some(entry) = self.entries.get_mut(slot.0) else {
            return;
        };
        let shows = has_room && entry.shown() < self.limits.shown_per_app_max;
        if entry.record(contact, now_ns, shows) {
            self.destinations += 1;
            self.shown += usize::from(shows);
        }
    }

    /// An app's sums for a destination, while that is told apart.
    pub fn sums(&self, slot: Slot, destination: &Destination) -> Option<&DestinationSums> {
        self.entries.get(slot.0)?.sums(destination)
    }

    /// Lets a large destination of each app take the place of a small one in the metrics.
    pub fn promote(&mut self) {
        let Limits { shown_per_app_max, shown_max, .. } = self.limits;
        for entry in &mut self.entries {
            let shown = entry.shown();
            if shown_per_app_max == 0 || shown == entry.told_apart() {
                continue;
            }
            let has_room = shown < shown_per_app_max && self.shown < shown_max;
            self.shown += usize::from(entry.promote(has_room));
        }
    }

    /// Folds the longest-silent destinations of the app that has most of them, an eighth at once, so
    /// that a scan pays for its own detail and nobody else's.
    fn make_room(&mut self) {
        let largest = self.entries.iter_mut().max_by_key(|entry| entry.told_apart());
        if let Some(entry) = largest {
            let shown = entry.shown();
            let folded = entry.fold_silent(8);
            self.shown = self.shown.saturating_sub(shown.saturating_sub(entry.shown()));
            self.destinations = self.destinations.saturating_sub(folded);
            self.destinations_capped = self.destinations_capped.saturating_add(folded as u64);
        }
    }

    /// Forgets apps or destinations; how many destinations are gone.
    pub fn forget_app(&mut self, is_it: impl Fn(&App) -> bool) -> usize {
        self.forget_with(|entry| if is_it(&entry.identity().app) { entry.clear() } else { 0 })
    }

    /// Forgets a destination of all apps, by its label; in how many apps it was.
    pub fn forget_destination(&mut self, label: &str) -> usize {
        self.forget_with(|entry| entry.forget(label))
    }

    fn forget_with(&mut self, forget: impl FnMut(&mut Entry) -> usize) -> usize {
        let gone = self.entries.iter_mut().map(forget).sum();
        self.destinations = self.destinations.saturating_sub(gone);
        self.shown = self.entries.iter().map(Entry::shown).sum();
        gone
    }

    /// All apps in the order of their arrival.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How often an app found no room.
    pub fn apps_capped(&self) -> u64 {
        self.apps_capped
    }

    /// Destinations folded into their app's `(other)`.
    pub fn destinations_capped(&self) -> u64 {
        self.destinations_capped
    }
}

#[cfg(test)]
mod tests;
