//! The report of the first 24 hours: what a device does before anybody has touched it.
//!
//! Made once, for the device from its first start on, and for each device behind a router from its
//! first contact on. It is not changed afterwards, only forgotten on demand.

use super::app::AppKey;
use super::date::DAY;
use super::key::Sums;

/// Lines of the report; all further pairs are summed up in one.
pub(super) const LINES_MAX: usize = 256;

/// What the report is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The first start of the device: nothing happened before.
    FirstBoot,
    /// The first start of Sortie, on a device already in use.
    #[default]
    Installed,
}

/// A line of the report: a pair of app and destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The app.
    pub app: AppKey,
    /// The destination.
    pub destination: Box<str>,
    /// The id of the behaviour in the catalogue.
    pub behaviour: Option<Box<str>>,
    /// The sums of the first 24 hours.
    pub sums: Sums,
    /// Seconds after the beginning of the first contact.
    pub first_s: u32,
    /// And of the last one.
    pub last_s: u32,
}

/// The report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What it is about.
    pub origin: Origin,
    pub(super) begins: u32,
    pub(super) is_sealed: bool,
    pub(super) lines: Vec<Line>,
    pub(super) other: Sums,
}

impl Report {
    /// Whether the first 24 hours of the device are over.
    pub fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// The pairs of app and destination, in the order of their first contact.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// All pairs that found no room.
    pub fn other(&self) -> Sums {
        self.other
    }

    /// Adds a contact of an app that is known since `app_first`.
    pub(super) fn note(&mut self, t: u32, app_first: u32, line: Line) {
        let is_device = &*line.app.kind == "device";
        let begins = if is_device { app_first.max(self.begins) } else { self.begins };
        let since = t.saturating_sub(begins);
        if since >= DAY {
            // One device's day may be over, that of the next not begun.
            self.is_sealed |= t.saturating_sub(self.begins) >= DAY;
            return;
        }
        let mut same = self.lines.iter_mut().filter(|known| {
            known.app == line.app
                && known.destination == line.destination
                && known.behaviour == line.behaviour
        });
        if let Some(known) = same.next() {
            known.sums.add(line.sums);
            known.first_s = known.first_s.min(since);
            known.last_s = known.last_s.max(since);
        } else if self.lines.len() < LINES_MAX {
            self.lines.push(Line { first_s: since, last_s: since, ..line });
        } else {
            self.other.add(line.sums);
        }
    }
}
