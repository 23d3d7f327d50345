//! Who bound a local address and port, for kernels that cannot keep it with the socket.
//!
//! Late kernels (seen with 7.2) take the memory of `OWNER` from an allocator that needs a double-word
//! compare-and-exchange (`kmalloc_nolock`, mm/slub.c). Where the processor has none, as on RISC-V, 32-bit Arm
//! and MIPS, it always fails. Nothing is entered here where it does not.

#![expect(unsafe_code, reason = "map memory is handed out as pointers")]

use monitor_ebpf::records::Address;
use monitor_ebpf::{BoundKey, Owner};

use super::ctx::{Remote, Socket};
use super::tables::BOUND;

/// `AF_INET` (include/linux/socket.h).
const AF_INET: u32 = 2;

/// A socket bound to any address.
const ANY: Address = [0; 4];

/// The local address of an IPv4 socket, as a key has it.
#[inline(always)]
pub(super) fn local_v4(socket: &Socket) -> Address {
    match socket.local_ip4() {
        0 => ANY,
        address => Remote::v4(address, 0).address,
    }
}

/// The local address of an IPv6 socket.
#[inline(always)]
pub(super) fn local_v6(socket: &Socket) -> Address {
    socket.local_ip6()
}

/// Keeps who bound a socket there. The hooks of packets are not told the network namespace, so two of them
/// that use the same port have nobody.
#[inline(always)]
pub(super) fn keep(socket: &Socket, local: Address, owner: &Owner) {
    let key = BoundKey { local, port: socket.local_port(), family: socket.family() };
    let mut kept = *owner;
    // SAFETY: the entry is only compared, before anything is inserted.
    if let Some(known) = unsafe { BOUND.get(&key) }
        && known.netns != owner.netns
    {
        kept = Owner::ZERO;
    }
    // A full LRU map makes room by itself.
    let _ = BOUND.insert(&key, &kept, 0);
}

/// Who bound this address and port, or this port of any address.
#[inline(always)]
pub(super) fn of(socket: &Socket) -> Option<&Owner> {
    let family = socket.family();
    let local = if family == AF_INET { local_v4(socket) } else { local_v6(socket) };
    let mut key = BoundKey { local, port: socket.local_port(), family };
    // SAFETY: an entry is written whole, and at worst it is another one's by the time it is read.
    if let Some(owner) = unsafe { BOUND.get(&key) } {
        return Some(owner);
    }
    key.local = ANY;
    // SAFETY: as above.
    unsafe { BOUND.get(&key) }
}
