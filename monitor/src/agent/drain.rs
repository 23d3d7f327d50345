//! A look at the kernel's tables.

use super::attribution::{Socket, scope};
use super::names::{Traffic, excuse};
use super::{Agent, Command};
use crate::clock::Now;
use crate::event::{Counters, Datagram, Flow, Protocol, Scope, Settled, SocketKind};
use crate::ledger::flows::Fate;
use crate::ledger::{Totals, Which};
use crate::naming::Reason;

/// The longest a look could take: after so many seconds, a peer's socket is known or gone.
const ORPHAN_SECONDS: u64 = 60;

impl Agent {
    /// Processes that have not settled are looked at before anything is attributed to them.
    pub(super) fn drain_begins(&mut self, epoch: u32, pressure: bool) {
        self.epoch = epoch;
        self.pressure = pressure;
        self.changed = false;
        self.has_fresh_list = false;
        self.suspects.clear();
        self.flows.begin();
        let unsettled = self.processes.unsettled();
        self.commands.extend(unsettled.into_iter().map(Command::Inspect));
    }

    pub(super) fn drain_ends(&mut self, complete: bool, now: Now) {
        // What is forgotten by mistake would count from zero again, and so twice.
        if complete {
            self.flows.end();
        }
        self.namer.look_ends();
        self.ledger.promote();
        if !self.suspects.is_empty() {
            self.find_sockets(now);
        }
    }

    pub(super) fn socket(&mut self, lanes: &[Flow], now: Now) {
        let Some(flow) = merged(lanes) else {
            return;
        };
        if flow.owner.is_some_and(|owner| owner.epoch == self.epoch) {
            // Made during this look: until the next one the programs may settle it.
            return;
        }
        let socket = Socket::from(&flow);
        // A connection that never got as far as a packet began with its socket.
        let opened_ns = match (flow.first_ns, flow.owner) {
            (0, Some(owner)) => owner.opened_ns,
            (0, None) => now.boot_ns,
            (first_ns, _) => first_ns,
        };
        for (lane, view) in lanes.iter().enumerate() {
            let lane = u16::try_from(lane).unwrap_or(u16::MAX);
            // What is not counted is the same on all CPUs, as far as each of them knows it.
            let view = Flow {
                kind: flow.kind,
                established: flow.established,
                accepted: flow.accepted,
                inbound: flow.inbound,
                is_fresh: flow.is_fresh,
                closed_ns: flow.closed_ns,
                ..*view
            };
            let totals = self.flows.flow(&view, lane, now.boot_ns);
            self.hear(flow.cookie, &flow.peer, Which::First);
            if !totals.is_zero() {
                // Each CPU may have seen another peer first.
                let which = if view.peer == flow.peer {
                    Which::First
                } else {
                    Which::Further(Some(view.peer), view.peer.ifindex)
                };
                let traffic = Traffic { which, ..traffic(&view, totals, opened_ns) };
                self.attribute(socket, traffic, view.peer.ifindex, now);
            }
        }
        let (fate, failures) = self.flows.fate(&flow, now.boot_ns, self.pressure);
        if failures > 0 {
            let totals = Totals { failures, ..Totals::default() };
            self.attribute(socket, traffic(&flow, totals, opened_ns), 0, now);
        }
        match fate {
            Fate::Finished => {
                self.flows.retire(flow.cookie);
                self.finished_sockets.push(flow.cookie);
            }
            Fate::Suspect if flow.peer.protocol == Protocol::Tcp => {
                self.suspects.push(flow.cookie);
            }
            // Sockets of other protocols are always released by somebody.
            Fate::Suspect | Fate::Stays => {}
        }
    }

    pub(super) fn settled(&mut self, settled: &Settled, now: Now) {
        // The programs stopped to add to an entry when the look after it began, so by the look after
        // that everything has been seen.
        let is_past = self.epoch.wrapping_sub(settled.epoch) >= 2;
        let (totals, fate) = self.flows.settled(settled, is_past);
        if !totals.is_zero() {
            let Settled { peer, owner, first_ns, .. } = *settled;
            let scope = Scope::of(peer.ip, peer.ifindex);
            let is_inbound = settled.connections == 0 && settled.accepted > 0;
            let traffic = Traffic {
                peer: Some(peer),
                which: Which::First,
                protocol: peer.protocol,
                scope,
                totals,
                opened_ns: if first_ns == 0 { owner.opened_ns } else { first_ns },
                is_open: false,
                is_fresh: false,
                is_sum: true,
                excuse: is_inbound.then_some(Reason::Inbound),
            };
            // No socket has the cookie 0: the app is that of the owner alone.
            let socket = Socket { cookie: 0, owner: Some(owner), kind: SocketKind::Stream };
            self.attribute(socket, traffic, peer.ifindex, now);
        }
        if fate == Fate::Finished {
            self.finished_settled.push(settled.key);
        }
    }

    pub(super) fn peer(&mut self, lanes: &[Datagram], now: Now) {
        let Some(peer) = summed(lanes) else {
            return;
        };
        let socket = match self.socket_of(peer.cookie) {
            Some(socket) => socket,
            // It left the table together with more sockets than are remembered.
            None if self.flows.knows(&peer) || now.is_past(peer.opened_ns, ORPHAN_SECONDS) => {
                Socket { cookie: peer.cookie, owner: None, kind: SocketKind::Unknown(0) }
            }
            // The socket was made during this look; the next one brings both.
            None => return,
        };
        let (totals, fate) = self.flows.datagram(&peer, now.boot_ns);
        if !totals.is_zero() {
            let scope = peer.peer.map_or(Scope::Internet, |p| Scope::of(p.ip, p.ifindex));
            let which = Which::Further(peer.peer, peer.ifindex);
            if let Some(far) = &peer.peer {
                self.hear(peer.cookie, far, which);
            }
            let lost = peer.is_sample_lost.then_some(Reason::Lost);
            let traffic = Traffic {
                peer: peer.peer,
                which,
                protocol: peer.protocol,
                scope,
                totals,
                opened_ns: peer.opened_ns,
                is_open: false,
                is_fresh: false,
                is_sum: false,
                excuse: if peer.inbound { Some(Reason::Inbound) } else { lost },
            };
            self.attribute(socket, traffic, peer.ifindex, now);
        }
        if fate == Fate::Finished {
            self.finished_peers.push(peer.key);
        }
    }
}

/// One view of a socket from those of all CPUs. Counters stay apart: each CPU may have seen another
/// peer first.
fn merged(lanes: &[Flow]) -> Option<Flow> {
    let best = |flow: &&Flow| {
        let opened_ns = flow.owner.map_or(0, |owner| owner.opened_ns);
        (opened_ns, !flow.counters.is_zero())
    };
    let mut flow = *lanes.iter().max_by_key(best)?;
    flow.established = lanes.iter().any(|lane| lane.established);
    flow.accepted = lanes.iter().any(|lane| lane.accepted);
    flow.is_fresh = lanes.iter().all(|lane| lane.is_fresh);
    flow.is_sample_lost = lanes.iter().any(|lane| lane.is_sample_lost);
    flow.attempts = lanes.iter().fold(0, |sum, lane| sum.saturating_add(lane.attempts));
    // A CPU may have seen an answer first; the one with the very first packet saw the beginning.
    let first = lanes.iter().filter(|lane| lane.first_ns != 0).min_by_key(|lane| lane.first_ns);
    flow.inbound = flow.attempts == 0 && first.is_some_and(|lane| lane.inbound);
    flow.first_ns = first.map_or(0, |lane| lane.first_ns);
    flow.closed_ns = lanes.iter().filter_map(|lane| lane.closed_ns).max();
    Some(flow)
}

/// The sums of a further peer over all CPUs.
fn summed(lanes: &[Datagram]) -> Option<Datagram> {
    let started = lanes.iter().filter(|lane| !lane.counters.is_zero());
    let mut peer = *started.min_by_key(|lane| lane.opened_ns)?;
    peer.counters = Counters::default();
    for lane in lanes {
        peer.counters.tx.add(lane.counters.tx);
        peer.counters.rx.add(lane.counters.rx);
    }
    Some(peer)
}

fn traffic(flow: &Flow, totals: Totals, opened_ns: u64) -> Traffic {
    Traffic {
        peer: Some(flow.peer),
        which: Which::First,
        protocol: flow.peer.protocol,
        scope: scope(flow),
        totals,
        opened_ns,
        is_open: flow.peer.protocol == Protocol::Tcp && flow.closed_ns.is_none(),
        is_fresh: flow.is_fresh,
        is_sum: false,
        excuse: excuse(flow),
    }
}
