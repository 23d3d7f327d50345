//! What names that nobody has heard of cost the agent: memory, and the time of a scrape.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::{Agent, Metrics};

use crate::Effort;
use crate::loads::{Bed, launch};
use crate::memory::Memory;

/// Addresses that the agent remembers names for.
const ADDRESSES: u32 = 4_096;

/// Names that one process asks for or visits: the time it may take is bounded.
const PER_PROCESS: u32 = 20_000;

/// Scrapes whose median is told.
const SCRAPES: usize = 31;

/// Pause between two scrapes.
const PAUSE: Duration = Duration::from_millis(20);

/// For how long the kernel keeps a flow that is closed and silent, and some more.
const CLOSED: Duration = Duration::from_secs(12);

/// What a flood left behind.
#[derive(Debug)]
pub(crate) struct Flood {
    /// What it was of.
    pub(crate) what: String,
    /// What its scrape is compared with: a row of the same agent.
    pub(crate) base: usize,
    /// Whether it was connections.
    pub(crate) is_visit: bool,
    /// Flows in the kernel's table: a scrape reads them all.
    pub(crate) flows: u64,
    /// Samples that found no room in the kernel's ring.
    pub(crate) lost: u64,
    /// Addresses that names are remembered for.
    pub(crate) addresses: u64,
    /// Destinations with series of their own.
    pub(crate) destinations: usize,
    /// Memory of the agent.
    pub(crate) memory: Memory,
    /// Milliseconds of the first scrape, which also takes what waits in the kernel.
    pub(crate) first: f64,
    /// Milliseconds of the scrapes after it, the median.
    pub(crate) scrape: f64,
}

/// Floods one agent after the other way, and an agent that keeps whole host names. The first row of each
/// is from before.
pub(crate) fn measure(effort: Effort) -> Result<[Vec<Flood>; 2]> {
    eprintln!("measuring: floods of names");
    let bed = Bed::new()?;
    let many = effort.names;
    let agent = Agent::start();
    let mut floods = vec![look(&agent, "nothing yet".to_owned(), 0)?];
    let mut first = 0;
    for (count, addresses) in [(ADDRESSES, ADDRESSES), (many, many), (many, ADDRESSES)] {
        let what = format!("{count} names asked for, with {addresses} addresses");
        floods.push(asked(&bed, &agent, what, &mut first, count, addresses)?);
    }
    let nameless = floods.len();
    for (protocol, what) in [
        ("", "connections that name nobody"),
        ("tls", "connections to names, in TLS"),
        ("http", "connections to names, in HTTP"),
    ] {
        let lost = lost(&agent.metrics());
        if protocol.is_empty() {
            flood(&bed, "connect", many, |to, _, count| format!("some {to} {count}"))?;
        } else {
            flood(&bed, "hello", many, |to, first, count| {
                format!("visit {protocol} {to} {first} {count}")
            })?;
        }
        let base = if protocol.is_empty() { floods.len() } else { nameless };
        let at_once = look(&agent, format!("{many} {what}"), lost)?;
        // Names in hellos that nobody read cost nothing, and that says nothing.
        let told = floods.last().map_or(0, |flood| flood.destinations);
        ensure!(protocol != "tls" || at_once.destinations > told, "no names are told: {at_once:?}");
        floods.push(Flood { base, is_visit: true, ..at_once });
        sleep(CLOSED);
        let later = look(&agent, format!("the same, {} s later", CLOSED.as_secs()), lost)?;
        floods.push(Flood { is_visit: true, ..later });
    }
    drop(agent);
    let agent = Agent::plan().with_setting("detail = \"hosts\"").start();
    let mut whole = vec![look(&agent, "nothing yet".to_owned(), 0)?];
    for (count, addresses) in [(many, many), (many, ADDRESSES)] {
        let what = format!("{count} names asked for, with {addresses} addresses");
        whole.push(asked(&bed, &agent, what, &mut first, count, addresses)?);
    }
    Ok([floods, whole])
}

fn asked(
    bed: &Bed,
    agent: &Agent,
    what: String,
    first: &mut u32,
    count: u32,
    addresses: u32,
) -> Result<Flood> {
    let lost = lost(&agent.metrics());
    let base = *first;
    *first += count;
    flood(bed, "dns", count, |to, first, count| {
        format!("ask {to} {} {count} {addresses}", base + first)
    })?;
    let flood = look(agent, what, lost)?;
    // Otherwise the flood never came through, and its cost says nothing.
    ensure!(flood.addresses > u64::from(ADDRESSES / 2), "no answers are remembered: {flood:?}");
    Ok(flood)
}

/// Runs clients one after the other, each with its share.
fn flood(
    bed: &Bed,
    server: &str,
    count: u32,
    words: impl Fn(std::net::SocketAddr, u32, u32) -> String,
) -> Result<()> {
    let to = bed.server(server)?;
    let mut done = 0;
    while done < count {
        let share = PER_PROCESS.min(count - done);
        let made = bed.client(launch().words(&words(to, done, share)), "operations")?;
        ensure!(made == u64::from(share), "{made} of {share}");
        done += share;
    }
    Ok(())
}

fn lost(metrics: &Metrics) -> u64 {
    metrics.sum("sortie_samples_lost_total", &[])
}

/// Scrapes the agent, and measures it.
fn look(agent: &Agent, what: String, lost_before: u64) -> Result<Flood> {
    let (first, _) = scrape(agent)?;
    let mut times = Vec::with_capacity(SCRAPES);
    let mut text = String::new();
    while times.len() < SCRAPES {
        sleep(PAUSE);
        let time;
        (time, text) = scrape(agent)?;
        times.push(time);
    }
    times.sort_by(f64::total_cmp);
    let metrics = Metrics::parse(&text).map_err(anyhow::Error::msg)?;
    let series = metrics.find("sortie_destination_transmit_bytes_total", &[]);
    Ok(Flood {
        what,
        base: 0,
        is_visit: false,
        flows: metrics.sum("sortie_flows", &[]),
        lost: lost(&metrics) - lost_before,
        addresses: metrics.sum("sortie_dns_addresses", &[]),
        destinations: series.len(),
        memory: Memory::of(agent.pid())?,
        first,
        scrape: times[SCRAPES / 2],
    })
}

/// Milliseconds of a scrape, and its text.
fn scrape(agent: &Agent) -> Result<(f64, String)> {
    let begin = Instant::now();
    let text = agent.get("/metrics").map_err(anyhow::Error::msg)?;
    Ok((begin.elapsed().as_secs_f64() * 1_000.0, text))
}
