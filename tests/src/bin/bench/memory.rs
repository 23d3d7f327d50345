//! Memory of a process and of the kernel's maps.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{AsFd as _, AsRawFd as _};

use anyhow::{Context as _, Result};
use aya::maps::loaded_maps;

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// All that is resident.
    pub(crate) resident: u64,
    /// What of it is no file.
    pub(crate) anonymous: u64,
    /// The most that ever was resident.
    pub(crate) peak: u64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        Ok(Self {
            resident: status(pid, "VmRSS")?,
            anonymous: status(pid, "RssAnon")?,
            peak: status(pid, "VmHWM")?,
        })
    }
}

/// A number in `/proc/PID/status`.
pub(crate) fn status(pid: u32, key: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.with_context(|| key.to_owned())?.parse()?)
}

/// The ids of all maps.
pub(crate) fn maps() -> BTreeSet<u32> {
    loaded_maps().flatten().map(|map| map.id()).collect()
}

/// Bytes of the maps made since, as the kernel accounts them (`memlock` in the `fdinfo` of a map): also of
/// those that only programs hold.
pub(crate) fn maps_since(earlier: &BTreeSet<u32>) -> Result<u64> {
    let mut sum = 0;
    for map in loaded_maps().flatten().filter(|map| !earlier.contains(&map.id())) {
        let descriptor = map.fd()?;
        let path = format!("/proc/self/fdinfo/{}", descriptor.as_fd().as_raw_fd());
        let text = fs::read_to_string(path)?;
        let bytes = text.lines().find_map(|line| line.strip_prefix("memlock:"));
        sum += bytes.context("no memlock in fdinfo")?.trim().parse::<u64>()?;
    }
    Ok(sum)
}
