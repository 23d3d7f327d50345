//! One kind of load for a while, as fast as it goes: `load KIND ADDRESS MILLISECONDS`, or the servers for
//! all kinds: `load serve HOST`. Each side keeps to one CPU.
//!
//! Also a number of connections instead of a time: `load some ADDRESS COUNT`, and sockets that stay open:
//! `load hold FROM ADDRESS COUNT`.
//!
//! And names nobody has heard of, numbered from FIRST: questions to a name server, whose answers hold so
//! many addresses, `load ask SERVER FIRST COUNT ADDRESSES`, and connections that name a host,
//! `load visit tls|http ADDRESS FIRST COUNT`.

#[path = "load/dns.rs"]
mod dns;
#[path = "load/random.rs"]
mod random;
#[path = "load/visit.rs"]
mod visit;

use std::env;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Bytes of a small datagram, and of a request and its answer.
const SMALL: usize = 64;

/// Bytes of a write of the bulk load.
const LARGE: usize = 128 * 1024;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", host] => serve(host),
        ["hold", from, address, count] => hold(from, address.parse()?, count.parse()?),
        ["some", address, count] => {
            let (to, count) = (address.parse()?, count.parse()?);
            (0..count).try_for_each(|_| connect(to))?;
            done(count)
        }
        ["ask", server, first, count, addresses] => {
            keep_to_cpu(1);
            let count = count.parse()?;
            dns::ask(server.parse()?, first.parse()?, count, addresses.parse()?)?;
            done(count.into())
        }
        ["visit", protocol, address, first, count] => {
            keep_to_cpu(1);
            let count = count.parse()?;
            visit::visits(protocol, address.parse()?, first.parse()?, count)?;
            done(count.into())
        }
        [kind, address, time] => {
            keep_to_cpu(1);
            let address = address.parse().context("not an address")?;
            let time = Duration::from_millis(time.parse().context("not a time")?);
            done(load(kind, address, time)?)
        }
        _ => bail!(
            "usage: load KIND ADDRESS MILLISECONDS | some ADDRESS COUNT | hold FROM ADDRESS COUNT | \
             ask SERVER FIRST COUNT ADDRESSES | \
             visit tls|http ADDRESS FIRST COUNT | serve HOST"
        ),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the last of what may fail")]
fn done(operations: u64) -> Result<()> {
    println!("done operations={operations}");
    Ok(())
}

/// Opens so many sockets, each of which sends a datagram, and keeps them until standard input ends.
fn hold(from: &str, to: SocketAddr, count: usize) -> Result<()> {
    // A shell is often content with 1,024 descriptors where 500,000 are allowed.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit })?;
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = UdpSocket::bind((from, 0))
            .with_context(|| format!("socket {} of {count}", sockets.len() + 1))?;
        socket.send_to(b"x", to)?;
        sockets.push(socket);
    }
    println!("ready sockets={}", sockets.len());
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// On a machine with one CPU both sides share it.
fn keep_to_cpu(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    let _ = sched_setaffinity(None, &set);
}

/// Serves until standard input ends. Says the port of each kind.
fn serve(host: &str) -> Result<()> {
    keep_to_cpu(0);
    let listen = || TcpListener::bind((host, 0));
    let (connect, bulk, rtt, hello) = (listen()?, listen()?, listen()?, listen()?);
    let udp = UdpSocket::bind((host, 0))?;
    let names = UdpSocket::bind((host, dns::PORT))?;
    println!(
        "ready udp={} connect={} bulk={} rtt={} hello={} dns={}",
        udp.local_addr()?.port(),
        connect.local_addr()?.port(),
        bulk.local_addr()?.port(),
        rtt.local_addr()?.port(),
        hello.local_addr()?.port(),
        names.local_addr()?.port(),
    );
    thread::spawn(move || {
        let mut bytes = [0; SMALL];
        while udp.recv(&mut bytes).is_ok() {}
    });
    thread::spawn(move || connect.incoming().for_each(drop));
    thread::spawn(move || bulk.incoming().flatten().for_each(|stream| drop(discard(stream))));
    thread::spawn(move || rtt.incoming().flatten().for_each(|stream| drop(echo(stream))));
    thread::spawn(move || visit::serve(&hello));
    thread::spawn(move || dns::serve(&names));
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn discard(mut stream: TcpStream) -> io::Result<()> {
    let mut bytes = vec![0; LARGE];
    while stream.read(&mut bytes)? > 0 {}
    Ok(())
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = [0; SMALL];
    loop {
        stream.read_exact(&mut bytes)?;
        stream.write_all(&bytes)?;
    }
}

/// Connects, and waits for the server to close first, so that the ports of this side stay free.
fn connect(to: SocketAddr) -> io::Result<()> {
    // A reset closes as well.
    let _ = TcpStream::connect(to)?.read(&mut [0]);
    Ok(())
}

/// Runs the program `blink`, which lies beside this one, to its end: one connection.
fn blink(program: &PathBuf, to: SocketAddr) -> Result<()> {
    let (host, port) = (to.ip().to_string(), to.port().to_string());
    let status = Command::new(program).args(["tcp", &host, &port]).status()?;
    ensure!(status.success(), "a short process failed: {status}");
    Ok(())
}

/// Runs the load and gives its operations: datagrams, connections, writes, round trips, processes or
/// questions.
fn load(kind: &str, to: SocketAddr, time: Duration) -> Result<u64> {
    let end = Instant::now() + time;
    let mut done = 0;
    match kind {
        "udp" => {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            while Instant::now() < end {
                for _ in 0..32 {
                    socket.send_to(&[7; SMALL], to)?;
                    done += 1;
                }
            }
        }
        "connect" => {
            while Instant::now() < end {
                connect(to)?;
                done += 1;
            }
        }
        "burst" => {
            let program = env::current_exe()?.with_file_name("blink");
            while Instant::now() < end {
                blink(&program, to)?;
                done += 1;
            }
        }
        "bulk" => {
            let mut stream = TcpStream::connect(to)?;
            let bytes = vec![7; LARGE];
            while Instant::now() < end {
                stream.write_all(&bytes)?;
                done += 1;
            }
        }
        "rtt" => {
            let mut stream = TcpStream::connect(to)?;
            stream.set_nodelay(true)?;
            let mut bytes = [7; SMALL];
            while Instant::now() < end {
                stream.write_all(&bytes)?;
                stream.read_exact(&mut bytes)?;
                done += 1;
            }
        }
        "hello" => {
            let hello = visit::hello()?;
            while Instant::now() < end {
                visit::visit(to, &hello)?;
                done += 1;
            }
        }
        "dns" => {
            let mut client = dns::Client::new(to)?;
            while Instant::now() < end {
                client.again()?;
                done += 1;
            }
        }
        unknown => bail!("there is no load `{unknown}`"),
    }
    Ok(done)
}
