//! HTTP/1.1 (RFC 9112), one request after the other.

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::dns::Names;
use crate::report::Ends;
use crate::web::{Request, answer};

/// Bytes of the largest head of a request.
const HEAD_MAX: usize = 64 * 1024;

/// Serves a connection until the client closes it or asks for that.
pub(crate) async fn serve(
    names: Names,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    over: &'static str,
    ends: Ends,
) -> Result<()> {
    let mut buffer = Vec::new();
    while let Some(end) = read_head(&mut stream, &mut buffer).await? {
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end);
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ');
        let method = words.next().context("no method")?;
        let target = words.next().context("no target")?;
        let header = |name: &str| {
            let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
            let mut found = fields.filter(|(key, _)| key.eq_ignore_ascii_case(name));
            found.next().map(|(_, value)| value.trim())
        };
        let length: usize = header("content-length").unwrap_or("0").parse()?;
        while buffer.len() < length {
            ensure!(stream.read_buf(&mut buffer).await? > 0, "a body cut short");
        }
        let body: Vec<u8> = buffer.drain(..length).collect();
        let authority = header("host");
        let request = Request { version: "1.1", over, method, authority, target, body: &body };
        let answer = answer(&names, &request, ends);
        let closes = header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            answer.kind,
            answer.body.len()
        );
        let body = if method == "HEAD" { &[][..] } else { &answer.body };
        stream.write_all(&[head.as_bytes(), body].concat()).await?;
        stream.flush().await?;
        if closes {
            break;
        }
    }
    stream.shutdown().await?;
    Ok(())
}

/// Reads until the empty line; gives where the head ends, or nothing at the end of the stream.
async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Result<Option<usize>> {
    loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            return Ok(Some(at + 4));
        }
        ensure!(buffer.len() < HEAD_MAX, "a head without an end");
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}
