#![expect(unsafe_code, reason = "bpf(2) has no safe wrapper")]
//! Somebody else's program at the root of the tree, attached so that nobody may join it.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// Commands and constants of bpf(2) (include/uapi/linux/bpf.h).
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_ATTACH: libc::c_int = 8;
const BPF_PROG_TYPE_CGROUP_SKB: u32 = 8;
const BPF_CGROUP_INET_EGRESS: u32 = 1;

/// `r0 = 1; exit`: every packet may pass.
static ALLOW: [u64; 2] = if cfg!(target_endian = "little") {
    [0x0000_0001_0000_00b7, 0x0000_0000_0000_0095]
} else {
    [0xb700_0000_0000_0001, 0x9500_0000_0000_0000]
};

/// As much of `union bpf_attr` as loading takes.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach: u32,
}

/// As much of `union bpf_attr` as attaching takes.
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    /// Zero: nobody else (`BPF_F_ALLOW_MULTI` is 2).
    flags: u32,
}

/// Attaches the program at a cgroup, where it stays.
pub(crate) fn occupy(cgroup: &std::path::Path) {
    let load = Load {
        kind: BPF_PROG_TYPE_CGROUP_SKB,
        count: 2,
        instructions: address(ALLOW.as_ptr().cast()),
        licence: address(c"GPL".as_ptr().cast()),
        log_level: 0,
        log_size: 0,
        log: 0,
        version: 0,
        flags: 0,
        name: *b"foreign\0\0\0\0\0\0\0\0\0",
        interface: 0,
        attach: BPF_CGROUP_INET_EGRESS,
    };
    let program = bpf(BPF_PROG_LOAD, &load);
    // SAFETY: the kernel has just made this descriptor for us.
    let program = unsafe { OwnedFd::from_raw_fd(program) };
    let folder = std::fs::File::open(cgroup).expect("the cgroup is there");
    let number = |fd: i32| u32::try_from(fd).expect("an open descriptor");
    let attach = Attach {
        target: number(folder.as_raw_fd()),
        program: number(program.as_raw_fd()),
        kind: BPF_CGROUP_INET_EGRESS,
        flags: 0,
    };
    bpf(BPF_PROG_ATTACH, &attach);
}

fn address(pointer: *const u8) -> u64 {
    u64::try_from(pointer.addr()).expect("64 bits hold an address")
}

fn bpf<T>(command: libc::c_int, attributes: &T) -> i32 {
    // SAFETY: the attributes are what the command reads, and all they point to is static.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>())
    };
    assert!(result >= 0, "bpf {command}: {}", std::io::Error::last_os_error());
    i32::try_from(result).expect("a descriptor or zero")
}
