//! OpenWrt's format up to 24.10: a compressed tar archive of two compressed tar archives
//! (`scripts/ipkg-build` of OpenWrt).

use anyhow::{Result, bail};

use super::{Release, sources, tree::Tree};
use crate::cross::Target;

/// The name OpenWrt has for the commonest devices of a target; `--arch` gives another.
pub(super) fn arch(target: &Target) -> Result<&'static str> {
    Ok(match target.arch() {
        "x86_64" => "x86_64",
        "aarch64" => "aarch64_cortex-a53",
        "armv7" => "arm_cortex-a7_neon-vfpv4",
        "riscv64gc" => "riscv64_generic",
        "mipsel" => "mipsel_24kc",
        "mips" => "mips_24kc",
        other => bail!("OpenWrt has no {other}"),
    })
}

/// Users to be made, each with its group, as `default_postinst` reads it (`add_group_and_user` of
/// `/lib/functions.sh`): ids are found by itself.
pub(super) const USERS: &str = "sortie:sortie";

/// What its package manager runs around installing and removing: all its packages have the same.
const SCRIPT: &str = "#!/bin/sh\n[ \"${IPKG_NO_SCRIPT}\" = \"1\" ] && exit 0\n\
    [ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0\n. ${IPKG_INSTROOT}/lib/functions.sh\n";

/// The name of the file and its bytes.
pub(super) fn build(arch: &str, agent: Vec<u8>, release: &Release) -> Result<(String, Vec<u8>)> {
    let data = data(agent);
    let tar = data.tar(release.time)?;
    let mut control = Tree::default();
    control.add("control", 0o644, fields(arch, release, tar.len()));
    control.add("conffiles", 0o644, "/etc/config/sortie\n");
    control.add("postinst", 0o755, format!("{SCRIPT}default_postinst $0 $@\n"));
    control.add("prerm", 0o755, format!("{SCRIPT}default_prerm $0 $@\n"));
    let mut whole = Tree::default();
    whole.add("debian-binary", 0o644, "2.0\n");
    whole.add("data.tar.gz", 0o644, super::tree::gzip(&tar)?);
    whole.add("control.tar.gz", 0o644, control.tar_gz(release.time)?);
    let name = format!("sortie_{}-r1_{arch}.ipk", release.version);
    Ok((name, whole.tar_gz(release.time)?))
}

/// The files on the router.
pub(super) fn data(agent: Vec<u8>) -> Tree {
    let mut tree = Tree::default();
    tree.add("usr/sbin/sortie", 0o755, agent);
    tree.add("etc/init.d/sortie", 0o755, sources::OPENWRT_INIT);
    tree.add("etc/config/sortie", 0o600, sources::OPENWRT_CONFIG);
    tree.add("usr/share/sortie/uci.sh", 0o644, sources::OPENWRT_UCI);
    tree.add("lib/upgrade/keep.d/sortie", 0o644, sources::OPENWRT_KEEP);
    tree
}

fn fields(arch: &str, release: &Release, bytes: usize) -> String {
    let description = sources::DESCRIPTION;
    format!(
        "Package: sortie\nVersion: {}-r1\nSource: sortie\nLicense: {}\nSection: net\n\
         Maintainer: {}\nArchitecture: {arch}\nInstalled-Size: {bytes}\nRequire-User: {USERS}\n\
         Description: {}\n{description}",
        release.version,
        super::LICENSE,
        super::MAINTAINER,
        sources::SUMMARY,
    )
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;
    use crate::{exec, places::fake::Machine};

    fn example() -> Result<(String, Vec<u8>)> {
        build("mips_24kc", b"agent".to_vec(), &Release::example())
    }

    #[test]
    fn it_holds_what_the_package_manager_looks_for() -> Result<()> {
        let (name, bytes) = example()?;
        assert_eq!(name, "sortie_1.2.3-r1_mips_24kc.ipk");
        let whole = Tree::read(&bytes)?;
        assert_eq!(whole.text("debian-binary"), "2.0\n");
        let inner = |name: &str| whole.get(name).map(|file| Tree::read(&file.content)).transpose();
        let control = inner("control.tar.gz")?.unwrap_or_default();
        for field in [
            "Package: sortie\n",
            "Version: 1.2.3-r1\n",
            "Architecture: mips_24kc\n",
            "Require-User: sortie:sortie\n",
        ] {
            assert!(control.text("control").contains(field), "{field}");
        }
        assert_eq!(control.get("postinst").map(|file| file.mode), Some(0o755));
        let data = inner("data.tar.gz")?.unwrap_or_default();
        assert_eq!(data, super::data(b"agent".to_vec()));
        // What must survive an upgrade of the firmware is there.
        for path in control.text("conffiles").lines().chain(sources::OPENWRT_KEEP.lines()) {
            assert!(data.get(path.trim_start_matches('/')).is_some(), "{path}");
        }
        assert_eq!(example()?.1, bytes);
        Ok(())
    }

    /// As much of OpenWrt's `/lib/functions.sh` as the script takes.
    const FUNCTIONS: &str = "config_get() {
        eval \"local found=\\\"\\$CONFIG_$3\\\"\"
        eval \"$1=\\\"\\${found:-\\$4}\\\"\"
    }
    config_list_foreach() {
        eval \"local all=\\\"\\$CONFIG_LIST_$2\\\"\"
        for item in $all; do $3 \"$item\"; done
    }
    logger() { echo \"$*\" >&2; }\n";

    fn toml(settings: &str) -> Result<String> {
        let machine = Machine::new(&format!("uci-{}", settings.len()))?;
        let script = format!("{FUNCTIONS}{settings}\n{}\nsortie_toml main\n", sources::OPENWRT_UCI);
        let path = machine.file("script", script)?;
        exec::output(Command::new("sh").arg(path))
    }

    #[test]
    fn uci_becomes_the_toml_that_the_agent_reads() -> Result<()> {
        assert_eq!(
            toml("")?,
            "listen = \"127.0.0.1:9917\"\nruntime_dir = \"/var/run/sortie\"\nuser = \"sortie\"\n"
        );
        let text = toml(
            "CONFIG_listen=off; CONFIG_LIST_allowed_hosts='router.lan r'; CONFIG_flows_max=4096\n\
             CONFIG_log_level='in\"fo'; CONFIG_apps_max='1; rm'; CONFIG_user=root",
        )?;
        assert_eq!(
            text,
            "listen = \"\"\nruntime_dir = \"/var/run/sortie\"\nuser = \"root\"\nallowed_hosts = [\"router.lan\", \"r\"]\nlog_level = \"in\\\"fo\"\n\
             flows_max = 4096\n"
        );
        Ok(())
    }

    #[test]
    fn the_service_is_started_with_the_configuration_made_of_uci() -> Result<()> {
        let machine = Machine::new("procd")?;
        let at = |path: &str| machine.at(path).display().to_string();
        machine.file("uci.sh", sources::OPENWRT_UCI)?;
        let init = sources::OPENWRT_INIT
            .replace("/usr/share/sortie/uci.sh", &at("uci.sh"))
            .replace("/var/etc/", &at("etc/"));
        let stubs = "config_load() { :; }
            config_get_bool() { eval \"$1=\\${CONFIG_enabled:-$4}\"; }
            procd_open_instance() { :; }
            procd_close_instance() { echo closed; }
            procd_set_param() { echo \"$*\"; }\n";
        let start = |name: &str, settings: &str| -> Result<String> {
            let script = format!("{FUNCTIONS}{stubs}{settings}\n{init}\nstart_service\n");
            exec::output(Command::new("sh").arg(machine.file(name, script)?))
        };
        let text = start("on", "CONFIG_flows_max=512")?;
        let config = at("etc/sortie.toml");
        assert!(text.starts_with(&format!("command /usr/sbin/sortie run --config {config}\n")));
        assert!(text.contains("respawn 3600 30 5\n") && text.ends_with("closed\n"), "{text}");
        let toml = fs::read_to_string(&config)?;
        assert_eq!(
            toml,
            "listen = \"127.0.0.1:9917\"\nruntime_dir = \"/var/run/sortie\"\nuser = \"sortie\"\n\
             flows_max = 512\n"
        );
        // Which user that is, is the agent's business: procd alone would leave it no right at all.
        let params: Vec<_> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(!params.contains(&"user") && !params.contains(&"capabilities"), "{text}");
        let user = USERS.split(':').next().unwrap_or_default();
        assert!(toml.contains(&format!("user = \"{user}\"")), "{toml}");
        assert_eq!(start("off", "CONFIG_enabled=0")?, "");
        Ok(())
    }

    #[test]
    fn the_scripts_are_shell() -> Result<()> {
        let machine = Machine::new("scripts")?;
        for (name, text) in [
            ("init", sources::OPENWRT_INIT),
            ("uci", sources::OPENWRT_UCI),
            ("postinst", &format!("{SCRIPT}default_postinst $0 $@\n")),
            ("debian", sources::DEBIAN_POSTINST),
            ("prerm", sources::DEBIAN_PRERM),
            ("postrm", sources::DEBIAN_POSTRM),
            ("alpine", sources::ALPINE_INITD),
            ("apkbuild", sources::ALPINE_APKBUILD),
            ("pre-install", sources::ALPINE_PRE_INSTALL),
        ] {
            let path = machine.file(name, text)?;
            exec::run(Command::new("sh").arg("-n").arg(&path))?;
            fs::remove_file(path)?;
        }
        Ok(())
    }
}
