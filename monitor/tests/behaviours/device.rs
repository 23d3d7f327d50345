//! A made-up device in virtual time: when it is up, awake, online and used, and what its clock says.

use std::ops::Range;

use monitor::memory::{Contact, Finding, Memory, Moment, Presence};

use crate::random::Random;

/// Seconds of a minute, an hour and a day.
pub const MINUTE: f64 = 60.0;
pub const HOUR: f64 = 3_600.0;
pub const DAY: f64 = 86_400.0;

/// The true time at which everything begins: Friday, 1 January 2027, 00:00 UTC.
pub const BEGIN: f64 = 1_798_761_600.0;

/// What the clock does in a boot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clock {
    /// It is right from the start.
    Right,
    /// It is set so many seconds after boot, and not trusted before.
    SetAfter(f64),
    /// It is never set.
    Never,
    /// It is wrong by so many seconds, though it says that it is right, for so long.
    Lies(f64, f64),
}

/// The device. Times are seconds of true Unix time.
#[derive(Clone, Debug)]
pub struct Device {
    /// When it is up.
    pub boots: Vec<(Range<f64>, Clock)>,
    /// When there is no network.
    pub offline: Vec<Range<f64>>,
    /// When it sleeps: nothing runs.
    pub asleep: Vec<Range<f64>>,
    /// Hours of the day in which somebody uses it, and whether that can be told.
    pub used: Option<Range<f64>>,
    /// Minutes of local time ahead of UTC, from each time on.
    pub zones: Vec<(f64, i16)>,
}

fn within(spans: &[Range<f64>], t: f64) -> bool {
    let after = spans.partition_point(|span| span.start <= t);
    after > 0 && spans[after - 1].contains(&t)
}

impl Device {
    /// A device that is always up, awake and online, its clock right, and nobody there to be seen.
    pub fn steady(days: f64) -> Self {
        Self {
            boots: vec![(BEGIN..BEGIN + days * DAY, Clock::Right)],
            offline: Vec::new(),
            asleep: Vec::new(),
            used: None,
            zones: vec![(0.0, 60)],
        }
    }

    /// A phone's life: a boot about every ten days, some with a wrong clock, sleep every night and
    /// between uses, hours and days offline, summer time, and a journey to another time zone.
    pub fn phone(days: f64, random: &mut Random) -> Self {
        let end = BEGIN + days * DAY;
        let mut device = Self::steady(days);
        device.boots.clear();
        device.used = Some(7.0..23.0);
        let mut t = BEGIN;
        while t < end {
            let length = random.exponential(10.0 * DAY).max(HOUR / 6.0);
            let clock = match random.below(10) {
                0 => Clock::SetAfter(random.uniform(60.0, 20.0 * HOUR)),
                1 => Clock::Never,
                2 => Clock::SetAfter(30.0),
                3 => Clock::Lies(-57.0 * 365.0 * DAY, 40.0),
                _ => Clock::Right,
            };
            let stop = (t + length).min(end);
            device.boots.push((t..stop, clock));
            t = stop + random.exponential(0.5 * HOUR).max(40.0);
        }
        let mut offline = spans(random, end, 3.0 * DAY, 3.0 * HOUR);
        offline.extend(spans(random, end, 60.0 * DAY, 1.5 * DAY));
        device.offline = joined(offline);
        device.asleep = spans(random, end, 2.0 * HOUR, 0.4 * HOUR);
        let summer = BEGIN + 86.0 * DAY;
        let winter = BEGIN + 303.0 * DAY;
        device.zones = vec![
            (0.0, 60),
            (summer, 120),
            (BEGIN + 200.0 * DAY, 540),
            (BEGIN + 214.0 * DAY, 120),
            (winter, 60),
        ];
        device
    }

    /// When it begins and ends.
    pub fn life(&self) -> Range<f64> {
        let last = self.boots.last().expect("it was up");
        self.boots[0].0.start..last.0.end
    }

    /// The boot at a time, by its number.
    pub fn boot_at(&self, t: f64) -> Option<usize> {
        let after = self.boots.partition_point(|(up, _)| up.start <= t);
        (after > 0 && self.boots[after - 1].0.contains(&t)).then(|| after - 1)
    }

    /// Whether something that wants to send at a time can.
    pub fn can_send(&self, t: f64) -> bool {
        self.boot_at(t).is_some() && !within(&self.offline, t) && !within(&self.asleep, t)
    }

    /// Whether there is a network.
    pub fn is_online(&self, t: f64) -> bool {
        !within(&self.offline, t)
    }

    /// The first time from `t` on at which something can be sent, before `end`.
    pub fn when_it_can(&self, t: f64, end: f64) -> Option<f64> {
        let mut t = t;
        while t < end {
            let boots = self.boots.iter().map(|(up, _)| up);
            let boot = boots.clone().find(|up| up.end > t)?;
            let hinder = |spans: &[Range<f64>]| {
                let after = spans.partition_point(|span| span.start <= t);
                spans[..after].last().filter(|span| span.end > t).map(|span| span.end)
            };
            if t < boot.start {
                t = boot.start + 20.0;
            } else if let Some(later) = hinder(&self.offline).or(hinder(&self.asleep)) {
                t = later + 1.0;
            } else {
                return Some(t);
            }
        }
        None
    }

    /// Minutes of local time ahead of UTC.
    pub fn zone(&self, t: f64) -> i16 {
        let after = self.zones.partition_point(|(from, _)| *from <= t);
        self.zones[after - 1].1
    }

    /// Seconds since local midnight.
    pub fn local(&self, t: f64) -> f64 {
        (t + f64::from(self.zone(t)) * 60.0).rem_euclid(DAY)
    }

    /// Local days since the Unix epoch.
    pub fn local_day(&self, t: f64) -> f64 {
        ((t + f64::from(self.zone(t)) * 60.0) / DAY).floor()
    }

    /// Whether somebody uses it.
    pub fn is_used(&self, t: f64) -> bool {
        self.used.as_ref().is_some_and(|used| used.contains(&(self.local(t) / HOUR)))
    }

    /// A time as the agent sees it.
    pub fn moment(&self, t: f64) -> Moment {
        let boot = self.boot_at(t).expect("nobody asks while it is off");
        let (up, clock) = &self.boots[boot];
        let since = t - up.start;
        let unix = match *clock {
            Clock::Right => Some(t),
            Clock::SetAfter(delay) => (since >= delay).then_some(t),
            Clock::Never => None,
            Clock::Lies(by, length) => Some(if since < length { t + by } else { t }),
        };
        let mut boot_id = [0x5a; 16];
        boot_id[..8].copy_from_slice(&(boot as u64).to_le_bytes());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "after 1970")]
        Moment {
            boot_ns: (since * 1e9) as u64,
            boot_id,
            unix_ms: unix.map(|unix| (unix * 1e3) as u64),
            utc_offset_minutes: self.zone(t),
            presence: match self.used {
                None => Presence::Unknown,
                Some(_) if self.is_used(t) => Presence::Present,
                Some(_) => Presence::Away,
            },
        }
    }
}

/// Spans of a mean length, at a mean distance.
fn spans(random: &mut Random, end: f64, apart: f64, length: f64) -> Vec<Range<f64>> {
    let mut spans = Vec::new();
    let mut t = BEGIN + random.exponential(apart);
    while t < end {
        let stop = t + random.exponential(length);
        spans.push(t..stop);
        t = stop + random.exponential(apart);
    }
    spans
}

/// The same spans without overlaps, in order.
fn joined(mut spans: Vec<Range<f64>>) -> Vec<Range<f64>> {
    spans.sort_by(|one, other| one.start.total_cmp(&other.start));
    let mut joined: Vec<Range<f64>> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

/// Contacts of one app with one destination.
#[derive(Clone, Debug)]
pub struct Stream<'a> {
    pub contact: Contact<'a>,
    pub times: Vec<f64>,
}

/// A finding when it was new, and how many contacts its stream had had.
#[derive(Clone, Debug)]
pub struct News {
    pub stream: usize,
    pub contacts: usize,
    pub finding: Finding,
}

/// Plays the contacts of some streams in the order of time; gives what was news.
pub fn play(memory: &mut Memory, device: &Device, streams: &[Stream<'_>]) -> Vec<News> {
    let contacts = |(at, stream): (usize, &Stream<'_>)| {
        stream.times.iter().map(move |t| (*t, at)).collect::<Vec<_>>()
    };
    let mut order: Vec<(f64, usize)> = streams.iter().enumerate().flat_map(contacts).collect();
    order.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut counts = vec![0; streams.len()];
    let mut news = Vec::new();
    for (t, at) in order {
        counts[at] += 1;
        memory.contact(&streams[at].contact, &device.moment(t));
        while let Some(finding) = memory.next_news() {
            news.push(News { stream: at, contacts: counts[at], finding });
        }
    }
    news
}
