//! What is sent: a fixed sequence of bytes, so that a receiver can tell whether it is intact.

use std::io::{self, Read};

/// Bytes written or read at once.
pub(crate) const CHUNK: usize = 64 * 1024;

/// The sequence repeats after this many bytes: a prime, so that a shifted block shows.
const PERIOD: u8 = 251;

/// The byte at a position of the sequence.
fn byte(position: u64) -> u8 {
    // The remainder is below 251.
    u8::try_from(position % u64::from(PERIOD)).unwrap_or_default()
}

/// Some bytes of the sequence.
pub(crate) fn bytes(from: u64, length: usize) -> Vec<u8> {
    (from..).take(length).map(byte).collect()
}

/// Calls `write` with chunk after chunk of the first `total` bytes; `write` says how much it took.
pub(crate) fn send<E>(
    total: u64,
    mut write: impl FnMut(&[u8]) -> Result<usize, E>,
) -> Result<u64, E> {
    // Two periods more than a chunk, so that every chunk is a slice of this.
    let source = bytes(0, CHUNK + 2 * usize::from(PERIOD));
    let mut sent = 0;
    while sent < total {
        let start = usize::from(byte(sent));
        let left = usize::try_from(total - sent).unwrap_or(CHUNK).min(CHUNK);
        sent += write(&source[start..start + left])? as u64;
    }
    Ok(sent)
}

/// What was read of the sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    /// How many bytes.
    pub(crate) bytes: u64,
    /// Whether each was the right one.
    pub(crate) intact: bool,
}

/// Reads until `limit` bytes have come or the sender has closed.
pub(crate) fn receive(mut stream: impl Read, limit: u64) -> io::Result<Received> {
    let mut buffer = vec![0; CHUNK];
    let mut received = Received { bytes: 0, intact: true };
    while received.bytes < limit {
        let room = usize::try_from(limit - received.bytes).unwrap_or(CHUNK).min(CHUNK);
        let count = match stream.read(&mut buffer[..room]) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let expected = (received.bytes..).map(byte);
        received.intact &= buffer[..count].iter().zip(expected).all(|(got, want)| *got == want);
        received.bytes += count as u64;
    }
    Ok(received)
}
