//! An agent that root starts and that becomes somebody else: it has little left, and tells the same.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use e2e::agent::{Plan, find};
use e2e::exact::{Claim, assert_exact};
use e2e::metrics::names;
use e2e::scratch::unique;
use e2e::wait::PATIENCE;
use e2e::{
    Actor, Agent, App, Cgroup, Client, Family, Launch, Names, Protocol, Scratch, Stage, Zone,
    eventually, program,
};
use rustix::process::Signal;

/// Exit codes of the agent; `sortie help exit-codes` documents them.
mod exit {
    pub(crate) const PRIVILEGES: i32 = 3;
    pub(crate) const CONFIG: i32 = 10;
    pub(crate) const RUNTIME_DIR: i32 = 15;
}

/// `CAP_DAC_READ_SEARCH`, `CAP_SYS_PTRACE` and `CAP_BPF` (uapi/linux/capability.h), as
/// `/proc/PID/status` shows them (proc(5)).
const KEPT: &str = "0000008000080004";
const NONE: &str = "0000000000000000";

/// What the unit of the packages gives to the start, as setpriv(1) writes it.
const UNIT: &str = "+bpf,+net_admin,+perfmon,+sys_ptrace,+dac_read_search";

/// Somebody else than whom the agent becomes.
const OTHER_USER: &str = "--reuid=65534 --regid=65534 --clear-groups";

/// A user that systems have from the start and that is not root.
struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    fn find() -> Self {
        let text = fs::read_to_string("/etc/passwd").expect("it is readable");
        let lines = ["games", "daemon", "bin"].iter().filter_map(|name| {
            let line = text.lines().find(|line| line.starts_with(&format!("{name}:")))?;
            let fields: Vec<_> = line.split(':').collect();
            let (uid, gid) = (fields[2].parse().ok()?, fields[3].parse().ok()?);
            Some(Self { name: (*name).to_owned(), uid, gid })
        });
        lines.into_iter().next().expect("one of them is there")
    }

    /// An agent that becomes this user.
    fn plan(&self) -> Plan {
        Agent::plan().with_setting(&format!("user = {:?}", self.name)).for_everybody()
    }

    fn owns(&self, path: &Path) {
        let found =
            fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!((found.uid(), found.gid()), (self.uid, self.gid), "{}", path.display());
    }

    /// Checks that every thread of an agent is this user's, in these groups.
    fn runs(&self, agent: &Agent, groups: &str) {
        for status in threads(agent.pid()) {
            self.has_become(&status, KEPT, groups);
        }
    }

    /// Checks what the kernel says of a thread or process that has these capabilities left.
    fn has_become(&self, status: &str, kept: &str, groups: &str) {
        let fields: BTreeMap<_, _> = status
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(key, value)| (key, value.split_whitespace().collect::<Vec<_>>().join(" ")))
            .collect();
        let four = |id: u32| [id; 4].map(|id| id.to_string()).join(" ");
        let wanted = [
            ("Uid", four(self.uid)),
            ("Gid", four(self.gid)),
            ("Groups", groups.to_owned()),
            ("CapInh", NONE.to_owned()),
            ("CapPrm", kept.to_owned()),
            ("CapEff", kept.to_owned()),
            ("CapBnd", KEPT.to_owned()),
            ("CapAmb", NONE.to_owned()),
            ("NoNewPrivs", "1".to_owned()),
        ];
        for (key, value) in wanted {
            assert_eq!(fields.get(key), Some(&value), "{key} in: {status}");
        }
    }
}

/// What the kernel says of every thread of a process.
fn threads(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    // One may end meanwhile.
    let texts =
        tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    let texts: Vec<_> = texts.collect();
    assert!(!texts.is_empty(), "it has no threads");
    texts
}

#[test]
fn an_agent_of_root_becomes_the_user_of_its_configuration() {
    let account = Account::find();
    let scratch = Scratch::new();
    let told = scratch.write("told", "");
    fs::set_permissions(&told, fs::Permissions::from_mode(0o666)).expect("ours");
    // `/proc/self` is the process that reads it: a program that the command starts.
    let keys = "^(Uid|Gid|Groups|Cap...|NoNewPrivs):";
    let script = format!("#!/bin/sh\ngrep -E '{keys}' /proc/self/status > {}\n", told.display());
    let script = scratch.write("tell", &script);
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("ours");
    let state = scratch.path().join("state");
    let agent = account
        .plan()
        .remembering(state.clone())
        .with_setting(&format!("notify_command = [{:?}]", script.display().to_string()))
        .start();
    account.runs(&agent, "");
    // Nobody but root may look into it: what it holds is root's (proc(5)).
    let memory = format!("/proc/{}/mem", agent.pid());
    assert_eq!(fs::metadata(memory).expect("it lives").uid(), 0);
    for path in [agent.runtime(), agent.runtime().join("lock"), agent.runtime().join("sortie.sock")]
    {
        account.owns(&path);
    }

    // Root asks it as ever, and it tells names.
    let names = Names::new(&Zone::default());
    let visit = names.run(&Client::device_manager());
    eventually("a notification", PATIENCE, || {
        agent.metrics();
        let text = fs::read_to_string(&told).unwrap_or_default();
        if text.contains("NoNewPrivs") { Ok(()) } else { Err(text) }
    });
    let text = fs::read_to_string(&told).expect("it is there");
    account.has_become(&text, NONE, "");
    let is_told = |agent: &Agent| agent.findings().to_string().contains("oneplus.net");
    assert!(is_told(&agent), "{}", agent.findings());
    let document = agent.apps();
    assert!(find(&document, visit.app()).is_some(), "{document}");
    account.runs(&agent, "");

    let ended = agent.end(Signal::TERM);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
    account.owns(&state);
    account.owns(&state.join("memory"));
    let agent = account.plan().remembering(state.clone()).start();
    assert!(is_told(&agent), "{}", agent.findings());
    agent.forget("--all");
    assert!(!is_told(&agent), "{}", agent.findings());
}

/// A program of another user, outside of any service: its file is what `/proc` tells only to those who may
/// trace it. The socket is older than the agent, whose look at the descriptors of others that takes.
#[test]
fn programs_of_other_users_are_known_by_their_file() {
    let account = Account::find();
    let stage = Stage::new(Family::V4);
    let scratch = Scratch::new();
    let file = scratch.copy(&program::actor(), "some-program");
    let puppet = || {
        let app = App::new("executable", &file.display().to_string());
        let cgroup = Cgroup::new(&unique("e2e"), app);
        let launch = Launch::new(program::system("setpriv"))
            .words(OTHER_USER)
            .arg(&file)
            .arg("puppet")
            .in_namespace(&stage.network.client.namespace)
            .in_cgroup(&cgroup);
        (Actor::launch(launch), cgroup)
    };
    let (_server, to) = stage.serve("udp-sink");
    let (mut older, _older_cgroup) = puppet();
    older.tell(&format!("connect here udp {to}"));
    let agent = account.plan().in_namespace(&stage.network.client.namespace).start();
    let wire = stage.wire(Protocol::Udp);
    let (mut younger, cgroup) = puppet();
    younger.tell(&format!("connect here udp {to}"));
    for actor in [&mut older, &mut younger] {
        actor.tell("send here 1000");
    }
    agent.until("the program by its file", |metrics| {
        let (told, _) = metrics.volumes(cgroup.app(), Protocol::Udp);
        let (sent, _) = wire.read();
        if told == sent && sent.packets == 2 { Ok(()) } else { Err(format!("{told} of {sent}")) }
    });
}

/// A service that was gone before anybody could look at it is known by its cgroup, whose directory is found in
/// the tree that the agent mounted for itself while it might.
#[test]
fn a_tree_that_it_mounted_itself_stays_in_reach() {
    let account = Account::find();
    let script = format!("umount --lazy {} && exec \"$@\"", e2e::cgroup::root().display());
    let words = ["unshare", "--mount", "sh", "-c", &script, "sh"];
    let agent = account.plan().wrapped(&words).start();
    account.runs(&agent, "");
    let stage = Stage::new(Family::V4);
    let wire = stage.wire(Protocol::Udp);
    let (_server, to) = stage.serve("udp-sink");
    agent.stop();
    stage.play(&format!("udp --to {to} --count 3 --bytes 10")).finish();
    agent.go_on();
    assert_exact(&agent, "a service", &[Claim::of(stage.app(), &wire).connections(1).sent(30)]);
}

#[test]
fn the_group_of_the_socket_is_the_only_further_one() {
    let account = Account::find();
    let group = "mail";
    let text = fs::read_to_string("/etc/group").expect("it is readable");
    let line = text.lines().find(|line| line.starts_with("mail:")).expect("a usual group");
    let id = line.split(':').nth(2).expect("an id");
    let agent = account.plan().with_setting(&format!("socket_group = {group:?}")).start();
    account.runs(&agent, id);
    let socket = fs::metadata(agent.runtime().join("sortie.sock")).expect("it listens");
    assert_eq!((socket.uid(), socket.gid().to_string()), (account.uid, id.to_owned()));
    assert_eq!(socket.mode() & 0o777, 0o660);
}

#[test]
fn what_an_agent_of_root_remembered_is_taken_over() {
    let account = Account::find();
    let scratch = Scratch::new();
    let (state, run) = (scratch.path().join("state"), scratch.path().join("run"));
    let plan = || Agent::plan().remembering(state.clone()).with_runtime(run.clone());
    let agent = plan().start();
    let names = Names::new(&Zone::default());
    names.run(&Client::device_manager());
    eventually("a finding", PATIENCE, || {
        let findings = agent.findings().to_string();
        if findings.contains("oneplus.net") { Ok(()) } else { Err(findings) }
    });
    agent.end(Signal::TERM);
    assert_eq!(fs::metadata(state.join("memory")).expect("it was written").uid(), 0);
    let agent = account.plan().remembering(state.clone()).with_runtime(run.clone()).start();
    assert!(agent.findings().to_string().contains("oneplus.net"), "{}", agent.findings());
    account.owns(&state.join("memory"));
    account.owns(&run.join("lock"));
    agent.end(Signal::TERM);
    // The other way round nothing has to change hands.
    let agent = plan().start();
    assert!(agent.findings().to_string().contains("oneplus.net"), "{}", agent.findings());
}

#[test]
fn what_keeps_it_from_becoming_that_user_is_said() {
    let account = Account::find();
    let plan = Agent::plan().with_setting("user = \"no-such-user\"");
    let config = plan.config().display().to_string();
    plan.fail().assert(exit::CONFIG, &[&config, "`no-such-user`", "`user`", "adduser"]);

    // A directory that is not the agent's alone is nobody's to give away.
    let scratch = Scratch::new();
    scratch.write("letters", "of somebody");
    let shown = scratch.path().display().to_string();
    let ended = account.plan().with_runtime(scratch.path().to_owned()).fail();
    ended.assert(exit::RUNTIME_DIR, &[&shown, "other files", &account.name]);
    assert_eq!(fs::metadata(scratch.path()).expect("it stays").uid(), 0);

    // Neither root nor that user.
    let words = format!("setpriv {OTHER_USER} --inh-caps={UNIT} --ambient-caps={UNIT}");
    let words: Vec<_> = words.split(' ').collect();
    let ended = account.plan().wrapped(&words).fail();
    ended.assert(exit::PRIVILEGES, &["root", "`user`", &account.name]);

    // Root in name only.
    let less = ["setpriv", "--bounding-set=-all,+bpf,+net_admin,+perfmon,+dac_override"];
    let ended = account.plan().wrapped(&less).fail();
    ended.assert(exit::PRIVILEGES, &["SETUID", &account.name]);
}

/// That user already, as a unit of systemd starts it: it has nothing to become, and gives up what only the
/// start takes.
#[test]
fn an_agent_that_is_that_user_already_keeps_no_more() {
    let account = Account::find();
    let scratch = Scratch::new();
    let run = scratch.path().join("run");
    fs::create_dir(&run).expect("ours");
    chown(&run, Some(account.uid), Some(account.gid)).expect("root may");
    let user = format!("--reuid={} --regid={} --clear-groups", account.uid, account.gid);
    let words = format!(
        "setpriv --bounding-set=-all,{UNIT},+setpcap {user} --inh-caps={UNIT} --ambient-caps={UNIT}"
    );
    let words: Vec<_> = words.split(' ').collect();
    let agent = account.plan().with_runtime(run).wrapped(&words).start();
    for status in threads(agent.pid()) {
        for (key, caps) in [("Inh", NONE), ("Prm", KEPT), ("Eff", KEPT), ("Amb", NONE)] {
            assert!(status.contains(&format!("Cap{key}:\t{caps}\n")), "{key} in: {status}");
        }
    }
}

/// A kernel that lists no sockets: the filter refuses netlink of the family `NETLINK_SOCK_DIAG` (seccomp(2)).
const NO_DIAG: &str = "import ctypes, errno, os, struct, sys
socket = {'x86_64': 41, 'aarch64': 198, 'riscv64': 198}[os.uname().machine]
load = lambda at: struct.pack('HBBI', 0x20, 0, 0, at)
unless = lambda value, skip: struct.pack('HBBI', 0x15, 0, skip, value)
end = lambda value: struct.pack('HBBI', 0x06, 0, 0, value)
code = (load(0) + unless(socket, 5) + load(16) + unless(16, 3) + load(32) + unless(4, 1)
    + end(0x50000 | errno.EPROTONOSUPPORT) + end(0x7fff0000))
buffer = ctypes.create_string_buffer(code)
program = struct.pack('HxxxxxxP', len(code) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
prctl = lambda *words: libc.prctl(*(ctypes.c_ulong(word) if type(word) is int else word for word in words))
assert prctl(38, 1, 0, 0, 0) == 0
assert prctl(22, 2, ctypes.create_string_buffer(program), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])";

#[test]
fn its_own_listener_is_known_where_sockets_cannot_be_listed() {
    let agent = Agent::plan().wrapped(&["python3", "-c", NO_DIAG]).start();
    let own = App::new("executable", &program::sortie().display().to_string());
    agent.until("its own answers", |metrics| {
        let accepted = metrics.of(names::ACCEPTED, &own, Protocol::Tcp);
        if accepted > 0 { Ok(()) } else { Err(format!("{accepted} accepted")) }
    });
    let document = agent.apps().to_string();
    assert!(!document.contains("no_sock_diag"), "{document}");
}
