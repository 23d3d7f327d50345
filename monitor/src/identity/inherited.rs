//! Cgroups that are handed on to programs which have nothing to do with them.
//!
//! A cgroup is inherited. Whatever is typed into an ssh session of a router runs in the cgroup of
//! its ssh server, and whatever is typed into a terminal runs in the terminal's scope. These places
//! name a process only if it runs the program they are there for.

use super::cgroup::Place;

/// Services that start what others ask them to: the service, and the programs that are it. A service
/// stands for its instances as well (`getty@tty1`, `agetty.tty1`).
const SERVICES: [(&str, &[&str]); 35] = [
    // Logins: whatever their users type.
    ("dropbear", &["dropbear"]),
    ("ssh", &["sshd", "sshd-session", "sshd-auth"]),
    ("sshd", &["sshd", "sshd-session", "sshd-auth"]),
    ("telnetd", &["telnetd"]),
    ("telnet", &["telnetd"]),
    ("ttyd", &["ttyd"]),
    ("getty", &["agetty", "getty"]),
    ("agetty", &["agetty", "getty"]),
    ("serial-getty", &["agetty", "getty"]),
    ("console-getty", &["agetty", "getty"]),
    ("gdm", &["gdm3", "gdm", "gdm-session-worker"]),
    ("greetd", &["greetd"]),
    ("lightdm", &["lightdm"]),
    ("sddm", &["sddm", "sddm-helper"]),
    ("tinydm", &["tinydm-run-session"]),
    // Timetables: any job.
    ("cron", &["cron", "crond"]),
    ("crond", &["crond"]),
    ("cronie", &["crond"]),
    ("dcron", &["crond"]),
    ("anacron", &["anacron"]),
    ("atd", &["atd"]),
    // OpenWrt: plug-ins of the management interface, CGI, and the helpers of each interface.
    ("rpcd", &["rpcd"]),
    ("uhttpd", &["uhttpd"]),
    ("network", &["netifd"]),
    // Boot scripts.
    ("local", &[]),
    ("rc-local", &[]),
    // Message buses: whatever is activated without systemd.
    ("dbus", &[]),
    ("dbus-broker", &[]),
    // Shells and compositors: apps, before they get a scope, or for good where there are none.
    ("phosh", &["phosh", "phoc"]),
    ("mobi.phosh.Shell", &["phosh"]),
    ("org.gnome.Shell", &["gnome-shell"]),
    ("plasma-plasmashell", &["plasmashell"]),
    ("plasma-kwin_wayland", &["kwin_wayland"]),
    // What a Flatpak runs outside its sandbox.
    ("flatpak-session-helper", &["flatpak-session-helper"]),
    ("superd", &["superd"]),
];

/// Terminals: the id of the desktop file or click, and the programs that are the terminal.
const TERMINALS: [(&str, &[&str]); 36] = [
    ("Alacritty", &["alacritty"]),
    ("com.gexperts.Tilix", &["tilix"]),
    ("com.mitchellh.ghostty", &["ghostty"]),
    ("com.raggesilver.BlackBox", &["blackbox"]),
    ("com.system76.CosmicTerm", &["cosmic-term"]),
    ("cool-retro-term", &["cool-retro-term"]),
    ("deepin-terminal", &["deepin-terminal"]),
    ("foot", &["foot"]),
    ("foot-server", &["foot"]),
    ("footclient", &["foot", "footclient"]),
    ("guake", &[]),
    ("io.elementary.terminal", &["io.elementary.terminal"]),
    ("kitty", &["kitty"]),
    ("lomiri-terminal-app", &["qmlscene", "lomiri-terminal-app"]),
    ("lxterminal", &["lxterminal"]),
    ("mate-terminal", &["mate-terminal"]),
    ("org.alacritty.Alacritty", &["alacritty"]),
    ("org.codeberg.dnkl.foot", &["foot"]),
    ("org.codeberg.dnkl.foot-server", &["foot"]),
    ("org.codeberg.dnkl.footclient", &["foot", "footclient"]),
    ("org.contourterminal.Contour", &["contour"]),
    ("org.gnome.Console", &["kgx"]),
    ("org.gnome.Ptyxis", &["ptyxis", "ptyxis-agent"]),
    ("org.gnome.Terminal", &["gnome-terminal-server", "gnome-terminal"]),
    ("org.kde.konsole", &["konsole"]),
    ("org.kde.qmlkonsole", &["qmlkonsole"]),
    ("org.kde.yakuake", &["yakuake"]),
    ("org.wezfurlong.wezterm", &["wezterm-gui", "wezterm"]),
    ("qterminal", &["qterminal"]),
    ("sakura", &["sakura"]),
    ("st", &["st"]),
    ("terminal.ubports_terminal", &["qmlscene", "lomiri-terminal-app"]),
    ("terminator", &[]),
    ("urxvt", &["urxvt", "rxvt-unicode"]),
    ("xfce4-terminal", &["xfce4-terminal"]),
    ("xterm", &["xterm"]),
];

/// The programs this place stands for; `None` if it stands for all that runs in it.
pub(super) fn own_programs(place: &Place) -> Option<&'static [&'static str]> {
    match place {
        Place::Service(name) | Place::UserService(name) => find(&SERVICES, |service| {
            name.strip_prefix(service)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['@', '.']))
        }),
        Place::Desktop(id) | Place::Click(id) => find(&TERMINALS, |terminal| id == terminal),
        _ => None,
    }
}

fn find(
    table: &[(&str, &'static [&'static str])],
    matches: impl Fn(&str) -> bool,
) -> Option<&'static [&'static str]> {
    table.iter().find(|(name, _)| matches(name)).map(|(_, own)| *own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_places_are_handed_on() {
        let check = |place: Place, expected: Option<&[&str]>| {
            assert_eq!(own_programs(&place), expected, "{place:?}");
        };
        check(Place::Service("dropbear".into()), Some(&["dropbear"]));
        check(Place::Service("getty@tty1".into()), Some(&["agetty", "getty"]));
        check(Place::Service("agetty.tty1".into()), Some(&["agetty", "getty"]));
        check(Place::UserService("org.gnome.Shell@wayland".into()), Some(&["gnome-shell"]));
        check(Place::Service("dbus".into()), Some(&[]));
        check(Place::Service("dbusx".into()), None);
        check(Place::Service("dnsmasq".into()), None);
        check(Place::Service("networking".into()), None);
        check(Place::Desktop("org.gnome.Console".into()), Some(&["kgx"]));
        check(Place::Desktop("firefox".into()), None);
        check(Place::Flatpak("com.raggesilver.BlackBox".into()), None);
        check(Place::Nowhere, None);
    }
}
