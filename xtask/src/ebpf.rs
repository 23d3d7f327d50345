//! The eBPF objects: compiled by a compiler of their own, linked by bpf-linker, stripped.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, anyhow};

use crate::{
    exec,
    install::Kit,
    toolchain::{Core, Order},
    workspace::{Workspace, own_cargo},
};

/// One object: a binary of `monitor-ebpf` with its features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Object {
    /// The name of the file, before the byte order.
    pub(crate) name: &'static str,
    bin: &'static str,
    features: &'static str,
}

/// The programs with BPF atomics.
pub(crate) const ATOMIC: Object = Object { name: "programs-atomic", bin: "programs", features: "" };

/// The programs with counters per CPU, for 32-bit Arm, whose JIT refuses BPF atomics.
pub(crate) const PERCPU: Object =
    Object { name: "programs-percpu", bin: "programs", features: "percpu" };

/// The default programs without sampling: what that costs. Only benchmarks load it.
pub(crate) const NOSAMPLE: Object =
    Object { name: "programs-nosample", bin: "programs", features: "nosample" };

/// The cheapest counter possible, the measure of the others. Only tests and benchmarks load it.
pub(crate) const FLOOR: Object = Object { name: "floor", bin: "floor", features: "" };

/// All of them.
pub(crate) const ALL: [Object; 4] = [ATOMIC, PERCPU, NOSAMPLE, FLOOR];

/// What the agent of this machine carries unless told otherwise; `monitor/build.rs` chooses alike.
pub(crate) const DEFAULT: Object = if cfg!(target_arch = "arm") { PERCPU } else { ATOMIC };

impl Object {
    /// Where the finished object for this machine lies.
    pub(crate) fn path(self, workspace: &Workspace) -> PathBuf {
        self.path_for(workspace, Order::HOST)
    }

    /// Where the finished object for machines of this byte order lies.
    pub(crate) fn path_for(self, workspace: &Workspace, order: Order) -> PathBuf {
        workspace.objects().join(format!("{}.{}.o", self.name, order.bpf()))
    }
}

/// Builds the objects for this machine. One that comes out as it was is not written again.
pub(crate) fn build(workspace: &Workspace, kit: &Kit, objects: &[Object]) -> Result<()> {
    build_for(workspace, kit, Order::HOST, objects)
}

/// The same for machines of this byte order; nothing else about them matters to the objects.
pub(crate) fn build_for(
    workspace: &Workspace,
    kit: &Kit,
    order: Order,
    objects: &[Object],
) -> Result<()> {
    for object in objects {
        let built = compile(workspace, kit, order, *object)?;
        let stripped = strip(kit, &built)?;
        let path = object.path_for(workspace, order);
        let bytes =
            fs::read(&stripped).with_context(|| format!("cannot read {}", stripped.display()))?;
        if replace(&path, &bytes)? {
            println!("  {} ({} bytes)", workspace.short(&path).display(), bytes.len());
        }
    }
    Ok(())
}

fn compile(workspace: &Workspace, kit: &Kit, order: Order, object: Object) -> Result<PathBuf> {
    let triple = order.target();
    // Its own folder: other flags in the same one would make each build undo the other.
    let target = workspace.target().join("ebpf-build");
    let mut cargo = command(workspace, kit);
    cargo.args(["build", "--package", "monitor-ebpf", "--bin", object.bin]);
    cargo.args(["--release", "--target", triple]);
    if !object.features.is_empty() {
        cargo.args(["--features", object.features]);
    }
    cargo.arg("--target-dir").arg(&target).arg(exec::color());
    if kit.compiler.core == Core::Source {
        cargo.args(["-Z", "build-std=core"]);
    }
    exec::watch(&mut cargo)?.map_err(|failure| explain(failure, kit))?;
    Ok(target.join(triple).join("release").join(object.bin))
}

fn command(workspace: &Workspace, kit: &Kit) -> Command {
    let mut cargo = workspace.bare_cargo(&kit.compiler.own_cargo().unwrap_or_else(own_cargo));
    // What a user sets for the agent's build does not fit this one.
    for name in ["RUSTUP_TOOLCHAIN", "RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(name);
    }
    cargo
        .env("RUSTC", &kit.compiler.rustc)
        // BPF is a target of the third tier: nothing but an unstable compiler has it.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(workspace, kit));
    // The workspace's release profile is made for a small agent. Here every instruction counts,
    // BTF is made from debug information, and stripping is done after linking.
    for (key, value) in [
        ("OPT_LEVEL", "3"),
        ("LTO", "fat"),
        ("CODEGEN_UNITS", "1"),
        ("PANIC", "abort"),
        ("DEBUG", "2"),
        ("STRIP", "none"),
    ] {
        cargo.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
    }
    cargo
}

/// The flags, in cargo's encoding, which leaves spaces in paths alone.
fn rustflags(workspace: &Workspace, kit: &Kit) -> OsString {
    // By default bpf-linker has memory cleared and copied by calls, which 32-bit JITs do not compile.
    let mut flags = OsString::from(
        "-Clink-arg=--btf\u{1f}-Clink-arg=--disable-expand-memcpy-in-order\u{1f}-Cdebuginfo=2\u{1f}-Clinker=",
    );
    flags.push(&kit.linker.path);
    flags.push("\u{1f}--cfg=bpf_target_arch=\"");
    flags.push(kernel_arch(std::env::consts::ARCH));
    flags.push("\"");
    // BTF names the source files: without the folders of whoever builds, everybody gets the same.
    for (folder, name) in [(workspace.root(), "sortie"), (kit.cargo_home.as_path(), "cargo")] {
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name);
    }
    flags
}

/// The architecture whose kernel headers aya-ebpf takes its bindings from.
fn kernel_arch(arch: &str) -> &str {
    match arch {
        // There are none for 32-bit x86; the contexts used here are the same for all.
        "x86" => "x86_64",
        "mips32r6" => "mips",
        "mips64r6" => "mips64",
        other => other,
    }
}

/// Takes the debug sections away. `.BTF` and `.BTF.ext`, which the kernel reads, stay.
fn strip(kit: &Kit, built: &Path) -> Result<PathBuf> {
    let Some(objcopy) = &kit.objcopy else {
        return Ok(built.to_path_buf());
    };
    let stripped = built.with_extension("stripped.o");
    exec::run(Command::new(objcopy).arg("--strip-debug").arg(built).arg(&stripped))?;
    Ok(stripped)
}

/// Writes `bytes` unless the file holds them already, and tells whether it did.
fn replace(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    let folder = path.parent().context("an object lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// Adds what the failure of the build means, where it is bpf-linker's and not the program's.
fn explain(failure: exec::Failure, kit: &Kit) -> anyhow::Error {
    let Kit { compiler, linker, .. } = kit;
    let error = anyhow!(failure.what);
    if !failure.stderr.contains("linking with") {
        return error;
    }
    let llvm = linker.llvm.map_or_else(|| "an unknown LLVM".to_owned(), |n| format!("LLVM {n}"));
    error.context(format!(
        "{} ({}, {llvm}) could not link what rustc {} (LLVM {}) made; if it complains about \
         bitcode or an attribute above, its LLVM is too old: `cargo uninstall bpf-linker`, then \
         `cargo xtask run`",
        linker.path.display(),
        linker.version,
        compiler.release,
        compiler.llvm
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{linker::BpfLinker, places::fake::Machine, toolchain::Compiler};

    fn kit() -> Kit {
        Kit {
            compiler: Compiler {
                rustc: "/r/bin/rustc".into(),
                release: "1.96.0".to_owned(),
                llvm: 22,
                sysroot: "/r".into(),
                core: Core::Precompiled,
            },
            linker: BpfLinker {
                path: "/b/bpf-linker".into(),
                version: "0.13.0".into(),
                llvm: None,
            },
            objcopy: None,
            cargo_home: "/c".into(),
        }
    }

    #[test]
    fn the_build_has_its_own_compiler_flags_and_profile() -> Result<()> {
        let line = exec::describe(&command(&Workspace::find()?, &kit()));
        for part in [
            "RUSTC=/r/bin/rustc",
            "RUSTC_BOOTSTRAP=1",
            "-Clink-arg=--btf -Clink-arg=--disable-expand-memcpy-in-order -Cdebuginfo=2 -Clinker=/b/bpf-linker",
            "--remap-path-prefix=/c=cargo",
            "CARGO_PROFILE_RELEASE_OPT_LEVEL=3",
            "CARGO_PROFILE_RELEASE_STRIP=none",
        ] {
            assert!(line.contains(part), "{part} is not in: {line}");
        }
        Ok(())
    }

    #[test]
    fn an_object_that_did_not_change_is_left_alone() -> Result<()> {
        let machine = Machine::new("replace")?;
        let path = machine.at("new/folder/object.o");
        assert!(replace(&path, b"one")?);
        assert!(!replace(&path, b"one")?);
        assert!(replace(&path, b"two")?);
        Ok(())
    }

    #[test]
    fn only_a_failed_link_is_blamed_on_the_linker() {
        let text = |stderr: &str| {
            let failure = exec::Failure { what: "failed".into(), stderr: stderr.into() };
            format!("{:#}", explain(failure, &kit()))
        };
        assert_eq!(text("error[E0425]: cannot find value"), "failed");
        let blamed = text("error: linking with `/b/bpf-linker` failed");
        assert!(blamed.contains("0.13.0, an unknown LLVM) could not link"), "{blamed}");
    }
}
