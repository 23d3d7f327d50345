//! The kernel's own counters of the network interfaces.

/// What `/proc/net/dev` says of an interface, since it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceCounters {
    /// The interface's name.
    pub name: String,
    /// Its index in this network namespace; 0 when it vanished meanwhile.
    pub index: u32,
    /// Bytes received, link headers included.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Bytes sent, link headers included.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Length of the link header in bytes: 14 on Ethernet, 0 on loopback and on tunnels and modems
    /// without one.
    pub link_header: u64,
}

/// `ARPHRD_ETHER` (uapi/linux/if_arp.h).
const ETHERNET: u32 = 1;

/// Parses the text of `/proc/net/dev` (proc_pid_net(5)). `index_and_type` gives an interface's index and
/// hardware type, as `/sys/class/net/NAME/{ifindex,type}` do.
pub fn parse(
    text: &str,
    index_and_type: impl Fn(&str) -> (u32, u32),
) -> Vec<InterfaceCounters> {
    let mut interfaces = Vec::new();
    for line in text.lines() {
        let Some((name, numbers)) = line.rsplit_once(':') else {
            continue;
        };
        let numbers: Vec<u64> =
            numbers.split_ascii_whitespace().map_while(|number| number.parse().ok()).collect();
        let [rx_bytes, rx_packets, _, _, _, _, _, _, tx_bytes, tx_packets, ..] = numbers[..] else {
            continue;
        };
        let name = name.trim().to_owned();
        let (index, kind) = index_and_type(&name);
        let link_header = if kind == ETHERNET { 14 } else { 0 };
        interfaces.push(InterfaceCounters {
            name,
            index,
            rx_bytes,
            rx_packets,
            tx_bytes,
            tx_packets,
            link_header,
        });
    }
    interfaces
}

/// Reads the interfaces of this network namespace; none when `/proc` is not there.
pub fn read() -> Vec<InterfaceCounters> {
    let text = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let number = |name: &str, file: &str| {
        let path = format!("/sys/class/net/{name}/{file}");
        std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    };
    parse(&text, |name| (number(name, "ifindex"), number(name, "type")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  100       2    0    0    0     0          0         0      100       2    0    0    0     0       0          0
wwan0:1: 5 1 0 0 0 0 0 0 7 3 0 0 0 0 0 0
broken: 5 1
";

    #[test]
    fn columns_are_told_apart() {
        let found = parse(TEXT, |name| if name == "lo" { (1, 772) } else { (4, 1) });
        let [lo, wwan] = &found[..] else { unreachable!("two interfaces, found {found:?}") };
        assert_eq!((lo.name.as_str(), lo.index, lo.tx_bytes, lo.link_header), ("lo", 1, 100, 0));
        assert_eq!((wwan.name.as_str(), wwan.index), ("wwan0:1", 4));
        assert_eq!((wwan.rx_bytes, wwan.rx_packets, wwan.tx_bytes, wwan.tx_packets), (5, 1, 7, 3));
        assert_eq!(wwan.link_header, 14);
    }
}
