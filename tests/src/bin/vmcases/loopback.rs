#![expect(unsafe_code, reason = "netdevice(7) and ethtool have no safe wrapper")]
//! The loopback interface as a wire: up, with an Ethernet's packet size and without offloads, so that
//! no packet is cut up or put together after it was counted. Beside its own address it has a network's.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;

use socket2::{Domain, Socket, Type};

/// `struct ifreq` (include/uapi/linux/if.h) with the part of its union that is used.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    value: Value,
}

#[repr(C)]
union Value {
    number: libc::c_int,
    pointer: *mut EthtoolValue,
    space: [u8; 24],
}

/// `struct ethtool_value` (include/uapi/linux/ethtool.h).
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

// The type of an ioctl's number is another one in each C library.
const SIOCSIFFLAGS: u32 = 0x8914;
const SIOCSIFADDR: u32 = 0x8916;
const SIOCSIFMTU: u32 = 0x8922;
const SIOCETHTOOL: u32 = 0x8946;
const ETHTOOL_STSO: u32 = 0x1f;
const ETHTOOL_SGSO: u32 = 0x24;

/// What an Ethernet carries.
const MTU: libc::c_int = 1500;

/// An address of a network that is all here, and whose octets differ (TEST-NET-2, RFC 5737).
pub(crate) const fn addresses(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, last)
}

pub(crate) fn prepare() {
    let up = libc::c_int::from(i16::try_from(libc::IFF_UP | libc::IFF_RUNNING).expect("flags"));
    // The flags are a 16-bit field: on a big-endian machine they come first all the same.
    let flags = i16::try_from(up).expect("they were").to_ne_bytes();
    let mut space = [0; 24];
    space[..2].copy_from_slice(&flags);
    set("up", SIOCSIFFLAGS, Value { space });
    set("mtu", SIOCSIFMTU, Value { number: MTU });
    for command in [ETHTOOL_STSO, ETHTOOL_SGSO] {
        let mut value = EthtoolValue { command, data: 0 };
        set("offload", SIOCETHTOOL, Value { pointer: &raw mut value });
    }
    // `struct sockaddr_in`: the family, no port, the address. Its class makes it a network of 24 bits.
    let family = u16::try_from(libc::AF_INET).expect("16 bits").to_ne_bytes();
    let mut space = [0; 24];
    space[..2].copy_from_slice(&family);
    space[4..8].copy_from_slice(&addresses(1).octets());
    set_of(b"lo:0", "address", SIOCSIFADDR, Value { space });
}

fn set(what: &str, request: u32, value: Value) {
    set_of(b"lo", what, request, value);
}

fn set_of(interface: &[u8], what: &str, request: u32, value: Value) {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    let mut name = [0; libc::IFNAMSIZ];
    name[..interface.len()].copy_from_slice(interface);
    let mut argument = Request { name, value };
    // SAFETY: the request reads an `ifreq`, which `argument` is; a pointer in it is to a live value.
    let result =
        unsafe { libc::syscall(libc::SYS_ioctl, socket.as_raw_fd(), request, &raw mut argument) };
    assert!(result == 0, "lo {what}: {}", io::Error::last_os_error());
}
