//! The stage for names: every client reaches the servers, which say under what name it came.

use e2e::{Client, Names, Zone};

#[test]
fn curl_comes_over_tls_with_both_versions_of_http() {
    let names = Names::new(&Zone::default());
    names.run(&Client::curl("https://shop.example/"));
    names.until_seen("dns", "shop.example", &[("over", "udp"), ("type", "A")]);
    names.until_seen("tls", "shop.example", &[("alpn", "h2"), ("version", "TLSv1_3")]);
    names.until_seen("http", "shop.example", &[("over", "tls"), ("version", "2")]);
    names.run(&Client::curl("https://other.example/").words("--http1.1"));
    names.until_seen("http", "other.example", &[("over", "tls"), ("version", "1.1")]);
    names.run(&Client::curl("http://plain.example:8080/"));
    names.until_seen("http", "plain.example:8080", &[("over", "tcp")]);
}
