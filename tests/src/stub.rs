//! Resolvers on the clients' host.

use std::net::{IpAddr, Ipv4Addr};

use crate::names::first_report;
use crate::wait::PATIENCE;
use crate::{App, Cgroup, Launch, Namespace, Running, eventually, program};

/// What stands between the clients and the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stub {
    /// dnsmasq(8) at 127.0.0.1, as on routers.
    Dnsmasq,
    /// A forwarder of our own where systemd-resolved listens, at 127.0.0.53. Debian's package of the
    /// real one would take over the resolver of the machine that runs the tests.
    Forwarder,
}

impl Stub {
    /// Where it listens.
    pub fn address(self) -> IpAddr {
        match self {
            Self::Dnsmasq => Ipv4Addr::LOCALHOST.into(),
            Self::Forwarder => Ipv4Addr::new(127, 0, 0, 53).into(),
        }
    }

    fn launch(self, server: IpAddr) -> Launch {
        let listen = self.address();
        match self {
            Self::Dnsmasq => Launch::new(program::system("dnsmasq"))
                .words("--keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts")
                .words("--bind-interfaces --user=root --log-facility=- --pid-file")
                .words(&format!("--listen-address={listen} --server={server}")),
            Self::Forwarder => Launch::new(program::anyname())
                .words(&format!("stub --listen {listen}:53 --server {server}:53")),
        }
    }

    /// Waits until it answers.
    fn await_ready(self, running: &Running) {
        match self {
            Self::Dnsmasq => eventually("dnsmasq", PATIENCE, || {
                let said = running.stderr.all();
                said.contains("started, version").then_some(()).ok_or(said)
            }),
            Self::Forwarder => drop(first_report(running, "ready")),
        }
    }
}

/// A resolver at work.
#[derive(Debug)]
pub(crate) struct Resolving {
    kind: Stub,
    /// Ended before its cgroup.
    _running: Running,
    cgroup: Cgroup,
}

impl Resolving {
    /// Starts it as an app of its own.
    pub(crate) fn start(kind: Stub, namespace: &Namespace, server: IpAddr) -> Self {
        let cgroup = Cgroup::service();
        let launch = kind.launch(server).in_namespace(namespace).in_cgroup(&cgroup);
        let running = launch.spawn();
        kind.await_ready(&running);
        Self { kind, _running: running, cgroup }
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.kind.address()
    }

    pub(crate) fn app(&self) -> &App {
        self.cgroup.app()
    }
}
