//! The task `data`: makes the lists that the agent carries from the public lists they come from.
//!
//! What it makes is committed; builds and tests need no network. The sources are pinned: one by the
//! lock file, the other by its version and checksum, so that the task gives the same lists until
//! somebody decides otherwise here.

mod companies;
mod punycode;
mod suffixes;

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{exec, workspace::Workspace};

/// The list of companies: MIT, from npm.
const COMPANIES: &str = "third-party-web";
const COMPANIES_VERSION: &str = "0.30.0";
const COMPANIES_SHA256: &str = "1ad015c9187d88d6adfe0ab7d5b9febefa7a093b776bdf97d43ba138f4179041";

/// The crate that brings the rules of the public-suffix list, and its own compiled form of them to
/// test against.
const SUFFIXES: &str = "psl";

/// Makes all lists.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::find()?;
    let data = workspace.root().join("monitor/data");
    let write = |name: &str, text: &str| {
        let file = data.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        println!("{}: {} lines", workspace.short(&file).display(), text.lines().count());
        anyhow::Ok(())
    };
    let (rules, version) = suffix_rules(&workspace)?;
    write("public_suffixes.txt", &suffixes::list(&rules, &version)?)?;
    let package = fetch_companies(&workspace)?;
    let entities = read(&package.join("dist/entities-nostats.json"))?;
    write("companies.tsv", &companies::list(&entities, COMPANIES_VERSION)?)?;
    write("LICENSES/third-party-web.txt", &read(&package.join("LICENSE"))?)
}

/// The rules as the crate has them, and its version.
fn suffix_rules(workspace: &Workspace) -> Result<(String, String)> {
    let mut cargo = workspace.cargo("metadata");
    cargo.args(["--format-version=1", "--locked"]).current_dir(workspace.root());
    let metadata: Value = serde_json::from_str(&exec::output(&mut cargo)?)?;
    let packages = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
    let package =
        packages.into_iter().find(|package| package.get("name") == Some(&SUFFIXES.into()));
    let text = |key| package.and_then(|package| package.get(key)).and_then(Value::as_str);
    let manifest = text("manifest_path").context("the workspace has no crate psl")?;
    let version = text("version").context("cargo knows no version of psl")?;
    Ok((read(&Path::new(manifest).with_file_name("data/rules.txt"))?, version.to_owned()))
}

/// Gets the package from the registry that npm is set up for, checks it, and unpacks it.
fn fetch_companies(workspace: &Workspace) -> Result<std::path::PathBuf> {
    let folder = workspace.target().join("data");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut npm = Command::new("npm");
    npm.args(["pack", "--silent", &format!("{COMPANIES}@{COMPANIES_VERSION}")]);
    exec::announce(npm.current_dir(&folder))?;
    let archive = folder.join(format!("{COMPANIES}-{COMPANIES_VERSION}.tgz"));
    let sum = exec::output(Command::new("sha256sum").arg("-b").arg(&archive))?;
    if sum.split_whitespace().next() != Some(COMPANIES_SHA256) {
        bail!("{} is not what was looked at when it was chosen: {sum}", archive.display());
    }
    exec::run(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(&folder))?;
    Ok(folder.join("package"))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}
