//! The task `vm`: the end-to-end cases on other kernels, in emulated machines.
//!
//! A machine has a kernel of Debian's, and a userland of four programs: the cases as its first program,
//! the agent, and the two that make traffic. The file system with them is written here.

mod cpio;
mod device;
mod kernels;
mod mirror;
mod page;
mod qemu;
mod source;
mod supply;
mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use device::Device;
use kernels::{Machine, fast, matrix, named};
use verdict::Verdict;

use crate::{
    cross::{self, Cross, Target},
    exec,
    install::Installer,
    places::Places,
    workspace::Workspace,
};

/// Modules of the kernel that the agent makes use of, in the order in which they are loaded.
const MODULES: [&str; 3] = ["inet_diag", "tcp_diag", "udp_diag"];

/// Which machines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    machines: Vec<Machine>,
    devices: Vec<Device>,
    list: bool,
    write: bool,
}

impl Options {
    /// Those that belong to the normal test command.
    pub(crate) fn fast() -> Self {
        Self { machines: fast(), ..Self::default() }
    }

    /// The phones, with either init system, and the router.
    pub(crate) fn devices() -> Self {
        Self { devices: device::DEVICES.to_vec(), ..Self::default() }
    }

    pub(crate) fn parse(arguments: &mut Parser) -> Result<Self> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("list") => options.list = true,
                Arg::Long("write") => options.write = true,
                Arg::Long("fast") => options.machines.extend(fast()),
                Arg::Value(name) => {
                    let name = name.string()?;
                    match device::named(&name) {
                        devices if devices.is_empty() => options.machines.extend(named(&name)?),
                        devices => options.devices.extend(devices),
                    }
                }
                other => return Err(other.unexpected().into()),
            }
        }
        if options.machines.is_empty() && options.devices.is_empty() {
            options.machines = matrix();
            options.devices = device::DEVICES.to_vec();
        }
        Ok(options)
    }
}

/// The programs that make and emulate machines, with the packages of Debian's that bring them.
pub(crate) fn programs() -> BTreeSet<(&'static str, &'static str)> {
    let all = matrix();
    let emulators = all.iter().filter_map(|machine| qemu::program(machine.kernel.arch).ok());
    emulators.chain([device::MAKER]).collect()
}

/// Gets what the machines need from elsewhere; nothing is built here.
pub(crate) fn prepare(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let places = Places::of_this_machine();
    let mut installer = Installer::new(&places, &workspace);
    if !options.devices.is_empty() {
        device::prepare(&mut installer)?;
    }
    match supply::get(&mut installer, &options.machines)?.into_iter().next() {
        Some((kernel, why)) => bail!("{kernel}: {why}"),
        None => Ok(()),
    }
}

/// Boots the machines one after the other, and says how each did.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.list {
        let mut names: Vec<String> = options.machines.iter().map(Machine::name).collect();
        names.extend(options.devices.iter().map(|device| device.name.to_owned()));
        return exec::show(&format!("{}\n", names.join("\n")));
    }
    let mut verdicts = verdicts(&options.machines)?;
    verdicts.extend(on_devices(&options.devices)?);
    let absent = verdicts.iter().filter(|verdict| verdict.absent.is_some()).count();
    let failed = verdicts.iter().filter(|verdict| !verdict.is_ok()).count() - absent;
    let text: String = verdicts.iter().map(Verdict::text).collect();
    exec::show(&format!("\n{text}"))?;
    if options.write {
        page::write(&Workspace::find()?)?;
    }
    if failed > 0 {
        bail!(
            "{failed} of {} machines failed; their consoles are in target/vm/logs",
            verdicts.len()
        );
    }
    if absent > 0 {
        bail!("{absent} of {} machines cannot be had; none of the others failed", verdicts.len());
    }
    Ok(())
}

fn on_devices(devices: &[Device]) -> Result<Vec<Verdict>> {
    let workspace = Workspace::find()?;
    let places = Places::of_this_machine();
    device::verdicts(&mut Installer::new(&places, &workspace), devices)
}

/// Gets and builds what the machines need, and boots those that can be had.
fn verdicts(machines: &[Machine]) -> Result<Vec<Verdict>> {
    let workspace = Workspace::find()?;
    let places = Places::of_this_machine();
    let mut installer = Installer::new(&places, &workspace);
    let absent = supply::get(&mut installer, machines)?;
    let mut built = BTreeMap::new();
    for Machine { kernel, .. } in machines {
        if !built.contains_key(kernel.arch) && !absent.contains_key(kernel.name) {
            built.insert(kernel.arch, build(&mut installer, Target::named(kernel.arch)?)?);
        }
    }
    let mut verdicts = Vec::new();
    for machine in machines {
        let verdict = match (absent.get(machine.kernel.name), built.get(machine.kernel.arch)) {
            (Some(why), _) => Verdict::absent(machine.name(), why),
            (None, None) => bail!("nothing was built for {}", machine.name()),
            (None, Some(programs)) => {
                println!("  booting {}", machine.name());
                boot(&workspace, machine, programs)?
            }
        };
        print!("{}", verdict.text());
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

/// Builds the agent and the programs of the cases; gives the folder of the latter.
fn build(installer: &mut Installer<'_>, target: Target) -> Result<PathBuf> {
    cross::build(&[target])?;
    let cross = Cross::prepare(installer, target)?;
    cross.build(installer.workspace(), "e2e", &["actor", "blink", "vmcases"])
}

fn boot(workspace: &Workspace, machine: &Machine, programs: &Path) -> Result<Verdict> {
    let folder = workspace.target().join("vm");
    let logs = folder.join("logs");
    fs::create_dir_all(&logs).context("cannot write to target/vm")?;
    let kernel = supply::folder(workspace, &machine.kernel);
    let name = machine.name().replace(':', "-");
    let initrd = folder.join(format!("initrd-{name}"));
    let target = Target::named(machine.kernel.arch)?;
    let agent = cross::agent(workspace, &target);
    let archive = initramfs(machine, programs, &agent, &kernel)?;
    fs::write(&initrd, archive).with_context(|| format!("cannot write {}", initrd.display()))?;
    let log = logs.join(format!("{name}.log"));
    let started = Instant::now();
    let lines = qemu::boot(machine, &kernel.join("vmlinuz"), &initrd, &log);
    let took = started.elapsed();
    drop(fs::remove_file(&initrd));
    Ok(match lines {
        Ok(lines) => {
            page::keep(workspace, machine, &lines, took)?;
            Verdict::read(machine.name(), &lines, took)
        }
        Err(error) => Verdict {
            machine: machine.name(),
            lost: Some(format!("{error:#}")),
            took,
            ..Verdict::default()
        },
    })
}

/// The first file system: nothing in it but the programs and the kernel's modules.
fn initramfs(machine: &Machine, programs: &Path, agent: &Path, kernel: &Path) -> Result<Vec<u8>> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let mut archive = cpio::Archive::default();
    for folder in ["dev", "proc", "sys", "tmp", "run", "etc", "modules"] {
        archive.folder(folder)?;
    }
    archive.device("dev/console", (5, 1))?;
    archive.program("init", &read(&programs.join("vmcases"))?)?;
    archive.program("sortie", &read(agent)?)?;
    for name in ["actor", "blink"] {
        archive.program(name, &read(&programs.join(name))?)?;
    }
    if machine.mode != "no-diag" {
        for (number, name) in MODULES.iter().enumerate() {
            let path = kernel.join(format!("{name}.ko"));
            if path.is_file() {
                archive.program(&format!("modules/{number}-{name}.ko"), &read(&path)?)?;
            }
        }
    }
    archive.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_name_it_is_the_whole_matrix() {
        let parse = |arguments: &[&str]| Options::parse(&mut Parser::from_args(arguments)).ok();
        let machines = |arguments: &[&str]| parse(arguments).map(|options| options.machines.len());
        assert_eq!(machines(&[]), Some(matrix().len()));
        assert_eq!(machines(&["--fast"]), Some(2));
        assert_eq!(machines(&["x86_64-6.1", "mipsel"]), Some(2));
        assert_eq!(machines(&["phone"]), Some(0));
        let devices = |arguments: &[&str]| parse(arguments).map(|options| options.devices.len());
        assert_eq!(devices(&[]), Some(3));
        assert_eq!(devices(&["router"]), Some(1));
        assert_eq!(parse(&["x86_64-2.4"]), None);
        assert_eq!(parse(&["--slow"]), None);
    }
}
