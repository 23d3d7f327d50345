//! UDP clients.

use std::io::IoSlice;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use socket2::{Domain, Socket, Type};

use crate::arguments::Arguments;
use crate::report;
use crate::{packet, payload};

/// Datagrams in one sendmmsg(2).
const BATCH: usize = 64;

/// Sends `--count` datagrams of `--bytes` to each `--to`, in turn. Variants: `--connected`,
/// `--mapped`, `--mmsg`, `--segment LENGTH` (one buffer, cut by the kernel), `--echo` (waits for
/// an answer to each), `--interface ADDRESS` (for multicast), `--bind ADDRESS`.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let destinations = arguments.destinations()?;
    let count: u64 = arguments.one_or("count", 1)?;
    let datagram = payload::bytes(0, arguments.one("bytes")?);
    let socket = Socket::new(Domain::for_address(destinations[0]), Type::DGRAM, None)?;
    if let Some(address) = arguments.all::<SocketAddr>("bind")?.first() {
        socket.bind(&(*address).into())?;
    }
    if arguments.has("interface") {
        socket.set_multicast_if_v4(&arguments.one("interface")?)?;
    }
    if arguments.has("segment") {
        packet::set_udp_segment(&socket, arguments.one("segment")?)?;
    }
    let connected = arguments.has("connected");
    if connected {
        ensure!(destinations.len() == 1, "a connected socket has one destination");
        socket.connect(&destinations[0].into())?;
    }
    let (mut sent, mut received) = (0, 0);
    if arguments.has("mmsg") {
        sent = send_many(&socket, &destinations, count, &datagram)?;
    } else {
        let mut buffer = vec![0; payload::CHUNK];
        for _ in 0..count {
            for destination in &destinations {
                sent += if connected {
                    socket.send(&datagram)?
                } else {
                    socket.send_to(&datagram, &(*destination).into())?
                };
                if arguments.has("echo") {
                    received += std::io::Read::read(&mut &socket, &mut buffer)?;
                }
            }
        }
    }
    report::done(&[("sent", &sent), ("received", &received)])
}

/// Sends all datagrams in batches of one system call each.
fn send_many(
    socket: &Socket,
    destinations: &[SocketAddr],
    count: u64,
    datagram: &[u8],
) -> Result<usize> {
    let addresses: Vec<SocketAddrAny> =
        destinations.iter().map(|address| SocketAddrAny::from(*address)).collect();
    let total = usize::try_from(count)? * addresses.len();
    let data = [IoSlice::new(datagram)];
    let mut next = 0;
    while next < total {
        let batch = next..total.min(next + BATCH);
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> =
            batch.clone().map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<MMsgHdr<'_>> = batch
            .clone()
            .zip(&mut controls)
            .map(|(index, control)| {
                MMsgHdr::new_with_addr(&addresses[index % addresses.len()], &data, control)
            })
            .collect();
        next += sendmmsg(socket, &mut messages, SendFlags::empty()).context("sendmmsg")?;
    }
    Ok(total * datagram.len())
}
