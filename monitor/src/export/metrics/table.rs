//! The metrics: one table, from which the collector and METRICS.md are made. No other place spells
//! a metric's name.

use super::read::{
    beacons, number, over, per_app, per_class, per_destination, per_device, per_source, seconds,
    unattributed,
};
use super::series::{PROTOCOLS, SCOPES};
use super::{Samples, View};

/// A metric: what it is called and means, and how its samples are read from a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name, after the conventions of Prometheus ("Metric and label naming").
    pub name: &'static str,
    /// Whether it only ever rises.
    pub kind: Type,
    /// The labels of its samples, in the order of the output.
    pub labels: &'static [Label],
    /// What it counts: one sentence.
    pub help: &'static str,
    pub(super) read: fn(&View<'_>, &mut Samples),
}

/// The types of metric in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Only ever rises, and starts again at zero with the agent.
    Counter,
    /// Rises and falls.
    Gauge,
}

impl Type {
    /// The word for it in the text format.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

macro_rules! labels {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// The labels: a closed list, so that no process id, port or address can become one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Label {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Label {
            /// All of them, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in the output.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What its values mean, in lines.
            pub const fn meaning(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$($doc),+],)+
                }
            }
        }
    };
}

labels! {
    /// The id of the app: stable, unique within its `kind`. `(other)` is everything that found no
    /// room of its own, `(kernel)` the kernel, `(unknown:REASON)` nobody, for that reason.
    App = "app",
    /// What `app` is the id of: `flatpak`, `desktop`, `snap`, `click`, `android`, `container`,
    /// `service`, `user_service`, `script`, `executable`, `comm`, `kernel`, `unknown`, `other`.
    /// Of `sortie_findings`: `documented`, `new_app`, `new_company`, `first_contact`, `after_boot`,
    /// `rare_destination`, `regular`, `floating` or `calendar`.
    Kind = "kind",
    /// `tcp`, `udp`, `icmp` or `other`.
    Protocol = "protocol",
    /// How far the packets went: `loopback` (this device), `link` (the next cable or cell), `lan`
    /// (private networks) or `internet`.
    Scope = "scope",
    /// How the app was recognised, which says how far to trust it: `flatpak`, `container_cgroup`,
    /// `package_unit`, `desktop_unit`, `desktop_env`, `service_unit`, `desktop_exec`, `script`,
    /// `executable`, `comm` or `none`.
    Rung = "rung",
    /// The app's name for people, or empty.
    Name = "name",
    /// The name of the app's icon in the icon theme, or empty.
    Icon = "icon",
    /// Where to, as far as `detail` in the configuration tells: a registrable domain, a host, a company, or
    /// a fixed text: `(local)` the local network, `(ip)` an address in place of a name, `(name server)`,
    /// `(unknown company)`, `(any)`, `(unnamed:REASON)` no name, and `(other)` all that found no room.
    Destination = "destination",
    /// The company behind the destination, or empty.
    Company = "company",
    /// The id of the documented behaviour that the traffic matches (BEHAVIOURS.md), or empty.
    Behaviour = "behaviour",
    /// What names came from, most trusted first: `dns` (a name server's answer to the app), `tls_sni`,
    /// `quic_sni`, `http_host`, `dns_others` (its answer to another app), `port` or `none`.
    Source = "source",
    /// The network interface.
    Device = "device",
    /// Why bytes have no app. Of an interface: `link_headers` for what the link adds to each packet
    /// of an app, `other` for the rest. Of sockets: the code of the reason.
    Cause = "cause",
    /// `transmit` or `receive`.
    Direction = "direction",
    /// Why something is not known. Of a record: `truncated` or `unknown`. Of a name: `inbound` (the peer
    /// opened the flow), `lost` (a sample was lost), `ech` (encrypted), `doh` (asked for where nobody
    /// sees it), `no_sni`, `before_start` (older than the agent), `early` (nothing said yet),
    /// `no_dns_seen`, or empty where there is a name.
    Reason = "reason",
    /// The eBPF map.
    Map = "map",
    /// The place in the kernel.
    Hook = "hook",
    /// The version of this program.
    Version = "version",
}

const PER_CLASS: &[Label] = &[Label::App, Label::Kind, Label::Protocol, Label::Scope];
const PER_APP: &[Label] = &[Label::App, Label::Kind];
const PER_DESTINATION: &[Label] =
    &[Label::App, Label::Kind, Label::Destination, Label::Company, Label::Behaviour, Label::Scope];
const PER_SOURCE: &[Label] = &[Label::Source, Label::Reason, Label::Scope];
const PER_DEVICE: &[Label] = &[Label::Device];
const PER_DEVICE_CAUSE: &[Label] = &[Label::Device, Label::Cause];

/// Series of an app for each protocol and scope.
pub(super) const SERIES_PER_CLASS: usize = series(true);

/// The most series an app can have: all protocols, all scopes.
pub const SERIES_PER_APP: usize = PROTOCOLS.len() * SCOPES.len() * SERIES_PER_CLASS + series(false);

/// How many metrics of an app are told apart by protocol and scope, or are not.
const fn series(by_class: bool) -> usize {
    let mut count = 0;
    let mut rest = METRICS;
    while let [metric, others @ ..] = rest {
        rest = others;
        if let [Label::App, more @ ..] = metric.labels {
            if matches!(more, [Label::Kind, Label::Destination, ..]) {
                // They have a bound of their own.
                continue;
            }
            let is_by_class = matches!(more, [Label::Kind, Label::Protocol, ..]);
            count += (is_by_class == by_class) as usize;
        }
    }
    count
}

macro_rules! metrics {
    ($($kind:ident $name:literal $labels:expr, $help:literal, $read:expr;)+) => {
        /// All metrics, in the order of the output.
        pub const METRICS: &[Metric] = &[
            $(Metric { name: $name, kind: Type::$kind, labels: $labels, help: $help, read: $read },)+
        ];
    };
}

metrics! {
    Counter "sortie_app_transmit_bytes_total" PER_CLASS,
        "Bytes of the IP packets the app sent, headers included.",
        |view, out| per_class(view, out, |totals| totals.tx.bytes);
    Counter "sortie_app_receive_bytes_total" PER_CLASS,
        "Bytes of the IP packets the app received, headers included.",
        |view, out| per_class(view, out, |totals| totals.rx.bytes);
    Counter "sortie_app_transmit_packets_total" PER_CLASS,
        "IP packets the app sent.",
        |view, out| per_class(view, out, |totals| totals.tx.packets);
    Counter "sortie_app_receive_packets_total" PER_CLASS,
        "IP packets the app received.",
        |view, out| per_class(view, out, |totals| totals.rx.packets);
    Counter "sortie_app_connections_total" PER_CLASS,
        "Connections the app opened; without TCP, peers it sent a first packet to.",
        |view, out| per_class(view, out, |totals| totals.connections);
    Counter "sortie_app_accepted_connections_total" PER_CLASS,
        "Connections others opened to the app.",
        |view, out| per_class(view, out, |totals| totals.accepted);
    Counter "sortie_app_connection_failures_total" PER_CLASS,
        "TCP connections the app opened that ended without ever being established.",
        |view, out| per_class(view, out, |totals| totals.failures);
    Gauge "sortie_app_info" &[Label::App, Label::Kind, Label::Rung, Label::Name, Label::Icon],
        "Always 1: how the app was recognised, and what people call it.",
        |view, out| for app in &view.apps.rows {
            out.push(&[&app.app, app.kind.label(), app.rung.label(), &app.name, &app.icon], 1.0);
        };
    Gauge "sortie_app_first_seen_timestamp_seconds" PER_APP,
        "When the agent first saw the app on the network, since the Unix epoch.",
        |view, out| per_app(view, out, |app| seconds(app.first_seen_unix_ms));
    Gauge "sortie_app_last_seen_timestamp_seconds" PER_APP,
        "When the agent last saw the app on the network, since the Unix epoch.",
        |view, out| per_app(view, out, |app| seconds(app.last_seen_unix_ms));

    Counter "sortie_destination_transmit_bytes_total" PER_DESTINATION,
        "Bytes of the IP packets the app sent to the destination, headers included.",
        |view, out| per_destination(view, out, |to| number(to.totals.tx.bytes));
    Counter "sortie_destination_receive_bytes_total" PER_DESTINATION,
        "Bytes of the IP packets the app received from the destination, headers included.",
        |view, out| per_destination(view, out, |to| number(to.totals.rx.bytes));
    Counter "sortie_destination_connections_total" PER_DESTINATION,
        "Connections the app opened to the destination.",
        |view, out| per_destination(view, out, |to| number(to.totals.connections));
    Gauge "sortie_destination_first_seen_timestamp_seconds" PER_DESTINATION,
        "When the agent first saw traffic between app and destination, since the Unix epoch.",
        |view, out| per_destination(view, out, |to| seconds(to.first_seen_unix_ms));
    Gauge "sortie_destination_last_seen_timestamp_seconds" PER_DESTINATION,
        "When the agent last saw traffic between app and destination, since the Unix epoch.",
        |view, out| per_destination(view, out, |to| seconds(to.last_seen_unix_ms));
    Gauge "sortie_destination_series_capped" &[],
        "Destinations that have no series of their own and are part of (other).",
        |view, out| out.count(view.apps.rows.iter().map(|app| app.destinations.capped).sum());
    Counter "sortie_naming_transmit_bytes_total" PER_SOURCE,
        "Bytes sent, by what the name of their destination came from.",
        |view, out| per_source(view, out, |row| row.tx.bytes);
    Counter "sortie_naming_receive_bytes_total" PER_SOURCE,
        "Bytes received, by what the name of their destination came from.",
        |view, out| per_source(view, out, |row| row.rx.bytes);

    Gauge "sortie_findings" &[Label::Kind],
        "Findings about what is regular, new or documented that still hold.",
        |view, out| for (kind, count) in view.snapshot.memory.iter().flat_map(|m| &m.active) {
            out.push(&[kind.label()], number(*count as u64));
        };
    Gauge "sortie_beacon_interval_seconds" &[Label::App, Label::Kind, Label::Destination],
        "Time from one contact to the next where it is regular.",
        beacons;
    Gauge "sortie_memory_keys" &[],
        "Pairs of app and destination that are remembered.",
        |view, out| if let Some(memory) = &view.snapshot.memory {
            out.count(memory.health.keys as u64);
        };
    Counter "sortie_memory_written_bytes_total" &[],
        "Bytes of what is remembered that were written to the disk.",
        |view, out| out.count(view.snapshot.health.memory_written_bytes);
    Counter "sortie_memory_writes_total" &[],
        "Times that what is remembered was written to the disk.",
        |view, out| out.count(view.snapshot.health.memory_writes);
    Counter "sortie_memory_keys_folded_total" &[],
        "Pairs of app and destination that were given up for others, but for their sums.",
        |view, out| if let Some(memory) = &view.snapshot.memory {
            out.count(memory.health.keys_folded);
        };

    Counter "sortie_interface_transmit_bytes_total" PER_DEVICE,
        "Bytes the interface sent since the agent started, link headers included, as the kernel \
         counts them.",
        |view, out| per_device(view, out, |row| number(row.tx.bytes));
    Counter "sortie_interface_receive_bytes_total" PER_DEVICE,
        "Bytes the interface received since the agent started, link headers included, as the \
         kernel counts them.",
        |view, out| per_device(view, out, |row| number(row.rx.bytes));
    Counter "sortie_interface_attributed_transmit_bytes_total" PER_DEVICE,
        "Bytes sent through the interface and counted under an app, without link headers.",
        |view, out| per_device(view, out, |row| number(row.attributed_tx.bytes));
    Counter "sortie_interface_attributed_receive_bytes_total" PER_DEVICE,
        "Bytes received through the interface and counted under an app, without link headers.",
        |view, out| per_device(view, out, |row| number(row.attributed_rx.bytes));
    Gauge "sortie_interface_unattributed_transmit_bytes" PER_DEVICE_CAUSE,
        "Bytes the interface sent since the agent started that are counted under no app.",
        |view, out| unattributed(view, out, |row| {
            (row.tx.bytes, row.attributed_tx.bytes, row.link_header_tx_bytes)
        });
    Gauge "sortie_interface_unattributed_receive_bytes" PER_DEVICE_CAUSE,
        "Bytes the interface received since the agent started that are counted under no app.",
        |view, out| unattributed(view, out, |row| {
            (row.rx.bytes, row.attributed_rx.bytes, row.link_header_rx_bytes)
        });
    Counter "sortie_over_bytes_total" &[Label::Direction, Label::Cause],
        "Bytes of IP packets that could not be counted under a socket.",
        |view, out| over(view, out, |volume| volume.bytes);
    Counter "sortie_over_packets_total" &[Label::Direction, Label::Cause],
        "IP packets that could not be counted under a socket.",
        |view, out| over(view, out, |volume| volume.packets);

    Counter "sortie_ring_records_lost_total" &[],
        "Records the kernel had to drop because the ring was full.",
        |view, out| out.count(view.snapshot.health.ring_lost);
    Counter "sortie_ring_records_invalid_total" &[Label::Reason],
        "Records from the kernel that the agent could not read.",
        |view, out| {
            out.push(&["truncated"], number(view.snapshot.health.records_truncated));
            out.push(&["unknown"], number(view.snapshot.health.records_unknown));
        };
    Counter "sortie_samples_lost_total" &[],
        "Samples of what flows sent first that the kernel had to drop because their ring was full.",
        |view, out| out.count(view.snapshot.health.samples_lost);
    Counter "sortie_samples_misread_total" &[],
        "Samples that could not be read as what they were taken for.",
        |view, out| out.count(view.snapshot.health.names.misread);
    Counter "sortie_samples_unfinished_total" &[],
        "Hellos of which the rest never came, or found no room.",
        |view, out| out.count(view.snapshot.health.names.unfinished);
    Counter "sortie_dns_answers_unasked_total" &[],
        "Answers of name servers that nobody had asked for, and that therefore name nothing.",
        |view, out| out.count(view.snapshot.health.names.unasked);
    Gauge "sortie_dns_addresses" &[],
        "Addresses that names are remembered for.",
        |view, out| out.count(view.snapshot.health.names.addresses);
    Counter "sortie_dns_addresses_evicted_total" &[],
        "Addresses that were forgotten before their time, for want of room.",
        |view, out| out.count(view.snapshot.health.names.addresses_evicted);
    Gauge "sortie_map_entries" &[Label::Map],
        "Entries in the eBPF map.",
        |view, out| for (map, used, _) in &view.snapshot.health.maps {
            out.push(&[map], number(*used));
        };
    Gauge "sortie_map_capacity" &[Label::Map],
        "Entries the eBPF map has room for.",
        |view, out| for (map, _, capacity) in &view.snapshot.health.maps {
            out.push(&[map], number(*capacity));
        };
    Counter "sortie_apps_capped_total" &[],
        "Times the agent had no room for an app and counted it in (other).",
        |view, out| out.count(view.snapshot.health.apps_capped);
    Counter "sortie_destinations_capped_total" &[],
        "Destinations the agent had no room for and counted together.",
        |view, out| out.count(view.snapshot.health.destinations_capped);
    Gauge "sortie_series_capped" &[],
        "Series the metrics had no room for and show in (other), summed up.",
        |view, out| out.count(view.apps.capped);
    Gauge "sortie_hook_attached" &[Label::Hook],
        "1 where the eBPF program is attached, 0 where it is not and its part is missing.",
        |view, out| for (hook, is_attached) in &view.snapshot.health.hooks {
            out.push(&[hook], f64::from(u8::from(*is_attached)));
        };
    Counter "sortie_drains_total" &[],
        "Times the kernel's counters were fetched.",
        |view, out| out.count(view.snapshot.health.drains);
    Counter "sortie_drain_duration_seconds_total" &[],
        "Time spent on fetching the kernel's counters.",
        |view, out| out.push(&[], view.snapshot.health.drain_seconds_sum);
    Gauge "sortie_drain_last_duration_seconds" &[],
        "Time the latest fetch of the kernel's counters took.",
        |view, out| out.push(&[], view.snapshot.health.drain_seconds_last);
    Gauge "sortie_flows" &[],
        "Sockets the kernel's maps hold.",
        |view, out| out.count(view.snapshot.health.flows);
    Gauge "sortie_processes" &[],
        "Processes the agent knows.",
        |view, out| out.count(view.snapshot.health.processes);
    Counter "sortie_processes_missed_total" &[],
        "Processes that ended before the agent could read whose they were.",
        |view, out| out.count(view.snapshot.health.processes_missed);
    Gauge "sortie_start_time_seconds" &[],
        "When the agent started, since the Unix epoch.",
        |view, out| out.push(&[], seconds(view.snapshot.health.started_unix_ms));
    Gauge "sortie_build_info" &[Label::Version],
        "Always 1: the version that runs.",
        |_, out| out.push(&[env!("CARGO_PKG_VERSION")], 1.0);
}
