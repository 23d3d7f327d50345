//! The task `doctor`: what is there, and the command for what is not.

use std::process::ExitCode;

use anyhow::Result;

use crate::{
    apt::Apt,
    cross::{self, TARGETS},
    exec,
    install::{
        Step, by_hand_compiler, by_hand_linker, ways_to_a_compiler, ways_to_a_linker, ways_to_a_std,
    },
    linker,
    places::Places,
    root::Root,
    toolchain,
    tools::TOOLS,
    vm,
    workspace::{Workspace, own_cargo},
};

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    part: &'static str,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Found(String),
    /// Why it does not count as there, and the commands that bring it.
    Missing {
        why: String,
        commands: Vec<String>,
    },
}

impl Row {
    fn found(part: &'static str, what: String) -> Self {
        Self { part, state: State::Found(what) }
    }

    fn missing(part: &'static str, why: impl Into<String>, commands: Vec<String>) -> Self {
        Self { part, state: State::Missing { why: why.into(), commands } }
    }

    fn is_found(&self) -> bool {
        matches!(self.state, State::Found(_))
    }

    fn text(&self) -> String {
        match &self.state {
            State::Found(what) => format!("  {:<14} {what}\n", self.part),
            State::Missing { why, commands } => {
                let command = |command: &String| format!("  {:<14}   {command}\n", "");
                let commands: String = commands.iter().map(command).collect();
                format!("  {:<14} MISSING: {why}\n{commands}", self.part)
            }
        }
    }
}

/// Prints the table; success if `cargo xtask run` would install nothing.
pub(crate) fn run() -> Result<ExitCode> {
    let places = Places::of_this_machine();
    let needed = for_running(&places)?;
    let workspace = Workspace::find()?;
    let tested = for_testing(&places, &workspace);
    let crossed = for_other_devices(&places, &workspace);
    let booted = for_other_kernels(&places);
    let text = |rows: &[Row]| rows.iter().map(Row::text).collect::<String>();
    exec::show(&format!(
        "For `cargo xtask run`, which installs what is missing:\n{}\n\
         For `cargo xtask test` besides:\n{}\n\
         For `cargo xtask build --target`, which installs what is missing:\n{}\n\
         For `cargo xtask vm`, which does so as well:\n{}\n\
         What this kernel offers: `target/release/sortie check`, once it is built.\n",
        text(&needed),
        text(&tested),
        text(&crossed),
        text(&booted)
    ))?;
    let complete = needed.iter().all(Row::is_found);
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn for_running(places: &Places) -> Result<Vec<Row>> {
    let root = Root::here(places);
    let apt = Apt::find(places);
    let mut rows = Vec::new();
    rows.push(match exec::ask(std::process::Command::new(own_cargo()).arg("--version")) {
        Some(version) => Row::found("cargo", version.trim().to_owned()),
        None => Row::missing("cargo", "it does not run", vec!["https://rustup.rs".to_owned()]),
    });

    let compiler = toolchain::compiler(places)?;
    rows.push(match &compiler {
        Some(compiler) => Row::found("eBPF compiler", compiler.describe()),
        None => Row::missing(
            "eBPF compiler",
            "no rustc here can build for BPF",
            first_way(&ways_to_a_compiler(places, apt.as_ref()), &root, by_hand_compiler),
        ),
    });

    // Without the compiler, the one that builds the rest tells which LLVM it will be about.
    let llvm = compiler.as_ref().map(|compiler| compiler.llvm);
    let llvm = llvm.or_else(|| toolchain::host_llvm(places)).unwrap_or_default();
    let usable = match &compiler {
        Some(compiler) => linker::bpf_linker(places, compiler),
        None => Err("its LLVM has to fit the compiler's".to_owned()),
    };
    let is_usable = usable.is_ok();
    rows.push(match usable {
        Ok(linker) => Row::found("bpf-linker", linker.describe()),
        Err(why) => {
            let ways = ways_to_a_linker(places, apt.as_ref(), llvm);
            let commands = first_way(&ways, &root, || by_hand_linker(places, llvm));
            Row::missing("bpf-linker", why, commands)
        }
    });
    if let Some(llvm) = linker::llvm(places, llvm).filter(|_| !is_usable) {
        let what = format!("LLVM {} in {}", llvm.major, llvm.prefix.display());
        rows.push(Row::found("LLVM", what));
    }
    if let Some(compiler) = &compiler {
        let objcopy = linker::objcopy(places, compiler).map_or_else(
            || "none: the objects keep their debug sections, and work".to_owned(),
            |path| path.display().to_string(),
        );
        rows.push(Row::found("llvm-objcopy", objcopy));
    }
    rows.push(match &root {
        Root::Already => Row::found("root", "this is root".to_owned()),
        Root::Through(program) => Row::found("root", program.display().to_string()),
        Root::No => Row::missing(
            "root",
            "the agent needs it to attach its programs",
            vec!["run this as root, or install sudo".to_owned()],
        ),
    });
    Ok(rows)
}

fn for_testing(places: &Places, workspace: &Workspace) -> Vec<Row> {
    let root = Root::here(places);
    let tools = TOOLS.iter().map(|tool| {
        let command = || Step::Apt(vec![tool.package.to_owned()]).describe(&root);
        places.program(tool.program).map_or_else(
            || Row::missing(tool.program, tool.why, vec![command()]),
            |path| Row::found(tool.program, path.display().to_string()),
        )
    });
    let components = [("fmt", "rustfmt"), ("clippy", "clippy")].map(|(command, component)| {
        match exec::ask(workspace.cargo(command).arg("--version")) {
            Some(version) => Row::found(component, version.trim().to_owned()),
            None => Row::missing(
                component,
                "its check is skipped",
                vec![format!("rustup component add {component}")],
            ),
        }
    });
    tools.chain(components).collect()
}

fn for_other_devices(places: &Places, workspace: &Workspace) -> Vec<Row> {
    let root = Root::here(places);
    let apt = Apt::find(places);
    let mut needs_zig = false;
    let mut rows: Vec<Row> = TARGETS
        .iter()
        .map(|target| {
            if let Some(builder) = cross::builder(places, target) {
                needs_zig |= builder.needs_zig();
                return Row::found(target.arch(), builder.describe());
            }
            let ways = ways_to_a_std(places, apt.as_ref(), target);
            let why = format!("no compiler here builds for {}", target.triple);
            Row::missing(target.arch(), why, first_way(&ways, &root, by_hand_compiler))
        })
        .collect();
    if needs_zig {
        rows.push(match cross::zig(workspace) {
            Some(zig) => Row::found("zig", workspace.short(&zig).display().to_string()),
            None => Row::missing(
                "zig",
                "it links where Rust has no C library",
                cross::zig_commands(workspace),
            ),
        });
    }
    rows
}

fn for_other_kernels(places: &Places) -> Vec<Row> {
    let root = Root::here(places);
    let row = |(program, package): (&'static str, &str)| {
        let command = || Step::Apt(vec![package.to_owned()]).describe(&root);
        places.program(program).map_or_else(
            || Row::missing(program, "emulated machines take it", vec![command()]),
            |path| Row::found(program, path.display().to_string()),
        )
    };
    vm::programs().into_iter().map(row).collect()
}

/// The commands of the best way, or what to do by hand.
fn first_way(ways: &[Vec<Step>], root: &Root, by_hand: impl FnOnce() -> String) -> Vec<String> {
    match ways.first() {
        Some(way) => way.iter().map(|step| step.describe(root)).collect(),
        None => vec![by_hand()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::fake::Machine;

    #[test]
    fn a_bare_machine_gets_a_command_for_everything() -> Result<()> {
        let machine = Machine::new("doctor")?;
        let rows = for_running(&machine.places())?;
        for part in ["eBPF compiler", "bpf-linker"] {
            let row = rows.iter().find(|row| row.part == part);
            let commands = match row.map(|row| &row.state) {
                Some(State::Missing { commands, .. }) => commands.len(),
                _ => 0,
            };
            assert_eq!(commands, 1, "{part}");
        }
        let crossed = for_other_devices(&machine.places(), &Workspace::find()?);
        assert_eq!(crossed.iter().filter(|row| !row.is_found()).count(), TARGETS.len());
        let booted = for_other_kernels(&machine.places());
        assert_eq!(booted.iter().filter(|row| !row.is_found()).count(), vm::programs().len());
        let tested = for_testing(&machine.places(), &Workspace::find()?);
        assert_eq!(tested.iter().filter(|row| !row.is_found()).count(), TOOLS.len());
        Ok(())
    }
}
