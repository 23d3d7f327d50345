//! The usual scene: a client and a server, each an app of its own, on two hosts.

use std::net::SocketAddr;

use crate::network::{INTERFACE, Wire};
use crate::{Actor, App, Cgroup, Family, Network, Protocol};

/// Two hosts and two apps.
#[derive(Debug)]
pub struct Stage {
    /// The hosts.
    pub network: Network,
    /// IPv4 or IPv6.
    pub family: Family,
    /// The cgroup of the clients.
    pub client: Cgroup,
    /// The cgroup of the servers.
    pub server: Cgroup,
}

impl Stage {
    /// On two hosts with one wire.
    pub fn new(family: Family) -> Self {
        Self::on(Network::pair(), family)
    }

    /// On these hosts.
    pub fn on(network: Network, family: Family) -> Self {
        Self { network, family, client: Cgroup::service(), server: Cgroup::service() }
    }

    /// Starts a server on the server's address; gives where it can be reached.
    pub fn serve(&self, words: &str) -> (Actor, SocketAddr) {
        let host = self.network.server.address(self.family);
        let words = format!("{words} --listen {}", SocketAddr::new(host, 0));
        let actor = Actor::start(&words, &self.network.server.namespace, &self.server);
        let port = actor.ready();
        (actor, (host, port).into())
    }

    /// Starts a client.
    pub fn play(&self, words: &str) -> Actor {
        Actor::start(words, &self.network.client.namespace, &self.client)
    }

    /// Counts what the client sends and receives from now on.
    pub fn wire(&self, protocol: Protocol) -> Wire {
        self.network.wire(protocol, self.family)
    }

    /// The app of the clients.
    pub fn app(&self) -> &App {
        self.client.app()
    }
}

/// Words for an actor that sends UDP frames from the client to a server past the IP stack.
pub fn frames(network: &Network, to: SocketAddr, count: u64, bytes: u64) -> String {
    format!(
        "packet --interface {INTERFACE} --mac {} --from {}:9 --to {to} --count {count} --bytes {bytes}",
        network.server.mac, network.client.v4
    )
}
