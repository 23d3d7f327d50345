//! What the agent takes.

use std::collections::BTreeMap;
use std::fs;

use crate::mode::Mode;
use crate::rights;

/// Resident memory of the agent, in KiB.
const RESIDENT_KIB_MAX: u64 = 4096;

/// The kernel's memory for its maps, in bytes.
const MAPS_BYTES_MAX: u64 = 4 << 20;

/// An agent that has looked a few times stays within its bounds.
pub(crate) fn small(mode: Mode) {
    let agent = rights::start(mode);
    for _ in 0..5 {
        agent.metrics();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).expect("it runs");
    let kib = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no {name} in {status}"))
    };
    let (now, peak) = (kib("VmRSS:"), kib("VmHWM:"));
    let maps = maps_bytes(agent.pid());
    println!("vm: fact memory resident_kib={now} peak_kib={peak} maps_bytes={maps}");
    assert!(now <= RESIDENT_KIB_MAX, "{now} KiB are resident");
    assert!(0 < maps && maps <= MAPS_BYTES_MAX, "the maps take {maps} bytes");
}

/// What the kernel has charged for all maps of a process (`/proc/PID/fdinfo`, `memlock`), each once,
/// however many descriptors it has.
fn maps_bytes(pid: u32) -> u64 {
    let folder = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("it runs");
    let of = |text: String| -> Option<(u64, u64)> {
        let number = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name))?;
            value.trim().parse().ok()
        };
        Some((number("map_id:")?, number("memlock:")?))
    };
    let files = folder.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    files.filter_map(of).collect::<BTreeMap<_, _>>().values().sum()
}
