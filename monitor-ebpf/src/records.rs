//! The records that cross from the kernel to the agent.

use crate::wire::{Field, wire};

/// Name of a task, padded with zeros: `TASK_COMM_LEN` = 16 bytes (include/linux/sched.h) in memory
/// order, as words, so that it is copied by two instructions and not by sixteen.
pub type Comm = [u64; 2];

/// An IPv6 address, or an IPv4 one as IPv4-mapped (RFC 4291, 2.5.5.2): 16 bytes in network order, as
/// words for the same reason.
pub type Address = [u32; 4];

/// The bytes of a task's name, in order.
pub fn comm_bytes(comm: Comm) -> [u8; 16] {
    let mut bytes = [0; 16];
    // The array has the words' size, so there is room for both.
    let _ = comm.write(&mut bytes);
    bytes
}

/// A task's name from its bytes, in order.
pub fn comm_words(bytes: [u8; 16]) -> Comm {
    Comm::read(&bytes).unwrap_or_default()
}

/// The bytes of an address, in network order.
pub fn address_bytes(address: Address) -> [u8; 16] {
    let mut bytes = [0; 16];
    // As above.
    let _ = address.write(&mut bytes);
    bytes
}

/// Values of [`RecordHeader::kind`].
pub mod record_kind {
    /// A [`crate::ProcessRecord`] follows.
    pub const PROCESS: u16 = 1;
    /// Nothing follows: the flow map fills up, drain it now.
    pub const PRESSURE: u16 = 2;
    /// A [`crate::SampleRecord`] follows, and its bytes.
    pub const SAMPLE: u16 = 3;
}

/// Values of [`SampleRecord::content`]: what the first bytes were taken for.
pub mod sample_content {
    /// The start of a TLS handshake over TCP (RFC 8446, 5.1).
    pub const TLS: u8 = 1;
    /// The head of an HTTP/1 request (RFC 9112, 3).
    pub const HTTP: u8 = 2;
    /// A datagram that starts with a QUIC long header (RFC 9000, 17.2).
    pub const QUIC: u8 = 3;
    /// DNS, by its port: a message over UDP, a piece of the stream over TCP.
    pub const DNS: u8 = 4;
    /// More of a stream whose start was sampled.
    pub const MORE: u8 = 5;
}

/// Values of [`FlowRecord::sampled`] and [`DatagramPeer::sampled`]: how far the sampling of what was sent
/// first has come.
pub mod sample_state {
    /// Nothing was looked at. What is between this and [`RETRY`] counts: over TCP the units of
    /// [`UNIT_BYTES`] that are still wanted, over UDP the datagrams.
    pub const FRESH: u8 = 0;
    /// The first bytes of a TCP stream were too few to tell; the next ones decide.
    pub const RETRY: u8 = 253;
    /// A sample was lost, because the ring was full.
    pub const LOST: u8 = 254;
    /// Enough was sampled, or there is nothing to sample.
    pub const DONE: u8 = 255;
    /// Bytes in a unit.
    pub const UNIT_BYTES: u32 = 18;
}

/// Values of [`FlowRecord::origin`]: who opened a flow.
pub mod origin {
    /// The first packet was sent, or there was none yet.
    pub const OWN: u8 = 0;
    /// The first packet was received: somebody else opened it.
    pub const INBOUND: u8 = 1;
    /// The owner was inherited from a listening socket through `OWNER` or `BOUND`, and the first packet was
    /// sent.
    pub const ACCEPTED: u8 = 2;
    /// Both.
    pub const ACCEPTED_INBOUND: u8 = INBOUND | ACCEPTED;
}

/// Indices of the `OVER` map: why bytes could not be counted under their socket.
pub mod over_cause {
    /// `FLOWS` was full.
    pub const FLOWS_FULL: u32 = 0;
    /// `DATAGRAMS` was full; the bytes are in no flow.
    pub const DATAGRAMS_FULL: u32 = 1;
    /// The packet carried no full socket, so there was no cookie to count it under.
    pub const NO_SOCKET: u32 = 2;
    /// Number of causes: the size of the map.
    pub const COUNT: u32 = 3;
}

wire! {
    /// Who opened or connected a socket, taken in the context of that process.
    pub struct Owner {
        /// When: nanoseconds since boot, suspend included (`bpf_ktime_get_boot_ns`).
        pub opened_ns: u64,
        /// The process's cgroup: inode number of its directory in the cgroup2 tree.
        pub cgroup_id: u64,
        /// Process id (thread group id) in the initial PID namespace; 0 when no process is known.
        pub tgid: u32,
        /// User id in the initial user namespace.
        pub uid: u32,
        /// The socket's network namespace: the lower half of its cookie (`SO_NETNS_COOKIE`, socket(7)).
        /// Cookies are counted up from 1.
        pub netns: u32,
        /// [`SettingsRecord::epoch`] at that moment: a flow of the present epoch was not looked at yet.
        pub epoch: u32,
        /// Name of the *thread* that made the call, padded with zeros.
        pub comm: Comm,
    }
}

wire! {
    /// Key of `BOUND`: where a TCP socket was bound.
    pub struct BoundKey {
        /// The local address, IPv4 as `::ffff:a.b.c.d`; all zero for any.
        pub local: Address,
        /// The local port, host byte order.
        pub port: u32,
        /// `AF_INET` or `AF_INET6`, which what it accepts has as well.
        pub family: u32,
    }
}

wire! {
    /// Bytes and packets both ways. Bytes are those of the IP packet, headers included, before link
    /// headers and IP fragmentation; a segmentation-offload packet counts as the packets it becomes.
    pub struct FlowCounters {
        /// Bytes sent.
        pub tx_bytes: u64,
        /// Packets sent.
        pub tx_packets: u64,
        /// Bytes received.
        pub rx_bytes: u64,
        /// Packets received.
        pub rx_packets: u64,
    }
}

wire! {
    /// Value of `FLOWS`, keyed by socket cookie.
    pub struct FlowRecord {
        /// Counters of the socket's first peer, on its first interface.
        pub counters: FlowCounters,
        /// Interface of the first packet; 0 before it.
        pub ifindex: u32,
        /// 1 once a packet was seen while the TCP socket was in `TCP_ESTABLISHED`. The flags are bytes of
        /// their own, because each has another writer and BPF has no atomic OR before 5.12.
        pub established: u8,
        /// 1 once the last process closed the socket. Bytes may still leave afterwards.
        pub closed: u8,
        /// Who opened it: a value of [`origin`].
        pub origin: u8,
        /// How far the sampling of what was sent first has come: see [`sample_state`].
        pub sampled: u8,
        /// The peer's address.
        pub remote: Address,
        /// The peer's port, host byte order; 0 for protocols without ports.
        pub remote_port: u16,
        /// How often `connect()` was called on the socket; stops at its maximum.
        pub attempts: u16,
        /// IP protocol number of the packets; of the socket before the first packet.
        pub protocol: u8,
        /// Type of the socket: 1 `SOCK_STREAM`, 2 `SOCK_DGRAM`, 3 `SOCK_RAW`.
        pub socket_type: u8,
        /// Number of further peers in `DATAGRAMS`; stops at `PEERS_PER_SOCKET_MAX`.
        pub peers: u16,
        /// When the socket was closed, or when a packet passed after that, in nanoseconds since boot; 0
        /// while it is open.
        pub closed_ns: u64,
        /// When the first packet passed, in nanoseconds since boot; 0 before it.
        pub first_ns: u64,
        /// Who opened it; all zero when nobody is known.
        pub owner: Owner,
    }
}

wire! {
    /// Key of `DATAGRAMS`: a further peer, or a further interface, of a socket.
    pub struct DatagramKey {
        /// The socket's cookie.
        pub cookie: u64,
        /// The peer's address; all zero for "the other peers".
        pub remote: Address,
        /// Interface of the packets.
        pub ifindex: u32,
        /// The peer's port, host byte order.
        pub remote_port: u16,
        /// IP protocol number of the packets.
        pub protocol: u8,
        /// Always zero.
        pub reserved: u8,
    }
}

wire! {
    /// Value of `DATAGRAMS`.
    pub struct DatagramPeer {
        /// What went to and came from this peer.
        pub counters: FlowCounters,
        /// When the first packet passed, in nanoseconds since boot.
        pub opened_ns: u64,
        /// 1 when the first packet was received, not sent.
        pub inbound: u8,
        /// As in [`FlowRecord::sampled`].
        pub sampled: u8,
        /// Always zero.
        pub reserved: [u8; 6],
    }
}

wire! {
    /// Key of `SETTLED`: what closed sockets are summed up by.
    pub struct SettledKey {
        /// As in [`Owner::cgroup_id`].
        pub cgroup_id: u64,
        /// The peer's address.
        pub remote: Address,
        /// As in [`Owner::tgid`].
        pub tgid: u32,
        /// As in [`Owner::netns`].
        pub netns: u32,
        /// As in [`Owner::epoch`]: entries of a past epoch do not change any more.
        pub epoch: u32,
        /// Interface of the packets.
        pub ifindex: u32,
        /// The peer's port, host byte order, of sockets that were opened here; 0 of the others, whose peers
        /// have another port each.
        pub remote_port: u16,
        /// IP protocol number of the packets.
        pub protocol: u8,
        /// Always zero.
        pub reserved: [u8; 5],
    }
}

wire! {
    /// Value of `SETTLED`: sums over closed sockets that the agent never looked at.
    pub struct SettledRecord {
        /// What they carried.
        pub counters: FlowCounters,
        /// Connections opened.
        pub connections: u64,
        /// Connections accepted.
        pub accepted: u64,
        /// TCP connections that were never established.
        pub failures: u64,
        /// First packet of the first of them, in nanoseconds since boot.
        pub first_ns: u64,
        /// Closing of the last of them, in nanoseconds since boot.
        pub last_ns: u64,
        /// Who opened the first of them.
        pub owner: Owner,
    }
}

wire! {
    /// Element of `CLOSED`: a socket that may be settled when it stays silent.
    pub struct ClosedRecord {
        /// The socket's cookie.
        pub cookie: u64,
        /// When it was closed, or was put back because a packet passed after that, in nanoseconds since
        /// boot.
        pub since_ns: u64,
    }
}

wire! {
    /// Value of `SETTINGS`: what the agent tells the programs.
    pub struct SettingsRecord {
        /// Number of the agent's present look at the tables.
        pub epoch: u32,
        /// CPUs that per-CPU maps have values for.
        pub cpus: u32,
        /// Flows the agent has deleted so far.
        pub deleted: u64,
        /// Live flows from which on the programs settle closed ones themselves; 0 for never.
        pub settle_at: u64,
        /// Live flows from which on the agent wants to be woken; 0 for never.
        pub press_at: u64,
    }
}

wire! {
    /// Value of `OVER`, one per [`over_cause`] and CPU.
    pub struct OverRecord {
        /// What found no room.
        pub counters: FlowCounters,
    }
}

wire! {
    /// Value of `STATS`, one per CPU: what the programs know about themselves.
    pub struct StatsRecord {
        /// Ring records that found no room.
        pub ring_lost: u64,
        /// Samples that found no room.
        pub samples_lost: u64,
        /// Flows settled by the programs.
        pub settled: u64,
        /// Jiffies until which a full `FLOWS` is not tried again.
        pub full_until: u64,
        /// Epoch in which the agent was last woken because `FLOWS` fills up.
        pub pressed: u32,
        /// Always zero.
        pub reserved: u32,
    }
}

wire! {
    /// Value of `PROCESSES`, keyed by process id: a process the agent has been told of.
    pub struct ProcessSeen {
        /// As in [`Owner::cgroup_id`].
        pub cgroup_id: u64,
        /// Name of the main thread when it was last seen.
        pub comm: Comm,
    }
}

wire! {
    /// What every ring record starts with.
    pub struct RecordHeader {
        /// See [`record_kind`].
        pub kind: u16,
        /// Length of the whole record in bytes, this header included.
        pub length: u16,
        /// Always zero.
        pub reserved: u32,
    }
}

wire! {
    /// Ring record: a process opens or connects its first socket.
    pub struct ProcessRecord {
        /// Kind [`record_kind::PROCESS`].
        pub header: RecordHeader,
        /// The process, at that moment.
        pub owner: Owner,
    }
}

wire! {
    /// Ring record: what a flow sent first, or an answer of a name server. The bytes follow.
    pub struct SampleRecord {
        /// Kind [`record_kind::SAMPLE`]; the length counts the bytes that follow.
        pub header: RecordHeader,
        /// The socket's cookie.
        pub cookie: u64,
        /// When, in nanoseconds since boot.
        pub at_ns: u64,
        /// The socket's owner, as in [`FlowRecord::owner`].
        pub owner: Owner,
        /// The peer's address.
        pub remote: Address,
        /// TCP sequence number of the first byte.
        pub sequence: u32,
        /// Payload of the packet in bytes; more than what follows when it was cut.
        pub length: u32,
        /// Bytes that follow.
        pub taken: u16,
        /// Bytes of each datagram that the packet is cut into (UDP segmentation offload); 0 when it is one.
        pub segment: u16,
        /// The peer's port, host byte order.
        pub remote_port: u16,
        /// IP protocol number.
        pub protocol: u8,
        /// A value of [`sample_content`].
        pub content: u8,
        /// 1 when the packet was received, not sent.
        pub inbound: u8,
        /// Always zero.
        pub reserved: [u8; 7],
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    /// A record whose every byte differs from its neighbours, so that a shifted field shows.
    fn pattern<const N: usize>() -> [u8; N] {
        core::array::from_fn(|i| u8::try_from(i % 251).unwrap_or_default().wrapping_mul(37))
    }

    #[test]
    fn every_field_is_read_from_its_own_bytes() {
        let bytes: [u8; FlowRecord::SIZE] = pattern();
        let flow = FlowRecord::read(&bytes).expect("the bytes suffice");
        let u64_at = |at: usize| u64::from_ne_bytes(*bytes[at..].first_chunk().expect("in range"));
        assert_eq!(flow.counters.tx_bytes, u64_at(0));
        assert_eq!(flow.counters.rx_packets, u64_at(24));
        assert_eq!(address_bytes(flow.remote), bytes[40..56]);
        assert_eq!(flow.protocol, bytes[60]);
        assert_eq!(flow.closed_ns, u64_at(64));
        assert_eq!((flow.first_ns, flow.owner.opened_ns), (u64_at(72), u64_at(80)));
        assert_eq!(comm_bytes(flow.owner.comm), bytes[112..128]);
        assert_eq!(FlowRecord::SIZE, 128);
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        let bytes: [u8; FlowRecord::SIZE] = pattern();
        assert_eq!(FlowRecord::read(&bytes).map(|flow| flow.bytes()), Some(bytes));
        let bytes: [u8; DatagramKey::SIZE] = pattern();
        assert_eq!(DatagramKey::read(&bytes).map(|key| key.bytes()), Some(bytes));
    }

    #[test]
    fn a_truncated_record_is_none_at_every_length() {
        let bytes: [u8; ProcessRecord::SIZE] = pattern();
        for length in 0..ProcessRecord::SIZE {
            assert_eq!(ProcessRecord::read(&bytes[..length]), None, "{length} bytes");
        }
        assert!(ProcessRecord::read(&bytes).is_some());
    }

    #[test]
    fn a_longer_record_is_read_from_its_start() {
        let bytes: [u8; Owner::SIZE + 9] = pattern();
        assert_eq!(Owner::read(&bytes), Owner::read(&bytes[..Owner::SIZE]));
    }

    #[test]
    fn zero_is_what_zero_bytes_read_as() {
        assert_eq!(FlowRecord::read(&[0; FlowRecord::SIZE]), Some(FlowRecord::ZERO));
        assert_eq!(StatsRecord::read(&[0; StatsRecord::SIZE]), Some(StatsRecord::ZERO));
    }
}
