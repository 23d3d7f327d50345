//! ICMP echo, over a raw socket or a ping socket.

use std::io::Read as _;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use socket2::{Domain, Protocol, Socket, Type};

use crate::arguments::Arguments;
use crate::packet::checksum;
use crate::{payload, report};

/// Sends `--count` echo requests with `--bytes` of data to the host `--to` and waits for each
/// reply. `--with raw` (the default) or `--with ping`: a datagram socket of protocol ICMP;
/// `--connected` connects it first.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let host: IpAddr = arguments.one("to")?;
    let count: u16 = arguments.one_or("count", 1)?;
    let data = payload::bytes(0, arguments.one("bytes")?);
    let (domain, protocol, kind) = match host {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, 8),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, 128),
    };
    let socket = match arguments.text("with").unwrap_or("raw") {
        "raw" => Socket::new(domain, Type::RAW, Some(protocol))?,
        "ping" => Socket::new(domain, Type::DGRAM, Some(protocol)).context("ping socket")?,
        other => bail!("--with {other}: unknown"),
    };
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    let address = std::net::SocketAddr::new(host, 0).into();
    if arguments.has("connected") {
        socket.connect(&address)?;
    }
    let mut buffer = vec![0; payload::CHUNK];
    let (mut sent, mut received) = (0, 0);
    for sequence in 0..count {
        let request = echo_request(kind, sequence, &data);
        sent += if arguments.has("connected") {
            socket.send(&request)?
        } else {
            socket.send_to(&request, &address)?
        };
        received += (&socket).read(&mut buffer).context("no reply")?;
    }
    report::done(&[("sent", &sent), ("received", &received)])
}

/// An echo request (RFC 792; RFC 4443, 4.1). The kernel fills in the checksum for IPv6 and for
/// ping sockets.
fn echo_request(kind: u8, sequence: u16, data: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, 0, 1];
    message.extend(sequence.to_be_bytes());
    message.extend(data);
    let checksum = checksum(&message);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    message
}
