//! Stage 4: a snapshot, and what is made of it.

pub mod snapshot;

pub use snapshot::Snapshot;
