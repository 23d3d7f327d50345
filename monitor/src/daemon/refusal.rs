//! Why the agent does not start, in the words of [`Failure`].

use std::io;
use std::path::Path;

use crate::config::ConfigError;
use crate::export::http::ListenError;
use crate::failure::Failure;
use crate::kernel::attach::AttachError;
use crate::kernel::loader::LoadError;

/// The oldest release that will do, for people.
const KERNEL_MIN: &str = "5.10";

pub(super) fn listen(file: &Path, address: &str, error: &ListenError) -> Failure {
    match error {
        ListenError::Exposed(_) => Failure::NotLoopback { address: address.to_owned() },
        ListenError::Syntax(_) => Failure::Config(ConfigError {
            file: file.to_owned(),
            line: None,
            message: format!("key `listen`: {error}"),
        }),
    }
}

pub(super) fn attach(error: AttachError) -> Failure {
    match error {
        AttachError::KernelTooOld(running) => Failure::KernelTooOld { running, needed: KERNEL_MIN },
        AttachError::NoCgroup2 => Failure::NoCgroup2 { root: None },
        AttachError::CgroupV1Only => Failure::CgroupV1Only,
        AttachError::Root(root) => Failure::NoCgroup2 { root: Some(root) },
        AttachError::NoRights => no_rights(),
        AttachError::Load(error) => load(error),
        AttachError::Refused(program, log) => Failure::Verifier { program, log },
        AttachError::Occupied(hook, cgroup) => Failure::HookTaken { hook: hook.to_owned(), cgroup },
        AttachError::Io(what, source) => Failure::io(what, source),
    }
}

/// The key `user` names nobody.
pub(super) fn no_user(file: &Path, name: &str) -> Failure {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    Failure::Config(ConfigError {
        file: file.to_owned(),
        line: None,
        message: format!(
            "key `user`: there is no user `{shown}` on this device; make it, as with `adduser \
             --system {shown}`, or leave the key out"
        ),
    })
}

/// The key `user` names somebody else than the one who started the agent, and that is not root.
pub(super) fn not_root(name: &str) -> Failure {
    Failure::Privileges {
        what: format!("becoming the user `{name}` (key `user`) needs root"),
        remedy: "start it as root or as that user, or leave the key out".to_owned(),
    }
}

/// Root, but without the rights that this takes: in a container, or under a service manager.
pub(super) fn cannot_become(name: &str) -> Failure {
    Failure::Privileges {
        what: format!(
            "becoming the user `{name}` (key `user`) needs the capabilities CHOWN, SETUID, SETGID and \
             SETPCAP"
        ),
        remedy: "let it have them at the start, or leave the key out".to_owned(),
    }
}

fn no_rights() -> Failure {
    Failure::Privileges {
        what: "loading eBPF programs needs root, or the capabilities BPF and NET_ADMIN".to_owned(),
        remedy: "run it with sudo".to_owned(),
    }
}

fn locked_memory(limit: u64) -> Failure {
    Failure::Privileges {
        what: format!(
            "before Linux 5.11 tables and programs count as locked memory, and RLIMIT_MEMLOCK allows \
             {} KiB of it",
            limit / 1024
        ),
        remedy: "start it with `ulimit -l unlimited`, or `LimitMEMLOCK=infinity` in a systemd unit"
            .to_owned(),
    }
}

fn load(error: LoadError) -> Failure {
    match error {
        LoadError::NoObject => Failure::NoEbpf,
        LoadError::Denied(_) => no_rights(),
        LoadError::LockedMemory(limit) => locked_memory(limit),
        LoadError::BadObject(why) => {
            Failure::io("cannot load the eBPF object", io::Error::other(why))
        }
        LoadError::Map(why) => {
            Failure::io("cannot make the kernel's tables", io::Error::other(why))
        }
        LoadError::Child(why) => {
            Failure::io("cannot load the eBPF programs", io::Error::other(why))
        }
    }
}
