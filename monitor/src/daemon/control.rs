//! The control socket: one line asks, one JSON document answers.
//!
//! | line | answer | who may |
//! |---|---|---|
//! | `snapshot` | [`Document`] | whoever may open the socket |
//! | `past` | [`crate::export::remembered::Past`] | whoever may open the socket |
//! | `forget app NAME`, `forget destination NAME`, `forget device NAME`, `forget all` | `{"forgotten":N}`, or `{"error":"..."}` | root, and the user of the agent |

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::export::ask::{Ask, ask};
use crate::export::json::Document;
use crate::memory;

/// Clients served at once; others wait.
const CLIENTS_MAX: usize = 8;

/// Longest question in bytes.
const QUESTION_BYTES_MAX: usize = 1_024;

/// Time a client has to ask, the agent to answer, and the client to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pause after a failed accept, as when there are no descriptors left: they come back, or do not.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What is wished of the memory.
#[derive(Debug)]
pub(super) enum Wish {
    /// All of it, as JSON.
    Past(oneshot::Sender<String>),
    /// To be rid of something: how much is gone, `None` when the disk still has it.
    Forget(Forget, oneshot::Sender<Option<usize>>),
}

/// What is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Forget {
    App(String),
    Device(String),
    Destination(String),
    All,
}

impl Forget {
    /// Reads what follows `forget `.
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            None if text == "all" => Some(Self::All),
            Some(("app", name)) => Some(Self::App(name.to_owned())),
            Some(("device", name)) => Some(Self::Device(name.to_owned())),
            Some(("destination", name)) => Some(Self::Destination(name.to_owned())),
            _ => None,
        }
    }

    /// The same, as the memory wants it.
    pub(super) fn as_forget(&self) -> memory::Forget<'_> {
        match self {
            Self::App(name) => memory::Forget::App(name),
            Self::Device(name) => memory::Forget::Device(name),
            Self::Destination(name) => memory::Forget::Destination(name),
            Self::All => memory::Forget::All,
        }
    }
}

/// Serves until the future is dropped.
pub(super) async fn serve(
    listener: UnixListener,
    source: mpsc::Sender<Ask>,
    wisher: mpsc::Sender<Wish>,
) -> Infallible {
    let places = Arc::new(Semaphore::new(CLIENTS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            // Nobody closes the semaphore.
            std::future::pending::<()>().await;
            continue;
        };
        match listener.accept().await {
            Ok((client, _)) => {
                let (source, wisher) = (source.clone(), wisher.clone());
                tokio::spawn(async move {
                    answer(client, &source, &wisher).await;
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
async fn answer(mut client: UnixStream, source: &mpsc::Sender<Ask>, wisher: &mpsc::Sender<Wish>) {
    let question = tokio::time::timeout(PATIENCE, question(&mut client)).await;
    let Some(question) = question.ok().flatten().and_then(|line| String::from_utf8(line).ok())
    else {
        return;
    };
    let answer = match question.as_str() {
        "snapshot" => snapshot(source).await,
        "past" => wished(wisher, Wish::Past).await,
        other => match other.strip_prefix("forget ").and_then(Forget::parse) {
            Some(what) if is_master(&client) => forget(wisher, what).await,
            Some(_) => Some(error("only root and the user of the agent may make it forget")),
            None => None,
        },
    };
    if let Some(answer) = answer {
        let _ = tokio::time::timeout(PATIENCE, client.write_all(answer.as_bytes())).await;
    }
}

async fn snapshot(source: &mpsc::Sender<Ask>) -> Option<String> {
    let snapshot = ask(source, PATIENCE).await.ok()?;
    Some(Document::from(&*snapshot).to_json())
}

async fn wished<T>(
    wisher: &mpsc::Sender<Wish>,
    wish: impl FnOnce(oneshot::Sender<T>) -> Wish,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    wisher.send(wish(reply)).await.ok()?;
    tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()
}

async fn forget(wisher: &mpsc::Sender<Wish>, what: Forget) -> Option<String> {
    let gone = wished(wisher, |reply| Wish::Forget(what, reply)).await?;
    Some(match gone {
        Some(gone) => format!("{{\"forgotten\":{gone}}}\n"),
        None => error("it is forgotten here, but the disk could not be written and still has it"),
    })
}

fn error(text: &str) -> String {
    format!("{{\"error\":\"{text}\"}}\n")
}

/// Whether the client is root or runs as the user of the agent: readers of the socket's group may look,
/// and no more.
fn is_master(client: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    client.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == own)
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
