//! Many processes, each of which lives for a moment.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::arguments::Arguments;
use crate::report;

/// Runs the program `--blink` `--count` times, `--parallel` at a time, each of which makes one
/// TCP connection or sends one datagram (`--with tcp|udp`) to `--to`. Says also how long the
/// fastest tenth of them took, started to ended: with `--parallel 1` that is how long one lives.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let blink = arguments.text("blink").context("--blink is missing")?;
    let with = arguments.text("with").context("--with is missing")?;
    let count: usize = arguments.one("count")?;
    let parallel: usize = arguments.one_or("parallel", 1)?;
    let to: SocketAddr = arguments.destination()?;
    let (host, port) = (to.ip().to_string(), to.port().to_string());
    let mut running: VecDeque<(Child, Instant)> = VecDeque::new();
    let mut micros = Vec::with_capacity(count);
    let mut finish = |(mut child, started): (Child, Instant)| -> Result<()> {
        let status = child.wait()?;
        micros.push(started.elapsed().as_micros());
        ensure!(status.success(), "a child failed: {status}");
        Ok(())
    };
    for _ in 0..count {
        if running.len() == parallel
            && let Some(oldest) = running.pop_front()
        {
            finish(oldest)?;
        }
        let started = Instant::now();
        let child = Command::new(blink)
            .args([with, &host, &port])
            .spawn()
            .with_context(|| format!("cannot run {blink}"))?;
        running.push_back((child, started));
    }
    running.into_iter().try_for_each(&mut finish)?;
    micros.sort_unstable();
    let quick = micros.get(micros.len() / 10).copied().unwrap_or_default();
    report::done(&[("children", &count), ("quick_micros", &quick)])
}
