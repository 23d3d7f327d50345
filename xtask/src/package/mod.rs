//! The task `package`: the agent as the package managers of phones and routers want it.
//!
//! The formats are written here, without the foreign distributions' tools, and the same inputs give the
//! same bytes.

mod adb;
mod apk;
mod apkbuild;
mod deb;
mod ipk;
mod sources;
mod tree;

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::{cross, cross::Target, exec, workspace::Workspace};

const MAINTAINER: &str = "The authors of Sortie <sortie@localhost>";
const LICENSE: &str = "MIT OR Apache-2.0";
const URL: &str = "https://localhost/sortie";

/// A package format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// OpenWrt up to 24.10.
    Ipk,
    /// OpenWrt from 25.12 on.
    Apk,
    /// Debian, Mobian.
    Deb,
    /// The recipe for Alpine and postmarketOS.
    Apkbuild,
}

const FORMATS: [(&str, Format); 4] = [
    ("ipk", Format::Ipk),
    ("apk", Format::Apk),
    ("deb", Format::Deb),
    ("apkbuild", Format::Apkbuild),
];

/// What is packed, for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    target: Target,
    format: Format,
    arch: Option<String>,
}

impl Options {
    pub(crate) fn parse(arguments: &mut Parser) -> Result<Self> {
        let (mut target, mut format, mut arch) = (None, None, None);
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("target") => target = Some(Target::named(&arguments.value()?.string()?)?),
                Arg::Long("format") => format = Some(named(&arguments.value()?.string()?)?),
                Arg::Long("arch") => arch = Some(arguments.value()?.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let format = format.context("--format says what kind of package")?;
        if arch.is_some() && ![Format::Ipk, Format::Apk].contains(&format) {
            bail!("--arch is for OpenWrt, which has a name for each kind of processor");
        }
        Ok(Self { target: target.context("--target says for what device")?, format, arch })
    }
}

fn named(name: &str) -> Result<Format> {
    let found = FORMATS.iter().find(|(known, _)| *known == name);
    found.map(|(_, format)| *format).with_context(|| {
        let known = FORMATS.map(|(name, _)| name).join(", ");
        format!("no format `{name}`; there are {known}")
    })
}

/// What stands in every package about when and what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Release {
    version: String,
    /// Seconds since the Unix epoch, of every file.
    time: u64,
}

impl Release {
    /// The version of the workspace; the time of the last change, or what `SOURCE_DATE_EPOCH` says
    /// (reproducible-builds.org, "SOURCE_DATE_EPOCH").
    fn of(workspace: &Workspace) -> Result<Self> {
        let time = if let Ok(time) = env::var("SOURCE_DATE_EPOCH") {
            time.parse().context("SOURCE_DATE_EPOCH is no number")?
        } else {
            let mut git = Command::new("git");
            git.current_dir(workspace.root()).args(["log", "-1", "--format=%ct"]);
            exec::ask(&mut git).and_then(|text| text.trim().parse().ok()).unwrap_or_default()
        };
        Ok(Self { version: env!("CARGO_PKG_VERSION").to_owned(), time })
    }

    #[cfg(test)]
    fn example() -> Self {
        Self { version: "1.2.3".to_owned(), time: 1_700_000_000 }
    }
}

/// Builds the agent and packs it, and says where.
pub(crate) fn run(options: &Options) -> Result<()> {
    pack(options).map(drop)
}

/// Builds the agent, packs it and gives the file.
pub(crate) fn file(target: &Target, format: &str) -> Result<PathBuf> {
    pack(&Options { target: *target, format: named(format)?, arch: None })
}

fn pack(options: &Options) -> Result<PathBuf> {
    let workspace = Workspace::find()?;
    let target = &options.target;
    cross::build(&[*target])?;
    let path = cross::agent(&workspace, target);
    let agent = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let release = Release::of(&workspace)?;
    let openwrt = || options.arch.as_deref().map_or_else(|| ipk::arch(target), Ok);
    let (name, bytes) = match options.format {
        Format::Deb => deb::build(target, agent, &release)?,
        Format::Apkbuild => apkbuild::build(target, &agent, &release)?,
        Format::Ipk => ipk::build(openwrt()?, agent, &release)?,
        Format::Apk => apk::build(openwrt()?, agent, &release)?,
    };
    let path = path.with_file_name(name);
    fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    println!("  {} ({} bytes)", workspace.short(&path).display(), bytes.len());
    Ok(path)
}

/// Bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    nibbles.filter_map(|nibble| DIGITS.get(usize::from(nibble))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_and_format_have_to_be_said() {
        let parse = |arguments: &[&str]| Options::parse(&mut Parser::from_args(arguments)).ok();
        assert!(parse(&["--target", "mips", "--format", "ipk"]).is_some());
        assert!(parse(&["--target", "mips", "--format", "ipk", "--arch", "mips_mips32"]).is_some());
        assert!(parse(&["--target", "aarch64", "--format", "deb", "--arch", "x"]).is_none());
        for arguments in
            [&["--target", "mips"][..], &["--format", "deb"], &["--format", "rpm"], &[]]
        {
            assert!(parse(arguments).is_none(), "{arguments:?}");
        }
    }
}
