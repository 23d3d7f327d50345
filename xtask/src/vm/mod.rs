//! The task `vm`: the end-to-end cases on other kernels, in emulated machines.
//!
//! A machine has a kernel of Debian's, and a userland of four programs: the cases as its first program,
//! the agent, and the two that make traffic. The file system with them is written here.

mod cpio;
mod kernels;
mod mirror;
mod page;
mod phone;
mod qemu;
mod source;
mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use kernels::{Kernel, Machine, Origin, Packed, fast, matrix, named};
use mirror::Mirror;
use phone::Phone;
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
    phones: Vec<Phone>,
    list: bool,
    write: bool,
}

impl Options {
    /// Those that belong to the normal test command.
    pub(crate) fn fast() -> Self {
        Self { machines: fast(), ..Self::default() }
    }

    /// The phones, with either init system.
    pub(crate) fn phones() -> Self {
        Self { phones: phone::PHONES.to_vec(), ..Self::default() }
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
                    match phone::named(&name) {
                        phones if phones.is_empty() => options.machines.extend(named(&name)?),
                        phones => options.phones.extend(phones),
                    }
                }
                other => return Err(other.unexpected().into()),
            }
        }
        if options.machines.is_empty() && options.phones.is_empty() {
            options.machines = matrix();
            options.phones = phone::PHONES.to_vec();
        }
        Ok(options)
    }
}

/// The programs that make and emulate machines, with the packages of Debian's that bring them.
pub(crate) fn programs() -> BTreeSet<(&'static str, &'static str)> {
    let all = matrix();
    let emulators = all.iter().filter_map(|machine| qemu::program(machine.kernel.arch).ok());
    emulators.chain([phone::MAKER]).collect()
}

/// Gets what the machines need from elsewhere; nothing is built here.
pub(crate) fn prepare(options: &Options) -> Result<()> {
    let workspace = Workspace::find()?;
    let places = Places::of_this_machine();
    let mut installer = Installer::new(&places, &workspace);
    if !options.phones.is_empty() {
        phone::prepare(&mut installer)?;
    }
    get(&mut installer, &options.machines)?;
    for machine in &options.machines {
        Cross::prepare(&mut installer, Target::named(machine.kernel.arch)?)?;
    }
    Ok(())
}

/// Emulators and kernels.
fn get(installer: &mut Installer<'_>, machines: &[Machine]) -> Result<()> {
    let programs: BTreeSet<_> =
        machines.iter().map(|machine| qemu::program(machine.kernel.arch)).collect::<Result<_>>()?;
    installer.programs(&programs.into_iter().collect::<Vec<_>>())?;
    fetch(installer, machines)
}

/// Boots the machines one after the other, and says how each did.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.list {
        let mut names: Vec<String> = options.machines.iter().map(Machine::name).collect();
        names.extend(options.phones.iter().map(|phone| phone.name.to_owned()));
        return exec::show(&format!("{}\n", names.join("\n")));
    }
    let mut verdicts = verdicts(&options.machines)?;
    verdicts.extend(on_phones(&options.phones)?);
    let failed = verdicts.iter().filter(|verdict| !verdict.is_ok()).count();
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
    Ok(())
}

/// Gets emulators and kernels, and builds what runs inside; gives the folders of the latter, by
/// architecture.
fn programs_of(machines: &[Machine]) -> Result<BTreeMap<&'static str, PathBuf>> {
    let workspace = Workspace::find()?;
    let places = Places::of_this_machine();
    let mut installer = Installer::new(&places, &workspace);
    get(&mut installer, machines)?;
    let mut built = BTreeMap::new();
    for machine in machines {
        let arch = machine.kernel.arch;
        if !built.contains_key(arch) {
            built.insert(arch, build(&mut installer, Target::named(arch)?)?);
        }
    }
    Ok(built)
}

fn on_phones(phones: &[Phone]) -> Result<Vec<Verdict>> {
    let workspace = Workspace::find()?;
    let places = Places::of_this_machine();
    phone::verdicts(&mut Installer::new(&places, &workspace), phones)
}

/// Gets and builds what the machines need, and boots them.
fn verdicts(machines: &[Machine]) -> Result<Vec<Verdict>> {
    let workspace = Workspace::find()?;
    let programs = programs_of(machines)?;
    let mut verdicts = Vec::new();
    for machine in machines {
        let Some(programs) = programs.get(machine.kernel.arch) else {
            bail!("nothing was built for {}", machine.name());
        };
        println!("  booting {}", machine.name());
        let verdict = boot(&workspace, machine, programs)?;
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
    let kernel = kernel_folder(workspace, &machine.kernel);
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

fn kernel_folder(workspace: &Workspace, kernel: &Kernel) -> PathBuf {
    workspace.target().join("vm/kernels").join(kernel.name)
}

/// Fetches or builds the kernels that are not there yet.
fn fetch(installer: &mut Installer<'_>, machines: &[Machine]) -> Result<()> {
    let workspace = installer.workspace();
    let mut absent: Vec<Kernel> = Vec::new();
    for machine in machines {
        let is_there = kernel_folder(workspace, &machine.kernel).join("vmlinuz").is_file();
        if !is_there && !absent.contains(&machine.kernel) {
            absent.push(machine.kernel);
        }
    }
    let packed: Vec<(Kernel, Packed)> = absent
        .iter()
        .filter_map(|kernel| match kernel.origin {
            Origin::Packed(packed) => Some((*kernel, packed)),
            Origin::Source(_) => None,
        })
        .collect();
    if !packed.is_empty() {
        let mirror = Mirror::open(installer.places(), workspace)?;
        let wanted: Vec<_> =
            packed.iter().map(|(_, packed)| mirror.packages(packed)).collect::<Result<_>>()?;
        let mut files = mirror.fetch(&wanted.concat())?.into_iter();
        for ((kernel, _), packages) in packed.iter().zip(&wanted) {
            let own: Vec<PathBuf> = files.by_ref().take(packages.len()).collect();
            unpack(&kernel_folder(workspace, kernel), &own)
                .with_context(|| format!("cannot unpack the kernel {}", kernel.name))?;
        }
    }
    for kernel in absent {
        if let Origin::Source(source) = kernel.origin {
            source::build(installer, kernel.name, &source, &kernel_folder(workspace, &kernel))
                .with_context(|| format!("cannot build the kernel {}", kernel.name))?;
        }
    }
    Ok(())
}

/// Lays the kernel and its few modules into a folder.
fn unpack(folder: &Path, packages: &[PathBuf]) -> Result<()> {
    let temporary = folder.with_extension("unpacked");
    drop(fs::remove_dir_all(&temporary));
    fs::create_dir_all(&temporary)?;
    fs::create_dir_all(folder)?;
    for package in packages {
        // Both names of a module: newer kernels have them compressed.
        let script = "dpkg-deb --fsys-tarfile \"$1\" | tar -x -C \"$2\" --wildcards \
                      '*/vmlinu[xz]*' '*/net/ipv4/*_diag.ko*' 2>/dev/null; true";
        let mut shell = Command::new("sh");
        exec::run(shell.args(["-c", script, "sh"]).arg(package).arg(&temporary))?;
    }
    let mut kernel = None;
    for path in walk(&temporary)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name.starts_with("vmlinu") {
            kernel = Some(path);
        } else if let Some((module, packed)) = name.split_once(".ko") {
            let plain = folder.join(format!("{module}.ko"));
            match packed {
                "" => drop(fs::copy(&path, &plain)?),
                ".xz" => fs::write(&plain, decompressed(&path)?)?,
                other => println!("  {module} is packed as {other}, and left out"),
            }
        }
    }
    let kernel = kernel.context("there is no kernel in the package")?;
    // Last: what is there is complete.
    fs::rename(kernel, folder.join("vmlinuz"))?;
    drop(fs::remove_dir_all(&temporary));
    Ok(())
}

fn decompressed(path: &Path) -> Result<Vec<u8>> {
    let output = Command::new("xz").args(["--decompress", "--stdout"]).arg(path).output()?;
    if !output.status.success() {
        bail!("{} cannot be decompressed", path.display());
    }
    Ok(output.stdout)
}

fn walk(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    Ok(files)
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
        assert_eq!(parse(&[]).map(|options| options.phones.len()), Some(2));
        assert_eq!(parse(&["x86_64-2.4"]), None);
        assert_eq!(parse(&["--slow"]), None);
    }
}
