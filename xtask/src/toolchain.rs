//! Which compiler builds the eBPF programs.
//!
//! Two kinds can: one that brings `core` for the BPF target ready-made (Debian's), and one that has
//! the source of the standard library, from which cargo builds `core`. Files decide, not names.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::{
    exec,
    places::{Places, is_program},
};

/// The BPF target with the byte order of this machine.
pub(crate) const BPF_TARGET: &str = Order::HOST.target();

/// The byte order of a machine, which its eBPF programs share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    /// This machine's.
    pub(crate) const HOST: Self =
        if cfg!(target_endian = "big") { Self::Big } else { Self::Little };

    /// The name of BPF in this order, as files carry it.
    pub(crate) const fn bpf(self) -> &'static str {
        match self {
            Self::Little => "bpfel",
            Self::Big => "bpfeb",
        }
    }

    /// Rust's name for the target. A compiler with a library for one has it for both.
    pub(crate) const fn target(self) -> &'static str {
        match self {
            Self::Little => "bpfel-unknown-none",
            Self::Big => "bpfeb-unknown-none",
        }
    }
}

/// The oldest Rust that compiles the workspace, as `rust-version` in Cargo.toml says.
pub(crate) const OLDEST_RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// Where a compiler gets `core` for the BPF target from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Core {
    /// It lies compiled in the sysroot.
    Precompiled,
    /// The sysroot has its source: `-Z build-std=core`.
    Source,
}

/// A compiler that can build the eBPF programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiler {
    /// The compiler itself, behind rustup's proxies.
    pub(crate) rustc: PathBuf,
    /// Its version, as in "1.96.0".
    pub(crate) release: String,
    /// The major version of the LLVM inside; bpf-linker's must not be older.
    pub(crate) llvm: u32,
    /// Its folder of libraries.
    pub(crate) sysroot: PathBuf,
    /// Where its `core` comes from.
    pub(crate) core: Core,
}

impl Compiler {
    /// The cargo to drive it with: `build-std` needs the one that knows this library's source.
    pub(crate) fn own_cargo(&self) -> Option<PathBuf> {
        let cargo = self.sysroot.join("bin/cargo");
        (self.core == Core::Source && is_program(&cargo)).then_some(cargo)
    }

    /// What the doctor says about it.
    pub(crate) fn describe(&self) -> String {
        let core = match self.core {
            Core::Precompiled => "with a compiled core",
            Core::Source => "with rust-src",
        };
        format!("rustc {} (LLVM {}) {core}, {}", self.release, self.llvm, self.rustc.display())
    }

    fn at(rustc: &Path) -> Option<Self> {
        let sysroot = exec::ask(Command::new(rustc).args(["--print", "sysroot"]))?;
        let sysroot = PathBuf::from(sysroot.trim());
        let core = core_in(&sysroot)?;
        let rustc =
            Some(sysroot.join("bin/rustc")).filter(|path| is_program(path)).unwrap_or(rustc.into());
        let version = Version::of(&rustc)?;
        new_enough(&version.release, OLDEST_RUST).then_some(Self {
            rustc,
            release: version.release,
            llvm: version.llvm,
            sysroot,
            core,
        })
    }
}

/// What `rustc -vV` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) release: String,
    pub(crate) llvm: u32,
}

impl Version {
    pub(crate) fn of(rustc: &Path) -> Option<Self> {
        Self::parse(&exec::ask(Command::new(rustc).arg("-vV"))?)
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let llvm = field("LLVM version:")?.split('.').next()?.parse().ok()?;
        Some(Self { release: field("release:")?.to_owned(), llvm })
    }
}

/// The best compiler there is: one with a compiled `core`, else one with its source.
///
/// An error only if the user named a compiler that cannot do it.
pub(crate) fn compiler(places: &Places) -> Result<Option<Compiler>> {
    if let Some(named) = &places.ebpf_rustc {
        let Some(compiler) = Compiler::at(named) else {
            bail!(
                "SORTIE_EBPF_RUSTC={} cannot build eBPF programs: it must be rustc {OLDEST_RUST} or \
                 newer, and its sysroot have lib/rustlib/{BPF_TARGET} or rust-src",
                named.display()
            );
        };
        return Ok(Some(compiler));
    }
    let mut best: Option<Compiler> = None;
    for found in candidates(places).iter().filter_map(|rustc| Compiler::at(rustc)) {
        if best.as_ref().is_none_or(|best| found.core < best.core) {
            best = Some(found);
        }
        if best.as_ref().is_some_and(|best| best.core == Core::Precompiled) {
            break;
        }
    }
    Ok(best)
}

/// The LLVM of the compiler that builds everything else; a guess while no other is known.
pub(crate) fn host_llvm(places: &Places) -> Option<u32> {
    Version::of(&places.program("rustc")?).map(|version| version.llvm)
}

/// The distribution's compiler, the one in PATH, then rustup's toolchains.
fn candidates(places: &Places) -> Vec<PathBuf> {
    let system = places.root.join("usr/bin/rustc");
    let mut toolchains: Vec<PathBuf> = fs::read_dir(places.rustup_home.join("toolchains"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    // "stable" before "nightly": what the rest is built with anyway, and the older LLVM of the two.
    toolchains.sort_by(|a, b| b.cmp(a));
    let toolchains = toolchains
        .into_iter()
        .filter(|sysroot| core_in(sysroot).is_some())
        .map(|sysroot| sysroot.join("bin/rustc"));
    Some(system)
        .into_iter()
        .chain(places.program("rustc"))
        .chain(toolchains)
        .filter(|rustc| is_program(rustc))
        .collect()
}

/// What a sysroot offers for the BPF target.
fn core_in(sysroot: &Path) -> Option<Core> {
    let libraries = sysroot.join("lib/rustlib");
    let is_core = |name: &str| name.starts_with("libcore-");
    let compiled = fs::read_dir(libraries.join(BPF_TARGET).join("lib")).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(is_core))
    });
    if compiled {
        return Some(Core::Precompiled);
    }
    let source = libraries.join("src/rust/library");
    let complete = source.join("Cargo.lock").is_file() && source.join("core/src/lib.rs").is_file();
    complete.then_some(Core::Source)
}

/// Whether `version` ("1.96.0+dfsg1-1", "1.97.0-nightly") is at least `oldest` ("1.95").
pub(crate) fn new_enough(version: &str, oldest: &str) -> bool {
    match (numbers(version), numbers(oldest)) {
        (Some(version), Some(oldest)) => version >= oldest,
        _ => false,
    }
}

/// The first two numbers of a version.
pub(crate) fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::fake::Machine;

    fn plant(
        machine: &Machine,
        sysroot: &str,
        version: (&str, u32),
        core: Option<Core>,
    ) -> Result<()> {
        let (release, llvm) = version;
        let script = format!(
            "case $1 in --print) echo {};; *) echo 'release: {release}\nLLVM version: {llvm}.1.2';; esac",
            machine.at(sysroot).display()
        );
        machine.script(&format!("{sysroot}/bin/rustc"), &script)?;
        match core {
            Some(Core::Precompiled) => {
                machine
                    .file(&format!("{sysroot}/lib/rustlib/{BPF_TARGET}/lib/libcore-1.rlib"), "")?;
            }
            Some(Core::Source) => {
                let library = format!("{sysroot}/lib/rustlib/src/rust/library");
                machine.file(&format!("{library}/Cargo.lock"), "")?;
                machine.file(&format!("{library}/core/src/lib.rs"), "")?;
            }
            None => {}
        }
        Ok(())
    }

    fn found(machine: &Machine) -> Result<Option<(PathBuf, Core, u32)>> {
        let compiler = compiler(&machine.places())?;
        Ok(compiler.map(|found| (found.rustc, found.core, found.llvm)))
    }

    #[test]
    fn a_bare_machine_has_none() -> Result<()> {
        let machine = Machine::new("bare")?;
        assert_eq!(found(&machine)?, None);
        plant(&machine, "usr", ("1.96.0", 22), None)?;
        assert_eq!(found(&machine)?, None);
        Ok(())
    }

    #[test]
    fn a_compiled_core_beats_the_source() -> Result<()> {
        let machine = Machine::new("compiled")?;
        let nightly = "rustup/toolchains/nightly-x";
        plant(&machine, nightly, ("1.97.0-nightly", 23), Some(Core::Source))?;
        assert_eq!(
            found(&machine)?,
            Some((machine.at(nightly).join("bin/rustc"), Core::Source, 23))
        );
        plant(&machine, "usr", ("1.96.0", 22), Some(Core::Precompiled))?;
        assert_eq!(found(&machine)?, Some((machine.at("usr/bin/rustc"), Core::Precompiled, 22)));
        Ok(())
    }

    #[test]
    fn an_old_compiler_does_not_count() -> Result<()> {
        let machine = Machine::new("old")?;
        plant(&machine, "usr", ("1.85.0", 19), Some(Core::Precompiled))?;
        assert_eq!(found(&machine)?, None);
        Ok(())
    }

    #[test]
    fn stable_with_its_source_comes_before_nightly() -> Result<()> {
        let machine = Machine::new("stable")?;
        for (name, llvm) in [("nightly-x", 23), ("stable-x", 22)] {
            let sysroot = format!("rustup/toolchains/{name}");
            plant(&machine, &sysroot, ("1.97.0", llvm), Some(Core::Source))?;
        }
        assert_eq!(found(&machine)?.map(|found| found.2), Some(22));
        Ok(())
    }

    #[test]
    fn the_named_compiler_is_taken_or_refused() -> Result<()> {
        let machine = Machine::new("named")?;
        plant(&machine, "usr", ("1.96.0", 22), Some(Core::Precompiled))?;
        plant(&machine, "opt", ("1.99.0", 24), Some(Core::Source))?;
        let mut places = machine.places();
        places.ebpf_rustc = Some(machine.at("opt/bin/rustc"));
        assert_eq!(compiler(&places)?.map(|found| found.llvm), Some(24));
        places.ebpf_rustc = Some(machine.at("opt/bin/absent"));
        assert!(compiler(&places).is_err());
        Ok(())
    }

    #[test]
    fn build_std_is_driven_by_the_cargo_beside_the_compiler() -> Result<()> {
        let machine = Machine::new("cargo")?;
        plant(&machine, "usr", ("1.96.0", 22), Some(Core::Source))?;
        let cargo = machine.script("usr/bin/cargo", "true")?;
        let mut found = compiler(&machine.places())?.ok_or_else(|| anyhow::anyhow!("none"))?;
        assert_eq!(found.own_cargo(), Some(cargo));
        found.core = Core::Precompiled;
        assert_eq!(found.own_cargo(), None);
        Ok(())
    }

    #[test]
    fn versions_of_every_form_are_read() {
        assert!(new_enough("1.96.0+dfsg1-1~deb12u2", "1.95"));
        assert!(new_enough("1.97.0-nightly", "1.95"));
        assert!(!new_enough("1.85.0", "1.95"));
        assert!(!new_enough("(none)", "1.95"));
        let text = "rustc 1.95.0\nrelease: 1.95.0\nLLVM version: 22.1.2\n";
        let version = Version { release: "1.95.0".to_owned(), llvm: 22 };
        assert_eq!(Version::parse(text), Some(version));
    }
}
