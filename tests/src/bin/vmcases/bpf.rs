#![expect(unsafe_code, reason = "bpf(2) has no safe wrapper")]
//! bpf(2), as far as programs of a few instructions need it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::Path;

/// Commands and constants (include/uapi/linux/bpf.h).
const MAP_CREATE: libc::c_int = 0;
const MAP_LOOKUP: libc::c_int = 1;
const MAP_NEXT_KEY: libc::c_int = 4;
const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const LINK_CREATE: libc::c_int = 28;
const MAP_TYPE_HASH: u32 = 1;
const PROG_TYPE_CGROUP_SKB: u32 = 8;

/// Where a program is attached.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum Hook {
    Ingress = 0,
    Egress = 1,
}

/// As much of `union bpf_attr` as making a map takes.
#[repr(C)]
struct Create {
    kind: u32,
    key: u32,
    value: u32,
    entries: u32,
}

/// As much as an element takes.
#[repr(C)]
struct Element {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// As much as loading takes.
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

/// As much as attaching takes.
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    /// Zero: nobody else (`BPF_F_ALLOW_MULTI` is 2).
    flags: u32,
}

/// As much as a link takes.
#[repr(C)]
struct Link {
    program: u32,
    target: u32,
    kind: u32,
    flags: u32,
}

/// An instruction; which of the two registers comes first is as the machine orders bits.
pub(crate) fn instruction(operation: u8, to: u8, from: u8, offset: i16, number: i32) -> u64 {
    let registers = if cfg!(target_endian = "little") { from << 4 | to } else { to << 4 | from };
    let [o0, o1] = offset.to_ne_bytes();
    let [n0, n1, n2, n3] = number.to_ne_bytes();
    u64::from_ne_bytes([operation, registers, o0, o1, n0, n1, n2, n3])
}

/// A program that sees packets, verified.
pub(crate) fn load(name: &str, hook: Hook, instructions: &[u64]) -> OwnedFd {
    let mut own = [0; 16];
    own[..name.len()].copy_from_slice(name.as_bytes());
    let load = Load {
        kind: PROG_TYPE_CGROUP_SKB,
        count: u32::try_from(instructions.len()).expect("few"),
        instructions: address(instructions),
        licence: address(c"GPL".to_bytes_with_nul()),
        log_level: 0,
        log_size: 0,
        log: 0,
        version: 0,
        flags: 0,
        name: own,
        interface: 0,
        attach: hook as u32,
    };
    made(bpf(PROG_LOAD, &load))
}

/// Attaches a program at a cgroup, where it stays and suffers nobody else.
pub(crate) fn occupy(program: &OwnedFd, hook: Hook, cgroup: &Path) {
    let folder = folder(cgroup);
    let target = number(&folder);
    let attach = Attach { target, program: number(program), kind: hook as u32, flags: 0 };
    bpf(PROG_ATTACH, &attach).expect("nobody else is there");
}

/// Attaches a program at a cgroup beside others, for as long as what this gives is open.
pub(crate) fn link(program: &OwnedFd, hook: Hook, cgroup: &Path) -> OwnedFd {
    let folder = folder(cgroup);
    let program = number(program);
    let link = Link { program, target: number(&folder), kind: hook as u32, flags: 0 };
    made(bpf(LINK_CREATE, &link))
}

fn folder(cgroup: &Path) -> File {
    File::open(cgroup).expect("the cgroup is there")
}

/// Pairs of numbers, by four bytes each.
#[derive(Debug)]
pub(crate) struct Table(OwnedFd);

impl Table {
    pub(crate) fn new(entries: u32) -> Self {
        Self(made(bpf(MAP_CREATE, &Create { kind: MAP_TYPE_HASH, key: 4, value: 16, entries })))
    }

    /// The descriptor as an instruction names it.
    pub(crate) fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// All of it.
    pub(crate) fn read(&self) -> Vec<([u8; 4], [u64; 2])> {
        let mut all = Vec::new();
        let mut last: Option<[u8; 4]> = None;
        loop {
            let (mut key, mut value) = ([0_u8; 4], [0_u64; 2]);
            let element = Element {
                map: number(&self.0),
                padding: 0,
                key: last.as_ref().map_or(0, |last| address(last)),
                value: address_to_write(&mut key),
                flags: 0,
            };
            if bpf(MAP_NEXT_KEY, &element).is_err() {
                return all;
            }
            let element =
                Element { key: address(&key), value: address_to_write(&mut value), ..element };
            if bpf(MAP_LOOKUP, &element).is_ok() {
                all.push((key, value));
            }
            last = Some(key);
        }
    }
}

fn number(file: &impl AsFd) -> u32 {
    u32::try_from(file.as_fd().as_raw_fd()).expect("an open descriptor")
}

fn made(result: io::Result<i32>) -> OwnedFd {
    let number = result.unwrap_or_else(|error| panic!("bpf(2): {error}"));
    // SAFETY: the kernel has just made this descriptor for us.
    unsafe { OwnedFd::from_raw_fd(number) }
}

fn address<T>(values: &[T]) -> u64 {
    u64::try_from(values.as_ptr().addr()).expect("64 bits hold an address")
}

/// For what the kernel writes to.
fn address_to_write<T>(values: &mut [T]) -> u64 {
    u64::try_from(values.as_mut_ptr().expose_provenance()).expect("64 bits hold an address")
}

fn bpf<T>(command: libc::c_int, attributes: &T) -> io::Result<i32> {
    // SAFETY: the attributes are what the command reads, and all they point to lives for the call.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>())
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(i32::try_from(result).expect("a descriptor or zero"))
}
