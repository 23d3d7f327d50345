//! Who a socket belongs to, and telling the agent of processes it does not know yet.

#![expect(unsafe_code, reason = "map memory is handed out as pointers")]

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_get_current_uid_gid};
use monitor_ebpf::records::{Address, record_kind};
use monitor_ebpf::{Owner, ProcessRecord, ProcessSeen, RecordHeader};

use super::ctx::{self, Socket};
use super::packet::TCP;
use super::tables::{EVENTS, OWNER, PROCESSES};
use super::{bound, count};

/// `BPF_RB_FORCE_WAKEUP` (uapi/linux/bpf.h): the process may be gone in a millisecond.
const WAKE: u64 = 2;

/// Process id of the current process, in the initial PID namespace.
#[inline(always)]
pub(super) fn current_tgid() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

/// The current process as the owner of a socket in the network namespace `netns`.
#[inline(always)]
pub(super) fn current(netns: u64) -> Owner {
    Owner {
        opened_ns: ctx::boot_ns(),
        cgroup_id: ctx::current_cgroup_id(),
        tgid: current_tgid(),
        uid: bpf_get_current_uid_gid() as u32,
        netns: netns as u32,
        epoch: epoch(),
        comm: ctx::current_comm(),
    }
}

/// The agent's present look at the tables.
#[inline(always)]
pub(super) fn epoch() -> u32 {
    count::settings().map_or(0, |settings| settings.epoch)
}

/// Keeps the current process with a socket that was bound: what it accepts belongs to it as well.
#[inline(always)]
pub(super) fn remember(socket: &Socket, local: impl FnOnce(&Socket) -> Address) {
    let mut owner = current(socket.netns_of_context());
    if !OWNER.set(socket, &mut owner) && socket.protocol() == TCP {
        bound::keep(socket, local(socket), &owner);
    }
}

/// Who bound the listener that a TCP socket was accepted from, or the socket itself.
#[inline(always)]
pub(super) fn kept(socket: &Socket) -> Option<&Owner> {
    OWNER.of(socket).or_else(|| bound::of(socket))
}

/// Tells the agent of the owner's process, unless it has been told.
#[inline(always)]
pub(super) fn announce(owner: &Owner) {
    // SAFETY: the entry is only compared, before anything is inserted.
    let known = unsafe { PROCESSES.get(&owner.tgid) };
    if let Some(known) = known
        && known.cgroup_id == owner.cgroup_id
        && (known.comm == owner.comm || is_thread())
    {
        return;
    }
    let seen = ProcessSeen { cgroup_id: owner.cgroup_id, comm: owner.comm };
    // A full LRU map makes room by itself; on failure the process is announced again next time.
    let _ = PROCESSES.insert(&owner.tgid, &seen, 0);
    let record = ProcessRecord {
        header: RecordHeader {
            kind: record_kind::PROCESS,
            length: ProcessRecord::SIZE as u16,
            reserved: 0,
        },
        owner: *owner,
    };
    if EVENTS.output(&record, WAKE).is_err()
        && let Some(stats) = count::stats()
    {
        count::add_own(&raw mut stats.ring_lost, 1);
    }
}

/// Whether the current task is not the main thread: its name says nothing about the process.
#[inline(always)]
fn is_thread() -> bool {
    let id = bpf_get_current_pid_tgid();
    (id >> 32) as u32 != id as u32
}
