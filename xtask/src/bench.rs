//! The task `bench`: what watching costs.

use std::{fmt::Write as _, fs, process::Command};

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::{
    agent, e2e, ebpf, exec, install::Installer, places::Places, root::Root, task,
    workspace::Workspace,
};

/// The page with the results, at the top of the workspace.
const PAGE: &str = "BENCHMARKS.md";

/// How much to measure.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    quick: bool,
    rounds: Option<u32>,
    run_times: bool,
}

impl Options {
    /// None when only help is asked for.
    fn parse(arguments: &mut Parser) -> Result<Option<Self>> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Short('h') | Arg::Long("help") => return Ok(None),
                Arg::Long("quick") => options.quick = true,
                Arg::Long("run-times") => options.run_times = true,
                Arg::Long("rounds") => options.rounds = Some(arguments.value()?.parse()?),
                other => return Err(other.unexpected().into()),
            }
        }
        if options.rounds == Some(0) {
            bail!("--rounds 0 measures nothing");
        }
        Ok(Some(options))
    }

    /// The arguments of the program that measures.
    fn words(&self) -> Vec<String> {
        let flags = [("--quick", self.quick), ("--run-times", self.run_times)];
        let mut words: Vec<_> =
            flags.iter().filter(|flag| flag.1).map(|flag| flag.0.to_owned()).collect();
        if let Some(rounds) = self.rounds {
            words.extend(["--rounds".to_owned(), rounds.to_string()]);
        }
        words
    }

    /// Whether the results are good enough to be kept.
    fn is_kept(&self) -> bool {
        !self.quick && !self.run_times
    }
}

/// Builds everything optimised and measures, by the program `bench` of the package `e2e`. The page is
/// written here and not by that program, which runs as root: the file is the user's.
pub(crate) fn run(mut arguments: Parser) -> Result<()> {
    let Some(options) = Options::parse(&mut arguments)? else {
        return exec::show(task::HELP);
    };
    let workspace = Workspace::find()?;
    let places = Places::of_this_machine();
    // Found out before anything is built.
    if Root::here(&places) == Root::No {
        bail!("measuring needs root, and there is neither sudo nor doas: run this as root");
    }
    println!("Sortie: builds everything optimised, and measures as root what watching costs.");
    let mut installer = Installer::new(&places, &workspace);
    let kit = installer.kit()?;
    installer.tools()?;
    ebpf::build(&workspace, &kit, &ebpf::ALL)?;
    agent::build(&workspace, true, ebpf::DEFAULT)?;
    let built = e2e::build(&workspace)?;
    let mut command = e2e::command(&workspace, &places, &built, &built.beside("bench"))?;
    let mut page = exec::output(command.args(options.words()))?;
    if !options.run_times {
        page.push_str(&parsing(&exec::output(&mut parsers(&workspace))?)?);
    }
    exec::show(&page)?;
    if options.is_kept() {
        let path = workspace.root().join(PAGE);
        fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
        println!("\nwritten to {PAGE}");
    }
    Ok(())
}

/// The benchmark of what is parsed. It needs neither root nor a kernel.
fn parsers(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo("bench");
    cargo.args(["--package", "monitor", "--bench", "hello", "--target-dir"]);
    cargo.arg(workspace.target());
    cargo
}

/// The section on what its rows say: four columns each.
fn parsing(rows: &str) -> Result<String> {
    let mut page = String::from(
        "## Parsing\n\nNanoseconds each, in the agent's own build: the median of 15 rounds of 100. \
         Names are found in a memory that is full.\n\n| what | bytes | pieces | ns |\n|---|---|---|---|\n",
    );
    for row in rows.lines().filter(|row| !row.is_empty()) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [what, bytes, pieces, ns] = cells[..] else {
            bail!("the benchmark of the parsers says: {row}");
        };
        let shown = |number| if number == "0" { "" } else { number };
        let _ = writeln!(page, "| {what} | {} | {} | {ns} |", shown(bytes), shown(pieces));
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parsers_take_becomes_a_table() -> Result<()> {
        let page =
            parsing("TLS, classic |   517 | 1 |    900\na name       |     0 | 0 |     80\n")?;
        let rows: Vec<&str> = page.lines().rev().take(2).collect();
        assert_eq!(rows, ["| a name |  |  | 80 |", "| TLS, classic | 517 | 1 | 900 |"]);
        assert!(parsing("no table").is_err());
        Ok(())
    }

    fn parse(arguments: &[&str]) -> Result<Option<Options>> {
        Options::parse(&mut Parser::from_args(arguments))
    }

    #[test]
    fn only_a_full_measurement_is_kept() -> Result<()> {
        let full = parse(&["--rounds", "9"])?.context("not help")?;
        assert!(full.is_kept());
        assert_eq!(full.words(), ["--rounds", "9"]);
        let quick = parse(&["--quick"])?.context("not help")?;
        assert!(!quick.is_kept());
        assert_eq!(quick.words(), ["--quick"]);
        Ok(())
    }

    #[test]
    fn a_wrong_option_is_found_before_anything_is_built() -> Result<()> {
        assert_eq!(parse(&["--help"])?, None);
        for arguments in [&["--qick"][..], &["--rounds"], &["--rounds", "0"], &["--rounds", "x"]] {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
        Ok(())
    }
}
