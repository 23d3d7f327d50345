//! Stage 1: bytes of the kernel become events.

pub mod decode;
mod scope;

use std::fmt;
use std::net::IpAddr;

use monitor_ebpf::{DatagramKey, SettledKey};
pub use scope::Scope;

/// The protocol of a packet, as the metrics tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP, and the subflows of MPTCP.
    Tcp,
    /// UDP and UDP-Lite.
    Udp,
    /// ICMP and ICMPv6.
    Icmp,
    /// Any other, by its IP protocol number (IANA, "Protocol Numbers").
    Unknown(u8),
}

impl Protocol {
    /// The protocol with this IP protocol number. Total.
    pub const fn from_number(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            17 | 136 => Self::Udp,
            1 | 58 => Self::Icmp,
            other => Self::Unknown(other),
        }
    }

    /// The value of the `protocol` label: `tcp`, `udp`, `icmp` or `other`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Unknown(_) => "other",
        }
    }
}

/// Bytes and packets in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Bytes of the IP packets, headers included.
    pub bytes: u64,
    /// IP packets.
    pub packets: u64,
}

impl Volume {
    /// Adds another volume to this one; stops at the maximum.
    pub fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.packets = self.packets.saturating_add(other.packets);
    }

    /// Whether nothing was counted.
    pub const fn is_zero(self) -> bool {
        self.bytes == 0 && self.packets == 0
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Who opened or connected a socket, as the kernel saw it at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Process id in the initial PID namespace; never 0.
    pub pid: u32,
    /// User id in the initial user namespace.
    pub uid: u32,
    /// Inode number of the process's directory in the cgroup2 tree.
    pub cgroup_id: u64,
    /// The socket's network namespace: the lower half of its cookie.
    pub netns: u32,
    /// The agent's look at the tables during which it was noted.
    pub epoch: u32,
    /// Nanoseconds since boot.
    pub opened_ns: u64,
    /// Name of the thread that made the call.
    pub comm: TaskName,
}

/// Name of a task: 16 bytes at most, ended by a zero, chosen by the task itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskName(pub [u8; 16]);

impl TaskName {
    /// The name; bytes that are no UTF-8 read as U+FFFD.
    pub fn to_text(self) -> String {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        String::from_utf8_lossy(self.0.get(..end).unwrap_or_default()).into_owned()
    }
}

/// The far end of some traffic, and the interface it passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// Its address.
    pub ip: IpAddr,
    /// Its port; 0 for protocols without.
    pub port: u16,
    /// The protocol of the packets.
    pub protocol: Protocol,
    /// The interface; 0 when no packet has passed.
    pub ifindex: u32,
}

/// Cumulative counters of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sent.
    pub tx: Volume,
    /// Received.
    pub rx: Volume,
}

impl Counters {
    /// What was added since `earlier`. A counter that went back, as a torn read of a 32-bit kernel
    /// looks, added nothing.
    pub fn since(self, earlier: Self) -> Self {
        let diff = |now: Volume, then: Volume| Volume {
            bytes: now.bytes.saturating_sub(then.bytes),
            packets: now.packets.saturating_sub(then.packets),
        };
        Self { tx: diff(self.tx, earlier.tx), rx: diff(self.rx, earlier.rx) }
    }

    /// Adds other counters to these; stops at the maximum.
    pub fn add(&mut self, other: Self) {
        self.tx.add(other.tx);
        self.rx.add(other.rx);
    }

    /// Whether nothing was counted.
    pub const fn is_zero(self) -> bool {
        self.tx.is_zero() && self.rx.is_zero()
    }
}

/// Type of a socket (socket(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// `SOCK_STREAM`.
    Stream,
    /// `SOCK_DGRAM`.
    Datagram,
    /// `SOCK_RAW`.
    Raw,
    /// Any other.
    Unknown(u8),
}

impl SocketKind {
    /// The type that this device's kernel has under this number: Linux on MIPS swaps the first two. Total.
    pub fn from_number(number: u8) -> Self {
        match libc::c_int::from(number) {
            libc::SOCK_STREAM => Self::Stream,
            libc::SOCK_DGRAM => Self::Datagram,
            libc::SOCK_RAW => Self::Raw,
            _ => Self::Unknown(number),
        }
    }
}

/// A socket and its first peer, as one CPU counted it (the only one, where counters are shared).
#[expect(clippy::struct_excessive_bools, reason = "independent facts, none a state of another")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The socket's cookie: unique until the next boot.
    pub cookie: u64,
    /// What passed, since the socket was made.
    pub counters: Counters,
    /// The far end.
    pub peer: Peer,
    /// The socket's type.
    pub kind: SocketKind,
    /// Whether the TCP connection was established.
    pub established: bool,
    /// Whether the first packet came from the peer.
    pub inbound: bool,
    /// Whether the socket was accepted from a listening one.
    pub accepted: bool,
    /// Whether what it sent first should have been sampled and found no room.
    pub is_sample_lost: bool,
    /// Whether it has not sent anything yet that could be sampled.
    pub is_fresh: bool,
    /// Calls of `connect()`.
    pub attempts: u16,
    /// When the first packet passed, in nanoseconds since boot; 0 before it.
    pub first_ns: u64,
    /// When the last process closed it, or a packet passed after that, in nanoseconds since boot.
    pub closed_ns: Option<u64>,
    /// Who owns it, if the programs saw it being made.
    pub owner: Option<Owner>,
}

/// A further peer of a socket, as one CPU counted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The entry's key in the kernel's table, to delete it by.
    pub key: [u8; DatagramKey::SIZE],
    /// The socket's cookie.
    pub cookie: u64,
    /// What passed.
    pub counters: Counters,
    /// The far end; `None` for all that were too many for one socket.
    pub peer: Option<Peer>,
    /// The protocol of the packets.
    pub protocol: Protocol,
    /// The interface.
    pub ifindex: u32,
    /// When the first packet passed, in nanoseconds since boot.
    pub opened_ns: u64,
    /// Whether the first packet came from the peer.
    pub inbound: bool,
    /// As in [`Flow::is_sample_lost`].
    pub is_sample_lost: bool,
}

/// What was seen of a flow's payload: what it sent first, or a message of a name server. It is parsed
/// and forgotten.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sample<'a> {
    /// The socket's cookie.
    pub cookie: u64,
    /// When the packet passed, in nanoseconds since boot.
    pub at_ns: u64,
    /// Whose socket it is, if that is known.
    pub owner: Option<Owner>,
    /// The far end; without an interface.
    pub peer: Peer,
    /// What it was taken for.
    pub content: Content,
    /// Whether the packet was received, not sent.
    pub is_inbound: bool,
    /// TCP sequence number of the first byte; 0 for UDP.
    pub sequence: u32,
    /// Bytes of the packet's whole payload.
    pub length: u32,
    /// Bytes of each datagram in the payload; 0 when it is one.
    pub segment: u16,
    /// The payload's first bytes.
    pub payload: &'a [u8],
}

/// The payload is nobody's to print.
impl fmt::Debug for Sample<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sample")
            .field("cookie", &self.cookie)
            .field("content", &self.content)
            .field("taken", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// What the first bytes of a sample were taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The start of a TLS handshake.
    Tls,
    /// The head of an HTTP/1 request.
    Http,
    /// A datagram that starts with a QUIC long header.
    Quic,
    /// A message to or from port 53.
    Dns,
    /// More of a stream whose start was sampled.
    More,
    /// Any other.
    Unknown(u8),
}

/// Sums over closed sockets of one process and peer that were settled in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The entry's key in the kernel's table, to know it again and to delete it by.
    pub key: [u8; SettledKey::SIZE],
    /// The agent's look during which the sockets were made. Past ones do not change any more.
    pub epoch: u32,
    /// The far end. Sockets that others opened count together, so their port is 0.
    pub peer: Peer,
    /// What they carried.
    pub counters: Counters,
    /// Connections opened.
    pub connections: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// TCP connections that were never established.
    pub failures: u64,
    /// First packet of the first of them, in nanoseconds since boot.
    pub first_ns: u64,
    /// Who opened the first of them.
    pub owner: Owner,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use std::net::{TcpListener, UdpSocket};
    use std::os::fd::AsFd;

    use rustix::net::sockopt::socket_type;

    use super::SocketKind;

    #[test]
    fn sockets_are_of_the_kind_that_the_kernel_tells() {
        let told = |socket: &dyn AsFd| {
            let number = socket_type(socket.as_fd()).expect("SO_TYPE").as_raw();
            SocketKind::from_number(u8::try_from(number).expect("the numbers are small"))
        };
        let stream = TcpListener::bind("127.0.0.1:0").expect("a free port");
        assert_eq!(told(&stream), SocketKind::Stream);
        let datagrams = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        assert_eq!(told(&datagrams), SocketKind::Datagram);
        for number in [0, 4, 7, u8::MAX] {
            assert_eq!(SocketKind::from_number(number), SocketKind::Unknown(number));
        }
    }
}
