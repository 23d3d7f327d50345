//! What `/proc` says of a process.

use std::path::PathBuf;

/// What could be read of a process, as text and paths; nothing is interpreted here.
///
/// Everything is optional: the process may end between two reads, and `exe` and the environment
/// need privileges (proc_pid_exe(5), proc_pid_environ(5)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Process id in the initial PID namespace.
    pub pid: u32,
    /// Start time in clock ticks since boot (`/proc/PID/stat`, field 22): with the pid, a unique key.
    pub start_ticks: Option<u64>,
    /// Target of `/proc/PID/exe`, without the suffix ` (deleted)`.
    pub exe: Option<PathBuf>,
    /// `/proc/PID/comm`, the main thread's name, without the newline.
    pub comm: Option<String>,
    /// `/proc/PID/cmdline`, split at its zeros; lossily decoded. At most 64 arguments of 4 KiB in all.
    pub cmdline: Vec<String>,
    /// The process's path in the cgroup2 tree (the `0::` line of `/proc/PID/cgroup`), starting with `/`.
    pub cgroup: Option<String>,
    /// Real user id (`/proc/PID/status`).
    pub uid: Option<u32>,
    /// `name=` of `/proc/PID/root/.flatpak-info`, section `[Application]`, when the file is there.
    pub flatpak_id: Option<String>,
    /// `GIO_LAUNCHED_DESKTOP_FILE` of the environment, only when `GIO_LAUNCHED_DESKTOP_FILE_PID` is
    /// this process. Nothing else of the environment is kept.
    pub launched_desktop_file: Option<PathBuf>,
}
