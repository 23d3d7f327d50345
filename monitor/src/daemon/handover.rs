//! Hands the directories of the agent to the user that it is about to become.
//!
//! A directory that is missing is made. One that an agent left which ran as root is given away with its
//! files, and only then: what holds anything else is somebody's, whatever the configuration says.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, chownat, fchown, fstat, openat};
use rustix::process::{Gid, Uid};

use super::accounts::User;
use super::{keep, place};
use crate::config::Config;
use crate::failure::Failure;

/// Others than the owner may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Hands over both directories. Without the one for what is remembered the agent works, and says so.
pub(super) fn all(config: &Config, user: &User) -> Result<(), Failure> {
    let directory = &config.runtime_dir;
    give(directory, 0o755, &place::FILES.map(str::to_owned), user)
        .map_err(|source| Failure::RuntimeDir { path: directory.clone(), source })?;
    let directory = &config.state_dir;
    if !directory.as_os_str().is_empty()
        && let Err(error) = give(directory, 0o700, &keep::files(), user)
    {
        place::say(&format!("{}: {error}", directory.display()));
    }
    Ok(())
}

/// Hands over a directory and those of the named files that root has left in it.
fn give(path: &Path, mode: u32, files: &[String], user: &User) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)?;
    let directory = File::open(path)?;
    let found = directory.metadata()?;
    if found.uid() != user.uid {
        check(path, &found, files, user)?;
    }
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    for name in files {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(file) = openat(&directory, name.as_str(), flags, Mode::empty()) else {
            continue;
        };
        let found = fstat(&file)?;
        let kind = FileType::from_raw_mode(found.st_mode);
        let is_ours = matches!(kind, FileType::RegularFile | FileType::Socket);
        // One with a second name may be anything, if the directory was the user's before.
        if found.st_uid == 0 && found.st_nlink == 1 && is_ours {
            chownat(&file, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
        }
    }
    if found.uid() != user.uid {
        fchown(&directory, Some(uid), Some(gid))?;
    }
    Ok(())
}

/// Whether a directory may be given away.
fn check(path: &Path, found: &fs::Metadata, files: &[String], user: &User) -> io::Result<()> {
    let refuse = |why: &str| {
        let name = &user.name;
        let text = format!("it {why}, so it is not given to the user `{name}` (key `user`)");
        Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
    };
    if found.uid() != 0 {
        return refuse("belongs to another user");
    }
    if found.mode() & WRITABLE_BY_OTHERS != 0 {
        return refuse("can be written by others");
    }
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if !files.iter().any(|file| file.as_bytes() == name.as_bytes()) {
            return refuse("holds other files than the agent's");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
