//! The program a process runs, and how it is called.

use std::borrow::Cow;

/// A program, from the path of its file and the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Program<'a> {
    /// Path of the file, in the process's own root directory; `None` where it could not be read and
    /// all else is what the process says of itself.
    pub(super) path: Option<&'a str>,
    /// Last component of the path, or the applet of a multi-call binary.
    pub(super) name: &'a str,
    /// Whether the file lies where only the device's administrator installs programs.
    pub(super) is_standard: bool,
    /// The command line after the program's own name.
    pub(super) arguments: &'a [String],
}

impl<'a> Program<'a> {
    /// Reads a path of an executable and a command line; `None` when both are missing.
    pub(super) fn new(exe: Option<&'a str>, cmdline: &'a [String]) -> Option<Self> {
        let (invoked, arguments) = match cmdline {
            [first, rest @ ..] => (Some(first.as_str()), rest),
            [] => (None, cmdline),
        };
        let Some(path) = exe.filter(|exe| !exe.is_empty()) else {
            let name = base_name(invoked?.trim_start_matches('-'))?;
            return Some(Self { path: None, name, is_standard: false, arguments });
        };
        let name = base_name(path)?;
        let is_standard = is_standard(path);
        let (name, arguments) = match MULTI_CALL.iter().find(|(binary, _)| *binary == name) {
            Some((_, applets)) if is_standard => applet(name, applets, invoked, arguments),
            _ => (name, arguments),
        };
        Some(Self { path: Some(path), name, is_standard, arguments })
    }

    /// What the program is known by: its name where only an administrator could have put it, else
    /// the whole path. `None` where the path is unknown.
    pub(super) fn id(&self) -> Option<Cow<'a, str>> {
        self.path.map(|path| file_id(path, self.name, self.is_standard))
    }
}

/// Binaries that are many programs, told apart by the name they are called with, and which names
/// they have. The lists are closed, because a process may claim any name on its command line: what
/// is not here counts as the binary itself.
const MULTI_CALL: [(&str, &[&str]); 5] = [
    ("busybox", &APPLETS),
    ("busybox.nosuid", &APPLETS),
    ("toybox", &APPLETS),
    ("coreutils", &APPLETS),
    ("dropbear", &["dbclient", "scp", "ssh"]),
];

/// The applets that use the network or run scripts.
const APPLETS: [&str; 61] = [
    "arp",
    "arping",
    "ash",
    "bash",
    "crond",
    "dnsd",
    "dnsdomainname",
    "dumpleases",
    "fakeidentd",
    "ftpd",
    "ftpget",
    "ftpput",
    "getty",
    "httpd",
    "hush",
    "ifconfig",
    "ifplugd",
    "inetd",
    "init",
    "ip",
    "klogd",
    "logger",
    "lpd",
    "lpq",
    "lpr",
    "mount",
    "nbd-client",
    "nc",
    "netcat",
    "netstat",
    "nslookup",
    "ntpd",
    "ping",
    "ping6",
    "pscan",
    "rdate",
    "route",
    "sendmail",
    "sh",
    "sntp",
    "ssl_client",
    "sulogin",
    "syslogd",
    "tcpsvd",
    "telnet",
    "telnetd",
    "tftp",
    "tftpd",
    "traceroute",
    "traceroute6",
    "tunctl",
    "udhcpc",
    "udhcpc6",
    "udhcpd",
    "udpsvd",
    "vconfig",
    "watch",
    "watchdog",
    "wget",
    "whois",
    "zcip",
];

/// The applet is the name the binary was called with or, where that is its own, the first argument.
/// Gives its name and its arguments.
fn applet<'a>(
    own: &'a str,
    applets: &[&str],
    invoked: Option<&'a str>,
    arguments: &'a [String],
) -> (&'a str, &'a [String]) {
    let known = |name: &'a str| applets.contains(&name).then_some(name);
    let invoked = invoked.and_then(|name| base_name(name.trim_start_matches('-')));
    if let Some(applet) = invoked.and_then(known) {
        return (applet, arguments);
    }
    match arguments {
        [first, rest @ ..] if invoked == Some(own) => {
            known(first).map_or((own, arguments), |applet| (applet, rest))
        }
        _ => (own, arguments),
    }
}

/// What a file is known by; `name` is its short name.
pub(super) fn file_id<'a>(path: &'a str, name: &'a str, is_standard: bool) -> Cow<'a, str> {
    if is_standard { Cow::Borrowed(name) } else { stable_path(path) }
}

/// Last component of a path.
pub(super) fn base_name(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    (!matches!(name, "" | "." | "..")).then_some(name)
}

/// Whether a path lies in a directory of programs that only an administrator writes to: `bin`,
/// `sbin`, `games` and all of `lib*` in `/`, `/usr` and `/usr/local`.
pub(super) fn is_standard(path: &str) -> bool {
    let path = ["/usr/local/", "/usr/", "/"].iter().find_map(|root| path.strip_prefix(root));
    let below = |path: &str| {
        path.split_once('/').is_some_and(|(directory, _)| {
            matches!(directory, "bin" | "sbin" | "games") || directory.starts_with("lib")
        })
    };
    path.is_some_and(|path| below(path) && !path.split('/').any(|part| part == ".."))
}

/// A path without what changes from one start or update to the next: the random part of where an
/// `AppImage` mounts itself (`/tmp/.mount_NameXXXXXX/`), and the revision of a snap
/// (`/snap/NAME/REVISION/`).
fn stable_path(path: &str) -> Cow<'_, str> {
    const RANDOM: usize = 6;
    if let Some(rest) = path.strip_prefix("/tmp/.mount_")
        && let Some((mount, inner)) = rest.split_once('/')
        && let Some((name, random)) = mount.split_at_checked(mount.len().saturating_sub(RANDOM))
        && random.len() == RANDOM
    {
        return Cow::Owned(format!("/tmp/.mount_{name}*/{inner}"));
    }
    if let Some(rest) = path.strip_prefix("/snap/")
        && let Some((package, rest)) = rest.split_once('/')
        && let Some((revision, inner)) = rest.split_once('/')
        && revision.trim_start_matches('x').bytes().all(|byte| byte.is_ascii_digit())
    {
        return Cow::Owned(format!("/snap/{package}/current/{inner}"));
    }
    Cow::Borrowed(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn files_are_named_by_where_they_lie() {
        let check = |exe: &str, expected: &str| {
            let id = Program::new(Some(exe), &[]).and_then(|program| program.id());
            assert_eq!(id.as_deref(), Some(expected), "{exe}");
        };
        check("/usr/bin/curl", "curl");
        check("/bin/curl", "curl");
        check("/sbin/ip", "ip");
        check("/usr/local/sbin/x", "x");
        check("/usr/lib/firefox/firefox", "firefox");
        check("/usr/lib64/a/b", "b");
        check("/usr/libexec/a/b", "b");
        check("/lib/netifd/dhcp.script", "dhcp.script");
        check("/usr/games/x", "x");
        check("/tmp/curl", "/tmp/curl");
        check("/opt/x/bin/curl", "/opt/x/bin/curl");
        check("/home/a/usr/bin/curl", "/home/a/usr/bin/curl");
        check("/usr/share/x/y", "/usr/share/x/y");
        check("/usr/bin/../../tmp/x", "/usr/bin/../../tmp/x");
        check("/usr/x", "/usr/x");
        check("/memfd:x", "/memfd:x");
        check("/tmp/.mount_SignalAbC123/usr/bin/signal", "/tmp/.mount_Signal*/usr/bin/signal");
        check("/tmp/.mount_x/y", "/tmp/.mount_x/y");
        check("/snap/core22/1234/usr/bin/python3", "/snap/core22/current/usr/bin/python3");
        check("/snap/a/x1/b", "/snap/a/current/b");
        check("/snap/bin/firefox/x", "/snap/bin/firefox/x");
    }

    #[test]
    fn applets_come_from_the_command_line() {
        let check = |exe: &str, words: &[&str], name: &str, id: &str, arguments: usize| {
            let cmdline = owned(words);
            let program = Program::new(Some(exe), &cmdline);
            let found = program.map(|program| (program.name, program.arguments.len()));
            assert_eq!(found, Some((name, arguments)), "{words:?}");
            let found = program.and_then(|program| program.id());
            assert_eq!(found.as_deref(), Some(id), "{words:?}");
        };
        check("/bin/busybox", &["wget", "http://x"], "wget", "wget", 1);
        check("/bin/busybox", &["/usr/bin/wget"], "wget", "wget", 0);
        check("/bin/busybox", &["busybox", "wget", "x"], "wget", "wget", 1);
        check("/bin/busybox", &["-ash"], "ash", "ash", 0);
        check("/usr/bin/coreutils", &["ls"], "coreutils", "coreutils", 0);
        check("/bin/busybox", &["firefox"], "busybox", "busybox", 0);
        check("/bin/busybox", &["busybox"], "busybox", "busybox", 0);
        check("/bin/busybox", &[], "busybox", "busybox", 0);
        check("/usr/bin/toybox", &["toybox", "nc"], "nc", "nc", 0);
        check("/tmp/busybox", &["wget"], "busybox", "/tmp/busybox", 0);
        check("/usr/bin/curl", &["wget"], "curl", "curl", 0);
        check("/usr/sbin/dropbear", &["/usr/sbin/dropbear", "-F"], "dropbear", "dropbear", 1);
        check("/usr/sbin/dropbear", &["ssh", "host"], "ssh", "ssh", 1);
    }

    #[test]
    fn without_a_path_the_process_names_itself() {
        let check = |words: &[&str], expected: Option<&str>| {
            let cmdline = owned(words);
            let program = Program::new(None, &cmdline);
            assert_eq!(program.map(|program| program.name), expected, "{words:?}");
            assert_eq!(program.and_then(|program| program.id()), None);
        };
        check(&["/usr/bin/python3", "x"], Some("python3"));
        check(&["-bash"], Some("bash"));
        check(&["/"], None);
        check(&[""], None);
        check(&[], None);
    }
}
