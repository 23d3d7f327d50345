//! Alpine's and postmarketOS' recipe, with everything it packs: `abuild` makes the packages of it, with
//! the parts for OpenRC and systemd apart.

use anyhow::{Result, bail};
use sha2::{Digest as _, Sha512};

use super::{Release, sources, tree::Tree};
use crate::cross::Target;

/// Alpine's name for the architecture of a target.
fn arch(target: &Target) -> Result<&'static str> {
    Ok(match target.arch() {
        "riscv64gc" => "riscv64",
        known @ ("x86_64" | "aarch64" | "armv7") => known,
        other => bail!("Alpine has no {other}"),
    })
}

/// The name of the file and its bytes: a folder, packed.
pub(super) fn build(target: &Target, agent: &[u8], release: &Release) -> Result<(String, Vec<u8>)> {
    let arch = arch(target)?;
    let tree = folder(arch, agent, release);
    Ok((format!("sortie-{}-{arch}.apkbuild.tar.gz", release.version), tree.tar_gz(release.time)?))
}

fn folder(arch: &str, agent: &[u8], release: &Release) -> Tree {
    let config = sources::config_with_user();
    let files: [(&str, &[u8]); 10] = [
        ("sortie", agent),
        ("sortie.toml", config.as_bytes()),
        ("sortie.1", sources::MANUAL.as_bytes()),
        ("sortie.initd", sources::ALPINE_INITD.as_bytes()),
        ("sortie.confd", sources::ALPINE_CONFD.as_bytes()),
        ("sortie.service", sources::UNIT.as_bytes()),
        ("sortie.preset", sources::ALPINE_PRESET.as_bytes()),
        ("sortie.bash", sources::BASH.as_bytes()),
        ("_sortie", sources::ZSH.as_bytes()),
        ("sortie.fish", sources::FISH.as_bytes()),
    ];
    let mut tree = Tree::default();
    let mut sums = Vec::new();
    for (name, content) in files {
        let sum = super::hex(&Sha512::digest(content));
        sums.push(format!("{sum}  {name}"));
        let mode = if ["sortie", "sortie.initd"].contains(&name) { 0o755 } else { 0o644 };
        tree.add(&format!("sortie/{name}"), mode, content);
    }
    tree.add("sortie/sortie.pre-install", 0o755, sources::ALPINE_PRE_INSTALL);
    let recipe = sources::ALPINE_APKBUILD
        .replace("@VERSION@", &release.version)
        .replace("@SUMMARY@", sources::SUMMARY)
        .replace("@URL@", super::URL)
        .replace("@ARCH@", arch)
        .replace("@SUMS@", &sums.join("\n"));
    tree.add("sortie/APKBUILD", 0o644, recipe);
    tree
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::{exec, places::fake::Machine};

    #[test]
    fn the_recipe_packs_the_files_beside_it() -> Result<()> {
        let machine = Machine::new("apkbuild")?;
        let (name, bytes) = build(&Target::named("aarch64")?, b"agent", &Release::example())?;
        assert_eq!(name, "sortie-1.2.3-aarch64.apkbuild.tar.gz");
        let tree = Tree::read(&bytes)?;
        assert!(!tree.text("sortie/APKBUILD").contains('@'));
        // OpenRC starts it as root: it becomes the user that the package makes, and no other.
        let users: Vec<_> = ["sortie.toml", "sortie.pre-install"]
            .map(|name| tree.text(&format!("sortie/{name}")))
            .iter()
            .filter_map(|text| {
                let line = text
                    .lines()
                    .find(|line| line.starts_with("user = ") || line.starts_with("adduser -S "))?;
                let word = line.trim_end_matches(" 2>/dev/null").rsplit(' ').next()?;
                Some(word.trim_matches('"').to_owned())
            })
            .collect();
        assert_eq!(users, ["sortie", "sortie"]);
        for (path, file) in tree.iter() {
            machine.file(path, &file.content)?;
        }
        // What abuild does, as far as the recipe itself goes.
        let script = "set -eu; srcdir=$PWD; . ./APKBUILD
            printf '%s\\n' \"$sha512sums\" | grep . | sha512sum --check --quiet
            pkgdir=$PWD/pkg subpkgdir=$PWD/sub; package; systemd
            for file in $source; do test -f \"$file\"; done
            test -f \"$install\"; cd pkg; find . -type f | sort";
        let text = exec::output(
            Command::new("sh").args(["-c", script]).current_dir(machine.at("sortie")),
        )?;
        assert!(
            text.starts_with(
                "./etc/conf.d/sortie\n./etc/init.d/sortie\n./etc/sortie/sortie.toml\n"
            )
        );
        assert!(machine.at("sortie/sub/usr/lib/systemd/system/sortie.service").is_file());
        Ok(())
    }
}
