//! `cargo xtask`: sets Sortie up, builds it, runs it, tests it and measures it.
//!
//! One task is one module; [`toolchain`] says what is there, [`install`] gets what is missing.

mod agent;
mod apt;
mod bench;
mod cross;
mod data;
mod doctor;
mod e2e;
mod ebpf;
mod exec;
mod install;
mod linker;
mod package;
mod places;
mod root;
mod run;
mod source;
mod task;
mod test;
mod tidy;
mod toolchain;
mod tools;
mod vm;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use lexopt::Parser;

use crate::task::Task;

fn perform(task: Task) -> Result<ExitCode> {
    match task {
        Task::Help => exec::show(task::HELP)?,
        Task::Run(options) => run::run(&options)?,
        Task::Test(options) => test::run(&options)?,
        Task::Build(options) => agent::run(&options)?,
        Task::Package(options) => package::run(&options)?,
        Task::Vm(options) => vm::run(&options)?,
        Task::Doctor => return doctor::run(),
        Task::Tidy => tidy::run()?,
        Task::Data => data::run()?,
        Task::Bench(arguments) => bench::run(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    Task::parse(Parser::from_env()).and_then(perform).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        error.chain().skip(1).for_each(|cause| eprintln!("because: {cause}"));
        ExitCode::FAILURE
    })
}
