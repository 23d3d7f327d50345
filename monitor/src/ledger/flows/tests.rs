//! What is added up is what the kernel counted, whatever is looked at when.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::event::{Owner, TaskName, Volume};

const SECOND: u64 = 1_000_000_000;

fn peer(number: u8, protocol: Protocol) -> Peer {
    Peer { ip: IpAddr::V4(Ipv4Addr::new(198, 51, 100, number)), port: 443, protocol, ifindex: 2 }
}

fn counters(bytes: u64) -> Counters {
    let volume = Volume { bytes, packets: bytes.div_ceil(1000) };
    Counters { tx: volume, rx: volume }
}

fn flow(cookie: u64, protocol: Protocol, bytes: u64) -> Flow {
    Flow {
        cookie,
        counters: counters(bytes),
        peer: peer(1, protocol),
        kind: SocketKind::Stream,
        established: bytes > 0,
        inbound: false,
        accepted: false,
        is_sample_lost: false,
        is_fresh: false,
        attempts: 1,
        first_ns: 1,
        closed_ns: None,
        owner: None,
    }
}

/// One look at some sockets: the sums of what it brought.
fn look(book: &mut FlowBook, flows: &[Flow], now_ns: u64) -> Totals {
    let mut sum = Totals::default();
    book.begin();
    for flow in flows {
        sum.add(book.flow(flow, 0, now_ns));
        let (fate, failures) = book.fate(flow, now_ns, false);
        sum.add(Totals { failures, ..Totals::default() });
        if fate == Fate::Finished {
            book.retire(flow.cookie);
        }
    }
    book.end();
    sum
}

#[test]
fn only_what_was_added_counts() {
    let mut book = FlowBook::default();
    let first = look(&mut book, &[flow(1, Protocol::Tcp, 500)], SECOND);
    assert_eq!((first.tx.bytes, first.connections), (500, 1));
    let second = look(&mut book, &[flow(1, Protocol::Tcp, 700)], 2 * SECOND);
    assert_eq!((second.tx.bytes, second.connections), (200, 0));
    assert!(look(&mut book, &[flow(1, Protocol::Tcp, 700)], 3 * SECOND).is_zero());
}

/// Half of a 64-bit counter read by a 32-bit kernel looks as if it had gone back, or far ahead.
#[test]
fn a_torn_read_counts_nothing_twice() {
    let check = |reads: &[u64], told: u64| {
        let (mut sockets, mut peers, mut settled) = <(FlowBook, FlowBook, FlowBook)>::default();
        let mut sums = [Totals::default(); 3];
        for (time, bytes) in (1..).zip(reads) {
            let now_ns = time * SECOND;
            sums[0].add(look(&mut sockets, &[flow(1, Protocol::Tcp, *bytes)], now_ns));
            sums[1].add(peers.datagram(&datagram(1, *bytes), now_ns).0);
            sums[2].add(settled.settled(&sum_of(*bytes), false).0);
        }
        assert_eq!(sums.map(|sum| sum.tx.bytes), [told; 3], "{reads:?}");
    };
    check(&[500, 3, 710], 710);
    check(&[500, 3, 4, 510], 510);
    check(&[500, 500 + (1 << 32), 600, 700], 500 + (1 << 32));
}

#[test]
fn each_kind_of_beginning_counts_once() {
    let check = |flow: Flow, connections: u64, accepted: u64| {
        let mut book = FlowBook::default();
        let mut sum = Totals::default();
        for time in 1..4 {
            sum.add(look(&mut book, &[flow], time * SECOND));
        }
        assert_eq!((sum.connections, sum.accepted), (connections, accepted), "{flow:?}");
    };
    let udp = Flow { attempts: 0, kind: SocketKind::Datagram, ..flow(1, Protocol::Udp, 10) };
    check(flow(1, Protocol::Tcp, 10), 1, 0);
    check(Flow { attempts: 3, ..flow(1, Protocol::Tcp, 10) }, 3, 0);
    check(Flow { attempts: 0, accepted: true, ..flow(1, Protocol::Tcp, 10) }, 0, 1);
    check(udp, 1, 0);
    check(Flow { inbound: true, ..udp }, 0, 1);
    // A connected UDP socket that sent nothing is how resolvers ask for a route.
    check(Flow { attempts: 1, counters: Counters::default(), ..udp }, 0, 0);
    // A listener hears of connections; the sockets it accepts are the connections.
    check(
        Flow { attempts: 0, inbound: true, established: false, ..flow(1, Protocol::Tcp, 10) },
        0,
        0,
    );
}

#[test]
fn failed_connections_count_once_and_when_they_are_closed() {
    let mut book = FlowBook::default();
    let open = Flow { established: false, ..flow(1, Protocol::Tcp, 60) };
    assert_eq!(look(&mut book, &[open], SECOND).failures, 0);
    let closed = Flow { closed_ns: Some(SECOND), ..open };
    assert_eq!(look(&mut book, &[closed], 2 * SECOND).failures, 1);
    assert_eq!(look(&mut book, &[closed], 3 * SECOND).failures, 0);
}

#[test]
fn a_closed_socket_stays_until_it_was_silent() {
    let fate = |closed_ns: u64, now_ns: u64, pressure: bool| {
        let mut book = FlowBook::default();
        let flow = Flow { closed_ns: Some(closed_ns), ..flow(1, Protocol::Tcp, 10) };
        book.flow(&flow, 0, now_ns);
        book.fate(&flow, now_ns, pressure).0
    };
    assert_eq!(fate(100 * SECOND, 109 * SECOND, false), Fate::Stays);
    assert_eq!(fate(100 * SECOND, 110 * SECOND, false), Fate::Finished);
    assert_eq!(fate(100 * SECOND, 100 * SECOND + 199_999_999, true), Fate::Stays);
    assert_eq!(fate(100 * SECOND, 100 * SECOND + 200_000_000, true), Fate::Finished);
}

/// The kernel notes every packet after the closing, so an upload that goes on is not cut off.
#[test]
fn a_slow_upload_after_the_closing_is_not_finished() {
    let mut book = FlowBook::default();
    let mut sum = Totals::default();
    for time in 1..200 {
        let closed_ns = Some(time * SECOND);
        let flow = Flow { closed_ns, ..flow(1, Protocol::Tcp, time * 1_000) };
        sum.add(look(&mut book, &[flow], (time + 1) * SECOND));
        assert_eq!(book.sockets(), 1, "after {time} s");
    }
    assert_eq!((sum.tx.bytes, sum.connections), (199_000, 1));
}

/// Where each CPU has counters of its own, only the one that closed the socket notes later packets.
#[test]
fn a_slow_upload_on_another_cpu_is_not_finished() {
    let mut book = FlowBook::default();
    let closed = Flow { closed_ns: Some(SECOND), ..flow(1, Protocol::Tcp, 10) };
    let fate = |book: &mut FlowBook, bytes, seconds| {
        let other = Flow { counters: counters(bytes), ..closed };
        book.flow(&closed, 0, seconds * SECOND);
        book.flow(&other, 1, seconds * SECOND);
        book.fate(&closed, seconds * SECOND, false).0
    };
    for time in 2..200 {
        assert_eq!(fate(&mut book, time * 1_000, time), Fate::Stays, "after {time} s");
    }
    assert_eq!(fate(&mut book, 199_000, 203), Fate::Stays);
    assert_eq!(fate(&mut book, 199_000, 204), Fate::Finished, "5 s after the last of it");
}

#[test]
fn an_open_socket_is_suspect_after_ten_silent_minutes() {
    let mut book = FlowBook::default();
    let open = flow(1, Protocol::Tcp, 10);
    book.flow(&open, 0, 0);
    assert_eq!(book.fate(&open, 599 * SECOND, false).0, Fate::Stays);
    assert_eq!(book.fate(&open, 600 * SECOND, false).0, Fate::Suspect);
    book.verify(1, 600 * SECOND);
    assert_eq!(book.fate(&open, 601 * SECOND, false).0, Fate::Stays);
}

#[test]
fn a_socket_that_comes_back_has_its_app_and_is_no_new_connection() {
    let mut book = FlowBook::default();
    let mut ledger = super::super::Ledger::new(super::super::Limits {
        apps_max: 1,
        destinations_max: 1,
        shown_per_app_max: 1,
        shown_max: 1,
    });
    let slot = ledger.slot(&crate::identity::processes::kernel());
    let closed = Flow { closed_ns: Some(SECOND), ..flow(7, Protocol::Tcp, 10) };
    book.begin();
    book.flow(&closed, 0, 2 * SECOND);
    book.assign(7, slot, true);
    book.end();
    look(&mut book, &[closed], 20 * SECOND);
    assert_eq!(book.sockets(), 0);
    assert_eq!(book.app(7), Some((slot, true)));
    let late = Flow { attempts: 0, inbound: true, ..flow(7, Protocol::Tcp, 52) };
    let back = look(&mut book, &[late], 21 * SECOND);
    assert_eq!((back.tx.bytes, back.connections, back.accepted), (52, 0, 0));
    assert_eq!(book.app(7), Some((slot, true)));
}

#[test]
fn what_is_remembered_of_the_gone_is_bounded() {
    let mut book = FlowBook::default();
    for cookie in 0..3 * RETIRED_MAX as u64 {
        let closed = Flow { closed_ns: Some(1), ..flow(cookie, Protocol::Tcp, 10) };
        look(&mut book, &[closed], 20 * SECOND);
    }
    assert_eq!(book.sockets(), 0);
    assert!(book.retired.len() <= RETIRED_MAX, "{}", book.retired.len());
}

fn datagram(number: u8, bytes: u64) -> Datagram {
    Datagram {
        key: [number; monitor_ebpf::DatagramKey::SIZE],
        cookie: 1,
        counters: counters(bytes),
        peer: Some(peer(number, Protocol::Udp)),
        protocol: Protocol::Udp,
        ifindex: 2,
        opened_ns: 1,
        inbound: false,
        is_sample_lost: false,
    }
}

#[test]
fn a_peer_that_two_cpus_met_first_is_one_connection() {
    let mut book = FlowBook::default();
    let udp = Flow { attempts: 0, ..flow(1, Protocol::Udp, 10) };
    book.begin();
    let mut sum = book.flow(&udp, 0, SECOND);
    sum.add(book.flow(&Flow { peer: peer(2, Protocol::Udp), ..udp }, 1, SECOND));
    sum.add(book.flow(&udp, 2, SECOND));
    for number in [1, 2, 3] {
        sum.add(book.datagram(&datagram(number, 10), SECOND).0);
    }
    book.end();
    assert_eq!(sum.connections, 3, "peers 1, 2 and 3");
    assert_eq!(sum.tx.bytes, 60);
}

#[test]
fn a_silent_peer_is_deleted_and_may_come_back() {
    let mut book = FlowBook::default();
    book.begin();
    book.flow(&Flow { attempts: 0, ..flow(1, Protocol::Udp, 10) }, 0, SECOND);
    assert_eq!(book.datagram(&datagram(9, 10), SECOND).1, Fate::Stays);
    assert_eq!(book.datagram(&datagram(9, 10), 60 * SECOND).1, Fate::Stays);
    assert_eq!(book.datagram(&datagram(9, 10), 61 * SECOND).1, Fate::Finished);
    let (again, _) = book.datagram(&datagram(9, 4), 62 * SECOND);
    assert_eq!(again.tx.bytes, 4, "its counters began anew");
}

#[test]
fn peers_of_a_socket_that_is_gone_are_folded_sooner() {
    let mut book = FlowBook::default();
    assert_eq!(book.datagram(&datagram(9, 10), SECOND).1, Fate::Stays);
    assert_eq!(book.datagram(&datagram(9, 10), 5 * SECOND).1, Fate::Stays);
    assert_eq!(book.datagram(&datagram(9, 10), 6 * SECOND).1, Fate::Finished);
    assert!(book.peers.is_empty());
}

#[test]
fn what_is_seen_no_more_is_forgotten() {
    let mut book = FlowBook::default();
    look(&mut book, &[flow(1, Protocol::Udp, 10)], SECOND);
    book.begin();
    book.datagram(&datagram(9, 10), SECOND);
    book.settled(&sum_of(10), false);
    book.end();
    assert_eq!((book.sockets(), book.peers.len(), book.settled.len()), (0, 1, 1));
    look(&mut book, &[], 2 * SECOND);
    assert_eq!((book.sockets(), book.peers.len(), book.settled.len()), (0, 0, 0));
}

/// Sums over settled sockets that carried so much.
fn sum_of(bytes: u64) -> Settled {
    Settled {
        key: [0; SettledKey::SIZE],
        epoch: 1,
        peer: peer(1, Protocol::Tcp),
        counters: counters(bytes),
        connections: 0,
        accepted: 0,
        failures: 0,
        first_ns: 1,
        owner: Owner {
            pid: 1,
            uid: 0,
            cgroup_id: 1,
            netns: 1,
            epoch: 1,
            opened_ns: 1,
            comm: TaskName::default(),
        },
    }
}

/// CPUs of the kernel below.
const LANES: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    /// A packet passes.
    Carry { cookie: u64, lane: usize, peer: u8, bytes: u16, sends: bool },
    /// A socket is closed on this CPU.
    Close { cookie: u64, lane: usize },
    /// The agent looks after so many seconds.
    Look { seconds: u8, pressure: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (cookie, lane) = (1_u64..6, 0..LANES);
    let packet = (cookie.clone(), lane.clone(), 1_u8..5, any::<u16>(), any::<bool>());
    let look = (0_u8..30, any::<bool>());
    let step = prop_oneof![
        5 => packet.prop_map(|(cookie, lane, peer, bytes, sends)| {
            Step::Carry { cookie, lane, peer, bytes, sends }
        }),
        1 => (cookie, lane).prop_map(|(cookie, lane)| Step::Close { cookie, lane }),
        2 => look.prop_map(|(seconds, pressure)| Step::Look { seconds, pressure }),
    ];
    prop::collection::vec(step, 0..150)
}

/// The kernel's tables where each CPU has counters of its own, and all that they ever counted.
#[derive(Debug, Default)]
struct Kernel {
    sockets: BTreeMap<u64, [Flow; LANES]>,
    peers: BTreeMap<(u64, u8), Datagram>,
    counted: Counters,
}

impl Kernel {
    /// A packet passes: each CPU counts its first peer in the socket's entry, and others apart.
    fn carry(&mut self, cookie: u64, lane: usize, number: u8, added: Counters, now_ns: u64) {
        self.counted.add(added);
        let unused = Flow { established: true, ..flow(cookie, Protocol::Udp, 0) };
        let entry = &mut self.sockets.entry(cookie).or_insert([unused; LANES])[lane];
        let peer = peer(number, Protocol::Udp);
        if entry.counters.is_zero() {
            entry.peer = peer;
        }
        if entry.closed_ns.is_some() {
            entry.closed_ns = Some(now_ns);
        }
        if entry.peer == peer {
            entry.counters.add(added);
            return;
        }
        let unused = Datagram { cookie, ..datagram(number, 0) };
        self.peers.entry((cookie, number)).or_insert(unused).counters.add(added);
    }

    /// The agent's look, as it does it: what is finished is deleted at its end.
    fn look(&mut self, book: &mut FlowBook, now_ns: u64, pressure: bool) -> Totals {
        let mut told = Totals::default();
        book.begin();
        self.sockets.retain(|cookie, lanes| {
            for (lane, view) in (0..).zip(lanes.iter()) {
                told.add(book.flow(view, lane, now_ns));
            }
            let closed_ns = lanes.iter().filter_map(|lane| lane.closed_ns).max();
            let whole = Flow { closed_ns, ..lanes[0] };
            let stays = book.fate(&whole, now_ns, pressure).0 != Fate::Finished;
            if !stays {
                book.retire(*cookie);
            }
            stays
        });
        self.peers.retain(|_, peer| {
            let (added, fate) = book.datagram(peer, now_ns);
            told.add(added);
            fate != Fate::Finished
        });
        book.end();
        told
    }
}

proptest! {
    /// Sockets that carry, close, are deleted and come back late, on any CPU and with any peer: nothing is
    /// lost and nothing told twice.
    #[test]
    fn every_byte_counts_exactly_once(steps in steps()) {
        let mut book = FlowBook::default();
        let mut kernel = Kernel::default();
        let (mut told, mut now_ns) = (Totals::default(), SECOND);
        for step in steps.into_iter().chain([Step::Look { seconds: 1, pressure: false }]) {
            match step {
                Step::Carry { cookie, lane, peer, bytes, sends } => {
                    let volume = Volume { bytes: bytes.into(), packets: 1 };
                    let nothing = Volume::default();
                    let (tx, rx) = if sends { (volume, nothing) } else { (nothing, volume) };
                    kernel.carry(cookie, lane, peer, Counters { tx, rx }, now_ns);
                }
                Step::Close { cookie, lane } => {
                    if let Some(lanes) = kernel.sockets.get_mut(&cookie) {
                        lanes[lane].closed_ns.get_or_insert(now_ns);
                    }
                }
                Step::Look { seconds, pressure } => {
                    now_ns += u64::from(seconds) * SECOND;
                    told.add(kernel.look(&mut book, now_ns, pressure));
                }
            }
        }
        prop_assert_eq!((told.tx, told.rx), (kernel.counted.tx, kernel.counted.rx));
        prop_assert!(book.retired.len() <= RETIRED_MAX);
    }

    /// Sums over settled sockets are told as they grow, and once.
    #[test]
    fn settled_sums_count_exactly_once(growth in prop::collection::vec(0_u64..1000, 1..20)) {
        let mut book = FlowBook::default();
        let mut settled = sum_of(0);
        let mut told = Totals::default();
        for more in &growth {
            settled.counters.tx.bytes += more;
            settled.connections += 1;
            told.add(book.settled(&settled, false).0);
        }
        let (rest, fate) = book.settled(&settled, true);
        told.add(rest);
        prop_assert_eq!(fate, Fate::Finished);
        prop_assert_eq!(told.tx.bytes, growth.iter().sum::<u64>());
        prop_assert_eq!(told.connections, growth.len() as u64);
        prop_assert!(book.settled(&settled, true).0.is_zero(), "it could not be deleted");
        look(&mut book, &[], SECOND);
        prop_assert!(book.settled.is_empty());
    }
}
