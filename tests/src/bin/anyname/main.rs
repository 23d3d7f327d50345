//! Servers that answer any name, and clients that speak to them; one kind per subcommand.
//!
//! `serve` is all servers in one process: DNS, HTTP, TLS, QUIC, DNS over HTTPS and a messenger. It
//! says `ready`, then a line `seen` for everything that a client tells of itself, and ends when its
//! standard input does. What it says is the truth that a monitor is compared with.

mod arguments;
mod ask;
mod authority;
mod dns;
mod frames;
mod http1;
mod http2;
mod link;
mod message;
mod quic;
mod quic2;
mod raw;
mod report;
mod serve;
mod stub;
mod tls;
mod visit;
mod visit_quic;
mod web;

use anyhow::{Result, bail};

use crate::arguments::Arguments;

fn main() -> Result<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    match arguments.command() {
        "serve" => serve::run(&arguments),
        "stub" => stub::run(&arguments),
        "lookups" => ask::lookups(&arguments),
        "odd" => ask::odd(&arguments),
        "http" => visit::http(&arguments),
        "https" => visit::https(&arguments),
        "raw" => visit::raw(&arguments),
        "quic2" => quic2::visit(&arguments),
        "quic" => visit_quic::run(&arguments),
        other => bail!("unknown command {other:?}"),
    }
}
