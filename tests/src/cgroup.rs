//! Cgroups of their own for actors, named so that they are recognised as an app.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::scratch::{alone, unique};
use crate::{App, eventually};

/// How long a cgroup may take to become empty after what runs in it was killed.
const EMPTY_PATIENCE: Duration = Duration::from_secs(5);

/// The directories that the tests of this process had to make. A parent goes when the last of its
/// children does, whoever made it.
static MADE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A directory in the cgroup2 tree, removed when dropped together with those of its parents that
/// had to be made. What still runs in it is killed.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
    app: App,
}

impl Cgroup {
    /// A system service of its own: the app is known by its unit.
    pub fn service() -> Self {
        let name = unique("e2e");
        let app = App::new("service", &name);
        Self::new(&format!("system.slice/{name}.service"), app)
    }

    /// A cgroup by its path below the root, and the app that processes in it must be known as.
    pub fn new(path: &str, app: App) -> Self {
        alone();
        let mut made = MADE.lock().expect("nobody panics with it");
        let mut directory = root();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            directory.push(part);
            match fs::create_dir(&directory) {
                Ok(()) => drop(made.insert(directory.clone())),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    drop(made);
                    panic!("{}: {error}", directory.display());
                }
            }
        }
        Self { path: directory, app }
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The app that processes in it are.
    pub fn app(&self) -> &App {
        &self.app
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // It may be empty, or an old kernel may not have it (5.14); then removing it says so.
        drop(fs::write(self.path.join("cgroup.kill"), "1"));
        let remove = || {
            let path = self.path.display();
            fs::remove_dir(&self.path).map_err(|error| format!("{path}: {error}"))
        };
        if thread::panicking() {
            // A second panic would hide the first.
            if let Err(error) = remove() {
                eprintln!("stays behind: {error}");
            }
        } else {
            eventually("removal of a cgroup", EMPTY_PATIENCE, remove);
        }
        alone();
        let mut made = MADE.lock().expect("nobody panics with it");
        made.remove(&self.path);
        for parent in self.path.ancestors().skip(1) {
            // One that is still in use goes with its last child.
            if made.contains(parent) && fs::remove_dir(parent).is_ok() {
                made.remove(parent);
            }
        }
    }
}

/// Where the cgroup2 tree is mounted.
pub fn root() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("/proc is mounted");
    mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&"cgroup2"))
        // A space in a path is written `\040` (fstab(5)).
        .map(|fields| PathBuf::from(fields[1].replace("\\040", " ")))
        .expect("a cgroup2 file system is mounted")
}
