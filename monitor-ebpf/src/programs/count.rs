//! Counting, in flows and beside them.

#![expect(
    unsafe_code,
    reason = "counters live in map memory, which the helpers hand out as pointers"
)]

use monitor_ebpf::add::add;
pub(super) use monitor_ebpf::add::add_own;
use monitor_ebpf::{FlowCounters, SettingsRecord, StatsRecord};

use super::ctx::Direction;
use super::tables::{LIVE, OVER, SETTINGS, STATS};

/// Counts packets in the counters of a map entry.
#[inline(always)]
pub(super) fn packets(counters: *mut FlowCounters, direction: Direction, bytes: u64, packets: u64) {
    // SAFETY: field addresses of a map entry; nothing is read through a reference.
    let (to_bytes, to_packets) = unsafe {
        match direction {
            Direction::Transmit => (&raw mut (*counters).tx_bytes, &raw mut (*counters).tx_packets),
            Direction::Receive => (&raw mut (*counters).rx_bytes, &raw mut (*counters).rx_packets),
        }
    };
    add(to_bytes, bytes);
    add(to_packets, packets);
}

/// Counts packets that found no room, by cause.
#[inline(always)]
pub(super) fn over(cause: u32, direction: Direction, bytes: u64, count: u64) {
    if let Some(over) = OVER.get_ptr_mut(cause) {
        // SAFETY: the address of the only field of a map entry.
        let counters = unsafe { &raw mut (*over).counters };
        packets(counters, direction, bytes, count);
    }
}

/// Adds the sums of one entry to another that other CPUs add to as well.
#[inline(always)]
pub(super) fn sums(counters: *mut FlowCounters, added: &FlowCounters) {
    packets(counters, Direction::Transmit, added.tx_bytes, added.tx_packets);
    packets(counters, Direction::Receive, added.rx_bytes, added.rx_packets);
}

/// Adds to a counter of a map entry that other CPUs add to as well.
#[inline(always)]
pub(super) fn more(counter: *mut u64, amount: u64) {
    add(counter, amount);
}

/// Counts flows that come, or with `u64::MAX` one that goes.
#[inline(always)]
pub(super) fn live(change: u64) {
    if let Some(live) = LIVE.get_ptr_mut(0) {
        add(live, change);
    }
}

/// Flows in `FLOWS`, where each CPU counts its own: about.
#[inline(always)]
pub(super) fn flows(settings: &SettingsRecord) -> u64 {
    let Some(live) = LIVE.get_ptr(0) else {
        return 0;
    };
    // SAFETY: an entry of an array map is never freed.
    let made = unsafe { live.read_volatile() };
    let made =
        if cfg!(feature = "percpu") { made.wrapping_mul(u64::from(settings.cpus)) } else { made };
    made.wrapping_sub(settings.deleted)
}

/// What the agent told.
#[inline(always)]
pub(super) fn settings() -> Option<&'static SettingsRecord> {
    let settings = SETTINGS.get_ptr(0)?;
    // SAFETY: an entry of an array map is never freed; each field is read and written whole.
    unsafe { settings.as_ref() }
}

/// This CPU's [`StatsRecord`].
#[inline(always)]
pub(super) fn stats() -> Option<&'static mut StatsRecord> {
    let stats = STATS.get_ptr_mut(0)?;
    // SAFETY: an entry of an array map is never freed, and this CPU alone writes to it.
    unsafe { stats.as_mut() }
}
