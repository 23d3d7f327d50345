//! The findings there are, and when they fade.

use std::collections::{BTreeMap, VecDeque};

use super::date::{DAY, HOUR};
use super::finding::{Evidence, Kind, State};
use super::key::{Id, Key};
use super::timeline::Timeline;

/// Findings that wait to be told at most; the oldest are dropped.
const NEWS_MAX: usize = 64;
/// News are no news any more after so long.
const NEWS_AGE: u32 = 7 * DAY;
/// What comes irregularly, or once a month, has stopped after so long.
const SLOW_AGE: u32 = 70 * DAY;
/// What comes regularly has stopped when it was not confirmed for so many periods; what floats is
/// confirmed only every 16 events.
const PERIODS: u32 = 12;
const FLOATING_PERIODS: u32 = 40;
/// If so many periods are more than a week, these are enough.
const SLOW_PERIODS: u32 = 4;
/// What comes back after so long is told anew.
const RETOLD_AGE: u32 = 7 * DAY;

/// A finding as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) destination: Box<str>,
    pub(super) behaviour: Option<Box<str>>,
    pub(super) company: Option<Box<str>>,
    pub(super) evidence: Evidence,
    pub(super) first: u32,
    pub(super) last: u32,
    /// The device's uptime when it was last confirmed.
    pub(super) last_uptime: u32,
}

impl Found {
    fn state(&self, kind: Kind, line: &Timeline, t: u32) -> State {
        let silent = t.saturating_sub(self.last);
        let up = line.uptime.saturating_sub(self.last_uptime);
        let has_faded = match kind {
            Kind::NewApp | Kind::NewCompany | Kind::FirstContact => silent > NEWS_AGE,
            Kind::Documented | Kind::AfterBoot | Kind::Rare => silent > SLOW_AGE,
            Kind::Calendar if self.evidence.day > 0 => silent > SLOW_AGE,
            Kind::Calendar | Kind::Regular | Kind::Floating => {
                let times = |count: u32| self.evidence.period_s.saturating_mul(count);
                let most = match kind {
                    Kind::Floating => times(FLOATING_PERIODS),
                    _ => times(PERIODS).min(times(SLOW_PERIODS).max(7 * DAY)),
                };
                // What was off could not send: only uptime counts, suspend included.
                silent.min(up) > most.max(HOUR)
            }
        };
        if has_faded { State::Faded } else { State::Active }
    }
}

/// The findings, bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub(super) found: BTreeMap<(Kind, Id), Found>,
    /// Those that found no room.
    pub(super) dropped: u64,
    pub(super) news: VecDeque<(Kind, Id)>,
}

impl Findings {
    /// Notes a finding about a key, or confirms it.
    pub(super) fn confirm(
        &mut self,
        at: (Kind, Id),
        key: &Key,
        evidence: Evidence,
        line: &Timeline,
        t: u32,
    ) {
        let uptime = line.uptime;
        let evidence = Evidence {
            contacts: key.sums.contacts,
            tx_bytes: key.sums.tx_bytes,
            rx_bytes: key.sums.rx_bytes,
            present: key.present,
            away: key.away,
            ..evidence
        };
        if let Some(found) = self.found.get_mut(&at) {
            let is_back = found.state(at.0, line, t) == State::Faded
                && t.saturating_sub(found.last) > RETOLD_AGE;
            found.evidence = evidence;
            found.last = found.last.max(t);
            found.last_uptime = uptime;
            if is_back {
                self.tell(at);
            }
            return;
        }
        let found = Found {
            destination: if at.0 == Kind::NewApp {
                Box::default()
            } else {
                key.destination.clone()
            },
            behaviour: key.behaviour.clone(),
            company: key.company.clone(),
            evidence,
            first: t,
            last: t,
            last_uptime: uptime,
        };
        self.found.insert(at, found);
        self.tell(at);
    }

    /// Whether there is such a finding, and it goes on.
    pub(super) fn is_active(&self, at: (Kind, Id), line: &Timeline, t: u32) -> bool {
        self.found.get(&at).is_some_and(|found| found.state(at.0, line, t) == State::Active)
    }

    /// Whether a key is known to come on a day of the month.
    pub(super) fn is_active_monthly(&self, id: Id, line: &Timeline, t: u32) -> bool {
        let found = self.found.get(&(Kind::Calendar, id));
        found.is_some_and(|found| {
            found.evidence.day > 0 && found.state(Kind::Calendar, line, t) == State::Active
        })
    }

    fn tell(&mut self, at: (Kind, Id)) {
        if self.news.len() >= NEWS_MAX {
            self.news.pop_front();
        }
        self.news.push_back(at);
    }

    /// The next finding that was not told yet.
    pub(super) fn next_news(&mut self) -> Option<(Kind, Id)> {
        self.news.pop_front()
    }

    /// Drops findings beyond `max`: faded ones first, then what is merely new, then the rest; those
    /// confirmed longest ago first.
    pub(super) fn make_room(&mut self, max: usize, line: &Timeline, t: u32) {
        while self.found.len() > max {
            let rank = |(at, found): &(&(Kind, Id), &Found)| {
                let is_active = found.state(at.0, line, t) == State::Active;
                let is_lasting = !at.0.is_news();
                (is_active, is_lasting, found.last)
            };
            let Some(at) = self.found.iter().min_by_key(rank).map(|(at, _)| *at) else { return };
            self.found.remove(&at);
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// All, with their states.
    pub(super) fn iter<'a>(
        &'a self,
        line: &'a Timeline,
        t: u32,
    ) -> impl Iterator<Item = (Kind, Id, &'a Found, State)> {
        self.found
            .iter()
            .map(move |((kind, id), found)| (*kind, *id, found, found.state(*kind, line, t)))
    }

    /// Drops those about which `keep` says so.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(Kind, Id, &Found) -> bool) {
        self.found.retain(|(kind, id), found| keep(*kind, *id, found));
        let found = &self.found;
        self.news.retain(|at| found.contains_key(at));
    }
}
