//! What is measured once: drains, memory, wake-ups, CPU time of the agent, and what it misses.

use std::fs;
use std::net::UdpSocket;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use e2e::metrics::names;
use e2e::wait::PATIENCE;
use e2e::{Agent, Cgroup, Launch, Namespace, Protocol, eventually, program};

use crate::Effort;
use crate::loads::{Bed, float, launch};
use crate::memory::{Memory, maps, maps_since, status};

/// Sockets that the drain is measured with, and the capacity of the table: the default where it suffices.
const DRAINS: [(usize, u32); 5] =
    [(300, 16_384), (10_000, 16_384), (16_000, 16_384), (10_000, 131_072), (65_000, 131_072)];

/// Sockets that one process holds: a client has 28,232 ports for an address.
const PER_PROCESS: usize = 15_000;

/// Connections after which the agent's CPU time is read, and packets.
const CONNECTIONS: u64 = 100_000;
const PACKETS: u64 = 1_000_000;

/// Loads that may be needed for that.
const LOADS_MAX: u32 = 60;

/// A drain of so many flows, and the memory afterwards.
#[derive(Debug)]
pub(crate) struct Drain {
    pub(crate) flows: usize,
    pub(crate) capacity: u32,
    pub(crate) milliseconds: f64,
    pub(crate) memory: Memory,
    pub(crate) map_bytes: u64,
}

/// What was made of something, and what the agent told of it.
#[derive(Debug)]
pub(crate) struct Recall {
    pub(crate) what: &'static str,
    pub(crate) made: u64,
    pub(crate) told: u64,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) drains: Vec<Drain>,
    pub(crate) recalls: Vec<Recall>,
    /// Memory with 300 flows and a full ledger.
    pub(crate) full: Memory,
    /// Memory after the start.
    pub(crate) idle: Memory,
    /// Wake-ups while idle, and over how many seconds.
    pub(crate) wakeups: (u64, u32),
    /// CPU seconds of the agent, and connections made meanwhile.
    pub(crate) connections: (f64, u64),
    /// CPU seconds of the agent, and packets sent meanwhile.
    pub(crate) packets: (f64, u64),
    /// CPU seconds of the agent, and connections with a TLS hello made meanwhile.
    pub(crate) hellos: (f64, u64),
    /// CPU seconds of the agent, and answers of a name server that came meanwhile.
    pub(crate) answers: (f64, u64),
    /// Size of the agent's file in bytes.
    pub(crate) binary_bytes: u64,
}

pub(crate) fn measure(effort: Effort) -> Result<Facts> {
    eprintln!("measuring: wake-ups");
    let (idle, wakeups) = idle(effort)?;
    eprintln!("measuring: drains");
    let drains = DRAINS.iter().map(|(flows, capacity)| drain(*flows, *capacity));
    let drains = drains.collect::<Result<_>>()?;
    let full = full_ledger()?;
    eprintln!("measuring: the agent's CPU time, and what it misses");
    let bed = Bed::new()?;
    let mut recalls = recalls(&bed)?;
    let (connection_seconds, recall) = cpu(&bed, "connect", CONNECTIONS)?;
    let connections = (connection_seconds, recall.made);
    recalls.push(recall);
    let (packet_seconds, sent) = cpu(&bed, "udp", PACKETS)?;
    let packets = (packet_seconds, sent.made);
    let (hello_seconds, recall) = cpu(&bed, "hello", CONNECTIONS)?;
    let hellos = (hello_seconds, recall.made);
    recalls.push(Recall { what: "connections with a TLS hello and an answer", ..recall });
    let (answer_seconds, answered) = cpu(&bed, "dns", CONNECTIONS)?;
    let answers = (answer_seconds, answered.made);
    let binary_bytes = fs::metadata(program::sortie())?.len();
    Ok(Facts {
        drains,
        recalls,
        full,
        idle,
        wakeups,
        connections,
        packets,
        hellos,
        answers,
        binary_bytes,
    })
}

/// CPU time of a process in seconds: to the nanosecond where the kernel tells it (`schedstat`, of each
/// thread), else in ticks of 10 ms.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let first = text.split_whitespace().next().and_then(|time| time.parse::<u64>().ok());
        nanoseconds += first.unwrap_or(0);
    }
    if nanoseconds > 0 {
        return Ok(float(nanoseconds) / 1e9);
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    let (user, system) = (ticks(11).context("too short")?, ticks(12).context("too short")?);
    Ok(float(user + system) / 100.0)
}

fn idle(effort: Effort) -> Result<(Memory, (u64, u32))> {
    // After the last traffic there is one more look, an interval later: idling begins behind it.
    let agent = Agent::plan().with_setting("drain_interval_seconds = 2").start();
    let pid = agent.pid();
    let memory = Memory::of(pid)?;
    sleep(Duration::from_secs(10));
    let before = status(pid, "voluntary_ctxt_switches")?;
    sleep(Duration::from_secs(effort.idle_seconds.into()));
    let after = status(pid, "voluntary_ctxt_switches")?;
    Ok((memory, (after - before, effort.idle_seconds)))
}

/// The most apps and destinations that the agent tells apart by default.
const APPS: u32 = 256;
const DESTINATIONS: u32 = 4_096;

/// The agent with 300 sockets and no room left in its ledger. It says itself that there is none.
fn full_ledger() -> Result<Memory> {
    let bed = Bed::new()?;
    let to = bed.server("hello")?;
    let agent = Agent::start();
    let namespace = Namespace::new();
    let held = launch().words("hold 127.0.0.1 127.0.0.1:9 300").in_namespace(&namespace).spawn();
    let ready = held.stdout.next(PATIENCE);
    ready.with_context(|| format!("the sockets are not opened: {}", held.stderr.all()))?;
    let each = DESTINATIONS / APPS + 1;
    let mut capped = (0, 0);
    // A process that ends too soon may be known by its name only, as all others of its kind.
    for number in 1..=4 * APPS {
        let group = Cgroup::service();
        let words = format!("visit http {to} {} {each}", number * each);
        bed.client_in(&group, launch().words(&words), "operations")?;
        if number % 32 == 0 {
            let metrics = agent.metrics();
            let of = |what: &str| metrics.sum(&format!("sortie_{what}_capped_total"), &[]);
            capped = (of("apps"), of("destinations"));
        }
        if capped.0 > 0 && capped.1 > 0 {
            return Memory::of(agent.pid());
        }
    }
    bail!(
        "the ledger does not fill up: {} apps and {} destinations had no room",
        capped.0,
        capped.1
    )
}

/// Opens so many sockets, each of which sends a datagram, and has them looked at.
fn drain(flows: usize, capacity: u32) -> Result<Drain> {
    let earlier = maps();
    let agent = Agent::plan().with_setting(&format!("flows_max = {capacity}")).start();
    let namespace = Namespace::new();
    let sink = namespace.enter(|| UdpSocket::bind("127.0.0.1:0"))?;
    let to = sink.local_addr()?;
    let mut holders = Vec::new();
    while holders.len() * PER_PROCESS < flows {
        let count = PER_PROCESS.min(flows - holders.len() * PER_PROCESS);
        let words = format!("hold 127.0.0.{} {to} {count}", holders.len() + 2);
        let holder = launch().words(&words).in_namespace(&namespace).spawn();
        let ready = holder.stdout.next(PATIENCE);
        ready.with_context(|| format!("the sockets are not opened: {}", holder.stderr.all()))?;
        holders.push(holder);
    }
    let opened = u64::try_from(flows)?;
    eventually("all flows", PATIENCE, || {
        let seen = agent.metrics().sum("sortie_flows", &[]);
        if seen >= opened { Ok(()) } else { Err(format!("{seen} of {opened}")) }
    });
    // The second look finds them known, as any look but the first does.
    let mut seconds = 0.0;
    for _ in 0..2 {
        sleep(Duration::from_millis(100));
        let text = agent.get("/metrics").map_err(anyhow::Error::msg)?;
        let line = text.lines().find_map(|l| l.strip_prefix("sortie_drain_last_duration_seconds "));
        seconds = line.context("no duration of the drain")?.parse()?;
    }
    Ok(Drain {
        flows,
        capacity,
        milliseconds: seconds * 1_000.0,
        memory: Memory::of(agent.pid())?,
        map_bytes: maps_since(&earlier)?,
    })
}

/// Connections of the loads that the agent tells: it has some time to get there.
fn told(agent: &Agent, bed: &Bed, protocol: Protocol, made: u64) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let told = agent.metrics().of(names::CONNECTIONS, bed.group().app(), protocol);
        if told >= made || Instant::now() > deadline {
            return told;
        }
        sleep(Duration::from_millis(100));
    }
}

fn recalls(bed: &Bed) -> Result<Vec<Recall>> {
    let burst = |with: &str, server: &str| {
        let words = format!("--with {with} --count 300 --to {}", bed.server(server)?);
        let launch = Launch::new(program::actor()).words("burst --blink").arg(program::blink());
        bed.client(launch.words(&words), "children")
    };
    let agent = Agent::start();
    let made = burst("tcp", "connect")?;
    let tcp = Recall {
        what: "processes that make one TCP connection and end",
        made,
        told: told(&agent, bed, Protocol::Tcp, made),
    };
    let made = burst("udp", "udp")?;
    let udp = Recall {
        what: "processes that send one datagram and end",
        made,
        told: told(&agent, bed, Protocol::Udp, made),
    };
    drop(agent);
    let agent = Agent::start();
    let words = format!("some {} 1000", bed.server("connect")?);
    let made = bed.client(launch().words(&words), "operations")?;
    let short = Recall {
        what: "short connections of one process",
        made,
        told: told(&agent, bed, Protocol::Tcp, made),
    };
    Ok(vec![tcp, udp, short])
}

/// CPU seconds of the agent while so many operations of a load are done, with a scrape at the end.
fn cpu(bed: &Bed, load: &str, operations: u64) -> Result<(f64, Recall)> {
    let agent = Agent::start();
    let before = cpu_seconds(agent.pid())?;
    let mut made = 0;
    for _ in 0..LOADS_MAX {
        made += bed.run(load, 1_000)?.0;
        if made >= operations {
            break;
        }
    }
    ensure!(made > 0, "the load `{load}` does nothing");
    agent.metrics();
    let seconds = cpu_seconds(agent.pid())? - before;
    let is_tcp = !matches!(load, "udp" | "dns");
    let protocol = if is_tcp { Protocol::Tcp } else { Protocol::Udp };
    let expected = if is_tcp { made } else { 0 };
    let told = told(&agent, bed, protocol, expected);
    Ok((seconds, Recall { what: "connections as fast as they go", made, told }))
}
