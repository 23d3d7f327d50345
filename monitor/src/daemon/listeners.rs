//! Listening sockets that are older than the programs: what they accept from now on is their owner's.
//!
//! The kernel hands the owner of a listener down to the sockets it accepts, but nobody noted the owner of
//! one that was bound before. So it is noted now, through a descriptor borrowed from its process.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::clock::Now;
use crate::kernel::{Attached, process, sock_diag};

const PROC: &str = "/proc";

/// What is noted for a network namespace that is not the agent's: no namespace has it.
const ELSEWHERE: u32 = u32::MAX;

/// Notes the owner of every listening socket. What cannot be done (before Linux 5.6, without
/// `CAP_SYS_PTRACE`) is left: such connections are attributed while they last.
pub(super) fn adopt(kernel: &Attached, own_netns: u32, now: Now) {
    let proc_root = Path::new(PROC);
    let Ok((sockets, _)) = sock_diag::sockets_everywhere(proc_root) else {
        return;
    };
    let holders = sock_diag::holders(proc_root);
    for socket in sockets.values().filter(|socket| socket.listens) {
        let Some(holder) = holders.get(&socket.inode).copied() else {
            continue;
        };
        match sock_diag::borrow(holder) {
            Ok(socket) => note(kernel, socket.as_fd(), holder.pid, own_netns, now),
            Err(error) => ::log::info!("cannot reach a socket that listens: {error}"),
        }
    }
}

/// Notes the agent as the owner of its own listening socket, for which nothing else is needed.
pub(super) fn adopt_own(kernel: &Attached, socket: BorrowedFd<'_>, own_netns: u32, now: Now) {
    note(kernel, socket, std::process::id(), own_netns, now);
}

fn note(kernel: &Attached, socket: BorrowedFd<'_>, pid: u32, own_netns: u32, now: Now) {
    let Some(owner) = owner(kernel, pid, own_netns, now) else {
        return;
    };
    if let Err(error) = kernel.owners.set(socket, &owner) {
        ::log::info!("cannot note who listens on a socket: {error}");
    }
}

/// A process as the owner of a socket, as the programs would have noted it.
fn owner(kernel: &Attached, pid: u32, own_netns: u32, now: Now) -> Option<monitor_ebpf::Owner> {
    let facts = process::read(Path::new(PROC), pid)?;
    let cgroup = facts.cgroup.unwrap_or_default();
    let directory = kernel.root.join(cgroup.trim_start_matches('/'));
    let mut comm = [0; 16];
    let name = facts.comm.unwrap_or_default();
    // The last byte ends the name.
    for (to, from) in comm.iter_mut().take(15).zip(name.bytes()) {
        *to = from;
    }
    let inode = |pid: &str| std::fs::metadata(format!("{PROC}/{pid}/ns/net")).map(|ns| ns.ino());
    let here = inode("self").ok() == inode(&pid.to_string()).ok();
    Some(monitor_ebpf::Owner {
        opened_ns: now.boot_ns,
        cgroup_id: directory.metadata().map_or(0, |metadata| metadata.ino()),
        tgid: pid,
        uid: facts.uid.unwrap_or_default(),
        netns: if here { own_netns } else { ELSEWHERE },
        epoch: 0,
        comm: monitor_ebpf::records::comm_words(comm),
    })
}
