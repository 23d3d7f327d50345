//! The stage for names: every client reaches the servers, which say under what name it came.

use std::collections::BTreeSet;

use e2e::{Client, Counter, Names, Packets, Protocol, Stub, Volume, Zone};

/// How curl(1) ends when a name has no address.
const NO_SUCH_HOST: i32 = 6;

/// Runs a client and waits until the servers have seen a TLS connection and a request of it.
fn over_tls(names: &Names, client: &Client, name: &str, version: &str) {
    let _visit = names.run(client);
    names.until_seen("dns", name, &[("over", "udp")]);
    names.until_seen("tls", name, &[]);
    names.until_seen("http", name, &[("over", "tls"), ("version", version)]);
}

#[test]
fn curl_speaks_every_version_that_it_has() {
    let names = Names::new(&Zone::default());
    over_tls(&names, &Client::curl("https://shop.example/"), "shop.example", "2");
    let client = Client::curl("https://other.example/").words("--http1.1");
    over_tls(&names, &client, "other.example", "1.1");
    for (what, family) in [("four", "-4"), ("six", "-6")] {
        let name = format!("{what}.example:8080");
        names.run(&Client::curl(&format!("http://{name}/")).words(family));
        let seen = names.until_seen("http", &name, &[("over", "tcp"), ("version", "1.1")]);
        assert_eq!(seen.peer.is_ipv4(), family == "-4", "{seen:?}");
    }
}

#[test]
fn names_are_asked_for_over_https() {
    let names = Names::new(&Zone::default());
    names.run(&Client::curl_doh("https://hidden.example/"));
    names.until_seen("doh", "hidden.example", &[("over", "tls"), ("type", "A")]);
    names.until_seen("http", "hidden.example", &[("over", "tls")]);
    let asked = names.seen();
    assert!(!asked.iter().any(|seen| seen.is("dns", "hidden.example", &[])), "{asked:#?}");
    names.until_seen("dns", "dns.name", &[]);
}

#[test]
fn programs_of_the_system_come_under_their_name() {
    let names = Names::new(&Zone::default());
    over_tls(&names, &Client::wget("https://wget.example/"), "wget.example", "1.1");
    over_tls(&names, &Client::python("https://python.example/"), "python.example", "1.1");
    names.run(&Client::openssl("openssl.example"));
    names.until_seen("tls", "openssl.example", &[]);
}

#[test]
fn chromium_comes_over_tls_and_over_quic() {
    let names = Names::new(&Zone::default());
    over_tls(&names, &Client::chromium("https://browser.example/"), "browser.example", "2");
    let hello = names.until_seen("tls", "browser.example", &[]).report.number::<u32>("hello");
    assert!(hello > 1400, "a hello of {hello} bytes has no post-quantum key");
    names.run(&Client::chromium_quic("fast.example"));
    names.until_seen("quic", "fast.example", &[("version", "1"), ("alpn", "h3")]);
    names.until_seen("http", "fast.example", &[("over", "quic"), ("version", "3")]);
}

#[test]
fn quic_bears_a_retry_and_both_families() {
    for (zone, retried) in [(Zone::default(), "false"), (Zone::default().retry(), "true")] {
        let names = Names::new(&zone);
        for (name, family) in [("four.example", "4"), ("six.example", "6")] {
            names.run(&Client::quic(name).words("--family").words(family));
            let seen = [("version", "1"), ("alpn", "h3"), ("retried", retried)];
            let seen = names.until_seen("quic", name, &seen);
            assert_eq!(seen.peer.is_ipv4(), family == "4", "{seen:?}");
            names.until_seen("http", name, &[("version", "3"), ("over", "quic")]);
        }
    }
}

#[test]
fn quic_version_2_completes_a_handshake() {
    let names = Names::new(&Zone::default().quic2("new.example"));
    names.run(&Client::quic2("new.example"));
    names.until_seen("quic", "new.example", &[("version", "2"), ("alpn", "h3")]);
}

/// What a client sends to port 443.
fn sent(names: &Names, protocol: Protocol, client: &Client) -> Volume {
    let packets = Packets::of(protocol).to_port(443);
    let counter = Counter::new(&names.network.server.namespace, &packets);
    names.run(client);
    counter.read()
}

#[test]
fn a_long_hello_takes_several_datagrams() {
    let names = Names::new(&Zone::default().quic2("new.example"));
    for (short, long, name) in [
        (Client::quic("old.example"), Client::quic_long_hello("old.example"), "old.example"),
        (Client::quic2("new.example"), Client::quic2_long_hello("new.example"), "new.example"),
    ] {
        let short = sent(&names, Protocol::Udp, &short);
        let long = sent(&names, Protocol::Udp, &long);
        // Four Initials of 1200 bytes, with the headers of UDP and IPv4, in place of one.
        let four = 4 * (1200 + 28);
        assert!(long.bytes >= four && short.bytes < four, "{name}: {short}, then {long}");
        let seen = names.seen();
        assert_eq!(seen.iter().filter(|seen| seen.is("quic", name, &[])).count(), 2, "{seen:#?}");
    }
}

#[test]
fn a_hello_comes_in_pieces() {
    let names = Names::new(&Zone::default());
    let whole = sent(&names, Protocol::Tcp, &Client::tls_long_hello("pieces.example"));
    let pieces = sent(&names, Protocol::Tcp, &Client::tls_in_pieces("pieces.example"));
    let seen = names.until_seen("tls", "pieces.example", &[("alpn", "http/1.1")]);
    assert!(seen.report.number::<u32>("hello") > 4000, "{seen:?}");
    // Eleven segments in place of three; acknowledgements come and go.
    assert!(pieces.packets >= whole.packets + 6, "{whole}, then {pieces}");
}

#[test]
fn documented_apps_do_as_documented() {
    let names = Names::new(&Zone::default());
    names.run(&Client::sales_report());
    let seen = [("over", "tcp"), ("method", "GET"), ("path", "/eservice/stsReport")];
    names.until_seen("http", "eservice.tinno.com", &seen);
    names.run(&Client::device_manager());
    names.until_seen("tls", "open.oneplus.net", &[]);
    let seen = [("over", "tls"), ("method", "POST"), ("path", "/cloud/push")];
    names.until_seen("http", "open.oneplus.net", &seen);
    names.run(&Client::social_sdk());
    names.until_seen("tls", "graph.facebook.com", &[]);
}

#[test]
fn a_messenger_tells_its_name_to_the_resolver_only() {
    let names = Names::new(&Zone::default());
    names.run(&Client::messenger("e3.whatsapp.net"));
    names.until_seen("dns", "e3.whatsapp.net", &[]);
    let seen = names.seen();
    assert_eq!(seen.iter().filter(|seen| seen.what == "raw" && seen.name.is_none()).count(), 1);
    assert!(seen.iter().all(|seen| ["dns", "raw"].contains(&seen.what.as_str())), "{seen:#?}");
}

#[test]
fn a_zone_says_what_it_was_told_to() {
    let zone = Zone::default()
        .ttl(1)
        .alias("shop.example", "shop.cdn.example")
        .alias("shop.cdn.example", "edge7.cdn.example")
        .address("lonely.example", [198, 51, 100, 2].into())
        .truncated("big.example")
        .empty("void.example")
        .missing("no.example")
        .hint("secure.example", [198, 51, 100, 2].into());
    let names = Names::new(&zone);
    over_tls(&names, &Client::curl("https://shop.example/"), "shop.example", "2");
    // It has one address, and so none of IPv6.
    over_tls(&names, &Client::curl("https://lonely.example/"), "lonely.example", "2");
    let seen = names.until_seen("tls", "lonely.example", &[]);
    assert!(seen.peer.is_ipv4(), "{seen:?}");
    for name in ["void.example", "no.example"] {
        let client = Client::curl(&format!("https://{name}/"));
        assert_eq!(names.start(&client).code(), Some(NO_SUCH_HOST), "{name}");
    }
    over_tls(&names, &Client::curl("https://big.example/"), "big.example", "2");
    names.until_seen("dns", "big.example", &[("over", "tcp")]);
    // A browser that finds an HTTPS record does not speak plain HTTP any more (RFC 9460, 9.5).
    let browser = |url: &str| Client::chromium(url).words("--disable-features=HttpsUpgrades");
    names.run(&browser("http://plain.example/"));
    names.until_seen("http", "plain.example", &[("over", "tcp")]);
    over_tls(&names, &browser("http://secure.example/"), "secure.example", "2");
    names.until_seen("dns", "secure.example", &[("type", "HTTPS")]);
}

#[test]
fn a_resolver_stands_between() {
    for kind in [Stub::Dnsmasq, Stub::Forwarder] {
        let names = Names::new(&Zone::default()).behind(kind);
        let host = &names.network.client;
        let asked = Packets::of(Protocol::Udp).to(kind.address()).to_port(53);
        let asked = Counter::new(&host.namespace, &asked);
        let visit = names.run(&Client::messenger("g.whatsapp.net"));
        assert_ne!(visit.app(), names.stub_app());
        let told = names.until_seen("dns", "g.whatsapp.net", &[("over", "udp")]);
        assert_eq!(told.peer.ip(), host.v4, "{kind:?}");
        assert!(asked.read().packets >= 1, "{kind:?} was not asked");
        over_tls(&names, &Client::curl("https://shop.example/"), "shop.example", "2");
    }
}

#[test]
fn questions_are_told_whatever_they_ask_for() {
    let names = Names::new(&Zone::default());
    names.run(&Client::odd_name(b"a.b\x01<\\\xff", "odd.example"));
    names.until_seen("dns", r"a\046b\001<\092\255.odd.example", &[("type", "A")]);
    names.run(&Client::lookups("tunnel.example", 150));
    names.until_seen("dns", "00000095.tunnel.example", &[]);
    let asked: BTreeSet<_> = names.seen().into_iter().filter_map(|seen| seen.name).collect();
    assert_eq!(asked.len(), 151, "{asked:?}");
}
