//! What watching costs: `cargo xtask bench` builds this and runs it as root.
//!
//! Loads run between two network namespaces on one machine, client and server on a CPU each, both below
//! the programs. The variants take turns in a random order, so that whatever else the machine does hits
//! all of them; what is told are ratios within a round, their medians and their spread.

mod facts;
mod floods;
mod guard;
mod loads;
mod machine;
mod memory;
mod report;
mod run_times;
mod variant;

use std::process::ExitCode;

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
    /// Names of a flood.
    names: u32,
}

impl Effort {
    const FULL: Self = Self { rounds: 15, milliseconds: 1_000, idle_seconds: 60, names: 100_000 };
    const QUICK: Self = Self { rounds: 3, milliseconds: 300, idle_seconds: 10, names: 10_000 };

    /// Run times are steadier than loads: a third of the rounds.
    fn run_time_rounds(self) -> u32 {
        self.rounds.div_ceil(3).max(3)
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
struct Options {
    effort: Effort,
    only_run_times: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self { effort: Effort::FULL, only_run_times: false };
        let mut rounds = None;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => options.effort = Effort::QUICK,
                "--run-times" => options.only_run_times = true,
                "--rounds" => {
                    let number = arguments.next().and_then(|number| number.parse().ok());
                    rounds = Some(number.context("--rounds needs a number")?);
                }
                unknown => {
                    bail!("`{unknown}` is no option; there are --quick, --run-times and --rounds N")
                }
            }
        }
        options.effort.rounds = rounds.unwrap_or(options.effort.rounds).max(1);
        Ok(options)
    }
}

fn main() -> Result<ExitCode> {
    let options = Options::parse(std::env::args().skip(1))?;
    if !rustix::process::geteuid().is_root() {
        bail!("measuring needs root: run it with sudo");
    }
    if guard::is_inside() {
        measure(options)?;
        return Ok(ExitCode::SUCCESS);
    }
    let status = guard::run()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measure(Options { effort, only_run_times }: Options) -> Result<()> {
    e2e::scratch::alone();
    if only_run_times {
        print!("{}", report::run_times(&run_times::measure(effort)?));
        return Ok(());
    }
    let loads = loads::measure(effort)?;
    let times = run_times::measure(effort)?;
    let facts = facts::measure(effort)?;
    let floods = floods::measure(effort)?;
    print!("{}", report::text(effort, &loads, &times, &facts, &floods));
    Ok(())
}
