//! The names of systemd units, as launchers and runtimes form them.
//!
//! Sources: systemd's "Desktop Environments" (`app[-LAUNCHER]-ID[@RANDOM].service`,
//! `app[-LAUNCHER]-ID-RANDOM.scope`), the patterns of xdg-desktop-portal's `xdp-app-info-host.c`,
//! snapd's `sandbox/cgroup/scanning.go`, lomiri-app-launch, and dbus-broker's `launch/service.c`.

/// What an `app-*` unit says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AppUnit<'a> {
    /// The launcher, where one is named.
    pub(super) launcher: Option<&'a str>,
    /// The app's id.
    pub(super) id: String,
}

/// What Ubuntu Touch's launcher started.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Launched {
    /// A click, `package_app`.
    Click(String),
    /// A program with a desktop file.
    Desktop(String),
}

/// Undoes systemd's escaping: `\x2d` is a `-`. Every other backslash stays.
pub(super) fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if let [b'\\', b'x', high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            bytes.push(high << 4 | low);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The app of an `app-*` scope, service or slice. An `@` in an id is always escaped, so that the
/// first one starts what is random; so does the last `-` of a scope.
pub(super) fn app(unit: &str) -> Option<AppUnit<'_>> {
    let body = unit.strip_prefix("app-")?;
    let body = if let Some(body) = body.strip_suffix(".service") {
        let (body, _) = body.split_once('@').unwrap_or((body, ""));
        body.strip_suffix("-autostart").unwrap_or(body)
    } else {
        let body = body.strip_suffix(".scope").or_else(|| body.strip_suffix(".slice"))?;
        let (body, random) = body.rsplit_once('-')?;
        if !is_alphanumeric(random) {
            return None;
        }
        body
    };
    let (launcher, id) = match body.split_once('-') {
        Some((launcher, id)) if is_launcher(launcher) && !id.is_empty() => (Some(launcher), id),
        _ => (None, body),
    };
    (!id.is_empty()).then(|| AppUnit { launcher, id: unescape(id) })
}

/// The id of a scope of GNOME before 3.34, `gnome-launched-ID.desktop-RANDOM.scope`.
pub(super) fn gnome_launched(unit: &str) -> Option<String> {
    let body = unit.strip_prefix("gnome-launched-")?.strip_suffix(".scope")?;
    let (id, _) = body.rsplit_once(".desktop-")?;
    (!id.is_empty()).then(|| unescape(id))
}

/// The id of a scope of Flatpak before 1.9, `flatpak-ID-INSTANCE.scope`.
pub(super) fn flatpak(unit: &str) -> Option<String> {
    let body = unit.strip_prefix("flatpak-")?.strip_suffix(".scope")?;
    let (id, _) = body.rsplit_once('-')?;
    id.contains('.').then(|| unescape(id))
}

/// The `package.app` of a snap's scope or service, or its `package.hook.NAME`.
pub(super) fn snap(unit: &str) -> Option<String> {
    let body = unit.strip_prefix("snap.")?;
    let name = if let Some(name) = body.strip_suffix(".service") {
        name
    } else {
        let body = body.strip_suffix(".scope")?;
        let (name, uuid) = body.split_at_checked(body.len().checked_sub(UUID_LENGTH)?)?;
        if !is_uuid(uuid) {
            return None;
        }
        name.strip_suffix(['-', '.'])?
    };
    let (package, app) = name.split_once('.')?;
    (!package.is_empty() && !app.is_empty()).then(|| unescape(name))
}

/// What `lomiri-app-launch--KIND--ID--INSTANCE.service` runs (before 2020 `ubuntu-app-launch--`).
pub(super) fn lomiri(unit: &str) -> Option<Launched> {
    let body = unit
        .strip_prefix("lomiri-app-launch--")
        .or_else(|| unit.strip_prefix("ubuntu-app-launch--"))?
        .strip_suffix(".service")?;
    let (kind, body) = body.split_once("--")?;
    let (id, _) = body.rsplit_once("--").unwrap_or((body, ""));
    if id.is_empty() {
        return None;
    }
    let id = unescape(id);
    match kind {
        // The version would make each update another app.
        "application-click" => {
            let versionless = id.rsplit_once('_').map(|(id, _)| id).filter(|id| id.contains('_'));
            Some(Launched::Click(versionless.map_or(id.clone(), str::to_owned)))
        }
        "application-legacy" | "application-snap" | "application-libertine" => {
            Some(Launched::Desktop(id))
        }
        _ => None,
    }
}

/// The bus name that dbus-broker started, `dbus-:1.2-NAME@0.service`.
pub(super) fn dbus_activated(unit: &str) -> Option<String> {
    let body = unit.strip_prefix("dbus-:")?.strip_suffix(".service")?;
    let (_, name) = body.split_once('-')?;
    let (name, _) = name.split_once('@').unwrap_or((name, ""));
    (!name.is_empty()).then(|| unescape(name))
}

/// The name of an ordinary service, `NAME.service` or `NAME@INSTANCE.service`; `None` for those
/// whose name is made up for one run.
pub(super) fn service(unit: &str) -> Option<String> {
    let name = unit.strip_suffix(".service")?;
    if name.is_empty() || is_transient(name) {
        return None;
    }
    match name.split_once('@') {
        Some(("", _)) => None,
        // Started for one connection: the instance is a counter, addresses and ports.
        Some((template, instance)) if is_per_connection(instance) => Some(unescape(template)),
        _ => Some(unescape(name)),
    }
}

/// `systemd-run` without a name: `run-u7`, `run-p812-i9`, `run-rDIGITS`.
fn is_transient(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("run-") else {
        return false;
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    rest.strip_prefix('u').is_some_and(is_number)
        || rest.strip_prefix('r').is_some_and(|hex| hex.len() == 32 && hex.bytes().all(is_hex))
        || rest
            .strip_prefix('p')
            .and_then(|rest| rest.split_once("-i"))
            .is_some_and(|(pid, id)| is_number(pid) && is_number(id))
}

/// The instances of a socket with `Accept=yes` start with a counter.
fn is_per_connection(instance: &str) -> bool {
    instance.split_once('-').is_some_and(|(counter, rest)| {
        !counter.is_empty() && !rest.is_empty() && counter.bytes().all(|b| b.is_ascii_digit())
    })
}

fn is_launcher(text: &str) -> bool {
    !text.is_empty() && is_alphanumeric(text)
}

fn is_alphanumeric(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Characters of a UUID in its usual form.
const UUID_LENGTH: usize = 36;

fn is_uuid(text: &str) -> bool {
    text.len() == UUID_LENGTH
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => is_hex(byte),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: Option<&str>, unit: &str, expected: Option<&str>) {
        assert_eq!(found, expected, "{unit}");
    }

    #[test]
    fn escapes_are_undone() {
        let check = |text: &str, expected: &str| assert_eq!(unescape(text), expected);
        check(r"spice\x2dvdagent", "spice-vdagent");
        check(r"\xc3\xa9", "é");
        check(r"\xff", "\u{fffd}");
        check(r"a\x2", r"a\x2");
        check(r"a\xzz\x2D\", r"a\xzz-\");
        check("", "");
    }

    #[test]
    fn app_units_name_their_app() {
        let check = |unit: &str, expected: Option<&str>| {
            check(app(unit).map(|app| app.id).as_deref(), unit, expected);
        };
        // The vectors of xdg-desktop-portal.
        check("app-not-a-well-formed-unit-name", None);
        check(
            r"app-gnome-org.gnome.Evolution\x2dalarm\x2dnotify-2437.scope",
            Some("org.gnome.Evolution-alarm-notify"),
        );
        check("app-gnome-org.gnome.Epiphany-182352.scope", Some("org.gnome.Epiphany"));
        check(r"app-glib-spice\x2dvdagent-1839.scope", Some("spice-vdagent"));
        check("app-KDE-org.kde.okular@12345.service", Some("org.kde.okular"));
        check("app-firefox.service", Some("firefox"));
        check("app-org.kde.amarok.service", Some("org.kde.amarok"));
        check(
            "app-gnome-org.gnome.SettingsDaemon.DiskUtilityNotify-autostart.service",
            Some("org.gnome.SettingsDaemon.DiskUtilityNotify"),
        );
        check("app-gnome-org.gnome.Terminal-92502.slice", Some("org.gnome.Terminal"));
        check(
            "app-com.obsproject.Studio-d70acc38b5154a3a8b4a60accc4b15f4.scope",
            Some("com.obsproject.Studio"),
        );
        check("app-firefox-jcfppqx.scope", Some("firefox"));
        check("app-gnome-firefox.service", Some("firefox"));
        // Others.
        check("app-flatpak-org.x.Y-1234.scope", Some("org.x.Y"));
        check(
            "app-org.kde.neochat@0a1b2c3d4e5f40718293a4b5c6d7e8f9.service",
            Some("org.kde.neochat"),
        );
        check("app-org.foo.Bar@autostart.service", Some("org.foo.Bar"));
        check("app-firefox-autostart.service", Some("firefox"));
        check("app-a@1b4e28ba-2fa1-11d2-883f-0016d3cca427.service", Some("a"));
        check("app-org.gnome.Terminal.slice", None);
        check("app--1.scope", None);
        check("app-gnome--1.scope", Some("gnome-"));
        check("app-.service", None);
        check("app-@x.service", None);
        check("app.slice", None);
        check("app-firefox-1_2.scope", None);
    }

    #[test]
    fn launchers_are_told_apart() {
        let check = |unit: &str, expected: Option<&str>| {
            assert_eq!(app(unit).and_then(|app| app.launcher), expected, "{unit}");
        };
        check("app-flatpak-org.x.Y-1234.scope", Some("flatpak"));
        check("app-org.x.Y-1234.scope", None);
        check("app-gnome-firefox.service", Some("gnome"));
    }

    #[test]
    fn older_forms_name_their_app() {
        let unit = "gnome-launched-org.x.Y.desktop-1234.scope";
        check(gnome_launched(unit).as_deref(), unit, Some("org.x.Y"));
        let unit = "gnome-launched-1234.scope";
        check(gnome_launched(unit).as_deref(), unit, None);
        let unit = "flatpak-org.x.Y-1234.scope";
        check(flatpak(unit).as_deref(), unit, Some("org.x.Y"));
        let unit = "flatpak-session-helper.scope";
        check(flatpak(unit).as_deref(), unit, None);
    }

    #[test]
    fn snaps_are_named_by_package_and_app() {
        let check =
            |unit: &str, expected: Option<&str>| check(snap(unit).as_deref(), unit, expected);
        let uuid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";
        check(&format!("snap.firefox.firefox-{uuid}.scope"), Some("firefox.firefox"));
        check(&format!("snap.firefox.firefox.{uuid}.scope"), Some("firefox.firefox"));
        check(&format!("snap.a_key.b-c-{uuid}.scope"), Some("a_key.b-c"));
        check(&format!("snap.a.hook.configure-{uuid}.scope"), Some("a.hook.configure"));
        check("snap.lxd.daemon.service", Some("lxd.daemon"));
        check("snap.firefox.firefox-1234.scope", None);
        check(&format!("snap.firefox-{uuid}.scope"), None);
        check(&format!("snap.é{uuid}.scope"), None);
        check("snap..service", None);
        check("snapd.service", None);
    }

    #[test]
    fn lomiri_tells_clicks_from_desktop_files() {
        let check = |unit: &str, expected: Option<Launched>| {
            assert_eq!(lomiri(unit), expected, "{unit}");
        };
        check(
            "lomiri-app-launch--application-click--dekko2.dekkoproject_dekko_1.0.0--.service",
            Some(Launched::Click("dekko2.dekkoproject_dekko".into())),
        );
        check(
            "ubuntu-app-launch--application-click--a.b_c_1--.service",
            Some(Launched::Click("a.b_c".into())),
        );
        check(
            "lomiri-app-launch--application-legacy--firefox--1234.service",
            Some(Launched::Desktop("firefox".into())),
        );
        check(
            "lomiri-app-launch--application-click--odd_name--.service",
            Some(Launched::Click("odd_name".into())),
        );
        check("lomiri-app-launch--application-click----.service", None);
        check("lomiri-app-launch--untrusted-helper--a--b.service", None);
    }

    #[test]
    fn services_of_one_run_have_no_name() {
        let check =
            |unit: &str, expected: Option<&str>| check(service(unit).as_deref(), unit, expected);
        check("ModemManager.service", Some("ModemManager"));
        check("wg-quick@wg0.service", Some("wg-quick@wg0"));
        check(r"a@dev-disk\x2d1.service", Some("a@dev-disk-1"));
        check("sshd@7-192.0.2.1:22-192.0.2.9:40112.service", Some("sshd"));
        check("run-u7.service", None);
        check("run-p812-i9.service", None);
        check("run-r0123456789abcdef0123456789abcdef.service", None);
        check("run-update.service", Some("run-update"));
        check("@x.service", None);
        check("@1-2.service", None);
        check(".service", None);
        check("a.scope", None);
        let unit = "dbus-:1.2-org.gnome.Foo@0.service";
        assert_eq!(dbus_activated(unit).as_deref(), Some("org.gnome.Foo"));
        assert_eq!(dbus_activated("dbus-org.freedesktop.x.service"), None);
    }
}
