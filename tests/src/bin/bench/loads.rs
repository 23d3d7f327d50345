//! The loads, with each variant in turn.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::network::INTERFACE;
use e2e::process::{Launch, Running};
use e2e::{Cgroup, Network, program};

use crate::Effort;
use crate::variant::Variant;

/// How long a load may take beyond its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A kind of load: its name, what one operation is, and what is promised of Sortie, as the CPU time of an
/// operation relative to no program.
pub(crate) const KINDS: [(&str, &str, Option<f64>); 5] = [
    ("udp", "small UDP packet (64 B, unconnected)", Some(1.10)),
    ("connect", "TCP connect and close", Some(1.06)),
    ("bulk", "bulk TCP, write of 128 KiB", None),
    ("rtt", "64-byte TCP round trip", None),
    ("burst", "process that connects and ends", None),
];

/// Processes of the load `burst`.
const BURST: u64 = 150;

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
    pub(crate) what: &'static str,
    pub(crate) target: Option<f64>,
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

    /// Runs a load: operations and seconds.
    pub(crate) fn run(&self, kind: &str, milliseconds: u32) -> Result<(u64, f64)> {
        let server = if kind == "burst" { "connect" } else { kind };
        let port = self.ports.iter().find(|(name, _)| name == server).context("no such server")?.1;
        let to = format!("{}:{port}", self.network.server.v4);
        let words = match kind {
            "burst" => format!(
                "burst --blink {} --with tcp --count {BURST} --parallel 1 --to {to}",
                program::blink().display()
            ),
            kind => format!("{kind} {to} {milliseconds}"),
        };
        let launch = if kind == "burst" { Launch::new(program::actor()) } else { launch() };
        let start = std::time::Instant::now();
        let mut client = launch
            .words(&words)
            .in_namespace(&self.network.client.namespace)
            .in_cgroup(&self.group)
            .spawn();
        let line = client.stdout.next(PATIENCE).with_context(|| client.shown().to_owned())?;
        let seconds = start.elapsed().as_secs_f64();
        client.wait(PATIENCE);
        let done = line.split_whitespace().find_map(|word| {
            let (name, value) = word.split_once('=')?;
            matches!(name, "operations" | "children").then(|| value.parse().ok())?
        });
        Ok((done.context("the load says nothing")?, seconds))
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

fn launch() -> Launch {
    Launch::new(program::actor().with_file_name("load"))
}

/// A count as a number to divide. Counts stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are small")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

pub(crate) fn measure(effort: Effort) -> Result<Vec<Load>> {
    let bed = Bed::new()?;
    let mut order = Order(0x5eed);
    let mut loads = Vec::new();
    for (kind, what, target) in KINDS {
        eprintln!("measuring: {what}");
        let mut rounds = Vec::new();
        // The first round warms up and does not count.
        for round in 0..=effort.rounds {
            let mut samples = [Sample { cpu: 0.0, speed: 0.0 }; Variant::ALL.len()];
            for at in order.shuffled() {
                let attached = Variant::ALL[at].attach()?;
                samples[at] = bed.sample(kind, effort.milliseconds)?;
                drop(attached);
            }
            if round > 0 {
                rounds.push(samples);
            }
        }
        loads.push(Load { what, target, rounds });
    }
    Ok(loads)
}

/// A random order, the same in every run (xorshift).
struct Order(u64);

impl Order {
    fn shuffled(&mut self) -> [usize; Variant::ALL.len()] {
        let mut order = std::array::from_fn(|at| at);
        for at in (1..order.len()).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let other = usize::try_from(self.0 % (at as u64 + 1)).unwrap_or(0);
            order.swap(at, other);
        }
        order
    }
}
