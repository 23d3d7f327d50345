//! The core in a small world: what comes in, what it asks for, and what is shown.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::event::{Counters, Peer, Protocol, SocketKind, TaskName};
use crate::export::Snapshot;
use crate::export::snapshot::{AppRow, Health};

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
        let limits = Limits { apps_max: 16, destinations_max: 64 };
        let world = World { sockets: Some(SocketList::default()), ..World::default() };
        Self { agent: Agent::new(limits, HOME), world, epoch: 10, settled: None }
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
        self.agent.handle(Input::DrainEnds, at(seconds));
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
        attempts: 1,
        first_ns: 5 * SECOND,
        closed_ns: None,
        owner,
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
    let lists = play.world.commands.iter().filter(|c| **c == Command::FindSockets).count();
    assert_eq!(lists, 1);
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
    let udp = Flow {
        kind: SocketKind::Datagram,
        attempts: 0,
        peer: Peer { protocol: Protocol::Udp, ..flow(1, None, 0).peer },
        ..flow(1, Some(owner(7, 1)), 10)
    };
    let peers: Vec<_> = (2..5_u8)
        .map(|number| Datagram {
            key: [number; monitor_ebpf::DatagramKey::SIZE],
            cookie: 1,
            counters: Counters { tx: Volume { bytes: 100, packets: 1 }, rx: Volume::default() },
            peer: Some(Peer { ip: IpAddr::from([9, 9, 9, number]), ..udp.peer }),
            protocol: Protocol::Udp,
            ifindex: 2,
            opened_ns: 6 * SECOND,
            inbound: false,
        })
        .collect();
    let snapshot = play.look(9, &[udp], &peers);
    assert_eq!(told(&snapshot), one("dnsmasq", 310));
    assert_eq!(snapshot.apps[0].destinations.len(), 4);
    assert_eq!(snapshot.apps[0].total(|_| true).connections, 4);
    // Of a socket that is not in the table yet nothing is taken, so that nothing is lost.
    let stranger = Datagram { cookie: 99, ..peers[0] };
    assert_eq!(told(&play.look(10, &[udp], &[stranger])), one("dnsmasq", 310));
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
fn closed_sockets_are_deleted_once() {
    let mut play = Play::new().program(7, "curl", "/");
    let closed = Flow { closed_ns: Some(6 * SECOND), ..flow(1, Some(owner(7, 1)), 10) };
    play.look(9, &[closed], &[]);
    play.look(20, &[closed], &[]);
    play.look(30, &[], &[]);
    let deletions: Vec<_> = play
        .world
        .commands
        .iter()
        .filter(|command| matches!(command, Command::DeleteSockets(_)))
        .collect();
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

proptest! {
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
