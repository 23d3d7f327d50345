//! Who holds the sockets that were open before the programs were attached: `sock_diag(7)` gives
//! cookie and inode of every socket, `/proc/PID/fd` the process that holds an inode.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};

/// `SOCK_DIAG_BY_FAMILY` (uapi/linux/sock_diag.h).
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP` (uapi/linux/netlink.h).
const REQUEST_DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// `struct inet_diag_req_v2` (uapi/linux/inet_diag.h).
const REQUEST_BYTES: usize = 56;
/// Offset of the cookie in `struct inet_diag_msg`: state, family and ports before the addresses,
/// ports 4, addresses 32, interface 4.
const COOKIE_AT: usize = 4 + 4 + 32 + 4;
/// Offset of the inode: cookie 8, expires 4, queues 8, uid 4.
const INODE_AT: usize = COOKIE_AT + 8 + 4 + 8 + 4;

/// Protocols asked for; UDP-Lite and raw sockets are modules on many kernels, and no error.
const PROTOCOLS: [u8; 4] = [6, 17, 136, 255];
const FAMILIES: [u8; 2] = [2, 10];

/// Sockets remembered at most.
const SOCKETS_MAX: usize = 65_536;

/// Network namespaces entered at most.
const NAMESPACES_MAX: usize = 256;

/// Sockets by cookie, with the inode that `/proc/PID/fd` shows; 0 for one without a file, which is the
/// kernel's own or already closed.
pub type Sockets = BTreeMap<u64, u64>;

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

/// Lists the sockets of every network namespace that a process is in. Other namespaces than this
/// thread's need `CAP_SYS_ADMIN`; without it they are left out.
///
/// # Errors
///
/// As [`sockets`], for this thread's namespace.
pub fn sockets_everywhere(proc_root: &Path) -> io::Result<Sockets> {
    let mut sockets = sockets()?;
    for namespace in namespaces(proc_root) {
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
    Ok(sockets)
}

/// Network namespaces of all processes, except this one's, each once.
fn namespaces(proc_root: &Path) -> Vec<File> {
    let mut seen: Vec<u64> = fs::metadata("/proc/self/ns/net").iter().map(MetadataExt::ino).collect();
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

fn list(family: u8, protocol: u8, sockets: &mut Sockets) -> io::Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    rustix::net::send(&socket, &request(family, protocol), SendFlags::empty())?;
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let (length, _) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        if length == 0 || read_replies(buffer.get(..length).unwrap_or_default(), sockets)? {
            return Ok(());
        }
    }
}

/// A dump of all sockets of a family and protocol, in any state.
fn request(family: u8, protocol: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + REQUEST_BYTES);
    bytes.extend(((HEADER_BYTES + REQUEST_BYTES) as u32).to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family, protocol, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.resize(HEADER_BYTES + REQUEST_BYTES, 0);
    bytes
}

/// Reads the messages of one datagram; true when the dump is complete.
fn read_replies(mut bytes: &[u8], sockets: &mut Sockets) -> io::Result<bool> {
    while let Some(length) = field::<4>(bytes, 0).map(u32::from_ne_bytes) {
        let length = length as usize;
        let kind = field::<2>(bytes, 4).map(u16::from_ne_bytes);
        let Some(body) = bytes.get(HEADER_BYTES..length) else {
            return Ok(true);
        };
        match kind {
            Some(NLMSG_DONE) => return Ok(true),
            Some(NLMSG_ERROR) => {
                let code = field::<4>(body, 0).map_or(0, i32::from_ne_bytes);
                return match code {
                    0 => Ok(true),
                    code => Err(io::Error::from_raw_os_error(code.saturating_neg())),
                };
            }
            _ => {
                let cookie = field::<8>(body, COOKIE_AT).map(u64::from_ne_bytes);
                let inode = field::<4>(body, INODE_AT).map(u32::from_ne_bytes);
                if let (Some(cookie), Some(inode)) = (cookie, inode)
                    && sockets.len() < SOCKETS_MAX
                {
                    sockets.insert(split(cookie), u64::from(inode));
                }
            }
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// The cookie is two words, the lower first, whatever the byte order (`sock_diag_save_cookie`,
/// net/core/sock_diag.c).
const fn split(cookie: u64) -> u64 {
    if cfg!(target_endian = "big") { cookie.rotate_left(32) } else { cookie }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Which process holds which socket, by inode. Where several do, the one with the lowest id: the
/// parent comes before the children that inherited it.
pub fn holders(proc_root: &Path) -> BTreeMap<u64, u32> {
    let mut holders = BTreeMap::new();
    let Ok(processes) = fs::read_dir(proc_root) else {
        return holders;
    };
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        for descriptor in descriptors.flatten() {
            let inode = fs::read_link(descriptor.path()).ok().and_then(|target| socket_inode(&target));
            if let Some(inode) = inode {
                let holder = holders.entry(inode).or_insert(pid);
                *holder = pid.min(*holder);
            }
        }
    }
    holders
}

/// The inode of a link like `socket:[12345]` (proc_pid_fd(5)).
fn socket_inode(target: &Path) -> Option<u64> {
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_sockets_are_listed_and_held_by_this_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let cookie = rustix::net::sockopt::socket_cookie(&listener).expect("SO_COOKIE");
        let Ok(sockets) = sockets() else {
            eprintln!("skipped: this kernel has no sock_diag");
            return;
        };
        let inode = sockets.get(&cookie).copied().expect("the listener is listed");
        assert_eq!(holders(Path::new("/proc")).get(&inode), Some(&std::process::id()));
        drop(listener);
    }

    #[test]
    fn truncated_replies_end_the_dump() {
        let mut bytes = request(2, 6);
        for length in 0..bytes.len() {
            let mut sockets = Sockets::new();
            let _ = read_replies(&bytes[..length], &mut sockets);
            assert!(sockets.is_empty(), "{length} bytes");
        }
        bytes[0] = 0;
        assert!(read_replies(&bytes, &mut Sockets::new()).expect("no error"), "a length of zero ends it");
    }

    #[test]
    fn only_links_to_sockets_have_an_inode() {
        assert_eq!(socket_inode(Path::new("socket:[77]")), Some(77));
        assert_eq!(socket_inode(Path::new("pipe:[77]")), None);
        assert_eq!(socket_inode(Path::new("socket:[x]")), None);
    }
}
