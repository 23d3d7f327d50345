//! TLS over TCP: what the client says before anything is encrypted, then HTTP.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

use crate::dns::Names;
use crate::report::{Ends, seen};
use crate::{http1, http2};

/// Bytes before the payload of a TLS record (RFC 8446, 5.1).
const RECORD_HEADER: usize = 5;

/// Serves a connection.
pub(crate) async fn serve(
    names: Names,
    config: Arc<ServerConfig>,
    stream: TcpStream,
    ends: Ends,
) -> Result<()> {
    let mut header = [0; RECORD_HEADER];
    while stream.peek(&mut header).await? < RECORD_HEADER {
        stream.readable().await?;
    }
    let length = u16::from_be_bytes([header[3], header[4]]);
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let hello = start.client_hello();
    let name = hello.server_name().map(ToOwned::to_owned);
    let stream = start.into_stream(config).await?;
    let (_, connection) = stream.get_ref();
    let alpn = connection.alpn_protocol().map(String::from_utf8_lossy).unwrap_or_default();
    let alpn = alpn.into_owned();
    let version = connection.protocol_version().context("after the handshake")?;
    let version = format!("{version:?}");
    seen(
        "tls",
        name.as_deref(),
        ends,
        &[("alpn", &alpn), ("version", &version), ("hello", &length)],
    );
    match alpn.as_str() {
        "h2" => http2::serve(names, stream, ends).await,
        _ => http1::serve(names, stream, "tls", ends).await,
    }
}
