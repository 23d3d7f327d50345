//! From cumulative counters of sockets to what was added since the last look.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use monitor_ebpf::SettledKey;

use super::{Slot, Target, Totals, Which};
use crate::event::{Counters, Datagram, Flow, Peer, Protocol, Settled, SocketKind};
use crate::naming::Name;

/// A closed socket is kept until nothing passed for so long: what it still had to send has left.
const LINGER_NS: u64 = 10_000_000_000;

/// The same when the table of sockets fills up: the round trips of a busy link.
const LINGER_UNDER_PRESSURE_NS: u64 = 200_000_000;

/// A further peer of a socket that is gone, or the socket itself where each CPU counts for itself, is kept
/// until nothing passed for so long.
const QUIET_NS: u64 = 5_000_000_000;

/// A further peer of an open socket is kept until nothing passed for so long.
const PEER_LINGER_NS: u64 = 60_000_000_000;

/// An open socket that was silent for so long may have gone without a word: the subflows of MPTCP do.
const SUSPECT_NS: u64 = 600_000_000_000;

/// Sockets remembered after they left the table, so that a late packet finds its app.
const RETIRED_MAX: usize = 4_096;

/// A socket at the last look.
#[derive(Clone, Debug)]
struct Socket {
    app: Option<Slot>,
    local: bool,
    /// Where its first peer is.
    target: Target,
    /// The first CPU's counters, which are the only ones where CPUs share them.
    first: Known,
    /// The other CPUs'.
    more: Vec<Known>,
    changed_ns: u64,
    verified_ns: u64,
    failed: bool,
    drain: u64,
}

/// What is remembered of one CPU's counters.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    counters: Counters,
    attempts: u16,
    /// The peer whose first packet has been counted as an opening.
    opened: Option<Peer>,
}

/// A further peer of a socket at the last look.
#[derive(Clone, Debug)]
struct KnownPeer {
    target: Target,
    counters: Counters,
    changed_ns: u64,
    drain: u64,
}

/// Key of a further peer: cookie, peer and interface.
type PeerKey = (u64, Option<Peer>, u32);

/// A socket that left the table.
#[derive(Clone, Debug)]
struct Retired {
    app: Option<Slot>,
    local: bool,
    target: Target,
}

/// What became of a socket or a peer since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Stays,
    /// It is closed and silent: delete it from the kernel's table.
    Finished,
    /// It is open and was silent for so long that it may be gone: see whether it still exists.
    Suspect,
}

impl Socket {
    fn lanes(&self) -> impl Iterator<Item = &Known> {
        std::iter::once(&self.first).chain(&self.more)
    }

    fn lane(&mut self, lane: u16) -> Option<&mut Known> {
        let Some(more) = usize::from(lane).checked_sub(1) else {
            return Some(&mut self.first);
        };
        if self.more.len() <= more {
            self.more.resize(more + 1, Known::default());
        }
        self.more.get_mut(more)
    }
}

/// Spreads cookies, which the kernel counts up and no app chooses: one multiplication, as nothing worse
/// than order has to be broken.
#[derive(Clone, Copy, Debug, Default)]
struct CookieHasher(u64);

impl Hasher for CookieHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming, 6.4).
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

/// A table by cookie. Nothing that is shown is in its order.
type ByCookie<T> = HashMap<u64, T, BuildHasherDefault<CookieHasher>>;

/// The counters of all sockets as they were at the last look.
#[derive(Debug, Default)]
pub struct FlowBook {
    sockets: ByCookie<Socket>,
    peers: BTreeMap<PeerKey, KnownPeer>,
    /// Sums over settled sockets, and the look in which they were last seen.
    settled: BTreeMap<[u8; SettledKey::SIZE], (Totals, u64)>,
    retired: ByCookie<Retired>,
    retired_order: VecDeque<u64>,
    drain: u64,
}

impl FlowBook {
    /// A look at all sockets begins.
    pub fn begin(&mut self) {
        self.drain += 1;
    }

    /// A look at all sockets is complete: what was not seen is gone.
    pub fn end(&mut self) {
        let drain = self.drain;
        self.sockets.retain(|_, socket| socket.drain == drain);
        self.peers.retain(|_, peer| peer.drain == drain);
        self.settled.retain(|_, (_, seen)| *seen == drain);
    }

    /// Sockets remembered.
    pub fn sockets(&self) -> usize {
        self.sockets.len()
    }

    /// The app a socket belongs to, if that is known, and whether the socket lives in the agent's own
    /// network namespace.
    pub fn app(&self, cookie: u64) -> Option<(Slot, bool)> {
        let socket = self.sockets.get(&cookie).map(|socket| (socket.app, socket.local));
        let retired = || self.retired.get(&cookie).map(|retired| (retired.app, retired.local));
        let (app, local) = socket.or_else(retired)?;
        Some((app?, local))
    }

    /// Where a peer of a socket is, as far as that is known.
    pub fn target(&self, cookie: u64, which: Which) -> Target {
        let target = match which {
            Which::First => match self.sockets.get(&cookie) {
                Some(socket) => Some(&socket.target),
                None => self.retired.get(&cookie).map(|retired| &retired.target),
            },
            Which::Further(peer, ifindex) => {
                self.peers.get(&(cookie, peer, ifindex)).map(|peer| &peer.target)
            }
        };
        target.cloned().unwrap_or_default()
    }

    /// Notes where a peer of a socket is.
    pub fn aim(&mut self, cookie: u64, which: Which, target: Target) {
        let known = match which {
            Which::First => self.sockets.get_mut(&cookie).map(|socket| &mut socket.target),
            Which::Further(peer, ifindex) => {
                self.peers.get_mut(&(cookie, peer, ifindex)).map(|peer| &mut peer.target)
            }
        };
        if let Some(known) = known {
            *known = target;
        }
    }

    /// Whether a socket was seen in the present look or the one before.
    pub fn is_known(&self, cookie: u64) -> bool {
        self.sockets.contains_key(&cookie)
    }

    /// Whether a further peer was seen in the look before.
    pub fn knows(&self, peer: &Datagram) -> bool {
        self.peers.contains_key(&(peer.cookie, peer.peer, peer.ifindex))
    }

    /// Notes the app a socket belongs to.
    pub fn assign(&mut self, cookie: u64, app: Slot, local: bool) {
        if let Some(socket) = self.sockets.get_mut(&cookie) {
            socket.app = Some(app);
            socket.local = local;
        }
    }

    /// Forgets the names of flows that are so, of those that are gone as well.
    pub fn forget(&mut self, is_it: impl Fn(&Name) -> bool) {
        let sockets = self.sockets.values_mut().map(|socket| &mut socket.target);
        let peers = self.peers.values_mut().map(|peer| &mut peer.target);
        let retired = self.retired.values_mut().map(|retired| &mut retired.target);
        for target in sockets.chain(peers).chain(retired) {
            if matches!(target, Target::Named(name) if is_it(name)) {
                *target = Target::Unknown;
            }
        }
    }

    /// A socket was looked for and exists.
    pub fn verify(&mut self, cookie: u64, now_ns: u64) {
        if let Some(socket) = self.sockets.get_mut(&cookie) {
            socket.verified_ns = now_ns;
        }
    }

    /// Takes a look at a socket, as CPU `lane` counted it: what was added.
    pub fn flow(&mut self, flow: &Flow, lane: u16, now_ns: u64) -> Totals {
        let retired = self.retired.get(&flow.cookie);
        let is_retired = retired.is_some();
        let drain = self.drain;
        let socket = self.sockets.entry(flow.cookie).or_insert_with(|| Socket {
            app: retired.and_then(|retired| retired.app),
            local: retired.is_none_or(|retired| retired.local),
            target: retired.map(|retired| retired.target.clone()).unwrap_or_default(),
            first: Known::default(),
            more: Vec::new(),
            changed_ns: now_ns,
            verified_ns: now_ns,
            failed: false,
            drain,
        });
        socket.drain = drain;
        let opened = is_retired
            || socket.lanes().any(|known| known.opened == Some(flow.peer))
            || self.peers.contains_key(&(flow.cookie, Some(flow.peer), flow.peer.ifindex));
        let Some(known) = socket.lane(lane) else {
            return Totals::default();
        };
        let totals = known.advance(flow, opened);
        if !totals.is_zero() {
            socket.changed_ns = now_ns;
        }
        totals
    }

    /// The fate of a socket after all its lanes were looked at. `flow` is their sum; failed connections
    /// are counted here, once, when the socket is closed. Under `pressure` it finishes sooner.
    pub fn fate(&mut self, flow: &Flow, now_ns: u64, pressure: bool) -> (Fate, u64) {
        let Some(socket) = self.sockets.get_mut(&flow.cookie) else {
            return (Fate::Stays, 0);
        };
        let Some(closed_ns) = flow.closed_ns else {
            let silent = now_ns.saturating_sub(socket.changed_ns.max(socket.verified_ns));
            let fate = if silent >= SUSPECT_NS { Fate::Suspect } else { Fate::Stays };
            return (fate, 0);
        };
        let failures = if socket.failed { 0 } else { failures(flow) };
        socket.failed = true;
        let silent = now_ns.saturating_sub(closed_ns);
        let linger = if pressure { LINGER_UNDER_PRESSURE_NS } else { LINGER_NS };
        // Where each CPU counts for itself, only the one that closed the socket notes what passed later.
        let quiet = pressure
            || socket.more.is_empty()
            || now_ns.saturating_sub(socket.changed_ns) >= QUIET_NS;
        let finished = silent >= linger && quiet;
        (if finished { Fate::Finished } else { Fate::Stays }, failures)
    }

    /// A socket was deleted from the kernel's table.
    pub fn retire(&mut self, cookie: u64) {
        let Some(socket) = self.sockets.remove(&cookie) else {
            return;
        };
        let Socket { app, local, target, .. } = socket;
        if self.retired.insert(cookie, Retired { app, local, target }).is_none() {
            self.retired_order.push_back(cookie);
        }
        if self.retired_order.len() > RETIRED_MAX
            && let Some(oldest) = self.retired_order.pop_front()
        {
            self.retired.remove(&oldest);
        }
    }

    /// Takes a look at a further peer of a socket: what was added, and whether it can be deleted. A peer
    /// comes back when it is heard of again, so silence is enough.
    pub fn datagram(&mut self, datagram: &Datagram, now_ns: u64) -> (Totals, Fate) {
        let key = (datagram.cookie, datagram.peer, datagram.ifindex);
        let before = self.peers.get(&key).map(|before| (before.counters, before.changed_ns));
        let mut counters = before.map_or_else(Counters::default, |(counters, _)| counters);
        let added = datagram.counters.since(counters);
        counters.add(added);
        let mut totals = Totals { tx: added.tx, rx: added.rx, ..Totals::default() };
        let socket = self.sockets.get(&datagram.cookie);
        let opened =
            socket.is_some_and(|socket| socket.lanes().any(|lane| lane.opened == datagram.peer));
        // Packets of TCP get here from listeners and from the kernel's own sockets: no connections.
        let counts = before.is_none() && !opened && datagram.protocol != Protocol::Tcp;
        if counts && datagram.peer.is_some() {
            totals.accepted = u64::from(datagram.inbound);
            totals.connections = u64::from(!datagram.inbound);
        }
        let changed_ns = match before {
            Some((_, changed_ns)) if added.is_zero() => changed_ns,
            _ => now_ns,
        };
        let linger = if socket.is_some() { PEER_LINGER_NS } else { QUIET_NS };
        if now_ns.saturating_sub(changed_ns) >= linger {
            self.peers.remove(&key);
            return (totals, Fate::Finished);
        }
        let drain = self.drain;
        let known = KnownPeer { target: Target::Unknown, counters, changed_ns, drain };
        let known = self.peers.entry(key).or_insert(known);
        (known.counters, known.changed_ns, known.drain) = (counters, changed_ns, drain);
        (totals, Fate::Stays)
    }
}

impl FlowBook {
    /// Takes a look at sums over settled sockets: what was added. `is_past` tells that the entry does not
    /// change any more: then it is finished.
    pub fn settled(&mut self, settled: &Settled, is_past: bool) -> (Totals, Fate) {
        let now = Totals {
            tx: settled.counters.tx,
            rx: settled.counters.rx,
            connections: settled.connections,
            accepted: settled.accepted,
            failures: settled.failures,
        };
        // It is remembered until it is seen no more: that it is finished does not mean that it is gone.
        let (known, seen) = self.settled.entry(settled.key).or_default();
        let added = now.since(*known);
        known.add(added);
        *seen = self.drain;
        (added, if is_past { Fate::Finished } else { Fate::Stays })
    }
}

impl Known {
    /// What was added since the last look at this lane. `opened` tells that the opening was counted
    /// before: on another CPU, or before the socket was retired.
    fn advance(&mut self, flow: &Flow, opened: bool) -> Totals {
        let added = flow.counters.since(self.counters);
        let mut totals = Totals { tx: added.tx, rx: added.rx, ..Totals::default() };
        let inbound = flow.accepted || flow.inbound;
        if flow.peer.protocol == Protocol::Tcp && !inbound {
            totals.connections = u64::from(flow.attempts.saturating_sub(self.attempts));
        } else if is_listener(flow) {
            // What it accepts has sockets of its own, and they count.
        } else if self.opened.is_none() && !flow.counters.is_zero() {
            self.opened = Some(flow.peer);
            totals.accepted = u64::from(inbound && !opened);
            totals.connections = u64::from(!inbound && !opened);
        }
        // Not what was read: after a torn read, what it hid would count again.
        self.counters.add(added);
        self.attempts = flow.attempts.max(self.attempts);
        totals
    }
}

/// Whether packets reach the socket before there is a connection.
fn is_listener(flow: &Flow) -> bool {
    flow.peer.protocol == Protocol::Tcp && flow.inbound && !flow.accepted && !flow.established
}

/// Attempts of a closed socket that never became a connection.
fn failures(flow: &Flow) -> u64 {
    let tcp = flow.peer.protocol == Protocol::Tcp && flow.kind != SocketKind::Raw;
    if !tcp || flow.accepted || flow.inbound {
        return 0;
    }
    u64::from(flow.attempts).saturating_sub(u64::from(flow.established))
}

#[cfg(test)]
mod tests;
