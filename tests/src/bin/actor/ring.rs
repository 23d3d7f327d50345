#![expect(unsafe_code, reason = "what is queued to io_uring must outlive the operation")]
//! A TCP client that makes no system call of its own to connect and send: `io_uring` does it.

use anyhow::{Context as _, Result, ensure};
use io_uring::{IoUring, opcode, squeue, types};
use socket2::{Domain, Socket, Type};
use std::os::fd::AsRawFd as _;

use crate::arguments::Arguments;
use crate::{payload, tcp};

/// Connects to `--to` and sends `--bytes`, then goes on as the command `tcp`. `--async` makes a
/// worker thread of the kernel do each operation.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let address = arguments.destination()?;
    let total: u64 = arguments.one("bytes")?;
    let flags = if arguments.has("async") { squeue::Flags::ASYNC } else { squeue::Flags::empty() };
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    let descriptor = types::Fd(socket.as_raw_fd());
    let mut ring = IoUring::new(8).context("io_uring")?;

    let target = socket2::SockAddr::from(address);
    let connect = opcode::Connect::new(descriptor, target.as_ptr().cast(), target.len()).build();
    // SAFETY: `target` lives until the operation has completed, which `complete` waits for.
    unsafe { complete(&mut ring, &connect.flags(flags)) }.context("connect")?;

    let sent = payload::send(total, |chunk| {
        let length = u32::try_from(chunk.len())?;
        let send = opcode::Send::new(descriptor, chunk.as_ptr(), length).build();
        // SAFETY: `chunk` lives until the operation has completed, which `complete` waits for.
        let count = unsafe { complete(&mut ring, &send.flags(flags)) }.context("send")?;
        Ok::<_, anyhow::Error>(count)
    })?;
    tcp::finish(arguments, socket, sent)
}

/// Queues one operation, waits for it, and gives its result.
///
/// # Safety
///
/// Everything the operation points to must live until this function returns.
unsafe fn complete(ring: &mut IoUring, entry: &squeue::Entry) -> Result<usize> {
    // SAFETY: the caller's promise.
    unsafe { ring.submission().push(entry) }?;
    ring.submit_and_wait(1)?;
    let result = ring.completion().next().context("no completion")?.result();
    ensure!(result >= 0, "{}", std::io::Error::from_raw_os_error(-result));
    Ok(usize::try_from(result)?)
}
