//! The task `build`: the eBPF objects, and the agent that carries one of them.

use std::path::PathBuf;

use anyhow::{Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::{
    cross::{self, TARGETS, Target},
    ebpf::{self, Object},
    exec,
    install::Kit,
    places::Places,
    workspace::Workspace,
};

/// What is to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    release: bool,
    percpu: bool,
    objects: bool,
    /// Other devices to build for, instead of this machine.
    targets: Vec<Target>,
}

impl Options {
    pub(crate) fn parse(arguments: &mut Parser) -> Result<Self> {
        let mut options =
            Self { release: true, percpu: false, objects: false, targets: Vec::new() };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("release") => options.release = true,
                Arg::Long("debug") => options.release = false,
                Arg::Long("percpu") => options.percpu = true,
                Arg::Long("objects") => options.objects = true,
                Arg::Long("target") => {
                    options.targets.push(Target::named(&arguments.value()?.string()?)?);
                }
                Arg::Long("all") => options.targets = TARGETS.to_vec(),
                other => return Err(other.unexpected().into()),
            }
        }
        if options.objects && (options.percpu || !options.release) {
            bail!(
                "--objects builds every object and no agent: --percpu and --debug don't go with it"
            );
        }
        if !options.targets.is_empty() && (options.percpu || options.objects || !options.release) {
            bail!("--target and --all say everything: no other option goes with them");
        }
        Ok(options)
    }
}

/// Builds what the options say. For this machine it installs nothing.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !options.targets.is_empty() {
        let sizes = cross::build(&options.targets)?;
        return exec::show(&format!("\n{}", cross::table(&sizes)));
    }
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
        let default = Options { release: true, percpu: false, objects: false, targets: Vec::new() };
        assert_eq!(parse(&[]), Some(default.clone()));
        assert_eq!(parse(&["--debug"]), Some(Options { release: false, ..default.clone() }));
        assert_eq!(parse(&["--percpu"]), Some(Options { percpu: true, ..default.clone() }));
        let all = Some(Options { targets: TARGETS.to_vec(), ..default.clone() });
        assert_eq!(parse(&["--all"]), all);
        let mips = Target::named("mips").ok().into_iter().collect();
        assert_eq!(parse(&["--target", "mips"]), Some(Options { targets: mips, ..default }));
        assert_eq!(parse(&["--target", "mips", "--debug"]), None);
        assert_eq!(parse(&["--target", "vax"]), None);
        assert_eq!(parse(&["--objects", "--percpu"]), None);
        assert_eq!(parse(&["--fast"]), None);
    }
}
