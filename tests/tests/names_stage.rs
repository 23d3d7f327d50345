//! The stage for names: every client reaches the servers, which say under what name it came.

use e2e::{Client, Counter, Names, Packets, Protocol, Zone};

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
fn quic_carries_a_long_hello_and_bears_a_retry() {
    for (zone, retried) in [(Zone::default(), "false"), (Zone::default().retry(), "true")] {
        let names = Names::new(&zone);
        let sent = Packets::of(Protocol::Udp).to_port(443);
        let counter = Counter::new(&names.network.server.namespace, &sent);
        for (client, name) in [
            (Client::quic("short.example"), "short.example"),
            (Client::quic_long_hello("long.example"), "long.example"),
            (Client::quic("four.example").words("--family 4"), "four.example"),
            (Client::quic("six.example").words("--family 6"), "six.example"),
        ] {
            names.run(&client);
            names.until_seen("quic", name, &[("version", "1"), ("retried", retried)]);
            names.until_seen("http", name, &[("version", "3"), ("over", "quic")]);
        }
        assert!(counter.read().packets > 4, "{}", counter.read());
    }
}

#[test]
fn a_hello_comes_in_pieces() {
    let names = Names::new(&Zone::default());
    let sent = Packets::of(Protocol::Tcp).to_port(443);
    let counter = Counter::new(&names.network.server.namespace, &sent);
    names.run(&Client::tls_in_pieces("pieces.example"));
    let seen = names.until_seen("tls", "pieces.example", &[("alpn", "http/1.1")]);
    assert!(seen.report.number::<u32>("hello") > 4000, "{seen:?}");
    assert!(counter.read().packets > 11, "{}", counter.read());
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
