//! The programs in their places, and the maps behind them.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use aya::maps::{Map, MapData, RingBuf};
use rustix::fs::{Mode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
use rustix::thread::CapabilitySet;

use super::bpf;
use super::cgroups::{self, Mounts};
use super::hooks::{HOOKS, Hook};
use super::loader::{self, LoadError, Order};
use super::owners::OwnerTable;
use super::tables::{CounterTable, ProcessTable, SettingsTable, StatsTable, possible_cpus};

/// The oldest kernel with all helpers the programs call, as (major, minor).
pub const KERNEL_MIN: (u32, u32) = (5, 10);

/// Why the programs are not in their places.
#[derive(Debug)]
pub enum AttachError {
    /// The running release is older than [`KERNEL_MIN`].
    KernelTooOld(String),
    /// No cgroup file system is mounted.
    NoCgroup2,
    /// Only cgroup hierarchies of version 1 are mounted.
    CgroupV1Only,
    /// The directory given as the root of the tree cannot be opened, or is in no cgroup2 tree.
    Root(PathBuf),
    /// `CAP_BPF` or `CAP_NET_ADMIN` is missing.
    NoRights,
    /// See [`LoadError`].
    Load(LoadError),
    /// The verifier refused a program: its name and the reason.
    Refused(String, String),
    /// A program that tolerates no other, or a lack of privileges, keeps the place of this hook.
    Occupied(&'static str, PathBuf),
    /// Another error of a system call.
    Io(&'static str, io::Error),
}

/// Programs and maps at work. Dropping it detaches the programs, and so does every end of the process.
pub struct Attached {
    /// Sockets.
    pub flows: CounterTable,
    /// Further peers of sockets.
    pub datagrams: CounterTable,
    /// Sums over closed sockets that were settled in the kernel.
    pub settled: CounterTable,
    /// What the programs are told.
    pub settings: SettingsTable,
    /// What the programs know about themselves.
    pub stats: StatsTable,
    /// Whom they have announced.
    pub processes: ProcessTable,
    /// Who bound a socket.
    pub owners: OwnerTable,
    /// A path to the root of the cgroup2 tree.
    pub root: PathBuf,
    /// CPUs that per-CPU maps have values for.
    pub cpus: usize,
    ring: Option<RingBuf<MapData>>,
    samples: Option<RingBuf<MapData>>,
    links: Vec<OwnedFd>,
    /// Keeps `root` valid where the tree is mounted nowhere else.
    _directory: OwnedFd,
}

impl fmt::Debug for Attached {
    // By hand, because aya's ring buffer has none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Attached {
    /// The ring buffer of events, once: reading it is the caller's business.
    pub fn take_ring(&mut self) -> Option<RingBuf<MapData>> {
        self.ring.take()
    }

    /// The ring buffer of samples, once.
    pub fn take_samples(&mut self) -> Option<RingBuf<MapData>> {
        self.samples.take()
    }

    /// The hooks and whether they are attached. All are, or there would be no `Attached`.
    pub fn hooks(&self) -> Vec<(&'static str, bool)> {
        HOOKS.iter().enumerate().map(|(i, hook)| (hook.name, i < self.links.len())).collect()
    }
}

/// Loads the programs and attaches them at the root of the cgroup2 tree: at `root`, or where the mount
/// table says it is.
pub fn attach(order: &Order, root: Option<&Path>) -> Result<Attached, AttachError> {
    check_release(&release())?;
    check_rights()?;
    let (directory, root) = open_root(root)?;
    let loaded = loader::load(order).map_err(AttachError::Load)?;
    let mut links = Vec::with_capacity(HOOKS.len());
    for (hook, (program, fd)) in HOOKS.iter().zip(&loaded.programs) {
        let refused = || {
            AttachError::Refused(program.name.clone(), program.refused.clone().unwrap_or_default())
        };
        let fd = fd.as_ref().ok_or_else(refused)?;
        links.push(link(hook, fd, directory.as_fd(), &root)?);
    }
    let mut maps = loaded.maps;
    let mut take = |name: &'static str| {
        let at = maps.iter().position(|(map, _)| map == name);
        at.map(|at| maps.swap_remove(at).1)
            .ok_or(AttachError::Io("taking over the maps", io::ErrorKind::NotFound.into()))
    };
    let cpus = cpus();
    let flows = take("FLOWS")?;
    let lanes = lanes(&flows, cpus);
    Ok(Attached {
        flows: CounterTable::flows(flows, lanes, order.flows_max),
        datagrams: CounterTable::datagrams(take("DATAGRAMS")?, lanes, order.datagrams_max),
        settled: CounterTable::settled(take("SETTLED")?),
        settings: SettingsTable::new(take("SETTINGS")?),
        stats: StatsTable::new(take("STATS")?, take("OVER")?, take("LIVE")?, cpus, lanes),
        processes: ProcessTable::new(take("PROCESSES")?),
        ring: Some(ring(take("EVENTS")?)?),
        samples: Some(ring(take("SAMPLES")?)?),
        owners: OwnerTable::new(take("OWNER")?, take("BOUND")?),
        root,
        cpus,
        links,
        _directory: directory,
    })
}

fn link(
    hook: &Hook,
    program: &OwnedFd,
    cgroup: BorrowedFd<'_>,
    root: &Path,
) -> Result<OwnedFd, AttachError> {
    bpf::link_to_cgroup(program.as_fd(), cgroup, hook.attach_type).map_err(|error| {
        match error.raw_os_error() {
            Some(libc::EPERM) => AttachError::Occupied(hook.name, root.to_owned()),
            _ => AttachError::Io("attaching a program", error),
        }
    })
}

fn ring(map: OwnedFd) -> Result<RingBuf<MapData>, AttachError> {
    let failed = |error| AttachError::Io("mapping the ring buffer", io::Error::other(error));
    RingBuf::try_from(Map::RingBuf(MapData::from_fd(map).map_err(failed)?)).map_err(failed)
}

/// Whether the counters are per CPU is a property of the object that was loaded.
fn lanes(flows: &OwnedFd, cpus: usize) -> usize {
    let per_cpu = flows
        .try_clone()
        .ok()
        .and_then(|map| MapData::from_fd(map).ok())
        .and_then(|map| map.info().ok())
        .and_then(|info| info.map_type().ok())
        .is_some_and(|kind| kind == aya::maps::MapType::PerCpuHash);
    if per_cpu { cpus } else { 1 }
}

fn cpus() -> usize {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    // Without sysfs the number of CPUs online is the best guess; both agree on phones and routers.
    possible_cpus(&text)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// The release of the running kernel, like `6.12.3-arm64`.
pub fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// Checks a release against [`KERNEL_MIN`]. One that cannot be read passes: loading will tell.
pub fn check_release(release: &str) -> Result<(), AttachError> {
    if is_older(release, KERNEL_MIN) {
        return Err(AttachError::KernelTooOld(release.to_owned()));
    }
    Ok(())
}

/// Whether a release is older than this one, as (major, minor). One that cannot be read is not.
pub(super) fn is_older(release: &str, than: (u32, u32)) -> bool {
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse::<u32>().ok());
    matches!((numbers.next(), numbers.next()), (Some(major), Some(minor)) if (major, minor) < than)
}

/// Checks for the rights to load and attach: `CAP_BPF` and `CAP_NET_ADMIN`, or `CAP_SYS_ADMIN`, which
/// contains both (capabilities(7)).
pub fn check_rights() -> Result<(), AttachError> {
    let Ok(sets) = rustix::thread::capabilities(None) else {
        // Loading will tell.
        return Ok(());
    };
    let bpf = CapabilitySet::BPF | CapabilitySet::NET_ADMIN;
    if sets.effective.contains(CapabilitySet::SYS_ADMIN) || sets.effective.contains(bpf) {
        return Ok(());
    }
    Err(AttachError::NoRights)
}

/// Opens the root of the cgroup2 tree: at `root`, where the mount table says it is, or in a mount of its
/// own that nobody else sees and that ends with the descriptor. Gives a path to it as well.
pub fn open_root(root: Option<&Path>) -> Result<(OwnedFd, PathBuf), AttachError> {
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounts =
        root.map_or_else(|| cgroups::find_mount(&mountinfo), |root| Mounts::V2(root.to_owned()));
    let missing = match mounts {
        Mounts::V2(path) => {
            let directory = File::open(&path).map(OwnedFd::from);
            let magic = |directory: &OwnedFd| rustix::fs::fstatfs(directory).map(|fs| fs.f_type);
            match directory {
                // `CGROUP2_SUPER_MAGIC` (uapi/linux/magic.h).
                Ok(directory) if magic(&directory) == Ok(0x6367_7270) => {
                    return Ok((directory, path));
                }
                _ if root.is_some() => return Err(AttachError::Root(path)),
                // Something else was mounted over it.
                _ => AttachError::NoCgroup2,
            }
        }
        Mounts::V1Only => AttachError::CgroupV1Only,
        Mounts::None => AttachError::NoCgroup2,
    };
    let directory = mount_cgroup2().map_err(|_| missing)?;
    let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
    Ok((directory, path.into()))
}

/// Mounts the cgroup2 tree at no place (fsopen(2), fsmount(2), Linux 5.2).
fn mount_cgroup2() -> rustix::io::Result<OwnedFd> {
    let context = rustix::mount::fsopen("cgroup2", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_create(&context)?;
    let safe = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let mount = rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, safe)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(&mount, ".", flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_below_the_floor_are_refused() {
        for old in ["5.9.16", "4.19.0-27-amd64", "5.4.0-26-generic", "3.18.31"] {
            assert!(matches!(check_release(old), Err(AttachError::KernelTooOld(_))), "{old}");
        }
        for new in ["5.10.0", "5.10", "6.12.3-arm64", "10.0.1", "mystery"] {
            assert!(check_release(new).is_ok(), "{new}");
        }
    }
}
