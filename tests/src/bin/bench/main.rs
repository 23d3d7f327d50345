//! What watching costs: `cargo xtask bench` builds this and runs it as root.
//!
//! Loads run between two network namespaces on one machine, client and server on a CPU each, both below
//! the programs. The variants take turns in a random order, so that whatever else the machine does hits
//! all of them; what is told are ratios within a round, their medians and their spread.

mod facts;
mod loads;
mod report;
mod variant;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// How much to measure.
#[derive(Clone, Copy, Debug)]
struct Effort {
    /// Rounds of each load.
    rounds: u32,
    /// Length of a load in a round.
    milliseconds: u32,
    /// Seconds of idling.
    idle_seconds: u32,
}

impl Effort {
    const FULL: Self = Self { rounds: 15, milliseconds: 1_000, idle_seconds: 60 };
    const QUICK: Self = Self { rounds: 3, milliseconds: 300, idle_seconds: 10 };
}

fn main() -> Result<()> {
    let mut effort = Effort::FULL;
    let mut to = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => effort = Effort::QUICK,
            "--run-times" => {
                print!("{}", report::run_times(&facts::run_times(effort)?));
                return Ok(());
            }
            "--rounds" => {
                let rounds = arguments.next().context("--rounds needs a number")?;
                effort.rounds = rounds.parse().context("--rounds needs a number")?;
            }
            "--to" => to = Some(PathBuf::from(arguments.next().context("--to needs a file")?)),
            unknown => bail!(
                "`{unknown}` is no option; there are --quick, --run-times, --rounds N, --to FILE"
            ),
        }
    }
    if !rustix::process::geteuid().is_root() {
        bail!("measuring needs root, to attach programs and make network namespaces");
    }
    e2e::scratch::alone();
    let loads = loads::measure(effort)?;
    let facts = facts::measure(effort)?;
    let text = report::text(effort, &loads, &facts);
    print!("{text}");
    if let Some(to) = to {
        std::fs::write(&to, text).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}
