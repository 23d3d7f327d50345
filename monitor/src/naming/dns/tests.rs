#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::panic, reason = "a test fails by panicking")]

mod graphs;
mod names;
mod services;
mod vectors;

use super::*;

/// Flags of a query that wants recursion, and of an answer to it.
const QUERY: u16 = 0x0100;
const ANSWER: u16 = 0x8180;
const IN: u16 = 1;

/// A pointer to the name of the question.
const ASKED: [u8; 2] = [0xc0, 12];

/// A name as it stands in a message, without compression.
fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).expect("a label is short"));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn header(flags: u16, counts: [u16; 4]) -> Vec<u8> {
    let fields = [0x1234, flags].into_iter().chain(counts);
    fields.flat_map(u16::to_be_bytes).collect()
}

/// A message with one question, and records in the answer section.
fn message_of(flags: u16, asked: &str, kind: u16, records: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(records.len()).expect("a test has few records");
    let mut bytes = header(flags, [1, count, 0, 0]);
    bytes.extend(name(asked));
    bytes.extend(kind.to_be_bytes());
    bytes.extend(IN.to_be_bytes());
    bytes.extend(records.concat());
    bytes
}

fn record_of_class(owner: &[u8], kind: u16, class: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = owner.to_vec();
    bytes.extend(kind.to_be_bytes());
    bytes.extend(class.to_be_bytes());
    bytes.extend(ttl.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).expect("data are short").to_be_bytes());
    bytes.extend(data);
    bytes
}

fn record(owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    record_of_class(owner, kind, IN, ttl, data)
}

fn answer(bytes: &[u8]) -> Answer {
    match message(bytes) {
        Ok(Message::Answer(answer)) => answer,
        other => panic!("no answer but {other:?}"),
    }
}

/// Addresses with their seconds, as text.
fn addresses(bytes: &[u8]) -> Vec<String> {
    let told = |found: &Resolved| format!("{} {}", found.address, found.ttl);
    answer(bytes).addresses.iter().map(told).collect()
}

fn host(text: &str) -> HostName {
    HostName::parse(text.as_bytes()).expect("a name")
}

#[test]
fn a_query_says_what_is_asked() {
    let bytes = message_of(QUERY, "Open.OnePlus.net", kind::HTTPS, &[]);
    let question = Question { name: host("open.oneplus.net"), kind: 65 };
    assert_eq!(message(&bytes), Ok(Message::Query(Query { id: 0x1234, question })));
}

#[test]
fn an_answer_says_how_it_went() {
    let refused = answer(&message_of(0x8389, "a.example", kind::A, &[]));
    assert_eq!((refused.id, refused.rcode, refused.truncated), (0x1234, 9, true));
    assert_eq!((refused.partial, refused.addresses.len()), (false, 0));
    let fine = answer(&message_of(ANSWER, "a.example", kind::A, &[]));
    assert_eq!((fine.rcode, fine.truncated), (0, false));
}

#[test]
fn what_is_no_plain_question_is_told_apart() {
    let question = |asked: &[u8], class: u16| {
        let mut bytes = header(QUERY, [1, 0, 0, 0]);
        bytes.extend(asked);
        bytes.extend(kind::A.to_be_bytes());
        bytes.extend(class.to_be_bytes());
        message(&bytes)
    };
    assert!(question(&name("a.example"), IN).is_ok());
    assert!(question(&name("a.local"), 0x8001).is_ok(), "multicast: answer to me alone");
    assert!(question(&name("a.example"), 255).is_ok());
    assert_eq!(question(&name("version.bind"), 3), Err(DnsError::NotInternet));
    assert_eq!(question(&name(""), IN), Err(DnsError::NotHost), "the root");
    assert_eq!(question(b"\x03a.b\x01c\0", IN), Err(DnsError::NotHost), "a dot in a label");
    assert_eq!(question(b"\x03a\nb\x01c\0", IN), Err(DnsError::NotHost));
    assert_eq!(question(b"\x04\xe9\xe9\xe9\xe9\0", IN), Err(DnsError::NotHost));

    for opcode in 1..16 {
        let bytes = message_of(QUERY | opcode << 11, "a.example", kind::A, &[]);
        assert_eq!(message(&bytes), Err(DnsError::NotQuery), "{opcode}");
    }
    for count in [0, 2, 0xffff] {
        let mut bytes = header(ANSWER, [count, 0, 0, 0]);
        bytes.extend(name("a.example"));
        bytes.extend([0, 1, 0, 1]);
        assert_eq!(message(&bytes), Err(DnsError::QuestionCount), "{count}");
    }
}

#[test]
fn seconds_with_the_top_bit_set_are_none() {
    let with = |ttl| {
        let bytes = message_of(
            ANSWER,
            "a.example",
            kind::A,
            &[record(&ASKED, kind::A, ttl, &[192, 0, 2, 1])],
        );
        answer(&bytes).addresses[0].ttl
    };
    assert_eq!(with(0x7fff_ffff), 0x7fff_ffff);
    assert_eq!(with(0x8000_0000), 0);
    assert_eq!(with(u32::MAX), 0);
}

#[test]
fn only_whole_addresses_of_the_internet_count() {
    let bytes = message_of(
        ANSWER,
        "a.example",
        kind::A,
        &[
            record(&ASKED, kind::A, 9, &[192, 0, 2, 1, 0]),
            record(&ASKED, kind::A, 9, &[192, 0, 2]),
            record(&ASKED, kind::AAAA, 9, &[192, 0, 2, 1]),
            record_of_class(&ASKED, kind::A, 3, 9, &[192, 0, 2, 2]),
            record_of_class(&ASKED, kind::A, 255, 9, &[192, 0, 2, 2]),
            record(&name("b.example"), kind::A, 9, &[192, 0, 2, 3]),
            record(&[0], 41, 0, &[]),
            record_of_class(&ASKED, kind::A, 0x8001, 9, &[192, 0, 2, 4]),
        ],
    );
    assert_eq!(addresses(&bytes), ["192.0.2.4 9"], "the one that multicast flags as the whole set");
}

#[test]
fn each_address_is_told_once_with_its_longest_time() {
    let address = |ttl, last| record(&ASKED, kind::A, ttl, &[192, 0, 2, last]);
    let bytes =
        message_of(ANSWER, "a.example", kind::A, &[address(5, 1), address(7, 2), address(6, 1)]);
    assert_eq!(addresses(&bytes), ["192.0.2.1 6", "192.0.2.2 7"]);
}

#[test]
fn addresses_are_bounded() {
    let many: Vec<_> =
        (0..200).map(|last| record(&ASKED, kind::A, 9, &[192, 0, 2, last])).collect();
    let found = answer(&message_of(ANSWER, "a.example", kind::A, &many));
    assert_eq!(found.addresses.len(), 64);
    assert_eq!(found.addresses[63].address.to_string(), "192.0.2.63");
    assert!(!found.partial, "all were read");
}

#[test]
fn records_are_bounded() {
    let text = |count| vec![record(&ASKED, 16, 9, b"\x01x"); count];
    let with_last = |count| {
        let mut records = text(count);
        records.push(record(&ASKED, kind::A, 9, &[192, 0, 2, 1]));
        answer(&message_of(ANSWER, "a.example", kind::A, &records))
    };
    assert_eq!((with_last(255).addresses.len(), with_last(255).partial), (1, false));
    assert_eq!((with_last(256).addresses.len(), with_last(256).partial), (0, true));
}

#[test]
fn counts_are_only_claims() {
    let mut bytes = header(ANSWER, [1, 0xffff, 0xffff, 0xffff]);
    bytes.extend(name("a.example"));
    bytes.extend([0, 1, 0, 1]);
    bytes.extend(record(&ASKED, kind::A, 9, &[192, 0, 2, 1]));
    assert_eq!(addresses(&bytes), ["192.0.2.1 9"]);
    assert!(answer(&bytes).partial);
}

#[test]
fn the_authority_section_is_no_answer() {
    let three: Vec<_> = (1..4).map(|last| record(&ASKED, kind::A, 9, &[192, 0, 2, last])).collect();
    let mut bytes = message_of(ANSWER, "a.example", kind::A, &three);
    bytes[6..12].copy_from_slice(&[0, 1, 0, 1, 0, 1]);
    assert_eq!(addresses(&bytes), ["192.0.2.1 9", "192.0.2.3 9"]);
}

#[test]
fn what_follows_the_last_record_is_nothing() {
    let mut bytes =
        message_of(ANSWER, "a.example", kind::A, &[record(&ASKED, kind::A, 9, &[192, 0, 2, 1])]);
    bytes.extend(record(&ASKED, kind::A, 9, &[192, 0, 2, 2]));
    assert_eq!(addresses(&bytes), ["192.0.2.1 9"]);
    assert!(!answer(&bytes).partial);
}

#[test]
fn a_stream_gives_its_whole_messages() {
    let query = message_of(QUERY, "a.example", kind::A, &[]);
    let mut stream = Vec::new();
    for bytes in [query.as_slice(), b"", b"\x01", &query] {
        stream.extend(u16::try_from(bytes.len()).expect("it is short").to_be_bytes());
        stream.extend(bytes);
    }
    let whole = stream.len();
    let asked = message(&query);
    assert!(asked.is_ok());
    let incomplete = Err(DnsError::Incomplete);
    let expected = [asked.clone(), incomplete.clone(), incomplete, asked];

    let mut found = framed(&stream);
    assert_eq!(found.by_ref().collect::<Vec<_>>(), expected);
    assert_eq!(found.consumed(), whole);

    let ends = [2 + query.len(), 4 + query.len(), 7 + query.len(), whole];
    for cut in 0..whole {
        let mut found = framed(&stream[..cut]);
        let count = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(found.by_ref().collect::<Vec<_>>(), expected[..count], "{cut}");
        assert_eq!(found.consumed(), if count == 0 { 0 } else { ends[count - 1] }, "{cut}");
        assert_eq!(found.next(), None);
    }
}
