//! The numbers as a page.

use std::fmt::Write as _;

use crate::facts::{Drain, Facts};
use crate::floods::Flood;
use crate::loads::{Load, Sample, float};
use crate::run_times::{Round, RunTime};
use crate::variant::Variant;
use crate::{Effort, machine};

/// Adds a line. Writing to a string cannot fail.
macro_rules! line {
    ($page:expr) => { $page.push('\n') };
    ($page:expr, $($text:tt)+) => {{
        let _ = writeln!($page, $($text)+);
    }};
}

/// The page that becomes `BENCHMARKS.md`.
pub(crate) fn text(
    effort: Effort,
    loads: &[Load],
    times: &[RunTime],
    facts: &Facts,
    floods: &[Vec<Flood>; 2],
) -> String {
    let mut page = String::new();
    head(&mut page, effort);
    for load in loads {
        table(&mut page, load);
    }
    page.push_str(&run_times(times));
    drains(&mut page, facts);
    recalls(&mut page, facts);
    agent(&mut page, facts);
    names(&mut page, floods);
    page
}

fn head(page: &mut String, effort: Effort) {
    let Effort { rounds, milliseconds, .. } = effort;
    line!(page, "# Benchmarks");
    line!(page);
    line!(page, "Written by `cargo xtask bench`; the numbers are those of one run.");
    line!(page);
    line!(page, "Machine: {}.", machine::line());
    line!(page);
    line!(
        page,
        "Loads run between two network namespaces, client and server on a CPU each, and both pay: \
         the programs run below both. {rounds} rounds of {milliseconds} ms per load and variant, the \
         variants in a random order; ratios are taken within a round. Told are medians, and in \
         brackets the quartiles. A promise is judged by the median."
    );
    line!(
        page,
        "CPU time is that of the cgroup of client and server (`cpu.stat`), {}.",
        machine::interrupt_time()
    );
    line!(page);
}

/// Lower quartile, median, upper quartile, interpolated.
fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| {
        let last = values.len().saturating_sub(1) * quarter;
        let (below, rest) = (last / 4, last % 4);
        let low = values.get(below).copied().unwrap_or(f64::NAN);
        let high = values.get(below + 1).copied().unwrap_or(low);
        low + (high - low) * [0.0, 0.25, 0.5, 0.75][rest]
    })
}

fn spread([low, middle, high]: [f64; 3], digits: usize) -> String {
    format!("{middle:.digits$} ({low:.digits$} .. {high:.digits$})")
}

const fn verdict(kept: bool) -> &'static str {
    if kept { "kept" } else { "**missed**" }
}

/// The variant that the others are compared with.
const NOTHING: Option<usize> = Some(0);

fn table(page: &mut String, load: &Load) {
    line!(page, "## {}", load.kind.what);
    line!(page);
    line!(page, "| variant | CPU per operation, us | relative to no program | operations/s kept |");
    line!(page, "|---|---|---|---|");
    let of = |at: usize, value: fn(&Sample) -> f64, base: Option<usize>| {
        quartiles(load.rounds.iter().map(|round| {
            let base = base.map_or(1.0, |base| value(&round[base]));
            value(&round[at]) / base
        }))
    };
    for (at, variant) in Variant::ALL.iter().enumerate() {
        line!(
            page,
            "| {} | {} | {} | {} |",
            variant.name(),
            spread(of(at, |sample| sample.cpu, None), 3),
            spread(of(at, |sample| sample.cpu, NOTHING), 3),
            spread(of(at, |sample| sample.speed, NOTHING), 3)
        );
    }
    line!(page);
    let sortie = Variant::ALL.len() - 1;
    let unsampled = Some(sortie - 1);
    line!(
        page,
        "Sortie relative to itself without sampling: CPU {}, operations/s {}.",
        spread(of(sortie, |sample| sample.cpu, unsampled), 3),
        spread(of(sortie, |sample| sample.speed, unsampled), 3)
    );
    line!(page);
    let [_, cpu, _] = of(sortie, |sample| sample.cpu, NOTHING);
    let [_, speed, _] = of(sortie, |sample| sample.speed, NOTHING);
    if let Some(most) = load.kind.cpu_max {
        let verdict = verdict(cpu <= most);
        line!(page, "Promised: at most {most:.2} of the CPU of no program: {verdict}.");
    }
    if let Some(least) = load.kind.kept_min {
        let verdict = verdict(speed >= least);
        line!(page, "Promised: at least {least:.2} of the operations per second: {verdict}.");
    }
    if load.kind.cpu_max.or(load.kind.kept_min).is_some() {
        line!(page);
    }
}

/// The loads whose run time is promised.
const PROMISED: [&str; 3] = ["udp", "rtt", "connect"];

/// The section on the run time of the programs.
pub(crate) fn run_times(times: &[RunTime]) -> String {
    let mut page = String::new();
    let page = &mut page;
    line!(page, "## Run time of the programs");
    line!(page);
    line!(
        page,
        "Nanoseconds per run, from the kernel's own statistics. Reading the clock is most of what an \
         empty program takes; it is taken off the others, within a round. The cheapest counter has \
         programs for packets only, and makes its entry for a socket there; Sortie makes it when the \
         socket is created, so with short connections egress alone says little. Sampling is the \
         difference between Sortie and itself without, over all runs of the hook. Both ends run below \
         the programs, but samples are taken at the client's only: with dns of every second run of \
         egress and ingress, with hello of one packet of the connection."
    );
    line!(page);
    line!(
        page,
        "| load | hook | empty | cheapest | Sortie without sampling | Sortie | sampling | Sortie / cheapest |"
    );
    line!(page, "|---|---|---|---|---|---|---|---|");
    let ratio = |round: &Round| Some((round.sortie - round.empty) / net_cheapest(round)?);
    for RunTime { load, hook, rounds } in times {
        let told = |value: &dyn Fn(&Round) -> Option<f64>, digits| {
            let mut values = rounds.iter().filter_map(value).peekable();
            if values.peek().is_none() {
                return "-".to_owned();
            }
            spread(quartiles(values), digits)
        };
        line!(
            page,
            "| {load} | {hook} | {} | {} | {} | {} | {} | {} |",
            told(&|round| Some(round.empty), 0),
            told(&net_cheapest, 0),
            told(&|round| Some(round.unsampled - round.empty), 0),
            told(&|round| Some(round.sortie - round.empty), 0),
            told(&|round| Some(round.sortie - round.unsampled), 0),
            told(&ratio, 2)
        );
    }
    line!(page);
    // Nothing is promised of loads that are made to be sampled.
    let is_promised = |time: &&RunTime| time.hook == "egress" && PROMISED.contains(&time.load);
    for RunTime { load, rounds, .. } in times.iter().filter(is_promised) {
        let [_, times, _] = quartiles(rounds.iter().filter_map(ratio));
        let verdict = verdict(times <= 1.5);
        line!(
            page,
            "Promised: egress at most 1.5 times the cheapest counter; with {load} {times:.2}: {verdict}."
        );
    }
    line!(page);
    std::mem::take(page)
}

/// What the cheapest counter takes beyond an empty program.
fn net_cheapest(round: &Round) -> Option<f64> {
    Some(round.cheapest? - round.empty).filter(|net| *net > 0.0)
}

fn mib(bytes: u64) -> f64 {
    float(bytes) / 1024.0 / 1024.0
}

fn drains(page: &mut String, facts: &Facts) {
    line!(page, "## A look at the tables, and memory");
    line!(page);
    line!(
        page,
        "Sockets that have all sent a datagram and are known from an earlier look. `flows_max` is \
         16,384 by default."
    );
    line!(page);
    line!(page, "| flows | flows_max | time | agent's memory | its peak | memory of the maps |");
    line!(page, "|---|---|---|---|---|---|");
    for Drain { flows, capacity, milliseconds, memory, map_bytes } in &facts.drains {
        line!(
            page,
            "| {flows} | {capacity} | {milliseconds:.2} ms | {:.2} MiB | {:.2} MiB | {:.2} MiB |",
            mib(memory.resident * 1024),
            mib(memory.peak * 1024),
            mib(*map_bytes)
        );
    }
    line!(page);
    let at = |flows: usize| facts.drains.iter().find(|drain| drain.flows == flows);
    if let Some(drain) = at(10_000) {
        let kept = verdict(drain.milliseconds <= 5.0);
        line!(page, "Promised: at most 5 ms for 10,000 flows with the default capacity: {kept}.");
    }
    if let Some(drain) = at(16_000) {
        let kept = verdict(drain.map_bytes <= 4 * 1024 * 1024);
        line!(page, "Promised: at most 4 MiB of maps at 16,384 flows; with 16,000: {kept}.");
    }
    line!(page);
}

fn recalls(page: &mut String, facts: &Facts) {
    line!(page, "## What is seen");
    line!(page);
    line!(page, "| what | made | told | promised: all |");
    line!(page, "|---|---|---|---|");
    for recall in &facts.recalls {
        let kept = verdict(recall.told == recall.made);
        line!(page, "| {} | {} | {} | {kept} |", recall.what, recall.made, recall.told);
    }
    line!(page);
}

fn agent(page: &mut String, facts: &Facts) {
    line!(page, "## The agent");
    line!(page);
    line!(page, "| what | measured | promised | |");
    line!(page, "|---|---|---|---|");
    let (seconds, made) = facts.connections;
    let cpu = seconds * 100_000.0 / float(made);
    line!(
        page,
        "| CPU per 100,000 connections, both ends on this machine | {cpu:.3} s | 0.02 s | {} |",
        verdict(cpu <= 0.02)
    );
    let (seconds, sent) = facts.packets;
    let cpu = seconds * 1_000_000.0 / float(sent);
    // "About" leaves room for the scrape.
    let kept = verdict(cpu <= 0.01);
    line!(page, "| CPU per 1,000,000 packets | {cpu:.3} s | about 0 | {kept} |");
    for (what, (seconds, made)) in [
        ("connections with a TLS hello, both ends on this machine", facts.hellos),
        ("questions to a name server and answers", facts.answers),
    ] {
        let cpu = seconds * 100_000.0 / float(made);
        line!(page, "| CPU per 100,000 {what} | {cpu:.3} s | | |");
    }
    let (resident, anonymous) = (facts.idle.resident * 1024, facts.idle.anonymous * 1024);
    line!(
        page,
        "| memory after the start | {:.2} MiB, {:.2} MiB of it not file-backed | | |",
        mib(resident),
        mib(anonymous)
    );
    line!(page, "| its peak | {:.2} MiB | | |", mib(facts.idle.peak * 1024));
    let full = facts.full.resident;
    let kept = verdict(full <= 4 * 1024);
    let size = mib(full * 1024);
    line!(page, "| memory with 300 flows and a full ledger | {size:.2} MiB | 4 MiB | {kept} |");
    line!(page, "| its peak | {:.2} MiB | | |", mib(facts.full.peak * 1024));
    let (wakeups, seconds) = facts.wakeups;
    let kept = verdict(wakeups == 0);
    line!(page, "| wake-ups in {seconds} s of idling | {wakeups} | 0 | {kept} |");
    let kept = verdict(mib(facts.binary_bytes) <= 2.5);
    let size = mib(facts.binary_bytes);
    line!(page, "| size of the executable | {size:.2} MiB | 2.5 MiB | {kept} |");
}

/// A scrape takes at most so many times as long after a flood.
const SCRAPE_FACTOR: f64 = 3.0;

/// Memory that names asked for may add by default and as whole host names, and visited ones, in MiB.
const ASKED_MIB: [f64; 2] = [4.0, 8.0];
const VISITED_MIB: f64 = 12.0;

fn names(page: &mut String, [floods, whole]: &[Vec<Flood>; 2]) {
    line!(page);
    line!(page, "## Floods of names");
    line!(page);
    line!(
        page,
        "One client asks for names or visits them as fast as it can, all of them random and none twice \
         in a flood; those asked for are as long as names get. One agent sees one flood after the other. \
         Names are remembered for 4,096 addresses at most, and for each at most 4 per app. The first \
         scrape after a flood also takes what waits in the kernel; of those after it the median is told, \
         and compared with that of before. While closed connections are still in the kernel's table \
         a scrape reads them: then it is compared with one after connections that name nobody."
    );
    line!(page);
    flooded(page, floods, ASKED_MIB[0]);
    line!(page, "An agent that keeps whole host names (`detail = \"hosts\"`):");
    line!(page);
    flooded(page, whole, ASKED_MIB[1]);
}

fn flooded(page: &mut String, floods: &[Flood], asked_mib: f64) {
    let Some(before) = floods.first() else {
        return;
    };
    line!(
        page,
        "| after | samples lost | addresses | destination series | flows | agent's memory | its peak | first scrape | scrape | relative |"
    );
    line!(page, "|---|---|---|---|---|---|---|---|---|---|");
    let ratio =
        |flood: &Flood| flood.scrape / floods.get(flood.base).map_or(f64::NAN, |base| base.scrape);
    for flood in floods {
        let Flood { what, lost, addresses, destinations, flows, memory, first, scrape, .. } = flood;
        line!(
            page,
            "| {what} | {lost} | {addresses} | {destinations} | {flows} | {:.2} MiB | {:.2} MiB \
             | {first:.2} ms | {scrape:.2} ms | {:.2} |",
            mib(memory.resident * 1024),
            mib(memory.peak * 1024),
            ratio(flood)
        );
    }
    line!(page);
    let longest = floods.iter().map(ratio).fold(0.0, f64::max);
    line!(
        page,
        "Promised: a scrape takes at most {SCRAPE_FACTOR:.0} times as long; {longest:.2}: {}.",
        verdict(longest <= SCRAPE_FACTOR)
    );
    for (is_visit, what, most) in
        [(false, "names asked for", asked_mib), (true, "all floods together", VISITED_MIB)]
    {
        let peaks = floods.iter().filter(|flood| flood.is_visit == is_visit);
        if let Some(peak) = peaks.map(|flood| flood.memory.peak).max() {
            let more = mib(peak.saturating_sub(before.memory.resident) * 1024);
            line!(
                page,
                "Promised: {what} take at most {most:.0} MiB more, peaks included; {more:.2} MiB: {}.",
                verdict(more <= most)
            );
        }
    }
    line!(page);
}
