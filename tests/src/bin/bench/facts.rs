//! What is measured once: run times of the programs, drains, memory, wake-ups.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use e2e::wait::PATIENCE;
use e2e::{Agent, Namespace, eventually, program};
use serde_json::Value;

use crate::Effort;
use crate::loads::{Bed, float};
use crate::variant::{Attached, Variant};

/// Switch of the kernel's own statistics of run times (`Documentation/admin-guide/sysctl/kernel.rst`).
const STATISTICS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// Sockets that the drain is measured with.
const DRAINS: [usize; 3] = [300, 10_000, 65_000];

/// Sockets that one process holds: what the limit on descriptors allows by default for root.
const PER_PROCESS: usize = 15_000;

/// Connections after which the agent's CPU time is read.
const CONNECTIONS: u64 = 100_000;

/// Run time of a program under a load.
#[derive(Debug)]
pub(crate) struct RunTime {
    pub(crate) load: &'static str,
    pub(crate) program: String,
    pub(crate) nanoseconds: f64,
    pub(crate) runs: u64,
}

/// A drain of so many flows, and the agent's memory afterwards.
#[derive(Debug)]
pub(crate) struct Drain {
    pub(crate) flows: usize,
    pub(crate) milliseconds: f64,
    pub(crate) resident_kib: u64,
    pub(crate) map_bytes: u64,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) run_times: Vec<RunTime>,
    pub(crate) drains: Vec<Drain>,
    /// Resident memory after the start, in KiB: all, and what is no file.
    pub(crate) idle_kib: (u64, u64),
    /// Wake-ups while idle, and over how many seconds.
    pub(crate) wakeups: (u64, u32),
    /// CPU seconds of the agent, connections made, and those it told.
    pub(crate) connections: (f64, u64, u64),
    /// CPU seconds of the agent, and packets sent meanwhile.
    pub(crate) packets: (f64, u64),
    /// Size of the agent's file in bytes.
    pub(crate) binary_bytes: u64,
}

pub(crate) fn measure(effort: Effort) -> Result<Facts> {
    eprintln!("measuring: run times, memory, wake-ups");
    let bed = Bed::new()?;
    let (idle_kib, wakeups) = idle(effort)?;
    Ok(Facts {
        run_times: run_times(effort)?,
        drains: DRAINS.iter().map(|flows| drain(*flows)).collect::<Result<_>>()?,
        idle_kib,
        wakeups,
        connections: connections(&bed, effort)?,
        packets: packets(&bed, effort)?,
        binary_bytes: fs::metadata(program::sortie())?.len(),
    })
}

/// Restores the switch, whatever happens.
struct Statistics(String);

impl Statistics {
    fn on() -> Result<Self> {
        let before = fs::read_to_string(STATISTICS).context("this kernel has no BPF statistics")?;
        fs::write(STATISTICS, "1")?;
        Ok(Self(before))
    }
}

impl Drop for Statistics {
    fn drop(&mut self) {
        drop(fs::write(STATISTICS, self.0.trim()));
    }
}

/// Run times of the programs under some loads.
pub(crate) fn run_times(effort: Effort) -> Result<Vec<RunTime>> {
    let bed = Bed::new()?;
    let _on = Statistics::on()?;
    let mut times = Vec::new();
    for load in ["udp", "rtt", "connect"] {
        for variant in [Variant::Empty, Variant::Cheapest, Variant::Sortie] {
            let attached = variant.attach()?;
            let before = programs()?;
            bed.run(load, effort.milliseconds * 3)?;
            for (id, name, time, runs) in programs()? {
                if before.iter().any(|(known, _, t, r)| *known == id && (*t, *r) == (time, runs)) {
                    continue;
                }
                let earlier = before.iter().find(|(known, ..)| *known == id);
                let (t, r) = earlier.map_or((0, 0), |(_, _, t, r)| (*t, *r));
                let runs = runs - r;
                let nanoseconds = float(time - t) / float(runs.max(1));
                let program = match variant {
                    Variant::Sortie => format!("Sortie {name}"),
                    _ => name.replace('_', " "),
                };
                times.push(RunTime { load, program, nanoseconds, runs });
            }
            drop(attached);
        }
    }
    Ok(times)
}

/// All loaded programs: id, name, run time in nanoseconds, runs.
fn programs() -> Result<Vec<(u64, String, u64, u64)>> {
    let output = Command::new(program::system("bpftool")).args(["-j", "prog", "show"]).output()?;
    let Value::Array(programs) = serde_json::from_slice(&output.stdout)? else {
        return Ok(Vec::new());
    };
    let number = |program: &Value, key: &str| program.get(key).and_then(Value::as_u64);
    let one = |program: &Value| {
        let name = program.get("name")?.as_str()?.to_owned();
        let time = number(program, "run_time_ns").unwrap_or(0);
        Some((number(program, "id")?, name, time, number(program, "run_cnt").unwrap_or(0)))
    };
    Ok(programs.iter().filter_map(one).collect())
}

/// A field of `/proc/PID/status`.
fn status(pid: u32, key: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()).context(key.to_owned())?;
    Ok(number.parse()?)
}

/// CPU time of a process in seconds. Ticks are 10 ms.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    let (user, system) = (ticks(11).context("too short")?, ticks(12).context("too short")?);
    Ok(float(user + system) / 100.0)
}

type Idle = ((u64, u64), (u64, u32));

fn idle(effort: Effort) -> Result<Idle> {
    // After the last traffic there is one more look, an interval later: idling begins behind it.
    let agent = Agent::plan().with_setting("drain_interval_seconds = 2").start();
    let pid = agent.pid();
    let memory = (status(pid, "VmRSS")?, status(pid, "RssAnon")?);
    std::thread::sleep(Duration::from_secs(10));
    let before = status(pid, "voluntary_ctxt_switches")?;
    std::thread::sleep(Duration::from_secs(effort.idle_seconds.into()));
    let after = status(pid, "voluntary_ctxt_switches")?;
    Ok((memory, (after - before, effort.idle_seconds)))
}

/// Opens so many sockets, each of which sends a datagram, and has them looked at.
fn drain(flows: usize) -> Result<Drain> {
    let capacity = if flows < 16_000 { 16_384 } else { 131_072 };
    let agent = Agent::plan().with_setting(&format!("flows_max = {capacity}")).start();
    let namespace = Namespace::new();
    let sink = namespace.enter(|| UdpSocket::bind("127.0.0.1:0"))?;
    let to = sink.local_addr()?;
    let mut holders = Vec::new();
    while holders.len() * PER_PROCESS < flows {
        let count = PER_PROCESS.min(flows - holders.len() * PER_PROCESS);
        let holder = namespace
            .launch(&program::actor().with_file_name("load").to_string_lossy())
            .words(&format!("hold 127.0.0.{} {to} {count}", holders.len() + 2))
            .spawn();
        holder.stdout.next(PATIENCE).context("the sockets are not opened")?;
        holders.push(holder);
    }
    let opened = u64::try_from(flows)?;
    eventually("all flows", PATIENCE, || {
        let seen = agent.metrics().sum("sortie_flows", &[]);
        if seen >= opened { Ok(()) } else { Err(format!("{seen} of {opened}")) }
    });
    // The second look finds them known, as any look but the first does.
    std::thread::sleep(Duration::from_millis(100));
    agent.metrics();
    std::thread::sleep(Duration::from_millis(100));
    let text = agent.get("/metrics").map_err(anyhow::Error::msg)?;
    let line = text.lines().find_map(|l| l.strip_prefix("sortie_drain_last_duration_seconds "));
    let seconds: f64 = line.context("no duration of the drain")?.parse()?;
    Ok(Drain {
        flows,
        milliseconds: seconds * 1_000.0,
        resident_kib: status(agent.pid(), "VmRSS")?,
        map_bytes: map_bytes(agent.pid())?,
    })
}

/// Memory of the maps a process holds (`memlock` of their `fdinfo`).
fn map_bytes(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        let text = fs::read_to_string(entry?.path()).unwrap_or_default();
        if text.contains("map_type:") {
            let line = text.lines().find_map(|line| line.strip_prefix("memlock:"));
            sum += line.and_then(|line| line.trim().parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Ok(sum)
}

fn agent_of(attached: &Attached) -> Result<&Agent> {
    match attached {
        Attached::Agent(agent) => Ok(agent),
        _ => anyhow::bail!("the agent is not attached"),
    }
}

fn connections(bed: &Bed, effort: Effort) -> Result<(f64, u64, u64)> {
    let attached = Variant::Sortie.attach()?;
    let agent = agent_of(&attached)?;
    let before = cpu_seconds(agent.pid())?;
    let mut made = 0;
    while made < CONNECTIONS {
        made += bed.run("connect", effort.milliseconds * 5)?.0;
    }
    let told = agent.metrics().sum("sortie_app_connections_total", &[("protocol", "tcp")]);
    Ok((cpu_seconds(agent.pid())? - before, made, told))
}

fn packets(bed: &Bed, effort: Effort) -> Result<(f64, u64)> {
    let attached = Variant::Sortie.attach()?;
    let agent = agent_of(&attached)?;
    let before = cpu_seconds(agent.pid())?;
    let (sent, _) = bed.run("udp", effort.milliseconds * 5)?;
    agent.metrics();
    Ok((cpu_seconds(agent.pid())? - before, sent))
}
