//! End to end: real processes, real servers, a real kernel, and a second opinion on every number.
//!
//! A test builds a [`Network`] of namespaces, lets [`Actor`]s in their own [`Cgroup`]s make
//! traffic, and compares what an [`Agent`] tells with what nftables counted ([`Counter`]).
//! Where names matter, [`Names`] is the network: servers that answer any name, and [`Client`]s that
//! ask for one, each an app of its own.
//! It needs root. `cargo xtask test` sets the environment that [`program`] names and runs it.

pub mod actor;
pub mod agent;
pub mod cases;
pub mod cgroup;
pub mod client;
pub mod counter;
pub mod elf;
pub mod exact;
pub mod http;
pub mod interface;
pub mod metrics;
pub mod names;
pub mod namespace;
pub mod network;
pub mod process;
pub mod program;
pub mod prometheus;
pub mod resolver;
pub mod scratch;
pub mod seen;
pub mod stage;
pub mod stub;
pub mod wait;
pub mod zone;

pub use actor::{Actor, Report};
pub use agent::Agent;
pub use cgroup::Cgroup;
pub use client::Client;
pub use counter::{Counter, Packets, Protocol, Volume};
pub use metrics::{App, Metrics};
pub use names::{Names, Visit};
pub use namespace::Namespace;
pub use network::{Family, Host, Network};
pub use process::{Launch, Running};
pub use resolver::Resolver;
pub use scratch::Scratch;
pub use seen::Seen;
pub use stage::Stage;
pub use stub::Stub;
pub use wait::eventually;
pub use zone::Zone;
