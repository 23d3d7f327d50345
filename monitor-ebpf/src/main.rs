//! The eBPF programs. On the host this is an empty program, so that the workspace builds, lints and
//! tests with an ordinary toolchain; `cargo xtask build` compiles it for the `bpf` target.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod programs;

#[cfg(not(target_arch = "bpf"))]
fn main() {}

/// The kernel gives some helpers only to programs of a GPL-compatible licence
/// (`license_is_gpl_compatible`, include/linux/license.h).
#[cfg(target_arch = "bpf")]
#[expect(unsafe_code, reason = "the kernel looks the licence up by the name of its section")]
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Never reached: the verifier accepts no program that could get here.
    loop {}
}
