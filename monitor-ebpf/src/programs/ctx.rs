//! What the kernel hands to the programs, read field by field: the only pointer reads.
//!
//! Every read is volatile. The optimiser would otherwise merge two reads into one of a computed
//! address, which the verifier refuses ("dereference of modified ctx ptr").

#![expect(
    unsafe_code,
    reason = "the kernel hands out raw pointers; the verifier checks every access"
)]

use core::ptr;

use aya_ebpf::bindings::{__sk_buff, bpf_sock, bpf_sock_addr};
use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_current_comm, bpf_get_netns_cookie, bpf_get_socket_cookie,
    bpf_jiffies64, bpf_ktime_get_boot_ns, bpf_sk_fullsock, bpf_skb_load_bytes, bpf_tcp_sock,
};
use monitor_ebpf::records::{Address, Comm};

/// Reads one field of a kernel structure.
macro_rules! field {
    ($pointer:expr, $($field:tt).+) => {{
        // SAFETY: the verifier admits only fields of the program's context type.
        unsafe { ptr::read_volatile(&raw const (*$pointer).$($field).+) }
    }};
}

/// Which way a packet goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Transmit,
    Receive,
}

/// The far end of a flow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Remote {
    pub(super) address: Address,
    pub(super) port: u16,
}

impl Remote {
    #[inline(always)]
    pub(super) const fn v4(address: u32, port: u16) -> Self {
        Self { address: [0, 0, 0x0000_ffff_u32.to_be(), address], port }
    }

    #[inline(always)]
    pub(super) const fn v6(address: Address, port: u16) -> Self {
        Self { address, port }
    }
}

/// A packet at a cgroup hook. It starts with its IP header.
///
/// The fields are read once, at the start: two reads of one field in two branches would be merged into
/// one of a computed address.
pub(super) struct Packet {
    skb: *mut __sk_buff,
    /// Length in bytes from the IP header on.
    pub(super) length: u32,
    /// Packets this one is cut into, or was merged from; 0 for an ordinary one.
    pub(super) segments: u32,
    /// The interface it leaves by or came in by.
    pub(super) ifindex: u32,
    /// `ETH_P_IP` or `ETH_P_IPV6`, in network byte order.
    pub(super) ethertype: u16,
}

impl Packet {
    #[inline(always)]
    pub(super) fn new(skb: *mut __sk_buff) -> Self {
        Self {
            skb,
            length: field!(skb, len),
            segments: field!(skb, gso_segs),
            ifindex: field!(skb, ifindex),
            ethertype: field!(skb, protocol) as u16,
        }
    }

    /// The socket's cookie; 0 without a socket.
    #[inline(always)]
    pub(super) fn cookie(&self) -> u64 {
        // SAFETY: the helper takes the program's context.
        unsafe { bpf_get_socket_cookie(self.skb.cast()) }
    }

    /// The packet's socket, unless it is a request or a time-wait one.
    #[inline(always)]
    pub(super) fn socket(&self) -> Option<Socket> {
        let sock = field!(self.skb, __bindgen_anon_2.sk);
        if sock.is_null() {
            return None;
        }
        // SAFETY: the helper takes a socket of the context that is not null.
        let full = unsafe { bpf_sk_fullsock(sock) };
        (!full.is_null()).then_some(Socket(full))
    }

    /// Bytes of each datagram that the packet is cut into; 0 when it is one.
    #[inline(always)]
    pub(super) fn segment_bytes(&self) -> u16 {
        field!(self.skb, gso_size) as u16
    }

    /// Copies `length` bytes from `offset` on to where there is room for `room`; false when the packet is
    /// shorter, or there is nothing to copy.
    #[inline(always)]
    pub(super) fn bytes(&self, offset: u32, to: *mut u8, length: u32, room: u32) -> bool {
        // The optimiser must not know the number, or it drops or merges comparisons that the verifier needs
        // to see.
        let last = u64::from(length).wrapping_sub(1);
        // SAFETY: a variable of this function.
        let last = unsafe { ptr::read_volatile(&raw const last) };
        if last >= u64::from(room) {
            return false;
        }
        let length = last as u32 + 1;
        // SAFETY: the helper writes at most the given length, which has room.
        unsafe { bpf_skb_load_bytes(self.skb.cast_const().cast(), offset, to.cast(), length) == 0 }
    }

    /// Copies `N` words from `offset` on; `None` when the packet is shorter.
    #[inline(always)]
    pub(super) fn words<const N: usize>(&self, offset: u32) -> Option<[u32; N]> {
        let mut words = [0_u32; N];
        // SAFETY: the helper writes at most the given length, which is the array's.
        let result = unsafe {
            bpf_skb_load_bytes(
                self.skb.cast_const().cast(),
                offset,
                words.as_mut_ptr().cast(),
                (N * 4) as u32,
            )
        };
        (result == 0).then_some(words)
    }
}

/// A full socket: the context of the socket hooks, or a packet's.
pub(super) struct Socket(*mut bpf_sock);

impl Socket {
    #[inline(always)]
    pub(super) const fn new(sock: *mut bpf_sock) -> Self {
        Self(sock)
    }

    #[inline(always)]
    pub(super) const fn as_ptr(&self) -> *mut bpf_sock {
        self.0
    }

    /// Cookie of the socket. Only where the socket is the context itself.
    #[inline(always)]
    pub(super) fn cookie_of_context(&self) -> u64 {
        // SAFETY: the helper takes the program's context.
        unsafe { bpf_get_socket_cookie(self.0.cast()) }
    }

    /// Network namespace. Only where the socket is the context itself.
    #[inline(always)]
    pub(super) fn netns_of_context(&self) -> u64 {
        // SAFETY: the helper takes the program's context.
        unsafe { bpf_get_netns_cookie(self.0.cast()) }
    }

    /// `SOCK_STREAM` and so on.
    #[inline(always)]
    pub(super) fn kind(&self) -> u8 {
        field!(self.0, type_) as u8
    }

    #[inline(always)]
    pub(super) fn protocol(&self) -> u8 {
        field!(self.0, protocol) as u8
    }

    /// `AF_INET` or `AF_INET6`.
    #[inline(always)]
    pub(super) fn family(&self) -> u32 {
        field!(self.0, family)
    }

    /// Local port, host byte order. Among the socket hooks only in those of binding, as are the addresses.
    #[inline(always)]
    pub(super) fn local_port(&self) -> u32 {
        field!(self.0, src_port)
    }

    /// Local IPv4 address, network byte order.
    #[inline(always)]
    pub(super) fn local_ip4(&self) -> u32 {
        field!(self.0, src_ip4)
    }

    /// Local IPv6 address, network byte order.
    #[inline(always)]
    pub(super) fn local_ip6(&self) -> Address {
        // SAFETY: as in `field!`; the four words are read one by one, as the verifier wants it.
        let word = |i: usize| unsafe { ptr::read_volatile(&raw const (*self.0).src_ip6[i]) };
        [word(0), word(1), word(2), word(3)]
    }

    /// `TCP_ESTABLISHED` and so on (include/net/tcp_states.h).
    #[inline(always)]
    pub(super) fn state(&self) -> u32 {
        field!(self.0, state)
    }

    /// Whether a TCP socket has received anything; true as well when it is no TCP socket.
    #[inline(always)]
    pub(super) fn has_received(&self) -> bool {
        // SAFETY: the helper takes a full socket.
        let tcp = unsafe { bpf_tcp_sock(self.0) };
        tcp.is_null() || field!(tcp, bytes_received) != 0
    }

    /// Whether the socket has a peer of its own.
    #[inline(always)]
    pub(super) fn is_connected(&self) -> bool {
        field!(self.0, dst_port) != 0
    }
}

/// An address given to `connect()`.
pub(super) struct SockAddr(*mut bpf_sock_addr);

impl SockAddr {
    #[inline(always)]
    pub(super) const fn new(addr: *mut bpf_sock_addr) -> Self {
        Self(addr)
    }

    /// Cookie of the socket that connects.
    #[inline(always)]
    pub(super) fn cookie(&self) -> u64 {
        // SAFETY: the helper takes the program's context.
        unsafe { bpf_get_socket_cookie(self.0.cast()) }
    }

    /// Network namespace of the socket that connects.
    #[inline(always)]
    pub(super) fn netns(&self) -> u64 {
        // SAFETY: the helper takes the program's context.
        unsafe { bpf_get_netns_cookie(self.0.cast()) }
    }

    /// `SOCK_STREAM` and so on.
    #[inline(always)]
    pub(super) fn kind(&self) -> u8 {
        field!(self.0, type_) as u8
    }

    #[inline(always)]
    pub(super) fn protocol(&self) -> u8 {
        field!(self.0, protocol) as u8
    }

    /// IPv4 address, network byte order.
    #[inline(always)]
    pub(super) fn ip4(&self) -> u32 {
        field!(self.0, user_ip4)
    }

    /// IPv6 address, network byte order.
    #[inline(always)]
    pub(super) fn ip6(&self) -> [u32; 4] {
        // SAFETY: as in `field!`; the four words are read one by one, as the verifier wants it.
        let word = |i: usize| unsafe { ptr::read_volatile(&raw const (*self.0).user_ip6[i]) };
        [word(0), word(1), word(2), word(3)]
    }

    /// Port, host byte order.
    #[inline(always)]
    pub(super) fn port(&self) -> u16 {
        u16::from_be(field!(self.0, user_port) as u16)
    }
}

/// Nanoseconds since boot, suspend included.
#[inline(always)]
pub(super) fn boot_ns() -> u64 {
    // SAFETY: the helper takes no arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}

/// The kernel's tick: coarse, and next to free.
#[inline(always)]
pub(super) fn jiffies() -> u64 {
    // SAFETY: the helper takes no arguments.
    unsafe { bpf_jiffies64() }
}

/// Inode number of the current process's cgroup in the cgroup2 tree.
#[inline(always)]
pub(super) fn current_cgroup_id() -> u64 {
    // SAFETY: the helper takes no arguments.
    unsafe { bpf_get_current_cgroup_id() }
}

/// Name of the current task; all zero when the kernel refuses to tell.
#[inline(always)]
pub(super) fn current_comm() -> Comm {
    let mut comm: Comm = [0; 2];
    // SAFETY: the helper writes at most the given length, which is the array's.
    unsafe { bpf_get_current_comm(comm.as_mut_ptr().cast(), size_of::<Comm>() as u32) };
    comm
}
