//! The core in a small world: what comes in, what it asks for, and what is shown.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::event::{Counters, Peer, Protocol, SocketKind, TaskName};
use crate::export::Snapshot;
use crate::export::snapshot::{AppRow, Health};

mod kept;
mod origins;

const SECOND: u64 = 1_000_000_000;
const HOME: u32 = 1;

/// What there is besides the agent.
#[derive(Default)]
struct World {
    processes: BTreeMap<u32, ProcessFacts>,
    cgroups: BTreeMap<u64, String>,
    sockets: Option<SocketList>,
    /// Everything the agent asked for or had done.
    commands: Vec<Command>,
}

struct Play {
    agent: Agent,
    world: World,
    epoch: u32,
    settled: Option<Settled>,
}

impl Play {
    fn new() -> Self {
        Self::with(Level::Hosts, None)
    }

    fn with(level: Level, origins: Option<Box<dyn Origins>>) -> Self {
        let limits =
            Limits { apps_max: 16, destinations_max: 64, shown_per_app_max: 4, shown_max: 16 };
        let world = World { sockets: Some(SocketList::default()), ..World::default() };
        let agent = Agent::new(limits, level, origins, HOME);
        Self { agent, world, epoch: 10, settled: None }
    }

    /// A program that started one second after boot.
    fn program(mut self, pid: u32, name: &str, cgroup: &str) -> Self {
        let facts = ProcessFacts {
            pid,
            start_ticks: Some(100),
            exe: Some(format!("/usr/bin/{name}").into()),
            comm: Some(name.to_owned()),
            cgroup: Some(cgroup.to_owned()),
            ..ProcessFacts::default()
        };
        self.world.processes.insert(pid, facts);
        self
    }

    /// Does what the agent wants until it wants no more.
    fn work(&mut self, seconds: u64) {
        while let Some(command) = self.agent.next_command(at(seconds)) {
            let answer = match &command {
                Command::Inspect(owner) => {
                    let facts = self.world.processes.get(&owner.pid).cloned();
                    Some(Input::Inspected(*owner, facts))
                }
                Command::FindCgroup(id) => {
                    Some(Input::CgroupFound(*id, self.world.cgroups.get(id).cloned()))
                }
                Command::FindSockets => Some(Input::SocketsFound(self.world.sockets.clone())),
                _ => None,
            };
            self.world.commands.push(command);
            if let Some(answer) = answer {
                self.agent.handle(answer, at(seconds));
            }
        }
    }

    /// What it asked for or had done, of one sort.
    fn did(&self, sort: impl Fn(&Command) -> bool) -> Vec<&Command> {
        self.world.commands.iter().filter(|command| sort(command)).collect()
    }

    fn look(&mut self, seconds: u64, flows: &[Flow], peers: &[Datagram]) -> Snapshot {
        self.epoch += 1;
        let begins = Input::DrainBegins { epoch: self.epoch, pressure: false };
        self.agent.handle(begins, at(seconds));
        self.work(seconds);
        if let Some(settled) = self.settled.take() {
            self.agent.handle(Input::Settled(settled), at(seconds));
        }
        for flow in flows {
            self.agent.handle(Input::Socket(std::slice::from_ref(flow)), at(seconds));
        }
        for peer in peers {
            self.agent.handle(Input::Peer(std::slice::from_ref(peer)), at(seconds));
        }
        self.agent.handle(Input::DrainEnds { complete: true }, at(seconds));
        self.work(seconds);
        self.agent.snapshot(Health::default(), at(seconds))
    }
}

fn at(seconds: u64) -> Now {
    Now { boot_ns: seconds * SECOND, unix_ms: 1_000_000 + seconds * 1_000 }
}

fn owner(pid: u32, cgroup_id: u64) -> Owner {
    let mut comm = [0; 16];
    comm[..4].copy_from_slice(b"task");
    Owner {
        pid,
        uid: 0,
        cgroup_id,
        netns: HOME,
        epoch: 1,
        opened_ns: 5 * SECOND,
        comm: TaskName(comm),
    }
}

fn flow(cookie: u64, owner: Option<Owner>, bytes: u64) -> Flow {
    let volume = Volume { bytes, packets: 1 };
    Flow {
        cookie,
        counters: Counters { tx: volume, rx: Volume::default() },
        peer: Peer {
            ip: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
            port: 443,
            protocol: Protocol::Tcp,
            ifindex: 2,
        },
        kind: SocketKind::Stream,
        established: true,
        inbound: false,
        accepted: false,
        is_sample_lost: false,
        is_fresh: false,
        attempts: 1,
        first_ns: 5 * SECOND,
        closed_ns: None,
        owner,
    }
}

fn datagram_socket(cookie: u64, owner: Option<Owner>, bytes: u64) -> Flow {
    let stream = flow(cookie, owner, bytes);
    Flow {
        kind: SocketKind::Datagram,
        attempts: 0,
        peer: Peer { protocol: Protocol::Udp, ..stream.peer },
        ..stream
    }
}

/// A further peer of a socket, since the sixth second.
fn further_peer(cookie: u64, number: u8, bytes: u64) -> Datagram {
    Datagram {
        key: [number; monitor_ebpf::DatagramKey::SIZE],
        cookie,
        counters: Counters { tx: Volume { bytes, packets: 1 }, rx: Volume::default() },
        peer: Some(Peer {
            ip: IpAddr::from([9, 9, 9, number]),
            ..datagram_socket(cookie, None, 0).peer
        }),
        protocol: Protocol::Udp,
        ifindex: 2,
        opened_ns: 6 * SECOND,
        inbound: false,
        is_sample_lost: false,
    }
}

fn sent(app: &AppRow) -> u64 {
    app.total(|_| true).tx.bytes
}

/// Apps and what they sent, in the snapshot's order.
fn told(snapshot: &Snapshot) -> Vec<(String, u64)> {
    snapshot.apps.iter().map(|app| (app.identity.app.id.to_string(), sent(app))).collect()
}

fn one(app: &str, bytes: u64) -> Vec<(String, u64)> {
    vec![(app.to_owned(), bytes)]
}

#[test]
fn an_announced_process_owns_its_sockets() {
    let mut play = Play::new().program(7, "curl", "/");
    play.agent.handle(Input::Process(owner(7, 1)), at(5));
    play.work(5);
    assert_eq!(play.world.commands, [Command::Inspect(owner(7, 1))]);
    let snapshot = play.look(9, &[flow(1, Some(owner(7, 1)), 500)], &[]);
    assert_eq!(told(&snapshot), one("curl", 500));
    assert_eq!(snapshot.apps[0].first_seen_unix_ms, 1_005_000, "when the first packet passed");
}

#[test]
fn a_process_that_is_gone_has_the_cgroup_the_kernel_saw() {
    let mut play = Play::new();
    play.world.cgroups.insert(3, "/services/sysntpd/instance1".to_owned());
    let snapshot = play.look(9, &[flow(1, Some(owner(7, 3)), 76)], &[]);
    assert_eq!(told(&snapshot), one("sysntpd", 76));
    assert_eq!(snapshot.health.processes_missed, 1);
}

#[test]
fn a_socket_older_than_the_programs_is_its_holder_s() {
    let mut play = Play::new().program(7, "nginx", "/");
    let holders = Holders::from([(1, Some(7))]);
    play.world.sockets = Some(SocketList { holders, has_other_namespaces: false });
    assert_eq!(told(&play.look(9, &[flow(1, None, 500)], &[])), one("nginx", 500));
}

#[test]
fn nobody_s_sockets_have_a_reason() {
    let raw = |cookie| Flow { kind: SocketKind::Raw, attempts: 0, ..flow(cookie, None, 40) };
    let check = |flow: Flow, sockets: Option<SocketList>, app: &str| {
        let mut play = Play::new();
        play.world.sockets = sockets;
        let snapshot = play.look(100, &[flow], &[]);
        assert_eq!(snapshot.apps.len(), 1);
        assert_eq!(&*snapshot.apps[0].identity.app.id, app);
    };
    let listed = |cookie| {
        let holders = Holders::from([(cookie, None)]);
        Some(SocketList { holders, has_other_namespaces: false })
    };
    check(raw(1), Some(SocketList::default()), "(kernel)");
    check(flow(1, None, 40), listed(1), "(kernel)");
    check(flow(1, None, 40), Some(SocketList::default()), "(unknown:gone)");
    check(flow(1, None, 40), None, "(unknown:no_sock_diag)");
}

#[test]
fn sockets_are_listed_at_most_once_a_minute() {
    let mut play = Play::new();
    for second in 100..150 {
        play.look(second, &[flow(second, None, 40)], &[]);
    }
    assert_eq!(play.did(|command| *command == Command::FindSockets).len(), 1);
}

/// A desktop moves an app into its scope after it has started and made a socket.
#[test]
fn an_app_that_is_moved_late_keeps_what_it_had_and_gets_what_comes() {
    let mut play = Play::new().program(7, "maps", "/user.slice/user-1000.slice/session-2.scope");
    play.agent.handle(Input::Process(owner(7, 1)), at(5));
    play.work(5);
    let first = play.look(5, &[flow(1, Some(owner(7, 1)), 100)], &[]);
    assert_eq!(told(&first), one("maps", 100));
    let scope = "/user.slice/user-1000.slice/user@1000.service/app.slice/\
                 app-gnome-org.gnome.Maps-7.scope";
    play = play.program(7, "maps", scope);
    let second = play.look(7, &[flow(1, Some(owner(7, 1)), 350)], &[]);
    let expected = [("maps".to_owned(), 100), ("org.gnome.Maps".to_owned(), 250)];
    let mut got = told(&second);
    got.sort();
    assert_eq!(got, expected);
}

#[test]
fn an_app_stays_when_its_process_is_gone() {
    let mut play = Play::new().program(7, "curl", "/");
    play.look(5, &[flow(1, Some(owner(7, 1)), 100)], &[]);
    play.world.processes.clear();
    assert_eq!(play.agent.forget_dead(|_, _| false), [7]);
    // The tail of a large upload leaves after the process has ended.
    let late = play.look(9, &[flow(1, Some(owner(7, 1)), 5_000)], &[]);
    assert_eq!(told(&late), one("curl", 5_000));
}

#[test]
fn further_peers_are_the_socket_s() {
    let mut play = Play::new().program(7, "dnsmasq", "/");
    let udp = datagram_socket(1, Some(owner(7, 1)), 10);
    let peers: Vec<_> = (2..5_u8).map(|number| further_peer(1, number, 100)).collect();
    let snapshot = play.look(9, &[udp], &peers);
    assert_eq!(told(&snapshot), one("dnsmasq", 310));
    assert_eq!(snapshot.apps[0].destinations.len(), 4);
    assert_eq!(snapshot.apps[0].total(|_| true).connections, 4);
    // Of a socket that is not in the table yet nothing is taken, so that nothing is lost.
    let stranger = Datagram { cookie: 99, ..peers[0] };
    assert_eq!(told(&play.look(10, &[udp], &[stranger])), one("dnsmasq", 310));
}

#[test]
fn a_silent_peer_is_deleted_once_and_its_sums_stay() {
    let mut play = Play::new().program(7, "dnsmasq", "/");
    let udp = datagram_socket(1, Some(owner(7, 1)), 10);
    let peer = further_peer(1, 2, 100);
    play.look(9, &[udp], &[peer]);
    play.look(69, &[udp], &[peer]);
    assert_eq!(told(&play.look(70, &[udp], &[])), one("dnsmasq", 110));
    let deletions = play.did(|command| matches!(command, Command::DeletePeers(_)));
    assert_eq!(deletions, [&Command::DeletePeers(vec![peer.key])]);
}

/// More sockets finish at once than are remembered, so what one of them still sent has no app. It is told
/// nevertheless, and its entry does not stay in the kernel's table for ever.
#[test]
fn a_peer_whose_socket_is_forgotten_is_told_and_deleted() {
    let closed = |cookie| Flow {
        closed_ns: Some(7 * SECOND),
        ..datagram_socket(cookie, Some(owner(7, 1)), 10)
    };
    let flows: Vec<_> = (1..=6_000).map(closed).collect();
    let peer = further_peer(1, 2, 100);
    let total = |snapshot: &Snapshot| snapshot.apps.iter().map(sent).sum::<u64>();
    for (before, at_once) in [(0, 0), (40, 60)] {
        let mut play = Play::new().program(7, "resolver", "/");
        // The process is known, so that nothing waits for an answer; of the peer there may be less yet.
        let early = further_peer(1, 2, before);
        let early = if before == 0 { &[][..] } else { &[early] };
        assert_eq!(total(&play.look(8, &flows[..1], early)), 10 + before);
        assert_eq!(total(&play.look(20, &flows, &[peer])), 60_000 + before + at_once);
        let deletion = Command::DeletePeers(vec![peer.key]);
        for seconds in [80, 90, 100] {
            let deleted = play.world.commands.contains(&deletion);
            let left = if deleted { &[][..] } else { &[peer] };
            assert_eq!(total(&play.look(seconds, &[], left)), 60_100, "{seconds} s");
        }
        assert_eq!(play.did(|command| *command == deletion).len(), 1);
    }
}

/// Finding a cgroup walks the whole tree.
#[test]
fn a_cgroup_is_looked_for_once_however_many_are_gone() {
    let mut play = Play::new();
    for id in 1..=3 {
        play.world.cgroups.insert(id, format!("/system.slice/unit{id}.service"));
    }
    let gone = |pid: u32| flow(pid.into(), Some(owner(pid, u64::from(1 + pid % 3))), 100);
    let flows: Vec<_> = (1..=60).map(gone).collect();
    let snapshot = play.look(9, &flows, &[]);
    let expected = ["unit1", "unit2", "unit3"].map(|unit| (unit.to_owned(), 2_000));
    assert_eq!(told(&snapshot), expected);
    let searches = play.did(|command| matches!(command, Command::FindCgroup(_)));
    assert_eq!(searches.len(), 3, "{searches:?}");
}

/// The subflows of MPTCP go without a word.
#[test]
fn a_silent_socket_is_looked_for_and_deleted_when_it_is_gone() {
    let play = |holders: Holders| {
        let mut play = Play::new().program(7, "curl", "/");
        let open = flow(1, Some(owner(7, 1)), 10);
        play.look(9, &[open], &[]);
        play.world.sockets = Some(SocketList { holders, has_other_namespaces: false });
        play.look(608, &[open], &[]);
        assert_eq!(play.did(|command| *command == Command::FindSockets).len(), 0);
        play.look(609, &[open], &[]);
        assert_eq!(play.did(|command| *command == Command::FindSockets).len(), 1);
        // The next list is due after a minute, and a socket that was found is no suspect then.
        play.look(700, &[open], &[]);
        play
    };
    let living = play(Holders::from([(1, Some(7))]));
    assert_eq!(living.did(|command| *command == Command::FindSockets).len(), 1);
    assert_eq!(living.did(|command| matches!(command, Command::DeleteSockets(_))).len(), 0);
    let gone = play(Holders::new());
    let deletions = gone.did(|command| matches!(command, Command::DeleteSockets(_)));
    assert_eq!(deletions, [&Command::DeleteSockets(vec![1])]);
}

#[test]
fn a_program_that_becomes_another_is_the_other_from_then_on() {
    let mut play = Play::new().program(7, "sh", "/");
    play.agent.handle(Input::Process(owner(7, 1)), at(5));
    assert_eq!(told(&play.look(5, &[flow(1, Some(owner(7, 1)), 100)], &[])), one("sh", 100));
    // The programs announce it again, as its name has changed.
    play = play.program(7, "wget", "/");
    let renamed = Owner { opened_ns: 8 * SECOND, ..owner(7, 1) };
    play.agent.handle(Input::Process(renamed), at(8));
    play.work(8);
    let flows = [flow(1, Some(owner(7, 1)), 100), flow(2, Some(renamed), 30)];
    let expected = [("sh".to_owned(), 100), ("wget".to_owned(), 30)];
    assert_eq!(told(&play.look(9, &flows, &[])), expected);
}

#[test]
fn each_cpu_s_counters_are_the_socket_s() {
    let mut play = Play::new().program(7, "curl", "/");
    // Another CPU knows neither owner nor attempts, and met an answer first.
    let lane = Flow { attempts: 0, inbound: true, first_ns: 6 * SECOND, ..flow(1, None, 200) };
    for look in 0..2 {
        play.epoch += 1;
        let begins = Input::DrainBegins { epoch: play.epoch, pressure: false };
        play.agent.handle(begins, at(9));
        play.agent.handle(Input::Socket(&[flow(1, Some(owner(7, 1)), 100), lane]), at(9));
        play.agent.handle(Input::DrainEnds { complete: true }, at(9));
        play.work(9);
        let snapshot = play.agent.snapshot(Health::default(), at(9));
        assert_eq!(told(&snapshot), one("curl", 300), "look {look}");
        let totals = snapshot.apps[0].total(|_| true);
        assert_eq!((totals.connections, totals.accepted), (1, 0), "look {look}");
        assert_eq!(play.agent.has_changed(), look == 0);
    }
}

#[test]
fn bad_records_are_counted_by_what_is_wrong() {
    let mut play = Play::new();
    for error in [DecodeError::Truncated, DecodeError::UnknownKind(9), DecodeError::Truncated] {
        play.agent.handle(Input::BadRecord(error), at(9));
    }
    let health = play.look(9, &[], &[]).health;
    assert_eq!((health.records_truncated, health.records_unknown), (2, 1));
}

#[test]
fn a_flow_made_during_a_look_waits_for_the_next() {
    let mut play = Play::new().program(7, "curl", "/");
    let young = |epoch| flow(1, Some(Owner { epoch, ..owner(7, 1) }), 60);
    let next = play.epoch + 1;
    assert_eq!(told(&play.look(9, &[young(next)], &[])), []);
    assert_eq!(told(&play.look(10, &[young(next)], &[])), one("curl", 60));
}

#[test]
fn settled_sums_are_the_owner_s_and_are_deleted_when_past() {
    let mut play = Play::new().program(7, "curl", "/");
    let settled = Settled {
        key: [1; SettledKey::SIZE],
        epoch: play.epoch,
        peer: flow(1, None, 0).peer,
        counters: Counters { tx: Volume { bytes: 900, packets: 9 }, rx: Volume::default() },
        connections: 3,
        accepted: 0,
        failures: 1,
        first_ns: 5 * SECOND,
        owner: owner(7, 1),
    };
    for look in 0..3 {
        play.settled = Some(settled);
        let snapshot = play.look(9, &[], &[]);
        assert_eq!(told(&snapshot), one("curl", 900), "look {look}");
        assert_eq!(snapshot.apps[0].total(|_| true).failures, 1);
        let asked = play.world.commands.iter().any(|c| matches!(c, Command::DeleteSettled(_)));
        assert_eq!(asked, look > 0, "look {look}");
    }
    let deleted = Command::DeleteSettled(vec![settled.key]);
    assert!(play.world.commands.contains(&deleted), "{:?}", play.world.commands);
}

#[test]
fn a_look_that_was_broken_off_forgets_nothing() {
    let mut play = Play::new().program(7, "curl", "/");
    let both = [flow(1, Some(owner(7, 1)), 100), flow(2, Some(owner(7, 1)), 900)];
    play.look(9, &both, &[]);
    // The second socket's part of the table could not be read.
    play.epoch += 1;
    play.agent.handle(Input::DrainBegins { epoch: play.epoch, pressure: false }, at(10));
    play.agent.handle(Input::Socket(&both[..1]), at(10));
    play.agent.handle(Input::DrainEnds { complete: false }, at(10));
    play.work(10);
    assert_eq!(told(&play.look(11, &both, &[])), one("curl", 1_000));
}

#[test]
fn closed_sockets_are_deleted_once() {
    let mut play = Play::new().program(7, "curl", "/");
    let closed = Flow { closed_ns: Some(6 * SECOND), ..flow(1, Some(owner(7, 1)), 10) };
    play.look(9, &[closed], &[]);
    play.look(20, &[closed], &[]);
    play.look(30, &[], &[]);
    let deletions = play.did(|command| matches!(command, Command::DeleteSockets(_)));
    assert_eq!(deletions, [&Command::DeleteSockets(vec![1])]);
}

#[test]
fn interfaces_are_compared_with_the_own_namespace_only() {
    let mut play = Play::new().program(7, "curl", "/").program(8, "other", "/");
    let interface = |bytes| InterfaceCounters {
        name: "eth0".to_owned(),
        index: 2,
        rx_bytes: 0,
        rx_packets: 0,
        tx_bytes: bytes,
        tx_packets: 0,
        link_header: 14,
    };
    play.agent.handle(Input::Interfaces(vec![interface(1_000)]), at(1));
    let elsewhere = Owner { netns: 99, ..owner(8, 1) };
    play.look(9, &[flow(1, Some(owner(7, 1)), 500), flow(2, Some(elsewhere), 700)], &[]);
    play.agent.handle(Input::Interfaces(vec![interface(2_000)]), at(9));
    let snapshot = play.agent.snapshot(Health::default(), at(9));
    let row = snapshot.interfaces.first().expect("there is one");
    assert_eq!((row.tx.bytes, row.attributed_tx.bytes, row.link_header_tx_bytes), (1_000, 500, 14));
}

#[test]
fn absurd_numbers_are_survived() {
    let mut play = Play::new();
    let absurd = Flow {
        cookie: 0,
        attempts: u16::MAX,
        closed_ns: Some(u64::MAX),
        counters: Counters {
            tx: Volume { bytes: u64::MAX, packets: u64::MAX },
            rx: Volume { bytes: u64::MAX, packets: u64::MAX },
        },
        ..flow(0, Some(Owner { opened_ns: u64::MAX, ..owner(u32::MAX, u64::MAX) }), 0)
    };
    play.look(9, &[absurd, absurd], &[]);
    let snapshot = play.look(10, &[Flow { cookie: 1, ..absurd }], &[]);
    assert_eq!(sent(&snapshot.apps[0]), u64::MAX, "it stops at the maximum");
    play.agent.handle(Input::Socket(&[]), at(11));
    play.agent.handle(Input::Peer(&[]), at(11));
}

/// CPUs of the kernel below.
const LANES: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    /// A packet of a socket passes.
    Carry { cookie: u64, lane: usize, peer: u8, bytes: u16, sends: bool },
    /// The last process closes a socket.
    Close(u64),
    /// A process becomes this program, in this cgroup, and is announced.
    Start { pid: u32, program: u8, cgroup: u8 },
    /// A process ends.
    End(u32),
    /// The agent looks after so many seconds.
    Look { seconds: u8, pressure: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let packet = (1_u64..8, 0..LANES, 1_u8..4, any::<u16>(), any::<bool>());
    let step = prop_oneof![
        6 => packet.prop_map(|(cookie, lane, peer, bytes, sends)| {
            Step::Carry { cookie, lane, peer, bytes, sends }
        }),
        1 => (1_u64..8).prop_map(Step::Close),
        1 => (1_u32..4, 0_u8..3, 0_u8..3).prop_map(|(pid, program, cgroup)| {
            Step::Start { pid, program, cgroup }
        }),
        1 => (1_u32..4).prop_map(Step::End),
        3 => (0_u8..90, any::<bool>()).prop_map(|(seconds, pressure)| {
            Step::Look { seconds, pressure }
        }),
    ];
    prop::collection::vec(step, 0..100)
}

/// The kernel's tables, where each CPU has counters of its own, and all that they ever counted.
#[derive(Debug, Default)]
struct Kernel {
    sockets: BTreeMap<u64, [Flow; LANES]>,
    peers: BTreeMap<[u8; monitor_ebpf::DatagramKey::SIZE], Datagram>,
    counted: BothWays,
}

impl Kernel {
    /// Sockets 4 to 7 are those of processes 0 to 3, of which 0 is nobody; the others are older than the
    /// programs. A socket that comes back after it was deleted has no owner.
    fn carry(&mut self, cookie: u64, lane: usize, number: u8, added: Counters, is_late: bool) {
        self.counted.tx.add(added.tx);
        self.counted.rx.add(added.rx);
        let pid = if is_late { 0 } else { u32::try_from(cookie.saturating_sub(4)).unwrap_or(0) };
        let unused = Flow { counters: Counters::default(), ..datagram_socket(cookie, None, 0) };
        let mut made = [unused; LANES];
        made[0].owner = (pid != 0).then(|| owner(pid, 1));
        let entry = &mut self.sockets.entry(cookie).or_insert(made)[lane];
        let mut further =
            Datagram { counters: Counters::default(), ..further_peer(cookie, number, 0) };
        let peer = further.peer.unwrap_or(entry.peer);
        if entry.counters.is_zero() {
            entry.peer = peer;
        }
        if entry.peer == peer {
            entry.counters.add(added);
            return;
        }
        further.key[0] = u8::try_from(cookie).unwrap_or(0);
        self.peers.entry(further.key).or_insert(further).counters.add(added);
    }

    /// Does what the agent wants done.
    fn obey(&mut self, commands: &[Command]) {
        for command in commands {
            match command {
                Command::DeleteSockets(cookies) => {
                    self.sockets.retain(|cookie, _| !cookies.contains(cookie));
                }
                Command::DeletePeers(keys) => {
                    self.peers.retain(|key, _| !keys.contains(key));
                }
                _ => {}
            }
        }
    }

    fn look(&mut self, play: &mut Play, seconds: u64, pressure: bool) -> Snapshot {
        let done = play.world.commands.len();
        play.epoch += 1;
        play.agent.handle(Input::DrainBegins { epoch: play.epoch, pressure }, at(seconds));
        play.work(seconds);
        for lanes in self.sockets.values() {
            play.agent.handle(Input::Socket(lanes), at(seconds));
        }
        for peer in self.peers.values() {
            play.agent.handle(Input::Peer(std::slice::from_ref(peer)), at(seconds));
        }
        play.agent.handle(Input::DrainEnds { complete: true }, at(seconds));
        play.work(seconds);
        self.obey(&play.world.commands[done..]);
        play.agent.snapshot(Health::default(), at(seconds))
    }
}

/// The sums of an app over its classes, and over its destinations.
fn sums(app: &AppRow) -> (BothWays, BothWays) {
    let classes = app.total(|_| true);
    let mut destinations = BothWays::default();
    for row in &app.destinations {
        destinations.tx.add(row.totals.tx);
        destinations.rx.add(row.totals.rx);
    }
    (BothWays { tx: classes.tx, rx: classes.rx }, destinations)
}

proptest! {
    /// Whatever happens in whatever order: the sum shown is the sum counted, by class and by destination,
    /// and no app's sum ever shrinks.
    #[test]
    fn whatever_happens_everything_is_shown_once(
        steps in steps(),
        holders in prop::collection::btree_map(1_u64..8, prop::option::of(1_u32..4), 0..8),
        has_sock_diag in any::<bool>(),
    ) {
        let mut play = Play::new();
        let list = SocketList { holders, has_other_namespaces: false };
        play.world.sockets = has_sock_diag.then_some(list);
        for (id, path) in (1..).zip(["/", "/system.slice/a.service", "/system.slice/b.service"]) {
            play.world.cgroups.insert(id, path.to_owned());
        }
        let (mut kernel, mut snapshot) = (Kernel::default(), Snapshot::default());
        let (mut seconds, mut seen) = (10, std::collections::BTreeSet::new());
        // What is a riddle for a minute is one no more after that.
        let rest = [Step::Look { seconds: 1, pressure: false }, Step::Look { seconds: 90, pressure: false }];
        for step in steps.into_iter().chain(rest) {
            match step {
                Step::Carry { cookie, lane, peer, bytes, sends } => {
                    let volume = Volume { bytes: bytes.into(), packets: 1 };
                    let nothing = Volume::default();
                    let (tx, rx) = if sends { (volume, nothing) } else { (nothing, volume) };
                    let is_late = !kernel.sockets.contains_key(&cookie) && !seen.insert(cookie);
                    kernel.carry(cookie, lane, peer, Counters { tx, rx }, is_late);
                }
                Step::Close(cookie) => {
                    if let Some([first, _]) = kernel.sockets.get_mut(&cookie) {
                        first.closed_ns.get_or_insert(seconds * SECOND);
                    }
                }
                Step::Start { pid, program, cgroup } => {
                    let path = &play.world.cgroups[&(1 + u64::from(cgroup))].clone();
                    play = play.program(pid, &format!("program{program}"), path);
                    play.agent.handle(Input::Process(owner(pid, 1 + u64::from(cgroup))), at(seconds));
                    play.work(seconds);
                }
                Step::End(pid) => {
                    play.world.processes.remove(&pid);
                    play.agent.forget_dead(|other, _| other != pid);
                }
                Step::Look { seconds: later, pressure } => {
                    seconds += u64::from(later);
                    let before = told(&snapshot);
                    snapshot = kernel.look(&mut play, seconds, pressure);
                    for (app, bytes) in before {
                        let after = told(&snapshot).into_iter().find(|(known, _)| *known == app);
                        prop_assert!(after.is_some_and(|(_, more)| more >= bytes), "{} shrank", app);
                    }
                }
            }
        }
        let (mut classes, mut destinations) = <(BothWays, BothWays)>::default();
        for (by_class, by_destination) in snapshot.apps.iter().map(sums) {
            classes.tx.add(by_class.tx);
            classes.rx.add(by_class.rx);
            destinations.tx.add(by_destination.tx);
            destinations.rx.add(by_destination.rx);
        }
        prop_assert_eq!((classes, destinations), (kernel.counted, kernel.counted));
    }

    /// Whoever owns what, and whatever can be found out of it: the sum shown is the sum counted, by class
    /// and by destination.
    #[test]
    fn what_was_counted_is_shown(
        flows in prop::collection::vec((1_u64..40, 0_u32..6, 0_u32..5000, any::<bool>()), 0..80),
        living in prop::collection::vec(1_u32..6, 0..5),
        has_sock_diag in any::<bool>(),
    ) {
        let mut play = Play::new();
        if !has_sock_diag {
            play.world.sockets = None;
        }
        for pid in living {
            play = play.program(pid, &format!("program{pid}"), "/");
        }
        let mut kernel: BTreeMap<u64, Flow> = BTreeMap::new();
        let mut snapshot = Snapshot::default();
        for (look, chunk) in flows.chunks(7).enumerate() {
            for (cookie, pid, bytes, far) in chunk {
                let made = flow(*cookie, (*pid > 0).then(|| owner(*pid, 1)), 0);
                let entry = kernel.entry(*cookie).or_insert(made);
                entry.counters.tx.bytes += u64::from(*bytes);
                if entry.counters.tx.bytes == u64::from(*bytes) && *far {
                    entry.peer.ip = IpAddr::from([203, 0, 113, 9]);
                }
            }
            let now: Vec<_> = kernel.values().copied().collect();
            let before: Vec<_> = told(&snapshot);
            snapshot = play.look(10 + look as u64, &now, &[]);
            for (app, bytes) in before {
                let after = told(&snapshot).into_iter().find(|(known, _)| *known == app);
                prop_assert!(after.is_some_and(|(_, more)| more >= bytes), "{app} shrank");
            }
        }
        let counted: u64 = kernel.values().map(|flow| flow.counters.tx.bytes).sum();
        let shown: u64 = snapshot.apps.iter().map(sent).sum();
        let by_destination: u64 = snapshot
            .apps
            .iter()
            .flat_map(|app| &app.destinations)
            .map(|row| row.totals.tx.bytes)
            .sum();
        prop_assert_eq!((shown, by_destination), (counted, counted));
    }
}
