//! The kernel's own counters of the network interfaces (rtnetlink(7)).

use std::io;

use super::netlink::{self, attributes, field};

/// `RTM_GETLINK` (uapi/linux/rtnetlink.h).
const RTM_GETLINK: u16 = 18;
/// `struct ifinfomsg`: family, padding, type, index, flags, change.
const INFO_BYTES: usize = 16;
/// `IFLA_IFNAME` and `IFLA_STATS64` (uapi/linux/if_link.h).
const IFLA_IFNAME: u16 = 3;
const IFLA_STATS64: u16 = 23;
/// `ARPHRD_ETHER` (uapi/linux/if_arp.h).
const ETHERNET: u16 = 1;
/// Interfaces listed at most: a host of containers makes and drops them by the thousand.
const INTERFACES_MAX: usize = 256;

/// What the kernel counted on an interface, since it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceCounters {
    /// The interface's name.
    pub name: String,
    /// Its index in this network namespace.
    pub index: u32,
    /// Bytes received, link headers included.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Bytes sent, link headers included.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Length of the link header in bytes: 14 on Ethernet, 0 on loopback, which does not count its own,
    /// and on tunnels and modems without one.
    pub link_header: u64,
}

/// Reads the interfaces of this thread's network namespace.
///
/// # Errors
///
/// What the kernel says.
pub fn read() -> io::Result<Vec<InterfaceCounters>> {
    let mut interfaces = Vec::new();
    netlink::dump(None, RTM_GETLINK, &[0; INFO_BYTES], |body| {
        if interfaces.len() < INTERFACES_MAX {
            interfaces.extend(parse(body));
        }
    })?;
    Ok(interfaces)
}

/// One interface from its message; `None` when something is missing.
fn parse(body: &[u8]) -> Option<InterfaceCounters> {
    let kind = u16::from_ne_bytes(field(body, 2)?);
    let index = u32::from_ne_bytes(field(body, 4)?);
    let mut name = None;
    let mut counters = None;
    for (attribute, value) in attributes(body, INFO_BYTES) {
        match attribute {
            IFLA_IFNAME => {
                let value = value.strip_suffix(b"\0").unwrap_or(value);
                name = Some(String::from_utf8_lossy(value).into_owned());
            }
            IFLA_STATS64 => {
                let counter = |at: usize| field(value, at * 8).map(u64::from_ne_bytes);
                counters = Some([counter(0)?, counter(1)?, counter(2)?, counter(3)?]);
            }
            _ => {}
        }
    }
    let [rx_packets, tx_packets, rx_bytes, tx_bytes] = counters?;
    Some(InterfaceCounters {
        name: name?,
        index,
        rx_bytes,
        rx_packets,
        tx_bytes,
        tx_packets,
        link_header: if kind == ETHERNET { 14 } else { 0 },
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
        message.extend((4 + u16::try_from(value.len()).expect("short")).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(value);
        message.resize(message.len().next_multiple_of(4), 0);
    }

    #[test]
    fn a_message_is_read_and_its_truncations_are_not() {
        let mut message = vec![0; INFO_BYTES];
        message[2..4].copy_from_slice(&ETHERNET.to_ne_bytes());
        message[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        attribute(&mut message, IFLA_IFNAME, b"wwan0\0");
        let stats: Vec<u8> = [1_u64, 2, 300, 400, 0].iter().flat_map(|n| n.to_ne_bytes()).collect();
        attribute(&mut message, IFLA_STATS64, &stats);
        let wwan = parse(&message).expect("complete");
        assert_eq!((wwan.name.as_str(), wwan.index, wwan.link_header), ("wwan0", 7, 14));
        assert_eq!((wwan.rx_packets, wwan.tx_packets), (1, 2));
        assert_eq!((wwan.rx_bytes, wwan.tx_bytes), (300, 400));
        for length in 0..message.len() {
            assert_eq!(parse(&message[..length]), None, "{length} bytes");
        }
    }

    /// `/proc/net/dev` lists the same interfaces (proc_pid_net(5)).
    #[test]
    fn the_running_kernel_lists_what_proc_lists() {
        let text = std::fs::read_to_string("/proc/net/dev").expect("procfs is mounted");
        let mut listed: Vec<_> =
            text.lines().filter_map(|line| Some(line.rsplit_once(':')?.0.trim())).collect();
        let found = read().expect("rtnetlink answers");
        let mut names: Vec<_> = found.iter().map(|interface| interface.name.as_str()).collect();
        listed.sort_unstable();
        names.sort_unstable();
        assert_eq!(names, listed);
    }
}
