//! Traffic that must be counted to the byte, between two apps of one machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use e2e::cases::{TCP, UDP};
use e2e::metrics::{Sample, names};
use e2e::{Actor, Agent, App, Cgroup, Family, Launch, Metrics, Protocol, Volume, program};

use crate::hooked::Hooked;
use crate::mode::Mode;
use crate::packets::Packets;
use crate::{boot, rights};

/// Bytes of a transfer: many segments, and the last one is not full.
const BYTES: u64 = 100_001;

/// Processes that live for a moment.
const BLINKS: u64 = 300;

/// As many as prove it where time is short.
const FEW_BLINKS: u64 = 20;

/// Bytes each of them sends.
const BLINK_BYTES: u64 = 16;

/// Packets of a connection that each of them sends: its opening, an acknowledgement, those bytes, its end.
const BLINK_PACKETS: u64 = 4;

/// Two apps, and who counts what is between them.
struct Scene {
    agent: Agent,
    packets: Packets,
    hooked: Hooked,
}

/// What one case has sent, for a claim about one app.
struct Claim<'a> {
    app: &'a App,
    protocol: Protocol,
    connections: u64,
    accepted: u64,
    /// Sent and received by the packets.
    truth: Box<dyn Fn() -> (Volume, Volume) + 'a>,
    /// It is too early to look before these have been sent.
    at_least: u64,
}

impl Scene {
    fn new(mode: Mode) -> Self {
        let agent = rights::start(mode);
        boot::show_cgroups(mode);
        Self { agent, packets: Packets::new(), hooked: Hooked::new() }
    }

    /// What processes sent to a port and received from it that made a TCP connection each and ended. On a
    /// busy machine a goodbye is sent twice, and the answer to the second one comes when nobody but the
    /// kernel knows the connection any more: it passes no hook.
    fn of_blinks(&self, to: SocketAddr) -> (Volume, Volume) {
        let (_, sent) = self.packets.of_port(Protocol::Tcp, to.port());
        (sent, self.hooked.of_port(to.port()))
    }

    /// No more passed the hook unseen than answers to what was sent twice.
    fn assert_late(&self, to: SocketAddr, connections: u64) {
        let (received, sent) = self.packets.of_port(Protocol::Tcp, to.port());
        let late = received.packets - self.hooked.of_port(to.port()).packets;
        let repeated = sent.packets.saturating_sub(connections * BLINK_PACKETS);
        println!("vm: fact late {late} packets passed no hook, {repeated} were sent again");
        assert!(late <= repeated, "{late} packets passed no hook, {repeated} were sent again");
    }

    fn assert_exact(&self, what: &str, claim: &Claim<'_>) {
        self.agent.until(what, |metrics| {
            claim.check(metrics).map_err(|complaint| format!("{complaint}\n{}", clues(metrics)))
        });
        assert_eq!(self.packets.dropped(), 0, "{what}: packets were not seen by the test");
    }
}

/// Where packets are that are not where they should be.
fn clues(metrics: &Metrics) -> String {
    let is_clue = |sample: &&Sample| {
        let names = [
            names::TRANSMIT_PACKETS,
            names::RECEIVE_PACKETS,
            "sortie_over_packets_total",
            "sortie_processes_missed_total",
        ];
        let is_loss = sample.name.contains("lost") || sample.name.contains("capped");
        sample.value != 0.0 && (names.contains(&sample.name.as_str()) || is_loss)
    };
    metrics.samples.iter().filter(is_clue).map(Sample::to_string).collect()
}

impl Claim<'_> {
    fn check(&self, metrics: &Metrics) -> Result<(), String> {
        let truth = (self.truth)();
        if truth.0.bytes < self.at_least {
            return Err(format!("only {} of {} bytes were sent", truth.0, self.at_least));
        }
        let told = metrics.volumes(self.app, self.protocol);
        for (what, told, truth) in [("sent", told.0, truth.0), ("received", told.1, truth.1)] {
            if told != truth {
                return Err(format!("{what}: {told} told, {truth} counted"));
            }
        }
        for (name, wanted) in
            [(names::CONNECTIONS, self.connections), (names::ACCEPTED, self.accepted)]
        {
            let told = metrics.of(name, self.app, self.protocol);
            if told != wanted {
                return Err(format!("{name}: {told} told, {wanted} made"));
            }
        }
        Ok(())
    }
}

fn host(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::LOCALHOST.into(),
        Family::V6 => Ipv6Addr::LOCALHOST.into(),
    }
}

fn start(words: &str, cgroup: &Cgroup) -> Actor {
    Actor::launch(Launch::new(program::actor()).words(words).in_cgroup(cgroup))
}

fn serve(words: &str, family: Family, cgroup: &Cgroup) -> (Actor, SocketAddr) {
    let actor = start(&format!("{words} --listen {}", SocketAddr::new(host(family), 0)), cgroup);
    let port = actor.ready();
    (actor, SocketAddr::new(host(family), port))
}

/// The plain ways to use TCP, over IPv4, IPv6 and IPv4 in IPv6 addresses.
pub(crate) fn tcp(mode: Mode) {
    let scene = Scene::new(mode);
    for case in TCP {
        let (client, server) = (Cgroup::service(), Cgroup::service());
        let words = format!("tcp-discard --close-first --bytes {BYTES} {}", case.server);
        let (actor, to) = serve(&words, case.family, &server);
        start(&format!("{} --to {to} --bytes {BYTES}", case.client), &client).finish();
        let received = actor.done();
        assert!(received.intact(), "{}: not what was sent", case.what);
        let packets = &scene.packets;
        let claim = Claim {
            app: client.app(),
            protocol: Protocol::Tcp,
            connections: 1,
            accepted: 0,
            truth: Box::new(move || {
                let (from, to) = packets.of_port(Protocol::Tcp, to.port());
                (to, from)
            }),
            at_least: BYTES,
        };
        scene.assert_exact(case.what, &claim);
    }
}

/// The plain ways to use UDP, both sides.
pub(crate) fn udp(mode: Mode) {
    let scene = Scene::new(mode);
    for case in UDP {
        let (client, server) = (Cgroup::service(), Cgroup::service());
        let kind = if case.client.contains("--echo") { "udp-echo" } else { "udp-sink" };
        let servers: Vec<_> = (0..case.destinations)
            .map(|_| serve(&format!("{kind} --count {}", case.datagrams), case.family, &server))
            .collect();
        let to: Vec<String> = servers.iter().map(|(_, to)| format!("--to {to}")).collect();
        start(&format!("{} {}", case.client, to.join(" ")), &client).finish();
        for (actor, _) in &servers {
            assert_eq!(actor.done().number::<u64>("received"), case.payload, "{}", case.what);
        }
        let truth = || {
            servers.iter().fold((Volume::default(), Volume::default()), |sum, (_, address)| {
                let (from, to) = scene.packets.of_port(Protocol::Udp, address.port());
                (add(sum.0, to), add(sum.1, from))
            })
        };
        let destinations = u64::from(case.destinations);
        let at_least = case.payload * destinations;
        let claim = |app, connections, accepted, truth| Claim {
            app,
            protocol: Protocol::Udp,
            connections,
            accepted,
            truth,
            at_least,
        };
        scene.assert_exact(case.what, &claim(client.app(), destinations, 0, Box::new(truth)));
        // An answer to each datagram, or none at all.
        let back = if kind == "udp-echo" { at_least } else { 0 };
        let reversed = || {
            let (sent, received) = truth();
            (received, sent)
        };
        let claim =
            Claim { at_least: back, ..claim(server.app(), 0, destinations, Box::new(reversed)) };
        scene.assert_exact(&format!("{}, the servers", case.what), &claim);
    }
}

fn add(one: Volume, other: Volume) -> Volume {
    Volume { bytes: one.bytes + other.bytes, packets: one.packets + other.packets }
}

/// A connection belongs to whoever accepted it: all it sends is the server's.
pub(crate) fn accepted(mode: Mode) {
    let scene = Scene::new(mode);
    for family in [Family::V4, Family::V6] {
        let (client, server) = (Cgroup::service(), Cgroup::service());
        let (_actor, to) = serve(&format!("tcp-source --bytes {BYTES}"), family, &server);
        start(&format!("tcp --to {to} --receive {BYTES}"), &client).finish();
        scene.agent.until("an accepted connection", |metrics| {
            let accepted = metrics.of(names::ACCEPTED, server.app(), Protocol::Tcp);
            let (sent, _) = metrics.volumes(server.app(), Protocol::Tcp);
            let (_, received) = metrics.volumes(client.app(), Protocol::Tcp);
            let told = format!(
                "{accepted} accepted, {sent} sent, {received} received\n{}",
                clues(metrics)
            );
            (accepted == 1 && sent.bytes > BYTES && received.bytes > BYTES)
                .then_some(())
                .ok_or(told)
        });
    }
}

/// So do those that are accepted by a socket which is older than the agent, and gone before anybody looks.
pub(crate) fn older_listener(mode: Mode) {
    let (client, server) = (Cgroup::service(), Cgroup::service());
    let (_actor, to) = serve("tcp-discard --hold", Family::V4, &server);
    let scene = Scene::new(mode);
    let words = format!("burst --blink /blink --with tcp --count {FEW_BLINKS} --to {to}");
    start(&words, &client).finish();
    scene.agent.until("what an older listener accepted", |metrics| {
        let accepted = metrics.of(names::ACCEPTED, server.app(), Protocol::Tcp);
        let (_, received) = metrics.volumes(server.app(), Protocol::Tcp);
        let told = format!("{accepted} accepted, {received} received\n{}", clues(metrics));
        (accepted == FEW_BLINKS && received.bytes > FEW_BLINKS * BLINK_BYTES)
            .then_some(())
            .ok_or(told)
    });
}

pub(crate) fn short_lived_tcp(mode: Mode) {
    short_lived(mode, Protocol::Tcp, "tcp-discard --hold");
}

pub(crate) fn short_lived_udp(mode: Mode) {
    short_lived(mode, Protocol::Udp, "udp-sink");
}

/// Processes that make one connection, or send one datagram, and end: all are told.
fn short_lived(mode: Mode, protocol: Protocol, server: &str) {
    let scene = Scene::new(mode);
    let (client, service) = (Cgroup::service(), Cgroup::service());
    let (_actor, to) = serve(server, Family::V4, &service);
    let with = protocol.label();
    let words = format!("burst --blink /blink --with {with} --count {BLINKS} --to {to}");
    let report = start(&words, &client).finish();
    assert_eq!(report.number::<u64>("children"), BLINKS);
    let claim = Claim {
        app: client.app(),
        protocol,
        connections: BLINKS,
        accepted: 0,
        truth: Box::new(|| {
            if protocol == Protocol::Tcp {
                return scene.of_blinks(to);
            }
            let (from, to) = scene.packets.of_port(protocol, to.port());
            (to, from)
        }),
        at_least: BLINKS * BLINK_BYTES,
    };
    scene.assert_exact(&format!("{BLINKS} processes with {with}"), &claim);
    if protocol == Protocol::Tcp {
        scene.assert_late(to, BLINKS);
    }
    println!("vm: fact recall-{with} {BLINKS} of {BLINKS}");
}

/// procd keeps each instance of a service in a cgroup of its own, `services/NAME/INSTANCE`, and names the
/// instances by number, or as the configuration does. To the user it is one service.
pub(crate) fn procd_service(mode: Mode) {
    let scene = Scene::new(mode);
    let app = App::new("service", "netwatch");
    let instances = ["instance1", "cfg01411c"]
        .map(|name| Cgroup::new(&format!("services/netwatch/{name}"), app.clone()));
    let server = Cgroup::new("services/uhttpd/instance1", App::new("service", "uhttpd"));
    let (_actor, many) = serve("tcp-discard --hold", Family::V4, &server);
    let words = format!("tcp-discard --close-first --bytes {BYTES}");
    let (_actor, once) = serve(&words, Family::V4, &server);
    for (number, instance) in (1..).zip(&instances) {
        start(&format!("tcp --to {once} --bytes {BYTES}"), instance).finish();
        // What a script of the service starts is gone before anybody can look at it.
        let words = format!("burst --blink /blink --with tcp --count {FEW_BLINKS} --to {many}");
        start(&words, instance).finish();
        let claim = Claim {
            app: &app,
            protocol: Protocol::Tcp,
            connections: number * (1 + FEW_BLINKS),
            accepted: 0,
            truth: Box::new(|| {
                let (from, to) = scene.packets.of_port(Protocol::Tcp, once.port());
                let (sent, received) = scene.of_blinks(many);
                (add(to, sent), add(from, received))
            }),
            at_least: number * (BYTES + FEW_BLINKS * BLINK_BYTES),
        };
        scene.assert_exact(&format!("{number} instances of a service"), &claim);
        scene.assert_late(many, number * FEW_BLINKS);
    }
}
