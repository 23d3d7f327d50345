//! TCP clients.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use anyhow::{Context as _, Result, bail};
use rustix::fs::{MemfdFlags, memfd_create, sendfile};
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use socket2::{Domain, Protocol, Socket, Type};

use crate::arguments::Arguments;
use crate::payload::{self, receive};
use crate::report;

/// Connects to `--to`, sends `--bytes` and receives until the server closes (or `--receive` bytes),
/// then closes. `--close` closes right after the last write. Variants: `--mapped`, `--mptcp`,
/// `--fastopen`, `--with write|sendfile|splice`.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let total: u64 = arguments.one_or("bytes", 0)?;
    let address = arguments.destination()?;
    let protocol = if arguments.has("mptcp") { Protocol::MPTCP } else { Protocol::TCP };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(protocol))?;
    let sent = if arguments.has("fastopen") {
        fast_open(&socket, address, total)?
    } else {
        socket.connect(&address.into()).with_context(|| format!("cannot connect {address}"))?;
        write(&socket, arguments.text("with").unwrap_or("write"), total)?
    };
    finish(arguments, socket, sent)
}

/// Receives what is to be received, closes, and says what was done.
pub(crate) fn finish(arguments: &Arguments, socket: Socket, sent: u64) -> Result<()> {
    let stream = TcpStream::from(socket);
    let limit = if arguments.has("close") { 0 } else { arguments.one_or("receive", u64::MAX)? };
    let received = receive(&stream, limit)?;
    drop(stream);
    report::done(&[("sent", &sent), ("received", &received.bytes), ("intact", &received.intact)])
}

/// Connects `--count` times where nobody listens.
pub(crate) fn refused(arguments: &Arguments) -> Result<()> {
    let address = arguments.destination()?;
    let count: u64 = arguments.one_or("count", 1)?;
    for _ in 0..count {
        match TcpStream::connect(address) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) => bail!("{address}: {error}, not refused"),
            Ok(_) => bail!("{address}: connected, not refused"),
        }
    }
    report::done(&[("refused", &count)])
}

/// The first bytes travel in the SYN, where the kernel allows it (tcp(7), `MSG_FASTOPEN`).
fn fast_open(socket: &Socket, address: SocketAddr, total: u64) -> Result<u64> {
    let mut first = true;
    let sent = payload::send(total, |chunk| {
        if std::mem::take(&mut first) {
            socket.send_to_with_flags(chunk, &address.into(), libc::MSG_FASTOPEN)
        } else {
            (&*socket).write(chunk)
        }
    })?;
    Ok(sent)
}

fn write(socket: &Socket, with: &str, total: u64) -> Result<u64> {
    match with {
        "write" => Ok(payload::send(total, |chunk| (&*socket).write(chunk))?),
        "sendfile" => send_file(socket, total),
        "splice" => send_pipe(socket, total),
        other => bail!("--with {other}: unknown"),
    }
}

/// Sends a file without reading it (sendfile(2)).
fn send_file(socket: &Socket, total: u64) -> Result<u64> {
    let file = std::fs::File::from(memfd_create("payload", MemfdFlags::CLOEXEC)?);
    payload::send(total, |chunk| (&file).write(chunk))?;
    let (mut offset, mut left) = (0, total);
    while left > 0 {
        let count = sendfile(socket, &file, Some(&mut offset), usize::try_from(left)?)?;
        left -= count as u64;
    }
    Ok(total)
}

/// Moves pages from a pipe to the socket (splice(2)).
fn send_pipe(socket: &Socket, total: u64) -> Result<u64> {
    let (output, input) = pipe_with(PipeFlags::CLOEXEC)?;
    let sent = payload::send(total, |chunk| {
        // Never more than a pipe holds, so that one thread can fill and empty it.
        let chunk = &chunk[..chunk.len().min(16 * 1024)];
        let mut left = rustix::io::write(&input, chunk)?;
        let written = left;
        while left > 0 {
            left -= splice_once(&output, socket, left)?;
        }
        Ok::<_, io::Error>(written)
    })?;
    Ok(sent)
}

fn splice_once(from: impl AsFd, to: impl AsFd, length: usize) -> io::Result<usize> {
    Ok(splice(from, None, to, None, length, SpliceFlags::empty())?)
}
