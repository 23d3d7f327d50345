//! Containers and namespaces hide nothing.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use e2e::exact::{Claim, assert_exact};
use e2e::metrics::names;
use e2e::network::{INTERFACE, Wire};
use e2e::{
    Actor, Agent, App, Cgroup, Counter, Family, Launch, Network, Packets, Protocol, Stage, program,
};

/// Bytes of a transfer.
const BYTES: u64 = 100_000;

/// An identifier as container engines make them: 64 hexadecimal digits. The first 12, which are
/// shown, are new each time.
fn container_id() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:08x}{number:04x}{}", process::id(), "5a".repeat(26))
}

#[test]
fn a_container_is_known_by_its_id() {
    let agent = Agent::start();
    for path in ["docker/{id}", "system.slice/docker-{id}.scope", "machine.slice/libpod-{id}.scope"]
    {
        let id = container_id();
        let app = App::new("container", &id[..12]);
        let cgroup = Cgroup::new(&path.replace("{id}", &id), app);
        let stage = Stage { client: cgroup, ..Stage::new(Family::V4) };
        let wire = stage.wire(Protocol::Tcp);
        let (server, to) = stage.serve(&format!("tcp-discard --close-first --bytes {BYTES}"));
        // As a container engine starts it: process 1 of a PID namespace, with a /proc of its own.
        let launch = Launch::new(program::system("unshare"))
            .words("--pid --fork --kill-child --mount-proc")
            .arg(program::actor())
            .words(&format!("tcp --to {to} --bytes {BYTES}"))
            .in_namespace(&stage.network.client.namespace)
            .in_cgroup(&stage.client);
        Actor::launch(launch).finish();
        assert!(server.done().intact());
        let claim = Claim::of(stage.app(), &wire).connections(1).sent(BYTES);
        assert_exact(&agent, path, &[claim]);
    }
}

#[test]
fn equal_addresses_in_other_namespaces_are_other_apps() {
    let agent = Agent::start();
    let stages = [Network::pair(), Network::pair(), Network::pair()]
        .map(|network| Stage::on(network, Family::V4));
    let wires: Vec<_> = stages.iter().map(|stage| stage.wire(Protocol::Tcp)).collect();
    let serve = format!("tcp-discard --close-first --bytes {BYTES}");
    let servers: Vec<_> = stages.iter().map(|stage| stage.serve(&serve)).collect();
    let clients: Vec<_> = stages
        .iter()
        .zip(&servers)
        .map(|(stage, (_, to))| stage.play(&format!("tcp --to {to} --bytes {BYTES}")))
        .collect();
    for client in clients {
        client.finish();
    }
    let claims: Vec<_> = stages
        .iter()
        .zip(&wires)
        .map(|(stage, wire)| Claim::of(stage.app(), wire).connections(1).sent(BYTES))
        .collect();
    assert_exact(&agent, "three namespaces", &claims);
}

#[test]
fn what_another_namespace_s_kernel_sends_is_on_none_of_this_one_s_interfaces() {
    let here = Network::quiet().client;
    let agent = Agent::plan().in_namespace(&here.namespace).start();
    let stage = Stage::on(Network::quiet(), Family::V4);
    let wire = Wire {
        protocol: Protocol::Udp,
        sent: Counter::new(&stage.network.client.namespace, &Packets::of(Protocol::Udp)),
        received: Counter::new(&stage.network.server.namespace, &Packets::of(Protocol::Udp)),
    };
    // Nobody listens, so the kernel there answers each with an error on its own loopback.
    stage.play("udp --to 127.0.0.1:9 --count 50 --bytes 1000").finish();
    let claim = Claim::of(stage.app(), &wire).connections(1).sent(50_000);
    assert_exact(&agent, "datagrams elsewhere", &[claim]);
    agent.until("interfaces that carry nothing", |metrics| {
        let sums = ["lo", INTERFACE].map(|device| {
            let labels = [("device", device), ("cause", "other")];
            metrics.gauge(names::INTERFACE_UNATTRIBUTED_TRANSMIT, &labels)
        });
        // Beside the agent's own answers, one of which may be on its way.
        let fits = sums.iter().all(|sum| sum.abs() < 10_000);
        fits.then_some(()).ok_or_else(|| format!("unattributed: {sums:?}"))
    });
}
