//! Dumps over netlink(7): a request, and the messages that answer it.

use std::io;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};

/// `NLM_F_REQUEST | NLM_F_DUMP` (uapi/linux/netlink.h).
const REQUEST_DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// The kernel fills datagrams of a dump up to 32 KiB (`netlink_dump`, net/netlink/af_netlink.c).
const DATAGRAM_BYTES: usize = 32 * 1024;

/// Sends a dump request of this kind and body, and gives every answer's body to `visit`. The protocol
/// `None` is `NETLINK_ROUTE`, whose number is 0.
///
/// # Errors
///
/// What the kernel says: mostly that it does not know the request.
pub(super) fn dump(
    protocol: Option<Protocol>,
    kind: u16,
    body: &[u8],
    mut visit: impl FnMut(&[u8]),
) -> io::Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        protocol,
    )?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &request(kind, body), SendFlags::empty(), &kernel)?;
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        let (length, _) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        let datagram = buffer.get(..length).unwrap_or_default();
        if datagram.is_empty() || read_answers(datagram, &mut visit)? {
            return Ok(());
        }
    }
}

fn request(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + body.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

/// Reads the messages of one datagram; true when the dump is complete, or makes no sense any more.
fn read_answers(mut bytes: &[u8], visit: &mut impl FnMut(&[u8])) -> io::Result<bool> {
    while !bytes.is_empty() {
        let length = field(bytes, 0).map_or(0, u32::from_ne_bytes) as usize;
        let Some(body) = bytes.get(HEADER_BYTES..length) else {
            return Ok(true);
        };
        match field(bytes, 4).map(u16::from_ne_bytes) {
            Some(NLMSG_DONE) => return Ok(true),
            Some(NLMSG_ERROR) => {
                return match field(body, 0).map_or(0, i32::from_ne_bytes) {
                    0 => Ok(true),
                    code => Err(io::Error::from_raw_os_error(code.saturating_neg())),
                };
            }
            _ => visit(body),
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// The attributes of a message (`struct rtattr`) that start at `at`: type and value.
pub(super) fn attributes(body: &[u8], at: usize) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = body.get(at..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(field(rest, 0)?));
        // The upper two bits are flags (`NLA_TYPE_MASK`).
        let kind = u16::from_ne_bytes(field(rest, 2)?) & 0x3fff;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Bytes of a message at an offset.
pub(super) fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn truncated_answers_end_the_dump() {
        let bytes = request(20, &[7; 12]);
        for length in 1..bytes.len() {
            let mut seen = 0;
            let result = read_answers(&bytes[..length], &mut |_| seen += 1);
            assert!(result.is_ok_and(|complete| complete) && seen == 0, "{length} bytes");
        }
        let mut seen = Vec::new();
        let result = read_answers(&bytes, &mut |body: &[u8]| seen.push(body.to_vec()));
        assert!(result.is_ok_and(|complete| !complete));
        assert_eq!(seen, [[7; 12]]);
    }

    #[test]
    fn a_length_of_zero_does_not_loop() {
        assert!(read_answers(&[0; 64], &mut |_| ()).is_ok_and(|complete| complete));
        assert_eq!(attributes(&[0; 64], 0).count(), 0);
    }

    #[test]
    fn an_error_is_passed_on() {
        let mut bytes = request(NLMSG_ERROR, &(-2_i32).to_ne_bytes());
        bytes.resize(64, 0);
        let error = read_answers(&bytes, &mut |_| ()).expect_err("the kernel refused");
        assert_eq!(error.raw_os_error(), Some(2));
    }

    #[test]
    fn attributes_are_padded() {
        let mut bytes = Vec::new();
        for (kind, value) in [(3_u16, &b"abc"[..]), (0x8017, &b"12345678"[..])] {
            bytes.extend((4 + u16::try_from(value.len()).expect("short")).to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        let found: Vec<_> = attributes(&bytes, 0).collect();
        assert_eq!(found, [(3, &b"abc"[..]), (0x17, &b"12345678"[..])]);
    }
}
