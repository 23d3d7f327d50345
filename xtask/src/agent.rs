//! The task `build`: the eBPF objects, and the agent that carries one of them.

use std::path::PathBuf;

use anyhow::{Result, bail};
use lexopt::{Arg, Parser};

use crate::{
    ebpf::{self, Object},
    exec,
    install::Kit,
    places::Places,
    workspace::Workspace,
};

/// What is to be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    release: bool,
    percpu: bool,
    objects: bool,
}

impl Options {
    pub(crate) fn parse(arguments: &mut Parser) -> Result<Self> {
        let mut options = Self { release: true, percpu: false, objects: false };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("release") => options.release = true,
                Arg::Long("debug") => options.release = false,
                Arg::Long("percpu") => options.percpu = true,
                Arg::Long("objects") => options.objects = true,
                other => return Err(other.unexpected().into()),
            }
        }
        if options.objects && (options.percpu || !options.release) {
            bail!(
                "--objects builds every object and no agent: --percpu and --debug don't go with it"
            );
        }
        Ok(options)
    }
}

/// Builds what the options say, and installs nothing.
pub(crate) fn run(options: Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let kit = Kit::find(&Places::of_this_machine())?;
    if options.objects {
        return ebpf::build(&workspace, &kit, &ebpf::ALL);
    }
    let object = if options.percpu { ebpf::PERCPU } else { ebpf::DEFAULT };
    ebpf::build(&workspace, &kit, &[object])?;
    let agent = build(&workspace, options.release, object)?;
    println!("  {}", workspace.short(&agent).display());
    Ok(())
}

/// Builds the agent around an object that is there, and tells where it lies.
pub(crate) fn build(workspace: &Workspace, release: bool, object: Object) -> Result<PathBuf> {
    let mut cargo = workspace.cargo("build");
    cargo.args(["--package", "monitor", "--bin", "sortie", "--target-dir"]).arg(workspace.target());
    if release {
        cargo.arg("--release");
    }
    if object == ebpf::DEFAULT {
        // The build script finds it by itself. Named, it would be built anew by every plain `cargo
        // build` after this one, and by this one again.
        cargo.env_remove("SORTIE_EBPF_OBJECT");
    } else {
        cargo.env("SORTIE_EBPF_OBJECT", object.path(workspace));
    }
    exec::run(&mut cargo)?;
    Ok(workspace.agent(release))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Option<Options> {
        Options::parse(&mut Parser::from_args(arguments)).ok()
    }

    #[test]
    fn the_default_is_an_optimised_agent() {
        let default = Options { release: true, percpu: false, objects: false };
        assert_eq!(parse(&[]), Some(default));
        assert_eq!(parse(&["--debug"]), Some(Options { release: false, ..default }));
        assert_eq!(parse(&["--percpu"]), Some(Options { percpu: true, ..default }));
        assert_eq!(parse(&["--objects", "--percpu"]), None);
        assert_eq!(parse(&["--fast"]), None);
    }
}
