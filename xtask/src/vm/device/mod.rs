//! A phone or a router, in which the package is installed, used and removed by the README's own commands.
//!
//! A phone is a real, small Debian, with systemd or OpenRC as its first program. A router is the same
//! system below busybox and stand-ins: nothing of OpenWrt's own is in any registry. Devices have this
//! computer's usual architecture, x86-64, since the programs of another one would have to be emulated to
//! install it. The cases are shell scripts in `xtask/phone` and `xtask/router`: what they compare with
//! comes from dpkg, systemd, `/proc`, nftables and bpftool.

mod readme;
mod root;

use std::{fs, path::Path, time::Instant};

use anyhow::{Context as _, Result};

use super::{cpio::Archive, qemu, verdict::Verdict};
use crate::{
    cross::{self, Cross, Target},
    install::Installer,
    package,
    workspace::Workspace,
};
use root::Files;

/// The processor, as a target is named by it.
const ARCH: &str = "x86_64";

/// Memory in MiB: the file system takes a quarter of it.
const MEMORY: u32 = 1024;

/// A machine that is a device's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) name: &'static str,
    /// Its first program.
    first: &'static str,
}

/// All of them.
pub(super) const DEVICES: [Device; 3] = [
    Device { name: "phone-systemd", first: "/sbin/init" },
    Device { name: "phone-openrc", first: "/phone/first.sh" },
    Device { name: "router", first: "/router/first.sh" },
];

macro_rules! source {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $name)))
    };
}

/// What lies in a device's `/phone` and `/router`, beside the packages.
const FILES: [(&str, &str); 17] = [
    source!("phone/lib.sh"),
    source!("phone/systemd.sh"),
    source!("phone/openrc.sh"),
    source!("phone/first.sh"),
    source!("phone/apk.sh"),
    source!("phone/cases.initd"),
    source!("phone/localmount.initd"),
    source!("phone/courier.initd"),
    source!("router/cases.sh"),
    source!("router/first.sh"),
    source!("router/functions.sh"),
    source!("router/rc.common"),
    source!("router/procd"),
    source!("router/reload_config"),
    source!("router/uci"),
    source!("router/opkg"),
    source!("router/courier.init"),
];

/// The unit that runs the cases.
const UNIT: &str = source!("phone/cases.service").1;

/// The program that makes their file system, and the package that brings it.
pub(super) const MAKER: (&str, &str) = ("mmdebstrap", "mmdebstrap");

/// The devices of a name: `phone` is all of its kind.
pub(super) fn named(name: &str) -> Vec<Device> {
    let kind = |device: &Device| device.name.split('-').next() == Some(name);
    DEVICES.into_iter().filter(|device| kind(device) || device.name == name).collect()
}

/// Gets what the devices need from elsewhere; nothing is built here.
pub(super) fn prepare(installer: &mut Installer<'_>) -> Result<()> {
    installer.programs(&[qemu::program(ARCH)?])?;
    root::get(installer)?;
    Cross::prepare(installer, Target::named(ARCH)?).map(drop)
}

/// Builds the packages, and boots the devices one after the other.
pub(super) fn verdicts(installer: &mut Installer<'_>, devices: &[Device]) -> Result<Vec<Verdict>> {
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    prepare(installer)?;
    let files = root::get(installer)?;
    let workspace = installer.workspace();
    let cases = cases(workspace)?;
    devices
        .iter()
        .map(|device| {
            println!("  booting {}", device.name);
            let verdict = boot(workspace, device, &files, &cases)?;
            print!("{}", verdict.text());
            Ok(verdict)
        })
        .collect()
}

/// What is laid over the file system: packages, scripts and the README's commands.
fn cases(workspace: &Workspace) -> Result<Vec<u8>> {
    let target = Target::named(ARCH)?;
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let mut archive = Archive::default();
    for folder in ["phone", "phone/readme", "router"] {
        archive.folder(folder)?;
    }
    for (folder, format) in [("phone", "deb"), ("router", "ipk")] {
        let package = package::file(&target, format)?;
        let name = package.file_name().context("a package has a name")?.to_string_lossy();
        archive.program(&format!("{folder}/{name}"), &read(&package)?)?;
    }
    archive.program("phone/recipe.tar.gz", &read(&package::file(&target, "apkbuild")?)?)?;
    archive.program("phone/sortie", &read(&cross::agent(workspace, &target))?)?;
    for (name, text) in FILES {
        archive.program(name, text.as_bytes())?;
    }
    for (name, text) in readme::read(workspace.root())? {
        archive.program(&format!("phone/readme/{name}"), text.as_bytes())?;
    }
    // Each init system starts the cases last.
    let link = |archive: &mut Archive, path, to: &str| {
        archive.node(path, 0o120_777, (0, 0), (0, 0), to.as_bytes())
    };
    let units = "etc/systemd/system";
    archive.node(&format!("{units}/cases.service"), 0o100_644, (0, 0), (0, 0), UNIT.as_bytes())?;
    archive.folder(&format!("{units}/multi-user.target.wants"))?;
    link(
        &mut archive,
        "etc/systemd/system/multi-user.target.wants/cases.service",
        "../cases.service",
    )?;
    link(&mut archive, "etc/init.d/cases", "/phone/cases.initd")?;
    link(&mut archive, "etc/runlevels/default/cases", "/etc/init.d/cases")?;
    archive.node(
        "etc/sudoers.d/mobian",
        0o100_440,
        (0, 0),
        (0, 0),
        b"mobian ALL=(ALL) NOPASSWD: ALL\n",
    )?;
    archive.finish()
}

fn boot(workspace: &Workspace, device: &Device, files: &Files, cases: &[u8]) -> Result<Verdict> {
    let folder = workspace.target().join("vm");
    let (logs, initrd) = (folder.join("logs"), folder.join(format!("initrd-{}", device.name)));
    fs::create_dir_all(&logs).context("cannot write to target/vm")?;
    // The kernel unpacks one archive after the other.
    let mut archive = fs::read(&files.root).context("the file system is gone")?;
    archive.extend_from_slice(cases);
    fs::write(&initrd, archive).with_context(|| format!("cannot write {}", initrd.display()))?;
    let log = logs.join(format!("{}.log", device.name));
    let started = Instant::now();
    let append = format!("rdinit={}", device.first);
    let lines = qemu::start(ARCH, MEMORY, &append, &files.kernel, &initrd, &log);
    let took = started.elapsed();
    drop(fs::remove_file(&initrd));
    Ok(match lines {
        Ok(lines) => Verdict::read(device.name.to_owned(), &lines, took),
        Err(error) => Verdict {
            machine: device.name.to_owned(),
            lost: Some(format!("{error:#}")),
            took,
            ..Verdict::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_together_or_alone() {
        assert_eq!(named("phone"), DEVICES[..2]);
        for device in DEVICES {
            assert_eq!(named(device.name), [device]);
        }
        assert_eq!(named("x86_64"), []);
    }
}
