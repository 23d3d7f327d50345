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

fn no_rights() -> Failure {
    Failure::Privileges {
        what: "loading eBPF programs needs root, or the capabilities BPF and NET_ADMIN".to_owned(),
        remedy: "run it with sudo".to_owned(),
    }
}

fn load(error: LoadError) -> Failure {
    match error {
        LoadError::NoObject => Failure::NoEbpf,
        LoadError::Denied(_) => no_rights(),
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
