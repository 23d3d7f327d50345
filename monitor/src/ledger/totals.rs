//! What is counted of an app, and of an app's destination.

use crate::event::Volume;

/// Sums both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sent.
    pub tx: Volume,
    /// Received.
    pub rx: Volume,
    /// Connections the app opened: TCP `connect()`s, and first packets to a peer for other protocols.
    pub connections: u64,
    /// Connections somebody else opened to the app.
    pub accepted: u64,
    /// TCP connections that were closed without ever having been established.
    pub failures: u64,
}

impl Totals {
    /// Adds other sums to these; stops at the maximum.
    pub fn add(&mut self, other: Self) {
        self.tx.add(other.tx);
        self.rx.add(other.rx);
        self.connections = self.connections.saturating_add(other.connections);
        self.accepted = self.accepted.saturating_add(other.accepted);
        self.failures = self.failures.saturating_add(other.failures);
    }

    /// Whether nothing was counted.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}
