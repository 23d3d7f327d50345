//! DNS over UDP and TCP.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use e2e::zone::Zone;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::message::Question;
use crate::report::{Ends, seen};

/// Bytes of the largest query that is read.
const QUERY_MAX: usize = 4096;

/// The names and who answers for them.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) zone: Arc<Zone>,
    /// The addresses of this server.
    pub(crate) own: Arc<[IpAddr]>,
    /// Those at which QUIC is version 2.
    pub(crate) quic2: Arc<[IpAddr]>,
}

impl Names {
    /// Answers a query and says that it came, or nothing if it is none.
    pub(crate) fn answer(
        &self,
        query: &[u8],
        what: &str,
        over: &str,
        ends: Ends,
    ) -> Option<Vec<u8>> {
        let question = Question::parse(query).ok()?;
        seen(what, Some(&question.name), ends, &[("over", &over), ("type", &question.kind_name())]);
        Some(question.answer(self, over == "udp"))
    }
}

/// Opens a socket at one address, so that an answer comes from where the question went.
pub(crate) async fn bind(address: SocketAddr) -> Result<UdpSocket> {
    UdpSocket::bind(address).await.with_context(|| format!("cannot bind {address}"))
}

/// Answers datagrams.
pub(crate) async fn udp(names: Names, socket: UdpSocket) -> Result<()> {
    let address = socket.local_addr()?;
    let mut buffer = vec![0; QUERY_MAX];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await?;
        let query = buffer.get(..length).unwrap_or_default();
        if let Some(answer) = names.answer(query, "dns", "udp", Ends::new(peer, address)) {
            socket.send_to(&answer, peer).await?;
        }
    }
}

/// Answers the queries of a connection, each with its length before it (RFC 1035, 4.2.2).
pub(crate) async fn tcp(names: Names, mut stream: TcpStream, ends: Ends) -> Result<()> {
    while let Ok(length) = stream.read_u16().await {
        let mut query = vec![0; length.into()];
        stream.read_exact(&mut query).await?;
        let answer = names.answer(&query, "dns", "tcp", ends).context("not a query")?;
        let length = u16::try_from(answer.len())?;
        stream.write_all(&[&length.to_be_bytes()[..], &answer].concat()).await?;
    }
    Ok(())
}
