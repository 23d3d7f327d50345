//! Names: what name servers answer and what connections say first is copied in the kernel and understood by
//! the agent, whatever the byte order and the width of either.

use std::io::{Read as _, Write as _};
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket,
};
use std::thread;

use e2e::wait::PATIENCE;
use e2e::{Agent, Cgroup, Launch, Metrics};

use crate::loopback::addresses;
use crate::mode::Mode;
use crate::{boot, message, rights};

/// Bytes to a destination.
const SENT: &str = "sortie_destination_transmit_bytes_total";

/// Where names are asked for.
const RESOLVER: SocketAddr = SocketAddr::new(IpAddr::V4(addresses(53)), 53);

/// Where whoever asks is sent.
const ANSWER: Ipv4Addr = addresses(77);

/// Somebody who goes somewhere.
struct Visit {
    /// What is said first, as a word for the client.
    what: &'static str,
    /// The host, and its domain, which is what is told.
    host: &'static str,
    domain: &'static str,
    /// What the name is from.
    source: &'static str,
    /// Where it goes, if the answer does not say.
    to: IpAddr,
}

const VISITS: [Visit; 5] = [
    Visit {
        what: "asked",
        host: "chat.example.net",
        domain: "example.net",
        source: "dns",
        to: IpAddr::V4(ANSWER),
    },
    Visit {
        what: "http",
        host: "four.example.org",
        domain: "example.org",
        source: "http_host",
        to: IpAddr::V4(addresses(4)),
    },
    Visit {
        what: "http",
        host: "six.example.org",
        domain: "example.org",
        source: "http_host",
        to: IpAddr::V6(Ipv6Addr::LOCALHOST),
    },
    Visit {
        what: "tls",
        host: "secret.example.net",
        domain: "example.net",
        source: "tls_sni",
        to: IpAddr::V4(addresses(5)),
    },
    Visit {
        what: "quic",
        host: message::QUIC_HOST,
        domain: message::QUIC_HOST,
        source: "quic_sni",
        to: IpAddr::V4(addresses(6)),
    },
];

/// Each goes where it says, and nowhere else.
pub(crate) fn named(mode: Mode) {
    let agent = rights::start(mode);
    boot::show_cgroups(mode);
    let resolver = UdpSocket::bind(RESOLVER).expect("nobody else answers there");
    thread::spawn(move || answer(&resolver));
    for visit in VISITS {
        let to = SocketAddr::new(visit.to, serve(visit.to));
        let client = Cgroup::service();
        let launch =
            Launch::new("/init").words(&format!("visit {} {} {to}", visit.what, visit.host));
        launch.in_cgroup(&client).succeed("");
        let bytes = u64::try_from(first_words(visit.what, visit.host).len()).expect("few");
        let what = format!("{} over {}", visit.host, visit.what);
        agent.until(&what, |metrics| told(metrics, &client, visit.domain, bytes));
        assert_eq!(sources(&agent, &client, visit.domain), [visit.source], "{what}");
    }
    println!("vm: fact named {} of {}", VISITS.len(), VISITS.len());
}

/// Whether all that the client had to say went to this destination, and nothing to another that has a name.
fn told(metrics: &Metrics, client: &Cgroup, domain: &str, bytes: u64) -> Result<(), String> {
    let app = client.app();
    let found = metrics.find(SENT, &[("app", &app.id), ("kind", &app.kind)]);
    let told = metrics.sum(SENT, &[("app", &app.id), ("kind", &app.kind), ("destination", domain)]);
    // What has no name stands in parentheses: name servers, and packets that came before the name.
    let others = found.iter().filter(|sample| {
        let destination = sample.labels["destination"].as_str();
        sample.value > 0.0 && destination != domain && !destination.starts_with('(')
    });
    if told >= bytes && others.count() == 0 {
        return Ok(());
    }
    let all: String = found.iter().map(ToString::to_string).collect();
    Err(format!("{told} of {bytes} bytes to {domain}: {all}"))
}

/// What the name of an app's destination is from.
fn sources(agent: &Agent, client: &Cgroup, domain: &str) -> Vec<String> {
    let document = agent.apps();
    let row = e2e::agent::find(&document, client.app()).expect("it is told");
    let all = row["destinations"].as_array().expect("a list");
    let to = all.iter().find(|to| to["name"] == domain).expect("it is told");
    let sources = to["sources"].as_array().expect("a list").iter();
    sources.map(|source| source.as_str().expect("a text").to_owned()).collect()
}

/// Says yes to every question.
fn answer(resolver: &UdpSocket) {
    let mut question = [0; 512];
    while let Ok((length, client)) = resolver.recv_from(&mut question) {
        let message = message::answer(&question[..length], ANSWER);
        resolver.send_to(&message, client).expect("the client waits");
    }
}

/// Listens at a port for one connection, and for one datagram; gives the port.
fn serve(address: IpAddr) -> u16 {
    let listener = TcpListener::bind((address, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let datagrams = UdpSocket::bind((address, port)).expect("nobody uses UDP here");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        stream.read_to_end(&mut Vec::new()).expect("the client ends");
    });
    thread::spawn(move || {
        let mut datagram = [0; 2048];
        let (_, client) = datagrams.recv_from(&mut datagram).expect("somebody sends");
        datagrams.send_to(b".", client).expect("the client waits");
    });
    port
}

fn first_words(what: &str, host: &str) -> Vec<u8> {
    match what {
        // No protocol that names anything.
        "asked" => vec![b'.'; 1000],
        "http" => message::request(host),
        "tls" => message::hello(host),
        "quic" => message::initial(),
        other => panic!("nobody speaks {other}"),
    }
}

/// The client: asks for the host if that is the matter, says what there is to say, and waits until the other
/// side has heard it.
pub(crate) fn visit(what: &str, host: &str, to: &str) {
    let mut to: SocketAddr = to.parse().expect("an address");
    if what == "asked" {
        to.set_ip(ask(host).into());
    }
    let words = first_words(what, host);
    if what == "quic" {
        let socket = UdpSocket::bind((addresses(1), 0)).expect("a free port");
        socket.send_to(&words, to).expect("somebody is there");
        socket.set_read_timeout(Some(PATIENCE)).expect("some time");
        socket.recv_from(&mut [0; 1]).expect("an answer");
        return;
    }
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("some time");
    stream.write_all(&words).expect("the server listens");
    stream.shutdown(Shutdown::Write).expect("it is connected");
    stream.read_to_end(&mut Vec::new()).expect("the server ends");
}

fn ask(host: &str) -> Ipv4Addr {
    let socket = UdpSocket::bind((addresses(1), 0)).expect("a free port");
    socket.set_read_timeout(Some(PATIENCE)).expect("some time");
    socket.send_to(&message::question(host), RESOLVER).expect("the resolver is there");
    let mut answer = [0; 512];
    let (length, _) = socket.recv_from(&mut answer).expect("an answer");
    message::address(&answer[..length])
}
