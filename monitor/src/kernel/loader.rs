//! Loading the programs, in a child process that ends when it is done.
//!
//! aya 0.14 reads the kernel's own BTF whenever it loads an object, 18 to 34 MB at its peak, though
//! these programs need none of it. The child takes that memory with it; the agent receives the
//! descriptors of maps and programs over a socket and stays at about a megabyte.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use aya::maps::Map;
use aya::programs::{Program, ProgramError};
use aya::{Ebpf, EbpfError, EbpfLoader, VerifierLogLevel};
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use rustix::process::{Resource, Rlimit};
use serde::{Deserialize, Serialize};

use super::attach;
use super::hooks::{HOOKS, MAPS};

/// First argument of the child; not for people, so it is not in `--help`.
pub const CHILD_ARGUMENT: &str = "__load";

/// Lines of the verifier's log that a message carries.
const LOG_LINES_MAX: usize = 8;

/// Longest report of the child in bytes.
const REPORT_BYTES_MAX: usize = 64 * 1024;

/// Descriptors in one message; the kernel takes at most 253 (`SCM_MAX_FD`, include/net/scm.h).
const DESCRIPTORS_MAX: usize = 64;

/// The object built by `cargo xtask build`, packed (RFC 1951), or nothing when the agent was built without
/// it. Only the child ever has it unpacked.
const BUILT_IN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/programs.deflated"));

/// Bytes of the largest object that is unpacked.
const OBJECT_BYTES_MAX: usize = 4 << 20;

/// Capacity of `BOUND`, which these processors never use.
const BOUND_MAX: u32 = if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
    1
} else {
    monitor_ebpf::maps::BOUND_MAX
};

/// What is to be loaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// This object instead of the built-in one.
    pub object: Option<PathBuf>,
    /// Capacity of `FLOWS`.
    pub flows_max: u32,
    /// Capacity of `DATAGRAMS`.
    pub datagrams_max: u32,
}

/// A program after its loading.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadedProgram {
    /// Name in the object.
    pub name: String,
    /// Instructions the verifier walked through; `None` before Linux 5.16.
    pub verified_instructions: Option<u32>,
    /// Why it was refused, with the end of the verifier's log; `None` when it was accepted.
    pub refused: Option<String>,
}

/// Why nothing could be loaded at all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum LoadError {
    /// The agent was built without an object.
    NoObject,
    /// The object could not be read or understood.
    BadObject(String),
    /// `EPERM`: `CAP_BPF` or `CAP_NET_ADMIN` is missing.
    Denied(String),
    /// `EPERM` before 5.11, in spite of the rights: maps and programs need more than these bytes, which are
    /// `RLIMIT_MEMLOCK` and could not be raised.
    LockedMemory(u64),
    /// The kernel refused a map.
    Map(String),
    /// The child ended without a report.
    Child(String),
}

/// What the child reports, beside the descriptors.
#[derive(Debug, Serialize, Deserialize)]
enum Report {
    /// Maps first, in this order, then the accepted programs.
    Loaded {
        maps: Vec<String>,
        programs: Vec<LoadedProgram>,
    },
    Failed(LoadError),
}

/// Maps and programs in the kernel, held by their descriptors.
#[derive(Debug)]
pub struct Loaded {
    /// By name in the object.
    pub maps: Vec<(String, OwnedFd)>,
    /// In the order of [`HOOKS`]; a refused program has no descriptor.
    pub programs: Vec<(LoadedProgram, Option<OwnedFd>)>,
}

/// Starts the child, waits for its report, and takes over its descriptors.
pub fn load(order: &Order) -> Result<Loaded, LoadError> {
    let failed = |error: io::Error| LoadError::Child(error.to_string());
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let order = serde_json::to_string(order).map_err(|error| failed(error.into()))?;
    let mut child = Command::new("/proc/self/exe")
        .arg(CHILD_ARGUMENT)
        .arg(order)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let received = receive(&ours);
    let status = child.wait().map_err(failed)?;
    let (report, descriptors) = received.map_err(failed)?;
    let report = serde_json::from_slice(&report).map_err(|_| {
        LoadError::Child(format!("the loading process ended without a report ({status})"))
    })?;
    match report {
        Report::Failed(error) => Err(error),
        Report::Loaded { maps, programs } => Ok(sort(maps, programs, descriptors)),
    }
}

fn sort(maps: Vec<String>, programs: Vec<LoadedProgram>, fds: Vec<OwnedFd>) -> Loaded {
    let mut fds = fds.into_iter();
    let maps = maps.into_iter().zip(fds.by_ref()).collect();
    let programs = programs
        .into_iter()
        .map(|program| {
            let fd = if program.refused.is_none() { fds.next() } else { None };
            (program, fd)
        })
        .collect();
    Loaded { maps, programs }
}

/// Reads one message of descriptors, and bytes until the child closes its end.
fn receive(socket: &UnixStream) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut report = Vec::new();
    let mut descriptors = Vec::new();
    let mut chunk = vec![0; 4096];
    while report.len() < REPORT_BYTES_MAX {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let message = rustix::net::recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut chunk)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        for ancillary in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = ancillary {
                descriptors.extend(rights);
            }
        }
        if message.bytes == 0 {
            break;
        }
        report.extend_from_slice(chunk.get(..message.bytes).unwrap_or_default());
    }
    Ok((report, descriptors))
}

/// The child: loads what its argument orders and reports over its standard input.
///
/// # Errors
///
/// When the report cannot be sent.
pub fn child(order: &str) -> io::Result<()> {
    let loaded = serde_json::from_str(order)
        .map_err(|error| LoadError::Child(error.to_string()))
        .and_then(|order| load_here(&order));
    match loaded {
        Err(error) => send(&Report::Failed(error), &[]),
        Ok((ebpf, programs)) => {
            let mut descriptors = Vec::new();
            for name in MAPS {
                descriptors.extend(ebpf.map(name).and_then(map_fd));
            }
            let accepted = programs.iter().filter(|program| program.refused.is_none());
            let programs_loaded = accepted.filter_map(|program| ebpf.program(&program.name));
            let fds: Vec<_> = programs_loaded.filter_map(|program| program.fd().ok()).collect();
            descriptors.extend(fds.iter().map(|fd| fd.as_fd()));
            let maps = MAPS.map(str::to_owned).to_vec();
            send(&Report::Loaded { maps, programs: programs.clone() }, &descriptors)
        }
    }
}

fn map_fd(map: &Map) -> Option<BorrowedFd<'_>> {
    match map {
        Map::HashMap(data)
        | Map::PerCpuHashMap(data)
        | Map::PerCpuArray(data)
        | Map::LruHashMap(data)
        | Map::Array(data)
        | Map::SkStorage(data)
        | Map::RingBuf(data) => Some(data.fd().as_fd()),
        _ => None,
    }
}

fn send(report: &Report, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let report = serde_json::to_vec(report)?;
    let stdin = io::stdin();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("more descriptors than fit one message"));
    }
    let mut sent =
        rustix::net::sendmsg(&stdin, &[IoSlice::new(&report)], &mut control, SendFlags::NOSIGNAL)?;
    while let Some(rest) = report.get(sent..).filter(|rest| !rest.is_empty()) {
        sent += rustix::net::send(&stdin, rest, SendFlags::NOSIGNAL)?;
    }
    Ok(())
}

/// Loads object, maps and programs into the kernel.
fn load_here(order: &Order) -> Result<(Ebpf, Vec<LoadedProgram>), LoadError> {
    raise_locked_memory();
    let object = match &order.object {
        Some(path) => std::fs::read(path)
            .map_err(|error| LoadError::BadObject(format!("{}: {error}", path.display())))?,
        None if BUILT_IN.is_empty() => return Err(LoadError::NoObject),
        None => decompress_to_vec_with_limit(BUILT_IN, OBJECT_BYTES_MAX)
            .map_err(|error| LoadError::BadObject(format!("the one built in: {error}")))?,
    };
    let mut ebpf = EbpfLoader::new()
        // The reason of a refusal and the count of instructions, but not every step to them.
        .verifier_log_level(VerifierLogLevel::STATS)
        .map_max_entries("FLOWS", order.flows_max)
        .map_max_entries("DATAGRAMS", order.datagrams_max)
        .map_max_entries("BOUND", BOUND_MAX)
        .load(&object)
        .map_err(|error| match locked_memory() {
            Some(limit) if is_permission(&error) => LoadError::LockedMemory(limit),
            _ => load_error(&error),
        })?;
    let mut programs = Vec::with_capacity(HOOKS.len());
    for hook in &HOOKS {
        let Some(program) = ebpf.program_mut(hook.name) else {
            return Err(LoadError::BadObject(format!("it has no program `{}`", hook.name)));
        };
        let refused = load_program(program).err();
        if let (Some(error), Some(limit)) = (&refused, locked_memory())
            && is_permission(error)
        {
            return Err(LoadError::LockedMemory(limit));
        }
        let refused = refused.map(|error| explain(&error));
        let info = program.info().ok();
        programs.push(LoadedProgram {
            name: hook.name.to_owned(),
            verified_instructions: info.and_then(|info| info.verified_instruction_count()),
            refused,
        });
    }
    Ok((ebpf, programs))
}

fn load_program(program: &mut Program) -> Result<(), ProgramError> {
    match program {
        Program::CgroupSkb(program) => program.load(),
        Program::CgroupSock(program) => program.load(),
        Program::CgroupSockAddr(program) => program.load(),
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

fn load_error(error: &EbpfError) -> LoadError {
    let text = chain(error);
    if is_permission(error) {
        return LoadError::Denied(text);
    }
    match error {
        EbpfError::MapError(_) => LoadError::Map(text),
        _ => LoadError::BadObject(text),
    }
}

/// Raises the limit on locked memory as far as this process may. Before 5.11 the memory of maps is charged to
/// it, and it is 64 KiB by default; later kernels ignore it. Loading tells whether it was enough.
fn raise_locked_memory() {
    let raise = |to| {
        rustix::process::setrlimit(Resource::Memlock, Rlimit { current: to, maximum: to }).is_ok()
    };
    let _ = raise(None) || raise(rustix::process::getrlimit(Resource::Memlock).maximum);
}

/// The limit on locked memory in bytes, where it may be what keeps this process from loading: before 5.11,
/// when it could not be raised, and the rights are there. Otherwise they are what is missing.
fn locked_memory() -> Option<u64> {
    let limit = rustix::process::getrlimit(Resource::Memlock).current?;
    let counts = attach::is_older(&attach::release(), (5, 11));
    (counts && attach::check_rights().is_ok()).then_some(limit)
}

/// Whether an I/O error of the chain is `EPERM`.
fn is_permission(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.raw_os_error() == Some(libc::EPERM);
        }
        next = error.source();
    }
    false
}

/// An error and its causes in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        next = error.source();
    }
    text
}

/// The kernel's error and the last lines of the verifier's log, which name the reason.
fn explain(error: &ProgramError) -> String {
    let ProgramError::LoadError { io_error, verifier_log } = error else {
        return chain(error);
    };
    let log = verifier_log.to_string();
    let lines: Vec<_> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let tail = lines.get(lines.len().saturating_sub(LOG_LINES_MAX)..).unwrap_or_default();
    if tail.is_empty() {
        return io_error.to_string();
    }
    format!("{io_error}; the verifier says: {}", tail.join(" | "))
}
