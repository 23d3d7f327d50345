//! The shore to the kernel: the only module that does system calls on behalf of the core.

pub mod applications;
pub mod attach;
mod bpf;
pub mod calendar;
pub mod cgroups;
pub mod hooks;
pub mod interfaces;
pub mod loader;
mod netlink;
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
    let nanoseconds = |time: Timespec| {
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        seconds.saturating_mul(1_000_000_000) + u64::try_from(time.tv_nsec).unwrap_or(0)
    };
    Now {
        boot_ns: nanoseconds(clock_gettime(ClockId::Boottime)),
        unix_ms: nanoseconds(clock_gettime(ClockId::Realtime)) / 1_000_000,
    }
}
