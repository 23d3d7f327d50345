//! Root's rights, where a step needs them.

use std::{
    ffi::OsStr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::{exec, places::Places};

/// How this process comes by root's rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Root {
    /// It has them.
    Already,
    /// Through sudo or doas, which may ask for a password.
    Through(PathBuf),
    /// Not at all.
    No,
}

impl Root {
    /// How it is for the user who runs this.
    pub(crate) fn here(places: &Places) -> Self {
        // The owner of /proc/self is the effective user of this process.
        let is_root = Path::new("/proc/self").metadata().is_ok_and(|data| data.uid() == 0);
        Self::of(places, is_root)
    }

    fn of(places: &Places, is_root: bool) -> Self {
        if is_root {
            return Self::Already;
        }
        ["sudo", "doas"]
            .iter()
            .find_map(|name| places.program(name))
            .map_or(Self::No, Self::Through)
    }

    /// What to write before a command that needs root.
    pub(crate) fn prefix(&self) -> String {
        match self {
            Self::Already => String::new(),
            Self::Through(program) => {
                let name = program.file_name().unwrap_or(program.as_os_str());
                format!("{} ", name.to_string_lossy())
            }
            Self::No => "sudo ".to_owned(),
        }
    }

    /// `program` with its variables, as root. Sudo may refuse to pass variables on; `env` does not.
    pub(crate) fn command<'a>(
        &self,
        program: &Path,
        variables: impl IntoIterator<Item = (&'a str, &'a OsStr)>,
    ) -> Result<Command> {
        let mut variables = variables.into_iter().peekable();
        match self {
            Self::Already => {
                let mut command = Command::new(program);
                command.envs(variables);
                Ok(command)
            }
            Self::Through(through) => {
                let mut command = Command::new(through);
                if variables.peek().is_some() {
                    command.arg("env");
                }
                for (name, value) in variables {
                    let mut pair = std::ffi::OsString::from(name);
                    pair.push("=");
                    pair.push(value);
                    command.arg(pair);
                }
                command.arg(program);
                Ok(command)
            }
            Self::No => {
                let what = exec::describe(&Command::new(program));
                bail!("{what} needs root, and there is neither sudo nor doas: run this as root")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::fake::Machine;

    fn line(root: &Root) -> Option<String> {
        let variables = [("A", OsStr::new("b"))];
        root.command(Path::new("prog"), variables).ok().map(|command| exec::describe(&command))
    }

    #[test]
    fn root_needs_no_help_and_others_take_what_there_is() -> Result<()> {
        let machine = Machine::new("root")?;
        let places = machine.places();
        assert_eq!(line(&Root::of(&places, true)), Some("A=b prog".to_owned()));
        assert_eq!(line(&Root::of(&places, false)), None);
        let doas = machine.script("usr/bin/doas", "true")?;
        let root = Root::of(&places, false);
        assert_eq!(line(&root), Some(format!("{} env A=b prog", doas.display())));
        assert_eq!(root.prefix(), "doas ");
        Ok(())
    }
}
