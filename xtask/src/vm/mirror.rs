//! Debian's kernels, fetched with a configuration of apt's of its own: the machine's own lists of
//! packages, and what is installed, stay as they are.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::kernels::{KERNELS, Origin, Packed};
use crate::{exec, places::Places, workspace::Workspace};

/// What signs Debian's lists.
const KEYRING: &str = "usr/share/keyrings/debian-archive-keyring.gpg";

/// The private apt.
#[derive(Debug)]
pub(super) struct Mirror {
    folder: PathBuf,
    get: PathBuf,
}

/// A package that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    name: String,
    debian: &'static str,
    version: String,
}

impl Mirror {
    /// Sets the configuration up and reads the lists.
    pub(super) fn open(places: &Places, workspace: &Workspace) -> Result<Self> {
        let get = places
            .program("apt-get")
            .context("kernels come from Debian, and there is no apt-get here")?;
        let mirror = Self { folder: workspace.target().join("vm/apt"), get };
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(mirror.folder.join(folder)).context("cannot write to target/vm")?;
        }
        fs::write(mirror.folder.join("status"), "").context("cannot write to target/vm")?;
        let uri = own(&mirror.get)?;
        fs::write(mirror.folder.join("sources.list"), sources(&uri, &places.root.join(KEYRING)))
            .context("cannot write to target/vm")?;
        mirror.update();
        Ok(mirror)
    }

    /// Reads the lists. One that cannot be had at this moment is missed only by those who need it.
    fn update(&self) {
        println!("  reading Debian's lists of kernels");
        for _ in 0..2 {
            match exec::run(self.command().args(["-qq", "update"])) {
                Ok(()) => return,
                Err(error) => println!("  {error:#}"),
            }
        }
        println!("  going on with the lists there are");
    }

    /// The packages of a kernel, the newest of its series.
    pub(super) fn packages(&self, kernel: &Packed) -> Result<Vec<Package>> {
        let format = "$(FILENAME)";
        let of = [
            format!("Codename: {}", kernel.suite),
            format!("Architecture: {}", kernel.debian),
            "Created-By: Packages".to_owned(),
        ];
        let files =
            exec::output(self.command().args(["indextargets", "--format", format]).args(of))?;
        let mut list = String::new();
        for file in files.lines() {
            list +=
                &exec::output(Command::new("/usr/lib/apt/apt-helper").args(["cat-file", file]))?;
        }
        kernel
            .packages
            .iter()
            .map(|beginning| {
                newest(&list, beginning, kernel).with_context(|| {
                    format!("Debian's {} has no {beginning}*-{}", kernel.suite, kernel.flavour)
                })
            })
            .collect()
    }

    /// Fetches packages, all at once, since each call reads all lists; gives the files.
    pub(super) fn fetch(&self, packages: &[Package]) -> Result<Vec<PathBuf>> {
        let folder = self.folder.join("debs");
        fs::create_dir_all(&folder).context("cannot write to target/vm")?;
        let absent: Vec<String> = packages
            .iter()
            .filter(|package| file_of(&folder, package).is_err())
            .map(|package| format!("{}:{}={}", package.name, package.debian, package.version))
            .collect();
        if !absent.is_empty() {
            let mut command = self.command();
            command.current_dir(&folder).args(["-qq", "download"]).args(&absent);
            exec::run(&mut command).context("kernels cannot be fetched; is there a network?")?;
        }
        packages.iter().map(|package| file_of(&folder, package)).collect()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.get);
        let at = |name: &str| self.folder.join(name).display().to_string();
        let mut options = vec![
            format!("Dir::Etc::SourceList={}", at("sources.list")),
            "Dir::Etc::SourceParts=/dev/null".to_owned(),
            format!("Dir::State::Lists={}", at("lists")),
            format!("Dir::State::status={}", at("status")),
            format!("Dir::Cache={}", at("cache")),
            "Acquire::Languages=none".to_owned(),
            // Of no use here, and as large as the lists themselves.
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            // The folder belongs to whoever builds.
            "APT::Sandbox::User=".to_owned(),
        ];
        options.extend(architectures().iter().map(|name| format!("APT::Architectures::={name}")));
        command.args(options.iter().flat_map(|option| ["-o", option]));
        command
    }
}

/// A line for sources.list(5): a suite, from where the machine's own packages come.
pub(super) fn line(places: &Places, suite: &str) -> Result<String> {
    let get = places.program("apt-get").context("there is no apt-get here")?;
    let keyring = places.root.join(KEYRING);
    Ok(format!("deb [signed-by={}] {} {suite} main", keyring.display(), own(&get)?))
}

fn own(get: &Path) -> Result<String> {
    let format = "$(ORIGIN) $(REPO_URI)";
    let targets = ["indextargets", "--format", format, "Created-By: Packages"];
    let own = exec::output(Command::new(get).args(targets))?;
    debian(&own).context("this machine has no source of Debian's packages")
}

/// Where the machine's own packages of Debian come from, security updates aside.
fn debian(targets: &str) -> Option<String> {
    targets.lines().find_map(|line| {
        let uri = line.strip_prefix("Debian ")?.trim();
        uri.trim_end_matches('/').ends_with("/debian").then(|| uri.to_owned())
    })
}

/// Every kernel that Debian packs.
fn packed() -> impl Iterator<Item = Packed> {
    KERNELS.iter().filter_map(|kernel| match kernel.origin {
        Origin::Packed(packed) => Some(packed),
        Origin::Source(_) => None,
    })
}

fn architectures() -> Vec<&'static str> {
    let mut names: Vec<_> = packed().map(|kernel| kernel.debian).collect();
    names.dedup();
    names
}

/// Only the lists that some kernel is in: each is nine megabytes.
fn sources(uri: &str, keyring: &Path) -> String {
    let mut suites: Vec<&str> = packed().map(|kernel| kernel.suite).collect();
    suites.sort_unstable();
    suites.dedup();
    let line = |suite: &str| {
        let of = packed().filter(|kernel| kernel.suite == suite);
        let architectures = of.map(|kernel| kernel.debian).collect::<Vec<_>>().join(",");
        let keyring = keyring.display();
        format!("deb [arch={architectures} signed-by={keyring}] {uri} {suite} main\n")
    };
    suites.into_iter().map(line).collect()
}

/// The newest package of a kernel in a list, by the numbers in its version.
fn newest(list: &str, beginning: &str, kernel: &Packed) -> Option<Package> {
    let end = format!("-{}", kernel.flavour);
    let package = |paragraph: &str| {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name));
        let name = field("Package: ")?;
        let middle = name.strip_prefix(beginning)?.strip_suffix(&end)?;
        // "6.1.0-50-rt-armmp" is another flavour.
        let is_version =
            middle.split(['-', '.']).all(|part| part.starts_with(|c: char| c.is_ascii_digit()));
        is_version.then(|| Package {
            name: name.to_owned(),
            debian: kernel.debian,
            version: field("Version: ").unwrap_or_default().to_owned(),
        })
    };
    list.split("\n\n").filter_map(package).max_by_key(|package| numbers(&package.version))
}

fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

/// The file of a package; apt writes the colon of an epoch as `%3a`.
fn file_of(folder: &Path, package: &Package) -> Result<PathBuf> {
    let version = package.version.replace(':', "%3a");
    let path = folder.join(format!("{}_{version}_{}.deb", package.name, package.debian));
    if !path.is_file() {
        bail!("{} was not fetched", path.display());
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::kernels::named;

    #[test]
    fn the_newest_of_a_series_and_flavour_is_taken() -> Result<()> {
        let paragraph =
            |name: &str, version: &str| format!("Package: {name}\nVersion: {version}\n\n");
        let list = [
            paragraph("linux-image-6.1.0-9-armmp", "6.1.9-1"),
            paragraph("linux-image-6.1.0-50-armmp", "6.1.170-1"),
            paragraph("linux-image-6.1.0-51-rt-armmp", "6.1.171-1"),
            paragraph("linux-image-6.1.0-52-armmp-dbg", "6.1.172-1"),
            paragraph("linux-image-6.12.0-1-armmp", "6.12.1-1"),
        ]
        .concat();
        let Origin::Packed(kernel) = named("armv7-6.1")?.remove(0).kernel.origin else {
            anyhow::bail!("not packed");
        };
        let found = newest(&list, "linux-image-6.1.", &kernel).map(|package| package.name);
        assert_eq!(found.as_deref(), Some("linux-image-6.1.0-50-armmp"));
        assert_eq!(newest("", "linux-image-6.1.", &kernel), None);
        Ok(())
    }

    #[test]
    fn the_mirror_is_the_machine_s_own() {
        let own =
            "Other http://one/x/\nDebian http://two/debian-security/\nDebian http://two/debian/\n";
        assert_eq!(debian(own).as_deref(), Some("http://two/debian/"));
        assert_eq!(debian("Ubuntu http://two/ubuntu/\n"), None);
        let text = sources("http://two/debian/", Path::new("/k"));
        assert!(
            text.contains("deb [arch=amd64,arm64 signed-by=/k] http://two/debian/ bullseye main\n")
        );
        assert!(text.contains("[arch=amd64,arm64,armhf,mipsel "), "{text}");
    }
}
