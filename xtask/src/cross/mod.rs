//! The agent for other devices: one static program each, with its eBPF object inside.

mod builder;
mod elf;
mod target;
mod zig;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

pub(crate) use builder::{Builder, find as builder};
pub(crate) use target::{TARGETS, Target};
pub(crate) use zig::{commands as zig_commands, find as zig};

use crate::{
    ebpf, exec,
    install::{Installer, Kit},
    places::Places,
    workspace::Workspace,
};

/// The most a finished agent may have, in bytes. A router's flash has a few megabytes to spare.
pub(crate) const BUDGET: u64 = 5 << 19;

/// What builds for one target.
#[derive(Debug)]
pub(crate) struct Cross {
    target: Target,
    builder: Builder,
    /// None: Rust's own.
    linker: Option<PathBuf>,
    cargo_home: PathBuf,
}

impl Cross {
    /// Everything for this target, installed if need be.
    pub(crate) fn prepare(installer: &mut Installer<'_>, target: Target) -> Result<Self> {
        let (places, workspace) = (installer.places(), installer.workspace());
        let builder = match builder(places, &target) {
            Some(builder) => builder,
            None => installer.bring_std(&target)?,
        };
        println!("  compiler    {}", builder.describe());
        let linker = if builder.needs_zig() {
            let zig = zig::install(places, workspace)?;
            Some(zig::linker(workspace, &zig, &target)?)
        } else {
            None
        };
        Ok(Self { target, builder, linker, cargo_home: places.cargo_home.clone() })
    }

    /// Builds programs of a package, optimised; gives the folder in which they lie.
    pub(crate) fn build(
        &self,
        workspace: &Workspace,
        package: &str,
        bins: &[&str],
    ) -> Result<PathBuf> {
        let mut cargo = self.command(workspace);
        // What the cases need on other kernels is the least of their package.
        cargo.args(["--package", package, "--no-default-features"]);
        cargo.args(bins.iter().flat_map(|bin| ["--bin", bin]));
        exec::run(&mut cargo)?;
        Ok(folder(workspace).join(self.target.triple).join("release"))
    }

    fn command(&self, workspace: &Workspace) -> Command {
        let mut cargo = workspace.bare_cargo(&self.builder.cargo());
        // What a user sets for this machine's builds does not fit this one.
        for name in [
            "RUSTUP_TOOLCHAIN",
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "SORTIE_EBPF_OBJECT",
        ] {
            cargo.env_remove(name);
        }
        cargo.args(["build", "--release", "--locked", "--target", self.target.triple]);
        cargo.arg("--target-dir").arg(folder(workspace));
        if self.builder.std == builder::Std::Source {
            cargo.args(["-Z", "build-std=std,panic_abort"]);
            // Without what reads debug information for a backtrace: a stripped program has none. With
            // sorts and parsers that are shorter and slower where that is wanted.
            let features = if self.target.is_small { "optimize_for_size" } else { "" };
            cargo.arg("-Z").arg(format!("build-std-features={features}"));
            // `build-std` is not stable, and 32-bit MIPS is a target of the third tier.
            cargo.env("RUSTC_BOOTSTRAP", "1");
        }
        if self.target.is_small {
            cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "z");
        }
        cargo.env("RUSTC", &self.builder.rustc);
        cargo.env("CARGO_ENCODED_RUSTFLAGS", self.rustflags(workspace));
        cargo
    }

    /// The flags, in cargo's encoding, which leaves spaces in paths alone.
    fn rustflags(&self, workspace: &Workspace) -> OsString {
        // A program that ends at a panic unwinds nothing, and one at a fixed place has no relocations.
        let mut flags = OsString::from(
            "-Ctarget-feature=+crt-static\u{1f}-Crelocation-model=static\u{1f}-Cforce-unwind-tables=no",
        );
        match &self.linker {
            Some(linker) => {
                // Zig brings the start files, too.
                flags.push("\u{1f}-Clink-self-contained=no\u{1f}-Clinker=");
                flags.push(linker);
            }
            None => flags.push("\u{1f}-Clinker=rust-lld"),
        }
        // Panics name the source files: without the folders of whoever builds, everybody gets the same.
        let library = self.builder.sysroot.join("lib/rustlib/src/rust");
        for (folder, name) in [
            (workspace.root(), "sortie"),
            (self.cargo_home.as_path(), "cargo"),
            (library.as_path(), "rust"),
        ] {
            flags.push("\u{1f}--remap-path-prefix=");
            flags.push(folder);
            flags.push("=");
            flags.push(name);
        }
        // For the test programs: the crate for io_uring knows 64-bit machines only.
        flags.push("\u{1f}--cfg=io_uring_skip_arch_check");
        flags
    }
}

/// Where cargo builds for other targets. With this machine's flags in the same folder each build
/// would undo the other.
fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("cross")
}

/// Where the finished agent of a target lies.
pub(crate) fn agent(workspace: &Workspace, target: &Target) -> PathBuf {
    workspace.target().join("dist").join(target.triple).join("sortie")
}

/// Builds the agent for each target with its programs inside, and gives the sizes in bytes.
pub(crate) fn build(targets: &[Target]) -> Result<Vec<(Target, u64)>> {
    let workspace = Workspace::find()?;
    let places = Places::of_this_machine();
    let mut installer = Installer::new(&places, &workspace);
    let kit = installer.kit()?;
    let mut sizes = Vec::new();
    for target in targets {
        println!("{}", target.triple);
        let cross = Cross::prepare(&mut installer, *target)?;
        ebpf::build_for(&workspace, &kit, target.order, &[target.object])?;
        let built = cross.build(&workspace, "monitor", &["sortie"])?.join("sortie");
        let size = stripped(&kit, &built)
            .and_then(|built| finish(&workspace, target, &built))
            .with_context(|| format!("the agent for {} is not as it should be", target.triple))?;
        println!("  {} ({size} bytes)", workspace.short(&agent(&workspace, target)).display());
        sizes.push((*target, size));
    }
    Ok(sizes)
}

/// Takes away what the linker leaves beside symbols and is not loaded: on MIPS a description of each function,
/// a tenth of the file.
fn stripped(kit: &Kit, built: &Path) -> Result<PathBuf> {
    let Some(objcopy) = &kit.objcopy else {
        return Ok(built.to_path_buf());
    };
    let stripped = built.with_extension("stripped");
    exec::run(Command::new(objcopy).arg("--strip-all").arg(built).arg(&stripped))?;
    Ok(stripped)
}

/// Checks what was built, and lays it where it is looked for.
fn finish(workspace: &Workspace, target: &Target, built: &Path) -> Result<u64> {
    let bytes = fs::read(built).with_context(|| format!("cannot read {}", built.display()))?;
    elf::check(&bytes, target)?;
    let object = target.object.path_for(workspace, target.order);
    let object = fs::read(&object).with_context(|| format!("cannot read {}", object.display()))?;
    // As monitor's build script packs it.
    if !contains(&bytes, &miniz_oxide::deflate::compress_to_vec(&object, 10)) {
        bail!("its eBPF programs are not inside");
    }
    let size = u64::try_from(bytes.len())?;
    if size > BUDGET {
        bail!("it has {size} bytes; {BUDGET} is the limit");
    }
    let path = agent(workspace, target);
    let folder = path.parent().context("an agent lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // Copied, not moved: cargo would build again what is gone. The permissions come along.
    fs::copy(built, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(size)
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    let Some(first) = part.first() else { return false };
    let mut rest = whole;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(part) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

/// The sizes as a table of Markdown.
pub(crate) fn table(sizes: &[(Target, u64)]) -> String {
    let mut table = format!("| target | for | bytes | of {BUDGET} |\n|---|---|--:|--:|\n");
    for (target, size) in sizes {
        let percent = size * 100 / BUDGET;
        let row = format!("| `{}` | {} | {size} | {percent} % |\n", target.triple, target.devices);
        table.push_str(&row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cross(std: builder::Std, linker: Option<&str>) -> Result<Cross> {
        Ok(Cross {
            target: Target::named("aarch64")?,
            builder: Builder {
                rustc: "/r/bin/rustc".into(),
                release: "1.96.0".to_owned(),
                sysroot: "/r".into(),
                std,
            },
            linker: linker.map(PathBuf::from),
            cargo_home: "/c".into(),
        })
    }

    #[test]
    fn the_source_is_built_and_linked_by_zig() -> Result<()> {
        let cross = cross(builder::Std::Source, Some("/z/linker"))?;
        let line = exec::describe(&cross.command(&Workspace::find()?));
        for part in [
            "RUSTC=/r/bin/rustc",
            "RUSTC_BOOTSTRAP=1",
            "-Clink-self-contained=no -Clinker=/z/linker",
            "--remap-path-prefix=/r/lib/rustlib/src/rust=rust",
            "-Z build-std=std,panic_abort",
        ] {
            assert!(line.contains(part), "{part} is not in: {line}");
        }
        Ok(())
    }

    #[test]
    fn rustup_s_library_needs_nothing_unstable() -> Result<()> {
        let cross = cross(builder::Std::Complete, None)?;
        let line = exec::describe(&cross.command(&Workspace::find()?));
        assert!(line.contains("-Clinker=rust-lld"), "{line}");
        for part in ["RUSTC_BOOTSTRAP", "build-std", "link-self-contained"] {
            assert!(!line.contains(part), "{part} is in: {line}");
        }
        Ok(())
    }

    #[test]
    fn the_object_is_found_where_it_lies() {
        assert!(contains(b"aabaac", b"aac"));
        assert!(contains(b"aac", b"aac"));
        assert!(!contains(b"aabaa", b"aac"));
        // No object at all is inside of nothing.
        assert!(!contains(b"aab", b""));
    }

    #[test]
    fn the_table_holds_the_sizes_against_the_budget() -> Result<()> {
        let table = table(&[(Target::named("mips")?, BUDGET / 2)]);
        assert!(
            table
                .ends_with("| `mips-unknown-linux-musl` | routers with ath79 | 1310720 | 50 % |\n")
        );
        Ok(())
    }
}
