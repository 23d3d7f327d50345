//! A resolver of one host, as systemd-resolved is one: programs ask it, and only it asks the network.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::arguments::Arguments;
use crate::visit::PATIENCE;
use crate::{dns, report};

/// Passes queries that come to `--listen` on to `--server`, and answers back, over UDP.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(forward(arguments))
}

async fn forward(arguments: &Arguments) -> Result<()> {
    let listen: SocketAddr = arguments.one("listen")?;
    let server: SocketAddr = arguments.one("server")?;
    let socket = std::sync::Arc::new(dns::bind(listen).await?);
    report::line("ready", &[("port", &listen.port())]);
    let mut buffer = vec![0; 4096];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await?;
        let query = buffer.get(..length).unwrap_or_default().to_vec();
        let socket = std::sync::Arc::clone(&socket);
        tokio::spawn(async move {
            match ask(&query, server).await {
                Ok(answer) => drop(socket.send_to(&answer, peer).await),
                Err(error) => eprintln!("query: {error:#}"),
            }
        });
    }
}

/// Asks from a port of its own, as resolvers do.
async fn ask(query: &[u8], server: SocketAddr) -> Result<Vec<u8>> {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut answer = vec![0; 4096];
    let length = timeout(PATIENCE, socket.recv(&mut answer)).await.context("no answer")??;
    answer.truncate(length);
    Ok(answer)
}
