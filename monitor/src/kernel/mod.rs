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
pub mod owners;
pub mod process;
pub mod sock_diag;
pub mod tables;
mod time;

pub use applications::Applications;
pub use attach::{AttachError, Attached, attach};
pub use process::ProcessFacts;
pub use time::now;
