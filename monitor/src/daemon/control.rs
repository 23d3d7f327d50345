//! The control socket: one line asks, one JSON document answers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

use crate::export::ask::{Ask, ask};
use crate::export::json::Document;

/// Clients served at once; others wait.
const CLIENTS_MAX: usize = 8;

/// Longest question in bytes.
const QUESTION_BYTES_MAX: usize = 64;

/// Time a client has to ask, the agent to answer, and the client to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pause after a failed accept, as when there are no descriptors left: they come back, or do not.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves until the future is dropped.
pub(super) async fn serve(listener: UnixListener, source: mpsc::Sender<Ask>) -> Infallible {
    let places = Arc::new(Semaphore::new(CLIENTS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            // Nobody closes the semaphore.
            std::future::pending::<()>().await;
            continue;
        };
        match listener.accept().await {
            Ok((client, _)) => {
                let source = source.clone();
                tokio::spawn(async move {
                    answer(client, &source).await;
                    drop(place);
                });
            }
            Err(error) => {
                ::log::warn!("cannot accept on the control socket: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers one client. One that asks for something else, or not in time, gets nothing.
async fn answer(mut client: UnixStream, source: &mpsc::Sender<Ask>) {
    let question = tokio::time::timeout(PATIENCE, question(&mut client)).await;
    if question.ok().flatten().as_deref() != Some(b"snapshot") {
        return;
    }
    let Ok(snapshot) = ask(source, PATIENCE).await else {
        return;
    };
    let document = Document::from(&*snapshot).to_json();
    let _ = tokio::time::timeout(PATIENCE, client.write_all(document.as_bytes())).await;
}

/// The first line a client sends, without its end.
async fn question(client: &mut UnixStream) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let mut chunk = [0; QUESTION_BYTES_MAX];
    while line.len() < QUESTION_BYTES_MAX {
        let read = client.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        line.extend_from_slice(chunk.get(..read)?);
        if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            line.truncate(end);
            return Some(line);
        }
    }
    None
}

#[cfg(test)]
mod tests;
