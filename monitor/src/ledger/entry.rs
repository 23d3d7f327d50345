//! An app in the ledger.

use std::collections::BTreeMap;

use super::Totals;
use crate::event::{Protocol, Scope};
use crate::identity::Identity;
use crate::naming::catalogue::BehaviourId;
use crate::naming::company::CompanyId;
use crate::naming::{Name, Origin, Place, Registration, Source};

/// Where traffic goes to or comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// As far as the level of detail tells.
    pub place: Place,
    /// Who is behind it, if that is known.
    pub company: Option<CompanyId>,
    /// What it is documented as, if it is.
    pub behaviour: Option<BehaviourId>,
    /// How far away it is.
    pub scope: Scope,
}

impl Destination {
    /// The destination that a name stands for.
    pub fn of(name: &Name, scope: Scope) -> Self {
        let Name { place, company, behaviour, .. } = name.clone();
        Self { place, company, behaviour, scope }
    }
}

/// What names came from, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources(u8);

impl Sources {
    /// The set of one.
    pub const fn one(source: Source) -> Self {
        Self(1 << source as u8)
    }

    /// Adds those of another set.
    pub const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Its members, most trusted first.
    pub fn iter(self) -> impl Iterator<Item = Source> {
        Source::ALL.into_iter().filter(move |source| self.0 & (1 << *source as u8) != 0)
    }
}

/// Something to be added to an app's sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The protocol.
    pub protocol: Protocol,
    /// How far it went.
    pub scope: Scope,
    /// Where to; `None` for all that is not told apart.
    pub destination: Option<Destination>,
    /// What the name of the destination came from.
    pub source: Source,
    /// Whether another name would do as well.
    pub is_ambiguous: bool,
    /// Where its address is registered, if that was looked up.
    pub origin: Option<Origin>,
    /// What is added.
    pub totals: Totals,
    /// When the socket was opened, in nanoseconds since boot.
    pub opened_ns: u64,
}

/// An app's sums for one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationSums {
    /// The sums.
    pub totals: Totals,
    /// First contact, in nanoseconds since boot.
    pub first_ns: u64,
    /// Last contact, in nanoseconds since boot.
    pub last_ns: u64,
    /// What its name came from.
    pub sources: Sources,
    /// Whether another name would have done as well, at least once.
    pub is_ambiguous: bool,
    /// Where its addresses are registered, if anything is known of that.
    pub registration: Option<Box<Registration>>,
    /// While it has series of its own in the metrics: what had been counted before, in `(other)`.
    pub shown_since: Option<Totals>,
}

impl DestinationSums {
    fn new(contact: &Contact, now_ns: u64) -> Self {
        Self {
            totals: contact.totals,
            first_ns: contact.opened_ns.min(now_ns),
            last_ns: now_ns,
            sources: Sources::one(contact.source),
            is_ambiguous: contact.is_ambiguous,
            registration: contact.origin.clone().and_then(Registration::of).map(Box::new),
            shown_since: None,
        }
    }

    /// What its own series in the metrics show.
    pub fn shown(&self) -> Option<Totals> {
        self.shown_since.map(|since| self.totals.since(since))
    }

    fn merge(&mut self, other: &Self) {
        self.totals.add(other.totals);
        self.first_ns = self.first_ns.min(other.first_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
        self.sources.add(other.sources);
        self.is_ambiguous |= other.is_ambiguous;
        match (&mut self.registration, &other.registration) {
            (Some(registration), Some(other)) => registration.add(other),
            (registration @ None, other) => registration.clone_from(other),
            (Some(_), None) => {}
        }
    }

    fn bytes(&self) -> u64 {
        self.totals.tx.bytes.saturating_add(self.totals.rx.bytes)
    }
}

/// An app in the ledger.
#[derive(Debug)]
pub struct Entry {
    identity: Identity,
    classes: BTreeMap<(Protocol, Scope), Totals>,
    destinations: BTreeMap<Destination, DestinationSums>,
    /// Destinations with series of their own in the metrics.
    shown: usize,
    other: Option<DestinationSums>,
    first_ns: u64,
    last_ns: u64,
}

impl Entry {
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            identity,
            classes: BTreeMap::new(),
            destinations: BTreeMap::new(),
            shown: 0,
            other: None,
            first_ns: u64::MAX,
            last_ns: 0,
        }
    }

    /// The app, and how it was recognised.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// First contact with anybody, in nanoseconds since boot; the maximum before it.
    pub fn first_ns(&self) -> u64 {
        self.first_ns
    }

    /// Last contact with anybody, in nanoseconds since boot.
    pub fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// Sums by protocol and scope, ordered.
    pub fn classes(&self) -> impl Iterator<Item = (Protocol, Scope, Totals)> {
        self.classes.iter().map(|((protocol, scope), totals)| (*protocol, *scope, *totals))
    }

    /// Sums by destination, `(other)` last.
    pub fn destinations(&self) -> impl Iterator<Item = (Option<&Destination>, &DestinationSums)> {
        let known = self.destinations.iter().map(|(to, sums)| (Some(to), sums));
        known.chain(self.other.as_ref().map(|sums| (None, sums)))
    }

    /// How many destinations are told apart.
    pub(super) fn told_apart(&self) -> usize {
        self.destinations.len()
    }

    pub(super) fn learn(&mut self, identity: &Identity) {
        self.identity.rung = self.identity.rung.min(identity.rung);
        if self.identity.name.is_none() {
            self.identity.name.clone_from(&identity.name);
        }
        if self.identity.icon.is_none() {
            self.identity.icon.clone_from(&identity.icon);
        }
    }

    pub(super) fn knows(&self, destination: Option<&Destination>) -> bool {
        destination.is_none_or(|destination| self.destinations.contains_key(destination))
    }

    /// Whether nothing was counted, or all of it was forgotten.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// Forgets everything that was counted; how many destinations that were.
    pub(super) fn clear(&mut self) -> usize {
        let gone = self.destinations.len();
        *self = Self::new(self.identity.clone());
        gone
    }

    /// Forgets which destination this traffic went to: its sums stay in `(other)`. How many that were.
    pub(super) fn forget(&mut self, label: &str) -> usize {
        let mut gone = Vec::new();
        self.destinations.retain(|to, sums| {
            let is_it = to.place.label() == label;
            if is_it {
                gone.push(sums.clone());
            }
            !is_it
        });
        for sums in &gone {
            self.shown -= usize::from(sums.shown_since.is_some());
            self.fold(sums);
        }
        gone.len()
    }

    /// The sums of a destination that is told apart.
    pub(super) fn sums(&self, destination: &Destination) -> Option<&DestinationSums> {
        self.destinations.get(destination)
    }

    /// Adds a contact; true when its destination is new. `shows` tells whether there is room for its series.
    pub(super) fn record(&mut self, contact: &Contact, now_ns: u64, shows: bool) -> bool {
        let sums = DestinationSums::new(contact, now_ns);
        self.first_ns = self.first_ns.min(sums.first_ns);
        self.last_ns = self.last_ns.max(sums.last_ns);
        let protocol = match contact.protocol {
            Protocol::Unknown(_) => Protocol::Unknown(0),
            known => known,
        };
        self.classes.entry((protocol, contact.scope)).or_default().add(contact.totals);
        let Some(destination) = &contact.destination else {
            self.fold(&sums);
            return false;
        };
        if let Some(known) = self.destinations.get_mut(destination) {
            known.merge(&sums);
            return false;
        }
        let shown_since = shows.then(Totals::default);
        self.shown += usize::from(shows);
        self.destinations.insert(destination.clone(), DestinationSums { shown_since, ..sums });
        true
    }

    /// Destinations with series of their own.
    pub(super) fn shown(&self) -> usize {
        self.shown
    }

    /// Gives series of its own to the largest destination that has none, if it is twice as large as the
    /// smallest that has some, which loses them, or if there is room for more. Whether one was gained.
    pub(super) fn promote(&mut self, has_room: bool) -> bool {
        let hidden = self.destinations.iter().filter(|(_, sums)| sums.shown_since.is_none());
        let Some((largest, bytes)) = hidden
            .max_by_key(|(_, sums)| sums.bytes())
            .map(|(to, sums)| (to.clone(), sums.bytes()))
        else {
            return false;
        };
        if !has_room {
            let shown = self.destinations.values_mut().filter(|sums| sums.shown_since.is_some());
            let Some(smallest) = shown.min_by_key(|sums| sums.bytes()) else {
                return false;
            };
            if bytes / 2 <= smallest.bytes() {
                return false;
            }
            smallest.shown_since = None;
        }
        if let Some(sums) = self.destinations.get_mut(&largest) {
            // What it had is in `(other)` already and stays there: counters never go back.
            sums.shown_since = Some(sums.totals);
        }
        self.shown += usize::from(has_room);
        has_room
    }

    /// Adds sums to `(other)`, which is registered nowhere: it stands for many.
    fn fold(&mut self, sums: &DestinationSums) {
        let sums = DestinationSums { registration: None, ..sums.clone() };
        match &mut self.other {
            Some(other) => other.merge(&sums),
            None => self.other = Some(sums),
        }
    }

    /// Folds one in `share` destinations, at least one, into `(other)`: those silent for longest.
    /// Gives how many.
    pub(super) fn fold_silent(&mut self, share: usize) -> usize {
        let count = (self.destinations.len() / share).max(1);
        let mut last: Vec<_> = self.destinations.values().map(|sums| sums.last_ns).collect();
        last.sort_unstable();
        let Some(limit) = last.get(count - 1).copied() else {
            return 0;
        };
        let mut folded = Vec::new();
        self.destinations.retain(|_, sums| {
            let fold = sums.last_ns <= limit && folded.len() < count;
            if fold {
                folded.push(sums.clone());
            }
            !fold
        });
        for sums in &folded {
            self.shown -= usize::from(sums.shown_since.is_some());
            self.fold(sums);
        }
        folded.len()
    }
}
