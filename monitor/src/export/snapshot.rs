//! Everything the agent knows at one moment: immutable and ordered.
//!
//! Metrics, table and JSON are functions of a snapshot, so they cannot disagree.

use std::sync::Arc;

use crate::event::{Protocol, Scope, Volume};
use crate::identity::Identity;
pub use crate::ledger::Destination;
use crate::ledger::{Sources, Totals};
use crate::memory::{self, Finding};
use crate::naming::namer::Tally;
use crate::naming::{Reason, Registration, Source};

/// Everything the agent knows at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When it was taken, in milliseconds since the Unix epoch.
    pub taken_unix_ms: u64,
    /// Apps, ordered by [`crate::identity::App`].
    pub apps: Vec<AppRow>,
    /// How many bytes got their names from where.
    pub shares: Vec<ShareRow>,
    /// What the memory has to say; `None` without one.
    pub memory: Option<MemoryRow>,
    /// Interfaces of the agent's network namespace, ordered by name.
    pub interfaces: Vec<InterfaceRow>,
    /// How the agent itself is doing.
    pub health: Health,
}

/// An app and its sums.
#[derive(Clone, Debug)]
pub struct AppRow {
    /// The app, and how it was recognised.
    pub identity: Identity,
    /// The app's place in the order of first appearance: unique, given by the ledger, the same in
    /// every later snapshot. Clocks jump, this does not.
    pub arrival: u64,
    /// Sums by protocol and scope, ordered, without empty rows.
    pub classes: Vec<ClassRow>,
    /// Milliseconds since the Unix epoch.
    pub first_seen_unix_ms: u64,
    /// Milliseconds since the Unix epoch.
    pub last_seen_unix_ms: u64,
    /// Sums by destination, most bytes sent first. Their sum is that of `classes`.
    pub destinations: Vec<DestinationRow>,
}

impl AppRow {
    /// The sums over all protocols and the given scopes.
    pub fn total(&self, counts: impl Fn(Scope) -> bool) -> Totals {
        let mut total = Totals::default();
        for class in self.classes.iter().filter(|class| counts(class.scope)) {
            total.add(class.totals);
        }
        total
    }
}

/// An app's sums for one protocol and scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassRow {
    /// The protocol. All [`Protocol::Unknown`] ones are one row, numbered 0.
    pub protocol: Protocol,
    /// How far it went.
    pub scope: Scope,
    /// The sums.
    pub totals: Totals,
}

/// An app's sums for one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationRow {
    /// Where to; `None` for all that found no room of their own.
    pub destination: Option<Destination>,
    /// The sums.
    pub totals: Totals,
    /// What its own series in the metrics show; `None` when it is part of `(other)` there.
    pub shown: Option<Totals>,
    /// What its name came from.
    pub sources: Sources,
    /// Whether another name would have done as well, at least once.
    pub is_ambiguous: bool,
    /// Where its addresses are registered, if anything is known of that.
    pub registration: Option<Registration>,
    /// Milliseconds since the Unix epoch.
    pub first_seen_unix_ms: u64,
    /// Milliseconds since the Unix epoch.
    pub last_seen_unix_ms: u64,
}

/// What the memory has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryRow {
    /// All findings, cheapest detector first.
    pub findings: Vec<Finding>,
    /// How many of each kind are active.
    pub active: Vec<(memory::Kind, usize)>,
    /// How full it is.
    pub health: memory::Health,
}

/// Bytes whose destinations got their names in one way, or none for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareRow {
    /// What the names came from.
    pub source: Source,
    /// Why there is none.
    pub reason: Option<Reason>,
    /// How far they went.
    pub scope: Scope,
    /// Sent.
    pub tx: Volume,
    /// Received.
    pub rx: Volume,
}

/// The kernel's counters of an interface beside what was attributed to apps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceRow {
    /// The interface's name.
    pub name: Arc<str>,
    /// What the kernel counted as sent (`/proc/net/dev`), link headers included, since the agent
    /// started.
    pub tx: Volume,
    /// What the kernel counted as received, since the agent started.
    pub rx: Volume,
    /// What was attributed to apps and the kernel, sent, without link headers.
    pub attributed_tx: Volume,
    /// What was attributed, received.
    pub attributed_rx: Volume,
    /// Bytes of link headers on the attributed packets, sent: 14 each on Ethernet.
    pub link_header_tx_bytes: u64,
    /// Bytes of link headers on the attributed packets, received.
    pub link_header_rx_bytes: u64,
}

/// How the agent itself is doing.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// The hooks and whether they are attached, in the order of their table.
    pub hooks: Vec<(&'static str, bool)>,
    /// Ring records lost because the ring was full.
    pub ring_lost: u64,
    /// Ring records that could not be decoded, by reason.
    pub records_truncated: u64,
    /// Ring records of a kind this agent does not know.
    pub records_unknown: u64,
    /// Entries and capacity of the kernel's maps: name, used, capacity.
    pub maps: Vec<(&'static str, u64, u64)>,
    /// Bytes and packets that could not be counted under a socket, by cause: code, sent, received.
    pub over: Vec<(&'static str, Volume, Volume)>,
    /// Apps folded into `(other)` because the table was full.
    pub apps_capped: u64,
    /// Destinations folded into an app's `(other)`.
    pub destinations_capped: u64,
    /// Samples lost because their ring was full.
    pub samples_lost: u64,
    /// Bytes of what is remembered that were written to the disk.
    pub memory_written_bytes: u64,
    /// Times it was written.
    pub memory_writes: u64,
    /// What naming met.
    pub names: Tally,
    /// Drains of the kernel's maps since the start.
    pub drains: u64,
    /// Seconds all drains took together.
    pub drain_seconds_sum: f64,
    /// Seconds the last drain took.
    pub drain_seconds_last: f64,
    /// Sockets the kernel's maps hold.
    pub flows: u64,
    /// When the agent started, in milliseconds since the Unix epoch.
    pub started_unix_ms: u64,
    /// Processes known, and how many of them were gone before `/proc` could be read.
    pub processes: u64,
    /// See `processes`.
    pub processes_missed: u64,
}
