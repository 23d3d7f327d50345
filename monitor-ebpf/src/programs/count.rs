//! Counting: the one place that knows whether counters are shared between CPUs.

#![expect(
    unsafe_code,
    reason = "counters live in map memory, which the helpers hand out as pointers"
)]

#[cfg(not(feature = "percpu"))]
use core::arch::asm;

use monitor_ebpf::{FlowCounters, StatsRecord};

use super::ctx::Direction;
use super::tables::{OVER, STATS};

/// Adds to a counter that other CPUs add to as well.
#[cfg(not(feature = "percpu"))]
#[inline(always)]
fn add(counter: *mut u64, amount: u64) {
    // SAFETY: aligned map memory that lives for the whole run of the program. Written out, because the
    // instruction must be the plain XADD that 5.10 and every JIT of the atomic build have; one that
    // returns the old value needs 5.12.
    unsafe {
        asm!(
            "lock *(u64 *)({counter} + 0) += {amount}",
            counter = in(reg) counter,
            amount = in(reg) amount,
            options(nostack),
        );
    }
}

/// Adds to a counter that belongs to this CPU.
#[cfg(feature = "percpu")]
#[inline(always)]
fn add(counter: *mut u64, amount: u64) {
    add_own(counter, amount);
}

/// Adds to a counter that belongs to this CPU in every build.
#[inline(always)]
pub(super) fn add_own(counter: *mut u64, amount: u64) {
    // SAFETY: aligned map memory that lives for the whole run of the program.
    unsafe { *counter = (*counter).wrapping_add(amount) };
}

/// Counts packets in the counters of a map entry.
#[inline(always)]
pub(super) fn packets(counters: *mut FlowCounters, direction: Direction, bytes: u64, packets: u64) {
    // SAFETY: field addresses of a map entry; nothing is read through a reference.
    let (to_bytes, to_packets) = unsafe {
        match direction {
            Direction::Transmit => (
                &raw mut (*counters).tx_bytes,
                &raw mut (*counters).tx_packets,
            ),
            Direction::Receive => (
                &raw mut (*counters).rx_bytes,
                &raw mut (*counters).rx_packets,
            ),
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

/// This CPU's [`StatsRecord`].
#[inline(always)]
pub(super) fn stats() -> Option<&'static mut StatsRecord> {
    let stats = STATS.get_ptr_mut(0)?;
    // SAFETY: an entry of an array map is never freed, and this CPU alone writes to it.
    unsafe { stats.as_mut() }
}
