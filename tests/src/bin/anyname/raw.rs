//! A messenger: bytes that are no protocol anybody knows, both ways.

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::report::{Ends, seen};

/// Answers whatever comes with as many bytes; says what came first.
pub(crate) async fn serve(mut stream: TcpStream, ends: Ends) -> Result<()> {
    let mut buffer = vec![0; 4096];
    let mut is_first = true;
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        if std::mem::take(&mut is_first) {
            seen("raw", None, ends, &[("bytes", &length)]);
        }
        let answer: Vec<u8> = buffer.iter().take(length).map(|byte| !byte).collect();
        stream.write_all(&answer).await?;
    }
}
