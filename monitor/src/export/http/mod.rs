//! The HTTP server: the metrics, for those on this device who ask.
//!
//! Small on purpose: three pages, GET and HEAD, bounded in bytes, connections and time. A
//! connection nobody uses costs one timer, and none once it is closed.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::ask::{Ask, ask};
use super::metrics;
use gate::{Refusal, Route};
use io::{Io, Pace, Phase};

mod gate;
mod io;
mod listen;

pub use gate::Gate;
pub use listen::{ListenError, parse_listen};

/// Bytes of a request's line and headers.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Headers of a request.
pub const HEADERS_MAX: usize = 64;

/// Connections at once. Further ones wait in the backlog of the listening socket.
pub const CONNECTIONS_MAX: usize = 32;

/// Time for the head of a request to arrive, from the connection or the request's first byte on.
pub const HEAD_TIME: Duration = Duration::from_secs(5);

/// Time for the agent to take a snapshot.
pub const SNAPSHOT_TIME: Duration = Duration::from_secs(5);

/// Time for an answer to be fetched by the client.
pub const SEND_TIME: Duration = Duration::from_secs(30);

/// Time a connection stays open for the next request. Longer than a minute, a common interval of
/// scrapes: with a connection that stays, a scrape is one wake-up and no new connection.
pub const IDLE_TIME: Duration = Duration::from_secs(75);

/// Pause after a connection could not be accepted, as when the process has no file descriptors left:
/// the connection is still waiting, and the kernel would report it again at once.
pub const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The smallest buffer hyper works with.
const BUFFER_BYTES_MIN: usize = 8 * 1024;

/// The start page.
const PAGE: &str = include_str!("page.html");

/// Headers of every response: nothing may be kept, guessed, embedded, or loaded from elsewhere.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// What a client can make the server spend.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// See [`HEAD_BYTES_MAX`].
    pub head_bytes: usize,
    /// See [`HEADERS_MAX`].
    pub headers: usize,
    /// See [`CONNECTIONS_MAX`].
    pub connections: usize,
    /// See [`HEAD_TIME`].
    pub head_time: Duration,
    /// See [`SNAPSHOT_TIME`].
    pub snapshot_time: Duration,
    /// See [`SEND_TIME`].
    pub send_time: Duration,
    /// See [`IDLE_TIME`].
    pub idle_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: HEAD_BYTES_MAX,
            headers: HEADERS_MAX,
            connections: CONNECTIONS_MAX,
            head_time: HEAD_TIME,
            snapshot_time: SNAPSHOT_TIME,
            send_time: SEND_TIME,
            idle_time: IDLE_TIME,
        }
    }
}

/// What the server serves, to whom, and within which limits.
#[derive(Clone, Debug)]
pub struct Site {
    /// The hosts it answers for.
    pub gate: Gate,
    /// Where snapshots come from.
    pub source: mpsc::Sender<Ask>,
    /// Series of apps in the metrics; see [`metrics::encode`].
    pub series_max: usize,
    /// What a client can make it spend.
    pub limits: Limits,
}

/// Serves until the future is dropped, which closes all connections.
///
/// Errors of single connections end those only.
pub async fn serve(listener: TcpListener, site: Site) -> Infallible {
    let connections_max = site.limits.connections.max(1);
    let shared = Arc::new(Shared { site, is_full: AtomicBool::new(false) });
    let mut connections = JoinSet::new();
    let mut is_failing = false;
    loop {
        let is_full = connections.len() >= connections_max;
        shared.is_full.store(is_full, Ordering::Relaxed);
        tokio::select! {
            accepted = listener.accept(), if !is_full => match accepted {
                Ok((stream, _)) => {
                    is_failing = false;
                    connections.spawn(attend(stream, Arc::clone(&shared)));
                }
                Err(error) => {
                    if !is_failing {
                        log::warn!("cannot accept connections for the metrics: {error}");
                    }
                    is_failing = true;
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

struct Shared {
    site: Site,
    /// Whether others wait for a connection to end.
    is_full: AtomicBool,
}

/// Serves one connection until it ends, or one of its phases takes too long.
async fn attend(stream: TcpStream, shared: Arc<Shared>) {
    let limits = shared.site.limits;
    let (pace, mut phase) = watch::channel(Phase::Head);
    let pace = Arc::new(pace);
    let service = {
        let pace = Arc::clone(&pace);
        service_fn(move |request| answer(request, Arc::clone(&shared), Arc::clone(&pace)))
    };
    let buffer_bytes = limits.head_bytes.max(BUFFER_BYTES_MIN);
    // The time for a head is kept below, where it differs from that for an idle connection.
    let connection = http1::Builder::new()
        // Plain clients such as nc(1) end their half with the request.
        .half_close(true)
        .header_read_timeout(None)
        .max_header_size(limits.head_bytes)
        .max_headers(limits.headers)
        .max_buf_size(buffer_bytes)
        .serve_connection(Io::new(stream, pace), service);
    let mut connection = std::pin::pin!(connection);
    loop {
        let time = match *phase.borrow_and_update() {
            Phase::Head => limits.head_time,
            // The agent's own time is limited in `metrics_text`.
            Phase::Answer | Phase::Send => limits.snapshot_time + limits.send_time,
            Phase::Idle => limits.idle_time,
        };
        tokio::select! {
            biased;
            ended = &mut connection => {
                if let Err(error) = ended {
                    log::debug!("a connection for the metrics ended: {error}");
                }
                return;
            }
            Ok(()) = phase.changed() => {}
            () = tokio::time::sleep(time) => return,
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    pace: Pace,
) -> Result<Response<Full<Bytes>>, Infallible> {
    pace.send_replace(Phase::Answer);
    let mut response = match respond(&request, &shared.site).await {
        Ok(response) => response,
        Err(refusal) => refuse(refusal),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    // What is refused may be followed by a body, which is not worth reading.
    if response.status().is_client_error() || shared.is_full.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    pace.send_replace(Phase::Send);
    Ok(response)
}

async fn respond(
    request: &Request<Incoming>,
    site: &Site,
) -> Result<Response<Full<Bytes>>, Refusal> {
    Ok(match site.gate.admit(request)? {
        Route::Page => text("text/html; charset=utf-8", PAGE),
        Route::Healthy => text("text/plain; charset=utf-8", "ok\n"),
        Route::Metrics => {
            let snapshot = ask(&site.source, site.limits.snapshot_time).await.map_err(|error| {
                log::warn!("no snapshot for the metrics: {error}");
                Refusal::Unavailable
            })?;
            text(metrics::CONTENT_TYPE, metrics::encode(&snapshot, site.series_max))
        }
    })
}

fn refuse(refusal: Refusal) -> Response<Full<Bytes>> {
    let mut response = text("text/plain; charset=utf-8", refusal.text());
    *response.status_mut() = refusal.status();
    if refusal.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

fn text(media_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
