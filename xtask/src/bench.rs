//! The task `bench`: what watching costs.

use anyhow::{Context as _, Result};
use lexopt::Parser;

use crate::{agent, e2e, ebpf, exec, install::Installer, places::Places, workspace::Workspace};

/// Builds everything optimised and measures; the arguments are those of the program `bench` of the package
/// `e2e`. The page goes to `BENCHMARKS.md`, unless the measurement is a quick one.
pub(crate) fn run(mut arguments: Parser) -> Result<()> {
    let workspace = Workspace::find()?;
    let places = Places::of_this_machine();
    println!("Sortie: builds everything optimised, and measures as root what watching costs.");
    e2e::check_root(&places)?;
    let mut installer = Installer::new(&places, &workspace);
    let kit = installer.kit()?;
    installer.tools()?;
    ebpf::build(&workspace, &kit, &ebpf::ALL)?;
    agent::build(&workspace, true, ebpf::DEFAULT)?;
    let built = e2e::build(&workspace)?;
    let arguments: Vec<_> = arguments.raw_args().context("no arguments can be read")?.collect();
    let page = workspace.root().join("BENCHMARKS.md");
    let mut command = e2e::command(&workspace, &places, &built, &built.beside("bench"))?;
    command.args(&arguments);
    if !arguments.iter().any(|argument| argument == "--quick" || argument == "--to") {
        command.arg("--to").arg(&page);
    }
    exec::run(&mut command)
}
