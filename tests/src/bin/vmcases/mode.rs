//! In what state the machine is: as it should be, or worse in one respect.

/// The states. The kernel's command line names one: `sortie.mode=NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// cgroup2 where it belongs, and the JIT on.
    Plain,
    /// The hierarchies of version 1 beside cgroup2, as systemd's hybrid layout has them.
    Hybrid,
    /// Hierarchies of version 1 only, and cgroup2 mounted nowhere.
    V1Only,
    /// A hierarchy of version 1 mounted over cgroup2.
    Shadowed,
    /// Another program attached at the root so that nobody else may.
    Exclusive,
    /// Without the modules by which the kernel lists its sockets.
    NoDiag,
    /// 64 MiB of memory.
    Small,
    /// Every program interpreted.
    NoJit,
    /// The root file system cannot be written.
    ReadOnly,
    /// The agent has the rights that the packages' unit gives it, and is not root.
    Unit,
    /// The agent may not even read which program other users' processes run.
    NoPtrace,
    /// `RLIMIT_MEMLOCK` as small as systems of 5.10 have it, and no right to raise it.
    Memlock,
}

const MODES: [(Mode, &str); 12] = [
    (Mode::Plain, "plain"),
    (Mode::Hybrid, "hybrid"),
    (Mode::V1Only, "v1-only"),
    (Mode::Shadowed, "shadowed"),
    (Mode::Exclusive, "exclusive"),
    (Mode::NoDiag, "no-diag"),
    (Mode::Small, "small"),
    (Mode::NoJit, "no-jit"),
    (Mode::ReadOnly, "read-only"),
    (Mode::Unit, "unit"),
    (Mode::NoPtrace, "no-ptrace"),
    (Mode::Memlock, "memlock"),
];

impl Mode {
    /// The one this machine was booted in.
    pub(crate) fn of_this_boot() -> Self {
        let line = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
        let name = line.split_whitespace().find_map(|word| word.strip_prefix("sortie.mode="));
        let Some(name) = name else { return Self::Plain };
        let found = MODES.iter().find(|(_, known)| *known == name);
        found.unwrap_or_else(|| panic!("no mode {name:?}")).0
    }

    pub(crate) fn name(self) -> &'static str {
        MODES.iter().find(|(mode, _)| *mode == self).map_or("", |(_, name)| name)
    }

    /// Whether a case says anything in this mode.
    pub(crate) fn has(self, case: &str) -> bool {
        match self {
            Self::Exclusive => case == "occupied",
            Self::Memlock => case == "locked-memory",
            // Without the list of sockets, or reach into other processes, nobody knows of listeners.
            Self::NoDiag | Self::NoPtrace if case == "older-listener" => false,
            _ => !["occupied", "locked-memory"].contains(&case),
        }
    }
}
