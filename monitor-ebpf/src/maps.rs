//! The maps: names, capacities, and what they cost.
//!
//! | map | type | holds |
//! |---|---|---|
//! | `OWNER` | `SK_STORAGE`, cloned to accepted sockets | who bound a socket |
//! | `BOUND` | `LRU_HASH` by local address and port | the same, where the kernel has no memory for `OWNER` |
//! | `FLOWS` | `HASH` by socket cookie | counters and owner of a socket |
//! | `DATAGRAMS` | `HASH` by cookie, peer and interface | counters of a socket's further peers |
//! | `CLOSED` | queue of sockets | closed sockets, the first closed first |
//! | `SETTLED` | `HASH` by process and peer | sums over closed sockets the agent never looked at |
//! | `LIVE` | array, one entry | number of flows |
//! | `SETTINGS` | array, one entry | what the agent tells the programs |
//! | `OVER` | per-CPU array by cause | bytes that found no room |
//! | `STATS` | per-CPU array, one entry | losses, fill level, circuit breaker |
//! | `PROCESSES` | `LRU_HASH` by process id | processes the agent has been told of |
//! | `EVENTS` | ring buffer | [`crate::ProcessRecord`]s |
//! | `SAMPLES` | ring buffer | [`crate::SampleRecord`]s |
//!
//! `FLOWS` and `DATAGRAMS` are never LRU: an evicted counter is a lost byte. `PROCESSES` is: the
//! worst an eviction does is to tell the agent of a process twice. So is `BOUND`, whose loss leaves
//! accepted connections to be attributed by the agent, as far as they last.

use crate::{
    BoundKey, ClosedRecord, DatagramKey, DatagramPeer, FlowRecord, Owner, ProcessSeen, SettledKey,
    SettledRecord,
};

/// Default capacity of `FLOWS` in sockets. The loader lowers or raises it (`flows_max`).
pub const FLOWS_MAX: u32 = 16_384;

/// Default capacity of `DATAGRAMS` in peers. The loader scales it with `FLOWS`.
pub const DATAGRAMS_MAX: u32 = 2_048;

/// Further peers one socket may hold in `DATAGRAMS` before the rest is folded into one entry, so
/// that a scan or a DHT cannot crowd out everybody else.
pub const PEERS_PER_SOCKET_MAX: u16 = 512;

/// Capacity of `CLOSED`. What finds no room there is the agent's to delete.
pub const CLOSED_MAX: u32 = 4_096;

/// Capacity of `SETTLED`. When it is full, closed flows wait for the agent, which is woken.
pub const SETTLED_MAX: u32 = 1_024;

/// Capacity of `PROCESSES`.
pub const PROCESSES_MAX: u32 = 1_024;

/// Capacity of `BOUND`, in local addresses with their ports.
pub const BOUND_MAX: u32 = 128;

/// Size of the ring buffer of events in bytes: a power of two and a multiple of the page size.
pub const EVENTS_BYTES: u32 = 32 * 1024;

/// Size of the ring buffer of samples in bytes. The agent is woken when it is half full: about 40
/// connections, or 100 answers of a name server.
pub const SAMPLES_BYTES: u32 = 128 * 1024;

/// Bytes of a TCP stream that are sampled at most: a hello of 4 KiB, in records however small. A count of
/// [`crate::records::sample_state::UNIT_BYTES`] fits a byte.
pub const STREAM_BYTES_MAX: u32 = 4_500;

/// Bytes of the head of an HTTP request that are sampled at most.
pub const HTTP_BYTES_MAX: u32 = 512;

/// Bytes of one packet that are sampled at most.
pub const SAMPLE_BYTES_MAX: u32 = 4_608;

/// Datagrams to a peer that are sampled at most, but for DNS.
pub const DATAGRAMS_SAMPLED_MAX: u8 = 3;

/// Datagrams to a peer that are looked at for something to sample.
pub const DATAGRAMS_TRIED_MAX: u8 = 8;

/// Packets of a DNS connection over TCP that are sampled at most, both ways.
pub const DNS_STREAM_PACKETS_MAX: u8 = 128;

/// What an element of a hash map costs beside key and value: `struct htab_elem` without its key
/// (kernel/bpf/hashtab.c), 48 bytes on 64-bit kernels.
const HASH_ELEMENT_OVERHEAD: u64 = 48;

/// A bucket of a hash map: list head and lock (`struct bucket`, kernel/bpf/hashtab.c).
const HASH_BUCKET: u64 = 16;

/// Upper bound of the memory of all maps in bytes, with every entry in use, for one CPU's worth of
/// per-CPU data.
///
/// `flows` and `datagrams` are the capacities given to the loader.
pub const fn memory_max_bytes(flows: u32, datagrams: u32) -> u64 {
    hash_bytes(flows, 8, FlowRecord::SIZE)
        + hash_bytes(datagrams, DatagramKey::SIZE, DatagramPeer::SIZE)
        + hash_bytes(SETTLED_MAX, SettledKey::SIZE, SettledRecord::SIZE)
        + hash_bytes(BOUND_MAX, BoundKey::SIZE, Owner::SIZE)
        + hash_bytes(PROCESSES_MAX, 8, ProcessSeen::SIZE)
        + CLOSED_MAX as u64 * ClosedRecord::SIZE as u64
        + (EVENTS_BYTES + SAMPLES_BYTES) as u64
}

const fn hash_bytes(entries: u32, key: usize, value: usize) -> u64 {
    let element = HASH_ELEMENT_OVERHEAD + (key + value) as u64;
    entries as u64 * element + entries.next_power_of_two() as u64 * HASH_BUCKET
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The promise of the README: kernel maps take at most 4 MiB at 16,384 flows.
    #[test]
    fn full_maps_stay_below_4_mib() {
        let bytes = memory_max_bytes(FLOWS_MAX, DATAGRAMS_MAX);
        assert!(bytes <= 4 * 1024 * 1024, "{bytes} bytes");
    }

    #[test]
    fn the_rings_are_powers_of_two() {
        assert!(EVENTS_BYTES.is_power_of_two() && SAMPLES_BYTES.is_power_of_two());
    }
}
