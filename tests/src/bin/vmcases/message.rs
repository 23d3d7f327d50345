//! Messages that name a host, byte by byte.

use std::net::Ipv4Addr;

/// The host in [`initial`].
pub(crate) const QUIC_HOST: &str = "example.com";

/// The published example of a protected packet (RFC 9001, A.2).
const INITIAL: &str = include_str!("../../../../monitor/fixtures/hello/rfc9001.hex");

/// A DNS question for a host's IPv4 address (RFC 1035, 4.1).
pub(crate) fn question(host: &str) -> Vec<u8> {
    // Identifier; recursion is desired; one question, and nothing else.
    let mut message = vec![0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in host.split('.') {
        message.push(u8::try_from(label.len()).expect("a short label"));
        message.extend(label.as_bytes());
    }
    // The root; type A, class IN.
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// The answer to a question: one address, for a minute.
pub(crate) fn answer(question: &[u8], address: Ipv4Addr) -> Vec<u8> {
    let mut message = question.to_vec();
    // An answer without error, to a client that wanted recursion from a server that has it; one record.
    message[2..4].copy_from_slice(&[0x81, 0x80]);
    message[7] = 1;
    // The name is where the question has it (4.1.4); type A, class IN, 60 seconds, four bytes.
    message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    message.extend(address.octets());
    message
}

/// The address at the end of an answer.
pub(crate) fn address(answer: &[u8]) -> Ipv4Addr {
    let octets: [u8; 4] = *answer.last_chunk().expect("an answer");
    octets.into()
}

/// A request of HTTP/1.1 (RFC 9112).
pub(crate) fn request(host: &str) -> Vec<u8> {
    format!("GET /some/path HTTP/1.1\r\nAccept: */*\r\nHost: {host}\r\n\r\n").into_bytes()
}

/// A hello of TLS 1.2 with one cipher suite, and a server name as its only extension (RFC 5246, 7.4.1.2;
/// RFC 6066, 3).
pub(crate) fn hello(host: &str) -> Vec<u8> {
    let name = [&[0][..], &counted(host.as_bytes())].concat();
    let extension = [&[0, 0][..], &counted(&counted(&name))].concat();
    let mut body = vec![3, 3];
    body.extend([0x5a; 32]);
    // No session; one suite; no compression.
    body.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    body.extend(counted(&extension));
    // A ClientHello, whose length has three bytes.
    let handshake = [&[1, 0][..], &counted(&body)].concat();
    [&[0x16, 3, 1][..], &counted(&handshake)].concat()
}

/// Bytes behind their number, which takes two bytes.
fn counted(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("few").to_be_bytes();
    [&length, bytes].concat()
}

/// A client's first packet of QUIC version 1 that asks for [`QUIC_HOST`].
pub(crate) fn initial() -> Vec<u8> {
    let lines = INITIAL.lines().filter(|line| !line.starts_with('#'));
    let digits: Vec<u8> = lines.flat_map(|line| line.trim().bytes()).collect();
    let byte = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).expect("hexadecimal digits");
        u8::from_str_radix(text, 16).expect("hexadecimal digits")
    };
    digits.chunks(2).map(byte).collect()
}
