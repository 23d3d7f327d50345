//! The metrics as scrapers see them: names, types and values of one made-up device, held against
//! recorded text, the linter of Prometheus, and the documentation.
//!
//! `UPDATE=1 cargo test -p monitor --test golden_metrics` records the text anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use monitor::event::{Protocol, Scope, Volume};
use monitor::export::Snapshot;
use monitor::export::metrics::{self, Label, METRICS, Metric, SERIES_PER_APP, Type};
use monitor::export::snapshot::{
    AppRow, ClassRow, DestinationRow, Health, InterfaceRow, MemoryRow, ShareRow,
};
use monitor::identity::{App, Identity, Kind, Rung, UnknownReason};
use monitor::ledger::{Destination, Sources, Totals};
use monitor::memory::{AppKey, Contact, Limits, Memory, Moment, Origin, Retention, Sums};
use monitor::naming::catalogue::BehaviourId;
use monitor::naming::namer::Tally;
use monitor::naming::{Place, Reason, Source, company};
use prometheus::{Registry, TextEncoder};

/// The app that tries to break the text format, and how the text has to show it.
const HOSTILE: &str = "/tmp/\"} 1\n# TYPE x\\n counter\r\n{app=\"\u{202e}";
const HOSTILE_SHOWN: &str =
    "app=\"/tmp/\\\"} 1\\n# TYPE x\\\\n counter\r\\n{app=\\\"\u{202e}\",kind=\"executable\"";

#[test]
fn metrics_match_the_golden_file() {
    let text = encode();
    let file = path("fixtures/metrics.golden.txt");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let golden = fs::read_to_string(&file).unwrap_or_default();
    for (line, (now, then)) in text.lines().zip(golden.lines()).enumerate() {
        assert_eq!(now, then, "line {}; UPDATE=1 records the new text", line + 1);
    }
    assert!(text == golden, "lines are missing or new; UPDATE=1 records the new text");
}

#[test]
fn hostile_names_stay_inside_their_quotes() {
    let text = encode();
    assert_eq!(text.matches(HOSTILE_SHOWN).count(), 25);
    let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    for line in text.split_terminator('\n') {
        let sample = line.strip_prefix("# HELP ").or(line.strip_prefix("# TYPE ")).unwrap_or(line);
        let name = sample.split(['{', ' ']).next().unwrap();
        assert!(names.contains(name), "{line:?}");
        assert!(line.starts_with('#') || value(line).is_finite(), "{line:?}");
    }
}

#[test]
fn the_registry_gives_the_same_samples() {
    let collector = metrics::SnapshotCollector::new(Arc::new(snapshot()), usize::MAX).unwrap();
    let registry = Registry::new();
    registry.register(Box::new(collector)).unwrap();
    let gathered = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    // Order and the place of labels are the registry's own.
    let lines = |text: &str| text.split('\n').map(sorted).collect::<BTreeSet<_>>();
    assert_eq!(lines(&gathered), lines(&encode()));
}

/// The characters of a line in order: equal for lines that differ in the order of labels only.
fn sorted(line: &str) -> Vec<char> {
    let mut chars: Vec<_> = line.chars().collect();
    chars.sort_unstable();
    chars
}

#[test]
fn no_series_appears_twice() {
    let text = encode();
    let mut seen = BTreeSet::new();
    for line in text.split_terminator('\n').filter(|line| !line.starts_with('#')) {
        assert!(seen.insert(line.rsplit_once(' ').unwrap().0.to_owned()), "{line}");
    }
}

#[test]
fn the_parts_of_an_interface_add_up() {
    let text = encode();
    let sum = |start: &str| -> f64 {
        let lines = text.lines().filter(|line| line.starts_with(start));
        lines.filter(|line| line.contains("device=\"wlan0\"")).map(value).sum()
    };
    for direction in ["transmit", "receive"] {
        let part = |name: &str| sum(&format!("sortie_interface_{name}{direction}_bytes"));
        assert_eq!(part("").to_bits(), (part("attributed_") + part("unattributed_")).to_bits());
    }
}

#[test]
fn names_follow_the_conventions() {
    let mut names = BTreeSet::new();
    for Metric { name, kind, labels, help, .. } in METRICS {
        assert!(names.insert(name), "{name} is there twice");
        assert!(name.starts_with("sortie_"), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == Type::Counter, "{name}");
        assert!(help.ends_with('.') && !help.contains('\n'), "{name}");
        let labels: BTreeSet<_> = labels.iter().map(|label| label.name()).collect();
        assert!(labels.len() <= 6, "{name}");
    }
    for label in Label::ALL {
        let name = label.name();
        assert!(!["pid", "port", "address", "ip", "uid"].contains(&name), "{name}");
        assert!(METRICS.iter().any(|metric| metric.labels.contains(label)), "{name} is unused");
    }
}

#[test]
fn promtool_finds_nothing_to_say() {
    let tool = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
    let mut tool = match tool {
        Ok(tool) => tool,
        Err(error) => {
            eprintln!("skipped: promtool cannot be run ({error}); `cargo xtask test` installs it");
            return;
        }
    };
    tool.stdin.take().unwrap().write_all(encode().as_bytes()).unwrap();
    let status = tool.wait().unwrap();
    assert!(status.success(), "promtool objects, see above: {status}");
}

#[test]
fn metrics_md_is_fresh() {
    let file = path("METRICS.md");
    let document = document();
    let is_fresh = fs::read_to_string(&file).is_ok_and(|written| written == document);
    if !is_fresh {
        fs::write(&file, document).unwrap();
    }
    assert!(is_fresh, "METRICS.md did not match the table of metrics and was written anew");
}

#[test]
fn every_kind_and_rung_is_documented() {
    let says = |label: Label, value: &str| {
        label.meaning().iter().any(|line| line.contains(&format!("`{value}`")))
    };
    for row in snapshot().apps {
        assert!(says(Label::Kind, row.identity.app.kind.label()), "{row:?}");
        assert!(says(Label::Rung, row.identity.rung.label()), "{row:?}");
    }
}

fn document() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         What `/metrics` shows. This file is made from the table in `src/export/metrics/table.rs` \
         by a test.\n\n\
         * Counters start at zero with the agent and only rise. `rate()` and `increase()` deal with \
         a restart.\n\
         * Bytes of apps are those of IP packets, headers included. An interface counts link headers \
         too.\n\
         * An app has a series for each protocol and scope in which anything was counted, and all \
         its series for that one, zeros included.\n\
         * Process ids, ports and addresses are never labels.\n\
         * Values are floating-point numbers, as always in Prometheus: above 2^53 (9 petabytes) the \
         last digits go.\n\n",
    );
    text.push_str("| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for Metric { name, kind, labels, help, .. } in METRICS {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{}`", label.name())).collect();
        let labels = labels.join(", ");
        writeln!(text, "| `{name}` | {} | {labels} | {help} |", kind.label()).unwrap();
    }
    text.push_str("\n## Labels\n\n| label | values |\n|---|---|\n");
    for label in Label::ALL {
        let lines: Vec<_> = label.meaning().iter().map(|line| line.trim()).collect();
        writeln!(text, "| `{}` | {} |", label.name(), lines.join(" ")).unwrap();
    }
    write!(
        text,
        "\nA value longer than {} bytes is cut off and ends in `…`.\n\n\
         ## How many series\n\n\
         `series_max` in the configuration is a hard bound on the series of apps. \
         An app can come to have {SERIES_PER_APP}: that is with all sixteen combinations of protocol \
         and scope; with four of them it has 31. \
         Room is granted for all {SERIES_PER_APP}, to apps in the order in which they were first \
         seen, so that an app in the metrics stays there. \
         What finds no room is summed up in `app=\"(other)\",kind=\"other\"`: sums over all apps are \
         right with any bound. \
         `sortie_series_capped` says how many series that leaves out.\n\n\
         ## Bytes without an app\n\n\
         For each interface and direction, at the moment of the scrape:\n\n\
         \x20   interface bytes = attributed bytes + unattributed bytes, summed over their causes\n\n\
         The cause `link_headers` is computed from the packets of apps. \
         `other` is what remains: forwarded traffic, packets that are not IP, raw frames, and what \
         `sortie_over_bytes_total` names by cause. \
         It is a gauge and may be negative: packets are counted where apps hand them over, and some \
         are dropped by a firewall or a full queue before the interface counts them.\n",
        metrics::LABEL_BYTES_MAX,
    )
    .unwrap();
    text
}

fn encode() -> String {
    String::from_utf8(metrics::encode(&snapshot(), usize::MAX)).unwrap()
}

fn value(line: &str) -> f64 {
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

fn path(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// A phone with a row of everything that can be told apart.
fn snapshot() -> Snapshot {
    let tcp = class(Protocol::Tcp, Scope::Internet, 120_000);
    let dns = class(Protocol::Udp, Scope::Lan, 900);
    let ping = class(Protocol::Icmp, Scope::Link, 84);
    let tunnel = class(Protocol::Unknown(0), Scope::Loopback, 4_000_000_000_000);
    let mut apps = vec![
        row(Kind::Flatpak, "org.mozilla.firefox", Rung::Flatpak, &[tcp, dns]),
        row(Kind::Desktop, "org.gnome.Maps", Rung::DesktopUnit, &[tcp]),
        row(Kind::Desktop, "chatty", Rung::DesktopEnv, &[tcp]),
        row(Kind::Desktop, "geary", Rung::DesktopExec, &[]),
        row(Kind::Snap, "hello.world", Rung::PackageUnit, &[dns]),
        row(Kind::Click, "dekko2.dekkoproject_dekko", Rung::PackageUnit, &[dns]),
        row(Kind::Android, "com.example", Rung::ContainerCgroup, &[tcp]),
        row(Kind::Container, "web", Rung::ContainerCgroup, &[tcp]),
        row(Kind::Service, "NetworkManager", Rung::ServiceUnit, &[dns, ping]),
        row(Kind::UserService, "evolution-source-registry", Rung::ServiceUnit, &[dns]),
        row(Kind::Script, "/usr/bin/gajim", Rung::Script, &[tcp]),
        row(Kind::Executable, "/usr/sbin/tunnel", Rung::Executable, &[tunnel]),
        row(Kind::Executable, HOSTILE, Rung::Executable, &[tcp]),
        row(Kind::Comm, "sh", Rung::Comm, &[dns]),
    ];
    apps[0].identity.name = Some(Arc::from("Firefox \"Web\" Browser"));
    apps[0].identity.icon = Some(Arc::from("org.mozilla.firefox"));
    for app in [App::kernel(), App::unknown(UnknownReason::Gone), App::other()] {
        apps.push(row(app.kind, &app.id, Rung::None, &[ping]));
    }
    for (arrival, app) in (0..).zip(&mut apps) {
        app.arrival = arrival;
        app.first_seen_unix_ms = 1_700_000_000_000 + 1_500 * arrival;
        app.last_seen_unix_ms = 1_700_000_100_000 + 1_250 * arrival;
    }
    apps.sort_by(|a, b| a.identity.app.cmp(&b.identity.app));
    Snapshot {
        taken_unix_ms: 1_700_000_200_000,
        apps,
        shares: shares(),
        memory: Some(memory()),
        interfaces: interfaces(),
        health: health(),
    }
}

fn row(kind: Kind, id: &str, rung: Rung, classes: &[ClassRow]) -> AppRow {
    AppRow {
        identity: Identity { app: App::new(kind, id), rung, name: None, icon: None },
        arrival: 0,
        classes: classes.to_vec(),
        first_seen_unix_ms: 0,
        last_seen_unix_ms: 0,
        destinations: destinations(classes),
    }
}

/// One destination with series, one that had none at first, one that has none, and the rest.
fn destinations(classes: &[ClassRow]) -> Vec<DestinationRow> {
    let Some(class) = classes.first() else {
        return Vec::new();
    };
    let to = |place, behaviour: &str, shown| DestinationRow {
        destination: Some(Destination {
            place,
            company: company::of("facebook.com"),
            behaviour: BehaviourId::by_name(behaviour),
            scope: class.scope,
        }),
        totals: class.totals,
        shown,
        sources: Sources::one(Source::Dns),
        is_ambiguous: false,
        registration: None,
        first_seen_unix_ms: 1_700_000_000_000,
        last_seen_unix_ms: 1_700_000_050_000,
    };
    let half = Totals {
        tx: Volume { bytes: class.totals.tx.bytes / 2, ..class.totals.tx },
        ..class.totals
    };
    let other = DestinationRow { destination: None, ..to(Place::Other, "", None) };
    vec![
        to(Place::Domain("facebook.com".into()), "facebook-graph", Some(class.totals)),
        to(Place::Unnamed(Reason::NoDnsSeen), "", Some(half)),
        to(Place::Local, "", None),
        other,
    ]
}

/// What a memory says after a regular contact.
fn memory() -> MemoryRow {
    let salt = [7; 16];
    let mut memory = Memory::new(Limits::default(), Retention::default(), salt, Origin::Installed);
    let app = AppKey::new("service", "beacon");
    let moment = |hour: u64| Moment {
        boot_ns: hour * 3_600_000_000_000,
        boot_id: [1; 16],
        unix_ms: Some(1_700_000_000_000 + hour * 3_600_000),
        ..Moment::default()
    };
    for hour in 0..400 {
        memory.contact(
            &Contact {
                app: &app,
                destination: "example.org",
                behaviour: None,
                company: None,
                is_benign: false,
                is_detail: false,
                sums: Sums { contacts: 1, tx_bytes: 100, rx_bytes: 50 },
                resolution_s: 0,
            },
            &moment(hour),
        );
    }
    let now = moment(400);
    MemoryRow {
        findings: memory.findings(&now),
        active: memory.active_findings(&now).collect(),
        health: memory.health(),
    }
}

fn shares() -> Vec<ShareRow> {
    let share = |source, reason, bytes| ShareRow {
        source,
        reason,
        scope: Scope::Internet,
        tx: Volume { bytes, packets: 1 },
        rx: Volume { bytes: 2 * bytes, packets: 2 },
    };
    vec![
        share(Source::Dns, None, 900),
        share(Source::TlsSni, None, 80),
        share(Source::None, Some(Reason::Ech), 7),
    ]
}

fn class(protocol: Protocol, scope: Scope, bytes: u64) -> ClassRow {
    let tx = Volume { bytes, packets: bytes.div_ceil(1000) };
    let rx = Volume { bytes: bytes * 3, packets: bytes.div_ceil(500) };
    let failures = u64::from(protocol == Protocol::Tcp);
    ClassRow { protocol, scope, totals: Totals { tx, rx, connections: 4, accepted: 0, failures } }
}

fn interfaces() -> Vec<InterfaceRow> {
    let volume = |bytes| Volume { bytes, packets: bytes / 100 };
    let wlan0 = InterfaceRow {
        name: Arc::from("wlan0"),
        tx: volume(605_000),
        rx: volume(1_815_000),
        attributed_tx: volume(590_000),
        // More than the interface counted: some was dropped on the way.
        attributed_rx: volume(1_814_000),
        link_header_tx_bytes: 8_260,
        link_header_rx_bytes: 25_396,
    };
    vec![InterfaceRow { name: Arc::from("lo"), ..InterfaceRow::default() }, wlan0]
}

fn health() -> Health {
    let volume = |bytes| Volume { bytes, packets: bytes / 100 };
    Health {
        hooks: vec![("cgroup_skb/egress", true), ("cgroup/sendmsg4", false)],
        ring_lost: 3,
        records_truncated: 1,
        records_unknown: 2,
        maps: vec![("FLOWS", 812, 16_384), ("OWNER", 40, 0)],
        over: vec![
            ("map_full", volume(5_000), volume(7_000)),
            ("no_socket", volume(100), volume(0)),
        ],
        apps_capped: 4,
        destinations_capped: 5,
        samples_lost: 7,
        memory_written_bytes: 13,
        memory_writes: 14,
        names: Tally {
            misread: 8,
            unfinished: 9,
            unasked: 10,
            addresses: 11,
            addresses_evicted: 12,
        },
        drains: 20,
        drain_seconds_sum: 0.024_5,
        drain_seconds_last: 0.001_25,
        flows: 812,
        started_unix_ms: 1_699_999_999_250,
        processes: 64,
        processes_missed: 6,
    }
}
