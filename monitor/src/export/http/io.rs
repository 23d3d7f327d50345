//! A TCP stream as hyper wants one, which also tells where in the exchange a connection is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Bytes taken from a socket at once.
const READ_BYTES: usize = 2048;

/// Where in the exchange a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was asked yet, or the head of a request is arriving.
    Head,
    /// A request is being answered.
    Answer,
    /// The answer is made and is being sent.
    Send,
    /// The answer is sent, and the next request has not begun.
    Idle,
}

/// The phase of one connection, shared by those who change it and the one who limits its time.
pub(super) type Pace = Arc<watch::Sender<Phase>>;

/// A TCP stream for hyper.
pub(super) struct Io {
    stream: TcpStream,
    pace: Pace,
}

impl Io {
    pub(super) fn new(stream: TcpStream, pace: Pace) -> Self {
        Self { stream, pace }
    }

    fn step(&self, from: Phase, to: Phase) {
        self.pace.send_if_modified(|phase| {
            let due = *phase == from;
            if due {
                *phase = to;
            }
            due
        });
    }
}

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // Through a buffer of our own: what hyper offers is not initialised.
        let mut bytes = [0; READ_BYTES];
        let room = buf.remaining().min(READ_BYTES);
        let mut chunk = ReadBuf::new(bytes.split_at_mut(room).0);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut chunk))?;
        if !chunk.filled().is_empty() {
            self.step(Phase::Idle, Phase::Head);
        }
        buf.put_slice(chunk.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    /// Called by hyper once all it had to say is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.step(Phase::Send, Phase::Idle);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}
