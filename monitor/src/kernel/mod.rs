//! The shore to the kernel: the only module that does system calls on behalf of the core.

pub mod process;

pub use process::ProcessFacts;
