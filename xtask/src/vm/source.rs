//! Kernels with a configuration that Debian's have not, built from Debian's source: what is decisive on a
//! router or a phone is what its kernel lacks.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use super::kernels::Source;
use crate::{exec, install::Installer};

/// Debian's package of the source, and what is in it.
const PACKAGE: &str = "linux-source-6.1";
const ARCHIVE: &str = "usr/src/linux-source-6.1.tar.xz";

/// What building takes beside a compiler: programs, and the packages that bring them.
const TOOLS: [(&str, &str); 5] =
    [("make", "make"), ("flex", "flex"), ("bison", "bison"), ("bc", "bc"), ("xz", "xz-utils")];

/// Builds a kernel, and lays it into a folder. Takes about ten minutes of processor time.
pub(super) fn build(
    installer: &mut Installer<'_>,
    name: &str,
    source: &Source,
    folder: &Path,
) -> Result<()> {
    println!("  building the kernel {name} from source");
    let (workspace, places) = (installer.workspace(), installer.places());
    let (prefix, compiler) = source.cross;
    let gcc = format!("{prefix}gcc");
    installer.programs(&[&TOOLS[..], &[(gcc.as_str(), compiler)]].concat())?;
    let archive = places.root.join(ARCHIVE);
    if !archive.is_file() {
        installer.packages(&[PACKAGE])?;
    }
    let home = workspace.target().join("vm/source");
    let tree = unpack(&archive, &home)?;

    let output = home.join(name);
    fs::create_dir_all(&output).context("cannot write to target/vm")?;
    let config = output.join("all.config");
    let wanted = configuration(&workspace.root().join("xtask/kernel"), source)?;
    fs::write(&config, &wanted).context("cannot write to target/vm")?;
    let make = |target: &str| {
        let mut make = Command::new("make");
        make.arg("-C").arg(&tree).arg(format!("O={}", output.display()));
        make.arg(format!("ARCH={}", source.arch)).arg(format!("CROSS_COMPILE={prefix}"));
        make.arg(format!("KCONFIG_ALLCONFIG={}", config.display())).args(["-s", target]);
        exec::run(&mut make)
    };
    make("allnoconfig")?;
    let settled = fs::read_to_string(output.join(".config")).context("there is no .config")?;
    if let Some(line) = without_effect(&wanted, &settled) {
        bail!("the kernel's own rules leave no effect to: {line}");
    }
    make(source.image.0)?;
    fs::create_dir_all(folder).context("cannot write to target/vm")?;
    fs::copy(output.join(source.image.1), folder.join("vmlinuz")).context("there is no kernel")?;
    Ok(())
}

/// The parts of the configuration, one after the other; everything they do not name is off.
fn configuration(folder: &Path, source: &Source) -> Result<String> {
    let read = |name: &&str| {
        let path = folder.join(format!("{name}.config"));
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    source.configs.iter().map(read).collect()
}

/// The first line that is not so in the finished configuration: what it depends on may be off, or something
/// else turns it on.
fn without_effect<'a>(wanted: &'a str, settled: &str) -> Option<&'a str> {
    let settled: BTreeSet<&str> = settled.lines().collect();
    let is_off = |option: &str| {
        let value = format!("{option}=");
        !settled.iter().any(|line| line.starts_with(&value))
    };
    wanted.lines().find(|line| match line.strip_prefix("# ") {
        Some(rest) => rest.strip_suffix(" is not set").is_some_and(|option| !is_off(option)),
        None => !line.is_empty() && !settled.contains(line),
    })
}

fn unpack(archive: &Path, home: &Path) -> Result<PathBuf> {
    let (tree, partial) = (home.join("linux"), home.join("partial"));
    if !tree.is_dir() {
        drop(fs::remove_dir_all(&partial));
        fs::create_dir_all(&partial).context("cannot write to target/vm")?;
        let mut tar = Command::new("tar");
        tar.arg("-xJf").arg(archive).arg("-C").arg(&partial).arg("--strip-components=1");
        exec::run(&mut tar)?;
        // Last: what is there is complete.
        fs::rename(&partial, &tree).context("cannot write to target/vm")?;
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        vm::kernels::{KERNELS, Origin},
        workspace::Workspace,
    };

    #[test]
    fn an_option_that_is_not_taken_is_found() {
        let settled = "CONFIG_NET=y\n# CONFIG_TUN is not set\nCONFIG_NETWORK=y\n";
        let found = |wanted| without_effect(wanted, settled);
        let kept = "# For all.\nCONFIG_NET=y\n\n# CONFIG_TUN is not set\n# CONFIG_NE is not set\n";
        assert_eq!(found(kept), None);
        assert_eq!(found("CONFIG_NET=y\nCONFIG_TUN=y\n"), Some("CONFIG_TUN=y"));
        assert_eq!(found("# CONFIG_NET is not set"), Some("# CONFIG_NET is not set"));
    }

    #[test]
    fn every_configuration_has_what_the_agent_needs_and_lacks_what_it_does_not() -> Result<()> {
        let folder = Workspace::find()?.root().join("xtask/kernel");
        let mut count = 0;
        for kernel in KERNELS {
            let Origin::Source(source) = kernel.origin else { continue };
            count += 1;
            let text = configuration(&folder, &source)?;
            let lines: Vec<&str> = text.lines().collect();
            for on in ["CGROUP_BPF", "BPF_SYSCALL", "BPF_JIT", "PACKET", "IPV6"] {
                assert!(
                    lines.contains(&format!("CONFIG_{on}=y").as_str()),
                    "{}: {on}",
                    kernel.name
                );
            }
            for off in ["DEBUG_INFO_BTF", "KPROBES", "BPF_LSM", "NET_CLS_BPF"] {
                let line = format!("# CONFIG_{off} is not set");
                assert!(lines.contains(&line.as_str()), "{}: {off}", kernel.name);
            }
        }
        assert_eq!(count, 2);
        Ok(())
    }
}
