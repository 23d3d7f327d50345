//! Two hosts with a wire between them, or a router.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Counter, Namespace, Packets, Protocol, Volume};

/// The name of the interface of each host.
pub const INTERFACE: &str = "wire0";

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A host: a namespace with an interface.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where it lives.
    pub namespace: Namespace,
    /// Its IPv4 address.
    pub v4: Ipv4Addr,
    /// Its IPv6 address.
    pub v6: Ipv6Addr,
    /// Its hardware address.
    pub mac: String,
}

impl Host {
    fn new(network: u8, host: u8, v4: [u8; 3], v6: [u16; 2]) -> Self {
        Self {
            namespace: Namespace::new(),
            v4: Ipv4Addr::new(v4[0], v4[1], v4[2], host),
            v6: Ipv6Addr::new(v6[0], v6[1], 0, 0, 0, 0, 0, host.into()),
            mac: format!("02:00:00:00:{network:02x}:{host:02x}"),
        }
    }

    /// Its address of a family.
    pub fn address(&self, family: Family) -> IpAddr {
        match family {
            Family::V4 => self.v4.into(),
            Family::V6 => self.v6.into(),
        }
    }

    /// Gives it a further IPv4 address: the last byte changes.
    pub fn add_address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.v4.octets();
        let address = Ipv4Addr::new(a, b, c, last);
        self.namespace.ip(&format!("address add {address}/32 dev {INTERFACE}"));
        address
    }

    /// Writes down where another host on the wire is, so that nobody has to ask for it.
    fn knows(&self, other: &Self, interface: &str) {
        self.namespace.ip(&format!(
            "neigh replace {} lladdr {mac} dev {interface} nud permanent\n\
             neigh replace {} lladdr {mac} dev {interface} nud permanent",
            other.v4,
            other.v6,
            mac = other.mac,
        ));
    }
}

/// Two hosts that reach each other. Clones are the same hosts.
#[derive(Clone, Debug)]
pub struct Network {
    /// Where the clients run.
    pub client: Host,
    /// Where the servers run.
    pub server: Host,
    /// What is between them lives as long as they do.
    _router: Option<Namespace>,
}

impl Network {
    /// Two hosts with private addresses on one wire, without segmentation offload: what is counted
    /// on one side are the packets the other side sent, one by one.
    pub fn pair() -> Self {
        Self::wired([10, 77, 0], [0xfd77, 0])
    }

    /// As [`Network::pair`], with addresses that are not those of a local network.
    pub fn internet() -> Self {
        Self::wired([198, 51, 100], [0x2001, 0xdb8])
    }

    /// As [`Network::pair`], with IPv4 only and nothing on the wire but what actors send: the kernel
    /// would tell its neighbours which IPv6 groups it listens to.
    pub fn quiet() -> Self {
        let network = Self::pair();
        for host in [&network.client, &network.server] {
            let parameter = format!("net.ipv6.conf.{INTERFACE}.disable_ipv6");
            host.namespace.set(&parameter, "1");
        }
        network
    }

    fn wired(v4: [u8; 3], v6: [u16; 2]) -> Self {
        let client = Host::new(0, 1, v4, v6);
        let server = Host::new(0, 2, v4, v6);
        connect(&client, INTERFACE, &server, INTERFACE);
        Self { client, server, _router: None }
    }

    /// Two hosts with a router between them. The client's kernel leaves segmentation to its
    /// interface, as on most hardware; the router's interface towards the server does the cutting,
    /// so that the server still sees single packets.
    pub fn offloading() -> Self {
        let client = Host::new(0, 1, [10, 77, 0], [0xfd77, 0]);
        let server = Host::new(1, 2, [10, 77, 1], [0xfd77, 1]);
        let router = Host::new(0, 254, [10, 77, 0], [0xfd77, 0]);
        let far = Host {
            namespace: router.namespace.clone(),
            ..Host::new(1, 254, [10, 77, 1], [0xfd77, 1])
        };
        connect(&client, INTERFACE, &router, "near0");
        connect(&server, INTERFACE, &far, "far0");
        client.namespace.offload(INTERFACE, "gso on tso on");
        router.namespace.set("net.ipv4.ip_forward", "1");
        router.namespace.set("net.ipv6.conf.all.forwarding", "1");
        for (host, gateway) in [(&client, &router), (&server, &far)] {
            host.namespace.ip(&format!(
                "route add 0.0.0.0/0 via {}\nroute add ::/0 via {}",
                gateway.v4, gateway.v6
            ));
        }
        Self { client, server, _router: Some(router.namespace) }
    }

    /// Counts what the client sends and receives. Both are counted where they arrive.
    pub fn wire(&self, protocol: Protocol, family: Family) -> Wire {
        let (client, server) = (self.client.address(family), self.server.address(family));
        Wire {
            protocol,
            sent: Counter::new(&self.server.namespace, &Packets::of(protocol).from(client)),
            received: Counter::new(&self.client.namespace, &Packets::of(protocol).from(server)),
        }
    }
}

/// What one side sends and receives, as counted by nftables.
#[derive(Debug)]
pub struct Wire {
    /// What is counted.
    pub protocol: Protocol,
    /// What this side sends.
    pub sent: Counter,
    /// What this side receives.
    pub received: Counter,
}

impl Wire {
    /// The same as the other side sees it.
    pub fn reversed(self) -> Self {
        Self { sent: self.received, received: self.sent, ..self }
    }

    /// What was sent and received until now.
    pub fn read(&self) -> (Volume, Volume) {
        (self.sent.read(), self.received.read())
    }
}

/// Lays a wire: both interfaces up, addresses in use at once, nobody asks for neighbours, no offloads.
fn connect(one: &Host, one_interface: &str, two: &Host, two_interface: &str) {
    one.namespace.ip(&format!(
        "link add {one_interface} address {} type veth peer name {two_interface} address {} netns {}",
        one.mac,
        two.mac,
        two.namespace.path(),
    ));
    for (host, interface) in [(one, one_interface), (two, two_interface)] {
        host.namespace.offload(interface, "tso off gso off gro off tx-udp-segmentation off");
        host.namespace.ip(&format!(
            "link set {interface} mtu 1500 up\n\
             address add {}/24 dev {interface}\n\
             address add {}/64 dev {interface} nodad",
            host.v4, host.v6,
        ));
    }
    one.knows(two, one_interface);
    two.knows(one, two_interface);
}

/// Lets clients send data in their first packet and servers take it, without a cookie
/// (the kernel's `Documentation/networking/ip-sysctl.rst`, `tcp_fastopen`).
pub fn allow_fast_open(network: &Network) {
    network.client.namespace.set("net.ipv4.tcp_fastopen", "5");
    network.server.namespace.set("net.ipv4.tcp_fastopen", "1538");
}

/// Whether the kernel speaks MPTCP; says so if not.
pub fn has_mptcp() -> bool {
    let has = std::path::Path::new("/proc/sys/net/mptcp/enabled").exists();
    if !has {
        eprintln!("this kernel has no MPTCP: nothing to test");
    }
    has
}
