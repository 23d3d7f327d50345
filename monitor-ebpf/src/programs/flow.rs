//! A flow, from the socket's making to its closing.

#![expect(unsafe_code, reason = "map memory is handed out as pointers")]

use aya_ebpf::bindings::BPF_NOEXIST;
use monitor_ebpf::maps::PEERS_PER_SOCKET_MAX;
use monitor_ebpf::records::{origin, over_cause, record_kind, sample_state};
use monitor_ebpf::{DatagramKey, DatagramPeer, FlowCounters, FlowRecord, Owner, RecordHeader};

use super::count;
use super::ctx::{self, Direction, Packet, Remote, SockAddr, Socket};
use super::owner;
use super::packet::{self, Peer, TCP};
use super::sample::{self, Subject};
use super::settle;
use super::tables::{DATAGRAMS, EVENTS, FLOWS, OWNER};

/// `TCP_ESTABLISHED` and `TCP_LISTEN` (include/net/tcp_states.h).
const ESTABLISHED: u32 = 1;
const LISTEN: u32 = 10;

/// `SOCK_RAW` (include/linux/net.h). MIPS swaps the numbers of the other two, and shares this object.
const RAW: u8 = 3;

/// Ticks for which a full `FLOWS` is left alone: 0.1 to 1 s. A failed insert costs 200 ns a packet.
const FULL_PAUSE: u64 = 100;

const NO_EXIST: u64 = BPF_NOEXIST as u64;

/// A process made a socket: its flow begins, whatever it will be used for.
#[inline(always)]
pub(super) fn create(socket: &Socket) {
    let owner = owner::current(socket.netns_of_context());
    owner::announce(&owner);
    settle::some();
    let flow = FlowRecord {
        protocol: socket.protocol(),
        socket_type: socket.kind(),
        owner,
        ..FlowRecord::ZERO
    };
    insert(socket.cookie_of_context(), &flow);
}

/// A process connects a socket. It owns it from now on, whoever made it.
#[inline(always)]
pub(super) fn connect(addr: &SockAddr, remote: &Remote) {
    let cookie = addr.cookie();
    let Some(flow) = FLOWS.get_ptr_mut(&cookie) else {
        // A subflow of MPTCP, or a socket older than these programs.
        let owner = owner::current(addr.netns());
        owner::announce(&owner);
        let flow = FlowRecord {
            protocol: addr.protocol(),
            socket_type: addr.kind(),
            owner,
            attempts: 1,
            remote: remote.address,
            remote_port: remote.port,
            ..FlowRecord::ZERO
        };
        insert(cookie, &flow);
        return;
    };
    // SAFETY: an entry of `FLOWS`; its owner, peer and attempts are written in the context of the
    // process alone.
    let flow = unsafe { &mut *flow };
    if flow.owner.tgid != owner::current_tgid() {
        // Whether the agent has looked at the flow does not change with its owner.
        let epoch = flow.owner.epoch;
        flow.owner = Owner { epoch, ..owner::current(addr.netns()) };
        owner::announce(&flow.owner);
    }
    if flow.counters.tx_packets == 0 && flow.counters.rx_packets == 0 {
        flow.remote = remote.address;
        flow.remote_port = remote.port;
        flow.protocol = addr.protocol();
    }
    flow.attempts = flow.attempts.saturating_add(1);
}

/// The last process closed a socket. A flow that never carried anything ends here.
#[inline(always)]
pub(super) fn release(socket: &Socket) {
    let cookie = socket.cookie_of_context();
    let Some(flow) = FLOWS.get_ptr_mut(&cookie) else {
        release_unheard(socket, cookie);
        return;
    };
    // SAFETY: an entry of `FLOWS`; nobody else writes these fields before it is closed.
    let flow = unsafe { &mut *flow };
    // A per-CPU entry does not show what other CPUs counted, so it stays until the agent looks.
    let unused = !cfg!(feature = "percpu")
        && flow.attempts == 0
        && flow.counters.tx_packets == 0
        && flow.counters.rx_packets == 0;
    if unused {
        if FLOWS.remove(&cookie).is_ok() {
            count::live(u64::MAX);
        }
        return;
    }
    flow.closed_ns = ctx::boot_ns();
    flow.closed = 1;
    settle::later(cookie, flow.closed_ns);
}

/// A socket that was accepted and closed at once has not sent anything yet: its goodbye is its first
/// packet.
#[inline(always)]
fn release_unheard(socket: &Socket, cookie: u64) {
    if socket.protocol() != TCP || !socket.is_connected() {
        return;
    }
    let Some(kept) = OWNER.of(socket) else {
        return;
    };
    let closed_ns = ctx::boot_ns();
    let flow = FlowRecord {
        closed: 1,
        origin: origin::ACCEPTED,
        sampled: sample_state::DONE,
        protocol: TCP,
        socket_type: socket.kind(),
        closed_ns,
        owner: Owner { epoch: owner::epoch(), ..*kept },
        ..FlowRecord::ZERO
    };
    if insert(cookie, &flow) {
        settle::later(cookie, closed_ns);
    }
}

/// A packet passed: one cookie, one lookup, two adds.
#[inline(always)]
pub(super) fn account(packet: &Packet, direction: Direction) {
    let (bytes, packets) = packet::size(packet);
    let cookie = packet.cookie();
    let Some(flow) = FLOWS.get_ptr_mut(&cookie) else {
        first_packet(packet, cookie, direction, bytes, packets);
        return;
    };
    // SAFETY: an entry of `FLOWS`. Fields that other CPUs write are single bytes or counters.
    let record = unsafe { &mut *flow };
    if record.ifindex == 0 {
        adopt(packet, record, direction);
    }
    if record.closed != 0 {
        // It still has something to say, so it is not settled yet.
        record.closed_ns = ctx::boot_ns();
    }
    let owner = &raw const record.owner;
    let subject = if let Some(peer) = other_peer(packet, record, direction) {
        let counted = account_peer(packet, cookie, record, &peer, direction, bytes, packets);
        let Some(known) = counted else {
            return;
        };
        // SAFETY: the address of a field of a map entry that the programs alone write to.
        let sampled = unsafe { &raw mut (*known).sampled };
        Subject { remote: peer.remote, protocol: peer.protocol, is_own: true, sampled }
    } else {
        count::packets(&raw mut record.counters, direction, bytes, packets);
        Subject {
            remote: Remote { address: record.remote, port: record.remote_port },
            protocol: record.protocol,
            is_own: record.origin == origin::OWN,
            sampled: &raw mut record.sampled,
        }
    };
    sample::take(packet, cookie, owner, &subject, direction);
}

/// The first packet of a known socket fixes its peer and its interface.
#[inline(always)]
fn adopt(packet: &Packet, flow: &mut FlowRecord, direction: Direction) {
    let peer = packet::peer(packet, direction);
    flow.remote = peer.remote.address;
    flow.remote_port = peer.remote.port;
    flow.protocol = peer.protocol;
    if direction == Direction::Receive && flow.attempts == 0 {
        flow.origin |= origin::INBOUND;
    }
    flow.first_ns = ctx::boot_ns();
    flow.ifindex = packet.ifindex;
}

/// The packet's peer when it is not the flow's own, or not on the flow's own interface.
///
/// A TCP connection has one peer, so only its interface is compared; before it is established, the
/// socket may still be a listener, or the kernel's own for resets, and those speak with everybody.
#[inline(always)]
fn other_peer(packet: &Packet, flow: &mut FlowRecord, direction: Direction) -> Option<Peer> {
    let mut fixed = flow.protocol == TCP;
    if fixed && flow.established == 0 {
        match packet.socket() {
            Some(socket) if socket.state() == ESTABLISHED => flow.established = 1,
            Some(socket) => fixed = socket.is_connected() && socket.state() != LISTEN,
            None => {}
        }
    }
    let same_interface = flow.ifindex == packet.ifindex;
    if fixed && same_interface {
        return None;
    }
    let mut peer = packet::peer(packet, direction);
    if peer.protocol == TCP && !fixed {
        // One entry per host and not one per connection to it.
        peer.remote.port = 0;
    }
    let same = same_interface
        && peer.remote.address == flow.remote
        && (peer.remote.port == flow.remote_port || !fixed && flow.protocol == TCP)
        && peer.protocol == flow.protocol;
    (!same).then_some(peer)
}

/// Counts a packet of a further peer of the socket; gives its entry, if it has one of its own.
#[inline(always)]
fn account_peer(
    packet: &Packet,
    cookie: u64,
    flow: &mut FlowRecord,
    peer: &Peer,
    direction: Direction,
    bytes: u64,
    packets: u64,
) -> Option<*mut DatagramPeer> {
    let mut key = DatagramKey {
        cookie,
        remote: peer.remote.address,
        ifindex: packet.ifindex,
        remote_port: peer.remote.port,
        protocol: peer.protocol,
        reserved: 0,
    };
    if let Some(known) = DATAGRAMS.get_ptr_mut(&key) {
        // SAFETY: the address of a field of a map entry.
        count::packets(unsafe { &raw mut (*known).counters }, direction, bytes, packets);
        return Some(known);
    }
    if flow.peers >= PEERS_PER_SOCKET_MAX {
        key.remote = [0; 4];
        key.remote_port = 0;
        if let Some(rest) = DATAGRAMS.get_ptr_mut(&key) {
            // SAFETY: the address of a field of a map entry.
            count::packets(unsafe { &raw mut (*rest).counters }, direction, bytes, packets);
            return None;
        }
    } else {
        flow.peers += 1;
    }
    let first = DatagramPeer {
        counters: counters(direction, bytes, packets),
        opened_ns: ctx::boot_ns(),
        inbound: u8::from(direction == Direction::Receive),
        sampled: sample_state::FRESH,
        reserved: [0; 6],
    };
    let inserted = DATAGRAMS.insert(&key, &first, NO_EXIST).is_ok();
    let known = DATAGRAMS.get_ptr_mut(&key);
    match known {
        _ if inserted => {}
        // Another CPU was faster, or there is no room.
        Some(known) => {
            // SAFETY: the address of a field of a map entry.
            count::packets(unsafe { &raw mut (*known).counters }, direction, bytes, packets);
        }
        None => count::over(over_cause::DATAGRAMS_FULL, direction, bytes, packets),
    }
    known
}

/// A packet of a socket without a flow: accepted from a listener, older than these programs, or the
/// kernel's own.
#[inline(always)]
fn first_packet(packet: &Packet, cookie: u64, direction: Direction, bytes: u64, packets: u64) {
    let Some(socket) = packet.socket() else {
        count::over(over_cause::NO_SOCKET, direction, bytes, packets);
        return;
    };
    let full = count::stats().is_some_and(|stats| stats.full_until > ctx::jiffies());
    if full {
        count::over(over_cause::FLOWS_FULL, direction, bytes, packets);
        return;
    }
    let peer = packet::peer(packet, direction);
    let state = socket.state();
    let tcp = peer.protocol == TCP && socket.kind() != RAW;
    let kept = if tcp { owner::kept(&socket) } else { OWNER.of(&socket) };
    // A late packet of a connection that was closed and settled: it does not count as a new one.
    let late = tcp && is_ending(state);
    let now_ns = ctx::boot_ns();
    let flow = FlowRecord {
        counters: counters(direction, bytes, packets),
        ifindex: packet.ifindex,
        first_ns: now_ns,
        established: u8::from(state == ESTABLISHED),
        closed: u8::from(late),
        closed_ns: if late { now_ns } else { 0 },
        origin: u8::from(direction == Direction::Receive) * origin::INBOUND
            | u8::from(kept.is_some() && tcp && socket.is_connected() && !late) * origin::ACCEPTED,
        // What is sent first by the side that was called, or was sent before, names nobody.
        sampled: if tcp { sample_state::DONE } else { sample_state::FRESH },
        remote: peer.remote.address,
        remote_port: peer.remote.port,
        protocol: peer.protocol,
        socket_type: socket.kind(),
        owner: kept.map_or(Owner::ZERO, |kept| Owner { epoch: owner::epoch(), ..*kept }),
        ..FlowRecord::ZERO
    };
    if insert(cookie, &flow) {
        return;
    }
    // Another CPU was faster, or there is no room.
    if let Some(known) = FLOWS.get_ptr_mut(&cookie) {
        // SAFETY: the address of a field of a map entry.
        count::packets(unsafe { &raw mut (*known).counters }, direction, bytes, packets);
        return;
    }
    if let Some(stats) = count::stats() {
        stats.full_until = ctx::jiffies() + FULL_PAUSE;
    }
    count::over(over_cause::FLOWS_FULL, direction, bytes, packets);
}

/// Whether the process has closed its end of a TCP connection: `FIN_WAIT1`, `FIN_WAIT2`, `CLOSE`,
/// `LAST_ACK`, `CLOSING` (include/net/tcp_states.h).
#[inline(always)]
const fn is_ending(state: u32) -> bool {
    matches!(state, 4 | 5 | 7 | 9 | 11)
}

/// The counters of an entry that starts with this packet.
#[inline(always)]
const fn counters(direction: Direction, bytes: u64, packets: u64) -> FlowCounters {
    match direction {
        Direction::Transmit => {
            FlowCounters { tx_bytes: bytes, tx_packets: packets, rx_bytes: 0, rx_packets: 0 }
        }
        Direction::Receive => {
            FlowCounters { tx_bytes: 0, tx_packets: 0, rx_bytes: bytes, rx_packets: packets }
        }
    }
}

/// Puts a new flow into the map. When the map fills up, closed flows are settled, and then the agent is
/// woken.
#[inline(always)]
fn insert(cookie: u64, flow: &FlowRecord) -> bool {
    if FLOWS.insert(&cookie, flow, NO_EXIST).is_err() {
        return false;
    }
    count::live(1);
    if let Some(settings) = count::settings()
        && settings.press_at != 0
        && count::flows(settings) >= settings.press_at
    {
        press(settings.epoch);
    }
    true
}

/// `BPF_RB_FORCE_WAKEUP` (uapi/linux/bpf.h).
const WAKE: u64 = 2;

/// Asks the agent for a look at the tables, once per look and CPU.
#[inline(always)]
pub(super) fn press(epoch: u32) {
    let Some(stats) = count::stats() else {
        return;
    };
    if stats.pressed == epoch {
        return;
    }
    stats.pressed = epoch;
    let record = RecordHeader {
        kind: record_kind::PRESSURE,
        length: RecordHeader::SIZE as u16,
        reserved: 0,
    };
    if EVENTS.output_untyped::<RecordHeader>(&record, WAKE).is_err() {
        count::add_own(&raw mut stats.ring_lost, 1);
    }
}
