//! Whatever an app sends over TCP and UDP is counted under it, to the byte.

use e2e::cases::{self, TCP, UDP};
use e2e::counter::Place;
use e2e::exact::{Claim, assert_exact};
use e2e::metrics::names;
use e2e::network::{INTERFACE, Wire};
use e2e::wait::PATIENCE;
use e2e::{Agent, App, Counter, Family, Network, Packets, Protocol, Stage, Volume, eventually};

#[test]
fn tcp_is_counted_to_the_byte() {
    let agent = Agent::start();
    for case in TCP {
        cases::tcp(&agent, case);
    }
}

#[test]
fn udp_is_counted_to_the_byte() {
    let agent = Agent::start();
    for case in UDP {
        cases::udp(&agent, case);
    }
}

#[test]
fn what_a_server_sends_is_the_server_s() {
    let agent = Agent::start();
    for family in [Family::V4, Family::V6] {
        let stage = Stage::new(family);
        let wire = stage.wire(Protocol::Tcp).reversed();
        let (server, to) = stage.serve("tcp-source --bytes 300001");
        // The client closes first: every packet has the server's socket at one end.
        stage.play(&format!("tcp --to {to} --receive 300001")).finish();
        assert_eq!(server.done().number::<u64>("sent"), 300_001);
        let claim = Claim::of(stage.server.app(), &wire).accepted(1).sent(300_001);
        assert_exact(&agent, &format!("accepted over {family:?}"), &[claim]);
    }
}

#[test]
fn a_transfer_both_ways_is_exact_on_both_sides_of_loopback() {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let namespace = &stage.network.client.namespace;
    namespace.offload("lo", "tso off gso off gro off tx-udp-segmentation off");
    let loopback = [127, 0, 0, 1].into();
    let words = "udp-echo --listen 127.0.0.1:0 --count 100";
    let server = e2e::Actor::start(words, namespace, &stage.server);
    let port = server.ready();
    let count = |packets: Packets| Counter::new(namespace, &packets.from(loopback).to(loopback));
    let wire = Wire {
        protocol: Protocol::Udp,
        sent: count(Packets::of(Protocol::Udp).to_port(port)),
        received: count(Packets::of(Protocol::Udp).from_port(port)),
    };
    stage
        .play(&format!("udp --connected --echo --to 127.0.0.1:{port} --count 100 --bytes 700"))
        .finish();
    server.done();
    let claim = Claim::of(stage.app(), &wire).connections(1).sent(70_000);
    assert_exact(&agent, "client on loopback", &[claim]);
    let wire = wire.reversed();
    let claim = Claim::of(stage.server.app(), &wire).accepted(1).sent(70_000);
    assert_exact(&agent, "server on loopback", &[claim]);
    let labels = [("app", stage.app().id.as_str()), ("scope", "loopback")];
    assert_eq!(agent.metrics().sum(names::CONNECTIONS, &labels), 1);
}

#[test]
fn nothing_is_lost_when_an_app_closes_right_after_a_large_write() {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let wire = stage.wire(Protocol::Tcp);
    // The server does not close its side, so no socket but the app's ever answers.
    let (server, to) = stage.serve("tcp-discard --hold");
    stage.play(&format!("tcp --close --to {to} --bytes 3000000")).finish();
    assert!(server.done().intact());
    let claim = Claim::of(stage.app(), &wire).connections(1).sent(3_000_000);
    assert_exact(&agent, "close after 3 MB", &[claim]);
}

#[test]
fn a_client_that_closes_first_leaves_only_its_last_acknowledgement_to_the_kernel() {
    let agent = Agent::start();
    for (family, table, ack) in [(Family::V4, "tcp", 52), (Family::V6, "tcp6", 72)] {
        let stage = Stage::new(family);
        let wire = stage.wire(Protocol::Tcp);
        let (server, to) = stage.serve("tcp-discard --hold");
        stage.play(&format!("tcp --close --to {to} --bytes 100000")).finish();
        assert!(server.done().intact());
        // Only then is there no app's socket any more that could receive the server's FIN.
        eventually("half a close", PATIENCE, || {
            let sockets = stage.network.client.namespace.proc_net(table);
            let fin_wait_2 = sockets.contains(" 05 ");
            fin_wait_2.then_some(()).ok_or_else(|| "no FIN-WAIT-2".to_owned())
        });
        let before = wire.read();
        drop(server);
        let what = format!("a client that closes first over {family:?}");
        agent.until(&what, |metrics| {
            let (sent, received) = wire.read();
            let told = metrics.volumes(stage.app(), Protocol::Tcp);
            let has_ended = sent.packets > before.0.packets && received.packets > before.1.packets;
            let fits = has_ended && told == before;
            fits.then_some(()).ok_or_else(|| {
                format!("told {} and {}, counted {sent} and {received}", told.0, told.1)
            })
        });
        // The rest is a FIN and its acknowledgement: the kernel's up to Linux 6.12, and of no socket
        // at all, and so unattributed, in later ones.
        let (sent, received) = wire.read();
        assert_eq!(sent.bytes - before.0.bytes, ack * (sent.packets - before.0.packets));
        assert_eq!(received.bytes - before.1.bytes, ack * (received.packets - before.1.packets));
    }
}

#[test]
fn a_fragmented_datagram_counts_as_the_app_sent_it() {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let packets = Packets::of(Protocol::Udp);
    let whole = Counter::at(&stage.network.client.namespace, Place::Departure, &packets);
    let (server, to) = stage.serve("udp-sink --count 3");
    stage.play(&format!("udp --to {to} --bytes 12000 --count 3")).finish();
    server.done();
    let counted = whole.read();
    assert_eq!(counted, Volume { bytes: 3 * 12_028, packets: 3 });
    agent.until("a fragmented datagram", |metrics| {
        let told = metrics.volumes(stage.app(), Protocol::Udp).0;
        (told == counted).then_some(()).ok_or_else(|| format!("{told} told, {counted} counted"))
    });
}

#[test]
fn how_far_it_goes_is_told() {
    let agent = Agent::start();
    for (network, scope) in [(Network::pair(), "lan"), (Network::internet(), "internet")] {
        for family in [Family::V4, Family::V6] {
            let stage = Stage { family, ..Stage::on(network.clone(), family) };
            let wire = stage.wire(Protocol::Udp);
            let (server, to) = stage.serve("udp-sink --count 4");
            stage.play(&format!("udp --to {to} --count 4 --bytes 50")).finish();
            server.done();
            let claim = Claim::of(stage.app(), &wire).connections(1).sent(200);
            assert_exact(&agent, scope, &[claim]);
            let labels = [("app", stage.app().id.as_str()), ("scope", scope)];
            let told = agent.metrics().sum(names::TRANSMIT_BYTES, &labels);
            assert_eq!(told, wire.sent.read().bytes, "{scope} {family:?}");
        }
    }
}

#[test]
fn the_interface_is_reconciled_with_the_apps() {
    let stage = Stage::on(Network::quiet(), Family::V4);
    let client = &stage.network.client.namespace;
    let agent = Agent::plan().in_namespace(client).start();
    let wire = stage.wire(Protocol::Udp);
    let (server, to) = stage.serve("udp-sink --count 500");
    stage.play(&format!("udp --to {to} --count 500 --bytes 1000")).finish();
    server.done();
    let claim = Claim::of(stage.app(), &wire).connections(1).sent(500_000);
    assert_exact(&agent, "reconciliation", &[claim]);
    agent.until("interface counters", |metrics| {
        let device = ("device", INTERFACE);
        let attributed = metrics.sum(names::INTERFACE_ATTRIBUTED_TRANSMIT, &[device]);
        let unattributed = |cause| {
            let labels = [device, ("cause", cause)];
            metrics.gauge(names::INTERFACE_UNATTRIBUTED_TRANSMIT, &labels)
        };
        let (headers, other) = (unattributed("link_headers"), unattributed("other"));
        let sent = wire.sent.read();
        let fits = attributed == sent.bytes && headers == 500 * 14 && other == 0;
        fits.then_some(()).ok_or_else(|| {
            format!("attributed {attributed}, link headers {headers}, other {other}, sent {sent}")
        })
    });
}

#[test]
fn metrics_and_json_tell_the_same() {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let wire = stage.wire(Protocol::Tcp);
    let (server, to) = stage.serve("tcp-discard --close-first --bytes 50000");
    stage.play(&format!("tcp --to {to} --bytes 50000")).finish();
    server.done();
    let claim = Claim::of(stage.app(), &wire).connections(1).sent(50_000);
    assert_exact(&agent, "metrics", &[claim]);
    let document = agent.apps();
    let app = e2e::agent::find(&document, stage.app()).expect("the app is in the JSON");
    let class = &app["classes"][0];
    let (sent, received) = wire.read();
    let totals = &class["totals"];
    assert_eq!(class["protocol"], "tcp");
    assert_eq!(totals["sent_bytes"], sent.bytes);
    assert_eq!(totals["sent_packets"], sent.packets);
    assert_eq!(totals["received_bytes"], received.bytes);
    assert_eq!(totals["received_packets"], received.packets);
    assert_eq!(totals["connections"], 1);
    // Nobody has a name for an address of the local network.
    assert_eq!(app["destinations"][0]["name"], "(local)");
    assert_eq!(app["destinations"][0]["totals"], *totals);
    assert!(e2e::agent::find(&document, &App::new("service", "e2e-nobody")).is_none());
}
