#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;
use crate::naming::{company, domain};

fn at(host: &str) -> Candidates {
    candidates(&HostName::parse(host.as_bytes()).expect("a host name"))
}

fn picked(host: &str, port: u16, transport: Transport) -> Option<&'static str> {
    at(host).pick(port, transport).map(|id| id.behaviour().id)
}

fn tcp(host: &str) -> Option<&'static str> {
    picked(host, 443, Transport::Tcp)
}

/// A name that the rule matches.
fn example(rule: &Rule) -> String {
    match rule.shape {
        Shape::Exact | Shape::Suffix => rule.key.to_owned(),
        Shape::Label { head, tail, digits } => {
            // A label starts and ends with a letter or digit; what is open may be empty.
            let middle = if digits || head.is_empty() || tail.is_empty() { "7" } else { "" };
            format!("{head}{middle}{tail}.{}", rule.key)
        }
    }
}

#[test]
fn the_catalogue_is_as_large_as_it_was_planned() {
    assert!(BEHAVIOURS.len() >= 60, "{}", BEHAVIOURS.len());
    for category in Category::ALL {
        let any = BEHAVIOURS.iter().any(|behaviour| behaviour.category == category);
        assert!(any, "{category:?} is unused");
    }
}

#[test]
fn ids_lead_back_to_their_entries() {
    for id in BehaviourId::all() {
        assert_eq!(BehaviourId::by_name(id.behaviour().id), Some(id));
    }
    assert_eq!(BehaviourId::by_name("no-such-behaviour"), None);
    assert_eq!(BehaviourId::all().count(), BEHAVIOURS.len());
}

#[test]
fn the_seed_cases_are_known_by_their_full_names() {
    // Hosts of the code that was read: ApeStsMonths' configurations, OPDeviceManager's `Def.java`.
    assert_eq!(picked("eservice.tinno.com", 80, Transport::Tcp), Some("wiko-sts-report"));
    assert_eq!(picked("eservice.euwiko.com", 8080, Transport::Tcp), Some("wiko-sts-report"));
    assert_eq!(tcp("open.oneplus.net"), Some("oneplus-device-manager"));
    assert_eq!(tcp("open.oneplus.cn"), Some("oneplus-device-manager"));
    // Hosts of a public capture of a messenger that starts.
    assert_eq!(tcp("graph.facebook.com"), Some("facebook-graph"));
    assert_eq!(tcp("app-measurement.com"), Some("firebase-analytics"));
    assert_eq!(tcp("app.adjust.com"), Some("adjust"));
    assert_eq!(tcp("mapi.apptimize.com"), Some("apptimize"));
    // What is beside them is not.
    for host in
        ["oneplus.net", "www.oneplus.net", "tinno.com", "x.open.oneplus.net", "facebook.com"]
    {
        assert!(at(host).is_empty(), "{host}");
    }
}

#[test]
fn documented_cadences_are_those_of_the_code() {
    let cadence = |id| BehaviourId::by_name(id).and_then(|id| id.behaviour().cadence);
    let sts = cadence("wiko-sts-report").expect("a cadence");
    assert_eq!((sts.first_after_s, sts.period), (Some(180 * 60), Some(Period::Monthly)));
    let job = cadence("oneplus-device-manager").expect("a cadence");
    assert_eq!((job.period, job.jitter_s), (Some(Period::Seconds(4 * 3600)), Some(3600)));
}

#[test]
fn open_labels_match_one_label() {
    assert_eq!(picked("e12.whatsapp.net", 5222, Transport::Tcp), Some("whatsapp-chat"));
    assert_eq!(picked("g.whatsapp.net", 443, Transport::Tcp), Some("whatsapp-chat"));
    assert_eq!(tcp("media-mxp1-1.cdn.whatsapp.net"), Some("whatsapp-media"));
    assert_eq!(tcp("mmg.whatsapp.net"), Some("whatsapp-media"));
    assert_eq!(tcp("conn-service-eu-04.allawnos.com"), Some("allawnos-connectivity-check"));
    assert_eq!(picked("alt7-mtalk.google.com", 5228, Transport::Tcp), Some("google-fcm"));
    for host in [
        "e.whatsapp.net",
        "e1x.whatsapp.net",
        "ee1.whatsapp.net",
        "a.e1.whatsapp.net",
        "whatsapp.net",
        "e1.whatsapp.net.example",
        "alt-mtalk.google.com",
    ] {
        assert!(at(host).is_empty(), "{host}");
    }
}

#[test]
fn suffixes_match_at_label_borders() {
    assert_eq!(tcp("a.b.app-measurement.com"), Some("firebase-analytics"));
    assert_eq!(tcp("xapp-measurement.com"), None);
    assert_eq!(tcp("com"), None);
    assert_eq!(tcp(&["a"; 127].join(".")), None, "a name of 127 labels");
}

#[test]
fn the_longer_name_wins() {
    assert_eq!(tcp("security.cloudflare-dns.com"), Some("cloudflare-dns"));
    assert_eq!(tcp("mozilla.cloudflare-dns.com"), Some("firefox-doh-cloudflare"));
    let ntp = |host| picked(host, 123, Transport::Udp);
    assert_eq!(ntp("fr.pool.ntp.org"), Some("ntp-pool"));
    assert_eq!(ntp("2.openwrt.pool.ntp.org"), Some("openwrt-time"));
    assert_eq!(ntp("2.android.pool.ntp.org"), Some("android-time"));
}

#[test]
fn ports_and_transports_count_when_they_are_known() {
    assert_eq!(picked("pool.ntp.org", 123, Transport::Udp), Some("ntp-pool"));
    assert_eq!(picked("pool.ntp.org", 123, Transport::Tcp), None);
    assert_eq!(picked("pool.ntp.org", 443, Transport::Udp), None);
    let behaviours: Vec<_> = at("pool.ntp.org").behaviours().collect();
    assert_eq!(behaviours, [BehaviourId::by_name("ntp-pool").expect("an entry")], "by name alone");
}

#[test]
fn every_rule_is_found_by_its_own_example() {
    for rule in &RULES {
        let host = example(rule);
        let port = rule.port.unwrap_or(443);
        let found = at(&host).pick(port, rule.transport.unwrap_or(Transport::Tcp));
        let id = found.map(|id| id.behaviour().id);
        let expected = BEHAVIOURS.get(usize::from(rule.behaviour)).map(|behaviour| behaviour.id);
        assert_eq!(id, expected, "{host}");
    }
}

#[test]
fn every_host_has_a_company() {
    for rule in &RULES {
        let host = example(rule);
        assert!(company::of(&host).is_some(), "{host} belongs in companies-own.tsv");
    }
}

#[test]
fn no_rule_takes_in_a_public_suffix() {
    for rule in RULES.iter().filter(|rule| !matches!(rule.shape, Shape::Exact)) {
        let host = HostName::parse(rule.key.as_bytes()).expect("a host name");
        let is_one = matches!(domain::of(&host), domain::Domain::Registrable(_));
        assert!(is_one, "{} is nobody's", rule.key);
    }
}

#[test]
fn encrypted_resolvers_are_of_one_category() {
    for host in [
        "dns.google",
        "cloudflare-dns.com",
        "mozilla.cloudflare-dns.com",
        "one.one.one.one",
        "dns.quad9.net",
        "dns11.quad9.net",
        "abc123.dns.nextdns.io",
        "dns.adguard-dns.com",
        "doh.opendns.com",
        "base.dns.mullvad.net",
        "doh.applied-privacy.net",
    ] {
        let found = at(host).pick(853, Transport::Tcp).map(|id| id.behaviour().category);
        assert_eq!(found, Some(Category::Dns), "{host}");
    }
}

/// Every rule that matches, from the definition and without an index.
fn all_matches(host: &str) -> Vec<usize> {
    let mut found: Vec<(u8, std::cmp::Reverse<usize>, bool, bool, usize)> = Vec::new();
    for (index, rule) in RULES.iter().enumerate() {
        let (rank, length) = match rule.shape {
            Shape::Exact if host == rule.key => (0, rule.key.len()),
            Shape::Label { head, tail, digits } => {
                let Some((label, rest)) = host.split_once('.') else { continue };
                let fits = label.len() >= head.len() + tail.len()
                    && label.starts_with(head)
                    && label.ends_with(tail);
                let middle = label.get(head.len()..label.len().saturating_sub(tail.len()));
                let middle = middle.unwrap_or_default();
                let is_number = !middle.is_empty() && middle.bytes().all(|b| b.is_ascii_digit());
                if rest != rule.key || !fits || digits && !is_number {
                    continue;
                }
                (1, head.len() + tail.len())
            }
            Shape::Suffix if host == rule.key || host.ends_with(&format!(".{}", rule.key)) => {
                (2, rule.key.len())
            }
            Shape::Exact | Shape::Suffix => continue,
        };
        let unbound = (rule.port.is_none(), rule.transport.is_none());
        found.push((rank, std::cmp::Reverse(length), unbound.0, unbound.1, index));
    }
    found.sort();
    found.into_iter().map(|(.., index)| index).collect()
}

proptest! {
    #[test]
    fn the_index_finds_what_a_search_finds(
        rule in 0..RULES.len(),
        before in "([a-z0-9-]{1,4}\\.){0,2}",
        put in "[a-z0-9-]{0,2}",
        cut in 0_usize..3,
    ) {
        let name = example(&RULES[rule]);
        let shorter = name.splitn(cut + 1, '.').last().unwrap_or_default();
        let host = format!("{before}{put}{shorter}");
        prop_assume!(HostName::parse(host.as_bytes()).is_some());
        let found: Vec<usize> = at(&host).rules.iter().map(|rule| usize::from(*rule)).collect();
        let expected = all_matches(&host);
        prop_assert!(expected.len() <= CANDIDATES_MAX);
        prop_assert_eq!(found.get(..expected.len()), Some(&*expected));
        prop_assert_eq!(usize::from(at(&host).count), expected.len());
    }
}
