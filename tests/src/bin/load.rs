//! One kind of load for a while, as fast as it goes: `load KIND ADDRESS MILLISECONDS`, or the servers for
//! all kinds: `load serve HOST`. Each side keeps to one CPU.

use std::env;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
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
        [kind, address, time] => {
            keep_to_cpu(1);
            let address = address.parse().context("not an address")?;
            let time = Duration::from_millis(time.parse().context("not a time")?);
            let done = load(kind, address, time)?;
            println!("done operations={done}");
            Ok(())
        }
        _ => bail!("usage: load KIND ADDRESS MILLISECONDS | load serve HOST"),
    }
}

/// Opens so many sockets, each of which sends a datagram, and keeps them until standard input ends.
fn hold(from: &str, to: SocketAddr, count: usize) -> Result<()> {
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = UdpSocket::bind((from, 0))?;
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
    let (connect, bulk, rtt) = (listen()?, listen()?, listen()?);
    let udp = UdpSocket::bind((host, 0))?;
    println!(
        "ready udp={} connect={} bulk={} rtt={}",
        udp.local_addr()?.port(),
        connect.local_addr()?.port(),
        bulk.local_addr()?.port(),
        rtt.local_addr()?.port(),
    );
    thread::spawn(move || {
        let mut bytes = [0; SMALL];
        while udp.recv(&mut bytes).is_ok() {}
    });
    thread::spawn(move || connect.incoming().for_each(drop));
    thread::spawn(move || bulk.incoming().flatten().for_each(|stream| drop(discard(stream))));
    thread::spawn(move || rtt.incoming().flatten().for_each(|stream| drop(echo(stream))));
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

/// Runs the load and gives its operations: datagrams, connections, writes or round trips.
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
                let mut stream = TcpStream::connect(to)?;
                // The server closes first, so that the ports of this side stay free.
                let _ = stream.read(&mut [0])?;
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
        unknown => bail!("there is no load `{unknown}`"),
    }
    Ok(done)
}
