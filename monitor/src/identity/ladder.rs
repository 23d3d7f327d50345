//! The ladder: the best name that can be found for a process.

use std::sync::Arc;

use super::cgroup::{self, Place};
use super::desktop::{self, DesktopApp, DesktopIndex};
use super::inherited;
use super::interpreter;
use super::program::Program;
use super::{App, Identity, Kind, Rung, UnknownReason};
use crate::kernel::ProcessFacts;

/// Whose process this is. Total: whatever is missing, the next rung is tried, down to
/// `(unknown:no_name)`.
///
/// The order is that of trust. A container's processes are the container's, whatever they are
/// called; a package manager's unit is named by the system; the environment, the command line and
/// the name are the process's own word.
pub fn resolve(facts: &ProcessFacts, index: &DesktopIndex) -> Identity {
    let exe = facts.exe.as_deref().map(|path| path.to_string_lossy());
    let program = Program::new(exe.as_deref(), &facts.cmdline);
    let place = facts.cgroup.as_deref().map_or(Place::Nowhere, cgroup::place);
    let comm = facts.comm.as_deref().filter(|comm| !comm.is_empty());
    // Some places name only the programs they are there for.
    let named = if is_foreign(&place, program.as_ref(), comm) { &Place::Nowhere } else { &place };

    container(&place, facts, index)
        .or_else(|| flatpak(&place, facts, index))
        .or_else(|| package_or_app(named, index))
        .or_else(|| launched(facts, index))
        .or_else(|| service(named))
        .or_else(|| kernel(facts))
        .or_else(|| desktop_exec(program.as_ref()?, index))
        .or_else(|| script(program.as_ref()?))
        .or_else(|| executable(program.as_ref()?))
        .or_else(|| task(comm, program.as_ref()))
        // Where a process was born is better than nothing.
        .or_else(|| package_or_app(&place, index))
        .or_else(|| service(&place))
        .unwrap_or_else(|| Identity {
            app: App::unknown(UnknownReason::NoName),
            rung: Rung::None,
            name: None,
            icon: None,
        })
}

/// Whether a process runs something else than its place is there for.
fn is_foreign(place: &Place, program: Option<&Program<'_>>, comm: Option<&str>) -> bool {
    /// Bytes the kernel keeps of a task's name.
    const COMM_LENGTH: usize = 15;
    let Some(own) = inherited::own_programs(place) else {
        return false;
    };
    match program {
        Some(program) if program.path.is_some() => {
            !program.is_standard || !own.contains(&program.name)
        }
        _ => !comm.is_some_and(|comm| {
            own.iter().any(|own| own.get(..COMM_LENGTH).unwrap_or(own) == comm)
        }),
    }
}

fn found(kind: Kind, name: &str, rung: Rung, app: Option<&DesktopApp>) -> Identity {
    Identity {
        app: App::named(kind, name),
        rung,
        name: app.and_then(|app| app.name.as_ref()).map(Arc::clone),
        icon: app.and_then(|app| app.icon.as_ref()).map(Arc::clone),
    }
}

fn container(place: &Place, facts: &ProcessFacts, index: &DesktopIndex) -> Option<Identity> {
    let rung = Rung::ContainerCgroup;
    match place {
        Place::Container(id) => Some(found(Kind::Container, id, rung, None)),
        Place::Waydroid => Some(match android_package(facts) {
            Some(package) => {
                let app = index.app(&format!("waydroid.{package}"));
                found(Kind::Android, package, rung, app)
            }
            None => found(Kind::Android, "waydroid", rung, index.app("Waydroid")),
        }),
        _ => None,
    }
}

/// The package of an Android app: its process is named by it, perhaps with `:` and the name of one
/// of several processes. Waydroid maps no user ids.
fn android_package(facts: &ProcessFacts) -> Option<&str> {
    /// Android gives each user a range of ids, and in it those from `FIRST_APP` on to apps
    /// (`android_filesystem_config.h`).
    const USER_RANGE: u32 = 100_000;
    const FIRST_APP: u32 = 10_000;
    if facts.uid? % USER_RANGE < FIRST_APP {
        return None;
    }
    let process = facts.cmdline.first()?;
    let (package, _) = process.split_once(':').unwrap_or((process, ""));
    let is_segment = |segment: &str| {
        segment.starts_with(|first: char| first.is_ascii_alphabetic())
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    (package.contains('.') && package.split('.').all(is_segment)).then_some(package)
}

fn flatpak(place: &Place, facts: &ProcessFacts, index: &DesktopIndex) -> Option<Identity> {
    let id = match (&facts.flatpak_id, place) {
        (Some(id), _) if !id.is_empty() => id,
        (_, Place::Flatpak(id)) => id,
        _ => return None,
    };
    Some(found(Kind::Flatpak, id, Rung::Flatpak, index.app(id)))
}

fn package_or_app(place: &Place, index: &DesktopIndex) -> Option<Identity> {
    match place {
        Place::Snap(id) => {
            // snapd exports `package_app.desktop`.
            let app = index.app(&id.replacen('.', "_", 1));
            Some(found(Kind::Snap, id, Rung::PackageUnit, app))
        }
        Place::Click(id) => Some(found(Kind::Click, id, Rung::PackageUnit, index.click(id))),
        Place::Desktop(id) => Some(found(Kind::Desktop, id, Rung::DesktopUnit, index.app(id))),
        _ => None,
    }
}

fn launched(facts: &ProcessFacts, index: &DesktopIndex) -> Option<Identity> {
    let path = facts.launched_desktop_file.as_deref()?.to_string_lossy();
    let id = desktop::id_of_path(&path)?;
    Some(found(Kind::Desktop, &id, Rung::DesktopEnv, index.app(&id)))
}

fn service(place: &Place) -> Option<Identity> {
    match place {
        Place::Service(name) => Some(found(Kind::Service, name, Rung::ServiceUnit, None)),
        Place::UserService(name) => Some(found(Kind::UserService, name, Rung::ServiceUnit, None)),
        _ => None,
    }
}

/// Its workers send for file systems and tunnels, under names that change by the minute.
fn kernel(facts: &ProcessFacts) -> Option<Identity> {
    facts.kernel_thread.then(|| Identity {
        app: App::kernel(),
        rung: Rung::None,
        name: None,
        icon: None,
    })
}

fn desktop_exec(program: &Program<'_>, index: &DesktopIndex) -> Option<Identity> {
    let key = if interpreter::is_interpreter(program.name) {
        // Another file of the same name may lie anywhere.
        interpreter::absolute_script_id(program)?
    } else {
        program.id()?
    };
    let (id, app) = index.by_program(&key)?;
    Some(found(Kind::Desktop, id, Rung::DesktopExec, Some(app)))
}

fn script(program: &Program<'_>) -> Option<Identity> {
    let id = interpreter::script_id(program)?;
    Some(found(Kind::Script, &id, Rung::Script, None))
}

fn executable(program: &Program<'_>) -> Option<Identity> {
    program.id().map(|id| found(Kind::Executable, &id, Rung::Executable, None))
}

/// The name of the task; where even that is missing, what the command line says.
fn task(comm: Option<&str>, program: Option<&Program<'_>>) -> Option<Identity> {
    let name = comm.or(program.map(|program| program.name))?;
    Some(found(Kind::Comm, name, Rung::Comm, None))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::MAX_ID_BYTES;
    use crate::kernel::applications::{DesktopFile, Origin};

    fn facts(cgroup: &str, exe: &str, cmdline: &str) -> ProcessFacts {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ProcessFacts {
            pid: 42,
            cgroup: some(cgroup),
            exe: some(exe).map(Into::into),
            comm: exe.rsplit('/').next().and_then(some),
            cmdline: cmdline
                .split(' ')
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
            uid: Some(1000),
            ..ProcessFacts::default()
        }
    }

    fn index() -> DesktopIndex {
        [
            ("firefox", "Name=Firefox\nIcon=firefox\nExec=firefox %u"),
            ("firefox_firefox", "Name=Firefox Snap\nExec=/snap/bin/firefox"),
            ("org.gnome.Music", "Name=Music\nExec=gnome-music"),
            ("org.x.Y", "Name=Why\nIcon=y\nExec=flatpak run org.x.Y"),
            ("waydroid.com.whatsapp", "Name=WhatsApp\nExec=waydroid app launch com.whatsapp"),
            ("Waydroid", "Name=Waydroid\nExec=waydroid show-full-ui"),
            ("a.b_c_1.0", "Name=Click\nExec=qmlscene"),
        ]
        .into_iter()
        .map(|(id, text)| DesktopFile {
            id: id.into(),
            text: format!("[Desktop Entry]\n{text}\n"),
            origin: Origin::System,
        })
        .collect()
    }

    /// Kind, id, rung and name of what is resolved.
    fn check(facts: &ProcessFacts, expected: (Kind, &str, Rung, Option<&str>)) {
        let found = resolve(facts, &index());
        let found_parts = (found.app.kind, &*found.app.id, found.rung, found.name.as_deref());
        assert_eq!(found_parts, expected, "{facts:?}");
    }

    const USER: &str = "/user.slice/user-1000.slice/user@1000.service";
    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn containers_come_first() {
        let docker = format!("/system.slice/docker-{HEX}.scope");
        let container = (Kind::Container, "0123456789ab", Rung::ContainerCgroup, None);
        let mut facts = facts(&docker, "/usr/bin/firefox", "firefox");
        check(&facts, container);
        facts.flatpak_id = Some("org.x.Y".into());
        check(&facts, container);
        facts.cgroup = Some("/lxc.payload.deb/system.slice/ssh.service".into());
        check(&facts, (Kind::Container, "deb", Rung::ContainerCgroup, None));
    }

    #[test]
    fn android_apps_are_their_package() {
        let app = |uid, title: &str| ProcessFacts {
            uid: Some(uid),
            ..facts("/lxc.payload.waydroid", "/system/bin/app_process64", title)
        };
        let whatsapp = (Kind::Android, "com.whatsapp", Rung::ContainerCgroup, Some("WhatsApp"));
        let waydroid = (Kind::Android, "waydroid", Rung::ContainerCgroup, Some("Waydroid"));
        check(&app(10_123, "com.whatsapp"), whatsapp);
        check(&app(110_123, "com.whatsapp:push"), whatsapp);
        check(&app(99_001, "a.b:x:c"), (Kind::Android, "a.b", Rung::ContainerCgroup, None));
        check(&app(1001, "com.android.phone"), waydroid);
        check(&app(100_000, "com.android.phone"), waydroid);
        check(&app(10_123, "zygote64"), waydroid);
        check(&app(10_123, "/system/bin/x.y"), waydroid);
        check(&app(10_123, "a..b"), waydroid);
        check(&app(10_123, ""), waydroid);
        check(&ProcessFacts { uid: None, ..app(0, "com.whatsapp") }, waydroid);
    }

    #[test]
    fn packages_and_apps_by_their_unit() {
        let unit = |unit: &str| facts(&format!("{USER}/app.slice/{unit}"), "/usr/bin/x", "x");
        let flatpak = (Kind::Flatpak, "org.x.Y", Rung::Flatpak, Some("Why"));
        check(&unit("app-flatpak-org.x.Y-1234.scope"), flatpak);
        check(&ProcessFacts { flatpak_id: Some("org.x.Y".into()), ..unit("x.scope") }, flatpak);
        check(
            &unit("snap.firefox.firefox-1b4e28ba-2fa1-11d2-883f-0016d3cca427.scope"),
            (Kind::Snap, "firefox.firefox", Rung::PackageUnit, Some("Firefox Snap")),
        );
        check(
            &unit("lomiri-app-launch--application-click--a.b_c_1.0--.service"),
            (Kind::Click, "a.b_c", Rung::PackageUnit, Some("Click")),
        );
        check(
            &unit("app-gnome-firefox-12.scope"),
            (Kind::Desktop, "firefox", Rung::DesktopUnit, Some("Firefox")),
        );
        check(
            &unit(r"app-org.kde.a\x2db@autostart.service"),
            (Kind::Desktop, "org.kde.a-b", Rung::DesktopUnit, None),
        );
        check(
            &unit("dbus-:1.2-org.gnome.Foo@0.service"),
            (Kind::Desktop, "org.gnome.Foo", Rung::DesktopUnit, None),
        );
        // Without anything but the cgroup.
        let gone = ProcessFacts {
            cgroup: Some(format!("{USER}/app.slice/app-gnome-firefox-12.scope")),
            ..ProcessFacts::default()
        };
        check(&gone, (Kind::Desktop, "firefox", Rung::DesktopUnit, Some("Firefox")));
    }

    #[test]
    fn the_environment_stands_between_app_and_service() {
        let launched = |cgroup: &str, file: &str| ProcessFacts {
            launched_desktop_file: Some(file.into()),
            ..facts(cgroup, "/usr/bin/x", "x")
        };
        let firefox = "/usr/share/applications/firefox.desktop";
        let expected = (Kind::Desktop, "firefox", Rung::DesktopEnv, Some("Firefox"));
        check(&launched("/c1", firefox), expected);
        check(&launched("/openrc.x", firefox), expected);
        check(&launched(&format!("{USER}/app.slice/app-a.scope"), firefox), expected);
        check(
            &launched(&format!("{USER}/app.slice/app-a-1.scope"), firefox),
            (Kind::Desktop, "a", Rung::DesktopUnit, None),
        );
        check(&launched("/c1", "no"), (Kind::Executable, "x", Rung::Executable, None));
    }

    #[test]
    fn services_by_their_cgroup() {
        let check = |cgroup: &str, kind, id: &str| {
            check(&facts(cgroup, "/usr/sbin/x", "x"), (kind, id, Rung::ServiceUnit, None));
        };
        check("/system.slice/ModemManager.service", Kind::Service, "ModemManager");
        check("/services/dnsmasq/cfg01411c", Kind::Service, "dnsmasq");
        check("/openrc.chronyd", Kind::Service, "chronyd");
        check(&format!("{USER}/session.slice/pipewire.service"), Kind::UserService, "pipewire");
    }

    #[test]
    fn a_service_that_starts_others_names_only_itself() {
        let service = |id| (Kind::Service, id, Rung::ServiceUnit, None);
        let executable = |id| (Kind::Executable, id, Rung::Executable, None);
        let dropbear = "/services/dropbear/instance1";
        check(&facts(dropbear, "/usr/sbin/dropbear", "/usr/sbin/dropbear -F"), service("dropbear"));
        check(&facts(dropbear, "/usr/sbin/dropbear", "ssh host"), executable("ssh"));
        check(&facts(dropbear, "/bin/busybox", "wget http://x"), executable("wget"));
        check(&facts(dropbear, "/tmp/dropbear", "dropbear"), executable("/tmp/dropbear"));
        check(
            &facts(dropbear, "/bin/busybox", "ash /root/x.sh"),
            (Kind::Script, "/root/x.sh", Rung::Script, None),
        );
        check(&facts("/services/cron/instance1", "/bin/busybox", "crond -f"), service("cron"));
        check(&facts("/services/network/instance1", "/sbin/netifd", ""), service("network"));
        check(
            &facts("/services/network/instance1", "/bin/busybox", "udhcpc"),
            executable("udhcpc"),
        );
        check(
            &facts("/system.slice/ssh.service", "/usr/lib/openssh/sshd-session", ""),
            service("ssh"),
        );
        check(&facts("/system.slice/cron.service", "/usr/bin/curl", "curl"), executable("curl"));
        check(
            &facts(&format!("{USER}/session.slice/dbus.service"), "/usr/bin/a", ""),
            executable("a"),
        );
        // Only the kernel's record is left.
        let gone = |comm: &str| ProcessFacts {
            comm: Some(comm.into()),
            cgroup: Some(dropbear.into()),
            ..ProcessFacts::default()
        };
        check(&gone("dropbear"), service("dropbear"));
        check(&gone("wget"), (Kind::Comm, "wget", Rung::Comm, None));
        check(&gone(""), service("dropbear"));
    }

    #[test]
    fn a_terminal_names_only_itself() {
        let scope = format!("{USER}/app.slice/app-gnome-org.gnome.Console-77.scope");
        let console = (Kind::Desktop, "org.gnome.Console", Rung::DesktopUnit, None);
        check(&facts(&scope, "/usr/bin/kgx", "kgx"), console);
        check(
            &facts(&scope, "/usr/bin/curl", "curl x"),
            (Kind::Executable, "curl", Rung::Executable, None),
        );
        check(
            &facts(&scope, "/usr/lib/firefox/firefox", "firefox"),
            (Kind::Desktop, "firefox", Rung::DesktopExec, Some("Firefox")),
        );
        let scope = format!("{USER}/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1.scope");
        check(
            &facts(&scope, "/usr/bin/curl", ""),
            (Kind::Executable, "curl", Rung::Executable, None),
        );
    }

    #[test]
    fn processes_outside_of_units() {
        let executable = |id| (Kind::Executable, id, Rung::Executable, None);
        let music = (Kind::Desktop, "org.gnome.Music", Rung::DesktopExec, Some("Music"));
        let firefox = (Kind::Desktop, "firefox", Rung::DesktopExec, Some("Firefox"));
        check(&facts("/c1", "/usr/lib/firefox/firefox", "firefox"), firefox);
        check(&facts("/c1", "/tmp/firefox", "firefox"), executable("/tmp/firefox"));
        check(&facts("/c1", "/usr/bin/python3.11", "/usr/bin/python3 /usr/bin/gnome-music"), music);
        check(
            &facts("/c1", "/usr/bin/python3.11", "python3 gnome-music"),
            (Kind::Script, "gnome-music", Rung::Script, None),
        );
        check(
            &facts("/c1", "/tmp/python3", "python3 /usr/bin/gnome-music"),
            (Kind::Script, "/usr/bin/gnome-music", Rung::Script, None),
        );
        check(&facts("/c1", "/usr/bin/python3.11", "python3"), executable("python3.11"));
        check(&facts("/", "/usr/bin/curl", "wget"), executable("curl"));
        let worker = ProcessFacts {
            kernel_thread: true,
            comm: Some("kworker/0:1".into()),
            ..facts("/", "", "")
        };
        check(&worker, (Kind::Kernel, "(kernel)", Rung::None, None));
    }

    #[test]
    fn little_is_better_than_nothing() {
        let unread = |comm: &str, cmdline: &str| ProcessFacts {
            comm: (!comm.is_empty()).then(|| comm.to_owned()),
            ..facts("/", "", cmdline)
        };
        check(&unread("curl", "curl x"), (Kind::Comm, "curl", Rung::Comm, None));
        check(&unread("", "/usr/bin/curl x"), (Kind::Comm, "curl", Rung::Comm, None));
        check(
            &unread("x.py", "python3 /srv/x.py"),
            (Kind::Script, "/srv/x.py", Rung::Script, None),
        );
        check(&unread("", ""), (Kind::Unknown, "(unknown:no_name)", Rung::None, None));
        check(&ProcessFacts::default(), (Kind::Unknown, "(unknown:no_name)", Rung::None, None));
    }

    #[test]
    fn hostile_names_are_tamed() {
        let check = |comm: &str, expected: &str| {
            let facts = ProcessFacts { comm: Some(comm.into()), ..ProcessFacts::default() };
            check(&facts, (Kind::Comm, expected, Rung::Comm, None));
        };
        check("(kernel)", "‹(kernel)");
        check("(unknown:gone)", "‹(unknown:gone)");
        check("a\nb\u{202e}c", "a\u{fffd}b\u{fffd}c");
        check(&"x".repeat(500), &format!("{}…", "x".repeat(125)));
        let unit = r"/system.slice/\x28kernel\x29\x0a.service";
        let facts = ProcessFacts { cgroup: Some(unit.into()), ..ProcessFacts::default() };
        let found = resolve(&facts, &index());
        assert_eq!(&*found.app.id, "‹(kernel)\u{fffd}");
    }

    /// Words that reach deep into the parsers, between arbitrary ones.
    fn words() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            3 => r"\PC{0,12}",
            1 => any::<String>(),
            2 => Just(HEX.to_owned()),
            8 => proptest::sample::select(vec![
                "/", "app-", "-", "@", ".", ".scope", ".service", ".slice", "snap.", "docker-",
                "lxc.payload", "user@1000.service", "services", "openrc.", "/usr/bin/", "python3",
                "busybox", "java", "-m", "-jar", "electron", "/app.asar", r"\x2d", r"\x", "dbus-:",
                "lomiri-app-launch--application-click--", "é", "(", "/applications/", ".desktop",
                "/tmp/.mount_", "/snap/", "flatpak-", "machine-", "gnome-launched-", "_",
            ])
            .prop_map(str::to_owned),
        ];
        proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    fn any_facts() -> impl Strategy<Value = ProcessFacts> {
        let maybe = || proptest::option::of(words());
        let cmdline = proptest::collection::vec(words(), 0..5);
        (maybe(), maybe(), maybe(), maybe(), maybe(), cmdline, any::<Option<u32>>()).prop_map(
            |(cgroup, exe, comm, flatpak_id, launched, cmdline, uid)| ProcessFacts {
                exe: exe.map(Into::into),
                launched_desktop_file: launched.map(Into::into),
                cgroup,
                comm,
                flatpak_id,
                cmdline,
                uid,
                ..ProcessFacts::default()
            },
        )
    }

    proptest! {
        #[test]
        fn ids_are_always_bounded(facts in any_facts(), id in words(), text in words()) {
            let file = DesktopFile {
                id,
                text: format!("[Desktop Entry]\nName={text}\nExec={text}\n"),
                origin: Origin::System,
            };
            let found = resolve(&facts, &std::iter::once(file).collect());
            let id = &*found.app.id;
            prop_assert!(!id.is_empty() && id.len() <= MAX_ID_BYTES, "{id:?}");
            prop_assert!(!id.contains(char::is_control));
            prop_assert_eq!(id.starts_with('('), found.rung == Rung::None);
        }
    }
}
