//! The calls of bpf(2) that aya 0.14 does not offer: batches, links from a bare program, and map
//! elements as bytes. The one file of the agent that may contain unsafe code.

#![expect(unsafe_code, reason = "bpf(2) has no safe wrapper for these commands")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Commands of bpf(2) (`enum bpf_cmd`, uapi/linux/bpf.h).
#[derive(Clone, Copy)]
#[repr(i32)]
enum Command {
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    MapLookupBatch = 24,
    LinkCreate = 28,
}

/// `union bpf_attr` for the commands on one map element.
#[repr(C)]
struct ElementAttr {
    map_fd: u32,
    reserved: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// `union bpf_attr` for the commands on batches of map elements.
#[repr(C)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// `union bpf_attr` for `BPF_LINK_CREATE`.
#[repr(C)]
struct LinkAttr {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
}

/// Calls bpf(2).
///
/// # Safety
///
/// Every address in `attr` must be valid for the command, for reads and writes of the sizes that the
/// map it names has.
unsafe fn bpf<T>(command: Command, attr: &mut T) -> io::Result<i32> {
    // SAFETY: `attr` is alive and as long as said; the caller vouches for the addresses in it.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command as i32, std::ptr::from_mut(attr), size_of::<T>())
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(i32::try_from(result).unwrap_or(i32::MAX))
}

fn fd(fd: BorrowedFd<'_>) -> u32 {
    // A borrowed descriptor is never negative.
    fd.as_raw_fd().unsigned_abs()
}

fn address<T>(slice: &[T]) -> u64 {
    slice.as_ptr().expose_provenance() as u64
}

fn address_mut<T>(slice: &mut [T]) -> u64 {
    slice.as_mut_ptr().expose_provenance() as u64
}

/// Key and value sizes of a map, so that no call can write past a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Size of a key in bytes.
    pub(super) key: usize,
    /// Size of a value in bytes; for per-CPU maps of all CPUs' values, each rounded up to 8.
    pub(super) value: usize,
}

/// Reads the value of `key`; false when there is none.
///
/// # Errors
///
/// What bpf(2) says, and `InvalidInput` when a buffer does not have the layout's size.
pub(super) fn lookup(
    map: BorrowedFd<'_>,
    layout: Layout,
    key: &[u8],
    value: &mut [u8],
) -> io::Result<bool> {
    check(key.len() == layout.key && value.len() == layout.value)?;
    let mut attr = ElementAttr {
        map_fd: fd(map),
        reserved: 0,
        key: address(key),
        value: address_mut(value),
        flags: 0,
    };
    // SAFETY: the buffers have the sizes of the map's layout.
    match unsafe { bpf(Command::MapLookup, &mut attr) } {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes the value of `key`.
///
/// # Errors
///
/// As [`lookup`].
pub(super) fn update(
    map: BorrowedFd<'_>,
    layout: Layout,
    key: &[u8],
    value: &[u8],
) -> io::Result<()> {
    check(key.len() == layout.key && value.len() == layout.value)?;
    let mut attr = ElementAttr {
        map_fd: fd(map),
        reserved: 0,
        key: address(key),
        value: address(value),
        flags: 0,
    };
    // SAFETY: the buffers have the sizes of the map's layout.
    unsafe { bpf(Command::MapUpdate, &mut attr) }.map(drop)
}

/// Deletes `key`; false when it was not there.
///
/// # Errors
///
/// As [`lookup`].
pub(super) fn delete(map: BorrowedFd<'_>, layout: Layout, key: &[u8]) -> io::Result<bool> {
    check(key.len() == layout.key)?;
    let mut attr =
        ElementAttr { map_fd: fd(map), reserved: 0, key: address(key), value: 0, flags: 0 };
    // SAFETY: the key has the size of the map's layout.
    match unsafe { bpf(Command::MapDelete, &mut attr) } {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What one call of [`lookup_batch`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Batch {
    /// So many elements; there are more.
    Some(usize),
    /// So many elements; they were the last.
    Last(usize),
    /// A bucket holds more elements than the buffers: call again with larger ones.
    TooSmall,
}

/// Reads the elements of a hash map from `position` on into `keys` and `values`
/// (`BPF_MAP_LOOKUP_BATCH`, Linux 5.6), as many as fit, and advances `position`, which starts as `None`.
///
/// # Errors
///
/// What bpf(2) says, and `InvalidInput` when the buffers do not hold whole elements.
pub(super) fn lookup_batch(
    map: BorrowedFd<'_>,
    layout: Layout,
    position: &mut Option<u32>,
    keys: &mut [u8],
    values: &mut [u8],
) -> io::Result<Batch> {
    let count = keys.len() / layout.key;
    check(count > 0 && keys.len() == count * layout.key && values.len() == count * layout.value)?;
    let start = [position.unwrap_or(0)];
    let mut end = [0_u32];
    let mut attr = BatchAttr {
        in_batch: position.map_or(0, |_| address(&start)),
        out_batch: address_mut(&mut end),
        keys: address_mut(keys),
        values: address_mut(values),
        count: u32::try_from(count).unwrap_or(u32::MAX),
        map_fd: fd(map),
        elem_flags: 0,
        flags: 0,
    };
    // SAFETY: keys and values hold `count` elements each; a position in a hash map is a u32.
    let result = unsafe { bpf(Command::MapLookupBatch, &mut attr) };
    let read = count.min(attr.count as usize);
    match result {
        Ok(_) => {
            *position = Some(end[0]);
            Ok(Batch::Some(read))
        }
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOENT) => Ok(Batch::Last(read)),
            Some(libc::ENOSPC) => Ok(Batch::TooSmall),
            _ => Err(error),
        },
    }
}

/// Attaches a program to a cgroup. It stays attached until the descriptor is closed, which the kernel
/// does however this process ends. Links of cgroups always allow others beside them
/// (`cgroup_bpf_link_attach`, kernel/bpf/cgroup.c, Linux 5.7); that is why there are no flags.
///
/// # Errors
///
/// `EPERM` when a program that tolerates no other is attached there, or without privileges.
pub(super) fn link_to_cgroup(
    program: BorrowedFd<'_>,
    cgroup: BorrowedFd<'_>,
    attach_type: u32,
) -> io::Result<OwnedFd> {
    let mut attr = LinkAttr { prog_fd: fd(program), target_fd: fd(cgroup), attach_type, flags: 0 };
    // SAFETY: the command takes no addresses.
    let link = unsafe { bpf(Command::LinkCreate, &mut attr) }?;
    // SAFETY: the kernel just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(link) })
}

/// Waits for a grace period of RCU: `MEMBARRIER_CMD_GLOBAL` is `synchronize_rcu` (kernel/sched/membarrier.c),
/// and programs run under RCU.
///
/// # Errors
///
/// `ENOSYS` without `CONFIG_MEMBARRIER`, `EINVAL` on kernels with `nohz_full` CPUs.
pub(super) fn wait_for_rcu() -> io::Result<()> {
    const MEMBARRIER_CMD_GLOBAL: i32 = 1;
    // SAFETY: membarrier(2) takes numbers only.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn check(fits: bool) -> io::Result<()> {
    if fits {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "buffer does not fit the map's layout"))
}
