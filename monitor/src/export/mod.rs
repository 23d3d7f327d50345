//! Stage 4: a snapshot, and what is made of it.

pub mod ask;
pub mod http;
pub mod json;
pub mod metrics;
pub mod page;
pub mod remembered;
pub mod snapshot;
pub mod table;
pub mod text;

pub use snapshot::Snapshot;
