//! How far a packet travels.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Index of the loopback interface in every network namespace (`LOOPBACK_IFINDEX`, include/net/flow.h).
const LOOPBACK: u32 = 1;

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
    /// The scope of a peer reached through this interface; 0 for an unknown one.
    pub fn of(ip: IpAddr, ifindex: u32) -> Self {
        if ifindex == LOOPBACK {
            return Self::Loopback;
        }
        match ip {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Self {
        let [a, b, ..] = ip.octets();
        if ip.is_loopback() || ip.is_unspecified() {
            Self::Loopback
        } else if ip.is_link_local() || ip.is_broadcast() || ip.octets().starts_with(&[224, 0, 0]) {
            // 224.0.0.0/24 never leaves the link (RFC 5771, 4).
            Self::Link
        } else if ip.is_private() || (a == 100 && (64..128).contains(&b)) || a == 239 {
            // 100.64.0.0/10 is shared by a carrier's customers (RFC 6598); 239.0.0.0/8 stays within an
            // administrative domain (RFC 2365).
            Self::Lan
        } else if ip.is_multicast() {
            // Globally scoped groups are routed by hardly anybody beyond the local network.
            Self::Lan
        } else {
            Self::Internet
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Self {
        let [a, b, ..] = ip.octets();
        if ip.is_loopback() || ip.is_unspecified() {
            Self::Loopback
        } else if ip.is_unicast_link_local() {
            Self::Link
        } else if ip.is_multicast() {
            // The scope is the lower half of the second byte (RFC 4291, 2.7).
            match b & 0x0f {
                0 | 1 => Self::Loopback,
                2 => Self::Link,
                _ => Self::Lan,
            }
        } else if ip.is_unique_local() || (a == 0xfe && b & 0xc0 == 0xc0) {
            // fec0::/10 is the deprecated site-local range (RFC 3879).
            Self::Lan
        } else {
            Self::Internet
        }
    }

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

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ip: &str, ifindex: u32, scope: Scope) {
        let Ok(parsed) = ip.parse() else { unreachable!("{ip} is an address") };
        assert_eq!(Scope::of(parsed, ifindex), scope, "{ip} on {ifindex}");
    }

    /// The special-purpose registries of IANA, and what lies right beside them.
    #[test]
    fn addresses_have_the_scope_of_their_registry() {
        for ip in ["127.0.0.1", "127.255.255.255", "::1", "0.0.0.0", "::", "ff01::1"] {
            check(ip, 2, Scope::Loopback);
        }
        for ip in ["169.254.1.1", "255.255.255.255", "224.0.0.251", "fe80::1", "ff02::fb"] {
            check(ip, 2, Scope::Link);
        }
        for ip in ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"] {
            check(ip, 2, Scope::Lan);
        }
        for ip in ["100.127.255.255", "239.255.255.250", "fd00::1", "fec0::1", "ff05::2"] {
            check(ip, 2, Scope::Lan);
        }
        for ip in ["172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "1.1.1.1"] {
            check(ip, 2, Scope::Internet);
        }
        for ip in ["192.167.1.1", "126.255.255.255", "2606:4700::1111", "2001:db8::1"] {
            check(ip, 2, Scope::Internet);
        }
    }

    #[test]
    fn an_own_address_reached_through_loopback_stays_at_home() {
        check("192.168.1.5", 1, Scope::Loopback);
        check("2606:4700::1111", 1, Scope::Loopback);
    }
}
