//! What is remembered of one app, destination and behaviour.

use super::date::Date;
use super::moment::Presence;
use super::ring::{Intervals, Ring};
use super::timeline::{AFTER_BOOT, Shift, Timeline};

/// Bins of the histogram of intervals: bin `n` counts those from 2^n to 2^(n+1) seconds, the last
/// one all from 97 days on.
pub const INTERVAL_BINS: usize = 24;

/// Where a key is found: its app's slot, and the hash of its destination and behaviour. The hash is
/// keyed and has 64 bits: that two names share one does not happen, and nobody can make it happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) app: u16,
    pub(super) name: u64,
}

/// Volume of both directions, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Contacts: connections, or first datagrams.
    pub contacts: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Bytes received.
    pub rx_bytes: u64,
}

impl Sums {
    /// Adds other sums; stops at the maximum.
    pub(super) fn add(&mut self, other: Self) {
        self.contacts = self.contacts.saturating_add(other.contacts);
        self.tx_bytes = self.tx_bytes.saturating_add(other.tx_bytes);
        self.rx_bytes = self.rx_bytes.saturating_add(other.rx_bytes);
    }

    /// Bytes both ways.
    pub fn bytes(self) -> u64 {
        self.tx_bytes.saturating_add(self.rx_bytes)
    }
}

/// Whether what was seen could be the habit of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Much of it happened while nobody used the device.
    No,
    /// It happened while somebody did.
    Likely,
    /// Nothing tells.
    Unknown,
}

/// Hours, days and weekdays on which something was seen, local time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// Bit `n`: hour `n` of the day.
    pub hours: u32,
    /// Bit `n`: day `n` of the month, from 1.
    pub days: u32,
    /// Bit `n`: day `n` of the week, 0 is Monday.
    pub weekdays: u8,
}

impl Masks {
    pub(super) fn mark(&mut self, date: Date) {
        self.hours |= 1 << date.hour;
        self.days |= 1 << date.day;
        self.weekdays |= 1 << date.weekday;
    }
}

/// What is remembered of one app, destination and behaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) destination: Box<str>,
    pub(super) behaviour: Option<Box<str>>,
    pub(super) company: Option<Box<str>>,
    /// Whether the catalogue knows it as ordinary: no regularity of it is worth telling.
    pub(super) is_benign: bool,
    /// Whether the destination is a full host, whose detail ends earlier.
    pub(super) is_detail: bool,
    pub(super) sums: Sums,
    pub(super) first: u32,
    pub(super) last: u32,
    /// Seconds since boot of the first contact.
    pub(super) first_boot_s: u32,
    /// The device's uptime at the first contact.
    pub(super) first_uptime: u32,
    /// Events ever begun.
    pub(super) events: u32,
    pub(super) ring: Ring,
    pub(super) intervals: [u16; INTERVAL_BINS],
    pub(super) masks: Masks,
    /// Events while somebody used the device, and while nobody did.
    pub(super) present: u16,
    pub(super) away: u16,
    /// Boots that reached the end of each span after boot, at the first contact.
    pub(super) born: [u16; 2],
    /// Boots with an event in each span.
    pub(super) after_boot: [u16; 2],
    /// The last such boot.
    pub(super) last_boot: [u16; 2],
    pub(super) streak: Streak,
}

/// What was found in the last full ring: it counts only when the next one says the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Streak {
    /// The period in seconds; 0 when nothing was found.
    pub(super) period: u32,
    /// Rings in a row that agree.
    pub(super) rings: u8,
}

impl Key {
    pub(super) fn new(destination: &str, t: u32, line: &Timeline) -> Self {
        Self {
            destination: destination.into(),
            behaviour: None,
            company: None,
            is_benign: false,
            is_detail: false,
            sums: Sums::default(),
            first: t,
            last: t,
            first_boot_s: line.boot_s,
            first_uptime: line.uptime,
            events: 0,
            ring: Ring::default(),
            intervals: [0; INTERVAL_BINS],
            masks: Masks::default(),
            present: 0,
            away: 0,
            born: line.reached,
            after_boot: [0; 2],
            last_boot: [0; 2],
            streak: Streak::default(),
        }
    }

    /// Adds a contact; true when an event begins.
    pub(super) fn record(&mut self, seen: &Seen, line: &Timeline) -> bool {
        self.sums.add(seen.sums);
        let before = self.ring.times().last().copied();
        let begins = self.ring.add(seen.t, self.last, seen.resolution_s);
        self.first = self.first.min(seen.t);
        self.last = self.last.max(seen.t);
        if !begins {
            return false;
        }
        self.events = self.events.saturating_add(1);
        if let Some(interval) = before.and_then(|before| seen.t.checked_sub(before)) {
            let bin = usize::try_from(interval.max(1).ilog2()).unwrap_or(0);
            if let Some(count) = self.intervals.get_mut(bin.min(INTERVAL_BINS - 1)) {
                *count = count.saturating_add(1);
            }
        }
        if let Some(date) = seen.date {
            self.masks.mark(date);
        }
        self.note_presence(seen.presence);
        self.note_boot(seen.boot_s, line);
        true
    }

    fn note_presence(&mut self, presence: Presence) {
        let count = match presence {
            Presence::Unknown => return,
            Presence::Present => &mut self.present,
            Presence::Away => &mut self.away,
        };
        *count = count.saturating_add(1);
        if *count == u16::MAX {
            self.present /= 2;
            self.away /= 2;
        }
    }

    fn note_boot(&mut self, boot_s: u32, line: &Timeline) {
        let classes = self.after_boot.iter_mut().zip(&mut self.last_boot);
        for ((count, last), span) in classes.zip(&AFTER_BOOT) {
            if span.contains(&boot_s) && *last != line.boots {
                *last = line.boots;
                *count = count.saturating_add(1);
            }
        }
    }

    /// Whether this could be a person's habit.
    pub(super) fn habit(&self) -> Habit {
        match (self.away, self.present) {
            (0, 0) => Habit::Unknown,
            (away, present) if u32::from(away) * 2 >= u32::from(present) => Habit::No,
            _ => Habit::Likely,
        }
    }

    /// The median interval between the last events, in seconds.
    pub(super) fn median_interval(&self) -> Option<u32> {
        Intervals::of(self.ring.times()).median()
    }

    /// Moves all times.
    pub(super) fn shift(&mut self, shift: Shift) {
        shift.apply_both(&mut self.first, &mut self.last);
        self.ring.change(|t| shift.apply(t));
    }
}

/// A contact as a key sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) t: u32,
    pub(super) boot_s: u32,
    pub(super) date: Option<Date>,
    pub(super) presence: Presence,
    pub(super) sums: Sums,
    pub(super) resolution_s: u16,
}
