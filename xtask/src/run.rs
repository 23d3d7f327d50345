//! The task `run`: from a fresh clone to a running agent.

use std::{ffi::OsString, os::unix::process::CommandExt as _};

use anyhow::{Context as _, Result, bail};
use lexopt::Parser;

use crate::{
    agent, ebpf, exec, install::Installer, places::Places, root::Root, workspace::Workspace,
};

/// What the agent is started with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    arguments: Vec<OsString>,
}

impl Options {
    pub(crate) fn parse(parser: &mut Parser) -> Result<Self> {
        // lexopt takes `--` away by itself; what does not follow it belongs to this task.
        let after = parser
            .try_raw_args()
            .is_some_and(|raw| raw.as_slice().first().is_some_and(|first| first == "--"));
        if after {
            return Ok(Self { arguments: parser.raw_args()?.skip(1).collect() });
        }
        match parser.next()? {
            None => Ok(Self { arguments: Vec::new() }),
            Some(other) => Err(anyhow::Error::from(other.unexpected()))
                .context("the agent's own arguments come after `--`"),
        }
    }
}

/// Installs, builds, starts. Returns only if the agent could not be started.
pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let places = Places::of_this_machine();
    println!(
        "Sortie: builds the eBPF programs and the agent, installing what that takes, and starts it."
    );
    let root = Root::here(&places);
    if root == Root::No {
        bail!("the agent needs root, and there is neither sudo nor doas: run this as root");
    }
    let kit = Installer::new(&places, &workspace).kit()?;
    ebpf::build(&workspace, &kit, &[ebpf::DEFAULT])?;
    let program = agent::build(&workspace, true, ebpf::DEFAULT)?;

    let short = workspace.short(&program).display();
    println!("  agent       {short}");
    println!();
    println!("Metrics       http://127.0.0.1:9917/metrics");
    println!("Live table    {}{short} top", root.prefix());
    println!("End it        Ctrl-C");
    println!();
    if root != Root::Already {
        println!("Root's rights are needed to attach the programs to the kernel.");
    }
    let mut agent = root.command(&program, [])?;
    agent.arg("run").args(&options.arguments);
    // In this place, so that Ctrl-C and the exit code are the agent's.
    let error = agent.exec();
    Err(error).with_context(|| format!("cannot start: {}", exec::describe(&agent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Option<Vec<OsString>> {
        Options::parse(&mut Parser::from_args(arguments)).ok().map(|options| options.arguments)
    }

    #[test]
    fn the_agent_s_arguments_follow_two_dashes() {
        assert_eq!(parse(&[]), Some(Vec::new()));
        assert_eq!(parse(&["--"]), Some(Vec::new()));
        let passed = ["--config", "--", "x"].map(OsString::from).to_vec();
        assert_eq!(parse(&["--", "--config", "--", "x"]), Some(passed));
        assert_eq!(parse(&["--config"]), None);
        assert_eq!(parse(&["x", "--", "y"]), None);
    }
}
