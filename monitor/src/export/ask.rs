//! How those who show a snapshot get one from the task that owns the state.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Snapshot;

/// A question for the present snapshot. One that nobody waits for any more may be dropped.
#[derive(Debug)]
pub struct Ask {
    /// Where the answer goes.
    pub reply: oneshot::Sender<Arc<Snapshot>>,
}

/// Asks for the present snapshot and waits at most `patience` for it.
pub async fn ask(
    source: &mpsc::Sender<Ask>,
    patience: Duration,
) -> Result<Arc<Snapshot>, AskError> {
    let answer = async {
        let (reply, answer) = oneshot::channel();
        source.send(Ask { reply }).await.map_err(|_| AskError::Gone)?;
        answer.await.map_err(|_| AskError::Gone)
    };
    tokio::time::timeout(patience, answer).await.unwrap_or(Err(AskError::Late))
}

/// Why there is no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskError {
    /// The agent is ending.
    Gone,
    /// The agent did not answer in time.
    Late,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the agent is ending",
            Self::Late => "the agent did not answer in time",
        })
    }
}

impl Error for AskError {}
