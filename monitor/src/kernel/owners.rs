//! The maps of who bound a socket, as the agent writes them for sockets that are older than the programs.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use monitor_ebpf::{BoundKey, Owner};

use super::bpf::{self, Layout};

/// `OWNER`, who bound a socket, and `BOUND` where the kernel has no memory for that.
#[derive(Debug)]
pub struct OwnerTable {
    map: OwnedFd,
    bound: OwnedFd,
}

impl OwnerTable {
    /// The maps behind descriptors.
    pub fn new(map: OwnedFd, bound: OwnedFd) -> Self {
        Self { map, bound }
    }

    /// Makes somebody the owner of a TCP socket that listens, and of whatever it accepts from now on.
    ///
    /// # Errors
    ///
    /// What bpf(2) says.
    pub fn set(&self, socket: BorrowedFd<'_>, owner: &Owner) -> io::Result<()> {
        let layout = Layout { key: size_of::<i32>(), value: Owner::SIZE };
        let key = socket.as_raw_fd().to_ne_bytes();
        match bpf::update(self.map.as_fd(), layout, &key, &owner.bytes()) {
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => self.bind(socket, owner),
            done => done,
        }
    }

    /// As the programs do (`monitor-ebpf/src/programs/bound.rs`).
    fn bind(&self, socket: BorrowedFd<'_>, owner: &Owner) -> io::Result<()> {
        let key = bound_key(SocketAddr::try_from(rustix::net::getsockname(socket)?)?).bytes();
        let layout = Layout { key: BoundKey::SIZE, value: Owner::SIZE };
        let mut value = [0; Owner::SIZE];
        let is_known = bpf::lookup(self.bound.as_fd(), layout, &key, &mut value)?;
        let known = Owner::read(&value).filter(|_| is_known);
        let is_somebody_else_s = known.is_some_and(|known| known.netns != owner.netns);
        let kept = if is_somebody_else_s { Owner::ZERO } else { *owner };
        bpf::update(self.bound.as_fd(), layout, &key, &kept.bytes())
    }
}

fn bound_key(local: SocketAddr) -> BoundKey {
    let (octets, family) = match local.ip() {
        IpAddr::V4(address) if address.is_unspecified() => ([0; 16], libc::AF_INET),
        IpAddr::V4(address) => (address.to_ipv6_mapped().octets(), libc::AF_INET),
        IpAddr::V6(address) => (address.octets(), libc::AF_INET6),
    };
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(octets.chunks_exact(4)) {
        *word = bytes.try_into().map_or(0, u32::from_ne_bytes);
    }
    BoundKey { local: words, port: u32::from(local.port()), family: family.unsigned_abs() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    /// The programs have addresses in network order, IPv4 as RFC 4291 maps it, and nothing for any.
    #[test]
    fn a_key_has_what_the_programs_see() {
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7];
        let own = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        for (local, octets, family) in [
            ("192.0.2.7:80", mapped, libc::AF_INET),
            ("0.0.0.0:80", [0; 16], libc::AF_INET),
            ("[2001:db8::9]:80", own, libc::AF_INET6),
            ("[::]:80", [0; 16], libc::AF_INET6),
        ] {
            let bytes = bound_key(local.parse().expect("an address")).bytes();
            assert_eq!(bytes[..16], octets, "{local}");
            assert_eq!(bytes[16..20], 80_u32.to_ne_bytes(), "{local}");
            assert_eq!(bytes[20..], family.to_ne_bytes(), "{local}");
        }
    }
}
