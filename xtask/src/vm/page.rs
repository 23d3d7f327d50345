//! The page with the sizes, the matrix and the memory, written from what was measured last.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};

use super::{
    kernels::{Machine, matrix},
    verdict::Verdict,
};
use crate::{
    cross::{self, TARGETS},
    workspace::Workspace,
};

/// Where it lies.
const PAGE: &str = "xtask/TARGETS.md";

fn file(workspace: &Workspace, machine: &Machine) -> PathBuf {
    let name = machine.name().replace(':', "-");
    workspace.target().join("vm/results").join(name)
}

/// Keeps what a machine said, for the page.
pub(super) fn keep(
    workspace: &Workspace,
    machine: &Machine,
    lines: &[String],
    took: Duration,
) -> Result<()> {
    let path = file(workspace, machine);
    let explain = || format!("cannot write {}", path.display());
    fs::create_dir_all(path.parent().context("a result lies in a folder")?)
        .with_context(explain)?;
    let text = format!("{}\n{}\n", took.as_secs(), lines.join("\n"));
    fs::write(&path, text).with_context(explain)
}

fn kept(workspace: &Workspace, machine: &Machine) -> Option<Verdict> {
    let text = fs::read_to_string(file(workspace, machine)).ok()?;
    let (seconds, lines) = text.split_once('\n')?;
    let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    Some(Verdict::read(machine.name(), &lines, Duration::from_secs(seconds.parse().ok()?)))
}

/// Writes the page, and says where.
pub(super) fn write(workspace: &Workspace) -> Result<()> {
    let mut sizes = Vec::new();
    for target in TARGETS {
        if let Ok(data) = fs::metadata(cross::agent(workspace, &target)) {
            sizes.push((target, data.len()));
        }
    }
    let rows: String =
        matrix().iter().map(|machine| row(machine, kept(workspace, machine).as_ref())).collect();
    let text = format!(
        "# Targets\n\nWritten by `cargo xtask vm --write`.\n\n\
         ## Sizes\n\nOne static, stripped program with its eBPF programs inside.\n\n{}\n\
         ## Kernels\n\nThe end-to-end cases in emulated machines; after the colon, what is amiss with the \
         machine.\nMemory is the agent's, resident and at its peak, and the kernel's for its maps.\n\n\
         | machine | kernel | verdict | resident | peak | maps |\n|---|---|---|--:|--:|--:|\n{rows}",
        cross::table(&sizes)
    );
    fs::write(workspace.root().join(PAGE), text).with_context(|| format!("cannot write {PAGE}"))?;
    println!("written to {PAGE}");
    Ok(())
}

fn row(machine: &Machine, verdict: Option<&Verdict>) -> String {
    let name = machine.name();
    let Some(verdict) = verdict else {
        return format!("| {name} | | not run | | | |\n");
    };
    let cases = verdict.passed.len() + verdict.failed.len();
    let word = match (&verdict.lost, verdict.is_ok()) {
        (Some(_), _) => "**no verdict**".to_owned(),
        (None, true) => format!("{cases} of {cases} pass"),
        (None, false) => {
            let failed: Vec<&str> = verdict.failed.iter().map(|(case, _)| case.as_str()).collect();
            format!("**failed:** {}", failed.join(", "))
        }
    };
    let memory = verdict.memory.map_or(" | | ".to_owned(), |[now, peak, maps]| {
        format!("{now} KiB | {peak} KiB | {} KiB", maps / 1024)
    });
    format!("| {name} | {} | {word} | {memory} |\n", verdict.release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_failures_by_name() {
        let machine = matrix().remove(0);
        assert_eq!(row(&machine, None), "| x86_64-5.10 | | not run | | | |\n");
        let read = |lines: &[&str]| {
            let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            row(&machine, Some(&Verdict::read(machine.name(), &lines, Duration::ZERO)))
        };
        let text =
            read(&["kernel 5.10.0", "case tcp ok 1 ", "case udp failed 1 x", "verdict failed x"]);
        assert_eq!(text, "| x86_64-5.10 | 5.10.0 | **failed:** udp |  | |  |\n");
        assert!(read(&["kernel 5.10.0", "case tcp ok 1 "]).contains("no verdict"));
    }
}
