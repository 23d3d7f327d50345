//! Names nobody else uses, and directories that go away.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::eventually;

/// A name no other running test has: a prefix, this process's id and a number.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// How long other tests of this machine may take.
const OTHERS_PATIENCE: Duration = Duration::from_mins(10);

/// Waits until no other test process of this machine is at work, and keeps further ones away until
/// this one ends: all share one kernel, and an agent sees what the others do.
pub fn alone() {
    static LOCK: OnceLock<File> = OnceLock::new();
    LOCK.get_or_init(|| {
        let path = std::env::temp_dir().join("sortie-e2e.lock");
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        eventually("the end of other tests", OTHERS_PATIENCE, || {
            flock(&file, FlockOperation::NonBlockingLockExclusive)
                .map_err(|error| format!("{}: {error}", path.display()))
        });
        file
    });
}

/// A directory for temporary files, removed with what is in it when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes a directory everybody may read.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(unique("e2e"));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Self { path }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file in it and gives its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Copies a program into it and gives its path.
    pub fn copy(&self, program: &Path, name: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::copy(program, &path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("{} stays behind: {error}", self.path.display());
        }
    }
}
