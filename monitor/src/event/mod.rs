//! Stage 1: bytes of the kernel become events.

use std::fmt;

/// The protocol of a packet, as the metrics tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP, and the subflows of MPTCP.
    Tcp,
    /// UDP and UDP-Lite.
    Udp,
    /// ICMP and ICMPv6.
    Icmp,
    /// Any other, by its IP protocol number (IANA, "Protocol Numbers").
    Unknown(u8),
}

impl Protocol {
    /// The protocol with this IP protocol number. Total.
    pub const fn from_number(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            17 | 136 => Self::Udp,
            1 | 58 => Self::Icmp,
            other => Self::Unknown(other),
        }
    }

    /// The value of the `protocol` label: `tcp`, `udp`, `icmp` or `other`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Unknown(_) => "other",
        }
    }
}

/// How far a packet travels, told from the peer's address and the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The device itself: loopback addresses, and whatever passes through the loopback interface.
    Loopback,
    /// The next cable or cell only: link-local addresses, link-local multicast, broadcast.
    Link,
    /// The local network: private, shared and unique-local addresses, wider multicast.
    Lan,
    /// Everything else.
    Internet,
}

impl Scope {
    /// The value of the `scope` label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Link => "link",
            Self::Lan => "lan",
            Self::Internet => "internet",
        }
    }
}

/// Bytes and packets in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Bytes of the IP packets, headers included.
    pub bytes: u64,
    /// IP packets.
    pub packets: u64,
}

impl Volume {
    /// Adds another volume to this one; stops at the maximum.
    pub fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.packets = self.packets.saturating_add(other.packets);
    }

    /// Whether nothing was counted.
    pub const fn is_zero(self) -> bool {
        self.bytes == 0 && self.packets == 0
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
