//! The agent and the kernel: what one wants done is done here, and what the other says is passed on.

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use monitor_ebpf::SettingsRecord;
use monitor_ebpf::records::over_cause;

use super::memory::Keeper;
use super::{listeners, refusal};
use crate::agent::{Agent, Command, Input};
use crate::clock::Now;
use crate::config::Config;
use crate::event::Volume;
use crate::event::decode::{self, RingEvent};
use crate::export::Snapshot;
use crate::export::snapshot::Health;
use crate::failure::Failure;
use crate::identity::DesktopIndex;
use crate::kernel::calendar::Calendar;
use crate::kernel::loader::Order;
use crate::kernel::{self, Applications, Attached, cgroups, interfaces, process, tables};
use crate::ledger::Limits;
use crate::naming::Origins;

mod past;
mod sockets;

const PROC: &str = "/proc";

/// Time between two checks whether the processes known still live.
const LIVENESS: Duration = Duration::from_secs(30);

/// The agent, the kernel's tables, and what was measured between them.
pub(super) struct Shore {
    agent: Agent,
    own_netns: u32,
    kernel: Attached,
    samples: RingBuf<MapData>,
    keeper: Keeper,
    applications: Applications,
    has_new_processes: bool,
    started: Now,
    epoch: u32,
    /// Flows deleted from the kernel's table, since the start.
    deleted: u64,
    /// Flows settled by the programs, as of the last look.
    settled: u64,
    liveness_ns: u64,
    drains: u64,
    drain_seconds_sum: f64,
    drain_seconds_last: f64,
}

/// What a ring record was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Process,
    Pressure,
    Bad,
}

impl Shore {
    /// Attaches the programs and looks at what was there before them, the agent's own listener included.
    pub(super) fn start(
        config: &Config,
        origins: Option<Box<dyn Origins>>,
        object: Option<PathBuf>,
        listener: Option<BorrowedFd<'_>>,
    ) -> Result<(Self, RingBuf<MapData>), Failure> {
        let order = Order {
            object,
            flows_max: config.flows_max,
            datagrams_max: (config.flows_max / 8).max(256),
        };
        let root = (!config.cgroup_root.as_os_str().is_empty()).then_some(&*config.cgroup_root);
        let mut kernel = kernel::attach(&order, root).map_err(refusal::attach)?;
        let ring = kernel.take_ring().ok_or(Failure::NoEbpf)?;
        let samples = kernel.take_samples().ok_or(Failure::NoEbpf)?;
        let now = kernel::now();
        let limits = Limits {
            apps_max: usize::try_from(config.apps_max).unwrap_or(usize::MAX),
            destinations_max: usize::try_from(config.destinations_max).unwrap_or(usize::MAX),
            shown_per_app_max: usize::try_from(config.app_destinations_max).unwrap_or(usize::MAX),
            shown_max: usize::try_from(config.destination_series_max).unwrap_or(usize::MAX),
        };
        let own_netns = sockets::own_netns(&kernel);
        let (keeper, memory) = Keeper::open(config, now.boot_ns / 1_000_000_000);
        let mut shore = Self {
            agent: Agent::new(limits, config.detail.level(), origins, own_netns)
                .with_memory(memory),
            own_netns,
            kernel,
            samples,
            keeper,
            applications: Applications::scan(Path::new("/")),
            has_new_processes: false,
            started: now,
            epoch: 0,
            deleted: 0,
            settled: 0,
            liveness_ns: now.boot_ns,
            drains: 0,
            drain_seconds_sum: 0.0,
            drain_seconds_last: 0.0,
        };
        shore.read_interfaces();
        shore.index_applications();
        shore.perform(Command::FindSockets);
        listeners::adopt(&shore.kernel, shore.own_netns, now);
        if let Some(listener) = listener {
            listeners::adopt_own(&shore.kernel, listener, shore.own_netns, now);
        }
        shore.turn();
        Ok((shore, ring))
    }

    fn tell(&mut self, input: Input<'_>) {
        self.agent.handle(input, kernel::now());
    }

    /// Does what the agent wants until it wants no more.
    fn work(&mut self) {
        while let Some(command) = self.agent.next_command(kernel::now()) {
            self.perform(command);
        }
    }

    /// Takes a ring record. A new process is looked at before anything else happens.
    pub(super) fn record(&mut self, bytes: &[u8]) -> Record {
        match decode::ring_record(bytes) {
            Ok(RingEvent::Process(owner)) => {
                self.has_new_processes = true;
                let facts = process::read(Path::new(PROC), owner.pid);
                self.tell(Input::Inspected(owner, facts));
                self.work();
                Record::Process
            }
            Ok(RingEvent::Pressure) => Record::Pressure,
            Err(error) => {
                ::log::warn!("a record of the kernel could not be read: {error:?}");
                self.tell(Input::BadRecord(error));
                Record::Bad
            }
        }
    }

    fn perform(&mut self, command: Command) {
        match command {
            Command::Inspect(owner) => {
                let facts = process::read(Path::new(PROC), owner.pid);
                self.tell(Input::Inspected(owner, facts));
            }
            Command::FindCgroup(id) => {
                let path = cgroups::path_of(&self.kernel.root, id);
                self.tell(Input::CgroupFound(id, path));
            }
            Command::FindSockets => {
                let list = sockets::find();
                self.tell(Input::SocketsFound(list));
            }
            Command::DeleteSockets(cookies) => {
                for cookie in cookies {
                    match self.kernel.flows.delete(&cookie.to_ne_bytes()) {
                        Ok(deleted) => self.deleted += u64::from(deleted),
                        Err(error) => ::log::warn!("cannot delete a socket from a table: {error}"),
                    }
                }
            }
            Command::DeleteSettled(keys) => {
                for key in keys {
                    if let Err(error) = self.kernel.settled.delete(&key) {
                        ::log::warn!("cannot delete sums from a table: {error}");
                    }
                }
            }
            Command::DeletePeers(keys) => {
                for key in keys {
                    if let Err(error) = self.kernel.datagrams.delete(&key) {
                        ::log::warn!("cannot delete a peer from the kernel's table: {error}");
                    }
                }
            }
        }
    }

    /// Looks at the kernel's tables; whether that brought anything.
    pub(super) fn drain(&mut self, pressure: bool) -> bool {
        if std::mem::take(&mut self.has_new_processes) && self.applications.stale() {
            self.applications = Applications::scan(Path::new("/"));
            self.index_applications();
        }
        let pressure = pressure || self.is_half_full();
        self.turn();
        // Waiting for the programs is no work, so it is not part of the time told.
        let start = kernel::now();
        self.tell(Input::Calendar(Calendar::read(start.unix_ms)));
        self.read_samples();
        self.tell(Input::DrainBegins { epoch: self.epoch, pressure });
        self.work();
        let complete = self.read_tables(start);
        self.tell(Input::DrainEnds { complete });
        self.work();
        self.read_interfaces();
        self.forget_dead(start);
        self.tell_news();
        let took = kernel::now().boot_ns.saturating_sub(start.boot_ns);
        self.drains += 1;
        self.drain_seconds_last = Duration::from_nanos(took).as_secs_f64();
        self.drain_seconds_sum += self.drain_seconds_last;
        self.agent.has_changed()
    }

    /// Passes on the samples in their ring.
    pub(super) fn read_samples(&mut self) {
        let Self { agent, samples, .. } = self;
        let now = kernel::now();
        while let Some(record) = samples.next() {
            match decode::sample(&record) {
                Ok(sample) => agent.handle(Input::Sample(sample), now),
                Err(error) => agent.handle(Input::BadRecord(error), now),
            }
        }
        self.work();
    }

    /// A descriptor to wait for samples with: it becomes readable when their ring is half full.
    pub(super) fn samples_fd(&self) -> std::io::Result<std::os::fd::OwnedFd> {
        use std::os::fd::AsFd;
        self.samples.as_fd().try_clone_to_owned()
    }

    /// Passes on what is in the tables; whether they could be read to their ends.
    fn read_tables(&mut self, now: Now) -> bool {
        let mut complete = true;
        let Self { agent, kernel, .. } = self;
        let read = kernel.settled.read(|key, values| {
            if let Some(settled) = values.next().and_then(|value| decode::settled(key, value)) {
                agent.handle(Input::Settled(settled), now);
            }
        });
        if let Err(error) = read {
            complete = false;
            ::log::error!("cannot read the kernel's table of settled sockets: {error}");
        }
        let mut lanes = Vec::with_capacity(kernel.cpus);
        let read = kernel.flows.read(|key, values| {
            lanes.clear();
            lanes.extend(values.filter_map(|value| decode::flow(key, value)));
            agent.handle(Input::Socket(&lanes), now);
        });
        if let Err(error) = read {
            complete = false;
            ::log::error!("cannot read the kernel's table of sockets: {error}");
        }
        let mut lanes = Vec::with_capacity(kernel.cpus);
        let read = kernel.datagrams.read(|key, values| {
            lanes.clear();
            lanes.extend(values.filter_map(|value| decode::datagram(key, value)));
            agent.handle(Input::Peer(&lanes), now);
        });
        if let Err(error) = read {
            complete = false;
            ::log::error!("cannot read the kernel's table of peers: {error}");
        }
        complete
    }

    /// Lets the programs announce the next process with the id of one that ended.
    fn forget_dead(&mut self, now: Now) {
        let all = now.is_past(self.liveness_ns, LIVENESS.as_secs());
        if all {
            self.liveness_ns = now.boot_ns;
        }
        let lives = |pid, ticks: Option<u64>| match ticks {
            // It was gone before it could be looked at.
            None => false,
            Some(_) if !all => true,
            ticks => process::start_ticks(Path::new(PROC), pid) == ticks,
        };
        for pid in self.agent.forget_dead(lives) {
            if let Err(error) = self.kernel.processes.forget(pid) {
                ::log::warn!("cannot forget a process in the kernel's table: {error}");
            }
        }
    }

    fn is_half_full(&self) -> bool {
        let (used, capacity) = self.kernel.flows.fill();
        used > capacity / 2
    }

    /// Begins the next epoch: flows made before it are the agent's from now on. Closed flows made in it are
    /// settled by the programs while there are many, and the agent is woken when that is not enough.
    fn turn(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        let (_, capacity) = self.kernel.flows.fill();
        let settings = SettingsRecord {
            epoch: self.epoch,
            cpus: u32::try_from(self.kernel.cpus).unwrap_or(1),
            deleted: self.deleted,
            settle_at: capacity / 16,
            press_at: capacity / 4 * 3,
        };
        if let Err(error) = self.kernel.settings.set(&settings) {
            ::log::error!("cannot tell the programs of a new look: {error}");
        }
        // A program that began before may still be settling a flow, which would be seen twice. Without
        // settling there is nothing to wait for.
        let settled = self.kernel.stats.stats().map_or(self.settled, |stats| stats.settled);
        let made = self.kernel.stats.flows_made().unwrap_or(u64::MAX);
        let live = made.saturating_sub(self.deleted);
        let settles = settled != self.settled || live >= settings.settle_at;
        self.settled = settled;
        if settles && let Err(error) = tables::wait_for_programs() {
            ::log::info!("cannot wait for the programs: {error}");
        }
    }

    fn read_interfaces(&mut self) {
        match interfaces::read() {
            Ok(interfaces) => self.tell(Input::Interfaces(interfaces)),
            Err(error) => ::log::warn!("cannot read the interfaces' counters: {error}"),
        }
    }

    fn index_applications(&mut self) {
        let mut index = DesktopIndex::default();
        self.applications.take_files().for_each(|file| index.insert(&file));
        self.tell(Input::Desktop(index));
    }

    /// The state as it is.
    pub(super) fn snapshot(&self) -> Snapshot {
        let stats = self.kernel.stats.stats().unwrap_or(monitor_ebpf::StatsRecord::ZERO);
        let (written, writes) = self.keeper.written();
        let (flows, flows_max) = self.kernel.flows.fill();
        let (datagrams, datagrams_max) = self.kernel.datagrams.fill();
        let (settled, settled_max) = self.kernel.settled.fill();
        let health = Health {
            hooks: self.kernel.hooks(),
            ring_lost: stats.ring_lost,
            samples_lost: stats.samples_lost,
            memory_written_bytes: written,
            memory_writes: writes,
            maps: vec![
                ("flows", flows, flows_max),
                ("datagrams", datagrams, datagrams_max),
                ("settled", settled, settled_max),
            ],
            over: self.over(),
            drains: self.drains,
            drain_seconds_sum: self.drain_seconds_sum,
            drain_seconds_last: self.drain_seconds_last,
            started_unix_ms: kernel::now().unix_ms_at(self.started.boot_ns),
            ..Health::default()
        };
        self.agent.snapshot(health, kernel::now())
    }

    fn over(&self) -> Vec<(&'static str, Volume, Volume)> {
        let causes = self.kernel.stats.over().unwrap_or_default();
        let code = |cause| match cause {
            over_cause::FLOWS_FULL => "flows_full",
            over_cause::DATAGRAMS_FULL => "datagrams_full",
            _ => "no_socket",
        };
        (0..)
            .zip(causes)
            .map(|(cause, over)| {
                let counters = over.counters;
                let tx = Volume { bytes: counters.tx_bytes, packets: counters.tx_packets };
                let rx = Volume { bytes: counters.rx_bytes, packets: counters.rx_packets };
                (code(cause), tx, rx)
            })
            .collect()
    }
}
