//! The tests' own tools: what an actor says it sent is what nftables counts, without any agent.

use std::path::Path;

use e2e::counter::Place;
use e2e::network::INTERFACE;
use e2e::wait::PATIENCE;
use e2e::{
    Actor, Cgroup, Counter, Family, Network, Packets, Protocol, Stage, Volume, eventually,
    interface, program,
};

/// Headers of a UDP datagram.
fn udp_headers(family: Family) -> u64 {
    8 + match family {
        Family::V4 => 20,
        Family::V6 => 40,
    }
}

/// Whether these can be the packets of a TCP connection: 20 bytes of options in the first segment,
/// timestamps (RFC 7323) in every other, and the payload. A busy machine may make the kernel send
/// some segments twice, and acknowledge that in further options.
fn is_tcp(family: Family, payload: u64, seen: Volume) -> bool {
    let ip = match family {
        Family::V4 => 20,
        Family::V6 => 40,
    };
    let headers = (ip + 40) + seen.packets.saturating_sub(1) * (ip + 32);
    let least = payload + headers;
    (least..=least + payload / 5 + 1000).contains(&seen.bytes)
}

fn until_counted(what: &str, counter: &Counter, wanted: impl Fn(Volume) -> bool) -> Volume {
    eventually(what, PATIENCE, || {
        let seen = counter.read();
        if wanted(seen) { Ok(seen) } else { Err(format!("{seen} counted")) }
    })
}

#[test]
fn datagrams_are_counted_one_by_one() {
    for family in [Family::V4, Family::V6] {
        for mode in ["", "--connected", "--mmsg"] {
            let stage = Stage::new(family);
            let wire = stage.wire(Protocol::Udp);
            let (server, to) = stage.serve("udp-sink --count 100");
            stage.play(&format!("udp {mode} --to {to} --count 100 --bytes 333")).finish();
            assert_eq!(server.done().number::<u64>("received"), 33_300);
            let wanted = Volume { bytes: 100 * (333 + udp_headers(family)), packets: 100 };
            assert_eq!(wire.read(), (wanted, Volume::default()), "{family:?} {mode}");
        }
    }
}

#[test]
fn answers_are_counted_where_they_arrive() {
    let stage = Stage::new(Family::V4);
    let wire = stage.wire(Protocol::Udp);
    let (_server, to) = stage.serve("udp-echo");
    stage.play(&format!("udp --mapped --echo --to {to} --count 10 --bytes 72")).finish();
    let wanted = Volume { bytes: 1000, packets: 10 };
    assert_eq!(wire.read(), (wanted, wanted));
}

#[test]
fn segmented_datagrams_are_counted_as_datagrams() {
    for network in [Network::pair(), Network::offloading()] {
        let stage = Stage::on(network, Family::V4);
        let wire = stage.wire(Protocol::Udp);
        let (server, to) = stage.serve("udp-sink --count 50");
        let client = format!("udp --to {to} --segment 1000 --bytes 10000 --count 5");
        stage.play(&client).finish();
        assert_eq!(server.done().number::<u64>("received"), 50_000);
        assert_eq!(wire.sent.read(), Volume { bytes: 50 * 1028, packets: 50 });
    }
}

#[test]
fn a_fragmented_datagram_is_whole_only_where_it_departs() {
    let stage = Stage::new(Family::V4);
    let packets = Packets::of(Protocol::Udp);
    let whole = Counter::at(&stage.network.client.namespace, Place::Departure, &packets);
    let wire = stage.wire(Protocol::Udp);
    let (server, to) = stage.serve("udp-sink --count 1");
    stage.play(&format!("udp --to {to} --bytes 12000")).finish();
    server.done();
    assert_eq!(whole.read(), Volume { bytes: 12_028, packets: 1 });
    assert_eq!(wire.sent.read().packets, 9);
}

#[test]
fn tcp_segments_are_counted_one_by_one() {
    let cases = [
        ("tcp", Family::V4),
        ("tcp", Family::V6),
        ("tcp --mapped", Family::V4),
        ("tcp --with sendfile", Family::V4),
        ("tcp --with splice", Family::V6),
        ("io-uring", Family::V4),
        ("io-uring --async", Family::V6),
    ];
    for (client, family) in cases {
        let stage = Stage::new(family);
        let wire = stage.wire(Protocol::Tcp);
        let (server, to) = stage.serve("tcp-discard --close-first --bytes 300001");
        let report = stage.play(&format!("{client} --to {to} --bytes 300001")).finish();
        assert_eq!(report.number::<u64>("sent"), 300_001, "{client}");
        assert!(server.done().intact(), "{client}");
        // The last acknowledgement may still be on its way.
        until_counted(client, &wire.sent, |seen| {
            seen.packets > 207 && is_tcp(family, 300_001, seen)
        });
        let back = until_counted(client, &wire.received, |seen| seen.packets > 3);
        assert!(is_tcp(family, 0, back), "{client}: {back}");
    }
}

#[test]
fn offloaded_segments_are_counted_after_they_were_cut() {
    let stage = Stage::on(Network::offloading(), Family::V4);
    let near = Packets::of(Protocol::Tcp);
    let uncut = Counter::at(&stage.network.client.namespace, Place::Departure, &near);
    let wire = stage.wire(Protocol::Tcp);
    let (server, to) = stage.serve("tcp-discard --close-first --bytes 5000000");
    stage.play(&format!("tcp --to {to} --bytes 5000000")).finish();
    assert!(server.done().intact());
    let sent = until_counted("bulk", &wire.sent, |seen| {
        seen.packets > 3453 && is_tcp(Family::V4, 5_000_000, seen)
    });
    assert!(uncut.read().packets * 5 < sent.packets, "nothing was offloaded: {}", uncut.read());
}

#[test]
fn a_source_sends_and_a_client_may_close_first() {
    let stage = Stage::new(Family::V4);
    let (server, to) = stage.serve("tcp-source --bytes 70000");
    let report = stage.play(&format!("tcp --to {to} --receive 70000")).finish();
    assert_eq!((report.number("received"), report.intact()), (70_000_u64, true));
    assert_eq!(server.done().number::<u64>("sent"), 70_000);
}

#[test]
fn fast_open_puts_data_into_the_first_packet() {
    let stage = Stage::new(Family::V4);
    e2e::network::allow_fast_open(&stage.network);
    let (server, to) = stage.serve("tcp-discard --close-first --bytes 5000");
    stage.play(&format!("tcp --fastopen --to {to} --bytes 5000")).finish();
    assert!(server.done().intact());
    let client = &stage.network.client.namespace;
    assert_eq!(client.statistic("netstat", "TcpExt", "TCPFastOpenActive"), 1);
}

#[test]
fn mptcp_is_spoken_where_the_kernel_has_it() {
    let stage = Stage::new(Family::V4);
    if !e2e::network::has_mptcp() {
        return;
    }
    let (server, to) = stage.serve("tcp-discard --mptcp --close-first --bytes 90000");
    stage.play(&format!("tcp --mptcp --to {to} --bytes 90000")).finish();
    assert!(server.done().intact());
    let client = &stage.network.client.namespace;
    assert_eq!(client.statistic("netstat", "MPTcpExt", "MPCapableSYNACKRX"), 1);
}

#[test]
fn echo_requests_are_answered() {
    for family in [Family::V4, Family::V6] {
        for socket in ["raw", "ping", "ping --connected"] {
            let stage = Stage::new(family);
            stage.network.client.namespace.set("net.ipv4.ping_group_range", "0 2147483647");
            let wire = stage.wire(Protocol::Icmp);
            let to = stage.network.server.address(family);
            stage.play(&format!("icmp --to {to} --count 3 --bytes 56 --with {socket}")).finish();
            let wanted = Volume { bytes: 3 * (56 + udp_headers(family)), packets: 3 };
            assert_eq!(wire.read(), (wanted, wanted), "{family:?} {socket}");
        }
    }
}

#[test]
fn multicast_reaches_who_joined() {
    let stage = Stage::new(Family::V4);
    let network = &stage.network;
    let wire = stage.wire(Protocol::Udp);
    let words = format!(
        "udp-sink --listen 0.0.0.0:0 --join 239.77.0.1 --interface {} --count 5",
        network.server.v4
    );
    let server = Actor::start(&words, &network.server.namespace, &stage.server);
    let port = server.ready();
    let words = format!("udp --to 239.77.0.1:{port} --interface {} --count 5", network.client.v4);
    stage.play(&format!("{words} --bytes 100")).finish();
    assert_eq!(server.done().number::<u64>("received"), 500);
    assert_eq!(wire.sent.read(), Volume { bytes: 640, packets: 5 });
}

#[test]
fn frames_past_the_stack_arrive() {
    let stage = Stage::new(Family::V4);
    let network = &stage.network;
    let wire = stage.wire(Protocol::Udp);
    let (server, to) = stage.serve("udp-sink --count 7");
    let before = interface::read(&network.client.namespace, INTERFACE).0;
    let report = stage.play(&e2e::stage::frames(network, to, 7, 100)).finish();
    assert_eq!(report.number::<u64>("sent"), 7 * 142);
    assert_eq!(server.done().number::<u64>("received"), 700);
    assert_eq!(wire.sent.read(), Volume { bytes: 7 * 128, packets: 7 });
    let after = interface::read(&network.client.namespace, INTERFACE).0;
    assert!(after.bytes - before.bytes >= 7 * 142, "{before} then {after}");
}

#[test]
fn sockets_change_hands() {
    for command in ["inherit", "pass"] {
        for who in ["parent", "child"] {
            let stage = Stage::new(Family::V4);
            let heir = Cgroup::service();
            let (server, to) = stage.serve("tcp-discard --close-first --bytes 40000");
            let words = format!(
                "{command} --to {to} --bytes 40000 --connect {who} --cgroup {}",
                heir.path().display()
            );
            assert_eq!(stage.play(&words).finish().number::<u64>("sent"), 40_000);
            assert!(server.done().intact(), "{command} {who}");
        }
    }
}

#[test]
fn a_puppet_moves_and_renames_itself() {
    let stage = Stage::new(Family::V4);
    let elsewhere = Cgroup::service();
    let (server, to) = stage.serve("tcp-discard");
    let mut puppet = stage.play("puppet");
    puppet.tell(&format!("connect a tcp {to}"));
    assert_eq!(puppet.tell("send a 1000").number::<u64>("sent"), 1000);
    puppet.tell("rename other-name");
    puppet.tell(&format!("enter {}", elsewhere.path().display()));
    puppet.tell("send a 500");
    let process = Path::new("/proc").join(puppet.pid().to_string());
    let comm = std::fs::read_to_string(process.join("comm")).unwrap();
    let cgroups = std::fs::read_to_string(process.join("cgroup")).unwrap();
    assert_eq!(comm, "other-name\n");
    assert!(cgroups.contains(&elsewhere.app().id), "{cgroups}");
    puppet.tell("close a");
    assert_eq!(server.done().number::<u64>("received"), 1500);
}

#[test]
fn a_refused_connection_is_an_answer() {
    let stage = Stage::new(Family::V6);
    let (server, to) = stage.serve("tcp-discard");
    drop(server);
    let report = stage.play(&format!("refused --to {to} --count 4")).finish();
    assert_eq!(report.number::<u64>("refused"), 4);
}

#[test]
fn a_blink_lives_less_than_two_milliseconds() {
    let stage = Stage::new(Family::V4);
    let blink = program::blink();
    for (with, serve, protocol) in
        [("tcp", "tcp-discard --hold", Protocol::Tcp), ("udp", "udp-sink", Protocol::Udp)]
    {
        let wire = stage.wire(protocol);
        let (_server, to) = stage.serve(serve);
        let words =
            format!("burst --blink {} --with {with} --count 200 --to {to}", blink.display());
        let report = stage.play(&words).finish();
        assert_eq!(report.number::<u64>("children"), 200);
        assert!(report.number::<u64>("cpu_micros") < 2000, "{report:?}");
        until_counted(with, &wire.sent, |seen| seen.packets >= 200);
    }
}
