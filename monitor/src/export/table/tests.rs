use std::fmt::Write as _;

use super::*;
use crate::export::json::{Class, Destination, Health, Hook, Interface, Over};

const MINUTE: u64 = 60_000;

/// An app with traffic to the internet, last seen so many milliseconds before the snapshot.
fn app(kind: &'static str, id: &str, name: Option<&str>, sent: u64, ago: u64) -> App {
    let totals = Totals {
        sent_bytes: sent,
        received_bytes: sent * 10,
        connections: 12,
        failures: 1,
        ..Totals::default()
    };
    let destination = |address: &str| Destination {
        address: Some(address.to_owned()),
        scope: Some("internet".into()),
        totals,
        last_seen_unix_ms: 1_000 * MINUTE - ago,
        ..Destination::default()
    };
    App {
        kind: kind.into(),
        id: id.to_owned(),
        name: name.map(str::to_owned),
        last_seen_unix_ms: 1_000 * MINUTE,
        classes: vec![Class { protocol: "tcp".into(), scope: "internet".into(), totals }],
        destinations: ["203.0.113.7", "2001:db8::7", "198.51.100.200"].map(destination).into(),
        ..App::default()
    }
}

fn document() -> Document {
    let mut updates = app("executable", "/usr/libexec/packagekit/packagekitd", None, 1_234_567, 0);
    let loopback = Totals { sent_bytes: 5_000_000, ..Totals::default() };
    updates.classes.push(Class {
        protocol: "udp".into(),
        scope: "loopback".into(),
        totals: loopback,
    });
    let mut local = app("service", "redis.service", None, 0, 0);
    local.classes =
        vec![Class { protocol: "tcp".into(), scope: "loopback".into(), totals: loopback }];
    Document {
        version: 1,
        taken_unix_ms: 1_000 * MINUTE,
        started_unix_ms: 880 * MINUTE,
        apps: vec![
            app("flatpak", "org.mozilla.firefox", Some("Firefox"), 98_765, 12_000),
            app("service", "NetworkManager.service", None, 180, 5 * MINUTE),
            local,
            updates,
        ],
        ..Document::default()
    }
}

fn view(document: &Document, width: usize) -> View<'_> {
    View { document, rates: Rates::None, loopback: false, width, height: None, colour: false }
}

fn text(view: &View<'_>) -> String {
    render(view).iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").unwrap();
        text
    })
}

#[test]
fn a_wide_terminal_shows_everything() {
    let document = document();
    assert_eq!(text(&view(&document, 120)), "\
3 apps  sent 1.33 MB  received 13.3 MB  counting for 2h
APP                                      SENT  RECEIVED   CONN  LAST  TOP DESTINATIONS
/usr/libexec/packagekit/packagekitd   1.23 MB   12.3 MB     12   now  203.0.113.7, 2001:db8::7 +1
");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut document = document();
    document.health.records_lost = 3;
    document.apps[0].name = Some("微信微信微信微信微信微信微信".to_owned());
    let before = self::document();
    for width in 1..200 {
        for rates in [Rates::None, Rates::Since(None), Rates::Since(Some(&before))] {
            let view = View { rates, ..view(&document, width) };
            for line in render(&view) {
                assert!(text::columns(&line) <= width, "{width}: {line}");
            }
        }
    }
}
