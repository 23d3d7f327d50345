//! The agent's place on this device: its runtime directory, its lock, and its control socket.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use tokio::net::UnixListener;

use super::accounts;
use crate::failure::Failure;

/// Name of the control socket in the runtime directory.
pub(crate) const SOCKET: &str = "sortie.sock";

/// Name of the lock in the runtime directory.
const LOCK: &str = "lock";

/// All that an agent leaves in the runtime directory.
pub(super) const FILES: [&str; 2] = [LOCK, SOCKET];

/// The runtime directory, held by this agent alone. The lock ends with the process, however it ends.
#[derive(Debug)]
pub(super) struct Place {
    directory: PathBuf,
    _lock: File,
}

impl Place {
    /// Makes the directory and takes its lock.
    pub(super) fn take(directory: &Path) -> Result<Self, Failure> {
        let unusable = |source| Failure::RuntimeDir { path: directory.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o755).create(directory).map_err(unusable)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            // Whose the directory is could have put a link there.
            .custom_flags(libc::O_NOFOLLOW)
            .open(directory.join(LOCK))
            .map_err(unusable)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut pid = String::new();
                // The other agent writes its id after it has the lock: it may not be there yet.
                let _ = (&mut lock).take(16).read_to_string(&mut pid);
                let pid = pid.trim().parse().ok();
                return Err(Failure::AgentRunning { runtime_dir: directory.to_owned(), pid });
            }
            Err(error) => return Err(unusable(error.into())),
        }
        lock.set_len(0).map_err(unusable)?;
        writeln!(lock, "{}", std::process::id()).map_err(unusable)?;
        Ok(Self { directory: directory.to_owned(), _lock: lock })
    }

    /// Listens on the control socket. Only root and the user of the agent may ask, and `group` unless it is
    /// empty.
    pub(super) fn listen(&self, group: &str) -> Result<UnixListener, Failure> {
        let path = self.directory.join(SOCKET);
        let unusable = |source| Failure::RuntimeDir { path: path.clone(), source };
        // A socket left by an agent that was killed: its lock is ours, so nobody listens on it.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
            _ => {}
        }
        // Nobody gets in between the binding and the change of its mode.
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
        let listener = UnixListener::bind(&path);
        rustix::process::umask(before);
        let listener = listener.map_err(unusable)?;
        if !group.is_empty() {
            let id = accounts::group_id(group).ok_or_else(|| {
                let missing = format!("there is no group `{group}` (key `socket_group`)");
                unusable(io::Error::new(io::ErrorKind::NotFound, missing))
            })?;
            chown(&path, None, Some(id)).map_err(unusable)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).map_err(unusable)?;
        }
        Ok(listener)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The next agent removes it as well.
        let _ = fs::remove_file(self.directory.join(SOCKET));
    }
}

/// Says a line to whoever started the agent. A closed standard error is no reason to end.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "sortie: {line}");
}

#[cfg(test)]
mod tests;
