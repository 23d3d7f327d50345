//! The kernel's maps, as the agent reads and trims them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use monitor_ebpf::maps::SETTLED_MAX;
use monitor_ebpf::records::over_cause;
use monitor_ebpf::{
    DatagramKey, DatagramPeer, FlowRecord, OverRecord, SettingsRecord, SettledKey, SettledRecord,
    StatsRecord,
};

use super::bpf::{self, Batch, Layout};

/// Bytes of one batch's values. More would cost memory, fewer system calls.
const BATCH_BYTES: usize = 64 * 1024;

/// Elements of one batch at least: the kernel hands out whole buckets.
const BATCH_ELEMENTS_MIN: usize = 64;

/// Doublings of a batch before the map is given up on for this drain.
const DOUBLINGS_MAX: u32 = 8;

/// A map that counts, shared between CPUs or with a value for each.
#[derive(Debug)]
pub struct CounterTable {
    map: OwnedFd,
    layout: Layout,
    /// Size of the value of one CPU, without the padding between CPUs.
    lane_bytes: usize,
    capacity: u64,
    /// Elements the last [`CounterTable::read`] saw.
    used: u64,
    keys: Vec<u8>,
    values: Vec<u8>,
}

impl CounterTable {
    /// The map behind a descriptor. `lanes` is 1 for a shared map, and the number of possible CPUs for
    /// a per-CPU one.
    pub fn new(map: OwnedFd, key: usize, lane_bytes: usize, lanes: usize, capacity: u32) -> Self {
        let value = lanes * lane_bytes.next_multiple_of(8);
        Self {
            map,
            layout: Layout { key, value },
            lane_bytes,
            capacity: u64::from(capacity),
            used: 0,
            keys: Vec::new(),
            values: Vec::new(),
        }
    }

    /// The table of sockets.
    pub fn flows(map: OwnedFd, lanes: usize, capacity: u32) -> Self {
        Self::new(map, size_of::<u64>(), FlowRecord::SIZE, lanes, capacity)
    }

    /// The table of further peers.
    pub fn datagrams(map: OwnedFd, lanes: usize, capacity: u32) -> Self {
        Self::new(map, DatagramKey::SIZE, DatagramPeer::SIZE, lanes, capacity)
    }

    /// The sums over settled sockets, which are never per CPU.
    pub fn settled(map: OwnedFd) -> Self {
        Self::new(map, SettledKey::SIZE, SettledRecord::SIZE, 1, SETTLED_MAX)
    }

    /// Elements seen by the last [`CounterTable::read`], and the capacity.
    pub fn fill(&self) -> (u64, u64) {
        (self.used, self.capacity)
    }

    /// Gives every element to `visit`: its key, and its value on each CPU. An element that comes or
    /// goes meanwhile may be given twice or not at all, so `visit` works on cumulative counters.
    ///
    /// # Errors
    ///
    /// What bpf(2) says. Elements before the error have been visited.
    pub fn read(
        &mut self,
        mut visit: impl FnMut(&[u8], &mut dyn Iterator<Item = &[u8]>),
    ) -> io::Result<()> {
        let mut elements = (BATCH_BYTES / self.layout.value).max(BATCH_ELEMENTS_MIN);
        let mut doublings = 0;
        let mut position = None;
        let mut used = 0;
        loop {
            self.keys.resize(elements * self.layout.key, 0);
            self.values.resize(elements * self.layout.value, 0);
            let batch = bpf::lookup_batch(
                self.map.as_fd(),
                self.layout,
                &mut position,
                &mut self.keys,
                &mut self.values,
            )?;
            let (read, last) = match batch {
                Batch::Some(read) => (read, false),
                Batch::Last(read) => (read, true),
                Batch::TooSmall if doublings < DOUBLINGS_MAX => {
                    doublings += 1;
                    elements *= 2;
                    continue;
                }
                Batch::TooSmall => return Err(io::Error::other("a bucket of the map is too long")),
            };
            let keys = self.keys.chunks_exact(self.layout.key);
            let values = self.values.chunks_exact(self.layout.value);
            for (key, value) in keys.zip(values).take(read) {
                let stride = self.lane_bytes.next_multiple_of(8);
                let mut lanes =
                    value.chunks_exact(stride).filter_map(|lane| lane.get(..self.lane_bytes));
                visit(key, &mut lanes);
            }
            used += read as u64;
            if last {
                self.used = used;
                return Ok(());
            }
        }
    }

    /// The value of an element on each CPU.
    ///
    /// # Errors
    ///
    /// What bpf(2) says.
    pub fn get(&self, key: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let mut value = vec![0; self.layout.value];
        if !bpf::lookup(self.map.as_fd(), self.layout, key, &mut value)? {
            return Ok(Vec::new());
        }
        let lanes = value.chunks_exact(self.lane_bytes.next_multiple_of(8));
        Ok(lanes.map(|lane| lane.get(..self.lane_bytes).unwrap_or_default().to_vec()).collect())
    }

    /// Deletes an element; false when it was gone.
    ///
    /// # Errors
    ///
    /// What bpf(2) says.
    pub fn delete(&mut self, key: &[u8]) -> io::Result<bool> {
        let deleted = bpf::delete(self.map.as_fd(), self.layout, key)?;
        self.used = self.used.saturating_sub(u64::from(deleted));
        Ok(deleted)
    }
}

/// What the programs know about themselves: `STATS`, `OVER` and `LIVE`.
#[derive(Debug)]
pub struct StatsTable {
    stats: OwnedFd,
    over: OwnedFd,
    live: OwnedFd,
    cpus: usize,
    /// Values of `LIVE`: one, or one per CPU.
    live_lanes: usize,
}

impl StatsTable {
    /// The arrays behind these descriptors: `LIVE` has a value per lane, the others one per CPU.
    pub fn new(
        stats: OwnedFd,
        over: OwnedFd,
        live: OwnedFd,
        cpus: usize,
        live_lanes: usize,
    ) -> Self {
        Self { stats, over, live, cpus, live_lanes }
    }

    /// Flows that were made, less those that the programs have taken away again: with those that the agent
    /// deleted, the number of flows in `FLOWS`.
    ///
    /// # Errors
    ///
    /// What bpf(2) says.
    pub fn flows_made(&self) -> io::Result<u64> {
        let layout = Layout { key: size_of::<u32>(), value: self.live_lanes * size_of::<u64>() };
        let mut value = vec![0; layout.value];
        bpf::lookup(self.live.as_fd(), layout, &0_u32.to_ne_bytes(), &mut value)?;
        let counts = value.chunks_exact(8).filter_map(|lane| lane.first_chunk());
        Ok(counts.fold(0, |sum, lane| sum.wrapping_add(u64::from_ne_bytes(*lane))))
    }

    /// The sums of `STATS` over all CPUs. `full_until` and `pressed` mean nothing in a
    /// sum.
    ///
    /// # Errors
    ///
    /// What bpf(2) says.
    pub fn stats(&self) -> io::Result<StatsRecord> {
        let mut sum = StatsRecord::ZERO;
        for record in self.lanes(self.stats.as_fd(), 0, StatsRecord::SIZE)?.iter() {
            let Some(record) = StatsRecord::read(record) else {
                continue;
            };
            sum.ring_lost += record.ring_lost;
            sum.samples_lost += record.samples_lost;
            sum.settled += record.settled;
        }
        Ok(sum)
    }

    /// The sums of `OVER` over all CPUs, by cause.
    ///
    /// # Errors
    ///
    /// What bpf(2) says.
    pub fn over(&self) -> io::Result<Vec<OverRecord>> {
        let mut causes = Vec::new();
        for cause in 0..over_cause::COUNT {
            let mut sum = OverRecord::ZERO;
            for record in self.lanes(self.over.as_fd(), cause, OverRecord::SIZE)?.iter() {
                let Some(record) = OverRecord::read(record) else {
                    continue;
                };
                sum.counters.tx_bytes += record.counters.tx_bytes;
                sum.counters.tx_packets += record.counters.tx_packets;
                sum.counters.rx_bytes += record.counters.rx_bytes;
                sum.counters.rx_packets += record.counters.rx_packets;
            }
            causes.push(sum);
        }
        Ok(causes)
    }

    fn layout(&self, lane: usize) -> Layout {
        Layout { key: size_of::<u32>(), value: self.cpus * lane.next_multiple_of(8) }
    }

    fn lanes(&self, map: BorrowedFd<'_>, index: u32, lane: usize) -> io::Result<Lanes> {
        let layout = self.layout(lane);
        let mut value = vec![0; layout.value];
        bpf::lookup(map, layout, &index.to_ne_bytes(), &mut value)?;
        Ok(Lanes { value, stride: lane.next_multiple_of(8) })
    }
}

/// The values of all CPUs of one element.
struct Lanes {
    value: Vec<u8>,
    stride: usize,
}

impl Lanes {
    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.value.chunks_exact(self.stride)
    }
}

/// `SETTINGS`: what the programs are told.
#[derive(Debug)]
pub struct SettingsTable {
    map: OwnedFd,
}

impl SettingsTable {
    /// The map behind a descriptor.
    pub fn new(map: OwnedFd) -> Self {
        Self { map }
    }

    /// Tells the programs. From the return of this on, new runs of them know; see
    /// [`wait_for_programs`].
    ///
    /// # Errors
    ///
    /// What bpf(2) says.
    pub fn set(&self, settings: &SettingsRecord) -> io::Result<()> {
        let layout = Layout { key: size_of::<u32>(), value: SettingsRecord::SIZE };
        bpf::update(self.map.as_fd(), layout, &0_u32.to_ne_bytes(), &settings.bytes())
    }
}

/// Waits until every run of the programs that began before has ended: some milliseconds, without work.
///
/// # Errors
///
/// Where the kernel has no membarrier(2) (`CONFIG_MEMBARRIER`).
pub fn wait_for_programs() -> io::Result<()> {
    bpf::wait_for_rcu()
}

/// `PROCESSES`: whom the programs have announced.
#[derive(Debug)]
pub struct ProcessTable {
    map: OwnedFd,
    layout: Layout,
}

impl ProcessTable {
    /// The map behind a descriptor.
    pub fn new(map: OwnedFd) -> Self {
        let layout = Layout { key: size_of::<u32>(), value: monitor_ebpf::ProcessSeen::SIZE };
        Self { map, layout }
    }

    /// Forgets a process that ended, so that another one with its id is announced.
    ///
    /// # Errors
    ///
    /// What bpf(2) says.
    pub fn forget(&self, pid: u32) -> io::Result<bool> {
        bpf::delete(self.map.as_fd(), self.layout, &pid.to_ne_bytes())
    }
}

/// The number of CPUs a per-CPU map has values for, from the text of
/// `/sys/devices/system/cpu/possible` (like `0-3` or `0,2-3`): the highest number and one.
pub fn possible_cpus(text: &str) -> Option<usize> {
    let last = text.trim().rsplit([',', '-']).next()?;
    last.parse::<usize>().ok()?.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_counted_from_the_highest() {
        assert_eq!(possible_cpus("0\n"), Some(1));
        assert_eq!(possible_cpus("0-3\n"), Some(4));
        assert_eq!(possible_cpus("0,2-7\n"), Some(8));
        assert_eq!(possible_cpus(""), None);
        assert_eq!(possible_cpus("none"), None);
    }
}
