//! An agent with less than root's rights.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use e2e::agent::Plan;
use e2e::{Agent, Launch, program};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_thread_gid,
    set_thread_uid,
};

use crate::mode::Mode;

/// Nobody in particular.
const USER: u32 = 1000;

/// What 5.10's distributions let a user lock: 64 KiB.
const MEMLOCK: u64 = 64 << 10;

/// Enough to load and attach the programs.
const LITTLE: CapabilitySet =
    CapabilitySet::BPF.union(CapabilitySet::NET_ADMIN).union(CapabilitySet::PERFMON);

/// With which it may also look at the processes of others: what the unit of the packages gives.
const UNIT: CapabilitySet =
    LITTLE.union(CapabilitySet::SYS_PTRACE).union(CapabilitySet::DAC_READ_SEARCH);

/// Starts an agent with the rights it has in this mode.
pub(crate) fn start(mode: Mode) -> Agent {
    plan(mode).start()
}

/// An agent yet to be started, with the rights it has in this mode.
pub(crate) fn plan(mode: Mode) -> Plan {
    let words = words(mode);
    if words.is_empty() {
        return Agent::plan();
    }
    let runtime = std::env::temp_dir().join(format!("run-{}", std::process::id()));
    fs::create_dir(&runtime).expect("it is not there yet");
    chown(&runtime, Some(USER), Some(USER)).expect("root may give it away");
    Agent::plan().with_runtime(runtime).wrapped(words)
}

/// `sortie check` with the same rights.
pub(crate) fn check(mode: Mode) -> Launch {
    match words(mode).split_first() {
        None => Launch::new(program::sortie()).words("check --json"),
        Some((first, rest)) => rest
            .iter()
            .fold(Launch::new(program::system(first)), Launch::arg)
            .arg(program::sortie())
            .words("check --json"),
    }
}

/// This program as one that starts another with fewer rights.
fn words(mode: Mode) -> &'static [&'static str] {
    match mode {
        Mode::NoPtrace => &["init", "as", "little"],
        Mode::Unit => &["init", "as", "unit"],
        Mode::Memlock => &["init", "as", "memlock"],
        _ => &[],
    }
}

/// Gives up rights and becomes the program.
pub(crate) fn become_less(what: &str, program: &[OsString]) -> ! {
    let kept = match what {
        "unit" => UNIT,
        "little" | "memlock" => LITTLE,
        other => panic!("no rights are called {other}"),
    };
    let limit = if what == "memlock" { Some(MEMLOCK) } else { None };
    setrlimit(Resource::Memlock, Rlimit { current: limit, maximum: limit }).expect("root may");
    for capability in CapabilitySet::all().difference(kept).iter() {
        // One that this kernel does not know yet needs not be taken away.
        if let Err(error) = remove_capability_from_bounding_set(capability) {
            assert_eq!(error, rustix::io::Errno::INVAL);
        }
    }
    set_keep_capabilities(true).expect("nothing forbids it");
    set_thread_gid(Gid::from_raw(USER)).expect("root may");
    set_thread_uid(Uid::from_raw(USER)).expect("root may");
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: kept };
    set_capabilities(None, sets).expect("it has them");
    for capability in kept.iter() {
        configure_capability_in_ambient_set(capability, true).expect("it has it");
    }
    let (first, rest) = program.split_first().expect("a program");
    let error = Command::new(first).args(rest).exec();
    panic!("{}: {error}", first.display());
}
