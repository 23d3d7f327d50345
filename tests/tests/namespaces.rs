//! Containers and namespaces hide nothing.

use e2e::exact::{Claim, assert_exact};
use e2e::scratch::unique;
use e2e::{Actor, Agent, App, Cgroup, Family, Launch, Network, Protocol, Stage, program};

/// Bytes of a transfer.
const BYTES: u64 = 100_000;

/// An identifier as container engines make them: 64 hexadecimal digits, new each time.
fn container_id() -> String {
    let seed = unique("e2e");
    let mut digits: String = seed.bytes().map(|byte| format!("{byte:02x}")).collect();
    digits.insert_str(0, &format!("{:08x}", std::process::id()));
    while digits.len() < 64 {
        digits.push('a');
    }
    // What changes must be in front: only the first 12 digits are shown.
    let last = seed.bytes().next_back().unwrap_or_default();
    digits.replace_range(8..10, &format!("{last:02x}"));
    digits[..64].to_owned()
}

#[test]
fn a_container_is_known_by_its_id() {
    let agent = Agent::start();
    for path in [
        "docker/{id}",
        "system.slice/docker-{id}.scope",
        "machine.slice/libpod-{id}.scope",
    ] {
        let id = container_id();
        let app = App::new("container", &id[..12]);
        let cgroup = Cgroup::new(&path.replace("{id}", &id), app);
        let stage = Stage {
            client: cgroup,
            ..Stage::new(Family::V4)
        };
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
    let wires: Vec<_> = stages
        .iter()
        .map(|stage| stage.wire(Protocol::Tcp))
        .collect();
    let serve = format!("tcp-discard --close-first --bytes {BYTES}");
    let servers: Vec<_> = stages.iter().map(|stage| stage.serve(&serve)).collect();
    let clients: Vec<_> = stages
        .iter()
        .zip(&servers)
        .map(|(stage, (_, to))| stage.play(&format!("tcp --to {to} --bytes {BYTES}")))
        .collect();
    clients.into_iter().for_each(|client| drop(client.finish()));
    let claims: Vec<_> = stages
        .iter()
        .zip(&wires)
        .map(|(stage, wire)| Claim::of(stage.app(), wire).connections(1).sent(BYTES))
        .collect();
    assert_exact(&agent, "three namespaces", &claims);
}
