//! The task `test`: everything that must hold, and what to install for it.

use std::{
    ffi::OsString,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use lexopt::{Arg, Parser};

use crate::{
    agent, e2e, ebpf, exec,
    install::{Installer, Kit},
    places::Places,
    tidy, vm,
    workspace::Workspace,
};

/// Which tests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    e2e: bool,
    filter: Option<OsString>,
}

impl Options {
    pub(crate) fn parse(arguments: &mut Parser) -> Result<Self> {
        let mut options = Self { e2e: true, filter: None };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("no-e2e") => options.e2e = false,
                Arg::Value(filter) if options.filter.is_none() => options.filter = Some(filter),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

/// The steps that were taken, and how long each took.
#[derive(Debug, Default)]
struct Report {
    lines: Vec<String>,
}

impl Report {
    /// Takes a step; the first that fails ends the task, with what went well before it.
    fn step(&mut self, name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n== {name}");
        let started = Instant::now();
        match step() {
            Ok(()) => {
                self.note("ok", name, Some(started.elapsed()));
                Ok(())
            }
            Err(error) => {
                self.note("FAILED", name, Some(started.elapsed()));
                self.print();
                Err(error.context(format!("{name} failed")))
            }
        }
    }

    fn skip(&mut self, name: &str, reason: &str) {
        self.note("skipped", &format!("{name}: {reason}"), None);
    }

    fn note(&mut self, verdict: &str, what: &str, took: Option<Duration>) {
        let took = took.map(|took| format!(" ({:.1} s)", took.as_secs_f64())).unwrap_or_default();
        self.lines.push(format!("{verdict:<8} {what}{took}"));
    }

    fn print(&self) {
        println!("\n== summary");
        for line in &self.lines {
            println!("{line}");
        }
    }
}

/// Runs the tests, cheapest first as far as one needs another's result.
pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let places = Places::of_this_machine();
    let mut report = Report::default();
    let rest = if options.e2e { ", the live kernel's included (as root)" } else { "" };
    println!("Sortie: builds everything, installing what that takes, and runs the tests{rest}.");

    if options.e2e {
        e2e::check_root(&places)?;
        let mut kit = None;
        report.step("what building and testing take", || {
            let mut installer = Installer::new(&places, &workspace);
            kit = Some(installer.kit()?);
            installer.tools()
        })?;
        let kit = kit.context("the kit was found")?;
        report.step("eBPF objects", || ebpf::build(&workspace, &kit, &ebpf::ALL))?;
    } else {
        match Kit::find(&places) {
            Ok(kit) => {
                report.step("eBPF objects", || ebpf::build(&workspace, &kit, &ebpf::ALL))?;
            }
            Err(error) => report.skip("eBPF objects", &error.to_string()),
        }
    }
    if options.filter.is_none() {
        check_source(&workspace, &mut report)?;
    }
    report.step("tests without a kernel", || {
        let mut cargo = workspace.cargo("test");
        cargo.args(["--workspace", "--exclude", "e2e", "--target-dir"]).arg(workspace.target());
        cargo.arg("--").args(&options.filter);
        exec::run(&mut cargo)
    })?;
    if options.e2e {
        report.step("tests of the live kernel", || {
            agent::build(&workspace, true, ebpf::DEFAULT)?;
            let built = e2e::build(&workspace)?;
            e2e::run(&workspace, &places, &built, options.filter.as_deref())
        })?;
    } else {
        report.skip("tests of the live kernel", "--no-e2e");
    }
    machines("other kernels", &vm::Options::fast(), options, &places, &mut report)?;
    machines("phones and a router", &vm::Options::devices(), options, &places, &mut report)?;
    report.print();
    println!("\nAll of it passed.");
    Ok(())
}

/// Emulated machines: two kernels of another age and architecture; phones and a router.
fn machines(
    name: &str,
    which: &vm::Options,
    options: &Options,
    places: &Places,
    report: &mut Report,
) -> Result<()> {
    if !options.e2e || options.filter.is_some() {
        report.skip(name, "only without --no-e2e and a filter");
    } else if places.program("apt-get").is_none() {
        report.skip(name, "they come from Debian, and there is no apt-get here");
    } else {
        // Kernels, emulators and a linker come from three places beside this machine. Where one of them
        // cannot be had, that is said, and is no fault of the machines.
        match vm::prepare(which) {
            Ok(()) => report.step(name, || vm::run(which))?,
            Err(error) => report.skip(name, &format!("{error:#}")),
        }
    }
    Ok(())
}

/// What can be said without running anything: form, lints, the rules of the house.
fn check_source(workspace: &Workspace, report: &mut Report) -> Result<()> {
    report.step("tidy", || tidy::check(workspace))?;
    let mut lint = |name: &str, command: &str, component: &str, arguments: &[&str]| {
        if exec::ask(workspace.cargo(command).arg("--version")).is_none() {
            report.skip(name, &format!("`rustup component add {component}` brings it"));
            return Ok(());
        }
        report.step(name, || {
            let mut cargo = workspace.cargo(command);
            if command == "clippy" {
                cargo.arg("--target-dir").arg(workspace.target());
            }
            exec::run(cargo.args(arguments))
        })
    };
    lint("formatting", "fmt", "rustfmt", &["--all", "--check"])?;
    let clippy = ["--workspace", "--all-targets", "--", "-D", "warnings"];
    lint("lints", "clippy", "clippy", &clippy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_filter_at_most() {
        let parse = |arguments: &[&str]| Options::parse(&mut Parser::from_args(arguments)).ok();
        assert_eq!(parse(&[]), Some(Options { e2e: true, filter: None }));
        let filtered = Options { e2e: false, filter: Some("tcp".into()) };
        assert_eq!(parse(&["--no-e2e", "tcp"]), Some(filtered));
        assert_eq!(parse(&["tcp", "udp"]), None);
        assert_eq!(parse(&["--e2e"]), None);
    }

    #[test]
    fn the_first_failure_ends_it_and_is_named() {
        let mut report = Report::default();
        assert!(report.step("first", || Ok(())).is_ok());
        let error = report.step("second", || anyhow::bail!("why")).map_err(|e| format!("{e:#}"));
        assert_eq!(error, Err("second failed: why".to_owned()));
        let verdicts: Vec<_> =
            report.lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(verdicts, ["ok", "FAILED"]);
    }
}
