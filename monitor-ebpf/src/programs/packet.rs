//! What the headers of a packet say: the far end, and how long the headers are.

use super::ctx::{Direction, Packet, Remote};

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

const ETH_P_IP: u16 = 0x0800_u16.to_be();

/// IPv6 extension headers that are stepped over (RFC 8200, 4.1); the kernel sends at most these.
const EXTENSIONS_MAX: usize = 4;

/// The end of the IP header, and what follows it.
struct Payload {
    protocol: u8,
    offset: u32,
}

/// The far end of the packet as its headers give it.
pub(super) struct Peer {
    pub(super) remote: Remote,
    pub(super) protocol: u8,
}

/// Reads the far end: the destination of a packet sent, the source of one received. Without an IP
/// header to read (never seen) the address is all zero.
#[inline(always)]
pub(super) fn peer(packet: &Packet, direction: Direction) -> Peer {
    if packet.ethertype == ETH_P_IP {
        peer_v4(packet, direction)
    } else {
        peer_v6(packet, direction)
    }
}

/// One read covers header and ports of a packet without options.
#[inline(always)]
fn peer_v4(packet: &Packet, direction: Direction) -> Peer {
    let (header, mut ports) = match packet.words::<6>(0) {
        Some([a, b, c, source, destination, ports]) => ([a, b, c, source, destination], ports),
        None => (packet.words::<5>(0).unwrap_or([0; 5]), 0),
    };
    let payload = payload_v4(&header);
    if payload.offset != 20 {
        ports = first_word(packet, payload.offset);
    }
    let [_, _, _, source, destination] = header;
    let address = if direction == Direction::Transmit { destination } else { source };
    let port = port(payload.protocol, ports, direction);
    Peer { remote: Remote::v4(address, port), protocol: payload.protocol }
}

#[inline(always)]
fn peer_v6(packet: &Packet, direction: Direction) -> Peer {
    let header = packet.words::<10>(0).unwrap_or([0; 10]);
    let payload = payload_v6(packet, &header);
    let ports = first_word(packet, payload.offset);
    let [_, _, s0, s1, s2, s3, d0, d1, d2, d3] = header;
    let words = if direction == Direction::Transmit { [d0, d1, d2, d3] } else { [s0, s1, s2, s3] };
    let port = port(payload.protocol, ports, direction);
    Peer { remote: Remote::v6(words, port), protocol: payload.protocol }
}

/// The remote one of the two ports, host byte order; 0 where the protocol has none.
#[inline(always)]
fn port(protocol: u8, ports: u32, direction: Direction) -> u16 {
    if protocol != TCP && protocol != UDP {
        return 0;
    }
    let [s0, s1, d0, d1] = ports.to_ne_bytes();
    if direction == Direction::Transmit {
        u16::from_be_bytes([d0, d1])
    } else {
        u16::from_be_bytes([s0, s1])
    }
}

#[inline(always)]
fn payload_v4(header: &[u32; 5]) -> Payload {
    let [version_length, ..] = header[0].to_ne_bytes();
    let [_, protocol, ..] = header[2].to_ne_bytes();
    Payload { protocol, offset: u32::from(version_length & 0x0f) * 4 }
}

/// Steps over the extension headers.
#[inline(always)]
fn payload_v6(packet: &Packet, header: &[u32; 10]) -> Payload {
    let [_, _, mut protocol, _] = header[1].to_ne_bytes();
    let mut offset = 40;
    for _ in 0..EXTENSIONS_MAX {
        // Hop-by-hop options, routing, destination options; a fragment header never gets here.
        if protocol != 0 && protocol != 43 && protocol != 60 {
            break;
        }
        let [next, length, ..] = first_word(packet, offset).to_ne_bytes();
        protocol = next;
        offset += (u32::from(length) + 1) * 8;
    }
    Payload { protocol, offset }
}

#[inline(always)]
fn first_word(packet: &Packet, offset: u32) -> u32 {
    let [word] = packet.words::<1>(offset).unwrap_or([0]);
    word
}

/// Bytes the packet makes on the wire, and the packets it makes.
///
/// A packet that is cut up later carries its headers once here and once per segment there.
#[inline(always)]
pub(super) fn size(packet: &Packet) -> (u64, u64) {
    let length = u64::from(packet.length);
    let segments = packet.segments;
    if segments <= 1 {
        return (length, 1);
    }
    let repeated = u64::from(segments - 1) * u64::from(headers(packet));
    (length + repeated, u64::from(segments))
}

/// Length of IP and transport headers.
#[inline(always)]
fn headers(packet: &Packet) -> u32 {
    let payload = if packet.ethertype == ETH_P_IP {
        payload_v4(&packet.words::<5>(0).unwrap_or([0; 5]))
    } else {
        payload_v6(packet, &packet.words::<10>(0).unwrap_or([0; 10]))
    };
    let transport = if payload.protocol == TCP {
        // Data offset, the upper half of byte 12 (RFC 9293, 3.1).
        let [offset, ..] = first_word(packet, payload.offset + 12).to_ne_bytes();
        u32::from(offset >> 4) * 4
    } else {
        8
    };
    payload.offset + transport
}

/// Where a packet's payload is.
pub(super) struct Content {
    /// From the IP header on, in bytes.
    pub(super) offset: u32,
    /// Its length in bytes; 0 when there is none, or when the headers do not fit.
    pub(super) length: u32,
    /// TCP sequence number of its first byte; 0 for UDP.
    pub(super) sequence: u32,
}

/// The payload of a packet of TCP or UDP.
#[inline(always)]
pub(super) fn content(packet: &Packet, protocol: u8) -> Content {
    let payload = if packet.ethertype == ETH_P_IP {
        payload_v4(&packet.words::<5>(0).unwrap_or([0; 5]))
    } else {
        payload_v6(packet, &packet.words::<10>(0).unwrap_or([0; 10]))
    };
    let (offset, sequence) = if protocol == TCP {
        // Sequence number and data offset (RFC 9293, 3.1).
        let [_, sequence, _, flags] = packet.words::<4>(payload.offset).unwrap_or([0; 4]);
        let [length, ..] = flags.to_ne_bytes();
        (payload.offset + u32::from(length >> 4) * 4, u32::from_be(sequence))
    } else {
        (payload.offset + 8, 0)
    };
    let length =
        if payload.protocol == protocol { packet.length.saturating_sub(offset) } else { 0 };
    Content { offset, length, sequence }
}
