//! `sortie run`: the loop around the agent. It waits for the kernel, for scrapers and for signals, and
//! for nothing else: an idle device does not wake it.

mod accounts;
mod control;
mod handover;
pub mod keep;
mod listeners;
mod log;
mod memory;
mod origins;
mod place;
mod refusal;
mod rights;
mod shore;

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aya::maps::{MapData, RingBuf};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::control::Wish;
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
    log::start(config.log_level.filter());
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
    // Everything that may be in the way is tried before the kernel is touched.
    let origins = origins::open(config)?;
    attach::check_rights().map_err(refusal::attach)?;
    let listener = listen(config, file).await?;
    rights::begin(config, file)?;
    let place = Place::take(&config.runtime_dir)?;
    let control = place.listen(&config.socket_group)?;
    let end = Signals::new().map_err(|error| Failure::io("cannot wait for signals", error))?;
    let own = listener.as_ref().map(AsFd::as_fd);
    let (shore, ring) = Shore::start(config, origins, object, own)?;
    rights::settle().map_err(|error| Failure::io("cannot give up capabilities", error))?;
    #[expect(
        deprecated,
        reason = "its successor is unsafe; aya's ring buffer keeps its descriptor open"
    )]
    let ring = AsyncFd::new(ring).map_err(waiting)?;
    let samples = shore.samples_fd().and_then(readable).map_err(waiting)?;

    let (source, asks) = mpsc::channel(ASKS_MAX);
    let (past, wishes) = mpsc::channel(ASKS_MAX);
    let mut tasks = tokio::task::JoinSet::new();
    announce(config, listener, control, (&source, &past), &mut tasks)?;
    drop((source, past));
    let interval = Duration::from_secs(config.drain_interval_seconds.into());
    let watched = Watch { shore, wake: None, write: None, latest: None, interval };
    watch(watched, Ears { ring, samples, asks, wishes }, end).await
}

#[expect(deprecated, reason = "as above: the descriptor stays open with it")]
fn readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, Interest::READABLE)
}

fn waiting(error: io::Error) -> Failure {
    Failure::io("cannot wait for the ring buffer", error)
}

/// The signals that end the agent.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What is waited for.
struct Ears {
    ring: AsyncFd<RingBuf<MapData>>,
    samples: AsyncFd<OwnedFd>,
    asks: mpsc::Receiver<Ask>,
    wishes: mpsc::Receiver<Wish>,
}

/// Waits for whatever comes next, until a signal says that it is enough.
async fn watch(mut watch: Watch, mut ears: Ears, mut end: Signals) -> Result<(), Failure> {
    loop {
        let wake = [watch.wake, watch.write].into_iter().flatten().min();
        let due = async {
            match wake {
                Some(wake) => tokio::time::sleep_until(wake).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // The kernel first: a process may be gone in a millisecond.
            biased;
            ready = ears.ring.readable_mut() => {
                let mut ready = ready.map_err(waiting)?;
                let heard = read_ring(&mut watch.shore, ready.get_inner_mut());
                ready.clear_ready();
                watch.heard(heard);
            }
            () = end.any() => break,
            ready = ears.samples.readable() => {
                ready.map_err(waiting)?.clear_ready();
                watch.shore.read_samples();
            }
            Some(ask) = ears.asks.recv() => watch.answer(ask),
            Some(wish) = ears.wishes.recv() => watch.grant(wish),
            () = due => watch.due(),
        }
    }
    watch.shore.drain(false);
    watch.shore.write_memory();
    place::say(&format!("stopping; {}", summary(&watch.shore.snapshot())));
    Ok(())
}

/// The state of the loop.
struct Watch {
    shore: Shore,
    /// When to look at the tables unasked; never while nothing happens.
    wake: Option<Instant>,
    /// When to write what is remembered; never while nothing changes.
    write: Option<Instant>,
    latest: Option<(Instant, Arc<Snapshot>)>,
    interval: Duration,
}

impl Watch {
    fn heard(&mut self, heard: Heard) {
        if heard.pressure {
            self.shore.drain(true);
        }
        if heard.processes {
            self.wake_in(SETTLE);
        }
    }

    fn answer(&mut self, ask: Ask) {
        if ask.reply.is_closed() {
            return;
        }
        let snapshot = match &self.latest {
            Some((taken, snapshot)) if taken.elapsed() < FRESH => Arc::clone(snapshot),
            _ => {
                self.look();
                let snapshot = Arc::new(self.shore.snapshot());
                self.latest = Some((Instant::now(), Arc::clone(&snapshot)));
                snapshot
            }
        };
        // Nobody may be waiting any more.
        let _ = ask.reply.send(snapshot);
    }

    fn due(&mut self) {
        if self.write.is_some_and(|write| write <= Instant::now()) {
            self.shore.write_memory();
            self.write = None;
            if self.wake.is_none_or(|wake| wake > Instant::now()) {
                return;
            }
        }
        self.latest = None;
        self.wake = None;
        self.look();
    }

    /// Looks at the tables, and comes back while that brings anything.
    fn look(&mut self) {
        if self.shore.drain(false) {
            self.wake_in(self.interval);
        }
        if self.write.is_none() {
            self.write = self.shore.write_due().map(|due| Instant::now() + due);
        }
    }

    fn grant(&mut self, wish: Wish) {
        self.latest = None;
        self.look();
        // Nobody may be waiting any more.
        match wish {
            Wish::Past(reply) => {
                let _ = reply.send(self.shore.past());
            }
            Wish::Forget(what, reply) => {
                let _ = reply.send(self.shore.forget(what.as_forget()));
            }
        }
    }

    fn wake_in(&mut self, delay: Duration) {
        let at = Instant::now() + delay;
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }
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
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(Failure::PortInUse { address: address.to_string() })
        }
        Err(error) => Err(Failure::io(format!("cannot listen on {address}"), error)),
    }
}

/// Starts the servers and says that the agent is ready, and where to look.
fn announce(
    config: &Config,
    listener: Option<TcpListener>,
    control: UnixListener,
    (source, past): (&mpsc::Sender<Ask>, &mpsc::Sender<Wish>),
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
    tasks.spawn(control::serve(control, source.clone(), past.clone()));
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
    let bytes: u64 = snapshot.apps.iter().map(|app| app.total(|_| true).tx.bytes).sum();
    format!("{apps} apps sent {bytes} bytes since the start")
}
