//! `sortie check`: what this kernel offers, hook by hook, since which release, what is lost without it,
//! and what to do.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::{args, print};
use crate::config::Config;
use crate::failure::Failure;
use crate::kernel::attach::{self, AttachError};
use crate::kernel::hooks::HOOKS;
use crate::kernel::loader::{LoadError, Order};
use crate::kernel::sock_diag;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// It is there.
    Ok,
    /// It is not there.
    Missing,
    /// It could not be told, mostly for lack of rights.
    Unknown,
}

/// One thing that is looked at.
#[derive(Clone, Debug, Serialize)]
struct Check {
    name: String,
    status: Status,
    /// Whether the agent does not start without it.
    required: bool,
    /// The mainline release that brought it; empty where that says nothing.
    since: &'static str,
    /// What was found.
    found: String,
    /// What is lost without it.
    lost: &'static str,
    /// What to do; empty when there is nothing to do.
    remedy: String,
}

/// The whole result: version 1 of its schema.
#[derive(Debug, Serialize)]
struct Report {
    version: u32,
    kernel: String,
    /// Whether the agent can start here.
    ready: bool,
    checks: Vec<Check>,
}

/// Prints the result. Fails with the code the agent would fail with.
pub fn run(config: &Config, options: args::Check) -> Result<(), Failure> {
    let (checks, failure) = checks(config);
    let report = Report { version: 1, kernel: attach::release(), ready: failure.is_none(), checks };
    if options.json {
        let json = serde_json::to_string_pretty(&report)
            .map_err(|error| Failure::io("cannot write JSON", error.into()))?;
        print(&format!("{json}\n"))?;
    } else {
        print(&text(&report))?;
    }
    failure.map_or(Ok(()), |error| Err(crate::daemon::start_failure(error)))
}

fn checks(config: &Config) -> (Vec<Check>, Option<AttachError>) {
    let order = Order { object: None, flows_max: 256, datagrams_max: 256 };
    let root = (!config.cgroup_root.as_os_str().is_empty()).then_some(&*config.cgroup_root);
    let attached = attach::attach(&order, root);
    let mut checks = vec![kernel(), cgroup2(root), rights(&attached)];
    checks.extend(hooks(&attached));
    checks.extend([jit(), sockets()]);
    (checks, attached.err())
}

fn kernel() -> Check {
    let release = attach::release();
    let old = attach::check_release(&release).is_err();
    Check {
        name: "kernel".to_owned(),
        status: if old { Status::Missing } else { Status::Ok },
        required: true,
        since: "5.10",
        found: release,
        lost: "sortie does not run",
        remedy: if old { "update the kernel to 5.10 or newer".to_owned() } else { String::new() },
    }
}

fn cgroup2(root: Option<&Path>) -> Check {
    let found = attach::open_root(root);
    let remedy = match &found {
        Ok(_) => "",
        Err(AttachError::Root(_)) => "correct `cgroup_root` in the configuration, or leave it out",
        Err(AttachError::CgroupV1Only) => {
            "boot with systemd.unified_cgroup_hierarchy=1, or mount it: \
             mount -t cgroup2 none /sys/fs/cgroup/unified"
        }
        Err(_) => "mount it: mount -t cgroup2 none /sys/fs/cgroup",
    };
    Check {
        name: "cgroup2 tree".to_owned(),
        status: if found.is_ok() { Status::Ok } else { Status::Missing },
        required: true,
        since: "4.5",
        found: match &found {
            Ok((_, path)) if path.starts_with("/proc") => "mounted for sortie alone".to_owned(),
            Ok((_, path)) => path.display().to_string(),
            Err(AttachError::Root(path)) => format!("{} is not in it", path.display()),
            Err(_) => "not mounted".to_owned(),
        },
        lost: "there is no place to attach programs to",
        remedy: remedy.to_owned(),
    }
}

fn rights(attached: &Result<attach::Attached, AttachError>) -> Check {
    let limited;
    let (status, found, remedy) = match attached {
        Err(AttachError::NoRights) => {
            (Status::Missing, "none", "run it as root: sudo sortie check")
        }
        Err(AttachError::Load(LoadError::LockedMemory(limit))) => {
            limited = format!("RLIMIT_MEMLOCK is {} KiB", limit / 1024);
            (Status::Missing, limited.as_str(), "raise it: ulimit -l unlimited")
        }
        Err(AttachError::Load(LoadError::Denied(why))) => {
            (Status::Missing, why.as_str(), "run it as root: sudo sortie check")
        }
        Err(AttachError::Load(_) | AttachError::Refused(..) | AttachError::Occupied(..))
        | Ok(_) => (Status::Ok, "BPF, NET_ADMIN", ""),
        Err(_) => (Status::Unknown, "not reached", ""),
    };
    Check {
        name: "rights to load programs".to_owned(),
        status,
        required: true,
        since: "",
        found: found.to_owned(),
        lost: "nothing can be loaded",
        remedy: remedy.to_owned(),
    }
}

/// The hooks: attached for a moment, all or up to the first that is refused.
fn hooks(attached: &Result<attach::Attached, AttachError>) -> Vec<Check> {
    let failed = match attached {
        Ok(_) => None,
        Err(AttachError::Refused(program, why)) => Some((program.as_str(), why.clone())),
        Err(AttachError::Occupied(hook, cgroup)) => {
            let why =
                format!("a program that tolerates no other is attached at {}", cgroup.display());
            Some((*hook, why))
        }
        Err(_) => Some(("", String::new())),
    };
    let mut reached = true;
    HOOKS
        .iter()
        .map(|hook| {
            let (status, found) = match &failed {
                None => (Status::Ok, "loads and attaches".to_owned()),
                Some((name, why)) if *name == hook.name => {
                    reached = false;
                    (Status::Missing, why.clone())
                }
                Some(("", _)) => (Status::Unknown, "not tried".to_owned()),
                Some(_) if reached => (Status::Ok, "loads and attaches".to_owned()),
                Some(_) => (Status::Unknown, "not tried".to_owned()),
            };
            let remedy = match (status, attached) {
                (Status::Missing, Err(AttachError::Occupied(..))) => {
                    "see who it is: bpftool cgroup tree; it must allow others (BPF_F_ALLOW_MULTI)"
                }
                (Status::Missing, _) => {
                    "report this line and `uname -a`: this kernel should take it"
                }
                _ => "",
            };
            Check {
                name: format!("hook {}", hook.name),
                status,
                required: true,
                since: hook.since,
                found,
                lost: hook.lost,
                remedy: remedy.to_owned(),
            }
        })
        .collect()
}

fn jit() -> Check {
    let setting = fs::read_to_string("/proc/sys/net/core/bpf_jit_enable").unwrap_or_default();
    let (status, found, remedy) = match setting.trim() {
        "0" => (Status::Missing, "off", "sysctl net.core.bpf_jit_enable=1"),
        // Kernels that always compile have no switch.
        _ => (Status::Ok, "on", ""),
    };
    Check {
        name: "BPF compiler".to_owned(),
        status,
        required: false,
        since: "",
        found: found.to_owned(),
        lost: "programs are interpreted: the same results at about ten times the cost",
        remedy: remedy.to_owned(),
    }
}

fn sockets() -> Check {
    let listed = sock_diag::sockets();
    Check {
        name: "list of sockets (sock_diag)".to_owned(),
        status: if listed.is_ok() { Status::Ok } else { Status::Missing },
        required: false,
        since: "3.3",
        found: match &listed {
            Ok(sockets) => format!("{} sockets", sockets.len()),
            Err(error) => error.to_string(),
        },
        lost: "sockets that were open before sortie started stay (unknown:no_sock_diag)",
        remedy: match listed {
            Ok(_) => String::new(),
            Err(_) => "modprobe inet_diag tcp_diag udp_diag; on OpenWrt: install kmod-inet-diag"
                .to_owned(),
        },
    }
}

fn text(report: &Report) -> String {
    let mut text = format!("sortie on Linux {}\n\n", report.kernel);
    for check in &report.checks {
        let mark = match check.status {
            Status::Ok => "ok",
            Status::Missing if check.required => "MISSING",
            Status::Missing => "missing",
            Status::Unknown => "?",
        };
        let since = if check.since.is_empty() {
            String::new()
        } else {
            format!(" (since Linux {})", check.since)
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{mark:8}{}: {}{since}", check.name, check.found);
        if check.status != Status::Ok {
            let _ = writeln!(text, "        without it, {}", check.lost);
        }
        if !check.remedy.is_empty() {
            let _ = writeln!(text, "        to do: {}", check.remedy);
        }
    }
    let verdict = if report.ready {
        "sortie can run here."
    } else {
        "sortie cannot run here yet: see the lines in capitals."
    };
    let _ = writeln!(text, "\n{verdict}");
    text
}
