//! A client of HTTP/3.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, TransportConfig};
use tokio::time::timeout;

use crate::arguments::Arguments;
use crate::visit::{Goal, PATIENCE, config, done};

/// A request over QUIC version 1. With `--protocols N` the hello takes several datagrams, none of
/// them larger than 1200 bytes.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let visit = async { timeout(PATIENCE, visit(arguments)).await.context("no answer")? };
    runtime.block_on(visit)
}

async fn visit(arguments: &Arguments) -> Result<()> {
    let goal = Goal::find(arguments)?;
    let any: SocketAddr = match goal.address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let endpoint = Endpoint::client(any)?;
    let config = QuicClientConfig::try_from(config(arguments, b"h3")?)?;
    let mut config = ClientConfig::new(Arc::new(config));
    // Its own search for a larger datagram would send some.
    let mut transport = TransportConfig::default();
    transport.mtu_discovery_config(None);
    config.transport_config(Arc::new(transport));
    let connection = endpoint.connect_with(config, goal.address, &goal.host)?.await?;
    let connection = h3_quinn::Connection::new(connection);
    let (mut driver, mut requests) = h3::client::new(connection).await?;
    let driver = tokio::spawn(async move { driver.wait_idle().await });
    let request = http::Request::get(format!("https://{}/", goal.host)).body(())?;
    let mut stream = requests.send_request(request).await?;
    stream.finish().await?;
    let answer = stream.recv_response().await?;
    ensure!(answer.status() == 200, "{}", answer.status());
    while stream.recv_data().await?.is_some() {}
    // The last request handle closes the connection.
    drop((stream, requests));
    driver.await?;
    endpoint.wait_idle().await;
    done(&goal)
}
