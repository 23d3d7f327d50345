//! The file system of the devices: a small Debian with its own kernel, made once and kept.

use std::{
    fs::{self, File},
    io::{BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};
use tar::EntryType;

use crate::{
    exec,
    install::Installer,
    root::Root,
    vm::{cpio::Archive, mirror},
    workspace::Workspace,
};

/// Debian's release: the one that the kernel 6.1 belongs to.
const SUITE: &str = "bookworm";

/// What is on a device beside what every Debian has: both init systems, programs that make traffic, and
/// those that count and serve it.
const PACKAGES: [&str; 19] = [
    "linux-image-cloud-amd64",
    "systemd-sysv",
    "openrc",
    "dbus",
    "libpam-systemd",
    "sudo",
    "bsdutils",
    "login",
    "procps",
    "kmod",
    "iproute2",
    "ethtool",
    "nftables",
    "curl",
    "wget",
    "dnsmasq-base",
    "busybox",
    "bpftool",
    "jq",
];

/// What is left out of the packages: texts for people, and modules for hardware that is not there. The
/// kernel gets no first file system of its own; this is one.
const EXCLUDED: [&str; 7] = [
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/i18n/*",
    "path-exclude=/etc/kernel/postinst.d/initramfs-tools",
    "path-exclude=/lib/modules/*/kernel/[!n]*/*",
    "path-include=/lib/modules/*/kernel/drivers/net/veth.ko",
    "path-include=/lib/modules/*/kernel/lib/libcrc32c.ko",
];

/// The kernel, and the archive that it takes as its first file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) kernel: PathBuf,
    pub(super) root: PathBuf,
}

impl Files {
    /// Where they lie, made or not. Other packages make another file system.
    fn of(workspace: &Workspace) -> Self {
        let text = [&PACKAGES[..], &EXCLUDED].concat().join("\n");
        let sum = Sha256::digest(text);
        let sum = sum.iter().take(4).fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        let folder = workspace.target().join("vm/phone");
        Self {
            kernel: folder.join(format!("vmlinuz-{sum:08x}")),
            root: folder.join(format!("root-{sum:08x}")),
        }
    }
}

/// Makes the file system if it is not there yet. Takes half a minute and the network.
pub(super) fn get(installer: &mut Installer<'_>) -> Result<Files> {
    let files = Files::of(installer.workspace());
    if files.root.is_file() {
        return Ok(files);
    }
    println!("  making a small Debian");
    installer.programs(&[super::MAKER])?;
    let places = installer.places();
    let folder = files.root.parent().context("it lies in a folder")?;
    fs::create_dir_all(folder).context("cannot write to target/vm")?;
    let line = mirror::line(places, SUITE)?;
    let program = places.program("mmdebstrap").context("mmdebstrap is gone")?;
    let tar = folder.join("root.tar");
    // As root, for the files of a system belong to many.
    let mut command = Root::here(places).command(&program, [])?;
    command.args(["--quiet", "--mode=root", "--variant=apt", "--format=tar"]);
    command.args(["--architectures=amd64", "--aptopt=Acquire::Languages \"none\""]);
    command.arg(format!("--include={}", PACKAGES.join(",")));
    command.args(EXCLUDED.map(|option| format!("--dpkgopt={option}")));
    command.arg(SUITE).arg(&tar).arg(line);
    exec::run(&mut command).context("the file system of the devices cannot be made")?;
    convert(&tar, &files).context("cannot write to target/vm")?;
    drop(fs::remove_file(&tar));
    Ok(files)
}

/// The archive for the kernel from one of tar's; the kernel itself lies beside it.
fn convert(tar: &Path, files: &Files) -> Result<()> {
    let mut tar = tar::Archive::new(BufReader::new(File::open(tar)?));
    let partial = files.root.with_extension("partial");
    let mut output = File::create(&partial)?;
    let mut archive = Archive::default();
    for entry in tar.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let path = path.trim_start_matches("./").trim_end_matches('/').to_owned();
        let header = entry.header();
        let (mode, owner) = (header.mode()?, (number(header.uid()?)?, number(header.gid()?)?));
        let (kind, mut content, mut device) = (header.entry_type(), Vec::new(), (0, 0));
        let kind = match kind {
            EntryType::Directory => 0o040_000,
            EntryType::Char => {
                let (major, minor) = (header.device_major()?, header.device_minor()?);
                device = (major.unwrap_or_default(), minor.unwrap_or_default());
                0o020_000
            }
            EntryType::Regular => {
                entry.read_to_end(&mut content)?;
                0o100_000
            }
            EntryType::Symlink | EntryType::Link => {
                let link = entry.link_name()?.context("a link has a target")?;
                let link = link.to_string_lossy();
                // A second name of a file becomes a link to the first.
                content = match kind {
                    EntryType::Link => link.trim_start_matches('.').to_owned().into_bytes(),
                    _ => link.into_owned().into_bytes(),
                };
                0o120_000
            }
            other => bail!("{path} is of the kind {other:?}"),
        };
        if path.starts_with("boot/vmlinuz-") {
            fs::write(&files.kernel, &content)?;
        } else if !path.is_empty() && !path.starts_with("etc/dpkg/dpkg.cfg.d/") {
            archive.node(&path, kind | mode, owner, device, &content)?;
            output.write_all(&archive.drain())?;
        }
    }
    output.write_all(&archive.finish()?)?;
    if !files.kernel.is_file() {
        bail!("there is no kernel in it");
    }
    // Last: what is there is complete.
    Ok(fs::rename(partial, &files.root)?)
}

fn number(id: u64) -> Result<u32> {
    u32::try_from(id).context("a number too large for the format")
}

#[cfg(test)]
mod tests {
    use tar::{Builder, Header};

    use super::*;
    use crate::places::fake::Machine;

    fn add(builder: &mut Builder<File>, kind: EntryType, path: &str, link: &str) -> Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o640);
        header.set_uid(7);
        header.set_gid(8);
        let content = if kind == EntryType::Regular { path } else { "" };
        header.set_size(u64::try_from(content.len())?);
        if !link.is_empty() {
            header.set_link_name(link)?;
        }
        Ok(builder.append_data(&mut header, path, content.as_bytes())?)
    }

    #[test]
    fn a_system_is_packed_with_owners_and_links_and_without_its_kernel() -> Result<()> {
        let machine = Machine::new("phone")?;
        let mut builder = Builder::new(File::create(machine.at("tar"))?);
        add(&mut builder, EntryType::Directory, "./etc/", "")?;
        add(&mut builder, EntryType::Regular, "./boot/vmlinuz-6", "")?;
        add(&mut builder, EntryType::Regular, "./etc/one", "")?;
        add(&mut builder, EntryType::Link, "./etc/two", "./etc/one")?;
        add(&mut builder, EntryType::Symlink, "./three", "etc/one")?;
        builder.finish()?;
        let files = Files { kernel: machine.at("kernel"), root: machine.at("root") };
        convert(&machine.at("tar"), &files)?;
        assert_eq!(fs::read_to_string(&files.kernel)?, "./boot/vmlinuz-6");
        let text = String::from_utf8_lossy(&fs::read(&files.root)?).into_owned();
        // Mode, user and group, as cpio(5) has them, behind the number.
        for begin in ["000041a00000000700000008", "000081a00000000700000008", "0000a1a0"] {
            assert!(text.contains(begin), "{begin}: {text:?}");
        }
        assert_eq!(text.matches("/etc/one").count(), 2, "{text:?}");
        assert!(text.contains("etc/two") && text.contains("three"), "{text:?}");
        assert!(!text.contains("vmlinuz"), "{text:?}");
        Ok(())
    }
}
