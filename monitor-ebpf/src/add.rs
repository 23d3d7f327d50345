//! Adding to a counter in a map: the one place that knows whether counters are shared between CPUs.

#![expect(
    unsafe_code,
    reason = "counters live in map memory, which the helpers hand out as pointers"
)]

/// Adds to a counter that other CPUs may add to as well.
///
/// The instruction is written out, because it must be the plain XADD that 5.10 and every JIT of this build
/// have; one that returns the old value needs 5.12, and `core` has neither for this target.
#[cfg(not(feature = "percpu"))]
#[inline(always)]
pub fn add(counter: *mut u64, amount: u64) {
    // SAFETY: aligned map memory that lives for the whole run of the program.
    unsafe {
        core::arch::asm!(
            "lock *(u64 *)({counter} + 0) += {amount}",
            counter = in(reg) counter,
            amount = in(reg) amount,
            options(nostack),
        );
    }
}

/// Adds to a counter; in this build every CPU has its own.
#[cfg(feature = "percpu")]
#[inline(always)]
pub fn add(counter: *mut u64, amount: u64) {
    add_own(counter, amount);
}

/// Adds to a counter that belongs to this CPU in every build.
#[inline(always)]
pub fn add_own(counter: *mut u64, amount: u64) {
    // SAFETY: aligned map memory that lives for the whole run of the program.
    unsafe { *counter = (*counter).wrapping_add(amount) };
}
