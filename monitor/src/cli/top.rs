//! `sortie top`: the live table.

use std::io::{self, IsTerminal, Read};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::screen::{self, Screen};
use super::{args, client};
use crate::config::Config;
use crate::export::json::Document;
use crate::export::table::{Rates, View, render};
use crate::export::text;
use crate::failure::Failure;

/// What makes the table change or end before the interval is over.
enum Event {
    Key(u8),
    Stop,
}

/// What of the table is wanted.
#[derive(Clone, Copy)]
struct Shown {
    all: bool,
    destinations: bool,
}

/// The byte a terminal in raw mode sends for Ctrl-C.
const CTRL_C: u8 = 3;

/// Shows the table until `q`, Ctrl-C or SIGTERM; once where there is no terminal.
///
/// # Errors
///
/// Those of [`client::snapshot`] at the start; later ones are shown in place of the table, as the
/// agent may come back. Also a standard output that cannot be written to.
pub fn run(config: &Config, args: args::Top) -> Result<(), Failure> {
    let first = client::snapshot(config)?;
    let interval = Duration::from_secs(args.interval_seconds.into());
    let shown = Shown { all: args.all, destinations: args.destinations };
    if args.once || !io::stdout().is_terminal() || super::is_dumb() {
        thread::sleep(interval);
        let second = client::snapshot(config)?;
        let view = view(&second, Some(&first), shown, (super::columns(), usize::MAX));
        return super::print(&super::joined(&render(&view)));
    }
    live(config, shown, interval, first)
}

fn live(config: &Config, shown: Shown, interval: Duration, first: Document) -> Result<(), Failure> {
    let (sender, events) = mpsc::channel();
    // Before the screen changes: from here on a signal must find somebody who restores it.
    watch_signals(sender.clone())?;
    let screen = Screen::enter()?;
    watch_keys(sender);

    let mut previous = None;
    let mut current = Ok(first);
    let mut due = Instant::now() + interval;
    loop {
        screen.draw(&frame(&current, previous.as_ref(), shown))?;
        match wait(&events, due) {
            Wait::End => return Ok(()),
            Wait::Redraw => {}
            Wait::Refresh => {
                let next = client::snapshot(config);
                previous = std::mem::replace(&mut current, next).ok();
                due = Instant::now() + interval;
            }
        }
    }
}

fn frame(
    current: &Result<Document, Failure>,
    previous: Option<&Document>,
    shown: Shown,
) -> Vec<String> {
    let (columns, lines) = screen::size().unwrap_or((80, 24));
    match current {
        Ok(document) => render(&view(document, previous, shown, (columns, lines))),
        Err(failure) => {
            let mut shown = text::wrap(&failure.to_string(), columns);
            shown.truncate(lines);
            shown
        }
    }
}

fn view<'a>(
    document: &'a Document,
    previous: Option<&'a Document>,
    shown: Shown,
    (width, height): (usize, usize),
) -> View<'a> {
    let height = Some(height).filter(|&height| height < usize::MAX);
    let rates = Rates::Since(previous);
    let Shown { all, destinations } = shown;
    let colour = super::colour();
    View { document, rates, loopback: all, destinations, width, height, colour }
}

/// What ended a wait.
enum Wait {
    /// The interval is over.
    Refresh,
    /// A key without a meaning: the size may have changed meanwhile, nothing else.
    Redraw,
    /// The user or the system has seen enough.
    End,
}

fn wait(events: &mpsc::Receiver<Event>, until: Instant) -> Wait {
    match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(Event::Key(b'q' | b'Q' | CTRL_C) | Event::Stop)
        | Err(RecvTimeoutError::Disconnected) => Wait::End,
        Ok(Event::Key(b' ' | b'\r' | b'\n')) | Err(RecvTimeoutError::Timeout) => Wait::Refresh,
        Ok(Event::Key(_)) => Wait::Redraw,
    }
}

/// Reads keys for as long as the program lives, if there is a keyboard.
fn watch_keys(events: Sender<Event>) {
    if !io::stdin().is_terminal() {
        return;
    }
    thread::spawn(move || {
        for key in io::stdin().lock().bytes().map_while(Result::ok) {
            if events.send(Event::Key(key)).is_err() {
                return;
            }
        }
        // The terminal is gone.
        let _ = events.send(Event::Stop);
    });
}

/// Turns the signals that end a program into an event.
fn watch_signals(events: Sender<Event>) -> Result<(), Failure> {
    let failed = |error| Failure::io("cannot watch for signals", error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(failed)?;
    let (mut interrupt, mut terminate, mut hangup) = {
        let _inside = runtime.enter();
        let open = |kind| signal(kind).map_err(failed);
        (
            open(SignalKind::interrupt())?,
            open(SignalKind::terminate())?,
            open(SignalKind::hangup())?,
        )
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        let _ = events.send(Event::Stop);
    });
    Ok(())
}
