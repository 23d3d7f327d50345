//! Makes one TCP connection with 16 bytes, or sends one datagram of 16 bytes, and ends at once.
//!
//! `blink tcp|udp HOST PORT`. As little as possible happens before and after.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream, UdpSocket};
use std::process::ExitCode;

const DATA: [u8; 16] = [0x2a; 16];

fn main() -> ExitCode {
    match run() {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}

fn run() -> Option<()> {
    let mut words = std::env::args_os().skip(1);
    let kind = words.next()?;
    let host: IpAddr = words.next()?.to_str()?.parse().ok()?;
    let port: u16 = words.next()?.to_str()?.parse().ok()?;
    if kind == "tcp" {
        TcpStream::connect((host, port)).ok()?.write_all(&DATA).ok()
    } else {
        let any: IpAddr = match host {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.send_to(&DATA, (host, port)).ok().map(|_| ())
    }
}
