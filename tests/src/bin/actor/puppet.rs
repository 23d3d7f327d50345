//! An actor on strings: it does what standard input says, line by line, until that ends.
//!
//! | line | what it does |
//! |---|---|
//! | `connect KEY tcp\|udp ADDRESS` | opens and connects a socket, known as KEY |
//! | `send KEY COUNT` | sends as many bytes; on UDP one datagram |
//! | `receive KEY` | reads until the peer closes |
//! | `close KEY` | closes the socket |
//! | `rename NAME` | changes the name of the task (`PR_SET_NAME`) |
//! | `enter DIRECTORY` | moves itself to a cgroup |
//!
//! Each is answered by a line `done`.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::{Write as _, stdin};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use socket2::{Domain, Socket, Type};

use crate::payload::{self, receive};
use crate::report;

/// Follows the lines of standard input.
pub(crate) fn run() -> Result<()> {
    let mut sockets: BTreeMap<String, Socket> = BTreeMap::new();
    for line in stdin().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        follow(&mut sockets, &words).with_context(|| format!("told {line:?}"))?;
    }
    Ok(())
}

fn follow(sockets: &mut BTreeMap<String, Socket>, words: &[&str]) -> Result<()> {
    match words {
        ["connect", key, kind, address] => {
            let address: SocketAddr = address.parse()?;
            let kind = if *kind == "tcp" { Type::STREAM } else { Type::DGRAM };
            let socket = Socket::new(Domain::for_address(address), kind, None)?;
            socket.connect(&address.into())?;
            sockets.insert((*key).to_owned(), socket);
            report::done(&[])
        }
        ["send", key, count] => {
            let mut socket = sockets.get(*key).context("no such socket")?;
            let sent = payload::send(count.parse()?, |chunk| socket.write(chunk))?;
            report::done(&[("sent", &sent)])
        }
        ["receive", key] => {
            let received = receive(sockets.get(*key).context("no such socket")?, u64::MAX)?;
            report::done(&[("received", &received.bytes)])
        }
        ["close", key] => {
            drop(sockets.remove(*key).context("no such socket")?);
            report::done(&[])
        }
        ["rename", name] => {
            rustix::thread::set_name(&CString::new(*name)?)?;
            report::done(&[])
        }
        ["enter", directory] => {
            enter(directory)?;
            report::done(&[])
        }
        _ => bail!("unknown"),
    }
}

/// Moves this process to a cgroup, given by its directory.
pub(crate) fn enter(directory: &str) -> Result<()> {
    let file = Path::new(directory).join("cgroup.procs");
    // "0" is the writer itself (cgroups(7)).
    std::fs::write(&file, "0").with_context(|| format!("cannot enter {directory}"))
}
