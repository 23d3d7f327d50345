//! What is counted of an app, and of an app's destination.

use crate::event::{Counters, Volume};

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

    /// What was added to earlier sums. A sum that went back added nothing.
    pub fn since(self, earlier: Self) -> Self {
        let both = Counters { tx: self.tx, rx: self.rx };
        let added = both.since(Counters { tx: earlier.tx, rx: earlier.rx });
        Self {
            tx: added.tx,
            rx: added.rx,
            connections: self.connections.saturating_sub(earlier.connections),
            accepted: self.accepted.saturating_sub(earlier.accepted),
            failures: self.failures.saturating_sub(earlier.failures),
        }
    }

    /// Whether nothing was counted.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}
