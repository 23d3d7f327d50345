//! The agent: what the kernel recorded becomes per-app egress metrics.
//!
//! Data flows one way, one noun per stage:
//!
//! ```text
//! Record -> Event -> Identity -> Name -> Entry -> Snapshot -> metrics | table | JSON
//! kernel    event    identity    naming  ledger   export
//! ```
//!
//! A layer names only layers to its left (held by `tests/layers.rs`). [`kernel`] and
//! [`export::http`] are the shores: nothing between them does I/O, reads a clock, or can fail.
//! [`agent`] is the one place where the layers meet.

pub mod agent;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod event;
pub mod export;
pub mod failure;
pub mod identity;
pub mod kernel;
pub mod ledger;
pub mod memory;
pub mod naming;
