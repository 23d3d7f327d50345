//! What a path in the cgroup2 tree names.

use super::unit::{self, Launched};

/// What a cgroup names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The container of Waydroid.
    Waydroid,
    /// A container, by the first 12 digits of its id or by its name.
    Container(String),
    /// A Flatpak, by its application id.
    Flatpak(String),
    /// A snap, `package.app`.
    Snap(String),
    /// A click, `package_app`.
    Click(String),
    /// A desktop app, by the id of its desktop file.
    Desktop(String),
    /// A service of the system.
    Service(String),
    /// A service of a user's systemd.
    UserService(String),
    /// Nothing: a login session, a terminal's scope, the root.
    Nowhere,
}

/// Reads a cgroup path, `/` and components. A container counts wherever it stands in the path, the
/// outermost first, since what is below it was named inside; else the component nearest the process
/// that names something decides.
pub(super) fn place(path: &str) -> Place {
    let components: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    container(&components)
        .or_else(|| init_service(&components))
        .unwrap_or_else(|| systemd_unit(&components))
}

fn container(components: &[&str]) -> Option<Place> {
    let named = |name: &str| match name.strip_prefix("waydroid") {
        // LXC appends a number while a predecessor of that name is still being removed.
        Some(rest) if rest.is_empty() || rest.strip_prefix('-').is_some_and(is_number) => {
            Place::Waydroid
        }
        _ => Place::Container(name.to_owned()),
    };
    components.iter().enumerate().find_map(|(at, component)| {
        let next = components.get(at + 1);
        if let Some(rest) = component.strip_prefix("lxc.payload") {
            return match rest.strip_prefix('.') {
                Some(name) if !name.is_empty() => Some(named(name)),
                _ => next.map(|name| named(name)),
            };
        }
        if at == 0 && *component == "lxc" {
            return next.map(|name| named(name));
        }
        container_id(component)
            .map(|id| id.chars().take(SHORT_ID_LENGTH).collect())
            .or_else(|| machine(component))
            .map(Place::Container)
    })
}

/// Digits of a container's id, whole and as its tools show it.
const ID_LENGTH: usize = 64;
const SHORT_ID_LENGTH: usize = 12;

/// What stands before the id in the names of runtimes. The scope of `conmon`, which watches a
/// container from outside, is none of them.
const RUNTIMES: [&str; 7] =
    ["docker", "libpod", "libpod-payload", "cri-containerd", "crio", "nerdctl", "buildkit"];

/// `RUNTIME-ID.scope`, `SLICE:RUNTIME:ID`, or the bare id of the cgroupfs drivers (`/docker/ID`,
/// `/kubepods/pod/ID`).
fn container_id(component: &str) -> Option<&str> {
    let name = component.strip_suffix(".scope").unwrap_or(component);
    let (runtime, id) = match name.rsplit_once(['-', ':']) {
        Some((runtime, id)) => (Some(runtime.rsplit(':').next().unwrap_or(runtime)), id),
        None => (None, name),
    };
    let is_id = id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && runtime.is_none_or(|runtime| RUNTIMES.contains(&runtime))).then_some(id)
}

/// A machine of systemd-machined or systemd-nspawn, except the virtual ones: their traffic is that
/// of an emulator.
fn machine(component: &str) -> Option<String> {
    let name = match component.strip_prefix("machine-") {
        Some(scope) => scope.strip_suffix(".scope")?,
        None => component.strip_prefix("systemd-nspawn@")?.strip_suffix(".service")?,
    };
    let name = unit::unescape(name);
    (!name.is_empty() && !name.starts_with("qemu-")).then_some(name)
}

/// procd's `/services/NAME/INSTANCE` and `OpenRC`'s `/openrc.NAME`, which only root makes.
fn init_service(components: &[&str]) -> Option<Place> {
    let name = match components {
        ["services", name, ..] => name,
        [first, ..] => first.strip_prefix("openrc.")?,
        [] => return None,
    };
    (!name.is_empty()).then(|| Place::Service(name.to_owned()))
}

fn systemd_unit(components: &[&str]) -> Place {
    for (at, component) in components.iter().enumerate().rev() {
        let by_user = components[..at].iter().any(|above| is_user_manager(above));
        if let Some(place) = named_unit(component, by_user) {
            return place;
        }
        // Sessions, terminals, systemd itself and runs without a name: nothing above says more.
        if [".scope", ".service"].iter().any(|kind| component.ends_with(kind)) {
            return Place::Nowhere;
        }
    }
    Place::Nowhere
}

fn named_unit(unit: &str, by_user: bool) -> Option<Place> {
    if let Some(app) = unit::app(unit) {
        let is_flatpak = app.launcher == Some("flatpak");
        return Some(if is_flatpak { Place::Flatpak(app.id) } else { Place::Desktop(app.id) });
    }
    if let Some(launched) = unit::lomiri(unit) {
        return Some(match launched {
            Launched::Click(id) => Place::Click(id),
            Launched::Desktop(id) => Place::Desktop(id),
        });
    }
    if is_user_manager(unit) {
        return None;
    }
    let service = if by_user { Place::UserService } else { Place::Service };
    let activated = if by_user { Place::Desktop } else { Place::Service };
    unit::snap(unit)
        .map(Place::Snap)
        .or_else(|| unit::flatpak(unit).map(Place::Flatpak))
        .or_else(|| unit::gnome_launched(unit).map(Place::Desktop))
        // The bus name of an app is the id of its desktop file (Desktop Entry Specification).
        .or_else(|| unit::dbus_activated(unit).map(activated))
        .or_else(|| unit::service(unit).map(service))
}

fn is_user_manager(unit: &str) -> bool {
    unit.strip_prefix("user@").and_then(|rest| rest.strip_suffix(".service")).is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const APPS: &str = "/user.slice/user-1000.slice/user@1000.service/app.slice";

    fn check(path: &str, expected: &Place) {
        assert_eq!(place(path), *expected, "{path}");
    }

    fn container(id: &str) -> Place {
        Place::Container(id.into())
    }

    fn service(name: &str) -> Place {
        Place::Service(name.into())
    }

    fn user_service(name: &str) -> Place {
        Place::UserService(name.into())
    }

    #[test]
    fn containers_are_named_by_short_id_or_name() {
        let short = container("0123456789ab");
        check(&format!("/system.slice/docker-{HEX}.scope"), &short);
        check(&format!("/docker/{HEX}"), &short);
        check(&format!("/docker/{HEX}/system.slice/inner.service"), &short);
        check(&format!("/system.slice/cri-containerd-{HEX}.scope"), &short);
        check(&format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{HEX}.scope"), &short);
        check(&format!("/kubepods/besteffort/pod1/{HEX}"), &short);
        check(&format!("/system.slice/kubepods-pod1.slice:cri-containerd:{HEX}"), &short);
        check(
            &format!(
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{HEX}.scope/container"
            ),
            &short,
        );
        check(&format!("/machine.slice/libpod-{HEX}.scope/docker/{}", "f".repeat(64)), &short);
        check(&format!("/libpod_parent/libpod-{HEX}"), &short);
        check(&format!("/machine.slice/libpod-conmon-{HEX}.scope"), &Place::Nowhere);
        check(&format!("/system.slice/docker-{}.scope", &HEX[1..]), &Place::Nowhere);
        check("/lxc.payload.debian", &container("debian"));
        check("/lxc.payload.debian/system.slice/a.service", &container("debian"));
        check("/lxc.payload/debian", &container("debian"));
        check("/lxc/debian", &container("debian"));
        check("/lxc.monitor.debian", &Place::Nowhere);
        check("/machine.slice/machine-deb\\x2dian.scope/payload/a.service", &container("deb-ian"));
        check("/machine.slice/systemd-nspawn@deb.service/payload", &container("deb"));
        check(r"/machine.slice/machine-qemu\x2d1\x2dvm.scope", &Place::Nowhere);
    }

    #[test]
    fn waydroid_is_no_ordinary_container() {
        check("/lxc.payload.waydroid", &Place::Waydroid);
        check("/lxc.payload.waydroid/apps/uid_10050", &Place::Waydroid);
        check("/lxc.payload.waydroid-1", &Place::Waydroid);
        check("/lxc.payload.waydroid-x", &container("waydroid-x"));
        check("/lxc.payload.waydroids", &container("waydroids"));
        check("/system.slice/waydroid-container.service", &service("waydroid-container"));
    }

    #[test]
    fn app_units_of_the_user_manager() {
        let desktop = |id: &str| Place::Desktop(id.into());
        check(&format!("{APPS}/app-gnome-firefox-12.scope"), &desktop("firefox"));
        check(&format!("{APPS}/app-firefox.service/sub/group"), &desktop("firefox"));
        check(
            &format!("{APPS}/app-gnome-org.gnome.Terminal-92502.slice"),
            &desktop("org.gnome.Terminal"),
        );
        check(&format!("{APPS}/gnome-launched-a.b.desktop-7.scope"), &desktop("a.b"));
        check(&format!("{APPS}/dbus-:1.2-org.gnome.Foo@0.service"), &desktop("org.gnome.Foo"));
        check(&format!("{APPS}/app-flatpak-org.x.Y-1234.scope"), &Place::Flatpak("org.x.Y".into()));
        check(&format!("{APPS}/flatpak-org.x.Y-1234.scope"), &Place::Flatpak("org.x.Y".into()));
        check(
            &format!("{APPS}/snap.firefox.firefox-1b4e28ba-2fa1-11d2-883f-0016d3cca427.scope"),
            &Place::Snap("firefox.firefox".into()),
        );
        check(
            "/user.slice/user-32011.slice/user@32011.service/app.slice/\
             lomiri-app-launch--application-click--dekko2.dekkoproject_dekko_1.0.0--.service",
            &Place::Click("dekko2.dekkoproject_dekko".into()),
        );
    }

    #[test]
    fn services_of_system_and_users() {
        check("/system.slice/ModemManager.service", &service("ModemManager"));
        check("/system.slice/snap.lxd.daemon.service", &Place::Snap("lxd.daemon".into()));
        check("/system.slice/system-getty.slice/getty@tty1.service", &service("getty@tty1"));
        check("/system.slice/docker.service/sub", &service("docker"));
        check("/system.slice/dbus-:1.1-org.a.B@0.service", &service("org.a.B"));
        check(
            "/user.slice/user-1000.slice/user@1000.service/session.slice/pipewire.service",
            &user_service("pipewire"),
        );
        check(
            "/user.slice/user-1000.slice/user@1000.service/system.slice/sshd.service",
            &user_service("sshd"),
        );
        check("/services/dnsmasq/cfg01411c", &service("dnsmasq"));
        check("/services/dropbear/instance1", &service("dropbear"));
        check("/services", &Place::Nowhere);
        check("/openrc.sshd", &service("sshd"));
        check("/openrc.net.eth0/sub", &service("net.eth0"));
        check("/openrc.", &Place::Nowhere);
        check(&format!("{APPS}/services/dnsmasq"), &Place::Nowhere);
        check(&format!("{APPS}/openrc.sshd"), &Place::Nowhere);
    }

    #[test]
    fn the_rest_says_nothing() {
        for path in [
            "",
            "/",
            "/1",
            "/c1",
            "/init.scope",
            "/../../x",
            "//",
            "/user.slice/user-1000.slice/session-2.scope",
            "/user.slice/user-1000.slice/user@1000.service",
            "/user.slice/user-1000.slice/user@1000.service/init.scope",
            "/system.slice/run-u7.service",
            "/system.slice/run-r1234.scope",
            "/system.slice/home-a.mount",
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/\
             vte-spawn-1b4e28ba-2fa1-11d2-883f-0016d3cca427.scope",
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-not-a-well-formed-unit-name",
        ] {
            check(path, &Place::Nowhere);
        }
    }
}
