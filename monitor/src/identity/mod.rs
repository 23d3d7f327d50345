//! Stage 2: whose traffic is it?
//!
//! App first, process second, never the uid alone. Pure functions over text and paths.
//!
//! Every name is chosen by somebody else, and may lie: a process writes its own command line and
//! name, a user's systemd makes any unit its user asks for, and an executable's path is that of the
//! process's own root directory. What a name can do here is bounded: an id holds at most
//! [`MAX_ID_BYTES`], no control characters, and never looks like one of Sortie's own `(...)`.
//! Only root can put a process into a cgroup that reads as a system service. The [`Rung`] says how
//! far to trust the rest.

mod cgroup;
pub mod desktop;
mod inherited;
mod interpreter;
mod ladder;
pub mod processes;
mod program;
mod text;
mod unit;

use std::fmt;
use std::sync::Arc;

pub use desktop::DesktopIndex;
pub use ladder::resolve;
pub use processes::Processes;
pub use text::MAX_ID_BYTES;

/// What an app is known by. Two processes with equal `App`s are the same app.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct App {
    /// The kind of name `id` is.
    pub kind: Kind,
    /// The name: stable, unique within its kind, chosen by the app or its packager. Attacker-controlled.
    pub id: Arc<str>,
}

/// The kinds of app. The label `kind` of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A Flatpak, by its application id.
    Flatpak,
    /// A desktop app, by the id of its desktop file.
    Desktop,
    /// A snap, `package.app`.
    Snap,
    /// An Ubuntu Touch click package, `package_app`.
    Click,
    /// A package in Waydroid.
    Android,
    /// A container of docker, podman, containerd or LXC.
    Container,
    /// A service of systemd, procd or `OpenRC`.
    Service,
    /// A service of a user's systemd.
    UserService,
    /// A script, by its file, behind an interpreter.
    Script,
    /// An executable file.
    Executable,
    /// Only the name of a task is known (it ended before its file could be read).
    Comm,
    /// The kernel itself.
    Kernel,
    /// Nobody could be found; the id says why.
    Unknown,
    /// All that found no room of its own.
    Other,
}

impl Kind {
    /// The value of the `kind` label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Flatpak => "flatpak",
            Self::Desktop => "desktop",
            Self::Snap => "snap",
            Self::Click => "click",
            Self::Android => "android",
            Self::Container => "container",
            Self::Service => "service",
            Self::UserService => "user_service",
            Self::Script => "script",
            Self::Executable => "executable",
            Self::Comm => "comm",
            Self::Kernel => "kernel",
            Self::Unknown => "unknown",
            Self::Other => "other",
        }
    }
}

/// Why nobody could be found for some traffic. Stable codes: they are part of the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnknownReason {
    /// The socket was older than the agent and closed before it could be asked about.
    Gone,
    /// The socket was older than the agent, and this kernel has no `sock_diag` to ask.
    NoSockDiag,
    /// `FLOWS` was full.
    MapFull,
    /// The process ended at once and left no name behind.
    NoName,
}

impl UnknownReason {
    /// The code, as in the app id `(unknown:gone)`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::NoSockDiag => "no_sock_diag",
            Self::MapFull => "map_full",
            Self::NoName => "no_name",
        }
    }
}

impl App {
    /// An app of this kind and id, taken as it is.
    pub fn new(kind: Kind, id: &str) -> Self {
        Self { kind, id: id.into() }
    }

    /// An app with a name from outside. Control and formatting characters become U+FFFD, what is
    /// longer than [`MAX_ID_BYTES`] ends in `…`, an empty name becomes U+FFFD, and a name that
    /// starts like a reserved one, with `(`, gets a leading `‹`.
    pub fn named(kind: Kind, name: &str) -> Self {
        Self { kind, id: text::id(name).into() }
    }

    /// The kernel itself: `(kernel)`.
    pub fn kernel() -> Self {
        Self::new(Kind::Kernel, "(kernel)")
    }

    /// Nobody, for this reason: `(unknown:REASON)`.
    pub fn unknown(reason: UnknownReason) -> Self {
        Self::new(Kind::Unknown, &format!("(unknown:{})", reason.code()))
    }

    /// All apps that found no room: `(other)`.
    pub fn other() -> Self {
        Self::new(Kind::Other, "(other)")
    }
}

/// The rung of the ladder an identity was found on, best first. Exported, so that doubt shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// `/.flatpak-info` in the process's root, or its Flatpak scope.
    Flatpak,
    /// The cgroup path: a container's.
    ContainerCgroup,
    /// The cgroup path: a snap's or click's unit.
    PackageUnit,
    /// The cgroup path: an `app-*` scope or service.
    DesktopUnit,
    /// `GIO_LAUNCHED_DESKTOP_FILE` in the environment.
    DesktopEnv,
    /// The cgroup path: a service's.
    ServiceUnit,
    /// The executable or script is what a desktop file's `Exec` names.
    DesktopExec,
    /// The script an interpreter runs.
    Script,
    /// The executable's path.
    Executable,
    /// The task's name.
    Comm,
    /// No process, or one without a name; also the kernel itself.
    None,
}

impl Rung {
    /// The value of the `rung` label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Flatpak => "flatpak",
            Self::ContainerCgroup => "container_cgroup",
            Self::PackageUnit => "package_unit",
            Self::DesktopUnit => "desktop_unit",
            Self::DesktopEnv => "desktop_env",
            Self::ServiceUnit => "service_unit",
            Self::DesktopExec => "desktop_exec",
            Self::Script => "script",
            Self::Executable => "executable",
            Self::Comm => "comm",
            Self::None => "none",
        }
    }
}

/// An app, and how it was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The app.
    pub app: App,
    /// Where on the ladder it was found.
    pub rung: Rung,
    /// `Name` of its desktop file, for people.
    pub name: Option<Arc<str>>,
    /// `Icon` of its desktop file.
    pub icon: Option<Arc<str>>,
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}
