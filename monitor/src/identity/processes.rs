//! The processes that own sockets, and the app each of them is.

use std::collections::BTreeMap;

use super::{App, DesktopIndex, Identity, Rung, UnknownReason, resolve};
use crate::clock::Now;
use crate::event::Owner;
use crate::kernel::ProcessFacts;

/// Processes remembered at most.
const PROCESSES_MAX: usize = 4_096;

/// A desktop's launcher moves a new process into its scope after it has started; after so many seconds
/// it has.
const SETTLED_SECONDS: u64 = 2;

/// Cgroups remembered of one process. A process is moved once, or never.
const CGROUPS_MAX: usize = 8;

/// A process that owns sockets.
#[derive(Clone, Debug)]
struct Process {
    /// The app it is, as far as is known.
    identity: Identity,
    /// Start time in clock ticks since boot, when `/proc` told; `None` for one that was gone.
    start_ticks: Option<u64>,
    /// The cgroups it opened sockets in; another one is a reason to look again.
    cgroups: Vec<u64>,
    /// When it was first heard of, in nanoseconds since boot.
    first_ns: u64,
    /// Whether it was looked at after it had settled, or is gone: it is not looked at again.
    settled: bool,
    /// What the kernel said of it last.
    owner: Owner,
}

impl Process {
    /// Whether a socket's owner is this process, and not an earlier one of the same id.
    fn is(&self, owner: &Owner) -> bool {
        match self.start_ticks {
            Some(ticks) => started_before(ticks, owner.opened_ns),
            None => self.owner.comm == owner.comm,
        }
    }
}

/// What is to be found out about a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// What `/proc` says of the owner of a socket.
    Inspect(Owner),
    /// The path of the cgroup with this id.
    CgroupPath(u64),
}

/// The processes that own sockets.
#[derive(Debug, Default)]
pub struct Processes {
    by_pid: BTreeMap<u32, Process>,
    /// Paths of cgroups whose processes were gone before they could be asked.
    cgroups: BTreeMap<u64, Option<String>>,
    missed: u64,
}

impl Processes {
    /// The app that owns a socket, if its process is known and has not been moved since.
    pub fn identity(&self, owner: &Owner) -> Option<&Identity> {
        let process = self.by_pid.get(&owner.pid)?;
        let known = process.is(owner) && process.cgroups.contains(&owner.cgroup_id);
        known.then_some(&process.identity)
    }

    /// The app of the process with this id.
    pub fn identity_of_pid(&self, pid: u32) -> Option<&Identity> {
        self.by_pid.get(&pid).map(|process| &process.identity)
    }

    /// Processes remembered.
    pub fn len(&self) -> usize {
        self.by_pid.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.by_pid.is_empty()
    }

    /// Processes that were gone before `/proc` could be read.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The processes that have to be looked at again before anything is attributed to them, as the
    /// kernel last saw them.
    pub fn unsettled(&self) -> Vec<Owner> {
        let unsettled = self.by_pid.values().filter(|process| !process.settled);
        unsettled.map(|process| process.owner).collect()
    }

    /// Takes the answer to [`Question::Inspect`]. `owner` is what the kernel said, `facts` what `/proc`
    /// says, `None` when the process is gone. Gives what else must be known: ask, and call again with the
    /// same facts.
    pub fn inspected(
        &mut self,
        owner: &Owner,
        facts: Option<&ProcessFacts>,
        desktop: &DesktopIndex,
        now: Now,
    ) -> Option<Question> {
        let alive = |facts: &&ProcessFacts| {
            facts.start_ticks.is_none_or(|ticks| started_before(ticks, owner.opened_ns))
        };
        if let Some(mut facts) = facts.filter(alive).cloned() {
            // It may have ended between two reads: the kernel's word fills the gaps.
            if facts.cgroup.is_none() && owner.cgroup_id != 0 {
                let Some(path) = self.cgroups.get(&owner.cgroup_id) else {
                    return Some(Question::CgroupPath(owner.cgroup_id));
                };
                facts.cgroup.clone_from(path);
            }
            facts.comm = facts.comm.or_else(|| comm(owner));
            self.note(owner, &facts, resolve(&facts, desktop), now);
            return None;
        }
        if let Some(known) = self.by_pid.get_mut(&owner.pid)
            && known.is(owner)
        {
            // What was read while it lived is the best there will ever be.
            known.settled = true;
            known.remember(owner);
            return None;
        }
        let Some(cgroup) = self.cgroups.get(&owner.cgroup_id) else {
            return Some(Question::CgroupPath(owner.cgroup_id));
        };
        let facts = remnant(owner, cgroup.clone());
        self.missed = self.missed.saturating_add(1);
        self.note(owner, &facts, resolve(&facts, desktop), now);
        None
    }

    fn note(&mut self, owner: &Owner, facts: &ProcessFacts, identity: Identity, now: Now) {
        let gone = facts.start_ticks.is_none();
        if let Some(known) = self.by_pid.get_mut(&owner.pid)
            && known.start_ticks == facts.start_ticks
            && known.is(owner)
        {
            known.settled |= gone || now.is_past(known.first_ns, SETTLED_SECONDS);
            known.remember(owner);
            known.identity = identity;
            return;
        }
        if self.by_pid.len() >= PROCESSES_MAX {
            self.make_room();
        }
        let process = Process {
            identity,
            start_ticks: facts.start_ticks,
            cgroups: vec![owner.cgroup_id],
            first_ns: now.boot_ns,
            settled: gone,
            owner: *owner,
        };
        self.by_pid.insert(owner.pid, process);
    }

    /// Takes the answer to [`Question::CgroupPath`].
    pub fn cgroup_path(&mut self, id: u64, path: Option<String>) {
        if self.cgroups.len() >= PROCESSES_MAX {
            self.cgroups.clear();
        }
        self.cgroups.insert(id, path);
    }

    /// Forgets the processes for which `lives` is false, and gives their ids: another process may get
    /// them. `lives` is asked for the id and the start time that was read.
    pub fn forget_dead(&mut self, mut lives: impl FnMut(u32, Option<u64>) -> bool) -> Vec<u32> {
        let mut dead = Vec::new();
        self.by_pid.retain(|pid, process| {
            let alive = lives(*pid, process.start_ticks);
            if !alive {
                dead.push(*pid);
            }
            alive
        });
        dead
    }

    /// Drops the eighth of the processes that were first heard of longest ago.
    fn make_room(&mut self) {
        let mut first: Vec<_> = self.by_pid.values().map(|process| process.first_ns).collect();
        first.sort_unstable();
        if let Some(limit) = first.get(first.len() / 8).copied() {
            self.by_pid.retain(|_, process| process.first_ns > limit);
        }
    }
}

impl Process {
    /// Remembers the cgroup of a socket's owner.
    fn remember(&mut self, owner: &Owner) {
        if !self.cgroups.contains(&owner.cgroup_id) {
            self.cgroups.truncate(CGROUPS_MAX - 1);
            self.cgroups.push(owner.cgroup_id);
        }
        if owner.opened_ns >= self.owner.opened_ns {
            self.owner = *owner;
        }
    }
}

/// Whether a process that started then could have opened a socket at this time: if not, its id was used
/// before by another. Clock ticks are 10 ms (`USER_HZ` is 100 on every architecture that Linux phones and
/// routers have).
const fn started_before(start_ticks: u64, opened_ns: u64) -> bool {
    const TICK_NS: u64 = 10_000_000;
    start_ticks.saturating_mul(TICK_NS) <= opened_ns
}

/// The name the kernel saw, unless it is empty.
fn comm(owner: &Owner) -> Option<String> {
    Some(owner.comm.to_text()).filter(|comm| !comm.is_empty())
}

/// All that is left of a process that is gone.
fn remnant(owner: &Owner, cgroup: Option<String>) -> ProcessFacts {
    ProcessFacts {
        pid: owner.pid,
        comm: comm(owner),
        cgroup,
        uid: Some(owner.uid),
        ..ProcessFacts::default()
    }
}

/// The identity of traffic that no process could be found for.
pub fn nobody(reason: UnknownReason) -> Identity {
    Identity { app: App::unknown(reason), rung: Rung::None, name: None, icon: None }
}

/// The identity of the kernel's own traffic.
pub fn kernel() -> Identity {
    Identity { app: App::kernel(), rung: Rung::None, name: None, icon: None }
}

#[cfg(test)]
mod tests;
