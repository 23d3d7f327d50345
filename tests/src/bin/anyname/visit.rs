//! Clients: each asks the resolver for the name in `--to NAME:PORT` and speaks to that address.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::arguments::Arguments;
use crate::report;

/// How long any answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Where a client goes.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    pub(crate) host: String,
    pub(crate) address: SocketAddr,
}

impl Goal {
    /// Asks the resolver; the first address is taken, or the first of the `--family` asked for.
    pub(crate) fn find(arguments: &Arguments) -> Result<Self> {
        let to: String = arguments.one("to")?;
        let (host, port) = to.split_once(':').context("--to NAME:PORT")?;
        let family: Option<u8> = arguments.all("family")?.into_iter().next();
        let port = port.parse::<u16>()?;
        // Nobody is asked.
        if let Some(address) = arguments.all::<IpAddr>("connect")?.into_iter().next() {
            return Ok(Self { host: host.to_owned(), address: (address, port).into() });
        }
        let fits =
            |address: &SocketAddr| family.is_none_or(|family| address.is_ipv4() == (family == 4));
        let mut found = (host, port).to_socket_addrs().context(to.clone())?;
        let address = found.find(fits).with_context(|| format!("no address of {to}"))?;
        Ok(Self { host: host.to_owned(), address })
    }

    fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// A request over plain TCP: `--method`, `--path`, `--agent`.
pub(crate) fn http(arguments: &Arguments) -> Result<()> {
    let goal = Goal::find(arguments)?;
    exchange(arguments, &goal, goal.connect()?)
}

/// The same over TLS. `--protocols N` makes the hello long by as many names of protocols; it is
/// sent in `--pieces` bytes at a time, each a segment of its own.
pub(crate) fn https(arguments: &Arguments) -> Result<()> {
    let goal = Goal::find(arguments)?;
    let config = config(arguments, b"http/1.1")?;
    let name = ServerName::try_from(goal.host.clone())?;
    let mut connection = ClientConnection::new(Arc::new(config), name)?;
    let mut stream = goal.connect()?;
    let pieces: usize = arguments.one_or("pieces", usize::MAX)?;
    let mut hello = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut hello)?;
    }
    for piece in hello.chunks(pieces) {
        stream.write_all(piece)?;
    }
    exchange(arguments, &goal, StreamOwned::new(connection, stream))
}

/// Bytes that are no protocol, and as many back.
pub(crate) fn raw(arguments: &Arguments) -> Result<()> {
    let goal = Goal::find(arguments)?;
    let mut stream = goal.connect()?;
    let hello: Vec<u8> = b"WA\x06\x03".iter().copied().chain(0..=119).collect();
    stream.write_all(&hello)?;
    let mut answer = vec![0; hello.len()];
    stream.read_exact(&mut answer)?;
    ensure!(answer.iter().zip(&hello).all(|(back, sent)| *back == !sent), "not the answer");
    done(&goal)
}

fn exchange(arguments: &Arguments, goal: &Goal, mut stream: impl Read + Write) -> Result<()> {
    let method: String = arguments.one_or("method", "GET".to_owned())?;
    let path: String = arguments.one_or("path", "/".to_owned())?;
    let agent: String = arguments.one_or("agent", "visitor".to_owned())?;
    let length = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
    let host = match goal.address.port() {
        80 | 443 => goal.host.clone(),
        port => format!("{}:{port}", goal.host),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n{length}\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    // A server may close without the alert that says so.
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error.into()),
        _ => {}
    }
    let answer = String::from_utf8_lossy(&answer);
    ensure!(answer.starts_with("HTTP/1.1 200 "), "no success: {answer:?}");
    if let Some(wanted) = arguments.all::<String>("answer")?.first() {
        ensure!(answer.ends_with(&format!("\r\n\r\n{wanted}")), "not {wanted:?}: {answer:?}");
    }
    done(goal)
}

/// Says where it went.
#[expect(clippy::unnecessary_wraps, reason = "the last word of every client")]
pub(crate) fn done(goal: &Goal) -> Result<()> {
    report::line("done", &[("address", &goal.address)]);
    Ok(())
}

/// TLS that trusts `--authority`, offering this protocol and `--protocols` more that nobody speaks.
pub(crate) fn config(arguments: &Arguments, protocol: &[u8]) -> Result<ClientConfig> {
    let authority: PathBuf = arguments.one("authority")?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&fs::read(authority)?)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let more: usize = arguments.one_or("protocols", 0)?;
    let filler = (0..more).map(|number| format!("nobody-speaks-this/{number:04}").into_bytes());
    config.alpn_protocols = std::iter::once(protocol.to_vec()).chain(filler).collect();
    Ok(config)
}
