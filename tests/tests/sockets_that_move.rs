//! A socket keeps its app, or changes it, when it changes hands, name, cgroup - or is older than the agent.

use e2e::exact::{Claim, assert_exact};
use e2e::metrics::names;
use e2e::{Actor, Agent, App, Cgroup, Family, Launch, Metrics, Protocol, Scratch, Stage, program};

/// Bytes of a transfer.
const BYTES: u64 = 100_000;

/// A socket goes from one app to another by `command`; whoever connects it owns it.
fn change_hands(command: &str) {
    let agent = Agent::start();
    for who in ["parent", "child"] {
        let stage = Stage::new(Family::V4);
        let heir = Cgroup::service();
        let wire = stage.wire(Protocol::Tcp);
        let (server, to) = stage.serve(&format!("tcp-discard --close-first --bytes {BYTES}"));
        let words = format!(
            "{command} --to {to} --bytes {BYTES} --connect {who} --cgroup {}",
            heir.path().display()
        );
        stage.play(&words).finish();
        assert!(server.done().intact());
        let (owner, other) =
            if who == "parent" { (stage.app(), heir.app()) } else { (heir.app(), stage.app()) };
        let claim = Claim::of(owner, &wire).connections(1).sent(BYTES);
        assert_exact(&agent, &format!("{command}, connected by the {who}"), &[claim]);
        let rest = agent.metrics().volumes(other, Protocol::Tcp);
        assert_eq!(rest, Default::default(), "{command}: the other app has something too");
    }
}

#[test]
fn an_inherited_socket_is_whose_connected_it() {
    change_hands("inherit");
}

#[test]
fn a_passed_socket_is_whose_connected_it() {
    change_hands("pass");
}

#[test]
fn a_new_name_makes_no_new_app() {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let wire = stage.wire(Protocol::Tcp);
    let (_server, to) = stage.serve("tcp-discard --hold");
    let mut puppet = stage.play("puppet");
    puppet.tell(&format!("connect a tcp {to}"));
    puppet.tell("send a 1000");
    puppet.tell("rename another");
    puppet.tell("send a 1000");
    puppet.tell(&format!("connect b tcp {to}"));
    puppet.tell("send b 1000");
    let claim = Claim::of(stage.app(), &wire).connections(2).sent(3000);
    assert_exact(&agent, "a new name", &[claim]);
    let others = agent.metrics().sum(names::TRANSMIT_BYTES, &[("kind", "comm")]);
    assert_eq!(others, 0, "the name became an app");
}

#[test]
fn what_a_process_opens_after_it_moved_is_the_new_app_s() {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let elsewhere = Cgroup::service();
    let before = stage.wire(Protocol::Tcp);
    let (_first, to) = stage.serve("tcp-discard --hold");
    let mut puppet = stage.play("puppet");
    puppet.tell(&format!("connect a tcp {to}"));
    puppet.tell("send a 20000");
    let claim = Claim::of(stage.app(), &before).connections(1).sent(20_000);
    assert_exact(&agent, "before the move", &[claim]);

    puppet.tell("rename another");
    puppet.tell(&format!("enter {}", elsewhere.path().display()));
    let after = stage.wire(Protocol::Tcp);
    puppet.tell(&format!("connect b tcp {to}"));
    puppet.tell("send b 30000");
    let claim = Claim::of(elsewhere.app(), &after).connections(1).sent(30_000);
    assert_exact(&agent, "after the move", &[claim]);

    // Nothing is counted twice or under a third app, whoever keeps the older socket.
    puppet.tell("send a 5000");
    agent.until("the sum of both", |metrics| {
        let sum = |app: &App| metrics.volumes(app, Protocol::Tcp).0.bytes;
        let (told, counted) = (sum(stage.app()) + sum(elsewhere.app()), before.sent.read().bytes);
        let complete = counted > 55_000 && told == counted;
        complete.then_some(()).ok_or_else(|| format!("{told} told, {counted} counted"))
    });
}

/// A socket opened before the agent is counted from the agent's start on.
fn older_than_the_agent(kind: &str, protocol: Protocol, in_namespace: bool) {
    let stage = Stage::new(Family::V4);
    let serve = if protocol == Protocol::Tcp { "tcp-discard --hold" } else { "udp-sink" };
    let (_server, to) = stage.serve(serve);
    let mut puppet = stage.play("puppet");
    puppet.tell(&format!("connect a {kind} {to}"));
    puppet.tell("send a 700");
    let plan = Agent::plan();
    let agent = if in_namespace {
        plan.in_namespace(&stage.network.client.namespace).start()
    } else {
        plan.start()
    };
    let wire = stage.wire(protocol);
    puppet.tell("send a 800");
    let is_counted = |metrics: &Metrics| {
        let (sent, received) = metrics.volumes(stage.app(), protocol);
        let counted = wire.read();
        let fits = counted.0.bytes > 800 && (sent, received) == counted;
        fits.then_some(()).ok_or_else(|| {
            let (truly_sent, truly_received) = counted;
            format!("told {sent} and {received}, counted {truly_sent} and {truly_received}")
        })
    };
    agent.until(&format!("an older {kind} socket"), is_counted);
    // It was not opened while anybody watched.
    assert_eq!(agent.metrics().of(names::FAILURES, stage.app(), protocol), 0);
}

#[test]
fn a_tcp_connection_older_than_the_agent_is_its_app_s() {
    older_than_the_agent("tcp", Protocol::Tcp, true);
}

#[test]
fn a_udp_socket_older_than_the_agent_is_its_app_s() {
    older_than_the_agent("udp", Protocol::Udp, true);
}

#[test]
fn a_socket_older_than_the_agent_in_another_namespace_is_its_app_s() {
    older_than_the_agent("tcp", Protocol::Tcp, false);
}

#[test]
fn a_listener_older_than_the_agent_serves_for_its_app() {
    let stage = Stage::new(Family::V4);
    let (server, to) = stage.serve("tcp-source --bytes 5000");
    let agent = Agent::plan().in_namespace(&stage.network.server.namespace).start();
    let wire = stage.wire(Protocol::Tcp).reversed();
    let mut client = stage.play("puppet");
    client.tell(&format!("connect a tcp {to}"));
    agent.until("an older listener", |metrics| {
        let told = metrics.volumes(stage.server.app(), Protocol::Tcp);
        let counted = wire.read();
        let fits = counted.0.bytes > 5000 && told == counted;
        fits.then_some(()).ok_or_else(|| {
            let ((sent, received), (truly_sent, truly_received)) = (told, counted);
            format!("told {sent} and {received}, counted {truly_sent} and {truly_received}")
        })
    });
    drop(server);
}

#[test]
fn a_program_without_a_service_is_known_by_its_file() {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let scratch = Scratch::new();
    let file = scratch.copy(&program::actor(), "some-program");
    let cgroup = Cgroup::new(
        &e2e::scratch::unique("e2e"),
        App::new("executable", &file.display().to_string()),
    );
    let wire = stage.wire(Protocol::Tcp);
    let (server, to) = stage.serve(&format!("tcp-discard --close-first --bytes {BYTES}"));
    let launch = Launch::new(&file)
        .words(&format!("tcp --to {to} --bytes {BYTES}"))
        .in_namespace(&stage.network.client.namespace)
        .in_cgroup(&cgroup);
    Actor::launch(launch).finish();
    assert!(server.done().intact());
    let claim = Claim::of(cgroup.app(), &wire).connections(1).sent(BYTES);
    assert_exact(&agent, "a program by its file", &[claim]);
}
