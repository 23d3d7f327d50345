//! Who holds the sockets that were open before the programs were attached: `sock_diag(7)` gives
//! cookie and inode of every socket, `/proc/PID/fd` the process that holds an inode.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags};

use super::netlink::{self, field};

/// `SOCK_DIAG_BY_FAMILY` (uapi/linux/sock_diag.h).
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `struct inet_diag_req_v2` (uapi/linux/inet_diag.h).
const REQUEST_BYTES: usize = 56;
/// Offset of the state in `struct inet_diag_msg`, behind the family.
const STATE_AT: usize = 1;
/// Offset of the cookie: family, state and timers 4, ports 4, addresses 32, interface 4.
const COOKIE_AT: usize = 4 + 4 + 32 + 4;
/// Offset of the inode: cookie 8, expires 4, queues 8, uid 4.
const INODE_AT: usize = COOKIE_AT + 8 + 4 + 8 + 4;
/// `TCP_LISTEN` and `TCP_TIME_WAIT` (include/net/tcp_states.h).
const LISTEN: u8 = 10;
const TIME_WAIT: u32 = 6;

/// Protocols asked for; UDP-Lite and raw sockets are modules on many kernels, and no error.
const PROTOCOLS: [u8; 4] = [TCP, 17, 136, 255];
const TCP: u8 = 6;
const FAMILIES: [u8; 2] = [2, 10];

/// Sockets remembered at most.
const SOCKETS_MAX: usize = 65_536;

/// Network namespaces entered at most.
const NAMESPACES_MAX: usize = 256;

/// A socket as `sock_diag` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// The inode that `/proc/PID/fd` shows; 0 for a socket without a file, which is the kernel's own or
    /// already closed.
    pub inode: u64,
    /// Whether it is a TCP socket that listens.
    pub listens: bool,
}

/// Sockets by cookie.
pub type Sockets = BTreeMap<u64, Socket>;

/// Lists the sockets of this thread's network namespace.
///
/// # Errors
///
/// When the kernel has no `sock_diag` for TCP (`CONFIG_INET_DIAG`), or denies it.
pub fn sockets() -> io::Result<Sockets> {
    let mut sockets = Sockets::new();
    for protocol in PROTOCOLS {
        for family in FAMILIES {
            let listed = list(family, protocol, &mut sockets);
            if protocol == PROTOCOLS[0] {
                listed?;
            }
        }
    }
    Ok(sockets)
}

/// Lists the sockets of every network namespace that a process is in, and tells how many other
/// namespaces than this thread's there are. Those need `CAP_SYS_ADMIN`; without it they are left out.
///
/// # Errors
///
/// As [`sockets`], for this thread's namespace.
pub fn sockets_everywhere(proc_root: &Path) -> io::Result<(Sockets, usize)> {
    let mut sockets = sockets()?;
    let others = namespaces(proc_root);
    let count = others.len();
    for namespace in others {
        // A thread's namespace cannot be left without a way back, so a short-lived one enters it.
        let entered = std::thread::spawn(move || {
            let network = rustix::thread::LinkNameSpaceType::Network;
            rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(network))?;
            self::sockets()
        });
        if let Ok(Ok(found)) = entered.join() {
            sockets.extend(found.into_iter().take(SOCKETS_MAX.saturating_sub(sockets.len())));
        }
    }
    Ok((sockets, count))
}

/// Network namespaces of all processes, except this one's, each once.
fn namespaces(proc_root: &Path) -> Vec<File> {
    let mut seen: Vec<u64> =
        fs::metadata("/proc/self/ns/net").iter().map(MetadataExt::ino).collect();
    let mut found = Vec::new();
    for process in fs::read_dir(proc_root).into_iter().flatten().flatten() {
        let path = process.path().join("ns/net");
        let Ok(inode) = fs::metadata(&path).map(|metadata| metadata.ino()) else {
            continue;
        };
        if found.len() < NAMESPACES_MAX && !seen.contains(&inode) {
            seen.push(inode);
            found.extend(File::open(path));
        }
    }
    found
}

/// Lists the sockets of a family and protocol. Those in `TIME_WAIT`, thousands on a busy device, are sockets
/// no more.
fn list(family: u8, protocol: u8, sockets: &mut Sockets) -> io::Result<()> {
    let mut request = vec![family, protocol, 0, 0];
    request.extend((!(1_u32 << TIME_WAIT)).to_ne_bytes());
    request.resize(REQUEST_BYTES, 0);
    netlink::dump(Some(rustix::net::netlink::SOCK_DIAG), SOCK_DIAG_BY_FAMILY, &request, |body| {
        if let Some((cookie, socket)) = parse(body, protocol)
            && sockets.len() < SOCKETS_MAX
        {
            sockets.insert(cookie, socket);
        }
    })
}

fn parse(body: &[u8], protocol: u8) -> Option<(u64, Socket)> {
    let [state] = field(body, STATE_AT)?;
    let cookie = split(u64::from_ne_bytes(field(body, COOKIE_AT)?));
    let inode = u64::from(u32::from_ne_bytes(field(body, INODE_AT)?));
    Some((cookie, Socket { inode, listens: protocol == TCP && state == LISTEN }))
}

/// The cookie is two words, the lower first, whatever the byte order (`sock_diag_save_cookie`,
/// net/core/sock_diag.c).
const fn split(cookie: u64) -> u64 {
    if cfg!(target_endian = "big") { cookie.rotate_left(32) } else { cookie }
}

/// A process and its descriptor of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Number of the descriptor in that process.
    pub fd: i32,
}

/// Which process holds which socket, by inode. Where several do, the one with the lowest id: the
/// parent comes before the children that inherited it.
pub fn holders(proc_root: &Path) -> BTreeMap<u64, Holder> {
    let mut holders = BTreeMap::new();
    for process in fs::read_dir(proc_root).into_iter().flatten().flatten() {
        let Some(pid) = number(&process.file_name()) else {
            continue;
        };
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        for descriptor in descriptors.flatten() {
            let target = fs::read_link(descriptor.path()).ok();
            let inode = target.and_then(|target| socket_inode(&target));
            if let (Some(inode), Some(fd)) = (inode, number(&descriptor.file_name())) {
                let found = Holder { pid, fd };
                let holder = holders.entry(inode).or_insert(found);
                *holder = found.min(*holder);
            }
        }
    }
    holders
}

fn number<T: std::str::FromStr>(name: &OsStr) -> Option<T> {
    name.to_str()?.parse().ok()
}

/// A descriptor of its own for another process's socket.
///
/// # Errors
///
/// `EPERM` without `CAP_SYS_PTRACE`, `ENOSYS` before Linux 5.6, `ESRCH` when the process is gone.
pub fn borrow(holder: Holder) -> io::Result<OwnedFd> {
    let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
    let process = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    Ok(rustix::process::pidfd_getfd(process, holder.fd, PidfdGetfdFlags::empty())?)
}

/// The inode of a link like `socket:[12345]` (proc_pid_fd(5)).
fn socket_inode(target: &Path) -> Option<u64> {
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn own_sockets_are_listed_and_held_by_this_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let cookie = rustix::net::sockopt::socket_cookie(&listener).expect("SO_COOKIE");
        let Ok(sockets) = sockets() else {
            eprintln!("skipped: this kernel has no sock_diag");
            return;
        };
        let socket = sockets.get(&cookie).copied().expect("the listener is listed");
        assert!(socket.listens);
        let holder = holders(Path::new("/proc")).get(&socket.inode).copied().expect("held here");
        assert_eq!(holder, Holder { pid: std::process::id(), fd: listener.as_raw_fd() });
        drop(listener);
    }

    #[test]
    fn truncated_answers_are_no_sockets() {
        let mut body = [0; 72];
        body[STATE_AT] = LISTEN;
        body[COOKIE_AT] = 9;
        for length in 0..body.len() {
            assert_eq!(parse(&body[..length], TCP), None, "{length} bytes");
        }
        assert_eq!(parse(&body, TCP), Some((9, Socket { inode: 0, listens: true })));
        assert_eq!(parse(&body, 17), Some((9, Socket { inode: 0, listens: false })));
    }

    #[test]
    fn only_links_to_sockets_have_an_inode() {
        assert_eq!(socket_inode(Path::new("socket:[77]")), Some(77));
        assert_eq!(socket_inode(Path::new("pipe:[77]")), None);
        assert_eq!(socket_inode(Path::new("socket:[x]")), None);
    }
}
