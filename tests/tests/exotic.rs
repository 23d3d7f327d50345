//! Ways to send that hooks tend to overlook.

use std::net::IpAddr;

use e2e::cases::{self, Tcp};
use e2e::exact::{Claim, assert_exact};
use e2e::metrics::names;
use e2e::network::{INTERFACE, Wire, allow_fast_open, has_mptcp};
use e2e::stage::frames;
use e2e::{Actor, Agent, Counter, Family, Network, Packets, Protocol, Stage};

#[test]
fn io_uring_is_the_app_s() {
    let agent = Agent::start();
    for client in ["io-uring", "io-uring --async"] {
        for family in [Family::V4, Family::V6] {
            cases::tcp(&agent, Tcp { what: client, family, client, server: "" });
        }
    }
}

#[test]
fn mptcp_is_the_app_s() {
    if !has_mptcp() {
        return;
    }
    let agent = Agent::start();
    for family in [Family::V4, Family::V6] {
        let case = Tcp { what: "MPTCP", family, client: "tcp --mptcp", server: "--mptcp" };
        cases::tcp(&agent, case);
    }
}

#[test]
fn data_in_the_first_packet_is_the_app_s() {
    let agent = Agent::start();
    for family in [Family::V4, Family::V6] {
        let network = Network::pair();
        allow_fast_open(&network);
        let client = network.client.namespace.clone();
        let case = Tcp { what: "TCP Fast Open", family, client: "tcp --fastopen", server: "" };
        cases::tcp_on(&agent, case, network, 5000);
        assert_eq!(client.statistic("netstat", "TcpExt", "TCPFastOpenActive"), 1);
    }
}

#[test]
fn pings_are_the_app_s() {
    let agent = Agent::start();
    for family in [Family::V4, Family::V6] {
        for socket in ["raw", "ping", "ping --connected"] {
            let stage = Stage::new(family);
            stage.network.client.namespace.set("net.ipv4.ping_group_range", "0 2147483647");
            let wire = stage.wire(Protocol::Icmp);
            let to = stage.network.server.address(family);
            stage.play(&format!("icmp --to {to} --count 20 --bytes 56 --with {socket}")).finish();
            let claim = Claim::of(stage.app(), &wire).connections(1).sent(20 * 56);
            assert_exact(&agent, &format!("{socket} over {family:?}"), &[claim]);
        }
    }
}

#[test]
fn multicast_counts_once() {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let network = &stage.network;
    let group = IpAddr::from([239, 77, 0, 1]);
    let packets = Packets::of(Protocol::Udp).to(group);
    let wire = Wire {
        protocol: Protocol::Udp,
        sent: Counter::new(&network.server.namespace, &packets),
        received: Counter::new(
            &network.client.namespace,
            &Packets::of(Protocol::Udp).from(network.server.v4.into()),
        ),
    };
    let words = format!(
        "udp-sink --listen 0.0.0.0:0 --join {group} --interface {} --count 50",
        network.server.v4
    );
    let server = Actor::start(&words, &network.server.namespace, &stage.server);
    let port = server.ready();
    let words =
        format!("udp --to {group}:{port} --interface {} --count 50 --bytes 100", network.client.v4);
    stage.play(&words).finish();
    server.done();
    let claim = Claim::of(stage.app(), &wire).connections(1).sent(5000);
    assert_exact(&agent, "multicast", &[claim]);
}

#[test]
fn frames_past_the_stack_are_unattributed_and_nobody_s() {
    let stage = Stage::on(Network::quiet(), Family::V4);
    let network = &stage.network;
    let agent = Agent::plan().in_namespace(&network.client.namespace).start();
    let other = [("device", INTERFACE), ("cause", "other")];
    let wire = stage.wire(Protocol::Udp);
    let (server, to) = stage.serve("udp-sink --count 300");
    let before = agent.metrics();
    let report = stage.play(&frames(network, to, 300, 1000)).finish();
    let frames = report.number::<i64>("sent");
    assert_eq!(server.done().number::<u64>("datagrams"), 300);
    agent.until("unattributed bytes", |metrics| {
        let grown = metrics.gauge(names::INTERFACE_UNATTRIBUTED_TRANSMIT, &other)
            - before.gauge(names::INTERFACE_UNATTRIBUTED_TRANSMIT, &other);
        (grown == frames)
            .then_some(())
            .ok_or_else(|| format!("{grown} bytes unattributed, {frames} sent"))
    });
    let metrics = agent.metrics();
    assert_eq!(metrics.volumes(stage.app(), Protocol::Udp), Default::default());
    // The server received them; nobody is told to have sent what was on the wire.
    let sent = metrics.sum(names::TRANSMIT_BYTES, &[("protocol", "udp"), ("scope", "lan")]);
    let earlier = before.sum(names::TRANSMIT_BYTES, &[("protocol", "udp"), ("scope", "lan")]);
    assert!(sent - earlier < wire.sent.read().bytes, "{sent} bytes of UDP told as sent");
}
