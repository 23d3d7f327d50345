//! Sockets that change hands: inherited over fork and exec, and passed over a Unix socket.

use std::env::current_exe;
use std::io::{IoSlice, IoSliceMut, Write as _, stdin};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use socket2::{Domain, Socket, Type};

use crate::arguments::Arguments;
use crate::{payload, puppet, tcp};

/// Opens a TCP socket and hands it to a child as its standard input. The child enters the cgroup
/// directory `--cgroup` and sends `--bytes`. `--connect parent|child` says who connects it.
pub(crate) fn inherit(arguments: &Arguments) -> Result<()> {
    let socket = opened(arguments)?;
    child(arguments, "inheritor", OwnedFd::from(socket).into())
}

/// The child of [`inherit`].
pub(crate) fn inheritor(arguments: &Arguments) -> Result<()> {
    let socket = Socket::from(stdin().as_fd().try_clone_to_owned()?);
    send(arguments, socket)
}

/// As [`inherit`], but the child exists first and receives the socket in a message (unix(7),
/// `SCM_RIGHTS`).
pub(crate) fn pass(arguments: &Arguments) -> Result<()> {
    let (mine, theirs) = UnixStream::pair()?;
    let socket = opened(arguments)?;
    let descriptors = [socket.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    ensure!(
        control.push(SendAncillaryMessage::ScmRights(&descriptors)),
        "no room for a descriptor"
    );
    sendmsg(&mine, &[IoSlice::new(b"!")], &mut control, SendFlags::empty())?;
    child(arguments, "receiver", OwnedFd::from(theirs).into())
}

/// The child of [`pass`].
pub(crate) fn receiver(arguments: &Arguments) -> Result<()> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(stdin(), &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::empty())?;
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    send(arguments, Socket::from(descriptor.context("no descriptor in the message")?))
}

/// The socket to hand on, connected if it is the parent's turn.
fn opened(arguments: &Arguments) -> Result<Socket> {
    let address = arguments.destination()?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    match arguments.text("connect") {
        Some("parent") => socket.connect(&address.into())?,
        Some("child") => {}
        _ => bail!("--connect parent or --connect child"),
    }
    Ok(socket)
}

/// Runs this program again with the socket as its standard input, and waits for it.
fn child(arguments: &Arguments, command: &str, input: std::process::Stdio) -> Result<()> {
    let mut child = Command::new(current_exe()?)
        .arg(command)
        .args(["--to", &arguments.one::<SocketAddr>("to")?.to_string()])
        .args(["--bytes", &arguments.one::<u64>("bytes")?.to_string()])
        .args(["--connect", arguments.text("connect").unwrap_or_default()])
        .args(["--cgroup", arguments.text("cgroup").context("--cgroup is missing")?])
        .stdin(input)
        .spawn()?;
    let status = child.wait()?;
    ensure!(status.success(), "the child failed: {status}");
    Ok(())
}

fn send(arguments: &Arguments, socket: Socket) -> Result<()> {
    puppet::enter(arguments.text("cgroup").context("--cgroup is missing")?)?;
    if arguments.text("connect") == Some("child") {
        socket.connect(&arguments.destination()?.into())?;
    }
    let sent = payload::send(arguments.one("bytes")?, |chunk| (&socket).write(chunk))?;
    tcp::finish(arguments, socket, sent)
}
