//! What goes wrong is said in one line, with an exit code of its own, and leaves nothing behind.

use std::fs;
use std::net::TcpListener;

use e2e::metrics::names;
use e2e::wait::PATIENCE;
use e2e::{Agent, Family, Launch, Protocol, Scratch, Stage, cgroup, elf, program};
use rustix::process::Signal;
use serde_json::Value;

/// Exit codes of the agent; its `--help` documents them.
mod exit {
    pub(crate) const IO: i32 = 1;
    pub(crate) const USAGE: i32 = 2;
    pub(crate) const PRIVILEGES: i32 = 3;
    pub(crate) const NO_CGROUP2: i32 = 4;
    pub(crate) const VERIFIER: i32 = 7;
    pub(crate) const PORT_IN_USE: i32 = 8;
    pub(crate) const AGENT_RUNNING: i32 = 9;
    pub(crate) const CONFIG: i32 = 10;
    pub(crate) const NO_AGENT: i32 = 11;
    pub(crate) const NOT_LOOPBACK: i32 = 12;
}

#[test]
fn refused_connections_are_counted() {
    let agent = Agent::start();
    for family in [Family::V4, Family::V6] {
        let stage = Stage::new(family);
        let wire = stage.wire(Protocol::Tcp);
        let (server, to) = stage.serve("tcp-discard");
        // Its port is free again and nobody listens.
        drop(server);
        stage.play(&format!("refused --to {to} --count 7")).finish();
        agent.until("refused connections", |metrics| {
            let of = |name| metrics.of(name, stage.app(), Protocol::Tcp);
            let (tried, failed) = (of(names::CONNECTIONS), of(names::FAILURES));
            let told = metrics.volumes(stage.app(), Protocol::Tcp);
            let counted = wire.read();
            let fits = tried == 7 && failed == 7 && told == counted && counted.1.packets == 7;
            fits.then_some(()).ok_or_else(|| {
                format!("{tried} tried, {failed} failed, {told:?} told, {counted:?} counted")
            })
        });
    }
}

#[test]
fn another_user_than_root_is_told_so() {
    let ended = Agent::plan()
        .for_everybody()
        .wrapped(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
        .fail();
    ended.assert(exit::PRIVILEGES, &["root"]);
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Agent::plan().listening(&address).fail().assert(exit::PORT_IN_USE, &[&address, "listen"]);
}

#[test]
fn a_second_agent_is_refused_and_the_first_goes_on() {
    let first = Agent::start();
    let ended = Agent::plan().with_runtime(first.runtime()).fail();
    let runtime = first.runtime().display().to_string();
    ended.assert(exit::AGENT_RUNNING, &[&runtime, &first.pid().to_string()]);
    first.metrics();
}

#[test]
fn a_mistake_in_the_configuration_is_named_with_its_line() {
    let plan = Agent::plan().with_setting("flow_max = 1000");
    let config = plan.config().display().to_string();
    plan.fail().assert(exit::CONFIG, &[&config, ":4:", "flow_max", "flows_max"]);
    let plan = Agent::plan().with_setting("").with_setting("flows_max = \"many\"");
    plan.fail().assert(exit::CONFIG, &["4", "flows_max"]);
}

#[test]
fn an_address_beyond_this_device_is_refused() {
    for address in ["0.0.0.0:0", "[::]:0", "10.77.0.1:9917"] {
        Agent::plan().listening(address).fail().assert(exit::NOT_LOOPBACK, &[address]);
    }
}

#[test]
fn a_directory_that_is_no_cgroup2_is_named() {
    let scratch = Scratch::new();
    let directory = scratch.path().display().to_string();
    let plan = Agent::plan().with_setting(&format!("cgroup_root = {directory:?}"));
    plan.fail().assert(exit::NO_CGROUP2, &[&directory]);
}

#[test]
fn questions_without_an_agent_are_answered_in_one_line() {
    let scratch = Scratch::new();
    let config = scratch.write("sortie.toml", &format!("runtime_dir = {:?}\n", scratch.path()));
    for (words, code) in [("apps", exit::NO_AGENT), ("top", exit::NO_AGENT), ("appz", exit::USAGE)]
    {
        let output =
            Launch::new(program::sortie()).words(words).arg("--config").arg(&config).output();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words}: {errors}");
        assert_eq!(errors.trim_end().lines().count(), 1, "{words}: {errors}");
    }
}

#[test]
fn a_program_the_verifier_rejects_is_named_once() {
    let scratch = Scratch::new();
    let mut object = fs::read(program::ebpf_object("programs-atomic.bpfel.o")).unwrap();
    // An instruction that no kernel knows, where a program begins.
    let start = elf::section(&object, "cgroup_skb/egress").expect("the object has this program");
    object[start] = 0xff;
    let path = scratch.path().join("broken.o");
    fs::write(&path, object).unwrap();
    let before = attached();
    let ended = Agent::plan().with_object(path).fail();
    assert_eq!(ended.status.code(), Some(exit::VERIFIER), "{}", ended.errors);
    for words in ["verifier", "`egress`", "unknown opcode ff"] {
        assert!(ended.errors.contains(words), "no {words:?} in: {}", ended.errors);
    }
    assert!(ended.errors.lines().count() <= 6, "{}", ended.errors);
    assert_eq!(attached(), before, "it left something attached");
}

#[test]
fn a_file_that_holds_no_programs_is_named() {
    let scratch = Scratch::new();
    let ended = Agent::plan().with_object(scratch.write("empty.o", "nothing")).fail();
    ended.assert(exit::IO, &["eBPF"]);
}

/// Ids of the programs attached to the root of the cgroup tree.
fn attached() -> Vec<u64> {
    let text = Launch::new(program::system("bpftool"))
        .words("-j cgroup show")
        .arg(cgroup::root())
        .succeed("");
    // With nothing to show it prints nothing.
    if text.trim().is_empty() {
        return Vec::new();
    }
    let json: Value = serde_json::from_str(&text).expect("bpftool prints JSON");
    let programs = json.as_array().cloned().unwrap_or_default();
    programs.iter().filter_map(|program| program["id"].as_u64()).collect()
}

#[test]
fn an_agent_that_is_killed_leaves_nothing_attached() {
    let before = attached();
    let agent = Agent::start();
    let runtime = agent.runtime();
    assert!(before.len() < attached().len(), "it attached nothing");
    // Traffic, so that there is something to leave.
    let stage = Stage::new(Family::V4);
    let (server, to) = stage.serve("udp-sink --count 10");
    stage.play(&format!("udp --to {to} --count 10 --bytes 10")).finish();
    server.done();
    agent.metrics();
    drop(agent.end(Signal::KILL));
    e2e::eventually("nothing attached", PATIENCE, || {
        let after = attached();
        (after == before).then_some(()).ok_or_else(|| format!("{before:?} before, {after:?} after"))
    });
    assert!(!runtime.exists() || fs::read_dir(&runtime).is_ok());
}

#[test]
fn an_agent_after_a_killed_one_starts_as_if_nothing_had_been() {
    let scratch = Scratch::new();
    let runtime = scratch.path().join("run");
    drop(Agent::plan().with_runtime(runtime.clone()).start().end(Signal::KILL));
    let agent = Agent::plan().with_runtime(runtime).start();
    agent.apps();
    let ended = agent.end(Signal::TERM);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
}

#[test]
fn an_agent_that_is_told_to_end_ends_well() {
    let before = attached();
    for signal in [Signal::TERM, Signal::INT] {
        let agent = Agent::start();
        let ended = agent.end(signal);
        assert_eq!(ended.status.code(), Some(0), "{signal:?}: {}", ended.errors);
    }
    e2e::eventually("nothing attached", PATIENCE, || {
        let after = attached();
        (after == before).then_some(()).ok_or_else(|| format!("{before:?} before, {after:?} after"))
    });
}

/// Starts an agent in a mount namespace of its own, after these commands of a shell.
fn start_after(commands: &str) -> Agent {
    let script = format!("{commands} && exec \"$@\"");
    Agent::plan().wrapped(&["unshare", "--mount", "sh", "-c", &script, "sh"]).start()
}

/// A datagram of an app is told.
fn assert_works(agent: &Agent) {
    let stage = Stage::new(Family::V4);
    let wire = stage.wire(Protocol::Udp);
    let (server, to) = stage.serve("udp-sink --count 3");
    stage.play(&format!("udp --to {to} --count 3 --bytes 10")).finish();
    server.done();
    let claim = e2e::exact::Claim::of(stage.app(), &wire).connections(1).sent(30);
    e2e::exact::assert_exact(agent, "a datagram", &[claim]);
}

#[test]
fn a_kernel_without_btf_is_no_obstacle() {
    let hide = "if [ -d /sys/kernel/btf ]; then mount -t tmpfs none /sys/kernel/btf; fi && \
                test ! -e /sys/kernel/btf/vmlinux";
    assert_works(&start_after(hide));
}

#[test]
fn a_cgroup2_that_is_not_mounted_is_mounted() {
    let root = cgroup::root();
    let hide = format!("umount --lazy {}", root.display());
    assert_works(&start_after(&hide));
    assert_eq!(cgroup::root(), root, "it mounted something outside of its own namespace");
}
