//! The boundary between the kernel and the agent.
//!
//! Everything that crosses it is declared here: the records in [`records`], the maps in [`maps`].
//! A record is `repr(C)`, made of unsigned integers and byte arrays only, without implicit padding
//! (asserted when it is compiled), in the byte order of the machine. The programs (`main.rs`, built
//! for the `bpf` target) write records; the agent reads them field by field and never casts.

#![no_std]
#![cfg_attr(all(target_arch = "bpf", not(feature = "percpu")), feature(asm_experimental_arch))]

#[cfg(target_arch = "bpf")]
pub mod add;
pub mod maps;
pub mod records;
#[doc(hidden)]
pub mod wire;

pub use records::{
    BoundKey, ClosedRecord, DatagramKey, DatagramPeer, FlowCounters, FlowRecord, OverRecord, Owner,
    ProcessRecord, ProcessSeen, RecordHeader, SampleRecord, SettingsRecord, SettledKey,
    SettledRecord, StatsRecord,
};
