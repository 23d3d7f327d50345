//! Puts the eBPF object that the agent carries at `OUT_DIR/programs.o`.
//!
//! `cargo xtask build` makes the object. Without it everything still compiles, around an empty file:
//! an agent of that kind can say so and nothing else, and every test without a kernel passes.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let out = PathBuf::from(variable("OUT_DIR")?).join("programs.o");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SORTIE_EBPF_OBJECT");
    if let Some(named) = env::var_os("SORTIE_EBPF_OBJECT") {
        let named = PathBuf::from(named);
        println!("cargo::rerun-if-changed={}", named.display());
        return copy(&named, &out);
    }
    let object = default_object()?;
    if object.is_file() {
        println!("cargo::rerun-if-changed={}", object.display());
        return copy(&object, &out);
    }
    watch_for(&object);
    println!("cargo::warning=no eBPF programs in this build; `cargo xtask build` makes them");
    fs::write(&out, [])
}

/// Where xtask leaves the object for the machine that the agent is built for.
fn default_object() -> io::Result<PathBuf> {
    // The JIT of 32-bit Arm refuses BPF atomics.
    let counters = if variable("CARGO_CFG_TARGET_ARCH")? == "arm" { "percpu" } else { "atomic" };
    let order = if variable("CARGO_CFG_TARGET_ENDIAN")? == "big" { "bpfeb" } else { "bpfel" };
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    Ok(package.join("../target/ebpf").join(format!("programs-{counters}.{order}.o")))
}

/// Has cargo run this again when the object appears.
fn watch_for(object: &Path) {
    // Cargo takes a watched file that is absent for one that changed, each time, and would compile
    // the agent each time. The folder can be watched before the object is in it.
    let folder = object.parent().filter(|folder| fs::create_dir_all(folder).is_ok());
    println!("cargo::rerun-if-changed={}", folder.unwrap_or(object).display());
}

fn copy(object: &Path, out: &Path) -> io::Result<()> {
    let explain = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot embed {}: {error}", object.display()))
    };
    // Written, not copied: a file without write permission must not become one here.
    fs::write(out, fs::read(object).map_err(explain)?)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}
