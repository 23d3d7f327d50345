//! Every flow gets the right app and the right name, from real clients on real connections. What is right
//! is what the servers were told, and in which cgroup a client was started.

use std::collections::BTreeSet;

use e2e::wait::PATIENCE;
use e2e::{Agent, App, Client, Metrics, Names, Stub, Zone};

/// Bytes to a destination.
const SENT: &str = "sortie_destination_transmit_bytes_total";

/// Bytes by what their names came from.
const BY_SOURCE: &str = "sortie_naming_transmit_bytes_total";

/// What became of an app's traffic, without what it asked name servers.
fn destinations(metrics: &Metrics, app: &App) -> BTreeSet<(String, String)> {
    let of_app = [("app", &*app.id), ("kind", &*app.kind)];
    let samples = metrics.find(SENT, &of_app);
    let pairs = samples
        .iter()
        .filter(|sample| sample.value > 0.0)
        .map(|sample| (sample.labels["destination"].clone(), sample.labels["behaviour"].clone()));
    pairs.filter(|(name, _)| name != "(name server)").collect()
}

/// Waits until an app's traffic went to this destination with this behaviour, and to no other.
fn only(agent: &Agent, app: &App, name: &str, behaviour: &str) {
    let wanted = BTreeSet::from([(name.to_owned(), behaviour.to_owned())]);
    agent.until(&format!("{app} to {name} alone"), |metrics| {
        let found = destinations(metrics, app);
        if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

/// What the names of an app's destination came from.
fn sources(agent: &Agent, app: &App, name: &str) -> Vec<String> {
    let document = agent.apps();
    let row = e2e::agent::find(&document, app).expect("it is told");
    let all = row["destinations"].as_array().expect("a list");
    let to = all.iter().find(|to| to["name"] == name).expect("it is told");
    let sources = to["sources"].as_array().expect("a list").iter();
    sources.map(|source| source.as_str().expect("a text").to_owned()).collect()
}

#[test]
fn every_client_goes_where_it_was_sent() {
    let agent = Agent::plan().with_setting("detail = \"hosts\"").start();
    let names = Names::new(&Zone::default().quic2("two.example.net"));
    let clients = [
        ("http.example.net", Client::curl("http://http.example.net/")),
        ("one.example.net", Client::curl("https://one.example.net/").words("--http1.1")),
        ("h2.example.net", Client::curl("https://h2.example.net/")),
        ("wget.example.org", Client::wget("https://wget.example.org/")),
        ("python.example.org", Client::python("https://python.example.org/")),
        ("openssl.example.org", Client::openssl("openssl.example.org")),
        ("long.example.net", Client::tls_long_hello("long.example.net")),
        ("pieces.example.net", Client::tls_in_pieces("pieces.example.net")),
        ("quic.example.net", Client::quic("quic.example.net")),
        ("quiclong.example.net", Client::quic_long_hello("quiclong.example.net")),
        ("two.example.net", Client::quic2("two.example.net")),
        ("e3.whatsapp.net", Client::messenger("e3.whatsapp.net")),
    ];
    for (name, client) in clients {
        let visit = names.run(&client);
        let behaviour = if name.contains("whatsapp") { "whatsapp-chat" } else { "" };
        only(&agent, visit.app(), name, behaviour);
        assert_eq!(sources(&agent, visit.app(), name), ["dns"], "{name}");
    }
}

/// The same without an answer that anybody saw: the names come from what the clients say first.
#[test]
fn hellos_and_hosts_name_what_nobody_asked_for() {
    let agent = Agent::plan().with_setting("detail = \"hosts\"").start();
    let names = Names::new(&Zone::default());
    let server = names.server();
    let resolve = |url: &str, name: &str, port: u16| {
        Client::curl(url).words(&format!("--resolve {name}:{port}:{server}"))
    };
    let to = |client: Client| client.words(&format!("--connect {server}"));
    let clients = [
        ("a.example.net", "tls_sni", resolve("https://a.example.net/", "a.example.net", 443)),
        ("b.example.net", "http_host", resolve("http://b.example.net/", "b.example.net", 80)),
        ("c.example.net", "tls_sni", to(Client::https("c.example.net").words("--protocols 120"))),
        (
            "d.example.net",
            "tls_sni",
            to(Client::https("d.example.net").words("--protocols 120 --pieces 400")),
        ),
        ("e.example.net", "quic_sni", to(Client::quic("e.example.net"))),
        ("f.example.net", "quic_sni", to(Client::quic("f.example.net").words("--protocols 100"))),
    ];
    for (name, source, client) in clients {
        let visit = names.run(&client);
        only(&agent, visit.app(), name, "");
        assert_eq!(sources(&agent, visit.app(), name), [source], "{name}");
    }
}

#[test]
fn a_browser_goes_where_it_was_sent() {
    let agent = Agent::start();
    let names = Names::new(&Zone::default());
    let slow = names.run(&Client::chromium("https://browser.example.net/"));
    let fast = names.run(&Client::chromium_quic("fast.example.org"));
    names.until_seen("quic", "fast.example.org", &[]);
    for (visit, name) in [(slow, "example.net"), (fast, "example.org")] {
        agent.until(&format!("{name} of a browser"), |metrics| {
            let found = destinations(metrics, visit.app());
            let is_there = found.contains(&(name.to_owned(), String::new()));
            if is_there { Ok(()) } else { Err(format!("{found:?}")) }
        });
    }
}

/// A stub on the device asks for others: what they asked for is theirs, what it asks upstream its own.
#[test]
fn names_belong_to_who_asked_the_stub() {
    for kind in [Stub::Dnsmasq, Stub::Forwarder] {
        let agent = Agent::plan().with_setting("detail = \"hosts\"").start();
        let names = Names::new(&Zone::default()).behind(kind);
        let client = names.run(&Client::messenger("g.whatsapp.net"));
        only(&agent, client.app(), "g.whatsapp.net", "whatsapp-chat");
        assert_eq!(sources(&agent, client.app(), "g.whatsapp.net"), ["dns"], "{kind:?}");
        let asked = destinations(&agent.metrics(), names.stub_app());
        let others: Vec<_> = asked.iter().filter(|(name, _)| name.contains("whatsapp")).collect();
        assert!(others.is_empty(), "{kind:?}: {asked:?}");
    }
}

/// The clients of the cases this project began with, at the default level.
#[test]
fn documented_behaviours_are_told() {
    let agent = Agent::start();
    let names = Names::new(&Zone::default());
    let clients = [
        (Client::sales_report(), "tinno.com", "wiko-sts-report"),
        (Client::device_manager(), "oneplus.net", "oneplus-device-manager"),
        (Client::messenger("e3.whatsapp.net"), "whatsapp.net", "whatsapp-chat"),
        (Client::social_sdk(), "facebook.com", "facebook-graph"),
    ];
    for (client, domain, behaviour) in clients {
        let visit = names.run(&client);
        only(&agent, visit.app(), domain, behaviour);
        let said = agent.app_page(visit.app());
        assert!(said.contains(domain) && said.contains(behaviour), "{said}");
    }
}

/// Below the level of hosts, no host is told anywhere, whatever it was found by.
#[test]
fn hosts_are_told_at_their_own_level_only() {
    for (detail, place) in [
        ("counts", "(any)"),
        ("companies", "Meta"),
        ("domains", "facebook.com"),
        ("hosts", "graph."),
    ] {
        let agent = Agent::plan()
            .with_setting(&format!("detail = {detail:?}"))
            .with_setting("log_level = \"debug\"")
            .start();
        let names = Names::new(&Zone::default());
        let visit = names.run(&Client::social_sdk());
        agent.until(place, |metrics| {
            let found = destinations(metrics, visit.app());
            let of_place = found
                .iter()
                .any(|(name, what)| name.starts_with(place) && what == "facebook-graph");
            if of_place { Ok(()) } else { Err(format!("{found:?}")) }
        });
        let told = format!(
            "{}{}{}{}",
            agent.get("/metrics").expect("it answers"),
            agent.apps(),
            agent.app_page(visit.app()),
            agent.errors()
        );
        // The catalogue's own id has other words, and its title is not the host.
        let is_told = told.contains("graph.facebook.com");
        assert_eq!(is_told, detail == "hosts", "{detail}: {told}");
    }
}

#[test]
fn what_has_no_name_has_a_reason() {
    let agent = Agent::start();
    let names = Names::new(&Zone::default());
    let server = names.server();

    // Nobody asked, and the client says nothing that names anybody.
    let silent = names.run(&Client::messenger(&server.to_string()));
    only(&agent, silent.app(), "(unnamed:no_dns_seen)", "");

    // A hello without a name.
    let nameless = names.run(
        &Client::system("openssl").words(&format!("s_client -connect {server}:443 -noservername")),
    );
    only(&agent, nameless.app(), "(unnamed:no_sni)", "");

    // Asked for over HTTPS: the hello still has the name.
    let hidden = names.run(&Client::curl_doh("https://hidden.example.net/"));
    agent.until("the name in the hello", |metrics| {
        let found = destinations(metrics, hidden.app());
        let is_there = found.iter().any(|(name, _)| name == "example.net");
        if is_there { Ok(()) } else { Err(format!("{found:?}")) }
    });

    // The servers' side.
    agent.until("inbound", |metrics| {
        let found = destinations(metrics, names.server_app());
        let inbound = found.contains(&("(unnamed:inbound)".to_owned(), String::new()));
        if inbound { Ok(()) } else { Err(format!("{found:?}")) }
    });
    let metrics = agent.metrics();
    for (source, reason) in [("none", "no_sni"), ("none", "no_dns_seen"), ("none", "inbound")] {
        let bytes = metrics.sum(BY_SOURCE, &[("source", source), ("reason", reason)]);
        assert!(bytes > 0, "{source} {reason}");
    }
}

/// A short life, a truncated answer, an alias, and several names of one address.
#[test]
fn zones_of_all_kinds_name_the_right_host() {
    let zone = Zone::default()
        .ttl(1)
        .alias("shop.example.net", "shop.cdn.example.org")
        .alias("shop.cdn.example.org", "edge7.cdn.example.org")
        .truncated("big.example.net")
        .missing("no.example.net");
    let agent = Agent::plan().with_setting("detail = \"hosts\"").start();
    let names = Names::new(&zone);
    for name in ["shop.example.net", "big.example.net"] {
        let visit = names.run(&Client::messenger(name));
        only(&agent, visit.app(), name, "");
    }
    // One app that asks for one name after the other, all of the same address.
    let mut visit = names.start(&Client::messenger("first.example.net"));
    visit.finish();
    let cgroup = visit.into_cgroup();
    let app = cgroup.app().clone();
    names.start_in(cgroup, &Client::messenger("second.example.net")).finish();
    agent.until("both names", |metrics| {
        let found = destinations(metrics, &app);
        let wanted = ["first.example.net", "second.example.net"]
            .map(|name| (name.to_owned(), String::new()));
        if found == BTreeSet::from(wanted) { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

/// Opens connections, waits for a line, and sends on each what starts like a hello.
const CROWD: &str = "import socket, sys
server, count = sys.argv[1], int(sys.argv[2])
open = [socket.create_connection((server, 5222)) for _ in range(count)]
print('open', flush=True)
sys.stdin.readline()
hello = bytes([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]) + bytes(1500)
for one in open:
    one.sendall(hello)
print('sent', flush=True)
sys.stdin.readline()";

fn crowd(names: &Names, count: u32) -> Client {
    let python = Client::system("python3").word("-c").word(CROWD);
    python.word(&names.server().to_string()).word(&count.to_string())
}

/// While the agent does not read, samples are lost: that is counted, and the flows say so.
#[test]
fn a_lost_sample_is_told() {
    let agent = Agent::start();
    let names = Names::new(&Zone::default());
    let mut visit = names.start(&crowd(&names, 300));
    assert_eq!(visit.running().stdout.next(PATIENCE).as_deref(), Ok("open"));
    agent.stop();
    visit.running().tell("");
    assert_eq!(visit.running().stdout.next(PATIENCE).as_deref(), Ok("sent"));
    agent.go_on();
    agent.until("lost samples", |metrics| {
        let lost = metrics.sum("sortie_samples_lost_total", &[]);
        let found = destinations(metrics, visit.app());
        let said = found.contains(&("(unnamed:lost)".to_owned(), String::new()));
        if lost > 0 && said { Ok(()) } else { Err(format!("{lost} lost, {found:?}")) }
    });
    visit.running().tell("");
    visit.finish();
}

/// A connection that is older than the agent may say what it will: it is no beginning.
#[test]
fn the_middle_of_a_stream_is_no_hello() {
    let names = Names::new(&Zone::default());
    let mut visit = names.start(&crowd(&names, 1));
    assert_eq!(visit.running().stdout.next(PATIENCE).as_deref(), Ok("open"));
    let agent = Agent::start();
    visit.running().tell("");
    assert_eq!(visit.running().stdout.next(PATIENCE).as_deref(), Ok("sent"));
    only(&agent, visit.app(), "(unnamed:before_start)", "");
    let metrics = agent.metrics();
    assert_eq!(metrics.sum("sortie_samples_misread_total", &[]), 0, "it was taken for a hello");
    visit.running().tell("");
    visit.finish();
}
