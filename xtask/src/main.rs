//! `cargo xtask`: sets Sortie up, builds it, runs it, tests it and measures it.
//!
//! One task is one module; [`toolchain`] says what is there, [`install`] gets what is missing.

mod agent;
mod apt;
mod bench;
mod doctor;
mod e2e;
mod ebpf;
mod exec;
mod install;
mod linker;
mod places;
mod root;
mod run;
mod source;
mod test;
mod tidy;
mod toolchain;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser};

const HELP: &str = "\
Sortie's tasks.

Usage: cargo xtask <TASK>

  run [-- ARGS]             install what is missing, build, and start the agent (ARGS go to `sortie run`)
  test [--no-e2e] [FILTER]  install what is missing, build, and run every test
      --no-e2e                leave out the tests that need root and a live kernel
      FILTER                  only the tests whose name contains this; no formatting, lints or tidy
  build [OPTIONS]           build the eBPF programs, then the agent that carries them
      --release               an optimised agent in target/release (this is the default)
      --debug                 an agent with debug information in target/debug
      --percpu                the programs without BPF atomics, for 32-bit Arm
      --objects               every eBPF object, and no agent
  doctor                    show what is there, and for what is missing the command that installs it
  tidy                      check the rules of the house that the compiler does not know
  bench [ARGS]              measure the cost of watching

Nothing but `run` and `test` installs anything. Only installing packages, starting the agent and
the tests of the live kernel use root's rights: as root directly, otherwise through sudo or doas.

Environment:
  SORTIE_EBPF_RUSTC    the compiler for the eBPF programs, instead of the best one found
  SORTIE_BPF_LINKER    the bpf-linker to use, instead of the one in PATH or cargo's bin folder
";

/// What the user asks for.
enum Task {
    Help,
    Run(run::Options),
    Test(test::Options),
    Build(agent::Options),
    Doctor,
    Tidy,
    Bench(Parser),
}

impl Task {
    fn parse(mut arguments: Parser) -> Result<Self> {
        let task = match arguments.next()? {
            None | Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Self::Help),
            Some(Arg::Value(name)) => name,
            Some(other) => return Err(other.unexpected().into()),
        };
        let task = match task.to_str().context("a task's name is plain text")? {
            "help" => Self::Help,
            "run" => Self::Run(run::Options::parse(&mut arguments)?),
            "test" => Self::Test(test::Options::parse(&mut arguments)?),
            "build" => Self::Build(agent::Options::parse(&mut arguments)?),
            "doctor" => Self::Doctor,
            "tidy" => Self::Tidy,
            "bench" => return Ok(Self::Bench(arguments)),
            other => bail!("there is no task `{other}`; `cargo xtask --help` lists them"),
        };
        match arguments.next()? {
            None => Ok(task),
            Some(Arg::Short('h') | Arg::Long("help")) => Ok(Self::Help),
            Some(other) => Err(other.unexpected().into()),
        }
    }

    fn perform(self) -> Result<ExitCode> {
        match self {
            Self::Help => exec::show(HELP)?,
            Self::Run(options) => run::run(&options)?,
            Self::Test(options) => test::run(&options)?,
            Self::Build(options) => agent::run(options)?,
            Self::Doctor => return doctor::run(),
            Self::Tidy => tidy::run()?,
            Self::Bench(arguments) => bench::run(arguments)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn main() -> ExitCode {
    match Task::parse(Parser::from_env()).and_then(Task::perform) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
