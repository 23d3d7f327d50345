//! A look at the kernel's tables.

use super::attribution::{Socket, scope};
use super::{Agent, Command};
use crate::clock::Now;
use crate::event::{Datagram, Flow, Protocol, Scope};
use crate::ledger::flows::Fate;
use crate::ledger::{Contact, Destination, Totals};

impl Agent {
    /// Processes that have not settled are looked at before anything is attributed to them.
    pub(super) fn drain_begins(&mut self, pressure: bool) {
        self.pressure = pressure;
        self.changed = false;
        self.asked_for_sockets = false;
        self.flows.begin();
        let unsettled = self.processes.unsettled();
        self.commands.extend(unsettled.into_iter().map(Command::Inspect));
    }

    pub(super) fn drain_ends(&mut self) {
        self.flows.end();
        if !self.suspects.is_empty() {
            self.find_sockets();
        }
    }

    pub(super) fn socket(&mut self, lanes: &[Flow], now: Now) {
        let Some(flow) = merged(lanes) else {
            return;
        };
        let socket = Socket::from(&flow);
        let opened_ns = flow.owner.map_or(now.boot_ns, |owner| owner.opened_ns);
        for (lane, view) in lanes.iter().enumerate() {
            let lane = u16::try_from(lane).unwrap_or(u16::MAX);
            let view = Flow { accepted: flow.accepted, ..*view };
            let totals = self.flows.flow(&view, lane, now.boot_ns);
            if !totals.is_zero() {
                self.attribute(socket, contact(&view, totals, opened_ns), view.peer.ifindex, now);
            }
        }
        let (fate, failures) = self.flows.fate(&flow, now.boot_ns, self.pressure);
        if failures > 0 {
            let totals = Totals { failures, ..Totals::default() };
            self.attribute(socket, contact(&flow, totals, opened_ns), 0, now);
        }
        match fate {
            Fate::Stays => {}
            Fate::Finished => {
                self.flows.retire(flow.cookie);
                self.finished_sockets.push(flow.cookie);
            }
            Fate::Suspect if flow.peer.protocol == Protocol::Tcp => {
                self.suspects.push(flow.cookie);
            }
            Fate::Suspect => {}
        }
    }

    pub(super) fn peer(&mut self, lanes: &[Datagram], now: Now) {
        let Some(socket) = lanes.first().and_then(|peer| self.socket_of(peer.cookie)) else {
            // The socket was made during this look; the next one brings both.
            return;
        };
        let mut finished = true;
        for (lane, view) in lanes.iter().enumerate() {
            let lane = u16::try_from(lane).unwrap_or(u16::MAX);
            let (totals, fate) = self.flows.datagram(view, lane, now.boot_ns);
            finished &= fate == Fate::Finished;
            if totals.is_zero() {
                continue;
            }
            let scope = view.peer.map_or(Scope::Internet, |p| Scope::of(p.ip, p.ifindex));
            let contact = Contact {
                protocol: view.protocol,
                scope,
                destination: view
                    .peer
                    .map_or(Destination::Other, |peer| Destination::Address(peer.ip, scope)),
                totals,
                opened_ns: view.opened_ns,
            };
            self.attribute(socket, contact, view.ifindex, now);
        }
        if finished && let Some(first) = lanes.first() {
            self.finished_peers.push(first.key);
        }
    }
}

/// One view of a socket from those of all CPUs. Counters stay apart: each CPU may have seen another
/// peer first.
fn merged(lanes: &[Flow]) -> Option<Flow> {
    let newest = |flow: &&Flow| flow.owner.map_or(0, |owner| owner.opened_ns);
    let mut flow = *lanes.iter().max_by_key(newest)?;
    flow.established = lanes.iter().any(|lane| lane.established);
    flow.accepted = lanes.iter().any(|lane| lane.accepted);
    flow.attempts = lanes.iter().fold(0, |sum, lane| sum.saturating_add(lane.attempts));
    flow.closed_ns = lanes.iter().filter_map(|lane| lane.closed_ns).max();
    Some(flow)
}

fn contact(flow: &Flow, totals: Totals, opened_ns: u64) -> Contact {
    let scope = scope(flow);
    let destination = Destination::Address(flow.peer.ip, scope);
    Contact { protocol: flow.peer.protocol, scope, destination, totals, opened_ns }
}
