//! Keeps a few bytes on a disk that may be cut off, full, read-only or worn.
//!
//! Two generations: the file, and the one before it. A write goes to a third file, which is synced
//! before it takes the place of the first; so at every moment one whole generation is there. What
//! cannot be read is put aside under another name and said, never overwritten.
//!
//! Everything goes through [`Disk`], so that tests can cut the power at every step.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The present generation.
const FILE: &str = "memory";
/// The one before.
const PREVIOUS: &str = "memory.previous";
/// What is being written.
const NEXT: &str = "memory.next";
/// What could not be read; a number follows.
const ASIDE: &str = "memory.unreadable.";
/// Files kept aside at most: a disk that damages each of them must not fill up.
const ASIDE_MAX: u32 = 4;
/// Bytes of the largest file that is read; a memory within its default bounds has less than 2 MB.
const BYTES_MAX: u64 = 64 << 20;

/// All names that [`save`] and [`load`] give.
pub fn files() -> Vec<String> {
    let aside = (1..=ASIDE_MAX).map(|number| format!("{ASIDE}{number}"));
    [FILE, PREVIOUS, NEXT].map(str::to_owned).into_iter().chain(aside).collect()
}

/// What is done with files. Names are those of one directory.
pub trait Disk {
    /// The bytes of a file.
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>>;
    /// Writes a new file that only its owner may read, over what is there. Nothing is safe yet.
    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Makes the bytes of a file safe.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Renames a file over another.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; that there is none is no error.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Makes names and removals safe.
    fn sync_names(&mut self) -> io::Result<()>;
    /// Whether there is such a file.
    fn has(&mut self, name: &str) -> bool;
}

/// A directory of the real disk.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// A directory, which is made if it is missing; nobody else may enter it.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Ok(Self { path: path.to_owned() })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Disk for Directory {
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.at(name))?.take(BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // A new file: the mode of one that is there would stay, and a link would be followed.
        self.remove(name)?;
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.at(name))?;
        file.write_all(bytes)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        File::open(self.at(name))?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.at(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn sync_names(&mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn has(&mut self, name: &str) -> bool {
        self.at(name).symlink_metadata().is_ok()
    }
}

/// Something the owner should know about the files.
#[derive(Debug)]
pub enum Notice {
    /// A file could not be read, and was put aside.
    Aside {
        /// The file.
        file: &'static str,
        /// Its new name; `None` when it could not be renamed.
        kept: Option<String>,
        /// Why it could not be read.
        why: String,
    },
    /// The generation before was taken, as the last one is missing or not readable.
    Previous,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aside { file, kept: Some(kept), why } => {
                write!(f, "the file `{file}` cannot be used: {why}; it is kept as `{kept}`")
            }
            Self::Aside { file, kept: None, why } => {
                write!(f, "the file `{file}` cannot be used: {why}; it stays where it is")
            }
            Self::Previous => f.write_str("the last write is lost, the one before it is used"),
        }
    }
}

/// Reads the last generation that `decode` accepts; with what is to be said about the others.
/// `None` when there is none: the first start.
pub fn load<T, E: fmt::Display>(
    disk: &mut impl Disk,
    mut decode: impl FnMut(&[u8]) -> Result<T, E>,
) -> (Option<T>, Vec<Notice>) {
    let mut notices = Vec::new();
    for file in [FILE, PREVIOUS] {
        if !disk.has(file) {
            continue;
        }
        let read = disk.read(file).map_err(|error| error.to_string());
        let why = match read.and_then(|bytes| decode(&bytes).map_err(|error| error.to_string())) {
            Ok(value) => {
                if file == PREVIOUS {
                    notices.push(Notice::Previous);
                }
                return (Some(value), notices);
            }
            Err(why) => why,
        };
        let kept = put_aside(disk, file);
        notices.push(Notice::Aside { file, kept, why });
    }
    (None, notices)
}

/// Puts a file aside under a free name, or over the last such name.
fn put_aside(disk: &mut impl Disk, file: &str) -> Option<String> {
    let mut names = (1..=ASIDE_MAX).map(|number| format!("{ASIDE}{number}"));
    let last = format!("{ASIDE}{ASIDE_MAX}");
    let free = names.find(|name| !disk.has(name)).unwrap_or(last);
    disk.rename(file, &free).ok()?;
    disk.sync_names().ok()?;
    Some(free)
}

/// Writes a new generation. After an error the last one is still there, and another write may be
/// tried later.
///
/// # Errors
///
/// A full or read-only disk, or one that fails.
pub fn save(disk: &mut impl Disk, bytes: &[u8]) -> io::Result<()> {
    let written = disk.write(NEXT, bytes).and_then(|()| disk.sync(NEXT));
    if let Err(error) = written {
        // Half a file only takes room.
        let _ = disk.remove(NEXT);
        return Err(error);
    }
    if disk.has(FILE) {
        disk.rename(FILE, PREVIOUS)?;
    }
    disk.rename(NEXT, FILE)?;
    disk.sync_names()
}

/// Writes a new generation and removes all others, with the files that were put aside: something was
/// to be forgotten, and they may name it. What a flash chip keeps of removed files is out of reach.
///
/// # Errors
///
/// As [`save`]; what was to be forgotten may then still be there.
pub fn save_and_erase(disk: &mut impl Disk, bytes: &[u8]) -> io::Result<()> {
    save(disk, bytes)?;
    for name in files().iter().filter(|name| *name != FILE) {
        disk.remove(name)?;
    }
    disk.sync_names()
}

#[cfg(test)]
mod tests;
