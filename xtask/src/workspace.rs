//! Where the workspace is, where its results go, and cargo without what leaks into it.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

/// The folder of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Cargo says where this package is; the workspace is the folder above.
    pub(crate) fn find() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .context("start this as `cargo xtask`: cargo says where the workspace is")?;
        let root = package.parent().context("xtask lies inside the workspace")?;
        Ok(Self { root: root.to_path_buf() })
    }

    /// The top of the workspace.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `target/`, wherever cargo was told to put xtask itself.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Where the finished eBPF objects lie. Nothing else is put there: `monitor/build.rs` watches it.
    pub(crate) fn objects(&self) -> PathBuf {
        self.target().join("ebpf")
    }

    /// The agent, built with or without optimisation.
    pub(crate) fn agent(&self, release: bool) -> PathBuf {
        self.target().join(if release { "release" } else { "debug" }).join("sortie")
    }

    /// The same path, short enough to be typed by somebody who stands in the workspace.
    pub(crate) fn short<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// The cargo that runs this task, for the host: the user's flags and compiler stay.
    pub(crate) fn cargo(&self, command: &str) -> Command {
        let mut cargo = self.bare_cargo(&own_cargo());
        cargo.arg(command);
        cargo
    }

    /// `program` as cargo, without what cargo itself set for this process.
    pub(crate) fn bare_cargo(&self, program: &Path) -> Command {
        let mut cargo = Command::new(program);
        cargo.current_dir(&self.root);
        for name in leaked(env::vars_os().map(|(name, _)| name)) {
            cargo.env_remove(name);
        }
        cargo
    }
}

/// The cargo that runs this task.
pub(crate) fn own_cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// The variables that `cargo run` sets for the program it starts, and those that would move the
/// results: left in place, a child would build for another package or target, or build it all again.
fn leaked(names: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let leaks = |name: &str| {
        const NAMES: [&str; 10] = [
            "CARGO",
            "CARGO_BIN_NAME",
            "CARGO_BUILD_TARGET",
            "CARGO_BUILD_TARGET_DIR",
            "CARGO_CRATE_NAME",
            "CARGO_MAKEFLAGS",
            "CARGO_PRIMARY_PACKAGE",
            "CARGO_TARGET_DIR",
            "CARGO_TARGET_TMPDIR",
            "OUT_DIR",
        ];
        NAMES.contains(&name)
            || name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
            || name.starts_with("CARGO_BIN_EXE_")
    };
    names.filter(|name| name.to_str().is_some_and(leaks)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cargo_set_is_taken_away() {
        let names = ["CARGO_HOME", "RUSTFLAGS", "CARGO_PKG_NAME", "CARGO_TARGET_DIR", "PATH"];
        let leaks = leaked(names.into_iter().map(OsString::from));
        assert_eq!(leaks, ["CARGO_PKG_NAME", "CARGO_TARGET_DIR"]);
    }

    #[test]
    fn the_workspace_is_the_one_this_package_belongs_to() -> Result<()> {
        let workspace = Workspace::find()?;
        assert!(workspace.root().join("Cargo.toml").is_file());
        let agent = workspace.agent(true);
        assert_eq!(workspace.short(&agent), Path::new("target/release/sortie"));
        Ok(())
    }
}
