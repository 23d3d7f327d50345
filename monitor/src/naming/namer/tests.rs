#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::event::Peer;
use crate::naming::HostName;
use crate::naming::addresses::{ADDRESSES_MAX, GRACE_SECONDS};

const SECOND: u64 = 1_000_000_000;
const ME: Asker = Asker(1);
const OTHER: Asker = Asker(2);

fn ip() -> IpAddr {
    IpAddr::from([198, 51, 100, 7])
}

fn known(name: &str, level: Level) -> Known {
    let name = HostName::parse(name.as_bytes()).expect("a name");
    Known::of(&Host::Name(name), level)
}

fn answer(name: &str, ttl: u32, at: u64) -> Heard {
    let known = known(name, Level::Hosts);
    Heard::Answer { known, addresses: vec![(ip(), ttl)], at_ns: at * SECOND }
}

fn said(name: &str, source: Source) -> Hello {
    Hello { source, known: Some(known(name, Level::Hosts)), is_cover: false, is_resolver: false }
}

fn subject(hello: Option<&Hello>, at: u64) -> Subject<'_> {
    Subject {
        asker: ME,
        address: ip(),
        port: 443,
        protocol: Protocol::Tcp,
        scope: Scope::Internet,
        opened_ns: at * SECOND,
        hello,
        is_sum: false,
        excuse: None,
    }
}

fn told(name: &Name) -> (String, Source, bool) {
    (name.place.label(), name.source, name.is_ambiguous)
}

fn is(name: &str, source: Source, is_ambiguous: bool) -> (String, Source, bool) {
    (name.to_owned(), source, is_ambiguous)
}

/// A namer that was told these things.
fn namer(heard: impl IntoIterator<Item = (Asker, Heard)>) -> Namer {
    let mut namer = Namer::new(Level::Hosts);
    heard.into_iter().for_each(|(asker, heard)| namer.learn(asker, heard));
    namer
}

#[test]
fn the_order_of_trust_holds() {
    let sni = said("sni.example", Source::TlsSni);
    let own = answer("own.example", 60, 1);
    let others = answer("others.example", 60, 1);
    let mut all = namer([(ME, own), (OTHER, others.clone())]);
    assert_eq!(told(&all.name(&subject(None, 2))), is("own.example", Source::Dns, false));
    // A hello that nobody asked for is odd, and that is told.
    let name = all.name(&subject(Some(&sni), 2));
    assert_eq!(told(&name), is("sni.example", Source::TlsSni, true));
    let mut without = namer([(OTHER, others)]);
    let name = without.name(&subject(Some(&sni), 2));
    assert_eq!(told(&name), is("sni.example", Source::TlsSni, false));
    let name = without.name(&subject(None, 2));
    assert_eq!(told(&name), is("others.example", Source::DnsOthers, false));
}

#[test]
fn a_hello_is_believed_when_somebody_asked_for_it() {
    let hello = said("b.example", Source::TlsSni);
    let mut shared = namer([(ME, answer("b.example", 60, 1)), (ME, answer("a.example", 60, 2))]);
    assert_eq!(told(&shared.name(&subject(None, 3))), is("a.example", Source::Dns, true));
    let name = shared.name(&subject(Some(&hello), 3));
    assert_eq!(told(&name), is("b.example", Source::Dns, false), "both say so");
    let mut stub = namer([(OTHER, answer("b.example", 60, 1)), (ME, answer("a.example", 60, 2))]);
    let name = stub.name(&subject(Some(&hello), 3));
    assert_eq!(told(&name), is("b.example", Source::TlsSni, false));
}

/// Flows that were summed up share what any of them said, with how it was said.
#[test]
fn a_sum_of_flows_is_named_by_what_they_said() {
    for source in [Source::TlsSni, Source::QuicSni, Source::HttpHost] {
        let hello = said("said.example", source);
        let heard = Heard::Hello { address: ip(), hello, at_ns: SECOND };
        let mut namer = namer([(ME, heard)]);
        let sum = Subject { is_sum: true, ..subject(None, 2) };
        assert_eq!(told(&namer.name(&sum)), is("said.example", source, false));
        let alone = namer.name(&subject(None, 2));
        assert_eq!(alone.reason, Some(Reason::NoDnsSeen), "another flow's words are not its own");
    }
}

/// What was asked for last before the flow began wins, whatever is asked for afterwards.
#[test]
fn the_last_question_before_a_flow_wins() {
    let order = [("a.example", 10), ("b.example", 20), ("a.example", 30)];
    let mut namer = namer(order.map(|(name, at)| (ME, answer(name, 600, at))));
    for (at, name) in [(11, "a.example"), (21, "b.example"), (31, "a.example")] {
        assert_eq!(namer.name(&subject(None, at)).place.label(), name, "{at}");
    }
    let early = namer.name(&subject(None, 9));
    assert_eq!(early.reason, Some(Reason::NoDnsSeen), "it was opened before anybody asked");
}

#[test]
fn answers_end_after_their_time_and_grace() {
    let end = 100 + 60 + GRACE_SECONDS;
    let mut namer = namer([(ME, answer("a.example", 60, 100))]);
    assert_eq!(namer.name(&subject(None, end)).place.label(), "a.example");
    assert_eq!(namer.name(&subject(None, end + 1)).reason, Some(Reason::NoDnsSeen));
}

#[test]
fn reasons_say_why_there_is_no_name() {
    let hello = |known: Option<&str>, is_cover| Hello {
        source: Source::TlsSni,
        known: known.map(known_at_domains),
        is_cover,
        is_resolver: false,
    };
    let mut namer = Namer::new(Level::Domains);
    let reason = |namer: &mut Namer, subject: &Subject<'_>| {
        let name = namer.name(subject);
        (name.place.label(), name.reason)
    };
    let cover = hello(Some("cloudflare-ech.com"), true);
    let name = namer.name(&subject(Some(&cover), 1));
    assert_eq!((name.reason, name.place.label()), (Some(Reason::Ech), "(unnamed:ech)".to_owned()));
    assert_eq!(name.company.map(crate::naming::company::CompanyId::name), Some("Cloudflare"));
    let nameless = hello(None, false);
    for (subject, wanted) in [
        (subject(None, 1), Reason::NoDnsSeen),
        (subject(Some(&nameless), 1), Reason::NoSni),
        (Subject { excuse: Some(Reason::Lost), ..subject(None, 1) }, Reason::Lost),
        (Subject { excuse: Some(Reason::Inbound), ..subject(None, 1) }, Reason::Inbound),
    ] {
        let (label, found) = reason(&mut namer, &subject);
        assert_eq!((found, label), (Some(wanted), format!("(unnamed:{})", wanted.code())));
    }
    // Whoever asks an encrypted resolver asks where nobody sees it.
    let resolver = Hello { is_resolver: true, ..said("dns.google", Source::TlsSni) };
    let heard = Heard::Hello { address: ip(), hello: resolver, at_ns: SECOND };
    namer.learn(ME, heard);
    let elsewhere = Subject { address: IpAddr::from([9, 9, 9, 9]), ..subject(None, 1) };
    assert_eq!(reason(&mut namer, &elsewhere).1, Some(Reason::Doh));
    let theirs = Subject { asker: OTHER, ..elsewhere };
    assert_eq!(reason(&mut namer, &theirs).1, Some(Reason::NoDnsSeen));
}

fn known_at_domains(name: &str) -> Known {
    known(name, Level::Domains)
}

#[test]
fn a_messenger_is_known_by_its_question_and_port() {
    let mut namer = namer([(ME, answer("e3.whatsapp.net", 60, 1))]);
    let behaviour = |namer: &mut Namer, port| {
        let name = namer.name(&Subject { port, ..subject(None, 2) });
        name.behaviour.map(|id| id.behaviour().id)
    };
    assert_eq!(behaviour(&mut namer, 5222), Some("whatsapp-chat"));
    assert_eq!(namer.name(&subject(None, 0)).behaviour, None, "before the question");
}

/// A name of the network, as the wire has it.
fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| {
        let length = u8::try_from(label.len()).expect("short");
        std::iter::once(length).chain(label.bytes())
    });
    labels.chain([0]).collect()
}

fn dns(id: u16, name: &str, address: Option<[u8; 4]>) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend(if address.is_some() { [0x81, 0x80] } else { [1, 0] });
    message.extend([0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    message.extend(wire(name));
    message.extend([0, 1, 0, 1]);
    if let Some(address) = address {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        message.extend(address);
    }
    message
}

fn packet(payload: &[u8], is_inbound: bool, protocol: Protocol, sequence: u32) -> Sample<'_> {
    Sample {
        cookie: 5,
        at_ns: SECOND,
        owner: None,
        peer: Peer { ip: IpAddr::from([192, 0, 2, 53]), port: 53, protocol, ifindex: 0 },
        content: Content::Dns,
        is_inbound,
        sequence,
        length: 0,
        segment: 0,
        payload,
    }
}

#[test]
fn only_what_was_asked_for_is_learnt() {
    let mut namer = Namer::new(Level::Hosts);
    let answer = dns(7, "a.example", Some([198, 51, 100, 7]));
    assert!(namer.sample(&packet(&answer, true, Protocol::Udp, 0)).is_empty());
    assert_eq!(namer.tally().unasked, 1);
    let ask = dns(7, "a.example", None);
    assert!(namer.sample(&packet(&ask, false, Protocol::Udp, 0)).is_empty());
    let heard = namer.sample(&packet(&answer, true, Protocol::Udp, 0));
    for heard in heard {
        namer.learn(ME, heard);
    }
    assert_eq!(told(&namer.name(&subject(None, 2))), is("a.example", Source::Dns, false));
    for wrong in [dns(8, "a.example", Some([1, 1, 1, 1])), dns(7, "b.example", Some([1; 4]))] {
        assert!(namer.sample(&packet(&wrong, true, Protocol::Udp, 0)).is_empty());
    }
    assert_eq!(namer.tally().unasked, 3);
}

#[test]
fn answers_over_tcp_come_in_any_pieces() {
    let framed = |message: Vec<u8>| {
        let length = u16::try_from(message.len()).expect("short").to_be_bytes();
        [length.to_vec(), message].concat()
    };
    let ask = framed(dns(7, "a.example", None));
    let answer = framed(dns(7, "a.example", Some([198, 51, 100, 7])));
    for cut in 0..=answer.len() {
        let mut namer = Namer::new(Level::Hosts);
        namer.sample(&packet(&ask, false, Protocol::Tcp, 100));
        let (first, second) = answer.split_at(cut);
        let at = 9_u32.wrapping_add(u32::try_from(cut).expect("small"));
        let mut heard = namer.sample(&packet(first, true, Protocol::Tcp, 9));
        heard.extend(namer.sample(&packet(second, true, Protocol::Tcp, at)));
        assert_eq!(heard.len(), 1, "cut at {cut}");
    }
}

/// A flood of names costs the flooder his own, and nobody memory without bound.
#[test]
fn a_flood_of_names_is_bounded_and_paid_for_by_who_makes_it() {
    let mut namer = namer([(ME, answer("kept.example", 3_600, 1))]);
    for number in 0..100_000_u32 {
        let [_, b, c, d] = number.to_be_bytes();
        let known = known(&format!("x{number}.tunnel.example"), Level::Hosts);
        let addresses = vec![(IpAddr::from([10, b, c, d]), 3_600)];
        namer.learn(OTHER, Heard::Answer { known, addresses, at_ns: 2 * SECOND });
    }
    let tally = namer.tally();
    assert!(tally.addresses <= ADDRESSES_MAX as u64, "{tally:?}");
    assert_eq!(tally.addresses + tally.addresses_evicted, 100_001, "every one is accounted for");
    assert_eq!(namer.name(&subject(None, 3)).place.label(), "kept.example");
}

/// Below the level of hosts the bytes of a host are nowhere in the namer.
#[test]
fn no_host_stays_below_its_level() {
    for level in [Level::Counts, Level::Companies, Level::Domains, Level::Hosts] {
        let mut namer = Namer::new(level);
        let host = "secretword.example.org";
        namer.sample(&packet(&dns(7, host, None), false, Protocol::Udp, 0));
        let answer = dns(7, host, Some([198, 51, 100, 7]));
        let heard = namer.sample(&packet(&answer, true, Protocol::Udp, 0));
        assert_eq!(heard.len(), 1);
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let sample = Sample {
            content: Content::Http,
            length: u32::try_from(request.len()).expect("short"),
            ..packet(request.as_bytes(), false, Protocol::Tcp, 1)
        };
        let hello = namer.sample(&sample);
        assert_eq!(hello.len(), 1);
        let said = format!("{heard:?}{hello:?}");
        heard.into_iter().chain(hello).for_each(|heard| namer.learn(ME, heard));
        let all = format!("{said}{namer:?}{:?}", namer.name(&subject(None, 2)));
        assert_eq!(all.contains("secretword"), level == Level::Hosts, "{level:?}");
        assert_eq!(all.contains("example.org"), level >= Level::Domains, "{level:?}");
    }
}

#[test]
fn private_names_and_addresses_have_fixed_labels() {
    for level in [Level::Companies, Level::Domains] {
        for name in ["nas", "nas.lan", "printer.local", "router.home.arpa"] {
            assert_eq!(known(name, level).place, Place::Local, "{name} at {level:?}");
        }
        assert_eq!(Known::of(&Host::Address(ip()), level).place, Place::Ip);
    }
}
