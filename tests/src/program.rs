//! The programs under test and those that test them. The environment says where they are.

use std::env;
use std::path::{Path, PathBuf};

/// The agent: `SORTIE_BIN`.
pub fn sortie() -> PathBuf {
    from_environment("SORTIE_BIN", "the agent `sortie`")
}

/// The program that makes traffic: `SORTIE_ACTOR`.
pub fn actor() -> PathBuf {
    from_environment("SORTIE_ACTOR", "the test program `actor`")
}

/// The program that lives for a moment; it lies beside the actor.
pub fn blink() -> PathBuf {
    beside_the_actor("blink")
}

/// The servers that answer any name, and clients that speak to them; it lies beside the actor.
pub fn anyname() -> PathBuf {
    beside_the_actor("anyname")
}

fn beside_the_actor(name: &str) -> PathBuf {
    let path = actor().with_file_name(name);
    assert!(path.exists(), "{} is missing: run `cargo xtask test`", path.display());
    path
}

/// An object file of eBPF programs, from the directory `SORTIE_EBPF_DIR`.
pub fn ebpf_object(name: &str) -> PathBuf {
    let path = from_environment("SORTIE_EBPF_DIR", "the directory of eBPF objects").join(name);
    assert!(path.exists(), "{} is missing: run `cargo xtask test`", path.display());
    path
}

/// A program of the system, searched in `PATH` and in the directories for administrators.
pub fn system(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|file| file.exists())
        .unwrap_or_else(|| panic!("`{name}` is not installed: `cargo xtask test` installs it"))
}

fn from_environment(variable: &str, what: &str) -> PathBuf {
    let value = env::var_os(variable).unwrap_or_else(|| {
        panic!("{variable} is not set (it says where {what} is): run `cargo xtask test`")
    });
    let path = Path::new(&value).to_owned();
    assert!(path.exists(), "{variable}: {} is missing: run `cargo xtask test`", path.display());
    path
}
