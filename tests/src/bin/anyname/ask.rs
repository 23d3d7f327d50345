//! Questions without a conversation after them.

use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};

use anyhow::{Context as _, Result, ensure};

use crate::arguments::Arguments;
use crate::report;
use crate::visit::PATIENCE;

/// Bytes of a label at most (RFC 1035, 2.3.4).
const LABEL_MAX: usize = 63;

/// Asks the resolver for `--count` names below the domain `--to`, as whoever carries data out in
/// questions does.
pub(crate) fn lookups(arguments: &Arguments) -> Result<()> {
    let domain: String = arguments.one("to")?;
    let count: u32 = arguments.one("count")?;
    for number in 0..count {
        let name = format!("{number:08x}.{domain}");
        ensure!((name.as_str(), 0).to_socket_addrs()?.next().is_some(), "no address of {name}");
    }
    report::line("done", &[("count", &count)]);
    Ok(())
}

/// Asks `--server` for one label of these bytes (`--hex`) below the domain `--to`, past the resolver
/// and its rules for names.
pub(crate) fn odd(arguments: &Arguments) -> Result<()> {
    let server: SocketAddr = arguments.one("server")?;
    let domain: String = arguments.one("to")?;
    let hex: String = arguments.one("hex")?;
    let odd: Vec<u8> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?))
        .collect::<Result<_>>()?;
    let mut query = [7, 0x0100, 1, 0, 0, 0].map(u16::to_be_bytes).as_flattened().to_vec();
    for label in std::iter::once(&odd[..]).chain(domain.split('.').map(str::as_bytes)) {
        ensure!(label.len() <= LABEL_MAX, "a label of {} bytes", label.len());
        query.push(u8::try_from(label.len())?);
        query.extend(label);
    }
    // The end of the name, type A, class IN.
    query.extend([0, 0, 1, 0, 1]);
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(server)?;
    socket.send(&query)?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).context("no answer")?;
    ensure!(answer[..length].starts_with(&[0, 7, 0x81, 0x80]), "not the answer");
    report::line("done", &[("bytes", &length)]);
    Ok(())
}
