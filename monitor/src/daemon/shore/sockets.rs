//! What the agent's own sockets and those of others tell.

use std::path::Path;

use super::PROC;
use crate::agent::SocketList;
use crate::event::decode;
use crate::kernel::{Attached, sock_diag};

/// Who holds which socket; `None` without `sock_diag`.
pub(super) fn find() -> Option<SocketList> {
    let proc_root = Path::new(PROC);
    let (sockets, namespaces) = match sock_diag::sockets_everywhere(proc_root) {
        Ok(found) => found,
        Err(error) => {
            ::log::info!("cannot list sockets: {error}");
            return None;
        }
    };
    let by_inode = sock_diag::holders(proc_root);
    let holder = |inode: &u64| by_inode.get(inode).map(|holder| holder.pid);
    let holders = sockets.iter().map(|(cookie, socket)| (*cookie, holder(&socket.inode)));
    Some(SocketList { holders: holders.collect(), has_other_namespaces: namespaces > 0 })
}

/// The cookie of the agent's network namespace, as the programs see it: they have just noted it with a
/// socket made here. 0, which no namespace has, when they have not.
pub(super) fn own_netns(kernel: &Attached) -> u32 {
    let Ok(socket) = std::net::UdpSocket::bind("127.0.0.1:0") else {
        return 0;
    };
    let Ok(cookie) = rustix::net::sockopt::socket_cookie(&socket) else {
        return 0;
    };
    let key = cookie.to_ne_bytes();
    let lanes = kernel.flows.get(&key).unwrap_or_default();
    let owner = lanes.iter().find_map(|lane| decode::flow(&key, lane)?.owner);
    owner.map_or(0, |owner| owner.netns)
}
