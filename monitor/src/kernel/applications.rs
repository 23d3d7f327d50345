//! The desktop files installed on the device, system-wide and by its users.
//!
//! Where they lie is fixed by the Desktop Entry Specification ("Desktop File ID") and by what
//! Flatpak and snapd export. The environment of a daemon says nothing of its users' directories, so
//! that they are listed here.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{CWD, OFlags};

use super::process::open_regular;

/// The text of one desktop file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesktopFile {
    /// Its desktop-file id, without `.desktop`: the path below `applications/`, with `-` for `/`.
    pub id: String,
    /// Its content, lossily decoded: the first 64 KiB, whole lines.
    pub text: String,
    /// Who could have written it.
    pub origin: Origin,
}

/// Who could have written a desktop file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Whoever administers the device.
    System,
    /// A user, or any program of theirs.
    User,
}

/// The directories of desktop files, as they were at one moment.
#[derive(Debug, Default)]
pub struct Applications {
    /// Every directory that was looked at, with its time of modification; `None`: not there.
    directories: Vec<(PathBuf, Option<SystemTime>)>,
    files: Vec<Listed>,
    skipped: usize,
}

#[derive(Debug)]
struct Listed {
    id: String,
    path: PathBuf,
    origin: Origin,
}

/// System-wide directories, relative to the root directory; the first that has an id defines it.
const SYSTEM_DIRECTORIES: [&str; 4] = [
    "usr/local/share/applications",
    "usr/share/applications",
    "var/lib/flatpak/exports/share/applications",
    "var/lib/snapd/desktop/applications",
];

/// Directories in each home directory.
const USER_DIRECTORIES: [&str; 2] =
    [".local/share/applications", ".local/share/flatpak/exports/share/applications"];

/// Most desktop files listed in all.
pub const MAX_FILES: usize = 4096;
/// Most bytes read of one file.
pub const MAX_FILE_BYTES: usize = 64 * 1024;
/// Most bytes read of all files.
pub const MAX_TOTAL_BYTES: usize = 16 * 1024 * 1024;
/// Most entries looked at in one directory.
const MAX_DIRECTORY_ENTRIES: usize = 8192;
/// Most directories looked at, those of users included.
const MAX_DIRECTORIES: usize = 512;
/// Most home directories below `/home`.
const MAX_HOMES: usize = 64;
/// Levels of directories below `applications/`.
const MAX_DEPTH: usize = 3;

impl Applications {
    /// Lists the desktop files below a root directory (`/`). Where there are none, as on a router,
    /// that is a handful of failing look-ups. System-wide files come first, then those of users.
    pub fn scan(root: &Path) -> Self {
        let mut applications = Self::default();
        for directory in SYSTEM_DIRECTORIES {
            applications.list(&root.join(directory), "", Origin::System, MAX_DEPTH);
        }
        let mut homes = applications.homes(&root.join("home"));
        homes.push(root.join("root"));
        for home in homes {
            for directory in USER_DIRECTORIES {
                applications.list(&home.join(directory), "", Origin::User, MAX_DEPTH);
            }
        }
        applications
    }

    /// Whether a directory was changed since, and the scan should be made again. One look-up per
    /// directory. A file rewritten in place goes unnoticed: package managers and desktops replace.
    pub fn stale(&self) -> bool {
        self.directories.iter().any(|(path, modified)| modification_time(path) != *modified)
    }

    /// The files, read one at a time as they are asked for. They are handed out once: only the
    /// directories stay in memory. Files that cannot be read are left out.
    pub fn take_files(&mut self) -> impl Iterator<Item = DesktopFile> + use<> {
        let mut bytes_left = MAX_TOTAL_BYTES;
        std::mem::take(&mut self.files).into_iter().filter_map(move |listed| {
            let text = read_text(&listed.path, bytes_left.min(MAX_FILE_BYTES))?;
            bytes_left -= text.len().min(bytes_left);
            Some(DesktopFile { id: listed.id, text, origin: listed.origin })
        })
    }

    /// How many files and directories found no room in the bounds.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    fn homes(&mut self, parent: &Path) -> Vec<PathBuf> {
        self.directories.push((parent.to_owned(), modification_time(parent)));
        let mut names = directory_entries(parent);
        self.skipped += names.len().saturating_sub(MAX_HOMES);
        names.truncate(MAX_HOMES);
        names.into_iter().map(|entry| entry.path()).collect()
    }

    fn list(&mut self, directory: &Path, prefix: &str, origin: Origin, depth: usize) {
        if depth == 0 || self.directories.len() >= MAX_DIRECTORIES {
            self.skipped += 1;
            return;
        }
        // Before the listing: a change in between must not be missed.
        let modified = modification_time(directory);
        self.directories.push((directory.to_owned(), modified));
        if modified.is_none() {
            return;
        }
        for entry in directory_entries(directory) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().is_ok_and(|file_type| file_type.is_dir()) {
                self.list(&entry.path(), &format!("{prefix}{name}-"), origin, depth - 1);
            } else if let Some(stem) = name.strip_suffix(".desktop") {
                if self.files.len() >= MAX_FILES {
                    self.skipped += 1;
                    continue;
                }
                self.files.push(Listed {
                    id: format!("{prefix}{stem}"),
                    path: entry.path(),
                    origin,
                });
            }
        }
    }
}

fn modification_time(directory: &Path) -> Option<SystemTime> {
    fs::metadata(directory).and_then(|metadata| metadata.modified()).ok()
}

/// In the order of their names, so that two scans agree.
fn directory_entries(directory: &Path) -> Vec<fs::DirEntry> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut entries: Vec<_> = entries.flatten().take(MAX_DIRECTORY_ENTRIES).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    entries
}

fn read_text(path: &Path, most: usize) -> Option<String> {
    // Flatpak's exports are symbolic links, so they are followed.
    let file = open_regular(CWD, path, OFlags::empty())?;
    let mut bytes = vec![0; most];
    let mut length = 0;
    while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
        match rustix::io::read(&file, room) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(_) => return None,
        }
    }
    if length == most {
        length = bytes.iter().rposition(|byte| *byte == b'\n')? + 1;
    }
    bytes.truncate(length);
    (length > 0).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot prepare its files has failed")]

    use std::os::unix::fs::symlink;

    use super::*;

    /// A root directory of this test alone, removed at the end.
    struct Root(PathBuf);

    impl Root {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("sortie-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, path: &str, content: &str) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }

        fn files(&self) -> Vec<(String, String, Origin)> {
            let mut applications = Applications::scan(&self.0);
            applications.take_files().map(|file| (file.id, file.text, file.origin)).collect()
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn every_directory_is_found_and_the_system_comes_first() {
        let root = Root::new("applications");
        root.write("home/b/.local/share/applications/user.desktop", "1");
        root.write("home/a/.local/share/flatpak/exports/share/applications/org.u.V.desktop", "2");
        root.write("root/.local/share/applications/root.desktop", "3");
        root.write("usr/share/applications/z.desktop", "4");
        root.write("usr/share/applications/kde/konsole.desktop", "5");
        root.write("usr/share/applications/mimeinfo.cache", "no");
        root.write("usr/share/applications/empty.desktop", "");
        root.write("usr/local/share/applications/local.desktop", "6");
        root.write("var/lib/snapd/desktop/applications/firefox_firefox.desktop", "7");
        root.write("var/lib/flatpak/app/export.desktop", "8");
        root.write("var/lib/flatpak/exports/share/applications/.keep", "");
        symlink(
            "../../../app/export.desktop",
            root.0.join("var/lib/flatpak/exports/share/applications/org.x.Y.desktop"),
        )
        .unwrap();
        let expected = [
            ("local", "6", Origin::System),
            ("kde-konsole", "5", Origin::System),
            ("z", "4", Origin::System),
            ("org.x.Y", "8", Origin::System),
            ("firefox_firefox", "7", Origin::System),
            ("org.u.V", "2", Origin::User),
            ("user", "1", Origin::User),
            ("root", "3", Origin::User),
        ];
        let files = root.files();
        let files: Vec<_> =
            files.iter().map(|(id, text, origin)| (id.as_str(), text.as_str(), *origin)).collect();
        assert_eq!(files, expected);
    }

    #[test]
    fn hostile_files_do_no_harm() {
        let root = Root::new("applications-hostile");
        let directory = root.0.join("home/a/.local/share/applications");
        root.write("home/a/.local/share/applications/long.desktop", &"a=b\n".repeat(40_000));
        root.write("home/a/.local/share/applications/no-line.desktop", &"x".repeat(200_000));
        symlink("/dev/zero", directory.join("zero.desktop")).unwrap();
        symlink("loop.desktop", directory.join("loop.desktop")).unwrap();
        symlink(".", directory.join("self")).unwrap();
        root.write("home/a/.local/share/applications/1/2/3/4/deep.desktop", "x");
        let files = root.files();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].1.len(), MAX_FILE_BYTES);
        assert_eq!(Applications::scan(&root.0).skipped(), 1);
    }

    #[test]
    fn stale_follows_the_directories() {
        let root = Root::new("applications-stale");
        let mut applications = Applications::scan(&root.0);
        assert!(!applications.stale());
        assert_eq!(applications.take_files().count(), 0);

        root.write("usr/share/applications/a.desktop", "x");
        assert!(applications.stale());
        let mut applications = Applications::scan(&root.0);
        assert!(!applications.stale());
        assert_eq!(applications.take_files().count(), 1);
        assert_eq!(applications.take_files().count(), 0);

        fs::create_dir_all(root.0.join("home/new")).unwrap();
        assert!(applications.stale());
    }
}
