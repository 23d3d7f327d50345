//! A third opinion: what passes the hook, as a program of this test counts it there, which knows nothing of
//! sockets, flows or apps.
//!
//! It is asked where packet(7) sees more than any program at that hook could: a segment for a connection in
//! TIME-WAIT is answered by the kernel before the hook (`tcp_v4_rcv`, `net/ipv4/tcp_ipv4.c`).

use std::os::fd::OwnedFd;

use e2e::{Volume, cgroup};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::bpf::{self, Hook, Table, instruction};

/// Connections, both ways.
const ENTRIES: u32 = 4096;

/// Helpers (include/uapi/linux/bpf.h).
const MAP_LOOKUP_ELEM: i32 = 1;
const MAP_UPDATE_ELEM: i32 = 2;
const SKB_LOAD_BYTES: i32 = 26;

/// Where the program keeps the two ports, and the first values of an entry.
const PORTS: i16 = -4;
const FIRST: i16 = -24;

/// Counts what IPv4 sockets receive, from its making to its end.
#[derive(Debug)]
pub(crate) struct Hooked {
    table: Table,
    _link: OwnedFd,
}

impl Hooked {
    pub(crate) fn new() -> Self {
        // Before 5.11 maps are charged to this limit.
        let unlimited = Rlimit { current: None, maximum: None };
        setrlimit(Resource::Memlock, unlimited).expect("root may");
        let table = Table::new(ENTRIES);
        let program = bpf::load("hooked", Hook::Ingress, &counting(&table));
        let link = bpf::link(&program, Hook::Ingress, &cgroup::root());
        Self { table, _link: link }
    }

    /// What was received from this port.
    pub(crate) fn of_port(&self, port: u16) -> Volume {
        let mut sum = Volume::default();
        for ([s0, s1, ..], [bytes, packets]) in self.table.read() {
            if u16::from_be_bytes([s0, s1]) == port {
                sum.bytes += bytes;
                sum.packets += packets;
            }
        }
        sum
    }
}

/// Counts bytes and packets by the first word behind an IP header without options: the two ports.
fn counting(table: &Table) -> [u64; 33] {
    let table = [instruction(0x18, 1, 1, 0, table.number()), 0];
    let ports = i32::from(PORTS);
    let first = i32::from(FIRST);
    [
        // r7 = skb->len
        instruction(0x61, 7, 1, 0, 0),
        // skb_load_bytes(skb, 20, ports, 4), or on to the end
        instruction(0xb7, 2, 0, 0, 20),
        instruction(0xbf, 3, 10, 0, 0),
        instruction(0x07, 3, 0, 0, ports),
        instruction(0xb7, 4, 0, 0, 4),
        instruction(0x85, 0, 0, 0, SKB_LOAD_BYTES),
        instruction(0x55, 0, 0, 24, 0),
        // r0 = map_lookup_elem(table, ports), or on to making it
        table[0],
        table[1],
        instruction(0xbf, 2, 10, 0, 0),
        instruction(0x07, 2, 0, 0, ports),
        instruction(0x85, 0, 0, 0, MAP_LOOKUP_ELEM),
        instruction(0x15, 0, 0, 7, 0),
        // r0[0] += r7, r0[1] += 1, and on to the end. There is one CPU, and 32-bit Arm compiles no atomics.
        instruction(0x79, 1, 0, 0, 0),
        instruction(0x0f, 1, 7, 0, 0),
        instruction(0x7b, 0, 1, 0, 0),
        instruction(0x79, 1, 0, 8, 0),
        instruction(0x07, 1, 0, 0, 1),
        instruction(0x7b, 0, 1, 8, 0),
        instruction(0x05, 0, 0, 11, 0),
        // map_update_elem(table, ports, first, 0)
        instruction(0x7b, 10, 7, FIRST, 0),
        instruction(0xb7, 1, 0, 0, 1),
        instruction(0x7b, 10, 1, FIRST + 8, 0),
        table[0],
        table[1],
        instruction(0xbf, 2, 10, 0, 0),
        instruction(0x07, 2, 0, 0, ports),
        instruction(0xbf, 3, 10, 0, 0),
        instruction(0x07, 3, 0, 0, first),
        instruction(0xb7, 4, 0, 0, 0),
        instruction(0x85, 0, 0, 0, MAP_UPDATE_ELEM),
        // Every packet may pass.
        instruction(0xb7, 0, 0, 0, 1),
        instruction(0x95, 0, 0, 0, 0),
    ]
}
