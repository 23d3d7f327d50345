//! `sortie run`: the loop around the agent. It waits for the kernel, for scrapers and for signals, and
//! for nothing else: an idle device does not wake it.

mod control;
mod listeners;
mod place;
mod refusal;
mod shore;

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use tokio::io::unix::AsyncFd;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::place::Place;
use self::shore::Shore;
use crate::config::Config;
use crate::export::Snapshot;
use crate::export::ask::Ask;
use crate::export::http::{self, Gate, Site};
use crate::failure::Failure;
use crate::kernel::attach::{self, AttachError};

/// Questions that wait for the agent at most.
const ASKS_MAX: usize = 64;

/// After a new process: the time in which a desktop moves it into its place, and a little.
const SETTLE: Duration = Duration::from_millis(2_500);

/// A snapshot so young answers the next question as well: hammering costs the hammerer, not the device.
const FRESH: Duration = Duration::from_millis(20);

/// Runs the agent until it is told to end (`SIGTERM`, `SIGINT`). `file` is where `config` was read from;
/// `object` is loaded in place of the built-in programs.
///
/// # Errors
///
/// Whatever keeps it from starting. Once it runs, it goes on.
pub fn run(config: &Config, file: &Path, object: Option<PathBuf>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Failure::io("cannot start the event loop", error))?;
    runtime.block_on(serve(config, file, object))
}

/// The failure that an agent which cannot attach its programs ends with.
pub fn start_failure(error: AttachError) -> Failure {
    refusal::attach(error)
}

async fn serve(config: &Config, file: &Path, object: Option<PathBuf>) -> Result<(), Failure> {
    let failed = |what: &'static str| move |error: io::Error| Failure::io(what, error);
    // Everything that may be in the way is tried before the kernel is touched.
    attach::check_rights().map_err(refusal::attach)?;
    let listener = listen(config, file).await?;
    let place = Place::take(&config.runtime_dir)?;
    let control = place.listen(&config.socket_group)?;
    let mut end = signal(SignalKind::terminate()).map_err(failed("cannot wait for SIGTERM"))?;
    let mut interrupt =
        signal(SignalKind::interrupt()).map_err(failed("cannot wait for SIGINT"))?;
    let (mut shore, ring) = Shore::start(config, object)?;
    #[expect(
        deprecated,
        reason = "its successor is unsafe; aya's ring buffer keeps its descriptor open"
    )]
    let mut ring = AsyncFd::new(ring).map_err(failed("cannot wait for the ring buffer"))?;

    let (source, mut asks) = mpsc::channel(ASKS_MAX);
    let mut tasks = tokio::task::JoinSet::new();
    announce(config, listener, control, &source, &mut tasks)?;
    drop(source);

    let interval = Duration::from_secs(config.drain_interval_seconds.into());
    let mut wake: Option<Instant> = None;
    let mut latest: Option<(Instant, Arc<Snapshot>)> = None;
    loop {
        let due = async {
            match wake {
                Some(wake) => tokio::time::sleep_until(wake).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // The kernel first: a process may be gone in a millisecond.
            biased;
            ready = ring.readable_mut() => {
                let mut ready = ready.map_err(failed("cannot wait for the ring buffer"))?;
                let heard = read_ring(&mut shore, ready.get_inner_mut());
                ready.clear_ready();
                if heard.pressure {
                    shore.drain(true);
                }
                if heard.processes {
                    let settled = Instant::now() + SETTLE;
                    wake = Some(wake.map_or(settled, |wake| wake.min(settled)));
                }
            }
            _ = end.recv() => break,
            _ = interrupt.recv() => break,
            Some(Ask { reply }) = asks.recv() => {
                if reply.is_closed() {
                    continue;
                }
                let snapshot = match &latest {
                    Some((taken, snapshot)) if taken.elapsed() < FRESH => Arc::clone(snapshot),
                    _ => {
                        shore.drain(false);
                        let snapshot = Arc::new(shore.snapshot());
                        latest = Some((Instant::now(), Arc::clone(&snapshot)));
                        snapshot
                    }
                };
                // Nobody may be waiting any more.
                let _ = reply.send(snapshot);
            }
            () = due => {
                latest = None;
                wake = shore.drain(false).then(|| Instant::now() + interval);
            }
        }
    }
    shore.drain(false);
    place::say(&format!("stopping; {}", summary(&shore.snapshot())));
    Ok(())
}

/// Binds the address of `listen`; `None` when there is to be none.
async fn listen(config: &Config, file: &Path) -> Result<Option<TcpListener>, Failure> {
    if config.listen.is_empty() {
        return Ok(None);
    }
    let address = http::parse_listen(&config.listen)
        .map_err(|error| refusal::listen(file, &config.listen, &error))?;
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Failure::PortInUse {
            address: address.to_string(),
        }),
        Err(error) => Err(Failure::io(format!("cannot listen on {address}"), error)),
    }
}

/// Starts the servers and says that the agent is ready, and where to look.
fn announce(
    config: &Config,
    listener: Option<TcpListener>,
    control: UnixListener,
    source: &mpsc::Sender<Ask>,
    tasks: &mut tokio::task::JoinSet<Infallible>,
) -> Result<(), Failure> {
    let mut line = "ready".to_owned();
    if let Some(listener) = listener {
        let bound = listener
            .local_addr()
            .map_err(|error| Failure::io("cannot tell the address of the listener", error))?;
        let site = Site {
            gate: Gate::new(bound, &config.allowed_hosts),
            source: source.clone(),
            series_max: usize::try_from(config.series_max).unwrap_or(usize::MAX),
            limits: http::Limits::default(),
        };
        tasks.spawn(http::serve(listener, site));
        line = format!("{line}, metrics at http://{bound}/metrics");
    }
    tasks.spawn(control::serve(control, source.clone()));
    place::say(&line);
    Ok(())
}

/// What the ring brought.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    processes: bool,
    pressure: bool,
}

fn read_ring(shore: &mut Shore, ring: &mut RingBuf<MapData>) -> Heard {
    let mut heard = Heard::default();
    while let Some(record) = ring.next() {
        let bytes = record.to_vec();
        drop(record);
        match shore.record(&bytes) {
            shore::Record::Process => heard.processes = true,
            shore::Record::Pressure => heard.pressure = true,
            shore::Record::Bad => {}
        }
    }
    heard
}

fn summary(snapshot: &Snapshot) -> String {
    let apps = snapshot.apps.len();
    let bytes: u64 = snapshot
        .apps
        .iter()
        .map(|app| app.total(|_| true).tx.bytes)
        .sum();
    format!("{apps} apps sent {bytes} bytes since the start")
}
