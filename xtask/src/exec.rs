//! Other programs, run so that a failure names the command line that failed.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, ErrorKind, IsTerminal as _, Write as _},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// The command as one could type it, with the variables that are set for it.
pub(crate) fn describe(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), quoted(value?))));
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted);
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    // The separator inside CARGO_ENCODED_RUSTFLAGS cannot be typed.
    let word = word.to_string_lossy().replace('\u{1f}', " ");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Runs the command with the terminal as it is; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status =
        command.status().with_context(|| format!("cannot start: {}", describe(command)))?;
    if !status.success() {
        bail!("failed ({status}): {}", describe(command));
    }
    Ok(())
}

/// Says what is about to run, then [`run`]s it.
pub(crate) fn announce(command: &mut Command) -> Result<()> {
    println!("  $ {}", describe(command));
    run(command)
}

/// The standard output of a command that must succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start: {}", describe(command)))?;
    if !output.status.success() {
        bail!("failed ({}): {}", output.status, describe(command));
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("not plain text, the output of: {}", describe(command)))
}

/// The standard output of a command that may be absent or fail: a question, not a step.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A command that failed after it started, with what it wrote to standard error.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The command line and how it ended.
    pub(crate) what: String,
    /// Everything it wrote to standard error, which the user has seen as well.
    pub(crate) stderr: String,
}

/// Runs the command, shows its standard error as it comes and keeps it, to explain a failure by it.
pub(crate) fn watch(command: &mut Command) -> Result<Result<(), Failure>> {
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start: {}", describe(command)))?;
    let mut stderr = String::new();
    if let Some(pipe) = child.stderr.take() {
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).context("cannot read standard error")? > 0 {
            let text = String::from_utf8_lossy(&line);
            eprint!("{text}");
            stderr.push_str(&text);
            line.clear();
        }
    }
    let status = child.wait().with_context(|| format!("lost: {}", describe(command)))?;
    if status.success() {
        return Ok(Ok(()));
    }
    Ok(Err(Failure { what: format!("failed ({status}): {}", describe(command)), stderr }))
}

/// Shows a text. A reader that has seen enough, such as `head`, is no failure.
pub(crate) fn show(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write"),
        _ => Ok(()),
    }
}

/// Cargo's `--color` for a command whose standard error goes through [`watch`].
pub(crate) fn color() -> &'static str {
    if std::io::stderr().is_terminal() { "--color=always" } else { "--color=auto" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_line() {
        let error = run(Command::new("sh").args(["-c", "exit 3"]).env("A", "b c"))
            .map_err(|error| error.to_string());
        assert_eq!(error, Err("failed (exit status: 3): A='b c' sh -c 'exit 3'".to_owned()));
    }

    #[test]
    fn an_absent_program_is_no_answer() {
        assert_eq!(ask(&mut Command::new("/nonexistent/program")), None);
        assert_eq!(ask(&mut Command::new("false")), None);
        assert_eq!(ask(Command::new("echo").arg("yes")), Some("yes\n".to_owned()));
    }

    #[test]
    fn what_a_command_complains_about_is_kept() -> Result<()> {
        let failure = watch(Command::new("sh").args(["-c", "echo why >&2; exit 1"]))?;
        assert_eq!(failure.map_err(|failure| failure.stderr), Err("why\n".to_owned()));
        assert!(watch(&mut Command::new("true"))?.is_ok());
        Ok(())
    }
}
