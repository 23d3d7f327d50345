use super::*;
use crate::event::{Protocol, Scope, Volume};
use crate::export::snapshot::{AppRow, ClassRow, DestinationRow, InterfaceRow, ShareRow};
use crate::export::{Snapshot, snapshot};
use crate::identity::{self, Identity, Kind, Rung};
use crate::ledger;
use crate::naming::catalogue::BehaviourId;
use crate::naming::{Origin, Place, Reason, Registration, Source, company};

fn registration() -> Registration {
    let first = Origin::new(Some("FR"), Some(3215), Some("Orange"));
    Registration { first, several_countries: true, several_networks: false }
}

fn snapshot() -> Snapshot {
    let totals = ledger::Totals {
        tx: Volume { bytes: 1, packets: 2 },
        rx: Volume { bytes: 3, packets: 4 },
        connections: 5,
        accepted: 6,
        failures: 7,
    };
    let destination = |destination: Option<ledger::Destination>| DestinationRow {
        sources: destination
            .as_ref()
            .map(|_| ledger::Sources::one(Source::Dns))
            .unwrap_or_default(),
        registration: destination.is_some().then(registration),
        destination,
        totals,
        shown: None,
        is_ambiguous: false,
        first_seen_unix_ms: 10,
        last_seen_unix_ms: 20,
    };
    let behaviour = BehaviourId::by_name("wiko-sts-report");
    let company = company::of("facebook.com");
    let place = Place::Domain("tinno.com".into());
    let to = ledger::Destination { place, company, behaviour, scope: Scope::Internet };
    Snapshot {
        taken_unix_ms: 30,
        apps: vec![AppRow {
            identity: Identity {
                app: identity::App::new(Kind::Flatpak, "org.example.App"),
                rung: Rung::Flatpak,
                name: Some("An \u{202e}app\u{9b}".into()),
                icon: None,
            },
            arrival: 0,
            classes: vec![ClassRow { protocol: Protocol::Tcp, scope: Scope::Internet, totals }],
            first_seen_unix_ms: 10,
            last_seen_unix_ms: 20,
            destinations: vec![destination(Some(to)), destination(None)],
        }],
        memory: None,
        shares: vec![ShareRow {
            source: Source::None,
            reason: Some(Reason::Doh),
            scope: Scope::Internet,
            tx: totals.tx,
            rx: totals.rx,
        }],
        interfaces: vec![InterfaceRow { name: "wlan0".into(), ..InterfaceRow::default() }],
        health: snapshot::Health {
            hooks: vec![("cgroup_skb/egress", true)],
            maps: vec![("FLOWS", 3, 16_384)],
            over: vec![("map_full", Volume { bytes: 8, packets: 1 }, Volume::default())],
            ring_lost: 9,
            drain_seconds_sum: 0.001_5,
            drain_seconds_last: f64::NAN,
            started_unix_ms: 5,
            ..snapshot::Health::default()
        },
    }
}

/// The schema, written out: a change here is a change of the interface.
#[test]
fn the_schema_is_this() {
    let totals = r#"{"sent_bytes":1,"sent_packets":2,"received_bytes":3,"received_packets":4,"connections":5,"accepted":6,"failures":7}"#;
    let expected = [
        r#"{"version":2,"taken_unix_ms":30,"started_unix_ms":5,"apps":[{"kind":"flatpak","#,
        r#""id":"org.example.App","rung":"flatpak","name":"An \u202eapp\u009b","icon":null,"#,
        r#""first_seen_unix_ms":10,"last_seen_unix_ms":20,"classes":[{"protocol":"tcp","#,
        r#""scope":"internet","totals":TOTALS}],"destinations":[{"name":"tinno.com","company":"Meta","#,
        r#""behaviour":"wiko-sts-report","behaviour_name":"BEHAVIOUR","scope":"internet","#,
        r#""sources":["dns"],"ambiguous":false,"country":"FR","several_countries":true,"#,
        r#""asn":3215,"organisation":"Orange","several_networks":false,"totals":TOTALS,"first_seen_unix_ms":10,"#,
        r#""last_seen_unix_ms":20},{"name":"(other)","company":null,"behaviour":null,"#,
        r#""behaviour_name":null,"scope":null,"sources":[],"ambiguous":false,"country":null,"#,
        r#""several_countries":false,"asn":null,"organisation":null,"several_networks":false,"totals":TOTALS,"#,
        r#""first_seen_unix_ms":10,"last_seen_unix_ms":20}]}],"findings":[],"names":[{"source":"none","#,
        r#""reason":"doh","scope":"internet","sent_bytes":1,"received_bytes":3}],"interfaces":[{"name":"wlan0","sent_bytes":0,"#,
        r#""sent_packets":0,"received_bytes":0,"received_packets":0,"attributed_sent_bytes":0,"#,
        r#""attributed_sent_packets":0,"attributed_received_bytes":0,"#,
        r#""attributed_received_packets":0,"link_header_sent_bytes":0,"#,
        r#""link_header_received_bytes":0}],"health":{"hooks":[{"name":"cgroup_skb/egress","#,
        r#""attached":true}],"records_lost":9,"records_truncated":0,"records_unknown":0,"#,
        r#""maps":[{"name":"FLOWS","used":3,"capacity":16384}],"over":[{"cause":"map_full","#,
        r#""sent_bytes":8,"sent_packets":1,"received_bytes":0,"received_packets":0}],"#,
        r#""apps_capped":0,"destinations_capped":0,"samples_lost":0,"#,
        r#""samples_misread":0,"answers_unasked":0,"addresses":0,"addresses_evicted":0,"drains":0,"#,
        r#""drain_microseconds_sum":1500,"drain_microseconds_last":0,"flows":0,"processes":0,"#,
        r#""processes_missed":0}}"#,
        "\n",
    ];
    let title = BehaviourId::by_name("wiko-sts-report").unwrap().behaviour().name;
    let expected = expected.concat().replace("TOTALS", totals).replace("BEHAVIOUR", title);
    assert_eq!(Document::from(&snapshot()).to_json(), expected);
}

#[test]
fn what_is_written_can_be_read() {
    let document = Document::from(&snapshot());
    assert_eq!(Document::from_json(document.to_json().as_bytes()).unwrap(), document);
}

#[test]
fn fields_of_other_releases_do_no_harm() {
    let json = br#"{"version":2,"weather":"fair","apps":[{"kind":"snap","id":"x","mood":3}]}"#;
    let document = Document::from_json(json).unwrap();
    assert_eq!(document.apps[0].kind, "snap");
    assert_eq!(document.health, Health::default());
}

#[test]
fn other_versions_and_other_texts_are_refused() {
    let error = Document::from_json(br#"{"version":1,"apps":{}}"#).unwrap_err().to_string();
    assert!(error.contains("version 1") && error.contains("restart the agent"), "{error}");
    for text in ["", "{}", "[]", "hello", r#"{"version":2,"apps":[{"#, r#"{"version":-1}"#] {
        let error = Document::from_json(text.as_bytes()).unwrap_err();
        assert!(matches!(error, DocumentError::Malformed(_)), "{text}: {error}");
    }
}
