//! Many processes, each of which lives for a moment.

use std::collections::VecDeque;
use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command};

use anyhow::{Context as _, Result, ensure};

use crate::arguments::Arguments;
use crate::report;

/// Microseconds of a tick in `/proc/PID/stat`: `USER_HZ` is 100 on every Linux.
const TICK_MICROS: u64 = 10_000;

/// Runs the program `--blink` `--count` times, `--parallel` at a time, each of which makes one
/// TCP connection or sends one datagram (`--with tcp|udp`) to `--to`. Says also how much CPU time
/// one of them took: that is how long it lives on a machine that is not busy.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let blink = arguments.text("blink").context("--blink is missing")?;
    let with = arguments.text("with").context("--with is missing")?;
    let count: u64 = arguments.one("count")?;
    let parallel: usize = arguments.one_or("parallel", 1)?;
    let to: SocketAddr = arguments.destination()?;
    let (host, port) = (to.ip().to_string(), to.port().to_string());
    let mut running: VecDeque<Child> = VecDeque::new();
    for _ in 0..count {
        if running.len() == parallel
            && let Some(oldest) = running.pop_front()
        {
            finish(oldest)?;
        }
        let child = Command::new(blink).args([with, &host, &port]).spawn();
        running.push_back(child.with_context(|| format!("cannot run {blink}"))?);
    }
    running.into_iter().try_for_each(finish)?;
    let micros = children_ticks()? * TICK_MICROS / count.max(1);
    report::done(&[("children", &count), ("cpu_micros", &micros)])
}

fn finish(mut child: Child) -> Result<()> {
    let status = child.wait()?;
    ensure!(status.success(), "a child failed: {status}");
    Ok(())
}

/// CPU time of the children that were waited for (`proc_pid_stat(5)`, `cutime` and `cstime`).
fn children_ticks() -> Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name before the bracket may hold spaces; `cutime` is field 16, the 14th after it.
    let (_, fields) = stat.rsplit_once(')').context("no name in /proc/self/stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks =
        |index: usize| -> Result<u64> { Ok(fields.get(index).context("too short")?.parse()?) };
    Ok(ticks(13)? + ticks(14)?)
}
