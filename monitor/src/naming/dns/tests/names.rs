//! Names and their compression.

use super::*;

/// The example of RFC 1035, 4.1.4: four names at their offsets.
#[test]
fn the_example_of_the_standard() {
    let mut bytes = vec![0xaa; 93];
    bytes[20..32].copy_from_slice(b"\x01F\x03ISI\x04ARPA\0");
    bytes[40..46].copy_from_slice(b"\x03FOO\xc0\x14");
    bytes[64..66].copy_from_slice(b"\xc0\x1a");
    bytes[92] = 0;
    let read = |at| wire::name(&bytes, at);
    assert_eq!(read(20), Ok((Some(host("f.isi.arpa")), 32)));
    assert_eq!(read(40), Ok((Some(host("foo.f.isi.arpa")), 46)));
    assert_eq!(read(64), Ok((Some(host("arpa")), 66)));
    assert_eq!(read(92), Ok((None, 93)));
}

/// What an answer says when a record's owner is written like this. The record begins at byte 27.
fn owned_by(owner: &[u8]) -> Result<usize, DnsError> {
    let first = record(owner, kind::A, 9, &[192, 0, 2, 1]);
    let bytes = message_of(ANSWER, "a.example", kind::A, &[first]);
    assert_eq!(bytes.len(), 27 + owner.len() + 14);
    match message(&bytes)? {
        Message::Answer(answer) => Ok(answer.addresses.len()),
        Message::Query(_) => panic!("no answer"),
    }
}

#[test]
fn pointers_lead_back_to_where_a_name_stood() {
    assert_eq!(owned_by(&ASKED), Ok(1));
    assert_eq!(owned_by(b"\x01a\xc0\x0e"), Ok(1), "a label, then `example`");
    assert_eq!(owned_by(b"\x01A\x07EXAMPLE\0"), Ok(1));
    assert_eq!(owned_by(b"\xc0\x0e"), Ok(0), "`example` alone");
    assert_eq!(owned_by(b"\xc0\x1b"), Err(DnsError::Malformed), "to itself");
    assert_eq!(owned_by(b"\x01a\xc0\x1b"), Err(DnsError::Malformed), "in a circle");
    assert_eq!(owned_by(b"\xc0\x1d\x01a\0"), Err(DnsError::Malformed), "forward");
    assert_eq!(owned_by(b"\xff\xff"), Err(DnsError::Malformed), "out of the message");
    assert_eq!(owned_by(b"\xc0\x0b"), Err(DnsError::Malformed), "into the header");
    assert_eq!(owned_by(b"\x40\0"), Err(DnsError::Malformed), "a kind of label that is reserved");
    assert_eq!(owned_by(b"\x80\0"), Err(DnsError::Malformed));
}

/// The byte before a record as the length of a label, which the pointer to it would be in.
#[test]
fn no_name_goes_on_into_the_one_that_points_to_it() {
    let first = record(&ASKED, 16, 9, b"\x02");
    let asked = message_of(ANSWER, "a.example", kind::A, &[]).len();
    let target = u16::try_from(asked + first.len() - 1).expect("it is near") | 0xc000;
    let second = record(&target.to_be_bytes(), 16, 9, b"");
    let bytes = message_of(ANSWER, "a.example", kind::A, &[first, second]);
    assert_eq!(message(&bytes), Err(DnsError::Malformed));
}

#[test]
fn the_question_has_nothing_to_point_to() {
    for pointer in [[0xc0, 0], [0xc0, 11], [0xc0, 12], [0xc0, 14], [0xff, 0xff]] {
        let mut bytes = header(QUERY, [1, 0, 0, 0]);
        bytes.extend(pointer);
        bytes.extend([0, 1, 0, 1]);
        assert_eq!(message(&bytes), Err(DnsError::Malformed), "{pointer:?}");
    }
}

#[test]
fn long_names_are_none() {
    let asked = |label: usize, count: usize| {
        let text = vec!["x".repeat(label); count].join(".");
        message(&message_of(QUERY, &text, kind::A, &[]))
    };
    // 255 bytes with the lengths and the root are the most (RFC 1035, 2.3.4).
    assert!(asked(1, 127).is_ok());
    assert_eq!(asked(1, 128), Err(DnsError::Malformed));
    assert!(asked(63, 3).is_ok());
    assert_eq!(asked(63, 4), Err(DnsError::Malformed));
}

/// A chain of pointers that makes a name of one label per pointer, and one that only points.
#[test]
fn pointers_are_bounded() {
    let chained = |label: &[u8], count: usize| {
        let mut bytes = message_of(ANSWER, "a.example", kind::A, &[]);
        let mut last = bytes.len();
        bytes.push(0);
        for _ in 0..count {
            let pointer = u16::try_from(last).expect("it is near") | 0xc000;
            last = bytes.len();
            bytes.extend(label);
            bytes.extend(pointer.to_be_bytes());
        }
        wire::name(&bytes, last)
    };
    assert_eq!(chained(b"\x01x", 127).map(|(name, _)| name.is_some()), Ok(true));
    assert_eq!(chained(b"\x01x", 128), Err(DnsError::Malformed));
    assert!(chained(b"", 127).is_ok());
    assert_eq!(chained(b"", 128), Err(DnsError::Malformed));
}

#[test]
fn records_of_what_is_no_host_are_skipped() {
    let bytes = message_of(
        ANSWER,
        "a.example",
        kind::A,
        &[
            record(b"\x03b\0b\0", kind::A, 9, &[192, 0, 2, 1]),
            record(&ASKED, kind::CNAME, 9, b"\x03b\0b\0"),
            record(&[0], kind::A, 9, &[192, 0, 2, 2]),
            record(&ASKED, kind::A, 9, &[192, 0, 2, 3]),
        ],
    );
    assert_eq!(addresses(&bytes), ["192.0.2.3 9"]);
}

#[test]
fn a_name_in_data_stays_within_them() {
    let alias = |data: &[u8]| {
        let records =
            [record(&ASKED, kind::CNAME, 9, data), record(b"\x01b\0", kind::A, 9, &[192, 0, 2, 1])];
        message(&message_of(ANSWER, "a.example", kind::A, &records))
    };
    let count = |found: Result<Message, DnsError>| match found {
        Ok(Message::Answer(answer)) => answer.addresses.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(count(alias(b"\x01b\0")), 1);
    assert_eq!(count(alias(b"\x01b\0\0")), 0, "more data than a name");
    assert_eq!(alias(b"\x01b"), Err(DnsError::Malformed), "the name goes on after the data");
    assert_eq!(alias(b"\x3fb"), Err(DnsError::Malformed));
    assert_eq!(alias(b""), Err(DnsError::Malformed));
}
