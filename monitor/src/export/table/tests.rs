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
    let destination = |name: &str| Destination {
        name: name.to_owned(),
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
    View {
        document,
        rates: Rates::None,
        loopback: false,
        destinations: false,
        width,
        height: None,
        colour: false,
    }
}

/// The same agent two seconds earlier.
fn before() -> Document {
    let mut before = document();
    before.taken_unix_ms -= 2_000;
    before.apps[0].classes[0].totals.sent_bytes -= 5_000;
    before.apps[3].classes[0].totals.received_bytes -= 500;
    before
}

#[test]
fn a_wide_terminal_shows_everything() {
    let (document, before) = (document(), before());
    let live = View { rates: Rates::Since(Some(&before)), ..view(&document, 120) };
    assert_eq!(
        render(&live),
        [
            "3 apps  sent 1.33 MB  received 13.3 MB  counting for 2h",
            "APP                                     SENT  RECEIVED      ↑/s      ↓/s   CONN  FAILED  \
             LAST  TOP DESTINATIONS",
            "Firefox flatpak                      98.7 kB    987 kB  2.50 kB        -     12       1  \
             \u{20}12s  203.0.113.7 +2",
            "/usr/libexec/packagekit/packagekitd  1.23 MB   12.3 MB        -    250 B     12       1  \
             \u{20}now  203.0.113.7 +2",
            "NetworkManager.service                 180 B   1.80 kB        -        -     12       1  \
             \u{20} 5m  203.0.113.7 +2",
        ]
    );
}

#[test]
fn without_rates_the_most_bytes_sent_come_first() {
    let document = document();
    assert_eq!(
        render(&view(&document, 80)),
        [
            "3 apps  sent 1.33 MB  received 13.3 MB  counting for 2h",
            "APP                        SENT  RECEIVED   CONN  FAILED  LAST  TOP DESTINATIONS",
            "…ackagekit/packagekitd  1.23 MB   12.3 MB     12       1   now  203.0.113.7 +2",
            "Firefox flatpak         98.7 kB    987 kB     12       1   12s  203.0.113.7 +2",
            "NetworkManager.service    180 B   1.80 kB     12       1    5m  203.0.113.7 +2",
        ]
    );
}

#[test]
fn a_phone_in_the_hand_shows_what_matters() {
    let (document, before) = (document(), before());
    let live = View { rates: Rates::Since(Some(&before)), ..view(&document, 45) };
    assert_eq!(
        render(&live),
        [
            "3 apps  sent 1.33 MB  received 13.3 MB",
            "counting for 2h",
            "APP                   SENT  RECEIVED      ↑/s",
            "Firefox flatpak    98.7 kB    987 kB  2.50 kB",
            "…ekit/packagekitd  1.23 MB   12.3 MB        -",
            "NetworkManager.s…    180 B   1.80 kB        -",
        ]
    );
}

#[test]
fn rates_are_blank_until_they_are_known() {
    let (document, mut other) = (document(), before());
    other.started_unix_ms += 1;
    for previous in [None, Some(&other), Some(&document)] {
        let lines = render(&View { rates: Rates::Since(previous), ..view(&document, 120) });
        assert!(lines[2].contains(&format!("12.3 MB{}12 ", " ".repeat(23))), "{}", lines[2]);
    }
}

#[test]
fn loopback_counts_only_when_asked_for() {
    let document = document();
    let lines = render(&View { loopback: true, ..view(&document, 80) });
    assert!(lines[0].starts_with("4 apps  sent 11.3 MB"), "{}", lines[0]);
    assert!(lines.iter().any(|line| line.starts_with("redis.service")));
}

#[test]
fn a_low_terminal_says_how_many_apps_are_out_of_sight() {
    let document = document();
    let lines = |height| render(&View { height: Some(height), ..view(&document, 80) });
    assert_eq!(lines(5).len(), 5);
    assert_eq!(lines(4)[3], "… and 2 more apps");
    for height in 0..8 {
        assert!(lines(height).len() <= height);
    }
}

#[test]
fn losses_are_shown_only_when_there_are_some() {
    let mut document = document();
    document.interfaces = vec![
        Interface { name: "lo".to_owned(), sent_bytes: 9_000_000, ..Interface::default() },
        Interface {
            name: "wlan0".to_owned(),
            sent_bytes: 1_000_000,
            attributed_sent_bytes: 965_000,
            link_header_sent_bytes: 14_000,
            ..Interface::default()
        },
    ];
    document.health = Health {
        hooks: vec![
            Hook { name: "cgroup_skb/egress".into(), attached: true },
            Hook { name: "cgroup/connect6".into(), attached: false },
        ],
        records_lost: 3,
        over: vec![Over { cause: "map_full".into(), sent_bytes: 1_500, ..Over::default() }],
        ..Health::default()
    };
    assert_eq!(
        render(&view(&document, 80))[1..4],
        [
            "wlan0: 2.1 % of the bytes sent are nobody's  records lost: 3",
            "no app (map full): 1.50 kB  not attached: cgroup/connect6",
            "APP                        SENT  RECEIVED   CONN  FAILED  LAST  TOP DESTINATIONS",
        ]
    );
    document.interfaces[1].attributed_sent_bytes = 985_999;
    let notes = render(&view(&document, 80));
    assert!(notes[1].starts_with("wlan0: <0.1 % of the bytes sent are nobody's"), "{}", notes[1]);
}

#[test]
fn an_app_cannot_pass_for_another() {
    let mut document = document();
    document.apps[1] = app("flatpak", "org.evil.app", Some("Fire\u{202e}\u{200b}fox"), 50, 0);
    let lines = render(&view(&document, 80));
    assert!(lines.iter().any(|line| line.starts_with("org.mozilla.firefox")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("org.evil.app")), "{lines:#?}");
}

#[test]
fn names_cannot_act_on_the_terminal() {
    let mut document = document();
    document.apps[0].name = Some("\x1b[2J\x1b]0;x\x07".to_owned());
    document.apps[1].id = "\u{202e}\r\n".to_owned();
    let text = render(&view(&document, 80)).concat();
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(text.contains("(no name)"), "{text}");
}

#[test]
fn colours_take_no_room() {
    let mut document = document();
    document.health.records_lost = 1;
    let plain = render(&view(&document, 80));
    let coloured = render(&View { colour: true, ..view(&document, 80) });
    assert!(
        coloured[3].contains("\x1b[2mflatpak\x1b[0m") || coloured[4].contains("\x1b[2mflatpak")
    );
    for (plain, coloured) in plain.iter().zip(coloured) {
        let stripped = [BOLD, DIM, YELLOW, RESET].iter().fold(coloured, |s, c| s.replace(c, ""));
        assert_eq!(*plain, stripped);
    }
}

#[test]
fn destinations_show_as_many_as_fit() {
    let document = document();
    let row = |destinations: Vec<&'static str>| Row {
        app: &document.apps[0],
        name: String::new(),
        suffix: None,
        totals: Totals::default(),
        rate: None,
        last_seen_unix_ms: 0,
        destinations: destinations.into_iter().map(str::to_owned).collect(),
    };
    let three = row(vec!["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    assert_eq!(three.top_destinations(31), "192.0.2.1, 192.0.2.2, 192.0.2.3");
    assert_eq!(three.top_destinations(30), "192.0.2.1, 192.0.2.2 +1");
    assert_eq!(three.top_destinations(22), "192.0.2.1 +2");
    assert_eq!(three.top_destinations(6), "192.0…");
    assert_eq!(row(vec![]).top_destinations(16), "");
}

#[test]
fn an_agent_that_saw_nothing_says_so() {
    let lines = render(&view(&Document::default(), 80));
    assert_eq!(lines, ["0 apps  sent 0 B  received 0 B  counting since now", "No traffic yet."]);
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
