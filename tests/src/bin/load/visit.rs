//! Connections whose first bytes say where they go.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use anyhow::{Context as _, Result, bail};

/// A hello of curl, and the name in it.
const CURL: &str = include_str!("../../../../monitor/fixtures/hello/curl.hex");
const NAME: &[u8] = b"curl.example.net";

/// A TLS record with a hello to `curl.example.net`: 517 bytes.
pub(crate) fn hello() -> Result<Vec<u8>> {
    let digits: Vec<u8> =
        CURL.lines().filter(|line| !line.starts_with('#')).flat_map(str::bytes).collect();
    let pairs =
        digits.chunks(2).map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
    pairs.collect()
}

/// Connects, says something, and waits until the server has answered and closed, so that the ports of this
/// side stay free.
pub(crate) fn visit(to: SocketAddr, words: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(to)?;
    stream.write_all(words)?;
    while stream.read(&mut [0; 16])? > 0 {}
    Ok(())
}

/// Visits so many names, numbered from `first`, in a protocol: `tls` or `http`.
pub(crate) fn visits(protocol: &str, to: SocketAddr, first: u32, count: u32) -> Result<()> {
    let mut hello = hello()?;
    let at = hello.windows(NAME.len()).position(|bytes| bytes == NAME).context("no name")?;
    for number in first..first.saturating_add(count) {
        // As long as the name in the hello. Multiplying by an odd number makes them look random.
        let name = format!("{:08x}.example", number.wrapping_mul(0x9e37_79b1));
        match protocol {
            "tls" => {
                let place = hello.get_mut(at..at + name.len()).context("no room")?;
                place.copy_from_slice(name.as_bytes());
                visit(to, &hello)?;
            }
            "http" => visit(to, format!("GET / HTTP/1.1\r\nHost: {name}\r\n\r\n").as_bytes())?,
            unknown => bail!("nothing is visited in `{unknown}`"),
        }
    }
    Ok(())
}

/// Answers whatever is said with one byte, and closes.
pub(crate) fn serve(listener: &TcpListener) {
    for mut stream in listener.incoming().flatten() {
        // Who says nothing gets nothing.
        if stream.read(&mut [0; 1_024]).is_ok_and(|length| length > 0) {
            let _ = stream.write_all(b"!");
        }
    }
}
