//! The kernel's own counters of an interface, link headers included.

use crate::{Namespace, Volume};

/// What an interface of a namespace has sent and received (`/proc/net/dev`).
pub fn read(namespace: &Namespace, interface: &str) -> (Volume, Volume) {
    let text = namespace.proc_net("dev");
    let prefix = format!("{interface}:");
    let row = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(&prefix))
        .unwrap_or_else(|| panic!("no interface {interface} in\n{text}"));
    let numbers: Vec<u64> = row
        .split_whitespace()
        .map(|word| word.parse().unwrap_or_else(|error| panic!("{word}: {error} in\n{text}")))
        .collect();
    // Receive: bytes packets and six more; then transmit: bytes packets.
    let sent = Volume { bytes: numbers[8], packets: numbers[9] };
    let received = Volume { bytes: numbers[0], packets: numbers[1] };
    (sent, received)
}
