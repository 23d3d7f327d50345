//! Which compiler builds for a target, and how it comes by the standard library.
//!
//! Files decide: a sysroot either has the library compiled, or its source. rustup brings the first
//! for most targets; Debian's compiler has the second, and MIPS has nothing else anywhere.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::Target;
use crate::{
    exec,
    places::{Places, is_program},
    toolchain::{OLDEST_RUST, Version, new_enough},
    workspace::own_cargo,
};

/// Where the standard library of a target comes from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Std {
    /// It lies compiled in the sysroot, with the C library's objects: Rust's own linker will do.
    Complete,
    /// It lies compiled in the sysroot and needs a linker that brings a C library.
    Compiled,
    /// The sysroot has its source: `-Z build-std`.
    Source,
}

/// A compiler that can build for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Builder {
    pub(crate) rustc: PathBuf,
    pub(crate) release: String,
    pub(crate) sysroot: PathBuf,
    pub(crate) std: Std,
}

impl Builder {
    /// The cargo that fits it.
    pub(crate) fn cargo(&self) -> PathBuf {
        let cargo = self.sysroot.join("bin/cargo");
        if is_program(&cargo) { cargo } else { own_cargo() }
    }

    /// Whether linking takes zig.
    pub(crate) fn needs_zig(&self) -> bool {
        self.std != Std::Complete
    }

    /// What the doctor says about it.
    pub(crate) fn describe(&self) -> String {
        let std = match self.std {
            Std::Complete => "with a compiled std and rust-lld",
            Std::Compiled => "with a compiled std",
            Std::Source => "with the source of std",
        };
        format!("rustc {} {std}, {}", self.release, self.rustc.display())
    }
}

/// The best compiler for a target: one whose library is compiled, else one that has its source.
pub(crate) fn find(places: &Places, target: &Target) -> Option<Builder> {
    let mut found: Vec<Builder> =
        sysroots(places).into_iter().filter_map(|sysroot| at(&sysroot, target)).collect();
    // Stable: of equals, the one that builds everything else comes first.
    found.sort_by_key(|builder| builder.std);
    found.into_iter().next()
}

fn at(sysroot: &Path, target: &Target) -> Option<Builder> {
    let std = std_in(sysroot, target)?;
    let rustc = Some(sysroot.join("bin/rustc")).filter(|rustc| is_program(rustc))?;
    let release = Version::of(&rustc)?.release;
    let sysroot = sysroot.to_path_buf();
    new_enough(&release, OLDEST_RUST).then_some(Builder { rustc, release, sysroot, std })
}

fn std_in(sysroot: &Path, target: &Target) -> Option<Std> {
    let libraries = sysroot.join("lib/rustlib");
    let own = libraries.join(target.triple).join("lib");
    let is_std = |name: &str| name.starts_with("libstd-");
    let is_compiled = fs::read_dir(&own).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(is_std))
    });
    if is_compiled {
        let is_complete = own.join("self-contained/crt1.o").is_file() && has_lld(&libraries);
        return Some(if is_complete { Std::Complete } else { Std::Compiled });
    }
    libraries.join("src/rust/library/Cargo.lock").is_file().then_some(Std::Source)
}

fn has_lld(libraries: &Path) -> bool {
    fs::read_dir(libraries).is_ok_and(|entries| {
        entries.flatten().any(|entry| is_program(&entry.path().join("bin/rust-lld")))
    })
}

/// The toolchain in use, rustup's others, then the distribution's.
fn sysroots(places: &Places) -> Vec<PathBuf> {
    let ask = |rustc: PathBuf| exec::ask(Command::new(rustc).args(["--print", "sysroot"]));
    let in_use = places.program("rustc").and_then(ask).map(|path| PathBuf::from(path.trim()));
    let mut others: Vec<PathBuf> = fs::read_dir(places.rustup_home.join("toolchains"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    others.sort_by(|a, b| b.cmp(a));
    let mut sysroots: Vec<PathBuf> = Vec::new();
    for sysroot in in_use.into_iter().chain(others).chain([places.root.join("usr")]) {
        if !sysroots.contains(&sysroot) {
            sysroots.push(sysroot);
        }
    }
    sysroots
}

#[cfg(test)]
mod tests {
    use anyhow::Result;

    use super::*;
    use crate::places::fake::Machine;

    const MIPS: &str = "mips-unknown-linux-musl";
    const ARM64: &str = "aarch64-unknown-linux-musl";

    fn plant(machine: &Machine, sysroot: &str, release: &str, files: &[&str]) -> Result<()> {
        let path = machine.at(sysroot);
        machine.script(
            &format!("{sysroot}/bin/rustc"),
            &format!(
                "case $1 in --print) echo {};; *) printf 'release: {release}\\nLLVM version: 22.1\\n';; esac",
                path.display()
            ),
        )?;
        for file in files {
            machine.file(&format!("{sysroot}/lib/rustlib/{file}"), "")?;
        }
        Ok(())
    }

    fn found(machine: &Machine, triple: &str) -> Result<Option<(Std, PathBuf)>> {
        let target = Target::named(triple)?;
        Ok(find(&machine.places(), &target).map(|found| (found.std, found.sysroot)))
    }

    #[test]
    fn debian_s_source_builds_every_target() -> Result<()> {
        let machine = Machine::new("cross-debian")?;
        assert_eq!(found(&machine, MIPS)?, None);
        plant(&machine, "usr", "1.96.0", &["src/rust/library/Cargo.lock"])?;
        for triple in [MIPS, ARM64] {
            assert_eq!(found(&machine, triple)?, Some((Std::Source, machine.at("usr"))));
        }
        Ok(())
    }

    #[test]
    fn a_compiled_library_comes_before_the_source_and_only_for_its_target() -> Result<()> {
        let machine = Machine::new("cross-rustup")?;
        let stable = "rustup/toolchains/stable-x";
        let lld = format!("{stable}/lib/rustlib/host/bin/rust-lld");
        plant(&machine, "usr", "1.96.0", &["src/rust/library/Cargo.lock"])?;
        plant(&machine, stable, "1.97.0", &[&format!("{ARM64}/lib/libstd-1.rlib")])?;
        let (sysroot, usr) = (machine.at(stable), machine.at("usr"));
        assert_eq!(found(&machine, ARM64)?, Some((Std::Compiled, sysroot.clone())));
        machine.file(&format!("{stable}/lib/rustlib/{ARM64}/lib/self-contained/crt1.o"), "")?;
        assert_eq!(found(&machine, ARM64)?, Some((Std::Compiled, sysroot.clone())));
        machine.script(&lld, "true")?;
        assert_eq!(found(&machine, ARM64)?, Some((Std::Complete, sysroot)));
        assert_eq!(found(&machine, MIPS)?, Some((Std::Source, usr)));
        Ok(())
    }

    #[test]
    fn an_old_compiler_does_not_count() -> Result<()> {
        let machine = Machine::new("cross-old")?;
        plant(&machine, "usr", "1.63.0", &["src/rust/library/Cargo.lock"])?;
        assert_eq!(found(&machine, ARM64)?, None);
        Ok(())
    }
}
