//! The shore to the kernel: the only module that does system calls on behalf of the core.

pub mod applications;
pub mod attach;
mod bpf;
pub mod cgroups;
pub mod hooks;
pub mod interfaces;
pub mod loader;
pub mod process;
pub mod sock_diag;
pub mod tables;

pub use applications::Applications;
pub use attach::{AttachError, Attached, attach};
pub use process::ProcessFacts;

use crate::clock::Now;

/// Reads both clocks.
pub fn now() -> Now {
    use rustix::time::{ClockId, Timespec, clock_gettime};
    let split = |Timespec { tv_sec, tv_nsec }| {
        (u64::try_from(tv_sec).unwrap_or(0), u64::try_from(tv_nsec).unwrap_or(0))
    };
    let (boot_s, boot_ns) = split(clock_gettime(ClockId::Boottime));
    let (unix_s, unix_ns) = split(clock_gettime(ClockId::Realtime));
    Now { boot_ns: boot_s * 1_000_000_000 + boot_ns, unix_ms: unix_s * 1_000 + unix_ns / 1_000_000 }
}
