//! QUIC version 2: a server and a client, who complete a handshake and part.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rustls::pki_types::ServerName;
use rustls::quic::{ClientConnection, Connection, ServerConnection, Version};
use rustls::{ServerConfig, Side};

use crate::arguments::Arguments;
use crate::frames::{CLOSE, HANDSHAKE_DONE};
use crate::link::{Header, Link, VERSION_2, new_id};
use crate::report::{Ends, seen};
use crate::visit::{Goal, PATIENCE, config, done};

/// Bytes of the largest datagram.
const DATAGRAM_MAX: usize = 65_535;

/// Transport parameters (RFC 9000, 18.2).
const ORIGINAL_DESTINATION: u8 = 0x00;
const INITIAL_SOURCE: u8 = 0x0f;
/// The version in use and those that could be (RFC 9368, 3).
const VERSION_INFORMATION: u8 = 0x11;

/// Answers at an address, until the socket fails.
pub(crate) fn serve(config: &Arc<ServerConfig>, socket: &UdpSocket) -> Result<()> {
    let local = socket.local_addr()?;
    let mut links: HashMap<SocketAddr, (Link, bool)> = HashMap::new();
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        let datagram = buffer.get(..length).unwrap_or_default();
        let known = links.remove(&peer).map_or_else(|| accept(config, datagram), Ok);
        let ends = Ends::new(peer, local);
        match known.and_then(|link| advance(link, datagram, socket, peer, ends)) {
            Ok(Some(link)) => drop(links.insert(peer, link)),
            Ok(None) => {}
            Err(error) => eprintln!("QUIC version 2: {error:#}"),
        }
    }
}

fn accept(config: &Arc<ServerConfig>, datagram: &[u8]) -> Result<(Link, bool)> {
    let header = Header::parse(datagram)?;
    let own = new_id()?;
    let parameters = [
        parameter(ORIGINAL_DESTINATION, &header.destination),
        parameter(INITIAL_SOURCE, &own),
        parameter(VERSION_INFORMATION, &[VERSION_2.to_be_bytes(); 2].concat()),
    ];
    let tls = ServerConnection::new(Arc::clone(config), Version::V2, parameters.concat())?;
    let link = Link::new(tls, Side::Server, &header.destination, own, header.source)?;
    Ok((link, false))
}

/// Reads what came and answers it; says once what was seen. None when the client has closed.
fn advance(
    (mut link, mut is_told): (Link, bool),
    datagram: &[u8],
    socket: &UdpSocket,
    peer: SocketAddr,
    ends: Ends,
) -> Result<Option<(Link, bool)>> {
    link.read(datagram)?;
    for answer in link.flush()? {
        socket.send_to(&answer, peer)?;
    }
    if let Connection::Server(tls) = link.tls()
        && !tls.is_handshaking()
        && !is_told
    {
        let alpn = tls.alpn_protocol().map(String::from_utf8_lossy).unwrap_or_default();
        seen(
            "quic",
            tls.server_name(),
            ends,
            &[("alpn", &alpn), ("version", &2), ("retried", &false)],
        );
        is_told = true;
        socket.send_to(&link.last(vec![HANDSHAKE_DONE])?, peer)?;
    }
    Ok((!link.is_closed).then_some((link, is_told)))
}

/// Completes a handshake with `--to`; `--protocols N` makes the hello long.
pub(crate) fn visit(arguments: &Arguments) -> Result<()> {
    let goal = Goal::find(arguments)?;
    let any = if goal.address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(goal.address)?;
    let (first, own) = (new_id()?, new_id()?);
    let parameters = [
        parameter(INITIAL_SOURCE, &own),
        parameter(VERSION_INFORMATION, &[VERSION_2.to_be_bytes(); 2].concat()),
    ];
    let config = Arc::new(config(arguments, b"h3")?);
    let name = ServerName::try_from(goal.host.clone())?;
    let tls = ClientConnection::new(config, Version::V2, name, parameters.concat())?;
    let mut link = Link::new(tls, Side::Client, &first, own, first.clone())?;
    let mut buffer = vec![0; DATAGRAM_MAX];
    while !link.is_confirmed {
        for datagram in link.flush()? {
            socket.send(&datagram)?;
        }
        let length = socket.recv(&mut buffer).context("no answer")?;
        link.read(buffer.get(..length).unwrap_or_default())?;
    }
    ensure!(!link.tls().is_handshaking(), "confirmed before it was over");
    socket.send(&link.last(CLOSE.to_vec())?)?;
    done(&goal)
}

/// A transport parameter of less than 64 bytes.
fn parameter(id: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap_or_default();
    [&[id, length], value].concat()
}
