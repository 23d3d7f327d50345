#![expect(unsafe_code, reason = "packet(7) and UDP_SEGMENT have no safe wrapper")]
//! What only raw system calls do: frames past the IP stack, and segmentation of datagrams.

use std::ffi::CString;
use std::net::SocketAddrV4;
use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, Result, ensure};
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};

use crate::arguments::Arguments;
use crate::{payload, report};

const ETHERNET_HEADER: usize = 14;
const IPV4_HEADER: usize = 20;
const UDP_HEADER: usize = 8;

/// Puts `--count` Ethernet frames on `--interface`, each with a UDP datagram of `--bytes` from
/// `--from` to `--to`, to the hardware address `--mac`.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let interface = CString::new(arguments.text("interface").context("--interface is missing")?)?;
    let count: u64 = arguments.one_or("count", 1)?;
    let mac = parse_mac(arguments.text("mac").context("--mac is missing")?)?;
    let data = payload::bytes(0, arguments.one("bytes")?);
    let frame = udp_frame(mac, arguments.one("from")?, arguments.one("to")?, &data)?;
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    let address = link_address(&interface, mac)?;
    let mut sent = 0;
    for _ in 0..count {
        sent += socket.send_to(&frame, &address)?;
    }
    report::done(&[("sent", &sent), ("frames", &count)])
}

/// Asks the kernel to cut what is sent on this socket into datagrams of this length
/// (udp(7), `UDP_SEGMENT`).
pub(crate) fn set_udp_segment(socket: &Socket, length: libc::c_int) -> Result<()> {
    let size = libc::socklen_t::try_from(size_of::<libc::c_int>())?;
    let value = (&raw const length).cast();
    // SAFETY: the descriptor is open, and `value` points to `size` readable bytes for the whole call.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, value, size)
    };
    ensure!(result == 0, "UDP_SEGMENT: {}", std::io::Error::last_os_error());
    Ok(())
}

/// The address of an interface for packet(7).
fn link_address(interface: &CString, mac: [u8; 6]) -> Result<SockAddr> {
    // SAFETY: `interface` is a string that ends with zero.
    let index = unsafe { libc::if_nametoindex(interface.as_ptr()) };
    ensure!(index != 0, "no interface {interface:?}");
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: every bit pattern is a valid `sockaddr_ll`, and the storage is larger and zeroed.
    let link: &mut libc::sockaddr_ll = unsafe { storage.view_as() };
    link.sll_family = u16::try_from(libc::AF_PACKET)?;
    link.sll_protocol = u16::try_from(libc::ETH_P_IP)?.to_be();
    link.sll_ifindex = i32::try_from(index)?;
    link.sll_halen = 6;
    link.sll_addr[..6].copy_from_slice(&mac);
    let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>())?;
    // SAFETY: the first `length` bytes of the storage are the `sockaddr_ll` written above.
    Ok(unsafe { SockAddr::new(storage, length) })
}

/// Six bytes in hexadecimal with colons.
fn parse_mac(text: &str) -> Result<[u8; 6]> {
    let bytes: Vec<u8> = text
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16))
        .collect::<Result<_, _>>()
        .with_context(|| format!("--mac: cannot read {text:?}"))?;
    bytes.try_into().ok().context("--mac: not six bytes")
}

/// Ethernet, IPv4 (RFC 791) and UDP (RFC 768) headers with data behind them.
fn udp_frame(mac: [u8; 6], from: SocketAddrV4, to: SocketAddrV4, data: &[u8]) -> Result<Vec<u8>> {
    let mut frame = Vec::with_capacity(ETHERNET_HEADER + IPV4_HEADER + UDP_HEADER + data.len());
    frame.extend(mac);
    // A locally administered source address.
    frame.extend([2, 0, 0, 0, 0, 0x7f]);
    frame.extend([0x08, 0x00]);

    let total = u16::try_from(IPV4_HEADER + UDP_HEADER + data.len())?;
    let mut ip = [0; IPV4_HEADER];
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&total.to_be_bytes());
    ip[8] = 64;
    ip[9] = 17;
    ip[12..16].copy_from_slice(&from.ip().octets());
    ip[16..20].copy_from_slice(&to.ip().octets());
    let checksum = checksum(&ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    frame.extend(ip);

    frame.extend(from.port().to_be_bytes());
    frame.extend(to.port().to_be_bytes());
    frame.extend(u16::try_from(UDP_HEADER + data.len())?.to_be_bytes());
    // No checksum: allowed over IPv4.
    frame.extend([0, 0]);
    frame.extend(data);
    Ok(frame)
}

/// The internet checksum (RFC 1071) of an even number of bytes.
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // The loop leaves 16 bits.
    !u16::try_from(sum).unwrap_or_default()
}
