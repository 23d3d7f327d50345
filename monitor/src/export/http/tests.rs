//! A real server on the loopback, raw clients, and a source that answers as the test wants.

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::*;
use crate::export::Snapshot;

/// For everything that is expected to happen.
const DEADLINE: Duration = Duration::from_secs(10);

/// For what the server is expected to give up on.
const SHORT: Duration = Duration::from_millis(150);

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
    asks: Arc<AtomicUsize>,
}

/// A server whose agent answers with snapshots of this many interfaces.
async fn server(limits: Limits, interfaces: usize) -> Server {
    let (source, mut asked) = mpsc::channel::<Ask>(1);
    let asks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asks);
    let mut snapshot = Snapshot::default();
    snapshot.interfaces.resize_with(interfaces, Default::default);
    let snapshot = Arc::new(snapshot);
    tokio::spawn(async move {
        while let Some(Ask { reply }) = asked.recv().await {
            count.fetch_add(1, Ordering::Relaxed);
            let _ = reply.send(Arc::clone(&snapshot));
        }
    });
    start(limits, source, asks).await
}

async fn start(limits: Limits, source: mpsc::Sender<Ask>, asks: Arc<AtomicUsize>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let gate = Gate::new(address, &["phone.lan".to_owned()]);
    let site = Site { gate, source, series_max: 1000, limits };
    let task = tokio::spawn(async move {
        serve(listener, site).await;
    });
    Server { address, task, asks }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `request`, ends the sending half, and returns all that comes back.
    async fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        rest(&mut stream).await
    }

    async fn get(&self, path: &str) -> String {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address)).await
    }
}

/// All that comes until the server closes the connection, in one way or the other.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let end = timeout(DEADLINE, stream.read_to_end(&mut bytes)).await;
    // A connection that is reset ends as well.
    end.unwrap().ok();
    String::from_utf8(bytes).unwrap()
}

/// One response with a body of the announced length.
async fn response(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    timeout(DEADLINE, async {
        while !text.ends_with("\r\n\r\n") {
            text.push(char::from(stream.read_u8().await.unwrap()));
        }
        let length = text.split_once("content-length: ").unwrap().1;
        let length = length.split_once("\r\n").unwrap().0.parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        text.push_str(&String::from_utf8(body).unwrap());
    })
    .await
    .unwrap();
    text
}

fn status(response: &str) -> &str {
    response
        .strip_prefix("HTTP/1.1 ")
        .or(response.strip_prefix("HTTP/1.0 "))
        .unwrap_or("none")
        .split(' ')
        .next()
        .unwrap()
}

fn body(response: &str) -> &str {
    response.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn every_route_answers() {
    let server = server(Limits::default(), 1).await;
    let metrics = server.get("/metrics").await;
    assert_eq!(status(&metrics), "200");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert!(body(&metrics).contains("# TYPE sortie_build_info gauge\n"));
    assert_eq!(body(&server.get("/-/healthy").await), "ok\n");
    let page = server.get("/?x=1").await;
    assert!(page.contains("content-type: text/html; charset=utf-8\r\n"));
    assert!(body(&page).contains("<a href=\"/metrics\">"));
    for path in ["/metrics/", "/metrics2", "//metrics", "/../metrics", "/favicon.ico"] {
        assert_eq!(status(&server.get(path).await), "404", "{path}");
    }
    assert_eq!(server.asks.load(Ordering::Relaxed), 1, "only the metrics need a snapshot");
}

#[tokio::test]
async fn every_response_has_the_protective_headers_and_names_no_server() {
    let server = server(Limits::default(), 1).await;
    for path in ["/", "/metrics", "/-/healthy", "/nothing"] {
        let response = server.get(path).await;
        for (name, value) in HEADERS {
            let line = format!("{name}: {}\r\n", value.to_str().unwrap());
            assert!(response.contains(&line), "{path} lacks {line}");
        }
        let head = response.split_once("\r\n\r\n").unwrap().0.to_ascii_lowercase();
        assert!(!head.contains("access-control-"), "{head}");
        assert!(!head.contains("\nserver:"), "{head}");
    }
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let server = server(Limits::default(), 1).await;
    let full = server.get("/metrics").await;
    let head = server.exchange("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(status(&head), "200");
    assert_eq!(body(&head), "");
    assert!(head.contains(&format!("content-length: {}\r\n", body(&full).len())), "{head}");
}

#[tokio::test]
async fn other_methods_are_refused_and_told_the_allowed_ones() {
    let server = server(Limits::default(), 1).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"] {
        let request = format!("{method} /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let response = server.exchange(&request).await;
        assert_eq!(status(&response), "405", "{method}");
        assert!(response.contains("allow: GET, HEAD\r\n"), "{response}");
    }
    let connect = "CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n";
    assert_eq!(status(&server.exchange(connect).await), "404");
}

#[tokio::test]
async fn the_host_is_checked_before_anything_else() {
    let server = server(Limits::default(), 1).await;
    for (head, expected) in [
        ("GET /metrics HTTP/1.1\r\nHost: phone.lan\r\n", "200"),
        ("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n", "421"),
        ("POST /nothing HTTP/1.1\r\nHost: evil.example\r\n", "421"),
        ("GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n", "421"),
        ("GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\n", "200"),
        ("GET /metrics HTTP/1.1\r\n", "400"),
        ("GET /metrics HTTP/1.0\r\n", "400"),
        ("GET /metrics HTTP/1.0\r\nHost: localhost\r\n", "200"),
        ("GET /metrics HTTP/1.1\r\nHost:\r\n", "400"),
        ("GET /metrics HTTP/1.1\r\nHost: \u{e9}\r\n", "400"),
        ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", "400"),
    ] {
        let response = server.exchange(&format!("{head}\r\n")).await;
        assert_eq!(status(&response), expected, "{head}");
        assert!(expected != "421" || body(&response).contains("`allowed_hosts`"), "{response}");
        assert!(!response.contains("evil"), "{response}");
    }
}

#[tokio::test]
async fn requests_with_a_body_are_refused_and_the_connection_ends() {
    let server = server(Limits::default(), 1).await;
    for more in [
        "Content-Length: 5\r\n\r\nhello",
        "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        "Content-Length: 99999999999\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        let mut stream = server.connect().await;
        let request = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{more}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let response = rest(&mut stream).await;
        assert_eq!(status(&response), "413", "{more}");
        assert!(response.contains("connection: close\r\n"), "{response}");
    }
    let empty = "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(status(&server.exchange(empty).await), "200");
}

#[tokio::test]
async fn heads_that_are_too_large_or_nonsense_are_refused() {
    let server = server(Limits::default(), 1).await;
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(9000));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: x\r\n".repeat(64));
    let some = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: x\r\n".repeat(63));
    assert_eq!(status(&server.exchange(&long).await), "431");
    assert_eq!(status(&server.exchange(&many).await), "431");
    assert_eq!(status(&server.exchange(&some).await), "200");
    for nonsense in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9\r\n\r\n", "\x16\x03\x01\r\n"]
    {
        let response = server.exchange(nonsense).await;
        assert!(["400", "none"].contains(&status(&response)), "{nonsense:?}: {response}");
    }
}

#[tokio::test]
async fn a_slow_head_ends_the_connection_however_it_trickles() {
    let limits = Limits { head_time: SHORT, ..Limits::default() };
    let server = server(limits, 1).await;
    for sent in ["", "GET /met"] {
        let mut stream = server.connect().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        assert_eq!(rest(&mut stream).await, "");
    }
    // The time runs from the first byte of the second request on.
    let mut stream = server.connect().await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    response(&mut stream).await;
    let begun = Instant::now();
    stream.write_all(b"GET /").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    assert!(begun.elapsed() < IDLE_TIME);
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_a_time_and_then_closed() {
    let limits = Limits { idle_time: SHORT, ..Limits::default() };
    let server = server(limits, 1).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream.write_all(GET.as_bytes()).await.unwrap();
        assert_eq!(status(&response(&mut stream).await), "200");
    }
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = server(Limits::default(), 1).await;
    let mut stream = server.connect().await;
    let healthy = GET.replace("/metrics", "/-/healthy");
    stream.write_all([GET, &healthy, GET].concat().as_bytes()).await.unwrap();
    let first = response(&mut stream).await;
    assert_eq!(body(&response(&mut stream).await), "ok\n");
    assert_eq!(body(&response(&mut stream).await), body(&first));
}

#[tokio::test]
async fn further_connections_wait_until_there_is_room() {
    let limits = Limits { connections: 2, head_time: SHORT, ..Limits::default() };
    let server = server(limits, 1).await;
    let mut silent = [server.connect().await, server.connect().await];
    let third = server.get("/-/healthy").await;
    assert_eq!(status(&third), "200");
    // Only the end of a silent one let the third in.
    let mut ended = 0;
    for stream in &mut silent {
        ended += usize::from(matches!(stream.try_read(&mut [0]), Ok(0)));
    }
    assert!(ended > 0);
}

#[tokio::test]
async fn a_connection_that_takes_the_last_place_is_not_kept() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let server = server(limits, 1).await;
    let mut stream = server.connect().await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.contains("connection: close\r\n"));
}

#[tokio::test]
async fn answers_nobody_fetches_do_not_pile_up() {
    let limits =
        Limits { connections: 1, send_time: SHORT, snapshot_time: SHORT, ..Limits::default() };
    // The answer is more than the buffers of both sockets hold.
    let server = server(limits, 20_000).await;
    let mut greedy = server.connect().await;
    greedy.write_all(GET.repeat(100).as_bytes()).await.unwrap();
    // Let in once the greedy one is given up on.
    let mut other = server.connect().await;
    other.write_all(GET.as_bytes()).await.unwrap();
    assert_eq!(status(&rest(&mut other).await), "200");
    assert_eq!(server.asks.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn without_a_snapshot_in_time_the_answer_is_503() {
    let (source, mut asked) = mpsc::channel::<Ask>(1);
    let limits = Limits { snapshot_time: SHORT, ..Limits::default() };
    let server = start(limits, source, Arc::default()).await;
    // The agent is busy, then drops the question, then is gone.
    assert_eq!(status(&server.get("/metrics").await), "503");
    drop(asked.recv().await);
    let (response, ()) = tokio::join!(server.get("/metrics"), async {
        drop(asked.recv().await);
    });
    assert_eq!(status(&response), "503");
    drop(asked);
    assert_eq!(status(&server.get("/metrics").await), "503");
    assert_eq!(status(&server.get("/-/healthy").await), "200");
}

#[tokio::test]
async fn dropping_the_server_closes_its_connections() {
    let server = server(Limits::default(), 1).await;
    let mut stream = server.connect().await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    response(&mut stream).await;
    server.task.abort();
    assert_eq!(rest(&mut stream).await, "");
    assert!(server.task.await.unwrap_err().is_cancelled());
    assert!(TcpStream::connect(server.address).await.is_err());
}
