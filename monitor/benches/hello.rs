//! What reading hellos and answers costs, and finding a name: nanoseconds each, the median of some rounds.
//!
//! `cargo bench -p monitor --bench hello`; `cargo xtask bench` keeps what it prints.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use monitor::event::{Content, Peer, Protocol, Sample, Scope};
use monitor::naming::addresses::{ADDRESSES_MAX, NAMES_PER_ADDRESS_MAX};
use monitor::naming::dns::{self, Message};
use monitor::naming::namer::Subject;
use monitor::naming::quic::{Initials, Progress};
use monitor::naming::tls::{self, ClientHello};
use monitor::naming::{Asker, FlowKey, Level, Namer, Source};

#[path = "../src/naming/tests/hellos.rs"]
#[expect(dead_code, reason = "not all are measured")]
mod hellos;

const ROUNDS: usize = 15;

/// Hellos read in a round: so few that most rounds are not interrupted.
const READS: u32 = 100;

/// The names that the full memory knows are asked for by so many apps.
const ASKERS: usize = 16;

/// The header of an answer with a question and four records (RFC 1035, 4.1.1).
const ANSWER: [u8; 12] = [0, 1, 0x81, 0x80, 0, 1, 0, 4, 0, 0, 0, 0];

fn main() {
    let tcp = |text| hellos::blocks(text).concat();
    let (classic, long) = (tcp(hellos::CURL), tcp(hellos::CHROME));
    for (what, bytes) in [("TLS, classic", &classic), ("TLS, post-quantum", &long)] {
        measure(what, bytes.len(), 1, || tls::client_hello(black_box(bytes)).ok());
    }
    // The same in records of 64 bytes, which have to be joined.
    let small = long[5..].chunks(64).flat_map(|fragment| {
        let [.., high, low] = fragment.len().to_be_bytes();
        [&[22, 3, 1, high, low], fragment].concat()
    });
    let small = small.collect::<Vec<_>>();
    measure("TLS, 29 records", small.len(), 1, || tls::client_hello(black_box(&small)).ok());
    for (what, datagrams) in [
        ("QUIC version 1", hellos::blocks(hellos::RFC_9001)),
        ("QUIC version 2", hellos::blocks(hellos::RFC_9369)),
        ("QUIC, scrambled", hellos::blocks(hellos::NGTCP2)),
    ] {
        let bytes = datagrams.iter().map(Vec::len).sum();
        measure(what, bytes, datagrams.len(), || {
            let mut initials = Initials::default();
            let mut last = None;
            for datagram in black_box(&datagrams) {
                last = initials.datagram(datagram).ok();
            }
            match last? {
                Progress::Hello(hello) => Some(hello),
                Progress::More => None,
            }
        });
    }
    let mut altered = hellos::blocks(hellos::RFC_9001).concat();
    altered[600] ^= 1;
    let read = || black_box(Initials::default().datagram(black_box(&altered)).is_err());
    print("QUIC, undecryptable", altered.len(), 1, median(read));
    samples(&classic, &long);
    answers();
    names();
}

/// What the core does with a sample of a hello, up to the name of the flow's host.
fn samples(classic: &[u8], long: &[u8]) {
    for (what, bytes) in
        [("sample of TLS, classic", classic), ("sample of TLS, post-quantum", long)]
    {
        let mut namer = Namer::new(Level::Domains);
        let mut cookie = 0;
        let read = || {
            cookie += 1;
            let sample = tls_sample(cookie, black_box(bytes));
            let peer = sample.peer;
            let key = FlowKey { cookie, address: peer.ip, port: peer.port };
            namer.sample(&sample).len() == 1 && namer.hello(&key).is_some()
        };
        print(what, bytes.len(), 1, median(read));
    }
}

/// Answers with one alias and three addresses.
fn answers() {
    let bytes = answer(1, "www.shop.example", 0);
    print(
        "DNS answer",
        bytes.len(),
        1,
        median(|| {
            let read = dns::message(black_box(&bytes));
            matches!(black_box(read), Ok(Message::Answer(answer)) if answer.addresses.len() == 3)
        }),
    );
    let mut namer = Namer::new(Level::Domains);
    let question = question(1, "www.shop.example");
    print(
        "sample of DNS, both ways",
        question.len() + bytes.len(),
        2,
        median(|| {
            namer.sample(&dns_sample(black_box(&question), false));
            namer.sample(&dns_sample(black_box(&bytes), true)).len() == 1
        }),
    );
}

/// Names of flows, while the memory of addresses is full.
fn names() {
    let mut namer = Namer::new(Level::Domains);
    let mut number = 0;
    for turn in 0..NAMES_PER_ADDRESS_MAX {
        for at in 0..ADDRESSES_MAX / 3 {
            number += 1;
            let name = format!("www.n{turn}x{at}.example");
            namer.sample(&dns_sample(&question(number, &name), false));
            let answer = answer(number, &name, u32::try_from(at).unwrap_or_default() * 3);
            for heard in namer.sample(&dns_sample(&answer, true)) {
                namer.learn(Asker(at % ASKERS), heard);
            }
        }
    }
    let full = ADDRESSES_MAX / 3 * 3;
    assert_eq!(namer.tally().addresses, full as u64, "the memory is not full");
    let own = (0..full).map(|at| (Asker(at / 3 % ASKERS), number_address(at)));
    let own = own.collect::<Vec<_>>();
    let other = own.iter().map(|(asker, ip)| (Asker(asker.0 + 1), *ip)).collect::<Vec<_>>();
    let none = own.iter().map(|(asker, _)| (*asker, IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let none = none.collect::<Vec<_>>();
    for (what, flows, source) in [
        ("name, its app asked", own, Source::Dns),
        ("name, another app asked", other, Source::DnsOthers),
        ("name, nobody asked", none, Source::None),
    ] {
        // As flows come: from all over the memory.
        let mut at = 0;
        print(
            what,
            0,
            0,
            median(|| {
                at = (at + 1_009) % flows.len();
                let (asker, address) = flows[at];
                namer.name(&black_box(subject(asker, address))).source == source
            }),
        );
    }
}

fn subject(asker: Asker, address: IpAddr) -> Subject<'static> {
    Subject {
        asker,
        address,
        port: 443,
        protocol: Protocol::Tcp,
        scope: Scope::Internet,
        opened_ns: 2,
        hello: None,
        is_sum: false,
        excuse: None,
    }
}

fn number_address(number: usize) -> IpAddr {
    let number = u32::try_from(number).unwrap_or_default();
    Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + number).into()
}

fn tls_sample(cookie: u64, payload: &[u8]) -> Sample<'_> {
    sample(cookie, Protocol::Tcp, 443, Content::Tls, payload)
}

fn dns_sample(payload: &[u8], is_inbound: bool) -> Sample<'_> {
    Sample { is_inbound, ..sample(1, Protocol::Udp, 53, Content::Dns, payload) }
}

fn sample(
    cookie: u64,
    protocol: Protocol,
    port: u16,
    content: Content,
    payload: &[u8],
) -> Sample<'_> {
    Sample {
        cookie,
        at_ns: 1,
        owner: None,
        peer: Peer { ip: Ipv4Addr::new(192, 0, 2, 1).into(), port, protocol, ifindex: 0 },
        content,
        is_inbound: false,
        sequence: 1,
        length: u32::try_from(payload.len()).unwrap_or_default(),
        segment: 0,
        payload,
    }
}

/// A question for the IPv4 addresses of a name.
fn question(id: u16, name: &str) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        bytes.extend(u8::try_from(label.len()));
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

/// The answer: an alias, and three addresses from a number on.
fn answer(id: u16, name: &str, first: u32) -> Vec<u8> {
    let mut bytes = question(id, name);
    bytes[2..12].copy_from_slice(&ANSWER[2..]);
    // The question's name; CNAME, IN, 300 seconds, 7 bytes: `edge` below the name behind its first label.
    bytes.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 1, 0x2c, 0, 7]);
    let [high, low] = u16::try_from(bytes.len()).unwrap_or_default().to_be_bytes();
    bytes.extend([4, b'e', b'd', b'g', b'e', 0xc0, 16]);
    for number in first..first + 3 {
        // The alias; A, IN, 300 seconds, 4 bytes.
        bytes.extend([0xc0 | high, low, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4]);
        bytes.extend((u32::from(Ipv4Addr::new(198, 18, 0, 0)) + number).to_be_bytes());
    }
    bytes
}

fn measure(what: &str, bytes: usize, pieces: usize, read: impl Fn() -> Option<ClientHello>) {
    let name = read().and_then(|hello| hello.server_name);
    assert!(name.is_some(), "{what} is not read");
    print(what, bytes, pieces, median(|| black_box(read()).is_some()));
}

/// A row: what, its bytes, in how many pieces they come, nanoseconds.
fn print(what: &str, bytes: usize, pieces: usize, ns: u128) {
    println!("{what:<28} | {bytes:>5} | {pieces} | {ns:>6}");
}

/// Nanoseconds that a call takes.
fn median(mut call: impl FnMut() -> bool) -> u128 {
    let mut rounds = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            for _ in 0..READS {
                assert!(call());
            }
            begin.elapsed().as_nanos() / u128::from(READS)
        })
        .collect::<Vec<_>>();
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}
