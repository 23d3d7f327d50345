//! Whatever ends a measurement, nothing of it stays behind.
//!
//! The measurement is a process of its own. What it starts dies with it, and what it attaches goes with
//! its descriptors; directories do not, and are removed by the process that started it.

#![expect(unsafe_code, reason = "signal(2), and a system call between fork and exec")]

use std::env;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::cgroup;
use rustix::process::{Signal, set_parent_process_death_signal};

/// Tells the process that measures from the one that tidies up after it.
const MEASURES: &str = "SORTIE_BENCH_MEASURES";

/// The process that measures, once it runs.
static MEASURING: AtomicI32 = AtomicI32::new(0);

/// Whether this process is the one that measures.
pub(crate) fn is_inside() -> bool {
    env::var_os(MEASURES).is_some()
}

/// Runs this program again to measure, and tidies up when that has ended.
pub(crate) fn run() -> Result<ExitStatus> {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let handler: extern "C" fn(libc::c_int) = stop;
        // SAFETY: the handler makes one system call and is safe at any moment.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
    let slice = cgroup::root().join("system.slice");
    let had_slice = slice.exists();
    let mut command = Command::new(env::current_exe()?);
    command.args(env::args_os().skip(1)).env(MEASURES, "1");
    // SAFETY: the closure makes one system call and does not allocate.
    unsafe {
        command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
    }
    let mut child = command.spawn().context("cannot start the measurement")?;
    MEASURING.store(i32::try_from(child.id())?, Ordering::Relaxed);
    let status = child.wait()?;
    MEASURING.store(0, Ordering::Relaxed);
    let prefix = format!("e2e-{}-", child.id());
    for directory in left(&slice, &prefix) {
        remove_cgroup(&directory);
    }
    if !had_slice {
        // Others may have begun to use it.
        let _ = fs::remove_dir(&slice);
    }
    for directory in left(&env::temp_dir(), &prefix) {
        drop(fs::remove_dir_all(directory));
    }
    Ok(status)
}

/// Ends the measurement; its end ends this process.
extern "C" fn stop(_: libc::c_int) {
    let measuring = MEASURING.load(Ordering::Relaxed);
    if measuring > 0 {
        // SAFETY: kill(2) may be called by a signal handler, and the child is not yet waited for.
        unsafe { libc::kill(measuring, libc::SIGKILL) };
    }
}

/// What is in a directory under names that begin like this.
fn left(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_left = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(prefix);
    entries.filter(|entry| is_left(&entry.file_name())).map(|entry| entry.path()).collect()
}

/// Removes a cgroup as soon as what was in it has died.
fn remove_cgroup(directory: &Path) {
    drop(fs::write(directory.join("cgroup.kill"), "1"));
    for _ in 0..100 {
        if fs::remove_dir(directory).is_ok() {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    eprintln!("{} stays behind", directory.display());
}
