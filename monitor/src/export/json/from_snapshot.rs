//! How each row of a snapshot becomes a part of the document.

use std::time::Duration;

use super::{
    App, Class, Destination, Document, Finding, Health, Hook, Interface, Map, Over, Share, Totals,
    VERSION,
};
use crate::event::Volume;
use crate::export::snapshot::{
    self, AppRow, ClassRow, DestinationRow, InterfaceRow, ShareRow, Snapshot,
};
use crate::ledger;
use crate::memory;
use crate::naming::catalogue::BehaviourId;
use crate::naming::{Place, Registration};

impl From<&Snapshot> for Document {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            version: VERSION,
            taken_unix_ms: snapshot.taken_unix_ms,
            started_unix_ms: snapshot.health.started_unix_ms,
            apps: snapshot.apps.iter().map(App::from).collect(),
            findings: (snapshot.memory.iter().flat_map(|memory| &memory.findings))
                .map(Finding::from)
                .collect(),
            names: snapshot.shares.iter().map(Share::from).collect(),
            interfaces: snapshot.interfaces.iter().map(Interface::from).collect(),
            health: Health::from(&snapshot.health),
        }
    }
}

impl From<&AppRow> for App {
    fn from(row: &AppRow) -> Self {
        Self {
            kind: row.identity.app.kind.label().into(),
            id: row.identity.app.id.to_string(),
            rung: row.identity.rung.label().into(),
            name: row.identity.name.as_deref().map(str::to_owned),
            icon: row.identity.icon.as_deref().map(str::to_owned),
            first_seen_unix_ms: row.first_seen_unix_ms,
            last_seen_unix_ms: row.last_seen_unix_ms,
            classes: row.classes.iter().map(Class::from).collect(),
            destinations: row.destinations.iter().map(Destination::from).collect(),
        }
    }
}

impl From<&ClassRow> for Class {
    fn from(row: &ClassRow) -> Self {
        Self {
            protocol: row.protocol.label().into(),
            scope: row.scope.label().into(),
            totals: row.totals.into(),
        }
    }
}

impl From<&DestinationRow> for Destination {
    fn from(row: &DestinationRow) -> Self {
        let destination = row.destination.as_ref();
        let behaviour = destination.and_then(|to| to.behaviour).map(BehaviourId::behaviour);
        let registration = row.registration.as_ref();
        let origin = registration.map(|registration| &registration.first);
        Self {
            name: destination.map_or_else(|| Place::Other.label(), |to| to.place.label()),
            company: destination.and_then(|to| to.company).map(|company| company.name().into()),
            behaviour: behaviour.map(|behaviour| behaviour.id.into()),
            behaviour_name: behaviour.map(|behaviour| behaviour.name.into()),
            scope: destination.map(|to| to.scope.label().into()),
            sources: row.sources.iter().map(|source| source.label().into()).collect(),
            ambiguous: row.is_ambiguous,
            country: registration.and_then(Registration::country).map(str::to_owned),
            several_countries: registration.is_some_and(|known| known.several_countries),
            asn: origin.and_then(|origin| origin.asn),
            organisation: origin
                .and_then(|origin| origin.organisation.as_deref())
                .map(str::to_owned),
            several_networks: registration.is_some_and(|known| known.several_networks),
            totals: row.totals.into(),
            first_seen_unix_ms: row.first_seen_unix_ms,
            last_seen_unix_ms: row.last_seen_unix_ms,
        }
    }
}

impl From<ledger::Totals> for Totals {
    fn from(totals: ledger::Totals) -> Self {
        Self {
            sent_bytes: totals.tx.bytes,
            sent_packets: totals.tx.packets,
            received_bytes: totals.rx.bytes,
            received_packets: totals.rx.packets,
            connections: totals.connections,
            accepted: totals.accepted,
            failures: totals.failures,
        }
    }
}

impl From<&memory::Finding> for Finding {
    fn from(finding: &memory::Finding) -> Self {
        let evidence = &finding.evidence;
        Self {
            kind: finding.kind.label().into(),
            app_kind: finding.app.kind.to_string(),
            app: finding.app.id.to_string(),
            destination: finding.destination.to_string(),
            behaviour: finding.behaviour.as_deref().map(str::to_owned),
            company: finding.company.as_deref().map(str::to_owned),
            sentence: finding.sentence(),
            state: finding.state.label().into(),
            first_unix_ms: finding.first_ms,
            last_unix_ms: finding.last_ms,
            period_seconds: evidence.period_s,
            seen: evidence.seen,
            possible: evidence.possible,
            contacts: evidence.contacts,
            sent_bytes: evidence.tx_bytes,
            received_bytes: evidence.rx_bytes,
        }
    }
}

impl From<&ShareRow> for Share {
    fn from(row: &ShareRow) -> Self {
        Self {
            source: row.source.label().into(),
            reason: row.reason.map(|reason| reason.code().into()),
            scope: row.scope.label().into(),
            sent_bytes: row.tx.bytes,
            received_bytes: row.rx.bytes,
        }
    }
}

impl From<&InterfaceRow> for Interface {
    fn from(row: &InterfaceRow) -> Self {
        Self {
            name: row.name.to_string(),
            sent_bytes: row.tx.bytes,
            sent_packets: row.tx.packets,
            received_bytes: row.rx.bytes,
            received_packets: row.rx.packets,
            attributed_sent_bytes: row.attributed_tx.bytes,
            attributed_sent_packets: row.attributed_tx.packets,
            attributed_received_bytes: row.attributed_rx.bytes,
            attributed_received_packets: row.attributed_rx.packets,
            link_header_sent_bytes: row.link_header_tx_bytes,
            link_header_received_bytes: row.link_header_rx_bytes,
        }
    }
}

impl From<&snapshot::Health> for Health {
    fn from(health: &snapshot::Health) -> Self {
        let over = |&(cause, sent, received): &(&'static str, Volume, Volume)| Over {
            cause: cause.into(),
            sent_bytes: sent.bytes,
            sent_packets: sent.packets,
            received_bytes: received.bytes,
            received_packets: received.packets,
        };
        Self {
            hooks: (health.hooks.iter())
                .map(|&(name, attached)| Hook { name: name.into(), attached })
                .collect(),
            records_lost: health.ring_lost,
            records_truncated: health.records_truncated,
            records_unknown: health.records_unknown,
            maps: (health.maps.iter())
                .map(|&(name, used, capacity)| Map { name: name.into(), used, capacity })
                .collect(),
            over: health.over.iter().map(over).collect(),
            apps_capped: health.apps_capped,
            destinations_capped: health.destinations_capped,
            samples_lost: health.samples_lost,
            samples_misread: health.names.misread,
            answers_unasked: health.names.unasked,
            addresses: health.names.addresses,
            addresses_evicted: health.names.addresses_evicted,
            drains: health.drains,
            drain_microseconds_sum: microseconds(health.drain_seconds_sum),
            drain_microseconds_last: microseconds(health.drain_seconds_last),
            flows: health.flows,
            processes: health.processes,
            processes_missed: health.processes_missed,
        }
    }
}

/// Whole microseconds; 0 for what is no duration.
fn microseconds(seconds: f64) -> u64 {
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
