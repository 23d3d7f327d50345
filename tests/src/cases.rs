//! Traffic that every build of the programs must count to the byte.

use crate::exact::{Claim, assert_exact};
use crate::{Agent, Family, Network, Protocol, Stage};

/// Bytes of a transfer: many segments, and the last one is not full.
const BYTES: u64 = 300_001;

/// A way to send over TCP.
#[derive(Clone, Copy, Debug)]
pub struct Tcp<'a> {
    /// What the client does, for messages.
    pub what: &'a str,
    /// The family of the addresses on the wire.
    pub family: Family,
    /// Words for the client beside address and bytes.
    pub client: &'a str,
    /// Words for the server.
    pub server: &'a str,
}

/// The plain ways.
pub const TCP: [Tcp<'static>; 3] = [
    Tcp { what: "TCP over IPv4", family: Family::V4, client: "tcp", server: "" },
    Tcp { what: "TCP over IPv6", family: Family::V6, client: "tcp", server: "" },
    Tcp { what: "TCP to a mapped address", family: Family::V4, client: "tcp --mapped", server: "" },
];

/// A client sends, and the server closes first: every packet has the client's socket at one end.
pub fn tcp(agent: &Agent, case: Tcp<'_>) {
    tcp_on(agent, case, Network::pair(), BYTES);
}

/// The same on a network of choice, with as many bytes as wanted.
pub fn tcp_on(agent: &Agent, case: Tcp<'_>, network: Network, bytes: u64) {
    let stage = Stage::on(network, case.family);
    let wire = stage.wire(Protocol::Tcp);
    let (server, to) =
        stage.serve(&format!("tcp-discard --close-first --bytes {bytes} {}", case.server));
    let report = stage.play(&format!("{} --to {to} --bytes {bytes}", case.client)).finish();
    assert_eq!(report.number::<u64>("sent"), bytes, "{}", case.what);
    let received = server.done();
    assert_eq!(received.number::<u64>("received"), bytes, "{}", case.what);
    assert!(received.intact(), "{}: not what was sent", case.what);
    let claim = Claim::of(stage.app(), &wire).connections(1).sent(bytes);
    assert_exact(agent, case.what, &[claim]);
}

/// A way to send datagrams.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    /// What the client does, for messages.
    pub what: &'a str,
    /// The family of the addresses on the wire.
    pub family: Family,
    /// Words for the client beside its destinations.
    pub client: &'a str,
    /// Datagrams on the wire to each destination.
    pub datagrams: u64,
    /// Bytes to each destination that are not headers.
    pub payload: u64,
    /// How many destinations.
    pub destinations: u8,
}

/// The plain ways.
pub const UDP: [Udp<'static>; 7] = [
    Udp {
        what: "connected UDP over IPv4",
        family: Family::V4,
        client: "udp --connected --count 200 --bytes 333 --echo",
        datagrams: 200,
        payload: 200 * 333,
        destinations: 1,
    },
    Udp {
        what: "connected UDP over IPv6",
        family: Family::V6,
        client: "udp --connected --count 200 --bytes 333 --echo",
        datagrams: 200,
        payload: 200 * 333,
        destinations: 1,
    },
    Udp {
        what: "connected UDP to a mapped address",
        family: Family::V4,
        client: "udp --connected --mapped --count 200 --bytes 333 --echo",
        datagrams: 200,
        payload: 200 * 333,
        destinations: 1,
    },
    Udp {
        what: "UDP to several destinations over IPv4",
        family: Family::V4,
        client: "udp --count 50 --bytes 1200 --echo",
        datagrams: 50,
        payload: 50 * 1200,
        destinations: 4,
    },
    Udp {
        what: "UDP to several destinations over IPv6",
        family: Family::V6,
        client: "udp --count 50 --bytes 1200 --echo",
        datagrams: 50,
        payload: 50 * 1200,
        destinations: 4,
    },
    Udp {
        what: "UDP to several mapped addresses",
        family: Family::V4,
        client: "udp --mapped --count 50 --bytes 7 --echo",
        datagrams: 50,
        payload: 50 * 7,
        destinations: 4,
    },
    Udp {
        what: "sendmmsg to several destinations",
        family: Family::V4,
        client: "udp --mmsg --count 500 --bytes 100",
        datagrams: 500,
        payload: 500 * 100,
        destinations: 3,
    },
];

/// A client sends datagrams to as many servers as it takes; those that answer are counted too.
pub fn udp(agent: &Agent, case: Udp<'_>) {
    udp_on(agent, case, Network::pair());
}

/// The same on a network of choice.
pub fn udp_on(agent: &Agent, case: Udp<'_>, network: Network) {
    let stage = Stage::on(network, case.family);
    let wire = stage.wire(Protocol::Udp);
    let server = if case.client.contains("--echo") { "udp-echo" } else { "udp-sink" };
    let servers: Vec<_> = (0..case.destinations)
        .map(|_| stage.serve(&format!("{server} --count {}", case.datagrams)))
        .collect();
    let to: Vec<String> = servers.iter().map(|(_, to)| format!("--to {to}")).collect();
    stage.play(&format!("{} {}", case.client, to.join(" "))).finish();
    for (server, _) in &servers {
        let report = server.done();
        assert_eq!(report.number::<u64>("received"), case.payload, "{}", case.what);
    }
    let destinations = u64::from(case.destinations);
    let sent = case.payload * destinations;
    // Each destination is a peer that the client speaks to first, and to each server the client is
    // one that spoke first.
    let claims = [Claim::of(stage.app(), &wire).connections(destinations).sent(sent)];
    assert_exact(agent, case.what, &claims);
    let back = wire.reversed();
    let claim = Claim::of(stage.server.app(), &back).accepted(destinations);
    assert_exact(agent, &format!("{}, the servers", case.what), &[claim]);
}
