//! Whose bytes they are: at once where the owner is known, after a question where it is not.

use super::names::Traffic;
use super::{Agent, Command, SocketList};
use crate::clock::Now;
use crate::event::{Flow, Owner, Scope, SocketKind, TaskName};
use crate::identity::processes::{kernel, nobody};
use crate::identity::{Identity, Kind, UnknownReason};
use crate::ledger::Slot;

/// Seconds between two lists of all sockets.
const LIST_SECONDS: u64 = 60;

/// Something that was counted before it was known whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    cookie: u64,
    owner: Option<Owner>,
    kind: SocketKind,
    traffic: Traffic,
    ifindex: u32,
}

/// A socket, as far as attribution needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Socket {
    pub(super) cookie: u64,
    pub(super) owner: Option<Owner>,
    pub(super) kind: SocketKind,
}

impl From<&Flow> for Socket {
    fn from(flow: &Flow) -> Self {
        Self { cookie: flow.cookie, owner: flow.owner, kind: flow.kind }
    }
}

impl Agent {
    /// Adds traffic to the app of its socket, now or after the questions it takes.
    pub(super) fn attribute(&mut self, socket: Socket, traffic: Traffic, ifindex: u32, now: Now) {
        if let Some(slot) = self.known_app(&socket) {
            self.record(slot, &socket, &traffic, ifindex, now);
            return;
        }
        let Socket { cookie, owner, kind } = socket;
        self.ask_for(&socket, now);
        self.pending.push(Pending { cookie, owner, kind, traffic, ifindex });
    }

    /// A socket seen before, in this look or in an earlier one.
    pub(super) fn socket_of(&self, cookie: u64) -> Option<Socket> {
        let waiting = self.pending.iter().rev().find(|pending| pending.cookie == cookie);
        if let Some(Pending { owner, kind, .. }) = waiting {
            return Some(Socket { cookie, owner: *owner, kind: *kind });
        }
        let known = self.flows.app(cookie).is_some() || self.flows.is_known(cookie);
        known.then_some(Socket { cookie, owner: None, kind: SocketKind::Unknown(0) })
    }

    /// The app of a socket, without asking anybody.
    fn known_app(&mut self, socket: &Socket) -> Option<Slot> {
        if let Some(owner) = &socket.owner
            && let Some(identity) = self.processes.identity(owner)
        {
            let slot = self.ledger.slot(identity);
            let local = owner.netns == self.own_netns;
            self.has_other_namespaces |= !local;
            self.flows.assign(socket.cookie, slot, local);
            return Some(slot);
        }
        // Its process may be gone, but the socket had an app before.
        self.flows.app(socket.cookie).map(|(slot, _)| slot)
    }

    /// Asks whose a socket is, once per process and look.
    fn ask_for(&mut self, socket: &Socket, now: Now) {
        match socket.owner {
            Some(owner) => {
                let asked = self.pending.iter().rev().take(64).any(|pending| {
                    pending.owner.is_some_and(|other| {
                        other.pid == owner.pid && other.cgroup_id == owner.cgroup_id
                    })
                });
                if !asked {
                    self.commands.push_back(Command::Inspect(owner));
                }
            }
            None => match self.holders.get(&socket.cookie) {
                Some(Some(pid)) if self.processes.identity_of_pid(*pid).is_none() => {
                    self.commands.push_back(Command::Inspect(holder(*pid, now)));
                }
                // Raw sockets of processes have owners or are in the list made at the start.
                Some(_) => {}
                None if socket.kind == SocketKind::Raw => {}
                None => self.find_sockets(now),
            },
        }
    }

    /// Asks for all sockets, unless they were listed just now: a list of a busy device takes tens of
    /// milliseconds, and the late packets of closed connections would ask for it every time.
    pub(super) fn find_sockets(&mut self, now: Now) {
        if self.sockets_listed_ns.is_none_or(|ns| now.is_past(ns, LIST_SECONDS)) {
            self.sockets_listed_ns = Some(now.boot_ns);
            self.commands.push_back(Command::FindSockets);
        }
    }

    /// Takes the list of all sockets: asks for the holders of those that wait, and tells suspects that
    /// live from those that are gone.
    pub(super) fn sockets_found(&mut self, list: Option<SocketList>, now: Now) {
        self.has_sock_diag = list.is_some();
        self.sockets_listed_ns = Some(now.boot_ns);
        self.has_fresh_list = true;
        let suspects = std::mem::take(&mut self.suspects);
        let Some(SocketList { holders, has_other_namespaces }) = list else {
            return;
        };
        self.has_other_namespaces |= has_other_namespaces;
        for cookie in suspects {
            if holders.contains_key(&cookie) {
                self.flows.verify(cookie, now.boot_ns);
            } else {
                self.flows.retire(cookie);
                self.finished_sockets.push(cookie);
            }
        }
        for pending in &self.pending {
            if let (None, Some(Some(pid))) = (pending.owner, holders.get(&pending.cookie))
                && self.processes.identity_of_pid(*pid).is_none()
            {
                self.commands.push_back(Command::Inspect(holder(*pid, now)));
            }
        }
        self.holders = holders;
    }

    /// Attributes all that waited. Whatever is still unknown now has a reason.
    pub(super) fn settle(&mut self, now: Now) {
        self.learn_unheard();
        for pending in std::mem::take(&mut self.pending) {
            let socket =
                Socket { cookie: pending.cookie, owner: pending.owner, kind: pending.kind };
            let slot = self.known_app(&socket).unwrap_or_else(|| {
                let identity = self.without_owner(&socket);
                let slot = self.ledger.slot(&identity);
                let kernel = identity.app.kind == Kind::Kernel;
                let local = !(kernel && self.has_other_namespaces);
                // A list that is older than the socket says nothing of it: the next one may.
                if kernel || self.has_fresh_list {
                    self.flows.assign(socket.cookie, slot, local);
                }
                slot
            });
            self.record(slot, &socket, &pending.traffic, pending.ifindex, now);
        }
        if !self.finished_sockets.is_empty() {
            let sockets = std::mem::take(&mut self.finished_sockets);
            self.commands.push_back(Command::DeleteSockets(sockets));
        }
        if !self.finished_settled.is_empty() {
            let settled = std::mem::take(&mut self.finished_settled);
            self.commands.push_back(Command::DeleteSettled(settled));
        }
        if !self.finished_peers.is_empty() {
            let peers = std::mem::take(&mut self.finished_peers);
            self.commands.push_back(Command::DeletePeers(peers));
        }
    }

    /// The identity of a socket that the programs did not see being made.
    fn without_owner(&self, socket: &Socket) -> Identity {
        match self.holders.get(&socket.cookie) {
            Some(Some(pid)) => self
                .processes
                .identity_of_pid(*pid)
                .cloned()
                .unwrap_or_else(|| nobody(UnknownReason::Gone)),
            // A socket without a process is the kernel's, and so is a raw one that is in no list: what
            // answers pings, resets connections and finds neighbours.
            Some(None) => kernel(),
            None if socket.kind == SocketKind::Raw => kernel(),
            None if socket.owner.is_some() => nobody(UnknownReason::NoName),
            None if self.has_sock_diag => nobody(UnknownReason::Gone),
            None => nobody(UnknownReason::NoSockDiag),
        }
    }

    fn record(&mut self, slot: Slot, socket: &Socket, traffic: &Traffic, ifindex: u32, now: Now) {
        let contact = self.contact(slot, socket.cookie, traffic, now);
        self.ledger.record(slot, &contact, now.boot_ns);
        let is_opening = contact.totals.connections + contact.totals.accepted > 0;
        self.remember(slot, &contact, is_opening, now);
        let local = match socket.owner {
            Some(owner) => owner.netns == self.own_netns,
            None => self.flows.app(socket.cookie).is_none_or(|(_, local)| local),
        };
        if local && ifindex != 0 {
            let attributed = self.attributed.entry(ifindex).or_default();
            attributed.tx.add(contact.totals.tx);
            attributed.rx.add(contact.totals.rx);
        }
        self.changed = true;
    }
}

/// The owner of a socket as far as a list of descriptors tells.
fn holder(pid: u32, now: Now) -> Owner {
    Owner {
        pid,
        uid: 0,
        cgroup_id: 0,
        netns: 0,
        epoch: 0,
        opened_ns: now.boot_ns,
        comm: TaskName::default(),
    }
}

/// The scope of a peer, and the protocol it is counted under.
pub(super) fn scope(flow: &Flow) -> Scope {
    Scope::of(flow.peer.ip, flow.peer.ifindex)
}
