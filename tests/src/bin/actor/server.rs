//! Servers: they listen where told, say on which port, and serve until they are killed.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};

use crate::arguments::Arguments;
use crate::payload::{self, receive};
use crate::report;

/// Connections that may wait to be accepted; the kernel's own limit (`net.core.somaxconn`) is as large.
const BACKLOG: i32 = 4096;

/// Receive buffer asked of the kernel for datagrams, so that a burst is not dropped.
const DATAGRAM_BUFFER: usize = 8 * 1024 * 1024;

/// Reads each connection to its end, or to `--bytes`, and closes it; the peer must close first
/// unless `--close-first`. `--hold` keeps all of them open instead, so that nobody's last segment
/// is answered by a socket that is already gone.
pub(crate) fn tcp_discard(arguments: &Arguments) -> Result<()> {
    let limit = if arguments.has("close-first") { arguments.one("bytes")? } else { u64::MAX };
    let hold = arguments.has("hold");
    serve(arguments, move |stream, held| {
        let received = receive(&stream, limit)?;
        if hold {
            held.lock().map_err(|_| anyhow::anyhow!("a thread panicked"))?.push(stream);
        } else {
            drop(stream);
        }
        report::done(&[("received", &received.bytes), ("intact", &received.intact)])
    })
}

/// Sends `--bytes` on each connection, then waits for the peer to close, or closes if `--close-first`.
pub(crate) fn tcp_source(arguments: &Arguments) -> Result<()> {
    let total: u64 = arguments.one("bytes")?;
    let close_first = arguments.has("close-first");
    serve(arguments, move |mut stream, _| {
        let sent = payload::send(total, |chunk| stream.write(chunk))?;
        let received = if close_first { 0 } else { receive(&stream, u64::MAX)?.bytes };
        drop(stream);
        report::done(&[("sent", &sent), ("received", &received)])
    })
}

type Held = Arc<Mutex<Vec<TcpStream>>>;

fn serve(
    arguments: &Arguments,
    handle: impl Fn(TcpStream, &Held) -> Result<()> + Clone + Send + 'static,
) -> Result<()> {
    allow_many_files()?;
    let address: SocketAddr = arguments.one("listen")?;
    let protocol = if arguments.has("mptcp") { Protocol::MPTCP } else { Protocol::TCP };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(protocol))?;
    socket.bind(&address.into()).with_context(|| format!("cannot bind {address}"))?;
    socket.listen(BACKLOG)?;
    report::ready(local_port(&socket)?)?;
    let held = Held::default();
    loop {
        let (connection, _) = socket.accept()?;
        let (handle, held) = (handle.clone(), Arc::clone(&held));
        thread::Builder::new().stack_size(256 * 1024).spawn(move || {
            if let Err(error) = handle(connection.into(), &held) {
                eprintln!("connection: {error:#}");
            }
        })?;
    }
}

/// Receives datagrams and answers them if `echo`. With `--count N` it says so when N have come,
/// and goes on.
pub(crate) fn udp(arguments: &Arguments, echo: bool) -> Result<()> {
    let address: SocketAddr = arguments.one("listen")?;
    let expected: Option<u64> = arguments.all("count")?.into_iter().next();
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.set_recv_buffer_size(DATAGRAM_BUFFER)?;
    socket.bind(&address.into()).with_context(|| format!("cannot bind {address}"))?;
    if arguments.has("join") {
        let interface: Ipv4Addr = arguments.one("interface")?;
        socket.join_multicast_v4(&arguments.one("join")?, &interface)?;
    }
    report::ready(local_port(&socket)?)?;
    let socket = std::net::UdpSocket::from(socket);
    let mut buffer = vec![0; payload::CHUNK];
    let (mut datagrams, mut bytes) = (0_u64, 0_u64);
    loop {
        let (length, peer) = socket.recv_from(&mut buffer)?;
        datagrams += 1;
        bytes += length as u64;
        if echo {
            socket.send_to(&buffer[..length], peer)?;
        }
        if expected == Some(datagrams) {
            report::done(&[("received", &bytes), ("datagrams", &datagrams)])?;
        }
    }
}

/// The port a socket is bound to.
pub(crate) fn local_port(socket: &Socket) -> Result<u16> {
    let address = socket.local_addr()?.as_socket().context("not an internet address")?;
    Ok(address.port())
}

/// Raises the limit on open files as far as it goes: a server may hold a thousand connections.
fn allow_many_files() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(())
}
