//! The memory's place: where it is kept, when it is written, and whom its news are told.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use super::keep::{self, Directory};
use super::place;
use crate::config::{Config, WriteMode};
use crate::memory::{self, Finding, Limits, Memory, Origin, Retention, WritePolicy, store};

/// Notification commands that run at the same time.
const COMMANDS_MAX: usize = 4;

/// Keeps the memory on the disk, if it is to be kept there.
pub(super) struct Keeper {
    disk: Option<Directory>,
    policy: WritePolicy,
    command: Vec<String>,
    running: Vec<Child>,
    /// Whether the last write failed: it is said once.
    is_failing: bool,
}

impl Keeper {
    /// Opens what was kept, and gives it or an empty memory. What is wrong with the files is said, and
    /// keeps nobody from starting.
    pub(super) fn open(config: &Config, now_s: u64) -> (Self, Memory) {
        let limits = Limits {
            keys_max: usize::try_from(config.remembered_max).unwrap_or(usize::MAX),
            ..Limits::default()
        };
        let mode = match config.write_mode {
            WriteMode::Phone => memory::WriteMode::Phone,
            WriteMode::Router => memory::WriteMode::Router,
        };
        let directory = &config.state_dir;
        let disk = if directory.as_os_str().is_empty() {
            None
        } else {
            let opened = Directory::open(directory);
            let why = |error| {
                let shown = directory.display();
                place::say(&format!("{shown}: {error}; what is remembered ends with this run"));
            };
            opened.map_err(why).ok()
        };
        let mut keeper = Self {
            disk,
            policy: WritePolicy::new(mode, now_s),
            command: config.notify_command.clone(),
            running: Vec::new(),
            is_failing: false,
        };
        let memory = keeper.load(limits, directory).unwrap_or_else(|| {
            Memory::new(limits, Retention::default(), salt(), Origin::Installed)
        });
        (keeper, memory)
    }

    fn load(&mut self, limits: Limits, directory: &std::path::Path) -> Option<Memory> {
        let disk = self.disk.as_mut()?;
        let (memory, notices) =
            keep::load(disk, |bytes| store::decode(bytes, limits, Retention::default()));
        for notice in notices {
            place::say(&format!("{}: {notice}", directory.display()));
        }
        memory
    }

    /// Seconds until the memory is to be written; `None` while it is not.
    pub(super) fn due_in(&self, has_changed: bool, now_s: u64) -> Option<u64> {
        self.disk.as_ref().and_then(|_| self.policy.due_in(has_changed, now_s))
    }

    /// Writes the memory, if anything changed.
    pub(super) fn write(&mut self, memory: &mut Memory, now_s: u64) {
        if memory.has_changed() {
            self.put(memory, now_s, keep::save);
        }
    }

    /// Writes the memory and removes what was written before: something was forgotten. Whether nothing of
    /// it is left.
    pub(super) fn erase(&mut self, memory: &mut Memory, now_s: u64) -> bool {
        self.put(memory, now_s, keep::save_and_erase);
        !self.is_failing
    }

    fn put(
        &mut self,
        memory: &mut Memory,
        now_s: u64,
        save: impl FnOnce(&mut Directory, &[u8]) -> std::io::Result<()>,
    ) {
        let Some(disk) = &mut self.disk else {
            return;
        };
        let bytes = store::encode(memory);
        let result = save(disk, &bytes);
        self.policy.wrote(bytes.len() as u64, now_s);
        match result {
            Ok(()) => {
                memory.saved();
                self.is_failing = false;
            }
            Err(error) if !self.is_failing => {
                self.is_failing = true;
                ::log::error!("cannot write what is remembered: {error}; it is tried again later");
            }
            Err(_) => {}
        }
    }

    /// Bytes and times written since the start.
    pub(super) fn written(&self) -> (u64, u64) {
        (self.policy.bytes_written(), self.policy.writes())
    }

    /// Tells a finding to the command of the configuration: its sentence is the last argument. Whether there
    /// was room for it.
    pub(super) fn notify(&mut self, finding: &Finding) -> bool {
        let Some((program, arguments)) = self.command.split_first() else {
            return false;
        };
        self.running.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        if self.running.len() >= COMMANDS_MAX {
            return false;
        }
        let started = Command::new(program)
            .args(arguments)
            .arg(sentence(finding))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match started {
            Ok(child) => self.running.push(child),
            Err(error) => ::log::error!("cannot start `notify_command`: {error}"),
        }
        true
    }

    /// Whether news are told at all, and there is room for one more.
    pub(super) fn listens(&mut self) -> bool {
        self.running.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        !self.command.is_empty() && self.running.len() < COMMANDS_MAX
    }
}

/// A finding in one line, with whom it is about.
fn sentence(finding: &Finding) -> String {
    let to = match &*finding.destination {
        "" => String::new(),
        to => format!(" -> {to}"),
    };
    let text = format!("{}{to}: {}", finding.app.id, finding.sentence());
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Random bytes of this device's own. Without any, hashes of names could be made elsewhere as well, which
/// is no reason not to start.
fn salt() -> [u8; 16] {
    let mut salt = [0; 16];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut salt));
    if let Err(error) = read {
        ::log::warn!("cannot read /dev/urandom: {error}");
    }
    salt
}
