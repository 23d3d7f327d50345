//! What the user asks for, read from the command line.

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser};

use crate::{agent, package, run, test, vm};

/// What `--help` shows.
pub(crate) const HELP: &str = include_str!("help.txt");

/// A task with its options.
#[derive(Debug)]
pub(crate) enum Task {
    Help,
    Run(run::Options),
    Test(test::Options),
    Build(agent::Options),
    Package(package::Options),
    Vm(vm::Options),
    Doctor,
    Tidy,
    Data,
    /// The benchmarks read their arguments themselves.
    Bench(Parser),
}

impl Task {
    pub(crate) fn parse(mut arguments: Parser) -> Result<Self> {
        let name = match arguments.next()? {
            None | Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Self::Help),
            Some(Arg::Value(name)) => name,
            Some(other) => return Err(other.unexpected().into()),
        };
        let name = name.to_str().context("a task's name is plain text")?;
        if name == "bench" {
            return Ok(Self::Bench(arguments));
        }
        let first = arguments.try_raw_args().and_then(|raw| raw.as_slice().first().cloned());
        if first.is_some_and(|first| first == "--help" || first == "-h") {
            return Ok(Self::Help);
        }
        let task = match name {
            "run" => Self::Run(run::Options::parse(&mut arguments)?),
            "test" => Self::Test(test::Options::parse(&mut arguments)?),
            "build" => Self::Build(agent::Options::parse(&mut arguments)?),
            "package" => Self::Package(package::Options::parse(&mut arguments)?),
            "vm" => Self::Vm(vm::Options::parse(&mut arguments)?),
            "doctor" => Self::Doctor,
            "tidy" => Self::Tidy,
            "data" => Self::Data,
            other => bail!("there is no task `{other}`; `cargo xtask --help` lists them"),
        };
        arguments.next()?.map_or(Ok(task), |other| Err(other.unexpected().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Task> {
        Task::parse(Parser::from_args(arguments))
    }

    #[test]
    fn help_is_one_page_for_every_task() {
        for arguments in [&[][..], &["--help"], &["run", "--help"], &["doctor", "-h"]] {
            assert!(matches!(parse(arguments), Ok(Task::Help)), "{arguments:?}");
        }
        assert!(matches!(parse(&["bench", "--help"]), Ok(Task::Bench(_))));
        for task in ["run", "test", "build", "package", "vm", "doctor", "tidy", "data", "bench"] {
            assert!(HELP.contains(&format!("\n  {task} ")), "{task}");
        }
    }

    #[test]
    fn what_nobody_asked_for_is_refused() {
        for arguments in
            [&["fly"][..], &["--fast"], &["doctor", "x"], &["tidy", "--x"], &["data", "x"]]
        {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
