//! The tests of the live kernel: built by whoever starts this, run as root.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{exec, places::Places, root::Root, workspace::Workspace};

/// The programs that the tests are about, and the test programs themselves.
#[derive(Debug)]
pub(crate) struct Built {
    actor: PathBuf,
    tests: Vec<PathBuf>,
}

impl Built {
    /// Another program of the package.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.actor.with_file_name(name)
    }
}

/// Builds the actor, which makes traffic on command, and every test program.
pub(crate) fn build(workspace: &Workspace) -> Result<Built> {
    let target = workspace.target();
    let mut actor = workspace.cargo("build");
    actor.args(["--release", "--package", "e2e", "--bins", "--target-dir"]).arg(&target);
    exec::run(&mut actor)?;

    let mut tests = workspace.cargo("test");
    tests.args(["--package", "e2e", "--no-run", "--message-format=json-render-diagnostics"]);
    tests.arg("--target-dir").arg(&target);
    let tests = executables(&exec::output(&mut tests)?);
    if tests.is_empty() {
        bail!("cargo built no end-to-end test");
    }
    Ok(Built { actor: target.join("release/actor"), tests })
}

/// Runs every test program, one test at a time: they share the kernel and its cgroups.
pub(crate) fn run(
    workspace: &Workspace,
    places: &Places,
    built: &Built,
    filter: Option<&OsStr>,
) -> Result<()> {
    let agent = workspace.agent(true);
    for program in [&agent, &built.actor] {
        if !program.is_file() {
            bail!("{} is not there", program.display());
        }
    }
    for test in &built.tests {
        println!("\n     Running {}", workspace.short(test).display());
        let mut command = command(workspace, places, built, test)?;
        exec::run(command.arg("--test-threads=1").args(filter))?;
    }
    Ok(())
}

/// A program of the package as root, told where everything is.
pub(crate) fn command(
    workspace: &Workspace,
    places: &Places,
    built: &Built,
    program: &Path,
) -> Result<Command> {
    let (agent, objects) = (workspace.agent(true), workspace.objects());
    let package = workspace.root().join("tests");
    let path = places.joined_path();
    let backtrace = std::env::var_os("RUST_BACKTRACE").unwrap_or_else(|| OsString::from("0"));
    let variables: [(&str, &OsStr); 6] = [
        ("SORTIE_BIN", agent.as_os_str()),
        ("SORTIE_EBPF_DIR", objects.as_os_str()),
        ("SORTIE_ACTOR", built.actor.as_os_str()),
        ("CARGO_MANIFEST_DIR", package.as_os_str()),
        ("PATH", &path),
        ("RUST_BACKTRACE", &backtrace),
    ];
    let mut command = Root::here(places).command(program, variables)?;
    command.current_dir(&package);
    Ok(command)
}

/// The test programs among cargo's messages, in cargo's order.
fn executables(messages: &str) -> Vec<PathBuf> {
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_test = message.pointer("/profile/test").and_then(Value::as_bool) == Some(true);
        let path = message.get("executable")?.as_str().filter(|_| is_test)?;
        Some(Path::new(path).to_path_buf())
    };
    messages.lines().filter_map(executable).collect()
}

/// That the tests may run at all, found out before half an hour of building.
pub(crate) fn check_root(places: &Places) -> Result<()> {
    if Root::here(places) == Root::No {
        return Err(anyhow::anyhow!("there is neither sudo nor doas"))
            .context("the end-to-end tests need root; `--no-e2e` leaves them out");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_test_programs_are_run() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","profile":{"test":false},"executable":"/t/actor"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","profile":{"test":true},"executable":"/t/deps/tcp-1"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","profile":{"test":true},"executable":null}"#,
            "\nnot a message\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executables(messages), [PathBuf::from("/t/deps/tcp-1")]);
    }
}
