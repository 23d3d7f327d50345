//! The loads, with each variant in turn.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use e2e::network::INTERFACE;
use e2e::process::{Launch, Running};
use e2e::{Cgroup, Network, program};

use crate::Effort;
use crate::variant::Variant;

/// How long a load may take beyond its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A kind of load, and what is promised of Sortie, relative to no program.
#[derive(Debug)]
pub(crate) struct Kind {
    name: &'static str,
    /// What one operation is.
    pub(crate) what: &'static str,
    /// At most this much CPU time of an operation.
    pub(crate) cpu_max: Option<f64>,
    /// At least this many operations per second.
    pub(crate) kept_min: Option<f64>,
}

const KINDS: [Kind; 7] = [
    Kind {
        name: "udp",
        what: "small UDP packet (64 B, unconnected)",
        cpu_max: Some(1.10),
        kept_min: None,
    },
    Kind {
        name: "connect",
        what: "TCP connect and close",
        cpu_max: Some(1.06),
        kept_min: Some(0.97),
    },
    Kind { name: "bulk", what: "bulk TCP, write of 128 KiB", cpu_max: None, kept_min: None },
    Kind { name: "rtt", what: "64-byte TCP round trip", cpu_max: None, kept_min: None },
    Kind {
        name: "hello",
        what: "TCP connection with a TLS hello of 517 bytes and an answer",
        cpu_max: None,
        kept_min: None,
    },
    Kind { name: "dns", what: "DNS question and answer", cpu_max: None, kept_min: None },
    Kind { name: "burst", what: "process that connects and ends", cpu_max: None, kept_min: None },
];

/// One load under one variant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// CPU time of client and server per operation, in microseconds.
    pub(crate) cpu: f64,
    /// Operations per second.
    pub(crate) speed: f64,
}

/// All samples of one load: a row per round, a column per variant.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) kind: &'static Kind,
    pub(crate) rounds: Vec<[Sample; Variant::ALL.len()]>,
}

/// Two hosts with servers on one of them.
pub(crate) struct Bed {
    network: Network,
    group: Cgroup,
    ports: Vec<(String, u16)>,
    _servers: Running,
}

impl Bed {
    pub(crate) fn new() -> Result<Self> {
        let network = Network::pair();
        for host in [&network.client, &network.server] {
            host.namespace.offload(INTERFACE, "tso on gso on gro on");
        }
        let group = Cgroup::service();
        let host = network.server.v4.to_string();
        let servers = launch()
            .words(&format!("serve {host}"))
            .in_namespace(&network.server.namespace)
            .in_cgroup(&group)
            .spawn();
        let line = servers.stdout.next(PATIENCE).context("the servers do not get ready")?;
        let ports = line
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .map(|(name, port)| Ok((name.to_owned(), port.parse()?)))
            .collect::<Result<_>>()?;
        Ok(Self { network, group, ports, _servers: servers })
    }

    /// Where the server of a kind of load is.
    pub(crate) fn server(&self, kind: &str) -> Result<SocketAddr> {
        let kind = if kind == "burst" { "connect" } else { kind };
        let port = self.ports.iter().find(|(name, _)| name == kind).context("no such server")?.1;
        Ok((self.network.server.v4, port).into())
    }

    /// The cgroup of clients and servers, which is also the app they are.
    pub(crate) fn group(&self) -> &Cgroup {
        &self.group
    }

    /// Runs a load for a while: operations and seconds.
    pub(crate) fn run(&self, kind: &str, milliseconds: u32) -> Result<(u64, f64)> {
        let start = Instant::now();
        let words = format!("{kind} {} {milliseconds}", self.server(kind)?);
        let operations = self.client(launch().words(&words), "operations")?;
        Ok((operations, start.elapsed().as_secs_f64()))
    }

    /// Runs a client to its end: the number it gives under this name.
    pub(crate) fn client(&self, launch: Launch, number: &str) -> Result<u64> {
        self.client_in(&self.group, launch, number)
    }

    /// As [`Bed::client`], as another app.
    pub(crate) fn client_in(&self, group: &Cgroup, launch: Launch, number: &str) -> Result<u64> {
        let namespace = &self.network.client.namespace;
        let mut client = launch.in_namespace(namespace).in_cgroup(group).spawn();
        let line = client.stdout.next(PATIENCE);
        let line = line.with_context(|| {
            format!("`{}` does not end, it says: {}", client.shown(), client.stderr.all())
        })?;
        client.wait(PATIENCE);
        let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
        let value = pairs.into_iter().find(|(name, _)| *name == number).map(|(_, value)| value);
        Ok(value.with_context(|| format!("no {number} in: {line}"))?.parse()?)
    }

    /// CPU time of all loads and servers so far, in microseconds (`usage_usec` of `cpu.stat`).
    fn cpu(&self) -> Result<u64> {
        let text = fs::read_to_string(self.group.path().join("cpu.stat"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
        line.context("no usage in cpu.stat")?.parse().context("no number in cpu.stat")
    }

    fn sample(&self, kind: &str, milliseconds: u32) -> Result<Sample> {
        let before = self.cpu()?;
        let (operations, seconds) = self.run(kind, milliseconds)?;
        let cpu = self.cpu()? - before;
        let operations = float(operations.max(1));
        Ok(Sample { cpu: float(cpu) / operations, speed: operations / seconds })
    }
}

/// The program that makes the loads.
pub(crate) fn launch() -> Launch {
    Launch::new(program::actor().with_file_name("load"))
}

/// A count as a number to divide. Counts stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are small")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

pub(crate) fn measure(effort: Effort) -> Result<Vec<Load>> {
    let bed = Bed::new()?;
    let mut order = Order::new();
    let mut loads = Vec::new();
    for kind in &KINDS {
        eprintln!("measuring: {}", kind.what);
        let mut rounds = Vec::new();
        // The first round warms up and does not count.
        for round in 0..=effort.rounds {
            let mut samples = [Sample { cpu: 0.0, speed: 0.0 }; Variant::ALL.len()];
            for at in order.shuffled([0, 1, 2, 3, 4]) {
                let attached = Variant::ALL[at].attach()?;
                samples[at] = bed.sample(kind.name, effort.milliseconds)?;
                drop(attached);
            }
            if round > 0 {
                rounds.push(samples);
            }
        }
        loads.push(Load { kind, rounds });
    }
    Ok(loads)
}

/// Random orders, the same in every run (xorshift).
pub(crate) struct Order(u64);

impl Order {
    pub(crate) const fn new() -> Self {
        Self(0x5eed)
    }

    pub(crate) fn shuffled<T, const N: usize>(&mut self, mut items: [T; N]) -> [T; N] {
        for at in (1..N).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let other = usize::try_from(self.0 % (at as u64 + 1)).unwrap_or(0);
            items.swap(at, other);
        }
        items
    }
}
