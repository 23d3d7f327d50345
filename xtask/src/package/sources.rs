//! The files that packages are made of, beside the agent.

use super::tree::Tree;

macro_rules! source {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/package/", $path))
    };
}

pub(super) const MANUAL: &str = source!("sortie.1");
pub(super) const BASH: &str = source!("completions/sortie.bash");
pub(super) const ZSH: &str = source!("completions/_sortie");
pub(super) const FISH: &str = source!("completions/sortie.fish");
pub(super) const OPENWRT_INIT: &str = source!("openwrt/sortie.init");
pub(super) const OPENWRT_UCI: &str = source!("openwrt/uci.sh");
pub(super) const OPENWRT_CONFIG: &str = source!("openwrt/sortie.config");
pub(super) const OPENWRT_KEEP: &str = source!("openwrt/keep.d");
pub(super) const UNIT: &str = source!("debian/sortie.service");
pub(super) const SYSUSERS: &str = source!("debian/sysusers.conf");
pub(super) const DEBIAN_POSTINST: &str = source!("debian/postinst");
pub(super) const DEBIAN_PRERM: &str = source!("debian/prerm");
pub(super) const DEBIAN_POSTRM: &str = source!("debian/postrm");
pub(super) const DEBIAN_COPYRIGHT: &str = source!("debian/copyright");
pub(super) const ALPINE_APKBUILD: &str = source!("alpine/APKBUILD");
pub(super) const ALPINE_INITD: &str = source!("alpine/sortie.initd");
pub(super) const ALPINE_CONFD: &str = source!("alpine/sortie.confd");
pub(super) const ALPINE_PRE_INSTALL: &str = source!("alpine/sortie.pre-install");
pub(super) const ALPINE_PRESET: &str = source!("alpine/sortie.preset");
/// The commented configuration that the agent's own package has.
pub(super) const CONFIG: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../monitor/sortie.toml"));

/// The same for services that are started as root and not as the user of the package.
pub(super) fn config_with_user() -> String {
    CONFIG.replacen("#user = \"\"", &format!("user = \"{USER}\""), 1)
}

/// The user that packages make for the service, and its group.
pub(super) const USER: &str = "sortie";

/// One line about the program.
pub(super) const SUMMARY: &str =
    "Shows which app sends how much, to whom, how often and since when";

/// The same at length, as the fields of Debian's kind want it: each line begins with a space.
pub(super) const DESCRIPTION: &str = " Small eBPF programs count every socket's bytes, however short the process\n \
    lives; an agent tells them by app, in a terminal and to Prometheus. It\n \
    stores no content and sends nothing.\n";

/// The manual and what shells know about the command.
pub(super) fn add_help(tree: &mut Tree, manual: Vec<u8>) {
    tree.add("usr/share/man/man1/sortie.1.gz", 0o644, manual);
    tree.add("usr/share/bash-completion/completions/sortie", 0o644, BASH);
    tree.add("usr/share/fish/vendor_completions.d/sortie.fish", 0o644, FISH);
    tree.add("usr/share/zsh/vendor-completions/_sortie", 0o644, ZSH);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The agent's own table of options, as text: it is compiled for other machines.
    const OPTIONS: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../monitor/src/cli/args/options.rs"));
    const KEYS: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../monitor/CONFIGURATION.md"));

    #[test]
    fn every_option_is_in_the_manual_and_the_completions() {
        let names: Vec<&str> = OPTIONS
            .split("Opt {")
            .filter_map(|part| part.split("name: \"").nth(1)?.split('"').next())
            .collect();
        assert!(names.len() > 4, "{names:?}");
        for name in names {
            let dashes = format!("--{name}");
            assert!(MANUAL.replace('\\', "").contains(&dashes), "{name}");
            assert!(BASH.contains(&dashes) && ZSH.contains(&dashes), "{name}");
            assert!(FISH.contains(&format!("-l {name} ")), "{name}");
        }
    }

    #[test]
    fn every_key_of_the_configuration_can_be_set_on_a_router() {
        let rows = KEYS.lines().filter_map(|line| line.strip_prefix("| [`")?.split('`').next());
        let keys: Vec<&str> = rows.collect();
        assert!(keys.len() > 8, "{keys:?}");
        for key in keys {
            assert!(OPENWRT_UCI.contains(key), "{key}");
        }
    }
}
