//! What name servers answered: which names stand for an address, for whom, and until when.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::name::Known;

/// Somebody who asks name servers: an app, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asker(pub usize);

/// Addresses remembered, each once per asker.
pub const ADDRESSES_MAX: usize = 4_096;

/// Names remembered for an address and asker, the last ones asked for.
pub const NAMES_PER_ADDRESS_MAX: usize = 4;

/// An answer is remembered for as long as it is valid and this much longer: apps keep addresses longer
/// than they may.
pub const GRACE_SECONDS: u64 = 600;

/// An answer is valid for so long at most, whatever it says (RFC 8767, 4, has a week).
pub const TTL_SECONDS_MAX: u64 = 86_400;

const SECOND_NS: u64 = 1_000_000_000;

/// A name of an address.
#[derive(Clone, Debug)]
struct Answer {
    known: Known,
    asked_ns: u64,
    expires_ns: u64,
}

impl Answer {
    fn is_valid_at(&self, at_ns: u64) -> bool {
        self.asked_ns <= at_ns && at_ns <= self.expires_ns
    }
}

/// The names of an address at some moment.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The one asked for last.
    pub last: &'a Known,
    /// Whether there are others.
    pub is_ambiguous: bool,
}

/// The names of addresses.
#[derive(Debug, Default)]
pub struct Addresses {
    by_address: BTreeMap<(IpAddr, Asker), Vec<Answer>>,
    /// Addresses forgotten before their time, for want of room.
    evicted: u64,
}

impl Addresses {
    /// Addresses remembered.
    pub fn len(&self) -> usize {
        self.by_address.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    /// Addresses forgotten before their time, for want of room.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// A name server answered `asker` that `address` is that of a host, for `ttl` seconds.
    pub fn insert(&mut self, asker: Asker, address: IpAddr, known: &Known, ttl: u32, now_ns: u64) {
        let key = (address, asker);
        if self.by_address.len() >= ADDRESSES_MAX && !self.by_address.contains_key(&key) {
            self.make_room(now_ns);
        }
        let valid = u64::from(ttl).min(TTL_SECONDS_MAX) + GRACE_SECONDS;
        let expires_ns = now_ns.saturating_add(valid * SECOND_NS);
        let answers = self.by_address.entry(key).or_default();
        // Asked for again, it is the last one again, but whoever connected before then asked before: what
        // was asked in between stays where it is.
        if let Some(last) = answers.last_mut().filter(|last| last.known == *known) {
            last.expires_ns = last.expires_ns.max(expires_ns);
            return;
        }
        if answers.len() >= NAMES_PER_ADDRESS_MAX {
            answers.remove(0);
        }
        answers.push(Answer { known: known.clone(), asked_ns: now_ns, expires_ns });
    }

    /// Forgets the names that are so.
    pub fn forget(&mut self, is_it: impl Fn(&Known) -> bool) {
        self.by_address.retain(|_, answers| {
            answers.retain(|answer| !is_it(&answer.known));
            !answers.is_empty()
        });
    }

    /// The names that `asker` had for an address at that moment.
    pub fn of(&self, asker: Asker, address: IpAddr, at_ns: u64) -> Option<Names<'_>> {
        let answers = self.by_address.get(&(address, asker))?;
        names(answers.iter().filter(|answer| answer.is_valid_at(at_ns)))
    }

    /// Whether `asker` had this name, among others, for an address at that moment.
    pub fn has(&self, asker: Asker, address: IpAddr, known: &Known, at_ns: u64) -> bool {
        let answers = self.by_address.get(&(address, asker)).into_iter().flatten();
        answers.into_iter().any(|answer| answer.is_valid_at(at_ns) && answer.known == *known)
    }

    /// The names that anybody had for an address at that moment.
    pub fn of_anybody(&self, address: IpAddr, at_ns: u64) -> Option<Names<'_>> {
        names(self.all(address).filter(|answer| answer.is_valid_at(at_ns)))
    }

    /// Whether anybody had this name, among others, for an address at that moment.
    pub fn anybody_has(&self, address: IpAddr, known: &Known, at_ns: u64) -> bool {
        self.all(address).any(|answer| answer.is_valid_at(at_ns) && answer.known == *known)
    }

    fn all(&self, address: IpAddr) -> impl Iterator<Item = &Answer> {
        let range = (address, Asker(0))..=(address, Asker(usize::MAX));
        self.by_address.range(range).flat_map(|(_, answers)| answers)
    }

    /// Forgets what is over, and if that is nothing, an eighth of what the asker with most addresses has:
    /// whoever asks for very many names pays with his own.
    fn make_room(&mut self, now_ns: u64) {
        let before = self.by_address.len();
        self.by_address.retain(|_, answers| {
            answers.retain(|answer| answer.expires_ns >= now_ns);
            !answers.is_empty()
        });
        if self.by_address.len() < before {
            return;
        }
        let mut counts: BTreeMap<Asker, usize> = BTreeMap::new();
        for (_, asker) in self.by_address.keys() {
            *counts.entry(*asker).or_default() += 1;
        }
        let Some((most, count)) = counts.into_iter().max_by_key(|(_, count)| *count) else {
            return;
        };
        let last = |answers: &Vec<Answer>| answers.last().map_or(0, |answer| answer.asked_ns);
        let mut oldest: Vec<_> = self
            .by_address
            .iter()
            .filter(|((_, asker), _)| *asker == most)
            .map(|(key, answers)| (last(answers), *key))
            .collect();
        oldest.sort_unstable();
        let gone: BTreeSet<_> =
            oldest.iter().take((count / 8).max(1)).map(|(_, key)| *key).collect();
        self.by_address.retain(|key, _| !gone.contains(key));
        self.evicted = self.evicted.saturating_add(gone.len() as u64);
    }
}

fn names<'a>(mut valid: impl Iterator<Item = &'a Answer>) -> Option<Names<'a>> {
    let mut last = valid.next()?;
    let mut is_ambiguous = false;
    for answer in valid {
        is_ambiguous |= answer.known != last.known;
        if answer.asked_ns >= last.asked_ns {
            last = answer;
        }
    }
    Some(Names { last: &last.known, is_ambiguous })
}
