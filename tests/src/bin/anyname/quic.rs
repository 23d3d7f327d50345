//! QUIC, and HTTP/3 (RFC 9114) over it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::{Buf, Bytes};
use h3::server::RequestResolver;
use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn::{Endpoint, EndpointConfig, Incoming, TokioRuntime};
use rustls::ServerConfig;

use crate::dns::Names;
use crate::report::{Ends, seen};
use crate::web::{Request, answer};

/// QUIC version 1 (RFC 9000); the drafts before it would be taken too.
const VERSION_1: u32 = 1;

/// Listens at an address.
pub(crate) fn listen(config: &ServerConfig, address: SocketAddr) -> Result<Endpoint> {
    let config = Arc::new(QuicServerConfig::try_from(config.clone())?);
    let config = quinn::ServerConfig::with_crypto(config);
    let socket = std::net::UdpSocket::bind(address);
    let socket = socket.with_context(|| format!("cannot bind {address} over UDP"))?;
    let mut endpoint = EndpointConfig::default();
    endpoint.supported_versions(vec![VERSION_1]);
    Ok(Endpoint::new(endpoint, Some(config), socket, Arc::new(TokioRuntime))?)
}

/// Serves whoever comes; sends a Retry first if the zone says so (RFC 9000, 8.1.2).
pub(crate) async fn serve(names: Names, endpoint: Endpoint) -> Result<()> {
    let local = endpoint.local_addr()?;
    while let Some(incoming) = endpoint.accept().await {
        if names.zone.retries() && incoming.may_retry() && !incoming.remote_address_validated() {
            incoming.retry()?;
            continue;
        }
        let names = names.clone();
        tokio::spawn(async move {
            if let Err(error) = connection(names, incoming, local.ip()).await {
                eprintln!("QUIC: {error:#}");
            }
        });
    }
    Ok(())
}

async fn connection(names: Names, incoming: Incoming, local: IpAddr) -> Result<()> {
    let ends = Ends::new(incoming.remote_address(), (local, 443).into());
    let retried = incoming.remote_address_validated();
    let connection = incoming.await?;
    let data = connection.handshake_data().context("after the handshake")?;
    let data = data.downcast::<HandshakeData>().ok().context("of rustls")?;
    let alpn = data.protocol.map(|protocol| String::from_utf8_lossy(&protocol).into_owned());
    let alpn = alpn.unwrap_or_default();
    let name = data.server_name.as_deref();
    seen("quic", name, ends, &[("alpn", &alpn), ("version", &VERSION_1), ("retried", &retried)]);
    let mut connection = h3::server::Connection::new(h3_quinn::Connection::new(connection)).await?;
    while let Some(request) = connection.accept().await? {
        let names = names.clone();
        tokio::spawn(async move {
            if let Err(error) = respond(names, request, ends).await {
                eprintln!("HTTP/3: {error:#}");
            }
        });
    }
    Ok(())
}

async fn respond(
    names: Names,
    request: RequestResolver<h3_quinn::Connection, Bytes>,
    ends: Ends,
) -> Result<()> {
    let (head, mut stream) = request.resolve_request().await?;
    let mut body = Vec::new();
    while let Some(mut part) = stream.recv_data().await? {
        body.extend(part.copy_to_bytes(part.remaining()));
    }
    let request = Request {
        version: "3",
        over: "quic",
        method: head.method().as_str(),
        authority: head.uri().authority().map(http::uri::Authority::as_str),
        target: head.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
        body: &body,
    };
    let answer = answer(&names, &request, ends);
    let head = http::Response::builder().header("content-type", answer.kind).body(())?;
    stream.send_response(head).await?;
    stream.send_data(answer.body.into()).await?;
    stream.finish().await?;
    Ok(())
}
