//! A real Prometheus reads the metrics, and holds the same totals.

use std::time::Duration;

use e2e::exact::{Claim, assert_exact};
use e2e::metrics::names;
use e2e::prometheus::Prometheus;
use e2e::{Agent, Family, Launch, Protocol, Stage, eventually, program};

/// Several scrapes, and the start of a large program on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn prometheus_holds_the_same_totals() {
    let agent = Agent::start();
    let prometheus = Prometheus::start(&agent);
    eventually("a first scrape", PATIENCE, || {
        let up = prometheus.value("up{job=\"sortie\"}")?;
        (up > 0.5).then_some(()).ok_or_else(|| "not up".to_owned())
    });

    let stage = Stage::new(Family::V4);
    let tcp = stage.wire(Protocol::Tcp);
    let (server, to) = stage.serve("tcp-discard --close-first --bytes 400000");
    stage.play(&format!("tcp --to {to} --bytes 400000")).finish();
    server.done();
    let udp = stage.wire(Protocol::Udp);
    let (server, to) = stage.serve("udp-sink --count 100");
    stage.play(&format!("udp --to {to} --bytes 400 --count 100")).finish();
    server.done();
    let claims = [
        Claim::of(stage.app(), &tcp).connections(1).sent(400_000),
        Claim::of(stage.app(), &udp).connections(1).sent(40_000),
    ];
    assert_exact(&agent, "before Prometheus", &claims);

    let app = &stage.app().id;
    for wire in [&tcp, &udp] {
        let (sent, received) = wire.read();
        let protocol = wire.protocol.label();
        for (name, wanted) in [
            (names::TRANSMIT_BYTES, sent.bytes),
            (names::TRANSMIT_PACKETS, sent.packets),
            (names::RECEIVE_BYTES, received.bytes),
            (names::RECEIVE_PACKETS, received.packets),
            (names::CONNECTIONS, 1),
        ] {
            let query = format!("sum({name}{{app=\"{app}\",protocol=\"{protocol}\"}})");
            eventually(&query, PATIENCE, || {
                let found = prometheus.value(&query)?;
                #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                let is_equal = (found - wanted as f64).abs() < 0.5;
                is_equal.then_some(()).ok_or_else(|| format!("{found}, and {wanted} counted"))
            });
        }
    }
    let failed = prometheus.query("up{job=\"sortie\"} == 0");
    assert_eq!(failed.map(|results| results.len()), Ok(0), "a scrape failed");
}

#[test]
fn promtool_finds_nothing_to_criticise() {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let (server, to) = stage.serve("udp-sink --count 1");
    stage.play(&format!("udp --to {to} --bytes 400")).finish();
    server.done();
    let text = agent.get("/metrics").expect("it serves metrics");
    let said = Launch::new(program::system("promtool")).words("check metrics").succeed(&text);
    assert_eq!(said.trim(), "");
}
