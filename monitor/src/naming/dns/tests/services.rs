//! Service bindings (RFC 9460).

use super::*;

/// An answer with one binding of the name asked for.
fn bound(data: &[u8]) -> Vec<u8> {
    message_of(ANSWER, "example.com", kind::SVCB, &[record(&ASKED, kind::SVCB, 9, data)])
}

/// The same, and an address of `foo.example.com` in the additional section.
fn bound_with_foo(data: &[u8]) -> Vec<u8> {
    let mut bytes = bound(data);
    bytes[11] = 1;
    bytes.extend(record(b"\x03foo\xc0\x0c", kind::A, 5, &[192, 0, 2, 9]));
    bytes
}

/// The vectors of RFC 9460, D.1 and D.2, by figure.
#[test]
fn the_vectors_of_the_standard() {
    let foo = b"\x03foo\x07example\x03com\x00";
    let with = |priority: u8, target: &[u8], parameters: &[u8]| {
        [&[0, priority], target, parameters].concat()
    };
    let figure_2 = with(0, foo, b"");
    assert_eq!(addresses(&bound_with_foo(&figure_2)), ["192.0.2.9 5"]);
    let figure_3 = with(1, b"\0", b"");
    assert_eq!(addresses(&bound_with_foo(&figure_3)), [""; 0]);
    let figure_4 = with(16, foo, b"\x00\x03\x00\x02\x00\x35");
    assert_eq!(addresses(&bound_with_foo(&figure_4)), ["192.0.2.9 5"]);
    let figure_6 = with(1, foo, b"\x02\x9b\x00\x09hello\xd2qoo");
    assert_eq!(addresses(&bound_with_foo(&figure_6)), ["192.0.2.9 5"]);
    let figure_7 = with(
        1,
        foo,
        b"\x00\x06\x00\x20\
          \x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\
          \x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x53\x00\x01",
    );
    assert_eq!(addresses(&bound(&figure_7)), ["2001:db8::1 9", "2001:db8::53:1 9"]);
    let figure_8 = with(
        1,
        b"\x07example\x03com\x00",
        b"\x00\x06\x00\x10\x20\x01\x0d\xb8\x01\x22\x03\x44\x00\x00\x00\x00\xc0\x00\x02\x21",
    );
    assert_eq!(addresses(&bound(&figure_8)), ["2001:db8:122:344::c000:221 9"]);
    let figure_9 = with(
        16,
        b"\x03foo\x07example\x03org\x00",
        b"\x00\x00\x00\x04\x00\x01\x00\x04\
          \x00\x01\x00\x09\x02h2\x05h3-19\
          \x00\x04\x00\x04\xc0\x00\x02\x01",
    );
    assert_eq!(addresses(&bound(&figure_9)), ["192.0.2.1 9"]);
}

#[test]
fn an_alias_has_no_parameters() {
    let data = b"\0\0\x03foo\xc0\x0c\0\x04\0\x04\xc0\0\x02\x01";
    assert_eq!(addresses(&bound_with_foo(data)), ["192.0.2.9 5"], "RFC 9460, 2.4.2");
}

#[test]
fn broken_bindings_are_skipped() {
    let hint = b"\0\x04\0\x04\xc0\0\x02\x01";
    let bind = |parameters: &[u8]| addresses(&bound(&[b"\0\x01\0", parameters].concat()));
    assert_eq!(bind(hint), ["192.0.2.1 9"]);
    assert_eq!(bind(&[hint.as_slice(), hint].concat()), [""; 0], "twice the same key");
    assert_eq!(bind(&[hint.as_slice(), b"\0\x01\0\0"].concat()), [""; 0], "not in order");
    let ipv6 = b"\0\x06\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01";
    assert_eq!(bind(&[hint.as_slice(), ipv6].concat()), ["192.0.2.1 9", "2001:db8::1 9"]);
    assert_eq!(bind(&[b"\0\x04\0\0".as_slice(), ipv6].concat()), [""; 0], "an empty hint");
    assert_eq!(bind(b"\0\x04\0\x05\xc0\0\x02\x01\0"), [""; 0], "one and a quarter");
    assert_eq!(bind(b"\0\x06\0\x04\xc0\0\x02\x01"), [""; 0]);
    assert_eq!(bind(b"\0\x04\0\x08\xc0\0\x02\x01"), [""; 0], "longer than the data");
    assert_eq!(bind(&[hint.as_slice(), b"\0\x07\0"].concat()), [""; 0], "half a parameter");
    assert_eq!(addresses(&bound(b"\0")), [""; 0], "half a priority");
    assert_eq!(
        addresses(&bound(&[b"\0\x01\x01 \0".as_slice(), hint].concat())),
        [""; 0],
        "no host"
    );
    assert_eq!(message(&bound(b"\0\x01")), Err(DnsError::Malformed), "no target");
}

#[test]
fn bindings_of_other_names_are_not_ours() {
    let data = b"\0\x01\0\0\x04\0\x04\xc0\0\x02\x01";
    let records = [record(b"\x03foo\xc0\x0c", kind::HTTPS, 9, data)];
    assert_eq!(addresses(&message_of(ANSWER, "example.com", kind::HTTPS, &records)), [""; 0]);
}
