//! An app in the ledger.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Totals;
use crate::event::{Protocol, Scope};
use crate::identity::Identity;

/// Where traffic goes to or comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// One address and how far away it is.
    Address(IpAddr, Scope),
    /// All destinations that found no room of their own.
    Other,
}

/// Something to be added to an app's sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The protocol.
    pub protocol: Protocol,
    /// How far it went.
    pub scope: Scope,
    /// Where to.
    pub destination: Destination,
    /// What is added.
    pub totals: Totals,
    /// When the socket was opened, in nanoseconds since boot.
    pub opened_ns: u64,
}

/// An app's sums for one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestinationSums {
    /// The sums.
    pub totals: Totals,
    /// First contact, in nanoseconds since boot.
    pub first_ns: u64,
    /// Last contact, in nanoseconds since boot.
    pub last_ns: u64,
}

impl DestinationSums {
    fn new(contact: &Contact, now_ns: u64) -> Self {
        let first_ns = contact.opened_ns.min(now_ns);
        Self { totals: contact.totals, first_ns, last_ns: now_ns }
    }

    fn merge(&mut self, other: &Self) {
        self.totals.add(other.totals);
        self.first_ns = self.first_ns.min(other.first_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
    }
}

/// An app in the ledger.
#[derive(Debug)]
pub struct Entry {
    identity: Identity,
    classes: BTreeMap<(Protocol, Scope), Totals>,
    destinations: BTreeMap<(IpAddr, Scope), DestinationSums>,
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
    pub fn destinations(&self) -> impl Iterator<Item = (Destination, DestinationSums)> {
        let known = self.destinations.iter();
        known
            .map(|((ip, scope), sums)| (Destination::Address(*ip, *scope), *sums))
            .chain(self.other.map(|sums| (Destination::Other, sums)))
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

    pub(super) fn knows(&self, destination: Destination) -> bool {
        match destination {
            Destination::Address(ip, scope) => self.destinations.contains_key(&(ip, scope)),
            Destination::Other => true,
        }
    }

    /// Adds a contact; true when its destination is new.
    pub(super) fn record(&mut self, contact: &Contact, now_ns: u64) -> bool {
        let sums = DestinationSums::new(contact, now_ns);
        self.first_ns = self.first_ns.min(sums.first_ns);
        self.last_ns = self.last_ns.max(sums.last_ns);
        let protocol = match contact.protocol {
            Protocol::Unknown(_) => Protocol::Unknown(0),
            known => known,
        };
        self.classes.entry((protocol, contact.scope)).or_default().add(contact.totals);
        match contact.destination {
            Destination::Other => {
                self.fold(&sums);
                false
            }
            Destination::Address(ip, scope) => {
                let mut new = false;
                self.destinations
                    .entry((ip, scope))
                    .and_modify(|known| known.merge(&sums))
                    .or_insert_with(|| {
                        new = true;
                        sums
                    });
                new
            }
        }
    }

    fn fold(&mut self, sums: &DestinationSums) {
        match &mut self.other {
            Some(other) => other.merge(sums),
            None => self.other = Some(*sums),
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
                folded.push(*sums);
            }
            !fold
        });
        for sums in &folded {
            self.fold(sums);
        }
        folded.len()
    }
}
