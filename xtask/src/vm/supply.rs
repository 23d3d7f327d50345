//! What machines need from elsewhere: emulators, kernels and what builds for them. A machine that cannot be had
//! says why, and the others do without it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Error, Result, bail};

use super::{
    kernels::{Kernel, Machine, Origin, Packed},
    mirror::{Mirror, Package},
    qemu, source,
};
use crate::{
    cross::{Cross, Target},
    exec,
    install::Installer,
    workspace::Workspace,
};

/// Why kernels cannot be had or booted, by their names.
pub(super) type Absent = BTreeMap<&'static str, String>;

/// Gets everything, and says of which kernels that was not possible.
pub(super) fn get(installer: &mut Installer<'_>, machines: &[Machine]) -> Result<Absent> {
    let mut wanted: Vec<Kernel> = Vec::new();
    for Machine { kernel, .. } in machines {
        if !wanted.contains(kernel) {
            wanted.push(*kernel);
        }
    }
    let mut absent = Absent::new();
    emulators(installer, &wanted, &mut absent)?;
    kernels(installer, &wanted, &mut absent);
    builders(installer, &wanted, &mut absent)?;
    Ok(absent)
}

fn emulators(installer: &mut Installer<'_>, wanted: &[Kernel], absent: &mut Absent) -> Result<()> {
    let programs: BTreeSet<_> =
        wanted.iter().map(|kernel| qemu::program(kernel.arch)).collect::<Result<_>>()?;
    // Together they take one look at the lists of packages.
    if installer.programs(&programs.into_iter().collect::<Vec<_>>()).is_ok() {
        return Ok(());
    }
    for kernel in wanted {
        if let Err(error) = installer.programs(&[qemu::program(kernel.arch)?]) {
            note(absent, kernel, &error.context("its emulator cannot be had"));
        }
    }
    Ok(())
}

/// Compilers and linkers; that of the eBPF programs is everybody's.
fn builders(installer: &mut Installer<'_>, wanted: &[Kernel], absent: &mut Absent) -> Result<()> {
    for arch in wanted.iter().map(|kernel| kernel.arch).collect::<BTreeSet<_>>() {
        if let Err(error) = Cross::prepare(installer, Target::named(arch)?) {
            let error = error.context("what builds programs for it cannot be had");
            wanted.iter().filter(|kernel| kernel.arch == arch).for_each(|kernel| {
                note(absent, kernel, &error);
            });
        }
    }
    Ok(())
}

/// Notes why, unless there is a reason already.
fn note(absent: &mut Absent, kernel: &Kernel, error: &Error) {
    absent.entry(kernel.name).or_insert_with(|| format!("{error:#}"));
}

/// Where a kernel and its modules lie.
pub(super) fn folder(workspace: &Workspace, kernel: &Kernel) -> PathBuf {
    workspace.target().join("vm/kernels").join(kernel.name)
}

/// Fetches or builds the kernels that are not there yet.
fn kernels(installer: &mut Installer<'_>, wanted: &[Kernel], absent: &mut Absent) {
    let workspace = installer.workspace();
    let is_missing = |kernel: &&Kernel| !folder(workspace, kernel).join("vmlinuz").is_file();
    let missing: Vec<Kernel> = wanted.iter().filter(is_missing).copied().collect();
    let packed: Vec<(Kernel, Packed)> = missing
        .iter()
        .filter_map(|kernel| match kernel.origin {
            Origin::Packed(packed) => Some((*kernel, packed)),
            Origin::Source(_) => None,
        })
        .collect();
    if !packed.is_empty() {
        match Mirror::open(installer.places(), workspace) {
            Ok(mirror) => fetch(workspace, &mirror, &packed, absent),
            Err(error) => packed.iter().for_each(|(kernel, _)| note(absent, kernel, &error)),
        }
    }
    for kernel in missing {
        if let Origin::Source(source) = kernel.origin
            && let Err(error) =
                source::build(installer, kernel.name, &source, &folder(workspace, &kernel))
        {
            note(absent, &kernel, &error.context("it cannot be built"));
        }
    }
}

/// Fetches packages and unpacks them.
fn fetch(workspace: &Workspace, mirror: &Mirror, packed: &[(Kernel, Packed)], absent: &mut Absent) {
    let mut found: Vec<(Kernel, Vec<Package>)> = Vec::new();
    for (kernel, packed) in packed {
        match mirror.packages(packed) {
            Ok(packages) => found.push((*kernel, packages)),
            Err(error) => note(absent, kernel, &error),
        }
    }
    let all: Vec<Package> = found.iter().flat_map(|(_, packages)| packages.clone()).collect();
    if let Err(error) = mirror.fetch(&all) {
        println!("  {error:#}; trying one by one");
    }
    for (kernel, packages) in &found {
        // What came with all is not fetched again.
        let unpacked = mirror.fetch(packages).and_then(|files| {
            unpack(&folder(workspace, kernel), &files).context("cannot unpack it")
        });
        if let Err(error) = unpacked {
            note(absent, kernel, &error);
        }
    }
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
