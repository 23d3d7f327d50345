//! Where traffic goes: samples in, names out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Agent, BothWays, Command};
use crate::clock::Now;
use crate::event::{Flow, Owner, Peer, Protocol, Sample, Scope};
use crate::ledger::{Contact, Destination, Slot, Target, Totals, Which};
use crate::naming::namer::Subject;
use crate::naming::{Asker, FlowKey, Heard, Name, Origin, Place, Reason, Registration, Source};

/// Samples that wait until it is known whose they are.
const WAITING_MAX: usize = 256;

/// What an open flow said so lately may not have been heard yet.
const EARLY_SECONDS: u64 = 1;

/// No app has this number.
const NOBODY: Asker = Asker(usize::MAX);

/// Something that was counted, before it is known where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traffic {
    /// The far end; `None` for all that were too many for one socket.
    pub(super) peer: Option<Peer>,
    pub(super) which: Which,
    pub(super) protocol: Protocol,
    pub(super) scope: Scope,
    pub(super) totals: Totals,
    pub(super) opened_ns: u64,
    /// Whether it is a TCP connection that is not closed.
    pub(super) is_open: bool,
    /// Whether it has not said anything yet.
    pub(super) is_fresh: bool,
    /// Whether it stands for several sockets.
    pub(super) is_sum: bool,
    /// What keeps it from having a name, if it has none.
    pub(super) excuse: Option<Reason>,
}

/// How many bytes got their names from where, and why others got none.
pub(super) type Shares = BTreeMap<(Source, Option<Reason>, Scope), BothWays>;

impl Agent {
    /// Takes a sample. Whose it is may have to be found out first.
    pub(super) fn sample(&mut self, sample: &Sample<'_>) {
        let heard = self.namer.sample(sample);
        if heard.is_empty() {
            return;
        }
        let known = sample.owner.as_ref().and_then(|owner| self.processes.identity(owner));
        let slot = match known {
            Some(identity) => Some(self.ledger.slot(identity)),
            None => self.flows.app(sample.cookie).map(|(slot, _)| slot),
        };
        match (slot, sample.owner) {
            (None, Some(owner)) if self.unheard.len() < WAITING_MAX => {
                self.commands.push_back(Command::Inspect(owner));
                self.unheard.extend(heard.into_iter().map(|heard| (owner, heard)));
            }
            _ => self.learn(slot, heard),
        }
    }

    fn learn(&mut self, slot: Option<Slot>, heard: impl IntoIterator<Item = Heard>) {
        let asker = slot.map_or(NOBODY, |slot| Asker(slot.number()));
        heard.into_iter().for_each(|heard| self.namer.learn(asker, heard));
    }

    /// Learns what waited for its owner to be known.
    pub(super) fn learn_unheard(&mut self) {
        let waiting: Vec<(Owner, Heard)> = std::mem::take(&mut self.unheard);
        for (owner, heard) in waiting {
            let slot = self.processes.identity(&owner).map(|identity| self.ledger.slot(identity));
            self.learn(slot, [heard]);
        }
    }

    /// Hands a flow what it said first, if that was just heard.
    pub(super) fn hear(&mut self, cookie: u64, peer: &Peer, which: Which) {
        if !self.namer.has_hellos() {
            return;
        }
        let key = FlowKey { cookie, address: peer.ip, port: peer.port };
        if let Some(hello) = self.namer.hello(&key) {
            self.flows.aim(cookie, which, Target::Said(Arc::new(hello)));
        }
    }

    /// What is added to the ledger for some traffic of an app.
    pub(super) fn contact(
        &mut self,
        slot: Slot,
        cookie: u64,
        traffic: &Traffic,
        now: Now,
    ) -> Contact {
        let Traffic { protocol, scope, totals, opened_ns, .. } = *traffic;
        let is_named = matches!(self.flows.target(cookie, traffic.which), Target::Named(_));
        let name = traffic.peer.map(|peer| self.name(slot, cookie, &peer, traffic, now));
        let destination = name.as_ref().map(|name| Destination::of(name, scope));
        let origin = match (&destination, &traffic.peer) {
            (Some(destination), Some(peer)) => self.origin(slot, destination, peer, is_named),
            _ => None,
        };
        let (source, reason) =
            name.as_ref().map_or((Source::None, None), |name| (name.source, name.reason));
        let share = self.shares.entry((source, reason, scope)).or_default();
        share.tx.add(totals.tx);
        share.rx.add(totals.rx);
        Contact {
            protocol,
            scope,
            destination,
            source,
            is_ambiguous: name.is_some_and(|name| name.is_ambiguous),
            origin,
            totals,
            opened_ns,
        }
    }

    /// Where an address is registered, unless that can add nothing to what the ledger has: it is looked up
    /// for a destination that is new, and for each flow to one that may have other addresses.
    fn origin(
        &self,
        slot: Slot,
        destination: &Destination,
        peer: &Peer,
        is_named: bool,
    ) -> Option<Origin> {
        let origins = self.origins.as_deref()?;
        if destination.scope != Scope::Internet {
            return None;
        }
        let is_wanted = self.ledger.sums(slot, destination).is_none_or(|known| {
            let is_complete = known.registration.as_deref().is_some_and(Registration::is_complete);
            let is_one_address = matches!(destination.place, Place::Address(_));
            !is_named && !is_one_address && !is_complete
        });
        is_wanted.then(|| origins.origin(peer.ip))
    }

    fn name(
        &mut self,
        slot: Slot,
        cookie: u64,
        peer: &Peer,
        traffic: &Traffic,
        now: Now,
    ) -> Arc<Name> {
        let target = self.flows.target(cookie, traffic.which);
        let hello = match &target {
            Target::Named(name) => return Arc::clone(name),
            Target::Said(hello) => Some(&**hello),
            Target::Unknown => None,
        };
        let is_early = hello.is_none()
            && traffic.excuse.is_none()
            && traffic.is_open
            && (traffic.is_fresh || !now.is_past(traffic.opened_ns, EARLY_SECONDS));
        let name = Arc::new(self.namer.name(&Subject {
            asker: Asker(slot.number()),
            address: peer.ip,
            port: peer.port,
            protocol: traffic.protocol,
            scope: traffic.scope,
            opened_ns: traffic.opened_ns,
            hello,
            is_sum: traffic.is_sum,
            excuse: if is_early { Some(Reason::Early) } else { traffic.excuse },
        }));
        if name.source != Source::None {
            self.flows.aim(cookie, traffic.which, Target::Named(Arc::clone(&name)));
        }
        name
    }
}

/// What keeps a socket's traffic from having a name.
pub(super) fn excuse(flow: &Flow) -> Option<Reason> {
    let is_tcp = flow.peer.protocol == Protocol::Tcp;
    if flow.accepted || flow.inbound {
        Some(Reason::Inbound)
    } else if flow.is_sample_lost {
        Some(Reason::Lost)
    } else if is_tcp && flow.attempts == 0 {
        Some(Reason::BeforeStart)
    } else {
        None
    }
}
