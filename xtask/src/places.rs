//! Where programs and toolchains are looked for. Detection takes this as an argument, so that the
//! tests can show it a machine that has nothing.

use std::{
    env,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// The folders of one machine, and what its user chose.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// Where programs are, in the order in which they are looked for.
    pub(crate) path: Vec<PathBuf>,
    /// `/`, below which a distribution keeps its compilers and LLVM.
    pub(crate) root: PathBuf,
    /// Where `cargo install` puts programs, in PATH or not.
    pub(crate) cargo_home: PathBuf,
    /// Where rustup keeps its toolchains.
    pub(crate) rustup_home: PathBuf,
    /// The compiler that the user named for the eBPF programs.
    pub(crate) ebpf_rustc: Option<PathBuf>,
    /// The bpf-linker that the user named.
    pub(crate) bpf_linker: Option<PathBuf>,
}

impl Places {
    /// This machine's.
    pub(crate) fn of_this_machine() -> Self {
        let home = env::var_os("HOME").map_or_else(|| "/".into(), PathBuf::from);
        let folder =
            |variable: &str, default: &str| named(variable).unwrap_or_else(|| home.join(default));
        let mut path: Vec<PathBuf> =
            env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
        // Debian leaves these out of an ordinary user's PATH, and nft, ip and bpftool lie there.
        path.extend(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
        Self {
            path,
            root: "/".into(),
            cargo_home: folder("CARGO_HOME", ".cargo"),
            rustup_home: folder("RUSTUP_HOME", ".rustup"),
            ebpf_rustc: named("SORTIE_EBPF_RUSTC"),
            bpf_linker: named("SORTIE_BPF_LINKER"),
        }
    }

    /// The first program of this name.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        self.path.iter().map(|folder| folder.join(name)).find(|path| is_program(path))
    }

    /// PATH for a child, with every folder that is searched here.
    pub(crate) fn joined_path(&self) -> std::ffi::OsString {
        env::join_paths(&self.path).unwrap_or_else(|_| env::var_os("PATH").unwrap_or_default())
    }
}

/// A file that may be executed.
pub(crate) fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
pub(crate) mod fake {
    //! A machine made of a temporary folder.

    use std::fs;

    use anyhow::Result;

    use super::{Path, PathBuf, Places};

    /// A folder that goes away with the test.
    #[derive(Debug)]
    pub(crate) struct Machine {
        folder: PathBuf,
    }

    impl Machine {
        /// An empty machine; `name` keeps the tests of one run apart.
        pub(crate) fn new(name: &str) -> Result<Self> {
            let folder = std::env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
            fs::create_dir_all(folder.join("usr/bin"))?;
            Ok(Self { folder })
        }

        /// Where everything of this machine lies.
        pub(crate) fn places(&self) -> Places {
            Places {
                path: vec![self.folder.join("usr/bin")],
                root: self.folder.clone(),
                cargo_home: self.folder.join("cargo"),
                rustup_home: self.folder.join("rustup"),
                ebpf_rustc: None,
                bpf_linker: None,
            }
        }

        /// A path of this machine.
        pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
            self.folder.join(path)
        }

        /// Writes a file with the folders above it.
        pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
            let path = self.at(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, content)?;
            Ok(path)
        }

        /// Writes a shell script that can be run.
        ///
        /// Another process writes it: a descriptor of ours, open for writing, could be inherited by
        /// whatever another test starts at that moment, and the kernel then refuses to run the file.
        pub(crate) fn script(&self, path: &str, body: &str) -> Result<PathBuf> {
            let path = self.file(path, "")?;
            fs::remove_file(&path)?;
            let write = r#"printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod 755 "$1""#;
            crate::exec::run(
                std::process::Command::new("sh").args(["-c", write, "sh"]).arg(&path).arg(body),
            )?;
            Ok(path)
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.folder));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fake::Machine;

    #[test]
    fn a_program_must_be_executable() -> anyhow::Result<()> {
        let machine = Machine::new("program")?;
        machine.file("usr/bin/plain", "")?;
        machine.script("usr/bin/real", "true")?;
        let places = machine.places();
        assert_eq!(places.program("plain"), None);
        assert_eq!(places.program("real"), Some(machine.at("usr/bin/real")));
        assert_eq!(places.program("absent"), None);
        Ok(())
    }
}
