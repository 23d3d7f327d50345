//! The linker where Rust's own has no C library to link: zig, which brings musl for every target.
//!
//! PyPI has it for every machine that has Python, so it goes into a virtual environment below
//! `target/`, and nothing outside of that is touched.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::Target;
use crate::{exec, places::Places, workspace::Workspace};

/// The release that is known to link all targets. Zig changes with each one.
const VERSION: &str = "0.17.1";

/// Where the environment lies, and what it says about itself.
fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("zig")
}

/// The program, if this release is installed completely.
pub(crate) fn find(workspace: &Workspace) -> Option<PathBuf> {
    let folder = folder(workspace);
    // Written last: an installation that was cut short has none.
    let installed = fs::read_to_string(folder.join("release")).ok()?;
    let program = folder.join("bin/python-zig");
    (installed == VERSION && program.is_file()).then_some(program)
}

/// What brings it, as one would type it.
pub(crate) fn commands(workspace: &Workspace) -> Vec<String> {
    let folder = folder(workspace);
    let folder = workspace.short(&folder).display();
    vec![
        format!("python3 -m venv {folder}"),
        format!("{folder}/bin/pip install ziglang=={VERSION}"),
        format!("printf {VERSION} >{folder}/release"),
    ]
}

/// Installs it. A second time nothing happens.
pub(crate) fn install(places: &Places, workspace: &Workspace) -> Result<PathBuf> {
    if let Some(zig) = find(workspace) {
        return Ok(zig);
    }
    let folder = folder(workspace);
    println!("  zig         missing: it links where Rust has no C library; installing it");
    let python = places.program("python3").context("there is no python3, with which zig comes")?;
    let pip = folder.join("bin/pip");
    if !pip.is_file() {
        exec::announce(Command::new(python).args(["-m", "venv"]).arg(&folder))
            .context("Python cannot make a virtual environment; Debian has that in python3-venv")?;
    }
    let package = format!("ziglang=={VERSION}");
    exec::announce(Command::new(pip).args(["install", "--quiet", &package]))
        .context("zig cannot be fetched; is there a network?")?;
    fs::write(folder.join("release"), VERSION).context("cannot write to target/zig")?;
    match find(workspace) {
        Some(zig) => Ok(zig),
        None => bail!("{package} is installed and brings no zig"),
    }
}

/// A program that links for the target the way a C compiler does, as rustc wants it.
pub(crate) fn linker(workspace: &Workspace, zig: &Path, target: &Target) -> Result<PathBuf> {
    let path = workspace.target().join("cross/linker").join(target.triple);
    let script = script(zig, &folder(workspace).join("cache"), target);
    if fs::read_to_string(&path).is_ok_and(|old| old == script) {
        return Ok(path);
    }
    let folder = path.parent().context("a linker lies in a folder")?;
    let explain = || format!("cannot write {}", path.display());
    fs::create_dir_all(folder).with_context(explain)?;
    fs::write(&path, script).with_context(explain)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).with_context(explain)?;
    Ok(path)
}

fn script(zig: &Path, cache: &Path, target: &Target) -> String {
    let [name, cpu] = target.zig;
    format!(
        "#!/bin/sh\nexport ZIG_GLOBAL_CACHE_DIR='{cache}' ZIG_LOCAL_CACHE_DIR='{cache}'\n\
         exec '{zig}' cc -target {name} -mcpu={cpu} \"$@\"\n",
        cache = cache.display(),
        zig = zig.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linker_names_the_target_and_keeps_its_cache_to_itself() -> Result<()> {
        let script = script(Path::new("/z/zig"), Path::new("/z/cache"), &Target::named("mips")?);
        assert!(script.contains("exec '/z/zig' cc -target mips-linux-musleabi -mcpu="), "{script}");
        assert_eq!(script.matches("='/z/cache'").count(), 2, "{script}");
        Ok(())
    }
}
