//! The maps themselves. `monitor_ebpf::maps` says what each is for and what it costs.

#![expect(
    unsafe_code,
    reason = "maps are placed into their section by name, and OWNER needs a raw call"
)]

use aya_ebpf::bindings::bpf_map_type::BPF_MAP_TYPE_SK_STORAGE;
use aya_ebpf::bindings::{BPF_F_CLONE, BPF_F_NO_PREALLOC, BPF_SK_STORAGE_GET_F_CREATE};
#[cfg(not(feature = "percpu"))]
use aya_ebpf::btf_maps::{Array as Counter, HashMap as CounterMap};
use aya_ebpf::btf_maps::{Array, HashMap, LruHashMap, PerCpuArray, Queue, RingBuf};
#[cfg(feature = "percpu")]
use aya_ebpf::btf_maps::{PerCpuArray as Counter, PerCpuHashMap as CounterMap};
use aya_ebpf::helpers::generated::bpf_sk_storage_get;
use aya_ebpf::macros::btf_map;
use monitor_ebpf::maps::{
    BOUND_MAX, CLOSED_MAX, DATAGRAMS_MAX, EVENTS_BYTES, FLOWS_MAX, PROCESSES_MAX, SAMPLES_BYTES,
    SETTLED_MAX,
};
use monitor_ebpf::{
    BoundKey, ClosedRecord, DatagramKey, DatagramPeer, FlowRecord, OverRecord, Owner,
    ProcessRecord, ProcessSeen, SampleRecord, SettingsRecord, SettledKey, SettledRecord,
    StatsRecord,
};

use super::ctx::Socket;

/// Entries are allocated when they are needed: an idle phone does not pay for 16,384 sockets.
const ON_DEMAND: usize = BPF_F_NO_PREALLOC as usize;

#[btf_map]
pub(super) static FLOWS: CounterMap<u64, FlowRecord, { FLOWS_MAX as usize }, ON_DEMAND> =
    CounterMap::new();

#[btf_map]
pub(super) static DATAGRAMS: CounterMap<
    DatagramKey,
    DatagramPeer,
    { DATAGRAMS_MAX as usize },
    ON_DEMAND,
> = CounterMap::new();

#[btf_map]
pub(super) static CLOSED: Queue<ClosedRecord, { CLOSED_MAX as usize }> = Queue::new();

#[btf_map]
pub(super) static SETTLED: HashMap<SettledKey, SettledRecord, { SETTLED_MAX as usize }, ON_DEMAND> =
    HashMap::new();

#[btf_map]
pub(super) static LIVE: Counter<u64, 1> = Counter::new();

#[btf_map]
pub(super) static SETTINGS: Array<SettingsRecord, 1> = Array::new();

#[btf_map]
pub(super) static OVER: PerCpuArray<
    OverRecord,
    { monitor_ebpf::records::over_cause::COUNT as usize },
> = PerCpuArray::new();

#[btf_map]
pub(super) static STATS: PerCpuArray<StatsRecord, 1> = PerCpuArray::new();

#[btf_map]
pub(super) static PROCESSES: LruHashMap<u32, ProcessSeen, { PROCESSES_MAX as usize }> =
    LruHashMap::new();

#[btf_map]
pub(super) static BOUND: LruHashMap<BoundKey, Owner, { BOUND_MAX as usize }> = LruHashMap::new();

#[btf_map]
pub(super) static EVENTS: RingBuf<ProcessRecord, { EVENTS_BYTES as usize }> = RingBuf::new();

#[btf_map]
pub(super) static SAMPLES: RingBuf<SampleRecord, { SAMPLES_BYTES as usize }> = RingBuf::new();

#[btf_map]
pub(super) static OWNER: OwnerStorage = OwnerStorage::new();

/// `SK_STORAGE` that accepted sockets inherit (`BPF_F_CLONE`): the library's own type fixes the flags
/// and the program type. The fields are read from the object's BTF by the loader and never at run
/// time.
#[repr(C)]
pub(super) struct OwnerStorage {
    r#type: *const [i32; BPF_MAP_TYPE_SK_STORAGE as usize],
    key: *const i32,
    value: *const Owner,
    max_entries: *const [i32; 0],
    map_flags: *const [i32; (BPF_F_NO_PREALLOC | BPF_F_CLONE) as usize],
}

// SAFETY: the pointers are never followed; the loader replaces the whole by a map.
unsafe impl Sync for OwnerStorage {}

impl OwnerStorage {
    const fn new() -> Self {
        use core::ptr::null;
        Self { r#type: null(), key: null(), value: null(), max_entries: null(), map_flags: null() }
    }

    /// The owner kept with the socket, if there is one.
    #[inline(always)]
    pub(super) fn of(&self, socket: &Socket) -> Option<&Owner> {
        // SAFETY: a full socket of the context, and no value to start from.
        let found = unsafe {
            bpf_sk_storage_get(
                core::ptr::from_ref(self).cast_mut().cast(),
                socket.as_ptr().cast(),
                core::ptr::null_mut(),
                0,
            )
        };
        // SAFETY: the kernel gives null or a value that lives as long as the socket.
        unsafe { found.cast::<Owner>().as_ref() }
    }

    /// Keeps the owner with the socket, in place of any other. False when there is no memory.
    #[inline(always)]
    pub(super) fn set(&self, socket: &Socket, owner: &mut Owner) -> bool {
        // SAFETY: a full socket of the context, and a value of the map's type.
        let found = unsafe {
            bpf_sk_storage_get(
                core::ptr::from_ref(self).cast_mut().cast(),
                socket.as_ptr().cast(),
                core::ptr::from_mut(owner).cast(),
                u64::from(BPF_SK_STORAGE_GET_F_CREATE),
            )
        };
        if found.is_null() {
            return false;
        }
        // SAFETY: not null, and of the map's type.
        unsafe { found.cast::<Owner>().write(*owner) };
        true
    }
}
