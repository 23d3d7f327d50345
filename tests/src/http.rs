//! One GET request, in as few words as it takes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::wait::PATIENCE;

/// Gets a path and gives the body; an error is anything but an answer with status 200.
pub fn get(server: SocketAddr, path: &str) -> Result<String, String> {
    let answer = request(server, path).map_err(|error| format!("GET {path}: {error}"))?;
    let (head, body) =
        answer.split_once("\r\n\r\n").ok_or("an answer without an end of headers")?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(format!("GET {path}: {status}"));
    }
    let chunked = head.lines().any(|line| line.eq_ignore_ascii_case("transfer-encoding: chunked"));
    if chunked { join_chunks(body) } else { Ok(body.to_owned()) }
}

fn request(server: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The body of a chunked message (RFC 9112, 7.1).
fn join_chunks(mut body: &str) -> Result<String, String> {
    let mut whole = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n").ok_or("a chunk without a size")?;
        let size = usize::from_str_radix(size, 16).map_err(|error| format!("{size:?}: {error}"))?;
        if size == 0 {
            return Ok(whole);
        }
        whole.push_str(rest.get(..size).ok_or("a chunk cut short")?);
        body = rest.get(size + 2..).ok_or("a chunk without an end")?;
    }
}
