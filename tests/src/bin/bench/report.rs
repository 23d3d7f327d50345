//! The numbers as a page.

use std::fmt::Write as _;
use std::fs;

use crate::Effort;
use crate::facts::{Facts, RunTime};
use crate::loads::{Load, Sample, float};
use crate::variant::Variant;

/// The page that is written to `BENCHMARKS.md`.
pub(crate) fn text(effort: Effort, loads: &[Load], facts: &Facts) -> String {
    let mut page = String::new();
    head(&mut page, effort);
    for load in loads {
        table(&mut page, load);
    }
    page.push_str(&run_times(&facts.run_times));
    drains(&mut page, facts);
    rest(&mut page, facts);
    page
}

/// Adds a line. Writing to a string cannot fail.
macro_rules! line {
    ($page:expr) => { $page.push('\n') };
    ($page:expr, $($text:tt)+) => {{
        let _ = writeln!($page, $($text)+);
    }};
}

fn head(page: &mut String, effort: Effort) {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown CPU", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    line!(page, "# Benchmarks");
    line!(page);
    line!(page, "Written by `cargo xtask bench`; the numbers are those of one run.");
    line!(page);
    line!(page, "Machine: Linux {release}, {cores} CPUs, {model}.");
    line!(
        page,
        "Loads run between two network namespaces, client and server on a CPU each, and both pay: \
         the programs run below both. {} rounds of {} ms per load and variant, the variants in a \
         random order; ratios are taken within a round. Told are medians, and in brackets the \
         quartiles.",
        effort.rounds,
        effort.milliseconds
    );
    line!(page, "CPU time is that of the cgroup of client and server (`cpu.stat`).");
    line!(page);
}

/// Lower quartile, median, upper quartile.
fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| {
        let index = values.len().saturating_sub(1) * quarter / 4;
        values.get(index).copied().unwrap_or(f64::NAN)
    };
    [at(1), at(2), at(3)]
}

fn table(page: &mut String, load: &Load) {
    line!(page, "## {}", load.what);
    line!(page);
    line!(page, "| variant | CPU per operation | relative to no program | operations/s kept |");
    line!(page, "|---|---|---|---|");
    for (at, variant) in Variant::ALL.iter().enumerate() {
        let of = |value: fn(&Sample) -> f64, relative: bool| {
            let values = load.rounds.iter().map(|round| {
                let base = if relative { value(&round[0]) } else { 1.0 };
                value(&round[at]) / base
            });
            quartiles(values.collect())
        };
        let [_, cpu, _] = of(|sample| sample.cpu, false);
        let [low, ratio, high] = of(|sample| sample.cpu, true);
        let [slow, kept, fast] = of(|sample| sample.speed, true);
        line!(
            page,
            "| {} | {cpu:.3} us | {ratio:.3} ({low:.3} .. {high:.3}) | {kept:.3} ({slow:.3} .. \
             {fast:.3}) |",
            variant.name()
        );
        if *variant == Variant::Sortie
            && let Some(target) = load.target
        {
            let verdict = if ratio <= target { "met" } else { "missed" };
            line!(page);
            line!(page, "Promised: at most {target:.2} of the CPU of no program: {verdict}.");
        }
    }
    line!(page);
}

/// The section on the run time of the programs.
pub(crate) fn run_times(times: &[RunTime]) -> String {
    let mut page = String::new();
    let page = &mut page;
    line!(page, "## Run time of the programs");
    line!(page);
    line!(
        page,
        "From the kernel's own statistics (`kernel.bpf_stats_enabled`), which cost about 50 ns a run \
         themselves: what an empty program takes is the zero. Promised: the egress program takes at \
         most 1.5 times the cheapest counter."
    );
    line!(page);
    line!(page, "| load | program | ns per run | runs |");
    line!(page, "|---|---|---|---|");
    for time in times {
        let (load, program) = (time.load, &time.program);
        line!(page, "| {load} | {program} | {:.0} | {} |", time.nanoseconds, time.runs);
    }
    line!(page);
    std::mem::take(page)
}

fn drains(page: &mut String, facts: &Facts) {
    line!(page, "## A look at the tables");
    line!(page);
    line!(
        page,
        "Sockets that have all sent a datagram and are known from an earlier look; the capacity is the \
         default 16,384, for the last 131,072. Promised: at most 5 ms for 10,000 flows."
    );
    line!(page);
    line!(page, "| flows | time | agent's memory | memory of the maps |");
    line!(page, "|---|---|---|---|");
    for drain in &facts.drains {
        line!(
            page,
            "| {} | {:.2} ms | {:.1} MiB | {:.2} MiB |",
            drain.flows,
            drain.milliseconds,
            float(drain.resident_kib) / 1024.0,
            float(drain.map_bytes) / 1024.0 / 1024.0
        );
    }
    line!(page);
}

fn rest(page: &mut String, facts: &Facts) {
    let (cpu, made, told) = facts.connections;
    let (packet_cpu, packets) = facts.packets;
    let (resident, anonymous) = facts.idle_kib;
    let (wakeups, seconds) = facts.wakeups;
    line!(page, "## The agent");
    line!(page);
    line!(page, "| what | measured | promised |");
    line!(page, "|---|---|---|");
    line!(
        page,
        "| CPU per 100,000 connections, both ends on this machine | {:.3} s | 0.02 s |",
        cpu * 100_000.0 / float(made.max(1))
    );
    line!(page, "| connections told of those made | {told} of {made} | all |");
    line!(
        page,
        "| CPU per 1,000,000 packets | {:.3} s | about 0 |",
        packet_cpu * 1_000_000.0 / float(packets.max(1))
    );
    line!(
        page,
        "| memory after the start | {:.2} MiB, {:.2} MiB of it not file-backed | 4 MiB |",
        float(resident) / 1024.0,
        float(anonymous) / 1024.0
    );
    line!(page, "| wake-ups while idle | {wakeups} in {seconds} s | 0 |");
    line!(
        page,
        "| size of the executable | {:.2} MiB | 2.5 MiB |",
        float(facts.binary_bytes) / 1024.0 / 1024.0
    );
}
