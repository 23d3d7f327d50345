//! The closed list of ways the program ends badly: one clear line and one exit code each.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::ConfigError;

/// Lines of a verifier's log that are worth showing: the last ones name the instruction and the
/// reason, the thousands before them only how it got there.
const VERIFIER_LINES: usize = 5;

macro_rules! exits {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// The exit codes. Part of the interface: scripts and service managers act on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Exit {
            $($(#[doc = $doc])+ $name = $code,)+
        }

        impl Exit {
            /// All of them, lowest code first.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The number the process ends with.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// What it means: one sentence, for people.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

exits! {
    /// Reading, writing or another system call failed.
    Io = 1,
    /// The command line was not understood.
    Usage = 2,
    /// Root, or another right, is missing.
    Privileges = 3,
    /// There is no cgroup2 tree, and none could be mounted.
    NoCgroup2 = 4,
    /// The kernel has only version 1 of cgroups.
    CgroupV1Only = 5,
    /// The kernel is too old.
    KernelTooOld = 6,
    /// The kernel's verifier rejected an eBPF program.
    Verifier = 7,
    /// The address to listen on is taken.
    PortInUse = 8,
    /// Another agent is running.
    AgentRunning = 9,
    /// The configuration is not valid.
    Config = 10,
    /// No agent is running to be asked.
    NoAgent = 11,
    /// Listening beyond this device was refused.
    NotLoopback = 12,
    /// This build of the program has no eBPF half.
    NoEbpf = 13,
    /// Another program holds a hook and shares it with nobody.
    HookTaken = 14,
    /// The runtime directory cannot be used.
    RuntimeDir = 15,
}

/// A way the program ends badly.
///
/// Its `Display` says what happened, where, and what to do about it, on one line; only
/// [`Failure::Verifier`] adds the end of the verifier's log below.
#[derive(Debug)]
pub enum Failure {
    /// The command line was not understood. The text names the word and ends with a hint.
    Usage(String),
    /// A right is missing.
    Privileges {
        /// What may not be done, as in `attaching to cgroups needs root`.
        what: String,
        /// What to do about it, as in `run it with sudo`.
        remedy: String,
    },
    /// No cgroup2 tree is mounted, and mounting one failed.
    NoCgroup2 {
        /// The directory that was expected to be one, if the configuration names one.
        root: Option<PathBuf>,
    },
    /// Only version 1 of cgroups is there, and the kernel cannot offer version 2 beside it.
    CgroupV1Only,
    /// The kernel is older than the oldest one that will do.
    KernelTooOld {
        /// The release that runs, as `uname -r` prints it.
        running: String,
        /// The oldest release that will do, as in `5.10`.
        needed: &'static str,
    },
    /// The verifier rejected a program. Never tried again: the answer would be the same.
    Verifier {
        /// The program's name.
        program: String,
        /// The verifier's log, as much of it as there is.
        log: String,
    },
    /// The address of `listen` is taken.
    PortInUse {
        /// The address, as the configuration has it.
        address: String,
    },
    /// Another agent holds the runtime directory.
    AgentRunning {
        /// The directory.
        runtime_dir: PathBuf,
        /// The other agent's process, if it said.
        pid: Option<u32>,
    },
    /// The configuration is not valid.
    Config(ConfigError),
    /// A database of addresses cannot be used.
    Database {
        /// The key of the configuration that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Nobody answers at the control socket.
    NoAgent {
        /// The socket.
        socket: PathBuf,
    },
    /// `listen` names an address other devices can reach.
    NotLoopback {
        /// The address, as the configuration has it.
        address: String,
    },
    /// The program was built without its eBPF half.
    NoEbpf,
    /// Attaching failed because a program that allows no others sits at the hook.
    HookTaken {
        /// The hook, as in `cgroup_skb/egress`.
        hook: String,
        /// The cgroup.
        cgroup: PathBuf,
    },
    /// The runtime directory cannot be made, or cannot be written to.
    RuntimeDir {
        /// The directory.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Anything else that failed on the way in or out.
    Io {
        /// What was being done, and to what, as in `cannot read /proc/stat`.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Failure {
    /// A failed system call: `what` was being done, and to what.
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// Which of the ways it is.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Privileges { .. } => Exit::Privileges,
            Self::NoCgroup2 { .. } => Exit::NoCgroup2,
            Self::CgroupV1Only => Exit::CgroupV1Only,
            Self::KernelTooOld { .. } => Exit::KernelTooOld,
            Self::Verifier { .. } => Exit::Verifier,
            Self::PortInUse { .. } => Exit::PortInUse,
            Self::AgentRunning { .. } => Exit::AgentRunning,
            Self::Config(_) | Self::Database { .. } => Exit::Config,
            Self::NoAgent { .. } => Exit::NoAgent,
            Self::NotLoopback { .. } => Exit::NotLoopback,
            Self::NoEbpf => Exit::NoEbpf,
            Self::HookTaken { .. } => Exit::HookTaken,
            Self::RuntimeDir { .. } => Exit::RuntimeDir,
            Self::Io { .. } => Exit::Io,
        }
    }

    /// The number the process ends with.
    pub const fn exit_code(&self) -> u8 {
        self.exit().code()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Privileges { what, remedy } => write!(f, "{what}; {remedy}"),
            Self::NoCgroup2 { root: Some(root) } => write!(
                f,
                "{} is not a cgroup2 file system; correct `cgroup_root` in the configuration, or \
                 leave it out and it is found",
                root.display()
            ),
            Self::NoCgroup2 { root: None } => f.write_str(
                "no cgroup2 file system is mounted and none could be mounted; try `mount -t \
                 cgroup2 none /sys/fs/cgroup`",
            ),
            Self::CgroupV1Only => f.write_str(
                "this kernel offers only cgroup v1; boot with `systemd.unified_cgroup_hierarchy=1`, \
                 or use a kernel built with CONFIG_CGROUP_BPF",
            ),
            Self::KernelTooOld { running, needed } => write!(
                f,
                "kernel {running} is too old: {needed} or newer is needed; `sortie check` says \
                 what is missing"
            ),
            Self::Verifier { program, log } => fmt_verifier(f, program, log),
            Self::PortInUse { address } => write!(
                f,
                "cannot listen on {address}: the address is in use; stop the program that has it, \
                 or set `listen` in the configuration to another port"
            ),
            Self::AgentRunning { runtime_dir, pid } => fmt_running(f, runtime_dir, *pid),
            Self::Config(error) => error.fmt(f),
            Self::Database { key, path, problem } => write!(
                f,
                "cannot use {}: {problem}; set `{key}` in the configuration to a file that can be \
                 used, or to \"\" for none",
                path.display()
            ),
            Self::NoAgent { socket } => write!(
                f,
                "no agent is running (no answer at {}); start it with `sudo sortie run`",
                socket.display()
            ),
            Self::NotLoopback { address } => write!(
                f,
                "refused to listen on {address}: other devices could read what your apps do, and \
                 this version has neither encryption nor passwords; set `listen` to a loopback \
                 address such as 127.0.0.1:9917"
            ),
            Self::NoEbpf => f.write_str(
                "this build has no eBPF half and can watch nothing; build it with `cargo xtask \
                 build`",
            ),
            Self::HookTaken { hook, cgroup } => write!(
                f,
                "cannot attach to {hook} at {}: another program sits there and shares the hook \
                 with nobody; `bpftool cgroup show {}` names it",
                cgroup.display(),
                cgroup.display()
            ),
            Self::RuntimeDir { path, source } => write!(
                f,
                "cannot use the runtime directory {}: {source}; set `runtime_dir` in the \
                 configuration to one that the agent can write to",
                path.display()
            ),
            Self::Io { what, source } => write!(f, "{what}: {source}"),
        }
    }
}

fn fmt_running(f: &mut fmt::Formatter<'_>, runtime_dir: &Path, pid: Option<u32>) -> fmt::Result {
    let process = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    write!(
        f,
        "another agent is running{process} in {}; stop it, or give this one its own `runtime_dir`",
        runtime_dir.display()
    )
}

impl Error for Failure {}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

fn fmt_verifier(f: &mut fmt::Formatter<'_>, program: &str, log: &str) -> fmt::Result {
    write!(
        f,
        "the kernel's verifier rejected the program `{program}`; please report it with the output \
         of `sortie check` and these lines"
    )?;
    let mut last: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let skipped = last.len().saturating_sub(VERIFIER_LINES);
    for line in last.drain(skipped..) {
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        write!(f, "\n  {}", line.trim_end())?;
    }
    Ok(())
}

/// The candidate nearest to a mistyped word, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (edits(word, candidate), candidate))
        .filter(|&(edits, candidate)| edits <= candidate.chars().count().div_ceil(3))
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, delete, replace or swap with their neighbour to make one word the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for a in from.chars() {
        let mut row = vec![last[0] + 1];
        for (j, &b) in to.iter().enumerate() {
            let mut best = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if j > 0 && a == to[j - 1] && previous == Some(b) {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
        previous = Some(a);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests;
