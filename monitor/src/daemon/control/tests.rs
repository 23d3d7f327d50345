//! Real sockets, a source that answers as the test wants, and a clock that runs only while all wait.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use tokio::time::timeout;

use super::*;
use crate::export::Snapshot;

/// For everything that is expected to happen.
const DEADLINE: Duration = Duration::from_mins(1);

/// A server on a socket of its own, which is removed when dropped.
struct Server {
    directory: PathBuf,
    asked: mpsc::Receiver<Ask>,
}

impl Server {
    fn start(name: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("sortie-control-{name}-{}", std::process::id()));
        std::fs::create_dir(&directory).expect("a temporary directory");
        let (source, asked) = mpsc::channel(1);
        let server = Self { directory, asked };
        let listener = UnixListener::bind(server.socket()).expect("nobody else has it");
        let (wisher, _) = mpsc::channel(1);
        tokio::spawn(serve(listener, source, wisher));
        server
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("sock")
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.socket()).await.expect("it listens")
    }

    async fn ask(&self, question: &[u8]) -> UnixStream {
        let mut client = self.connect().await;
        // A server that has had enough may close before it has read all.
        let _ = client.write_all(question).await;
        client
    }

    /// The agent answers the next question.
    async fn answer(&mut self) {
        let Ask { reply } =
            timeout(DEADLINE, self.asked.recv()).await.expect("in time").expect("somebody asks");
        let snapshot = Snapshot { taken_unix_ms: 1_234, ..Snapshot::default() };
        let _ = reply.send(Arc::new(snapshot));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// All that comes until the server closes the connection, in one way or the other.
async fn rest(mut client: UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What was not read of a long question makes the end a reset.
    let _ = timeout(DEADLINE, client.read_to_end(&mut bytes)).await.expect("it ends in time");
    bytes
}

fn taken(answer: &[u8]) -> u64 {
    Document::from_json(answer).expect("a document").taken_unix_ms
}

#[tokio::test(start_paused = true)]
async fn a_line_is_answered_by_a_document() {
    let mut server = Server::start("line");
    let whole = server.ask(b"snapshot\n").await;
    server.answer().await;
    assert_eq!(taken(&rest(whole).await), 1_234);
    let mut parts = server.ask(b"snap").await;
    parts.write_all(b"shot\n").await.expect("it still listens");
    server.answer().await;
    assert_eq!(taken(&rest(parts).await), 1_234);
}

#[tokio::test(start_paused = true)]
async fn anything_else_is_answered_by_nothing() {
    let mut server = Server::start("wrong");
    let long = vec![b'x'; 100_000];
    for question in [&b"apps\n"[..], b"\n", b"snapshot \n", b"snapshots\n", b"\xff\0\n", &long] {
        let client = server.ask(question).await;
        assert_eq!(rest(client).await, b"", "{} bytes", question.len());
    }
    // The client says no more, without the end of its line.
    let mut ending = server.ask(b"snapshot").await;
    ending.shutdown().await.expect("it is open");
    assert_eq!(rest(ending).await, b"");
    assert!(server.asked.try_recv().is_err(), "the agent was bothered");
}

#[tokio::test(start_paused = true)]
async fn slow_clients_lose_their_places_to_others() {
    let mut server = Server::start("slow");
    let mut slow = Vec::new();
    for _ in 0..CLIENTS_MAX {
        slow.push(server.ask(b"snap").await);
    }
    let start = tokio::time::Instant::now();
    let prompt = server.ask(b"snapshot\n").await;
    server.answer().await;
    assert_eq!(taken(&rest(prompt).await), 1_234);
    assert!(start.elapsed() <= PATIENCE + Duration::from_secs(1), "{:?}", start.elapsed());
    for client in slow {
        assert_eq!(rest(client).await, b"");
    }
}

#[tokio::test(start_paused = true)]
async fn one_slow_client_keeps_nobody_waiting() {
    let mut server = Server::start("one");
    let slow = server.connect().await;
    let start = tokio::time::Instant::now();
    let prompt = server.ask(b"snapshot\n").await;
    server.answer().await;
    assert_eq!(taken(&rest(prompt).await), 1_234);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    drop(slow);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_of_the_agent_there_is_none() {
    let mut server = Server::start("late");
    let client = server.ask(b"snapshot\n").await;
    let ask = timeout(DEADLINE, server.asked.recv()).await.expect("in time");
    assert_eq!(rest(client).await, b"", "it was late");
    drop(ask);
    let client = server.ask(b"snapshot\n").await;
    server.asked.close();
    while server.asked.recv().await.is_some() {}
    assert_eq!(rest(client).await, b"", "it is ending");
}
