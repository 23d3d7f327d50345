//! The agent's state as a snapshot.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Agent;
use crate::clock::Now;
use crate::event::Volume;
use crate::export::snapshot::{
    AppRow, ClassRow, DestinationRow, Health, InterfaceRow, ShareRow, Snapshot,
};
use crate::kernel::interfaces::InterfaceCounters;
use crate::ledger::Entry;

impl Agent {
    /// The state as it is. `health` is what only the shore knows; the rest of it is filled in here.
    pub fn snapshot(&self, health: Health, now: Now) -> Snapshot {
        let mut apps: Vec<_> = self
            .ledger
            .entries()
            .iter()
            .enumerate()
            .filter(|(_, entry)| !entry.is_empty())
            .map(|(arrival, entry)| app_row(entry, arrival as u64, now))
            .collect();
        apps.sort_by(|a, b| a.identity.app.cmp(&b.identity.app));
        let shares = self.shares.iter();
        let shares = shares.map(|(&(source, reason, scope), both)| ShareRow {
            source,
            reason,
            scope,
            tx: both.tx,
            rx: both.rx,
        });
        Snapshot {
            taken_unix_ms: now.unix_ms,
            apps,
            shares: shares.collect(),
            memory: self.memory_row(now),
            interfaces: self.interface_rows(),
            health: Health {
                records_truncated: self.records_truncated,
                records_unknown: self.records_unknown,
                apps_capped: self.ledger.apps_capped(),
                destinations_capped: self.ledger.destinations_capped(),
                names: self.namer.tally(),
                flows: self.flows.sockets() as u64,
                processes: self.processes.len() as u64,
                processes_missed: self.processes.missed(),
                ..health
            },
        }
    }

    fn interface_rows(&self) -> Vec<InterfaceRow> {
        let baseline = self.baseline.as_deref().unwrap_or_default();
        let mut rows: Vec<_> = self
            .interfaces
            .iter()
            .map(|interface| {
                let before = baseline.iter().find(|before| {
                    before.name == interface.name && before.index == interface.index
                });
                self.interface_row(interface, before)
            })
            .collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows
    }

    fn interface_row(
        &self,
        now: &InterfaceCounters,
        before: Option<&InterfaceCounters>,
    ) -> InterfaceRow {
        let attributed = self.attributed.get(&now.index).copied().unwrap_or_default();
        let since = |now: u64, before: Option<u64>| now.saturating_sub(before.unwrap_or(0));
        InterfaceRow {
            name: Arc::from(now.name.as_str()),
            tx: Volume {
                bytes: since(now.tx_bytes, before.map(|b| b.tx_bytes)),
                packets: since(now.tx_packets, before.map(|b| b.tx_packets)),
            },
            rx: Volume {
                bytes: since(now.rx_bytes, before.map(|b| b.rx_bytes)),
                packets: since(now.rx_packets, before.map(|b| b.rx_packets)),
            },
            attributed_tx: attributed.tx,
            attributed_rx: attributed.rx,
            link_header_tx_bytes: attributed.tx.packets.saturating_mul(now.link_header),
            link_header_rx_bytes: attributed.rx.packets.saturating_mul(now.link_header),
        }
    }
}

fn app_row(entry: &Entry, arrival: u64, now: Now) -> AppRow {
    let mut destinations: Vec<_> = entry
        .destinations()
        .map(|(destination, sums)| DestinationRow {
            destination: destination.cloned(),
            totals: sums.totals,
            shown: sums.shown(),
            sources: sums.sources,
            is_ambiguous: sums.is_ambiguous,
            registration: sums.registration.as_deref().cloned(),
            first_seen_unix_ms: now.unix_ms_at(sums.first_ns),
            last_seen_unix_ms: now.unix_ms_at(sums.last_ns),
        })
        .collect();
    // Stable: destinations with as many bytes stay in their own order.
    destinations.sort_by_key(|row| Reverse(row.totals.tx.bytes));
    AppRow {
        identity: entry.identity().clone(),
        arrival,
        classes: entry
            .classes()
            .map(|(protocol, scope, totals)| ClassRow { protocol, scope, totals })
            .collect(),
        first_seen_unix_ms: now.unix_ms_at(entry.first_ns()),
        last_seen_unix_ms: now.unix_ms_at(entry.last_ns()),
        destinations,
    }
}
