//! What keeps the agent from starting on the wrong kernel or in the wrong place, and what it does at its
//! bounds: each is said, and nothing is lost in silence.

use std::fs;
use std::path::Path;
use std::time::Duration;

use aya::EbpfLoader;
use aya::programs::{Program, ProgramInfo, loaded_programs};
use e2e::metrics::names;
use e2e::wait::PATIENCE;
use e2e::{Agent, Cgroup, Family, Launch, Protocol, Running, Scratch, Stage, program};
use rustix::process::Signal;
use serde_json::Value;

/// Exit codes of the agent; `sortie help exit-codes` documents them.
mod exit {
    pub(crate) const IO: i32 = 1;
    pub(crate) const NO_CGROUP2: i32 = 4;
    pub(crate) const CGROUP_V1_ONLY: i32 = 5;
    pub(crate) const KERNEL_TOO_OLD: i32 = 6;
    pub(crate) const HOOK_TAKEN: i32 = 14;
    pub(crate) const RUNTIME_DIR: i32 = 15;
}

#[test]
fn a_kernel_that_is_too_old_is_named() {
    // The personality that has uname(2) tell a release of the 2.6 series (personality(2)).
    let ended = Agent::plan().wrapped(&["setarch", "--uname-2.6"]).fail();
    ended.assert(exit::KERNEL_TOO_OLD, &["2.6", "5.10"]);
}

#[test]
fn a_runtime_directory_that_cannot_be_made_is_named() {
    let ended = Agent::plan().with_runtime("/proc/sortie-e2e".into()).fail();
    ended.assert(exit::RUNTIME_DIR, &["/proc/sortie-e2e", "runtime_dir"]);
}

/// An agent without `CAP_SYS_ADMIN`, so that it can mount nothing itself, in a mount namespace of its own
/// after these commands.
fn fail_without_mounting(commands: &str) -> e2e::agent::Ended {
    let limit = "setpriv --inh-caps=-all --bounding-set=-all,+bpf,+net_admin,+perfmon,\
                 +dac_override,+dac_read_search";
    let script = format!("{commands} && exec {limit} \"$@\"");
    Agent::plan().wrapped(&["unshare", "--mount", "sh", "-c", &script, "sh"]).fail()
}

#[test]
fn cgroup_v1_alone_is_told_apart_from_no_cgroups_at_all() {
    let none = "awk '$9 ~ /^cgroup/ || $8 ~ /^cgroup/ || $10 ~ /^cgroup/ {print $5}' \
                /proc/self/mountinfo | sort -r | while read m; do umount -l \"$m\"; done";
    let ended = fail_without_mounting(none);
    ended.assert(exit::NO_CGROUP2, &["cgroup2"]);
    // With a hierarchy of version 1 only, even an empty one.
    let v1 = format!("{none} && mount -t cgroup -o none,name=e2e none /mnt");
    let ended = fail_without_mounting(&v1);
    ended.assert(exit::CGROUP_V1_ONLY, &["v1"]);
}

/// A program that tolerates no other at its cgroup, detached when dropped.
struct Exclusive {
    cgroup: Cgroup,
    id: u32,
}

impl Exclusive {
    fn attach() -> Self {
        let cgroup = Cgroup::service();
        let object = program::ebpf_object("floor.bpfel.o");
        let mut ebpf = EbpfLoader::new().load_file(object).expect("it loads");
        let program = ebpf.program_mut("empty_egress").expect("the object has it");
        let Program::CgroupSkb(program) = program else { panic!("it is for packets") };
        program.load().expect("the verifier accepts it");
        let id = program.info().expect("it is loaded").id();
        // Without `multi` nobody else may attach there, or below (`BPF_PROG_ATTACH`).
        let words = format!("cgroup attach {} egress id {id}", cgroup.path().display());
        Launch::new(program::system("bpftool")).words(&words).succeed("");
        Self { cgroup, id }
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        let path = self.cgroup.path().display();
        let words = format!("cgroup detach {path} egress id {}", self.id);
        Launch::new(program::system("bpftool")).words(&words).succeed("");
    }
}

#[test]
fn a_hook_that_another_program_keeps_for_itself_is_named() {
    let other = Exclusive::attach();
    let path = other.cgroup.path().display().to_string();
    let plan = Agent::plan().with_setting(&format!("cgroup_root = {path:?}"));
    plan.fail().assert(exit::HOOK_TAKEN, &["egress", &path]);
    // What was attached there before the agent came to the taken hook is gone with it.
    let words = format!("-j cgroup show {path}");
    let left = Launch::new(program::system("bpftool")).words(&words).succeed("");
    let left: Value = serde_json::from_str(&left).expect("bpftool prints JSON");
    let ids: Vec<_> = left.as_array().into_iter().flatten().map(|left| &left["id"]).collect();
    assert_eq!(ids, [&Value::from(other.id)]);
}

#[test]
fn a_damaged_object_is_an_error_and_no_panic() {
    let scratch = Scratch::new();
    let object = fs::read(program::ebpf_object("programs-atomic.bpfel.o")).unwrap();
    let refuse = |name: &str, bytes: &[u8]| {
        let path = scratch.path().join(name);
        fs::write(&path, bytes).unwrap();
        let ended = Agent::plan().with_object(path).fail();
        assert!(!ended.errors.contains("panicked"), "{name}: {}", ended.errors);
        ended.assert(exit::IO, &["eBPF"]);
    };
    for length in [0, 3, 16, 64, object.len() / 2, object.len() - 1] {
        refuse(&format!("{length} bytes"), &object[..length]);
    }
    // Fields of the header (elf(5)): byte order, place and number of the sections.
    for (at, bytes) in [(5, &[2][..]), (0x28, &[0xff; 8]), (0x3c, &[0xff; 2])] {
        let mut damaged = object.clone();
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        refuse(&format!("header at {at}"), &damaged);
    }
}

#[test]
fn what_was_sent_right_before_the_end_is_told() {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let wire = stage.wire(Protocol::Udp);
    let (server, to) = stage.serve("udp-sink --count 100");
    stage.play(&format!("udp --to {to} --count 100 --bytes 1000")).finish();
    server.done();
    let ended = agent.end(Signal::TERM);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
    let line = ended.errors.lines().last().unwrap_or_default();
    let told: u64 = line
        .split_once(" sent ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("no bytes in: {line}"));
    let sent = wire.read().0.bytes;
    assert!(told >= sent, "{sent} bytes sent, told: {line}");
}

/// So many sockets that each sent a datagram, held open.
fn sockets(stage: &Stage, to: &str, count: usize) -> Running {
    let from = stage.network.client.address(Family::V4);
    let holder = Launch::new(program::actor().with_file_name("load"))
        .words(&format!("hold {from} {to} {count}"))
        .in_namespace(&stage.network.client.namespace)
        .in_cgroup(&stage.client)
        .spawn();
    holder.stdout.next(PATIENCE).expect("the sockets are opened");
    holder
}

/// A number of the sums in what [`Agent::apps`] gives, over all rows of a table.
fn sum(rows: &Value, number: &str) -> u64 {
    let rows = rows.as_array().expect("a table");
    rows.iter().filter_map(|row| row.pointer(number)?.as_u64()).sum()
}

#[test]
fn what_finds_no_room_is_counted_elsewhere() {
    let agent = Agent::plan().with_setting("flows_max = 256").start();
    let stage = Stage::new(Family::V4);
    let wire = stage.wire(Protocol::Udp);
    let (_server, to) = stage.serve("udp-sink --count 1000");
    // Asked over the control socket, which makes no packets.
    let drains = agent.apps()["health"]["drains"].as_u64().expect("a number");
    let sockets = sockets(&stage, &to.to_string(), 1_000);
    let told = agent.apps();
    let sent = wire.read().0.bytes;
    let app = e2e::agent::find(&told, stage.app()).expect("some of it found room");
    let attributed = sum(&app["classes"], "/totals/sent_bytes");
    let over = sum(&told["health"]["over"], "/sent_bytes");
    // What others on this device sent meanwhile may have found no room either.
    let others = sum(&told["interfaces"], "/sent_bytes");
    let all = attributed + over;
    let numbers = format!("{attributed} told, {over} over, {sent} sent, {others} by others");
    assert!(attributed > 0 && over > 0 && attributed < sent, "{numbers}");
    // So may what the kernel says in a new namespace of its own accord: neighbours and IPv6 groups.
    let kernel = 2_000;
    assert!(sent <= all && all <= sent + others + kernel, "{numbers}");
    // One of the two looks is the one just asked for; for the other the full table woke the agent.
    assert!(drains + 2 <= told["health"]["drains"].as_u64().expect("a number"), "{told}");
    // The scrape's own packets may find no room.
    let scraped = agent.metrics().sum("sortie_over_bytes_total", &[("direction", "transmit")]);
    assert!(scraped >= over, "{scraped} in the metrics: {numbers}");

    // When they are closed there is room again.
    drop(sockets);
    e2e::eventually("room again", PATIENCE * 2, || {
        stage.play(&format!("udp --to {to} --count 1 --bytes 1")).finish();
        let told = agent.apps();
        let app = e2e::agent::find(&told, stage.app()).ok_or("the app is gone")?;
        let now = sum(&app["classes"], "/totals/sent_bytes");
        (now > attributed).then_some(()).ok_or_else(|| format!("still {now} told"))
    });
}

/// All programs in the kernel. `bpftool` does not print how many instructions were verified.
fn programs() -> Vec<ProgramInfo> {
    // One may be gone between its being listed and being asked for.
    loaded_programs().flatten().collect()
}

#[test]
fn programs_and_tables_stay_within_their_budgets() {
    let before: Vec<_> = programs().iter().map(ProgramInfo::id).collect();
    let agent = Agent::start();
    let mut all = programs();
    all.retain(|program| !before.contains(&program.id()));
    for (hook, most) in budgets() {
        let program = all.iter().find(|program| program.name_as_str() == Some(&*hook));
        let program = program.unwrap_or_else(|| panic!("`{hook}` has no program"));
        // The kernel tells since 5.16.
        let verified = program.verified_instruction_count();
        assert!(verified.is_some() || is_older_than(5, 16), "`{hook}`: nothing is told");
        let verified = verified.unwrap_or_default();
        assert!(verified <= most, "`{hook}`: {verified} instructions verified, {most} allowed");
    }
    // The links keep the programs: the agent holds no descriptor of one, nor of what it was loaded from.
    for text in descriptors(agent.pid()) {
        assert!(!text.contains("prog_type:"), "the agent holds a program: {text}");
    }

    let stage = Stage::new(Family::V4);
    let (_server, to) = stage.serve("udp-sink --count 20000");
    // The agent's own few sockets have to fit as well.
    let _sockets = [12_000, 4_300].map(|count| sockets(&stage, &to.to_string(), count));
    agent.until("16,300 flows", |metrics| {
        let flows = metrics.sum("sortie_flows", &[]);
        if flows >= 16_300 { Ok(()) } else { Err(format!("{flows}")) }
    });
    let bytes = map_bytes(agent.pid());
    assert!(bytes <= 4 * 1024 * 1024, "{bytes} bytes of tables");
}

/// Whether the kernel is older than this release.
fn is_older_than(major: u32, minor: u32) -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse::<u32>().ok());
    (numbers.next(), numbers.next()) < (Some(major), Some(minor))
}

/// The hooks and their budgets, from the agent's own table.
fn budgets() -> Vec<(String, u32)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitor/src/kernel/hooks.rs");
    let text = fs::read_to_string(path).expect("the sources are beside");
    let field = |line: &str, key: &str| {
        let value = line.trim().strip_prefix(key)?.trim_end_matches(',').trim();
        Some(value.trim_matches('"').replace('_', if key.starts_with("name") { "_" } else { "" }))
    };
    let names = text.lines().filter_map(|line| field(line, "name: "));
    let most = text.lines().filter_map(|line| field(line, "verified_instructions_max: "));
    let found: Vec<_> =
        names.zip(most).map(|(name, most)| (name, most.parse().expect("a number"))).collect();
    assert!(found.len() >= 8, "the table of hooks looks different: {found:?}");
    found
}

/// Memory of the maps a process holds (`memlock` of their `fdinfo`).
fn map_bytes(pid: u32) -> u64 {
    let mut sum = 0;
    for text in descriptors(pid).iter().filter(|text| text.contains("map_type:")) {
        let line = text.lines().find_map(|line| line.strip_prefix("memlock:"));
        sum += line.and_then(|line| line.trim().parse::<u64>().ok()).unwrap_or(0);
    }
    assert!(sum > 0, "no map tells its memory");
    sum
}

/// What the kernel says of the open descriptors of a process (`fdinfo`, proc(5)).
fn descriptors(pid: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("the process lives");
    // One may be closed meanwhile.
    entries.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect()
}

#[test]
fn many_connections_a_second_are_all_told() {
    let agent = Agent::start();
    let stage = Stage::new(Family::V4);
    let wire = stage.wire(Protocol::Tcp);
    let host = stage.network.server.address(Family::V4);
    let load = || Launch::new(program::actor().with_file_name("load"));
    let server = load()
        .words(&format!("serve {host}"))
        .in_namespace(&stage.network.server.namespace)
        .in_cgroup(&stage.server)
        .spawn();
    let line = server.stdout.next(PATIENCE).expect("the server gets ready");
    let port = line.split("connect=").nth(1).and_then(|rest| rest.split(' ').next());
    let mut made = 0;
    // More than the table of sockets holds, and several times what makes the programs settle.
    while made < 20_000 {
        let words = format!("connect {host}:{} 2000", port.expect("its port"));
        let client = load()
            .words(&words)
            .in_namespace(&stage.network.client.namespace)
            .in_cgroup(&stage.client)
            .spawn();
        let line = client.stdout.next(Duration::from_secs(30)).expect("it connects");
        made += line.rsplit('=').next().and_then(|n| n.parse::<u64>().ok()).expect("a number");
    }
    agent.until("all connections", |metrics| {
        let of = |name| metrics.of(name, stage.app(), Protocol::Tcp);
        let (told, failed) = (of(names::CONNECTIONS), of(names::FAILURES));
        let (sent, _) = metrics.volumes(stage.app(), Protocol::Tcp);
        let (counted, _) = wire.read();
        let over = metrics.sum("sortie_over_bytes_total", &[]);
        // Where both ends close at once, the kernel speaks for the connection afterwards. That is a packet
        // in thousands, and not the app's.
        let kernel = counted.packets.saturating_sub(sent.packets);
        let exact = sent.bytes <= counted.bytes && kernel * 1_000 <= counted.packets;
        let fits = told == made && failed == 0 && exact && over == 0;
        fits.then_some(()).ok_or_else(|| {
            format!("{told} of {made} told, {failed} failed, {sent} of {counted}, {over} over")
        })
    });
}
