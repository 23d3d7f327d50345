//! Processes that live for two milliseconds are all seen.

use e2e::exact::{Claim, assert_exact};
use e2e::metrics::names;
use e2e::{Actor, Agent, App, Cgroup, Family, Launch, Protocol, Scratch, Stage, program};

/// Bytes of a blink.
const DATA: u64 = 16;

/// `count` processes, `parallel` at a time, each with one connection or datagram.
fn all_are_seen(with: &str, count: u64, parallel: u64) {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let (protocol, serve) = match with {
        "tcp" => (Protocol::Tcp, "tcp-discard --hold"),
        _ => (Protocol::Udp, "udp-sink"),
    };
    let wire = stage.wire(protocol);
    let (_server, to) = stage.serve(serve);
    let blink = program::blink();
    let words = format!(
        "burst --blink {} --with {with} --count {count} --parallel {parallel} --to {to}",
        blink.display()
    );
    let report = stage.play(&words).finish();
    assert_eq!(report.number::<u64>("children"), count);
    let claim = Claim::of(stage.app(), &wire).connections(count).sent(count * DATA);
    assert_exact(&agent, &format!("{count} processes with {with}"), &[claim]);
}

#[test]
fn three_hundred_processes_with_one_tcp_connection_each() {
    all_are_seen("tcp", 300, 1);
}

#[test]
fn three_hundred_processes_with_one_datagram_each() {
    all_are_seen("udp", 300, 1);
}

#[test]
fn a_burst_of_a_thousand_processes_with_tcp() {
    all_are_seen("tcp", 1000, 20);
}

#[test]
fn a_burst_of_a_thousand_processes_with_udp() {
    all_are_seen("udp", 1000, 20);
}

#[test]
fn short_lived_programs_have_their_name() {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let scratch = Scratch::new();
    let name = e2e::scratch::unique("b");
    let file = scratch.copy(&program::blink(), &name);
    let executable = App::new("executable", &file.display().to_string());
    let comm = App::new("comm", &name);
    // A cgroup that says nothing about what runs in it.
    let cgroup = Cgroup::new(&e2e::scratch::unique("e2e"), executable.clone());
    let wire = stage.wire(Protocol::Udp);
    let (_server, to) = stage.serve("udp-sink");
    let launch = Launch::new(program::actor())
        .words(&format!("burst --blink {} --with udp --count 300 --to {to}", file.display()))
        .in_namespace(&stage.network.client.namespace)
        .in_cgroup(&cgroup);
    Actor::launch(launch).finish();
    agent.until("programs by file or name", |metrics| {
        let of = |app| metrics.of(names::CONNECTIONS, app, Protocol::Udp);
        let bytes = |app| metrics.volumes(app, Protocol::Udp).0.bytes;
        let (by_file, by_name) = (of(&executable), of(&comm));
        let told = bytes(&executable) + bytes(&comm);
        let complete = by_file + by_name == 300 && told == wire.sent.read().bytes;
        complete.then_some(()).ok_or_else(|| {
            format!("{by_file} by file, {by_name} by name, {told} bytes of {}", wire.sent.read())
        })
    });
}
