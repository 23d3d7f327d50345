//! The hellos that other programs sent, and every way of cutting, ordering and breaking one.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::naming::hellos::{self, hex};

const SNI: u16 = 0;
const ECH: u16 = 0xfe0d;

/// An extension: its type and its data.
type Extension = (u16, Vec<u8>);

fn vector16(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a short vector");
    [&length.to_be_bytes()[..], bytes].concat()
}

/// A handshake message of this type.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a short message");
    [&[kind][..], &length.to_be_bytes()[1..], body].concat()
}

/// The fields before the extensions.
fn fields(session_id: usize, cipher_suites: usize, compression_methods: usize) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([0x5a; 32]);
    body.push(u8::try_from(session_id).expect("a byte"));
    body.extend(vec![0x11; session_id]);
    body.extend(vector16(&vec![0x0a; cipher_suites]));
    body.push(u8::try_from(compression_methods).expect("a byte"));
    body.extend(vec![0; compression_methods]);
    body
}

fn extensions(list: &[Extension]) -> Vec<u8> {
    let each = list.iter().map(|(kind, data)| [&kind.to_be_bytes()[..], &vector16(data)].concat());
    vector16(&each.collect::<Vec<_>>().concat())
}

/// A ClientHello with these extensions.
fn hello(list: &[Extension]) -> Vec<u8> {
    message(1, &[fields(32, 6, 1), extensions(list)].concat())
}

/// The data of a `server_name` extension with these entries.
fn names(entries: &[(u8, &[u8])]) -> Vec<u8> {
    let each = entries.iter().map(|(kind, name)| [&[*kind][..], &vector16(name)].concat());
    vector16(&each.collect::<Vec<_>>().concat())
}

fn sni(name: &str) -> Extension {
    (SNI, names(&[(0, name.as_bytes())]))
}

/// The bytes as TLS records with fragments of this size.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    let record = |fragment: &[u8]| [&[22, 3, 1][..], &vector16(fragment)].concat();
    message.chunks(size).map(record).collect::<Vec<_>>().concat()
}

fn name(name: &str) -> Option<Host> {
    let host = Host::parse(name.as_bytes());
    assert!(host.is_some(), "{name}");
    host
}

fn stream(text: &str) -> Vec<u8> {
    hellos::blocks(text).concat()
}

/// Captured hellos, with the name they were sent to and whether they carry ECH.
const CAPTURED: [(&str, Option<&str>, bool); 10] = [
    (hellos::OPENSSL_TLS13, Some("www.example.com"), false),
    (hellos::OPENSSL_TLS12, Some("tls12.example.com"), false),
    (hellos::OPENSSL_TLS10, Some("old.example.com"), false),
    (hellos::OPENSSL_NO_SNI, None, false),
    (hellos::CURL, Some("curl.example.net"), false),
    (hellos::CURL_ADDRESS, None, false),
    (hellos::PYTHON, Some("python.example.org"), false),
    (hellos::NODE, Some("node.example.com"), false),
    (hellos::CHROME, Some("chrome.example.com"), true),
    (hellos::FIREFOX, Some("firefox.example.com"), true),
];

/// The handshake bytes of a captured stream, which is one record.
fn unwrapped(stream: &[u8]) -> &[u8] {
    assert_eq!(usize::from(u16::from_be_bytes([stream[3], stream[4]])), stream.len() - 5);
    &stream[5..]
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[test]
fn hellos_of_other_programs_are_read() {
    for (text, host, has_ech) in CAPTURED {
        let expected = ClientHello { server_name: host.and_then(name), has_ech, complete: true };
        let stream = stream(text);
        assert_eq!(client_hello(&stream), Ok(expected.clone()), "{host:?}");
        assert_eq!(handshake(unwrapped(&stream)), Ok(expected), "{host:?}");
    }
    let [chrome, curl] = [hellos::CHROME, hellos::CURL].map(|text| stream(text).len());
    assert_eq!((chrome, curl), (1_824, 517), "post-quantum and classic");
}

#[test]
fn the_name_is_known_once_its_bytes_are_there_and_never_changes() {
    for (text, host, has_ech) in CAPTURED {
        let stream = stream(text);
        let whole = stream.len();
        // The list has one entry, whose end is the extension's.
        let known = host.map_or(whole, |host| {
            position(&stream, host.as_bytes()).expect("the name is there") + host.len()
        });
        for length in 0..=whole {
            let read = client_hello(&stream[..length]);
            if length < known {
                assert_eq!(read, Err(TlsError::Incomplete), "{host:?}, {length} bytes");
                continue;
            }
            let read = read.expect("the name is there");
            assert_eq!(read.server_name, host.and_then(name), "{host:?}, {length} bytes");
            assert_eq!(read.complete, length == whole, "{host:?}, {length} bytes");
            assert!(has_ech || !read.has_ech, "{host:?}, {length} bytes");
        }
    }
}

#[test]
fn records_may_be_cut_anywhere() {
    for (text, ..) in CAPTURED {
        let stream = stream(text);
        let message = unwrapped(&stream);
        let expected = client_hello(&stream);
        assert!(expected.is_ok());
        for size in 1..=message.len() {
            assert_eq!(client_hello(&records(message, size)), expected, "records of {size} bytes");
        }
        for at in 1..message.len() {
            let (one, other) = message.split_at(at);
            let stream = [records(one, one.len()), records(other, other.len())].concat();
            assert_eq!(client_hello(&stream), expected, "cut at {at}");
        }
    }
}

#[test]
fn a_stream_of_small_records_may_end_anywhere() {
    let stream = stream(hellos::OPENSSL_TLS13);
    let expected = name("www.example.com");
    for size in [1, 2, 3, 4, 5, 7, 100] {
        let stream = records(unwrapped(&stream), size);
        let mut is_known = false;
        for length in 0..=stream.len() {
            match client_hello(&stream[..length]) {
                Ok(hello) => {
                    assert_eq!(hello.server_name, expected);
                    is_known = true;
                }
                Err(error) => {
                    assert_eq!((error, is_known), (TlsError::Incomplete, false), "{length} bytes");
                }
            }
        }
        assert!(is_known);
    }
}

#[test]
fn what_follows_the_hello_is_ignored() {
    let mut stream = stream(hellos::CURL);
    let expected = client_hello(&stream);
    // ChangeCipherSpec, then early data, then noise.
    stream.extend(hex("14030300010117030300051122334455ffffff"));
    assert_eq!(client_hello(&stream), expected);
    let message = hello(&[sni("a.example")]);
    let stream = records(&[&message[..], &message[..]].concat(), 1 << 14);
    assert_eq!(client_hello(&stream).map(|hello| hello.server_name), Ok(name("a.example")));
}

/// All orders of a list (Heap's algorithm).
fn orders(list: &mut [Extension], count: usize, found: &mut impl FnMut(&[Extension])) {
    if count <= 1 {
        return found(list);
    }
    for at in 0..count {
        orders(list, count - 1, found);
        let other = if count.is_multiple_of(2) { at } else { 0 };
        list.swap(other, count - 1);
    }
}

#[test]
fn extensions_may_have_any_order() {
    let mut list = [
        sni("order.example"),
        (ECH, vec![0; 200]),
        (0x0a0a, vec![]),
        (51, vec![0x44; 1_250]),
        (0xfafa, vec![0]),
        (21, vec![0; 40]),
    ];
    let count = list.len();
    let mut seen = 0;
    orders(&mut list, count, &mut |list| {
        let message = hello(list);
        let expected =
            ClientHello { server_name: name("order.example"), has_ech: true, complete: true };
        assert_eq!(handshake(&message), Ok(expected));
        let sni_at = list.iter().position(|(kind, _)| *kind == SNI).expect("it is there");
        let has_earlier_ech = list[..sni_at].iter().any(|(kind, _)| *kind == ECH);
        let known = position(&message, b"order.example").expect("it is there") + 13;
        let cut = handshake(&message[..known]).expect("the name is there");
        assert_eq!(cut.server_name, name("order.example"));
        assert_eq!(cut.has_ech, has_earlier_ech);
        assert_eq!(handshake(&message[..known - 1]), Err(TlsError::Incomplete));
        seen += 1;
    });
    assert_eq!(seen, 720);
}

#[test]
fn a_server_name_extension_names_one_host_or_none() {
    let cases: [(Vec<u8>, Option<&str>); 22] = [
        (names(&[(0, b"a.example")]), Some("a.example")),
        (names(&[(0, b"A.Example.")]), Some("a.example")),
        (names(&[(0, b"192.0.2.1")]), Some("192.0.2.1")),
        (names(&[(0, b"2001:db8::1")]), Some("2001:db8::1")),
        (names(&[(7, b"b.example"), (0, b"a.example")]), Some("a.example")),
        (names(&[(0, b"a.example"), (7, b"\0\xff")]), Some("a.example")),
        (names(&[(7, b"a.example")]), None),
        (names(&[(0, b"a.example"), (0, b"b.example")]), None),
        (names(&[(0, b"a.example"), (0, b"a.example")]), None),
        (names(&[(0, b"a.example"), (0, b"")]), None),
        (names(&[(0, b"")]), None),
        (names(&[]), None),
        (vec![], None),
        (names(&[(0, b"a.example\0")]), None),
        (names(&[(0, b"a.example\n")]), None),
        (names(&[(0, b"*.example")]), None),
        (names(&[(0, "\u{fc}.example".as_bytes())]), None),
        (names(&[(0, &[b'a'; 64])]), None),
        // The list is longer, or shorter, than the extension.
        ([&[0, 13][..], &names(&[(0, b"a.example")])[2..]].concat(), None),
        ([&names(&[(0, b"a.example")])[..], &[0]].concat(), None),
        // The name is longer than the list, or leaves something that is no entry.
        (hex("000c00000a612e6578616d706c65"), None),
        (hex("000c000008612e6578616d706c65"), None),
    ];
    for (data, host) in cases {
        let read = handshake(&hello(&[(SNI, data.clone()), (23, vec![])]));
        let expected =
            ClientHello { server_name: host.and_then(name), has_ech: false, complete: true };
        assert_eq!(read, Ok(expected), "{data:x?}");
    }
}

#[test]
fn an_address_is_no_name() {
    let host = |text: &str| handshake(&hello(&[sni(text)])).map(|hello| hello.server_name);
    assert_eq!(host("192.0.2.7"), Ok(Some(Host::Address(IpAddr::from([192, 0, 2, 7])))));
}

#[test]
fn an_extension_is_seen_without_its_data() {
    let message = hello(&[sni("a.example"), (ECH, vec![0; 9])]);
    for (missing, has_ech) in [(0, true), (1, true), (9, true), (11, true), (12, false)] {
        let read = handshake(&message[..message.len() - missing]).expect("a hello");
        assert_eq!((read.has_ech, read.complete), (has_ech, missing == 0), "{missing} bytes less");
    }
}

#[test]
fn a_hello_may_have_no_extensions() {
    let none = Ok(ClientHello { server_name: None, has_ech: false, complete: true });
    assert_eq!(handshake(&message(1, &fields(0, 2, 1))), none);
    assert_eq!(handshake(&hello(&[])), none);
    assert_eq!(handshake(&hello(&[(23, vec![])])), none);
}

#[test]
fn the_largest_hello_is_read() {
    let name_bytes = extensions(&[sni("last.example")]).len() - 2;
    let padding = 65_535 - 4 - name_bytes;
    let body =
        [fields(32, 65_534, 255), extensions(&[(21, vec![0; padding]), sni("last.example")])];
    let message = message(1, &body.concat());
    assert_eq!(message.len() - 4, 131_396);
    let read = client_hello(&records(&message, 1 << 14)).expect("a hello");
    assert_eq!((read.server_name, read.complete), (name("last.example"), true));
}

#[test]
fn something_else_is_no_hello() {
    let server_hello = records(&message(2, &[3; 70]), 100);
    let cut_off = [&server_hello[..9], &hex("15030300020228")].concat();
    let cases: [(&str, Vec<u8>); 14] = [
        ("SSL 2.0", hex("802e0103010015000000100100800300800700c006004002008004008000")),
        ("SSL 2.0, long header", hex("002e0001030100150000")),
        ("alert", hex("15030300020228")),
        ("ChangeCipherSpec", hex("140303000101")),
        ("application data", hex("1703030005aabbccddee")),
        ("heartbeat", hex("1803030003010000")),
        ("ServerHello", server_hello),
        ("half a ServerHello, then an alert", cut_off),
        ("HelloRequest", records(&message(0, &[]), 10)),
        ("HTTP", b"GET / HTTP/1.1\r\n".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("DTLS", hex("16fefd0000000000000000")),
        ("TLS 2.0?", hex("160400000501000001")),
        ("TLS 1.4?", hex("160305000501000001")),
    ];
    for (what, bytes) in cases {
        assert_eq!(client_hello(&bytes), Err(TlsError::NotHello), "{what}");
        // It never becomes a hello, and is recognised at the sixth byte at the latest.
        for length in 0..6.min(bytes.len()) {
            let read = client_hello(&bytes[..length]).expect_err("no hello");
            assert!(matches!(read, TlsError::Incomplete | TlsError::NotHello), "{what}");
        }
        let recognised = client_hello(&bytes[..6.min(bytes.len())]);
        assert_eq!(recognised, Err(TlsError::NotHello), "{what}");
    }
    assert_eq!(client_hello(&[]), Err(TlsError::Incomplete));
    assert_eq!(handshake(&[]), Err(TlsError::Incomplete));
    assert_eq!(handshake(&[2]), Err(TlsError::NotHello));
}

#[test]
fn what_a_server_refuses_is_malformed() {
    let with = |fields: Vec<u8>| message(1, &[fields, extensions(&[sni("a.example")])].concat());
    let changed = |at: usize, to: u8| {
        let mut message = hello(&[sni("a.example")]);
        message[at] = to;
        message
    };
    let extensions_at = 4 + fields(32, 6, 1).len();
    let length = u8::try_from(extensions(&[sni("a.example")]).len() - 2).expect("a byte");
    assert_eq!(changed(extensions_at + 1, length), hello(&[sni("a.example")]));
    let all = [fields(32, 6, 1), extensions(&[sni("a.example")])].concat();
    let cases: [(&str, Vec<u8>); 14] = [
        ("bytes after the extensions", message(1, &[&all[..], &[0]].concat())),
        ("session id of 33 bytes", with(fields(33, 2, 1))),
        ("no cipher suites", with(fields(0, 0, 1))),
        ("half a cipher suite", with(fields(0, 3, 1))),
        ("no compression method", with(fields(0, 2, 0))),
        ("another version", changed(4, 2)),
        ("two names", hello(&[sni("a.example"), (23, vec![]), sni("b.example")])),
        ("the same name twice", hello(&[sni("a.example"), sni("a.example")])),
        ("a name, and one that is none", hello(&[sni("a.example"), (SNI, vec![])])),
        ("extensions shorter than the rest", changed(extensions_at + 1, length - 1)),
        ("extensions longer than the rest", changed(extensions_at + 1, length + 1)),
        ("an extension longer than all", changed(extensions_at + 5, length)),
        ("a body shorter than its fields", message(1, &fields(32, 6, 1)[..40])),
        ("a length that no hello has", hex("01020145")),
    ];
    for (what, message) in cases {
        assert_eq!(handshake(&message), Err(TlsError::Malformed), "{what}");
        assert_eq!(client_hello(&records(&message, 10)), Err(TlsError::Malformed), "{what}");
    }
    assert_eq!(handshake(&hex("01020144")), Err(TlsError::Incomplete), "131,396 bytes");
}

#[test]
fn records_are_checked() {
    let message = hello(&[(23, vec![]), sni("a.example")]);
    let (one, other) = message.split_at(30);
    let first = records(one, 100);
    let after = |second: Vec<u8>| client_hello(&[first.clone(), second].concat());
    assert!(after(records(other, 1000)).is_ok());
    for (what, second) in [
        ("empty", hex("1603010000")),
        ("an alert", hex("15030100020100")),
        ("application data", hex("170303000100")),
        ("another version", hex("16ff010001aa")),
        ("larger than a record can be", hex("1603014001")),
    ] {
        assert_eq!(after(second), Err(TlsError::Malformed), "{what}");
    }
    assert_eq!(after(hex("1603014000")), Err(TlsError::Incomplete));
    assert_eq!(client_hello(&hex("1603010000")), Err(TlsError::Malformed));
    assert_eq!(client_hello(&hex("160301400101")), Err(TlsError::Malformed));
}

#[test]
fn every_record_version_is_taken() {
    for minor in 0..=4 {
        let mut stream = records(&hello(&[sni("a.example")]), 50);
        for record in [0, 55] {
            stream[record + 2] = minor;
        }
        assert_eq!(client_hello(&stream).map(|hello| hello.server_name), Ok(name("a.example")));
    }
}

#[test]
fn a_cover_name_needs_ech() {
    let is_cover = |list: &[Extension]| handshake(&hello(list)).map(|hello| hello.has_cover_name());
    let cover = sni("cloudflare-ech.com");
    assert_eq!(is_cover(&[cover.clone(), (ECH, vec![0; 9])]), Ok(true));
    assert_eq!(is_cover(&[(ECH, vec![0; 9]), cover.clone()]), Ok(true));
    assert_eq!(is_cover(std::slice::from_ref(&cover)), Ok(false));
    assert_eq!(is_cover(&[sni("a.example"), (ECH, vec![0; 9])]), Ok(false));
    assert_eq!(is_cover(&[(ECH, vec![0; 9])]), Ok(false));
    let message = hello(&[cover, (23, vec![0; 9])]);
    let cut = handshake(&message[..message.len() - 1]).map(|hello| hello.has_cover_name());
    assert_eq!(cut, Ok(true), "there may be ECH in what was not seen");
}

/// A captured stream in which some bytes were changed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let which = (0..CAPTURED.len()).prop_map(|at| stream(CAPTURED[at].0));
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    // Lengths and types are at the front.
    let front = vec((0..60_usize, any::<u8>()), 0..3);
    (which, changes, front).prop_map(|(mut stream, changes, front)| {
        for (at, to) in changes {
            *at.get_mut(&mut stream) = to;
        }
        for (at, to) in front {
            stream[at] = to;
        }
        stream
    })
}

/// What must hold of any bytes: a name is one that stands in them, and one that was read from fewer bytes
/// is still the name, unless the rest makes the whole no hello.
fn check(message: &[u8], cut: usize) {
    let whole = handshake(message);
    if let Ok(ClientHello { server_name: Some(Host::Name(name)), .. }) = &whole {
        let lower = message.to_ascii_lowercase();
        assert!(position(&lower, name.as_str().as_bytes()).is_some(), "{name} is invented");
    }
    match handshake(&message[..cut]) {
        Ok(cut) if cut.complete => assert_eq!(Ok(cut), whole),
        Ok(cut) => match whole {
            Ok(whole) => assert_eq!(cut.server_name, whole.server_name),
            Err(error) => assert_eq!(error, TlsError::Malformed),
        },
        Err(TlsError::Incomplete) => {}
        Err(error) => assert_eq!(whole, Err(error), "what is wrong stays wrong"),
    }
}

/// The same cases in every run.
fn config() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(0x5043),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..400), cut in any::<prop::sample::Index>()) {
        let _ = client_hello(&bytes);
        let _ = client_hello(&[&[22, 3, 1][..], &bytes].concat());
        let cut = cut.index(bytes.len() + 1);
        check(&bytes, cut);
        // Behind valid fields.
        let body = [fields(8, 4, 1), vector16(&bytes)].concat();
        let message = message(1, &body);
        check(&message, message.len() - cut);
    }

    #[test]
    fn broken_hellos_are_survived(stream in mutated(), cut in any::<prop::sample::Index>()) {
        let cut_stream = client_hello(&stream[..cut.index(stream.len())]);
        if let (Ok(cut), Ok(whole)) = (cut_stream, client_hello(&stream)) {
            prop_assert_eq!(cut.server_name, whole.server_name);
        }
        let message = &stream[5..];
        check(message, cut.index(message.len() + 1));
    }
}
