//! The second opinion: nftables counts the packets that arrive.

use std::fmt;
use std::net::IpAddr;

use crate::Namespace;
use crate::scratch::unique;

/// Bytes of IP packets, headers included, and their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes in {} packets", self.bytes, self.packets)
    }
}

/// The protocols the agent tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP of both versions, echo requests and replies only.
    Icmp,
}

impl Protocol {
    /// The value of the label `protocol`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        }
    }
}

/// Which packets to count.
#[derive(Clone, Debug)]
pub struct Packets {
    protocol: Protocol,
    from: Option<IpAddr>,
    to: Option<IpAddr>,
    ports: String,
}

impl Packets {
    /// All packets of a protocol.
    pub fn of(protocol: Protocol) -> Self {
        Self { protocol, from: None, to: None, ports: String::new() }
    }

    /// Only those from an address.
    pub fn from(self, address: IpAddr) -> Self {
        Self { from: Some(address), ..self }
    }

    /// Only those to an address.
    pub fn to(self, address: IpAddr) -> Self {
        Self { to: Some(address), ..self }
    }

    /// Only those from a port.
    pub fn from_port(self, port: u16) -> Self {
        self.port("sport", port)
    }

    /// Only those to a port.
    pub fn to_port(self, port: u16) -> Self {
        self.port("dport", port)
    }

    fn port(self, which: &str, port: u16) -> Self {
        let ports = format!("{} th {which} {port}", self.ports);
        Self { ports, ..self }
    }

    /// The expression of nft(8) for them.
    fn expression(&self) -> String {
        let protocol = match (self.protocol, self.from.or(self.to)) {
            (Protocol::Tcp, _) => "meta l4proto tcp".to_owned(),
            (Protocol::Udp, _) => "meta l4proto udp".to_owned(),
            (Protocol::Icmp, Some(IpAddr::V6(_))) => {
                "icmpv6 type { echo-request, echo-reply }".to_owned()
            }
            (Protocol::Icmp, _) => "icmp type { echo-request, echo-reply }".to_owned(),
        };
        let mut parts = vec![protocol];
        for (address, which) in [(self.from, "saddr"), (self.to, "daddr")] {
            match address {
                Some(IpAddr::V4(v4)) => parts.push(format!("ip {which} {v4}")),
                Some(IpAddr::V6(v6)) => parts.push(format!("ip6 {which} {v6}")),
                None => {}
            }
        }
        parts.join(" ") + &self.ports
    }
}

/// Where in the path of a packet it is counted.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// As it arrives, before anything is done with it. Without offloads these are the packets that
    /// were on the wire.
    Arrival,
    /// As a program of the host sends it: before fragmentation and segmentation.
    Departure,
}

/// Counts packets in a namespace from its making on.
#[derive(Debug)]
pub struct Counter {
    namespace: Namespace,
    table: String,
}

impl Counter {
    /// Counts packets that arrive.
    pub fn new(namespace: &Namespace, packets: &Packets) -> Self {
        Self::at(namespace, Place::Arrival, packets)
    }

    /// Counts packets at a place.
    pub fn at(namespace: &Namespace, place: Place, packets: &Packets) -> Self {
        let table = unique("e2e").replace('-', "_");
        // Priority -300 comes before defragmentation, connection tracking and every drop rule.
        let hook = match place {
            Place::Arrival => "prerouting",
            Place::Departure => "output",
        };
        let rules = format!(
            "table inet {table} {{\n\
             \tcounter seen {{ }}\n\
             \tchain look {{\n\
             \t\ttype filter hook {hook} priority -500;\n\
             \t\t{} counter name \"seen\"\n\
             \t}}\n\
             }}\n",
            packets.expression(),
        );
        namespace.launch("nft").words("-f -").succeed(&rules);
        Self { namespace: namespace.clone(), table }
    }

    /// What was counted until now.
    pub fn read(&self) -> Volume {
        let arguments = format!("-j list counter inet {} seen", self.table);
        let text = self.namespace.launch("nft").words(&arguments).succeed("");
        let json: serde_json::Value = serde_json::from_str(&text).expect("nft prints JSON");
        let counter = json["nftables"]
            .as_array()
            .and_then(|items| items.iter().find_map(|item| item.get("counter")))
            .unwrap_or_else(|| panic!("no counter in {text}"));
        let number = |key: &str| {
            counter[key].as_u64().unwrap_or_else(|| panic!("no number {key} in {text}"))
        };
        Volume { bytes: number("bytes"), packets: number("packets") }
    }
}
