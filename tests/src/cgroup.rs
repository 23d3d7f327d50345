//! Cgroups of their own for actors, named so that they are recognised as an app.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::scratch::unique;
use crate::{App, eventually};

/// A directory in the cgroup2 tree, removed when dropped together with those of its parents it
/// had to make. What still runs in it is killed.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
    made: Vec<PathBuf>,
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
        let mut made = Vec::new();
        let mut directory = root();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            directory.push(part);
            match fs::create_dir(&directory) {
                Ok(()) => made.push(directory.clone()),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", directory.display()),
            }
        }
        Self {
            path: directory,
            made,
            app,
        }
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
        if std::thread::panicking() {
            // A second panic would hide the first: try once and leave the rest.
            drop(fs::write(self.path.join("cgroup.kill"), "1"));
            for path in self.made.iter().rev() {
                drop(fs::remove_dir(path));
            }
            return;
        }
        if self.made.contains(&self.path) {
            drop(fs::write(self.path.join("cgroup.kill"), "1"));
            eventually("removal of a cgroup", Duration::from_secs(5), || {
                let path = self.path.display();
                fs::remove_dir(&self.path).map_err(|error| format!("{path}: {error}"))
            });
        }
        // Parents may be in use by others by now.
        for path in self.made.iter().rev().filter(|path| **path != self.path) {
            drop(fs::remove_dir(path));
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
