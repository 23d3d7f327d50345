//! Debian's packages: which ones there are, and installing them.

use std::{ffi::OsStr, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    exec,
    places::Places,
    root::Root,
    toolchain::{OLDEST_RUST, new_enough, numbers},
};

/// A compiler and the package with its compiled `core` for BPF. Debian's stable releases get a
/// current compiler, for the browsers, under the name rustc-web.
const COMPILERS: [[&str; 2]; 2] =
    [["rustc-web", "libstd-rust-web-dev-bpf"], ["rustc", "libstd-rust-dev-bpf"]];

/// The package manager of Debian and its children.
#[derive(Debug)]
pub(crate) struct Apt {
    get: PathBuf,
    cache: PathBuf,
    fresh: bool,
}

impl Apt {
    /// None where the distribution is another.
    pub(crate) fn find(places: &Places) -> Option<Self> {
        let (get, cache) = (places.program("apt-get")?, places.program("apt-cache")?);
        Some(Self { get, cache, fresh: false })
    }

    /// Reads the lists of packages anew, once. A machine without them knows no package at all.
    pub(crate) fn update(&mut self, root: &Root) -> Result<()> {
        if !self.fresh {
            exec::announce(self.command(root)?.arg("-qq").arg("update"))
                .context("cannot read the lists of packages; is there a network?")?;
            self.fresh = true;
        }
        Ok(())
    }

    /// Installs packages, and what they need, and nothing they merely recommend. Nothing that the
    /// user has is removed for it: then apt refuses.
    pub(crate) fn install(&mut self, root: &Root, packages: &[&str]) -> Result<()> {
        self.update(root)?;
        let options = ["-qq", "-y", "--no-remove", "--no-install-recommends"];
        let installed =
            exec::announce(self.command(root)?.arg("install").args(options).args(packages));
        // Where parts of a package's family came from the backports, it has to come from there as well.
        let result = match (installed, backports()) {
            (Err(_), Some(suite)) => {
                let mut again = self.command(root)?;
                again.arg("install").args(options).args(["-t", &suite]).args(packages);
                exec::announce(&mut again)
            }
            (installed, _) => installed,
        };
        result.with_context(|| format!("cannot install {}", packages.join(" ")))
    }

    fn command(&self, root: &Root) -> Result<Command> {
        root.command(&self.get, [("DEBIAN_FRONTEND", OsStr::new("noninteractive"))])
    }

    /// The compiler with a ready-made `core` to install, if a new enough one exists.
    pub(crate) fn compiler(&self) -> Option<[&'static str; 2]> {
        newest_compiler(&self.ask(&["policy"], COMPILERS.as_flattened()))
    }

    /// The source of the standard library that belongs to [`Self::compiler`].
    pub(crate) fn rust_source(&self) -> Option<String> {
        let [rustc, _] = self.compiler()?;
        let source = format!("{rustc}-src").replace("rustc", "rust");
        let policy = self.ask(&["policy"], &[&source]);
        let is_there = policy.contains("Candidate: ") && !policy.contains("Candidate: (none)");
        is_there.then_some(source)
    }

    /// The LLVM to build bpf-linker against: this one, else the next newer one there is.
    pub(crate) fn llvm(&self, at_least: u32) -> Option<String> {
        nearest_llvm(&self.ask(&["pkgnames"], &["llvm-"]), at_least)
    }

    fn ask(&self, command: &[&str], names: &[&str]) -> String {
        let mut cache = Command::new(&self.cache);
        exec::ask(cache.env("LC_ALL", "C").args(command).args(names)).unwrap_or_default()
    }
}

/// Reads what `apt-cache policy` says: a name at the start of a line, its candidate below it.
fn newest_compiler(policy: &str) -> Option<[&'static str; 2]> {
    let candidate = |package: &str| {
        policy
            .lines()
            .skip_while(|line| line.strip_suffix(':') != Some(package))
            .find_map(|line| line.trim().strip_prefix("Candidate: "))
    };
    COMPILERS
        .into_iter()
        .filter(|[rustc, core]| {
            let both = candidate(rustc).zip(candidate(core));
            both.is_some_and(|(rustc, core)| rustc == core && new_enough(rustc, OLDEST_RUST))
        })
        .max_by_key(|[rustc, _]| candidate(rustc).and_then(numbers))
}

fn nearest_llvm(names: &str, at_least: u32) -> Option<String> {
    let major = |name: &str| name.strip_prefix("llvm-")?.strip_suffix("-dev")?.parse().ok();
    let nearest = names.lines().filter_map(major).filter(|major: &u32| *major >= at_least).min()?;
    Some(format!("llvm-{nearest}-dev"))
}

/// The suite of backports to this system's release, as its name goes.
fn backports() -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(format!("{}-backports", name.trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::fake::Machine;

    #[test]
    fn the_newest_compiler_that_is_new_enough_and_complete() {
        let policy = |web: &str, web_core: &str, plain: &str| {
            format!(
                "rustc-web:\n  Installed: (none)\n  Candidate: {web}\n  Version table:\n     1.85.0 500\n\
                 libstd-rust-web-dev-bpf:\n  Installed: (none)\n  Candidate: {web_core}\n\
                 rustc:\n  Installed: 1.63.0\n  Candidate: {plain}\n\
                 libstd-rust-dev-bpf:\n  Candidate: {plain}\n"
            )
        };
        let web = Some(COMPILERS[0]);
        assert_eq!(newest_compiler(&policy("1.96.0+dfsg1-1", "1.96.0+dfsg1-1", "1.85.0")), web);
        assert_eq!(newest_compiler(&policy("1.96.0", "1.96.0", "1.97.1")), Some(COMPILERS[1]));
        // Half of a pair, or a compiler too old, is no offer.
        assert_eq!(newest_compiler(&policy("1.96.0", "(none)", "1.85.0")), None);
        assert_eq!(newest_compiler(&policy("1.85.0", "1.85.0", "(none)")), None);
        assert_eq!(newest_compiler(""), None);
    }

    #[test]
    fn llvm_of_the_same_version_else_the_next() {
        let names = "llvm-14-dev\nllvm-spirv\nllvm-23-dev\nllvm-22-dev\nllvm-22\n";
        assert_eq!(nearest_llvm(names, 22), Some("llvm-22-dev".to_owned()));
        assert_eq!(nearest_llvm(names, 23), Some("llvm-23-dev".to_owned()));
        assert_eq!(nearest_llvm(names, 24), None);
    }

    #[test]
    fn the_lists_are_read_once_and_the_install_asks_no_question() -> Result<()> {
        let machine = Machine::new("apt")?;
        let log = machine.at("log");
        assert!(Apt::find(&machine.places()).is_none());
        let record = format!("echo \"$*\" >>{}", log.display());
        machine.script("usr/bin/apt-get", &record)?;
        machine.script("usr/bin/apt-cache", "echo llvm-23-dev")?;
        let mut apt = Apt::find(&machine.places()).context("apt is there")?;
        apt.install(&Root::Already, &["one", "two"])?;
        apt.install(&Root::Already, &["three"])?;
        let options = "-qq -y --no-remove --no-install-recommends";
        let expected = format!("-qq update\ninstall {options} one two\ninstall {options} three\n");
        assert_eq!(std::fs::read_to_string(&log)?, expected);
        assert_eq!(apt.llvm(22), Some("llvm-23-dev".to_owned()));
        assert!(apt.install(&Root::No, &["four"]).is_err());
        Ok(())
    }
}
