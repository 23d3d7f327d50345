//! All servers in one process.

use std::future::Future;
use std::io::{Read as _, stdin};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, process, thread};

use anyhow::{Context as _, Result};
use e2e::zone::Zone;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};

use crate::arguments::Arguments;
use crate::authority::Authority;
use crate::dns::{self, Names};
use crate::report::{self, Ends};
use crate::{http1, quic, quic2, raw, tls};

/// Serves at every `--address` with what the file `--zone` says; writes the certificate of the
/// authority to the file `--authority`. QUIC is version 2 at every `--quic2`, and version 1 elsewhere.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: &Arguments) -> Result<()> {
    let own: Vec<IpAddr> = arguments.all("address")?;
    let zone: PathBuf = arguments.one("zone")?;
    let text = fs::read_to_string(&zone).with_context(|| format!("no {}", zone.display()))?;
    let zone: Zone = text.parse().map_err(anyhow::Error::msg)?;
    let quic2: Vec<IpAddr> = arguments.all("quic2")?;
    let names = Names { zone: Arc::new(zone), own: own.into(), quic2: quic2.into() };
    let file: PathBuf = arguments.one("authority")?;
    let authority = Arc::new(Authority::new(&file)?);
    let fingerprint = authority.fingerprint();

    let http3 = config(&authority, &[b"h3"])?;
    for address in names.own.iter() {
        background(quic::serve(names.clone(), quic::listen(&http3, (*address, 443).into())?));
        background(dns::udp(names.clone(), dns::bind((*address, 53).into()).await?));
    }
    let known = names.clone();
    listen(53, move |stream, ends| dns::tcp(known.clone(), stream, ends)).await?;
    for port in [80, 8080] {
        let names = names.clone();
        listen(port, move |stream, ends| http1::serve(names.clone(), stream, "tcp", ends)).await?;
    }
    let config = config(&authority, &[b"h2", b"http/1.1"])?;
    let known = names.clone();
    listen(443, move |stream, ends| tls::serve(known.clone(), Arc::clone(&config), stream, ends))
        .await?;
    listen(5222, raw::serve).await?;
    for address in names.quic2.iter() {
        let socket = UdpSocket::bind((*address, 443)).with_context(|| format!("{address}"))?;
        let config = Arc::clone(&http3);
        thread::spawn(move || {
            if let Err(error) = quic2::serve(&config, &socket) {
                eprintln!("QUIC version 2: {error:#}");
            }
        });
    }

    thread::spawn(|| {
        // Whatever comes: its end is what matters.
        drop(stdin().read_to_end(&mut Vec::new()));
        process::exit(0);
    });
    report::line("ready", &[("port", &53), ("key", &fingerprint)]);
    std::future::pending().await
}

/// TLS with a certificate for every name and these protocols to choose from.
fn config(authority: &Arc<Authority>, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(authority) as _);
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(config))
}

/// Serves each connection to a port of any address, of IPv4 too.
async fn listen<F>(port: u16, serve: impl Fn(TcpStream, Ends) -> F + Send + 'static) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("cannot bind {address}"))?;
    background(async move {
        loop {
            let (stream, peer) = listener.accept().await?;
            let ends = Ends::new(peer, stream.local_addr()?);
            background(serve(stream, ends));
        }
    });
    Ok(())
}

/// Lets something go on by itself. That a client breaks off is no reason to end.
fn background(task: impl Future<Output = Result<()>> + Send + 'static) {
    tokio::spawn(async move {
        if let Err(error) = task.await {
            eprintln!("{error:#}");
        }
    });
}
