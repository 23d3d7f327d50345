#![expect(unsafe_code, reason = "packet(7) has no safe wrapper")]
//! The second opinion: every packet that leaves the loopback interface, as packet(7) shows it.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex};
use std::thread;

use e2e::{Protocol, Volume};
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};

/// What is kept of a packet: headers of IP and, behind them, the ports.
const HEADERS: usize = 64;

/// Room for packets that wait to be counted.
static BUFFER: libc::c_int = 16 << 20;

/// Protocol, source port, destination port.
type Key = (u8, u16, u16);

/// Counts packets from its making on.
#[derive(Clone, Debug)]
pub(crate) struct Packets {
    seen: Arc<Mutex<BTreeMap<Key, Volume>>>,
    socket: Arc<Socket>,
}

impl Packets {
    pub(crate) fn new() -> Self {
        let protocol = u16::try_from(libc::ETH_P_ALL).expect("16 bits").to_be();
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(i32::from(protocol).into()))
            .expect("root may look at packets");
        let size = libc::socklen_t::try_from(size_of::<libc::c_int>()).expect("small");
        // SAFETY: the value is an integer that lives for the whole call.
        let result = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVBUFFORCE,
                (&raw const BUFFER).cast(),
                size,
            )
        };
        assert_eq!(result, 0, "SO_RCVBUFFORCE: {}", std::io::Error::last_os_error());
        let packets = Self { seen: Arc::default(), socket: Arc::new(socket) };
        let counter = packets.clone();
        thread::spawn(move || {
            loop {
                counter.count();
            }
        });
        packets
    }

    fn count(&self) {
        let mut buffer = [MaybeUninit::<u8>::uninit(); HEADERS];
        // With this flag the length is that of the packet, however little of it is kept.
        let received = self.socket.recv_from_with_flags(&mut buffer, libc::MSG_TRUNC);
        let (length, from) = received.expect("a packet");
        if packet_type(from) != libc::PACKET_OUTGOING {
            return;
        }
        let kept = length.min(HEADERS);
        // SAFETY: the kernel has written as many bytes as the packet has, or the buffer holds.
        let bytes: Vec<u8> =
            buffer[..kept].iter().map(|byte| unsafe { byte.assume_init() }).collect();
        let Some(key) = key(&bytes) else { return };
        let mut seen = self.seen.lock().expect("nobody panics with it");
        let volume = seen.entry(key).or_default();
        volume.bytes += u64::try_from(length).expect("64 bits");
        volume.packets += 1;
    }

    /// What went from this port and to it.
    pub(crate) fn of_port(&self, protocol: Protocol, port: u16) -> (Volume, Volume) {
        let number = if protocol == Protocol::Tcp { 6 } else { 17 };
        let (mut from, mut to) = (Volume::default(), Volume::default());
        for (key, volume) in self.seen.lock().expect("nobody panics with it").iter() {
            let sum = match *key {
                (found, source, _) if (found, source) == (number, port) => &mut from,
                (found, _, destination) if (found, destination) == (number, port) => &mut to,
                _ => continue,
            };
            sum.bytes += volume.bytes;
            sum.packets += volume.packets;
        }
        (from, to)
    }

    /// Packets the kernel had to leave out, for lack of room in the buffer.
    pub(crate) fn dropped(&self) -> u32 {
        let mut statistics = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut size = libc::socklen_t::try_from(size_of::<libc::tpacket_stats>()).expect("small");
        // SAFETY: `statistics` has room for what this option gives, and `size` says so.
        let result = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut size,
            )
        };
        assert_eq!(result, 0, "PACKET_STATISTICS: {}", std::io::Error::last_os_error());
        statistics.tp_drops
    }
}

fn packet_type(address: SockAddr) -> u8 {
    let mut storage: SockAddrStorage = address.as_storage();
    // SAFETY: every bit pattern is a valid `sockaddr_ll`, and the storage is larger.
    let link: &mut libc::sockaddr_ll = unsafe { storage.view_as() };
    link.sll_pkttype
}

/// Reads IPv4 (RFC 791) or IPv6 (RFC 8200) without extension headers, which nobody here sends.
fn key(packet: &[u8]) -> Option<Key> {
    let (protocol, header) = match packet.first()? >> 4 {
        4 => (*packet.get(9)?, usize::from(packet.first()? & 0xf) * 4),
        6 => (*packet.get(6)?, 40),
        _ => return None,
    };
    let port = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    [6, 17].contains(&protocol).then_some((protocol, port(header)?, port(header + 2)?))
}
