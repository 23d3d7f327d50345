//! A program that makes traffic as it is told, one kind per subcommand, and says on standard
//! output when it is ready and what it has done, so that a test waits for events and never sleeps.
//!
//! Each line is a word and `key=value` pairs: `ready port=4711`, `done sent=100 received=0`.
//! Payloads are the fixed sequence of [`payload`]; servers say whether it arrived intact.

mod arguments;
mod burst;
mod icmp;
mod packet;
mod pass;
mod payload;
mod puppet;
mod report;
mod ring;
mod server;
mod tcp;
mod udp;

use anyhow::{Result, bail};

use crate::arguments::Arguments;

fn main() -> Result<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    match arguments.command() {
        "tcp-discard" => server::tcp_discard(&arguments),
        "tcp-source" => server::tcp_source(&arguments),
        "udp-sink" => server::udp(&arguments, false),
        "udp-echo" => server::udp(&arguments, true),
        "tcp" => tcp::run(&arguments),
        "refused" => tcp::refused(&arguments),
        "udp" => udp::run(&arguments),
        "io-uring" => ring::run(&arguments),
        "icmp" => icmp::run(&arguments),
        "packet" => packet::run(&arguments),
        "inherit" => pass::inherit(&arguments),
        "inheritor" => pass::inheritor(&arguments),
        "pass" => pass::pass(&arguments),
        "receiver" => pass::receiver(&arguments),
        "puppet" => puppet::run(),
        "burst" => burst::run(&arguments),
        other => bail!("unknown command {other:?}"),
    }
}
