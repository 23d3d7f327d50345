//! Closed flows that the agent never looked at are summed up here, when there are many.
//!
//! A device that opens thousands of connections a second would otherwise fill `FLOWS` between two looks,
//! or keep the agent busy with sockets that are gone. Below `settle_at` live flows nothing happens here.
//! Who settles what is told by the epoch: flows of the present one are settled by the programs, those of
//! earlier ones have been looked at and are the agent's.

#![expect(unsafe_code, reason = "map memory is handed out as pointers")]

use aya_ebpf::bindings::BPF_NOEXIST;
use monitor_ebpf::records::origin;
use monitor_ebpf::{ClosedRecord, FlowRecord, SettingsRecord, SettledKey, SettledRecord};

use super::packet::TCP;
use super::tables::{CLOSED, FLOWS, SETTLED};
use super::{count, ctx, flow};

/// How long a closed socket must have been silent to be settled: the shorter, the more flows there are.
/// A lost segment is sent again after 200 ms at the earliest (`TCP_RTO_MIN`, include/net/tcp.h).
#[inline(always)]
const fn silence_ns(live: u64, settle_at: u64) -> u64 {
    if live < settle_at * 2 {
        1_000_000_000
    } else if live < settle_at * 5 {
        250_000_000
    } else {
        50_000_000
    }
}

/// Closed flows looked at per new flow. A connection within the device makes two of them.
const BATCH: usize = 4;

/// Notes that a socket was closed. Without room it is the agent's to delete.
#[inline(always)]
pub(super) fn later(cookie: u64, closed_ns: u64) {
    if cfg!(feature = "percpu") {
        return;
    }
    let closed = ClosedRecord { cookie, since_ns: closed_ns };
    let _ = CLOSED.push(&closed, 0);
}

/// Settles a few closed flows, more than the caller is about to make.
///
/// Only one CPU's counters can be seen of a per-CPU entry, so that build leaves all to the agent.
#[inline(always)]
pub(super) fn some() {
    if cfg!(feature = "percpu") {
        return;
    }
    let Some(settings) = count::settings() else {
        return;
    };
    let live = count::flows(settings);
    if settings.settle_at == 0 || live < settings.settle_at {
        return;
    }
    let silent_ns = silence_ns(live, settings.settle_at);
    let now_ns = ctx::boot_ns();
    for _ in 0..BATCH {
        // The first is the one that has been silent for longest: taking it out to put it back would
        // lose the order.
        let Ok(Some(first)) = CLOSED.peek() else {
            return;
        };
        if now_ns.wrapping_sub(first.since_ns) < silent_ns {
            return;
        }
        let Ok(Some(mut closed)) = CLOSED.pop() else {
            return;
        };
        let Some(flow) = FLOWS.get_ptr_mut(&closed.cookie) else {
            continue;
        };
        // SAFETY: an entry of `FLOWS` that nobody deletes but this and the agent.
        let flow = unsafe { &*flow };
        closed.since_ns = flow.closed_ns;
        if now_ns.wrapping_sub(closed.since_ns) < silent_ns {
            let _ = CLOSED.push(&closed, 0);
        } else {
            settle(closed.cookie, flow, settings);
        }
    }
}

/// Adds a closed flow to the sums of its process and peer, and deletes it.
#[inline(always)]
fn settle(cookie: u64, flow: &FlowRecord, settings: &SettingsRecord) {
    let owner = flow.owner;
    if owner.tgid == 0 || owner.epoch != settings.epoch || flow.peers != 0 {
        return;
    }
    let key = SettledKey {
        cgroup_id: owner.cgroup_id,
        remote: flow.remote,
        tgid: owner.tgid,
        netns: owner.netns,
        epoch: owner.epoch,
        ifindex: flow.ifindex,
        remote_port: if flow.origin == origin::OWN { flow.remote_port } else { 0 },
        protocol: flow.protocol,
        reserved: [0; 5],
    };
    let Some(settled) = SETTLED.get_ptr_mut(&key).or_else(|| begin(&key, flow)) else {
        flow::press(settings.epoch);
        return;
    };
    let counters = flow.counters;
    let attempts = u64::from(flow.attempts);
    let established = u64::from(flow.established);
    let inbound = flow.origin != origin::OWN;
    let (protocol, closed_ns) = (flow.protocol, flow.closed_ns);
    let listener = protocol == TCP && flow.origin & origin::ACCEPTED == 0 && established == 0;
    // From here on the entry is gone, and only one of those that came so far gets on.
    if FLOWS.remove(&cookie).is_err() {
        return;
    }
    count::live(u64::MAX);
    // SAFETY: the addresses of fields of a map entry.
    let sums = unsafe { &raw mut (*settled).counters };
    count::sums(sums, &counters);
    if inbound {
        if !listener {
            // SAFETY: as above.
            count::more(unsafe { &raw mut (*settled).accepted }, 1);
        }
    } else if protocol == TCP {
        // SAFETY: as above.
        count::more(unsafe { &raw mut (*settled).connections }, attempts);
        if attempts > established {
            // SAFETY: as above.
            count::more(unsafe { &raw mut (*settled).failures }, attempts - established);
        }
    } else {
        // SAFETY: as above.
        count::more(unsafe { &raw mut (*settled).connections }, 1);
    }
    // SAFETY: as above; whoever writes last is right.
    unsafe { (&raw mut (*settled).last_ns).write(closed_ns) };
    if let Some(stats) = count::stats() {
        count::add_own(&raw mut stats.settled, 1);
    }
}

/// The entry of a process and peer that has none yet; none when there is no room.
#[inline(always)]
fn begin(key: &SettledKey, flow: &FlowRecord) -> Option<*mut SettledRecord> {
    let first = SettledRecord { first_ns: flow.first_ns, owner: flow.owner, ..SettledRecord::ZERO };
    // Another CPU may have been faster.
    let _ = SETTLED.insert(key, &first, u64::from(BPF_NOEXIST));
    SETTLED.get_ptr_mut(key)
}
