//! The one place where the layers meet: what was seen comes in as [`Input`], what is to be done goes
//! out as [`Command`]. It does no I/O and reads no clock, so a test can play a phone's day.

mod attribution;
mod drain;
mod names;
mod remember;
mod snapshot;

use std::collections::{BTreeMap, VecDeque};

use monitor_ebpf::SettledKey;

use crate::clock::Now;
use crate::event::decode::DecodeError;
use crate::event::{Datagram, Flow, Owner, Sample, Settled, Volume};
use crate::identity::processes::Question;
use crate::identity::{DesktopIndex, Processes};
use crate::kernel::ProcessFacts;
use crate::kernel::calendar::Calendar;
use crate::kernel::interfaces::InterfaceCounters;
use crate::ledger::{FlowBook, Ledger, Limits};
use crate::memory::Memory;
use crate::naming::{Heard, Level, Namer, Origins};

use self::attribution::Pending;
use self::names::Shares;

/// What the world tells the agent.
#[derive(Debug)]
pub enum Input<'a> {
    /// A process opens its first socket.
    Process(Owner),
    /// What a flow sent first, or a message of a name server.
    Sample(Sample<'a>),
    /// A ring record could not be read.
    BadRecord(DecodeError),
    /// A look at the kernel's tables begins. Under pressure they fill up.
    DrainBegins {
        /// The number of this look, as the programs were told.
        epoch: u32,
        /// Whether they fill up.
        pressure: bool,
    },
    /// A socket, as each CPU counted it.
    Socket(&'a [Flow]),
    /// Sums over sockets that were settled in the kernel.
    Settled(Settled),
    /// A further peer of a socket, as each CPU counted it.
    Peer(&'a [Datagram]),
    /// The look is over.
    DrainEnds {
        /// Whether the tables could be read to their ends: only then is gone what was not seen.
        complete: bool,
    },
    /// Answer to [`Command::Inspect`]; `None` when the process is gone.
    Inspected(Owner, Option<ProcessFacts>),
    /// Answer to [`Command::FindCgroup`]; `None` when it is gone.
    CgroupFound(u64, Option<String>),
    /// Answer to [`Command::FindSockets`]; `None` when the kernel cannot tell.
    SocketsFound(Option<SocketList>),
    /// The desktop apps that are installed.
    Desktop(DesktopIndex),
    /// What day it is, and which boot.
    Calendar(Calendar),
    /// The interfaces' counters.
    Interfaces(Vec<InterfaceCounters>),
}

/// What the agent wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Read what `/proc` says of this process, at once.
    Inspect(Owner),
    /// Find the path of the cgroup with this id.
    FindCgroup(u64),
    /// List all sockets and who holds them.
    FindSockets,
    /// Delete these sockets from the kernel's table.
    DeleteSockets(Vec<u64>),
    /// Delete these sums, by their keys, from the kernel's table.
    DeleteSettled(Vec<[u8; SettledKey::SIZE]>),
    /// Delete these peers, by their keys, from the kernel's table.
    DeletePeers(Vec<[u8; monitor_ebpf::DatagramKey::SIZE]>),
}

/// All sockets by cookie, and a process that holds each.
pub type Holders = BTreeMap<u64, Option<u32>>;

/// All sockets there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketList {
    /// Who holds them.
    pub holders: Holders,
    /// Whether there are other network namespaces than the agent's.
    pub has_other_namespaces: bool,
}

/// Volume both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct BothWays {
    tx: Volume,
    rx: Volume,
}

/// The agent's state.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, none a state of another")]
pub struct Agent {
    own_netns: u32,
    epoch: u32,
    desktop: DesktopIndex,
    processes: Processes,
    flows: FlowBook,
    ledger: Ledger,
    namer: Namer,
    /// Tells where addresses are registered.
    origins: Option<Box<dyn Origins>>,
    /// What samples told of processes that are not known yet.
    unheard: Vec<(Owner, Heard)>,
    memory: Option<Memory>,
    calendar: Calendar,
    /// When the last look at the tables began, in nanoseconds since boot.
    looked_ns: u64,
    looks_ns: u64,
    shares: Shares,
    /// Sockets older than the programs, or the kernel's own; as of the last look.
    holders: Holders,
    has_sock_diag: bool,
    /// Whether a socket of the kernel's may be in another network namespace than the agent's: nothing
    /// tells in which one it is.
    has_other_namespaces: bool,
    commands: VecDeque<Command>,
    pending: Vec<Pending>,
    /// Processes whose cgroup has to be found first.
    waiting: Vec<(Owner, Option<ProcessFacts>)>,
    finished_sockets: Vec<u64>,
    finished_settled: Vec<[u8; SettledKey::SIZE]>,
    finished_peers: Vec<[u8; monitor_ebpf::DatagramKey::SIZE]>,
    suspects: Vec<u64>,
    /// When all sockets were last listed, in nanoseconds since boot.
    sockets_listed_ns: Option<u64>,
    /// Whether that was during the present look.
    has_fresh_list: bool,
    pressure: bool,
    changed: bool,
    attributed: BTreeMap<u32, BothWays>,
    interfaces: Vec<InterfaceCounters>,
    baseline: Option<Vec<InterfaceCounters>>,
    records_truncated: u64,
    records_unknown: u64,
}

impl Agent {
    /// An agent that knows nothing yet. `level` is how much it keeps of where traffic goes, `origins` tells
    /// where addresses are registered (nobody is asked at [`Level::Counts`]), `own_netns` is the cookie of
    /// the network namespace whose interfaces it compares with.
    pub fn new(
        limits: Limits,
        level: Level,
        origins: Option<Box<dyn Origins>>,
        own_netns: u32,
    ) -> Self {
        Self {
            own_netns,
            epoch: 0,
            desktop: DesktopIndex::default(),
            processes: Processes::default(),
            flows: FlowBook::default(),
            ledger: Ledger::new(limits),
            namer: Namer::new(level),
            origins: origins.filter(|_| level > Level::Counts),
            unheard: Vec::new(),
            memory: None,
            calendar: Calendar::default(),
            looked_ns: 0,
            looks_ns: 0,
            shares: Shares::new(),
            holders: Holders::new(),
            has_sock_diag: true,
            has_other_namespaces: false,
            commands: VecDeque::new(),
            pending: Vec::new(),
            waiting: Vec::new(),
            finished_sockets: Vec::new(),
            finished_settled: Vec::new(),
            finished_peers: Vec::new(),
            suspects: Vec::new(),
            sockets_listed_ns: None,
            has_fresh_list: false,
            pressure: false,
            changed: false,
            attributed: BTreeMap::new(),
            interfaces: Vec::new(),
            baseline: None,
            records_truncated: 0,
            records_unknown: 0,
        }
    }

    /// Takes an input. Afterwards [`Agent::next_command`] may have something to do.
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        match input {
            Input::Process(owner) => self.commands.push_back(Command::Inspect(owner)),
            Input::Sample(sample) => self.sample(&sample),
            Input::BadRecord(DecodeError::Truncated) => self.records_truncated += 1,
            Input::BadRecord(DecodeError::UnknownKind(_)) => self.records_unknown += 1,
            Input::DrainBegins { epoch, pressure } => {
                self.looked_ns = self.looks_ns;
                self.looks_ns = now.boot_ns;
                self.drain_begins(epoch, pressure);
            }
            Input::Settled(settled) => self.settled(&settled, now),
            Input::Socket(lanes) => self.socket(lanes, now),
            Input::Peer(lanes) => self.peer(lanes, now),
            Input::DrainEnds { complete } => self.drain_ends(complete, now),
            Input::Inspected(owner, facts) => self.inspected(owner, facts, now),
            Input::CgroupFound(id, path) => {
                self.processes.cgroup_path(id, path);
                let waiting = std::mem::take(&mut self.waiting).into_iter();
                let (answered, rest) = waiting.partition(|(owner, _)| owner.cgroup_id == id);
                self.waiting = rest;
                for (owner, facts) in answered {
                    self.inspected(owner, facts, now);
                }
            }
            Input::SocketsFound(holders) => self.sockets_found(holders, now),
            Input::Desktop(index) => self.desktop = index,
            Input::Calendar(calendar) => self.calendar = calendar,
            Input::Interfaces(interfaces) => {
                self.baseline.get_or_insert_with(|| interfaces.clone());
                self.interfaces = interfaces;
            }
        }
    }

    fn inspected(&mut self, owner: Owner, facts: Option<ProcessFacts>, now: Now) {
        let question = self.processes.inspected(&owner, facts.as_ref(), &self.desktop, now);
        if let Some(Question::CgroupPath(id)) = question {
            // One answer is for all that wait for it: finding a cgroup walks the tree.
            if !self.waiting.iter().any(|(other, _)| other.cgroup_id == id) {
                self.commands.push_back(Command::FindCgroup(id));
            }
            self.waiting.push((owner, facts));
        }
    }

    /// The next thing to do. When there is nothing left, whatever waited for an answer is attributed:
    /// every command must have been answered before.
    pub fn next_command(&mut self, now: Now) -> Option<Command> {
        if let Some(command) = self.commands.pop_front() {
            return Some(command);
        }
        self.settle(now);
        self.commands.pop_front()
    }

    /// Whether the last look at the kernel's tables brought anything.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// Forgets the processes that ended, and gives their ids; see [`Processes::forget_dead`].
    pub fn forget_dead(&mut self, lives: impl FnMut(u32, Option<u64>) -> bool) -> Vec<u32> {
        self.processes.forget_dead(lives)
    }
}

#[cfg(test)]
mod tests;
