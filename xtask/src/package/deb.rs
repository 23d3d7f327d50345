//! Debian's format (deb(5)): an ar archive of two compressed tar archives.

use anyhow::{Result, bail};

use super::{
    Release, sources,
    tree::{Tree, gzip},
};
use crate::cross::Target;

/// Debian's name for the architecture of a target.
fn arch(target: &Target) -> Result<&'static str> {
    Ok(match target.arch() {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7" => "armhf",
        "riscv64gc" => "riscv64",
        "mipsel" => "mipsel",
        other => bail!("Debian has no {other}"),
    })
}

/// The name of the file and its bytes.
pub(super) fn build(
    target: &Target,
    agent: Vec<u8>,
    release: &Release,
) -> Result<(String, Vec<u8>)> {
    let arch = arch(target)?;
    let data = data(agent)?;
    let size = data.size().div_ceil(1024);
    let mut control = Tree::default();
    control.add("control", 0o644, fields(arch, release, size));
    control.add("conffiles", 0o644, "/etc/sortie/sortie.toml\n");
    control.add("postinst", 0o755, sources::DEBIAN_POSTINST);
    control.add("prerm", 0o755, sources::DEBIAN_PRERM);
    control.add("postrm", 0o755, sources::DEBIAN_POSTRM);
    let bytes = ar(
        &[
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar.gz", control.tar_gz(release.time)?),
            ("data.tar.gz", data.tar_gz(release.time)?),
        ],
        release.time,
    );
    Ok((format!("sortie_{}-1_{arch}.deb", release.version), bytes))
}

fn data(agent: Vec<u8>) -> Result<Tree> {
    let mut tree = Tree::default();
    tree.add("usr/sbin/sortie", 0o755, agent);
    tree.add("etc/sortie/sortie.toml", 0o644, sources::CONFIG);
    tree.add("usr/lib/systemd/system/sortie.service", 0o644, sources::UNIT);
    tree.add("usr/lib/sysusers.d/sortie.conf", 0o644, sources::SYSUSERS);
    tree.add("usr/share/doc/sortie/copyright", 0o644, sources::DEBIAN_COPYRIGHT);
    sources::add_help(&mut tree, gzip(sources::MANUAL.as_bytes())?);
    Ok(tree)
}

fn fields(arch: &str, release: &Release, kibibytes: usize) -> String {
    let description = sources::DESCRIPTION;
    format!(
        "Package: sortie\nVersion: {}-1\nArchitecture: {arch}\nMaintainer: {}\n\
         Installed-Size: {kibibytes}\nRecommends: systemd | adduser\nSection: net\nPriority: optional\n\
         Description: {}\n{description}",
        release.version,
        super::MAINTAINER,
        sources::SUMMARY,
    )
}

/// An archive as ar(5) has it: a header of 60 bytes before each member, each at an even place.
fn ar(members: &[(&str, Vec<u8>)], time: u64) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let header =
            format!("{name:<16}{time:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", content.len());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, process::Command};

    use super::*;
    use crate::{
        exec,
        places::{Places, fake::Machine},
    };

    fn example() -> Result<(String, Vec<u8>)> {
        build(&Target::named("x86_64")?, b"#!/bin/sh\n".to_vec(), &Release::example())
    }

    #[test]
    fn the_same_files_make_the_same_package() -> Result<()> {
        assert_eq!(example()?, example()?);
        assert_eq!(example()?.0, "sortie_1.2.3-1_amd64.deb");
        assert!(arch(&Target::named("mips")?).is_err());
        Ok(())
    }

    /// dpkg with a database of its own, in which nothing but this package is.
    fn dpkg(machine: &Machine) -> Option<Command> {
        let mut command = Command::new(Places::of_this_machine().program("dpkg")?);
        command.arg(format!("--root={}", machine.at("root").display()));
        command.args([
            "--force-not-root",
            "--force-bad-path",
            "--no-triggers",
            "--force-script-chrootless",
        ]);
        Some(command)
    }

    #[test]
    fn dpkg_installs_and_removes_it() -> Result<()> {
        let machine = Machine::new("deb")?;
        let (name, bytes) = example()?;
        let path = machine.file(&name, bytes)?;
        for folder in ["info", "updates", "triggers"] {
            fs::create_dir_all(machine.at(format!("root/var/lib/dpkg/{folder}")))?;
        }
        machine.file("root/var/lib/dpkg/status", "")?;
        let Some(mut install) = dpkg(&machine) else { return Ok(()) };
        exec::run(install.arg("--install").arg(&path))?;
        let there = |path: &str| machine.at("root").join(path).is_file();
        for (path, _) in data(Vec::new())?.iter() {
            assert!(there(path), "{path}");
        }
        let status = fs::read_to_string(machine.at("root/var/lib/dpkg/status"))?;
        assert!(status.contains("Status: install ok installed"), "{status}");
        assert!(status.contains("/etc/sortie/sortie.toml"), "{status}");

        // What the owner has changed stays until the package is purged.
        fs::write(machine.at("root/etc/sortie/sortie.toml"), "# mine\n")?;
        let Some(mut remove) = dpkg(&machine) else { return Ok(()) };
        exec::run(remove.args(["--remove", "sortie"]))?;
        assert!(!there("usr/sbin/sortie"));
        assert!(there("etc/sortie/sortie.toml"));
        let Some(mut purge) = dpkg(&machine) else { return Ok(()) };
        exec::run(purge.args(["--purge", "sortie"]))?;
        assert!(!Path::new(&machine.at("root/etc/sortie")).exists());
        Ok(())
    }

    #[test]
    fn the_unit_gives_little_away() -> Result<()> {
        let machine = Machine::new("unit")?;
        let Some(analyze) = Places::of_this_machine().program("systemd-analyze") else {
            return Ok(());
        };
        let unit = machine.file("sortie.service", sources::UNIT)?;
        let text = exec::ask(Command::new(analyze).args(["security", "--offline=true"]).arg(unit));
        // An older systemd cannot look at a file.
        let Some(text) = text else { return Ok(()) };
        let level = text.split("exposure level for sortie.service: ").nth(1).unwrap_or_default();
        let level: f64 = level.split(' ').next().unwrap_or_default().parse()?;
        assert!(level <= 3.0, "{level}");
        Ok(())
    }
}
