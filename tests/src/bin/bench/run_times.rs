//! Run times of the programs, from the kernel's own statistics.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use aya::programs::loaded_programs;
use aya::sys::{Stats, enable_stats};

use crate::Effort;
use crate::loads::{Bed, Order, float};
use crate::variant::Variant;

/// The hooks that are told, as their programs are named.
const HOOKS: [&str; 5] = ["egress", "ingress", "connect4", "sock_create", "sock_release"];

/// Runs in a round below which a time says nothing: the first ones run cold.
const RUNS_MIN: u64 = 500;

/// Nanoseconds per run of one hook in one round, as the kernel tells them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) empty: f64,
    pub(crate) cheapest: Option<f64>,
    /// Without sampling.
    pub(crate) unsampled: f64,
    pub(crate) sortie: f64,
}

/// Run times of one hook under one load.
#[derive(Debug)]
pub(crate) struct RunTime {
    pub(crate) load: &'static str,
    pub(crate) hook: &'static str,
    pub(crate) rounds: Vec<Round>,
}

/// Time and runs of programs by their ids.
type Reading = BTreeMap<u32, (String, u64, u64)>;

/// Measures some loads with each variant in turn.
pub(crate) fn measure(effort: Effort) -> Result<Vec<RunTime>> {
    eprintln!("measuring: run times");
    let bed = Bed::new()?;
    // The statistics end with the descriptor, however this process ends.
    let _on = enable_stats(Stats::RunTime).context("this kernel has no BPF statistics (5.8)")?;
    let mut order = Order::new();
    let mut times = Vec::new();
    for load in ["udp", "rtt", "connect", "hello", "dns"] {
        let mut hooks = HOOKS.map(|_| Vec::new());
        for _ in 0..effort.run_time_rounds() {
            let mut found = [[None; HOOKS.len()]; Variant::WATCHING.len()];
            for at in order.shuffled([0, 1, 2, 3]) {
                found[at] = one(&bed, load, Variant::WATCHING[at], effort)?;
            }
            let [empty, cheapest, unsampled, sortie] = found;
            for (at, rounds) in hooks.iter_mut().enumerate() {
                let cheapest = cheapest[at];
                if let (Some(empty), Some(unsampled), Some(sortie)) =
                    (empty[at], unsampled[at], sortie[at])
                {
                    rounds.push(Round { empty, cheapest, unsampled, sortie });
                }
            }
        }
        let rows = HOOKS.into_iter().zip(hooks).filter(|(_, rounds)| !rounds.is_empty());
        times.extend(rows.map(|(hook, rounds)| RunTime { load, hook, rounds }));
    }
    Ok(times)
}

/// The nanoseconds per run of each hook during one load.
fn one(
    bed: &Bed,
    load: &str,
    variant: Variant,
    effort: Effort,
) -> Result<[Option<f64>; HOOKS.len()]> {
    let others = programs()?;
    let attached = variant.attach()?;
    let before = programs()?;
    bed.run(load, effort.milliseconds)?;
    let after = programs()?;
    drop(attached);
    Ok(HOOKS.map(|hook| {
        let (id, (_, time, runs)) = after
            .iter()
            .find(|(id, (name, ..))| !others.contains_key(id) && is_program_of(hook, name))?;
        let (earlier, earlier_runs) = before.get(id).map_or((0, 0), |(_, t, r)| (*t, *r));
        let (time, runs) = (time.saturating_sub(earlier), runs.saturating_sub(earlier_runs));
        (runs >= RUNS_MIN).then(|| float(time) / float(runs))
    }))
}

/// Whether a program is that of a hook. The kernel keeps 15 characters of a name.
fn is_program_of(hook: &str, name: &str) -> bool {
    let short = ["empty_", "cheapest_"].iter().find_map(|prefix| name.strip_prefix(prefix));
    short.map_or(name == hook, |short| hook.starts_with(short))
}

fn programs() -> Result<Reading> {
    let mut reading = Reading::new();
    // A program of somebody else may go while the list is walked.
    for program in loaded_programs().flatten() {
        let name = program.name_as_str().unwrap_or_default().to_owned();
        let time = u64::try_from(program.run_time().as_nanos())?;
        reading.insert(program.id(), (name, time, program.run_count()));
    }
    Ok(reading)
}
