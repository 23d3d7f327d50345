//! What is measured: how soon behaviours are found, how often a pattern is found where there is none,
//! and what a year costs.

use std::collections::BTreeMap;

use monitor::memory::{
    AppKey, Contact, Kind, Limits, Memory, Origin, Retention, Sums, WriteMode, WritePolicy, store,
};

use crate::device::{BEGIN, Clock, DAY, Device, News, Stream, play};
use crate::documented::{self, BEHAVIOURS, Behaviour};
use crate::nulls;
use crate::random::Random;

/// Findings that speak of a pattern in time, and may do so wrongly.
pub const PATTERNS: [Kind; 4] = [Kind::AfterBoot, Kind::Regular, Kind::Floating, Kind::Calendar];

/// Runs of each behaviour on a steady device.
const RUNS: usize = 40;

pub fn memory() -> Memory {
    Memory::new(Limits::default(), Retention::default(), [9; 16], Origin::Installed)
}

fn contact(app: &AppKey) -> Contact<'_> {
    Contact {
        app,
        destination: "collect.example",
        behaviour: None,
        company: None,
        is_benign: false,
        is_detail: false,
        sums: Sums { contacts: 1, tx_bytes: 3_100, rx_bytes: 400 },
        resolution_s: 0,
    }
}

/// How soon a behaviour was found in several runs.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// Contacts until the expected pattern was found; one number for each run that found it.
    pub contacts: Vec<usize>,
    /// Patterns that were found and not expected.
    pub unexpected: usize,
    /// The first words.
    pub words: String,
}

impl Runs {
    /// The share of all runs that had found it by this many contacts.
    pub fn share_by(&self, contacts: usize) -> f64 {
        let found = self.contacts.iter().filter(|count| **count <= contacts).count();
        #[expect(clippy::cast_precision_loss, reason = "they are few")]
        let share = found as f64 / RUNS as f64;
        share
    }

    /// The contacts after which half of the runs, and 95 % of them, had found it.
    pub fn quantiles(&self) -> Option<(usize, usize)> {
        let mut sorted = self.contacts.clone();
        sorted.sort_unstable();
        Some((*sorted.get(RUNS / 2)?, *sorted.get(RUNS * 95 / 100)?))
    }
}

/// A behaviour and how it was found without a catalogue.
#[derive(Clone, Debug)]
pub struct Detection {
    pub behaviour: &'static Behaviour,
    /// Where it can be told whether somebody uses the device.
    pub phone: Runs,
    /// Where it cannot.
    pub router: Runs,
}

pub fn detections() -> Vec<Detection> {
    let detect = |behaviour| Detection {
        behaviour,
        phone: runs(behaviour, true),
        router: runs(behaviour, false),
    };
    BEHAVIOURS.iter().map(detect).collect()
}

fn runs(behaviour: &Behaviour, is_phone: bool) -> Runs {
    let app = AppKey::new("flatpak", behaviour.id);
    let mut runs = Runs::default();
    for run in 0..RUNS {
        let mut random = Random::new(1_000 + run as u64);
        let mut device = Device::steady(behaviour.days);
        if behaviour.pattern == Some(Kind::AfterBoot) {
            device = rebooting(60.0, 5.0, &mut random);
        }
        device.used = is_phone.then_some(7.0..23.0);
        let times = (behaviour.times)(&device, &mut random);
        let mut streams = vec![Stream { contact: contact(&app), times }];
        if behaviour.pattern == Some(Kind::AfterBoot) {
            // Something else has to tell the memory how long the device was up.
            let mut times = nulls::poisson(&mut random, 20_000.0, 60.0);
            times.retain(|t| device.can_send(*t));
            let destination = "other.example";
            streams.push(Stream { contact: Contact { destination, ..contact(&app) }, times });
        }
        let mut news = play(&mut memory(), &device, &streams);
        news.retain(|news| news.stream == 0);
        let expected = news.iter().find(|it| Some(it.finding.kind) == behaviour.pattern);
        if let Some(News { contacts, finding, .. }) = expected {
            if runs.words.is_empty() {
                runs.words = finding.sentence();
            }
            runs.contacts.push(*contacts);
        }
        let is_unexpected = |it: &&News| PATTERNS.contains(&it.finding.kind);
        if behaviour.pattern.is_none() {
            runs.unexpected += news.iter().filter(is_unexpected).count();
        }
    }
    runs
}

/// Contacts until a timer of 4 hours is found of which one contact in `gap` is missing.
pub fn regular_with_gaps(seed: u64, gap: u64) -> Option<usize> {
    let app = AppKey::new("flatpak", "gaps");
    let mut random = Random::new(seed);
    let device = Device::steady(20.0);
    let mut times = documented::every(&device, &mut random, 14_400.0, 0.01);
    times.retain(|_| random.below(gap) > 0);
    let news = play(&mut memory(), &device, &[Stream { contact: contact(&app), times }]);
    news.iter().find(|it| it.finding.kind == Kind::Regular).map(|it| it.contacts)
}

/// A device that starts anew about every so many days.
fn rebooting(days: f64, apart: f64, random: &mut Random) -> Device {
    let mut device = Device::steady(days);
    device.boots.clear();
    let mut t = BEGIN;
    while t < BEGIN + days * DAY {
        let end = t + random.exponential(apart * DAY).max(0.3 * DAY);
        device.boots.push((t..end, Clock::Right));
        t = end + 60.0;
    }
    device
}

/// Traffic without a pattern, and how often one was found.
#[derive(Clone, Debug)]
pub struct Null {
    pub name: String,
    pub keys: u32,
    pub days: f64,
    pub events: usize,
    pub found: BTreeMap<Kind, u32>,
}

impl Null {
    pub fn false_findings(&self) -> u32 {
        self.found.values().sum()
    }

    /// Keys for 100 days.
    pub fn keys_100_days(&self) -> f64 {
        f64::from(self.keys) * self.days / 100.0
    }
}

/// All kinds of traffic without a pattern. `scale` multiplies the keys.
pub fn nulls(scale: u32) -> Vec<Null> {
    let mut all = Vec::new();
    let mut add =
        |name: String, keys: u32, days: f64, is_phone, times: &dyn Fn(&mut Random) -> Vec<f64>| {
            all.push(null(name, keys * scale, days, is_phone, times));
        };
    for (mean, keys, days) in [
        (100.0, 4, 3.0),
        (1_000.0, 8, 20.0),
        (10_000.0, 15, 100.0),
        (100_000.0, 150, 100.0),
        (1_000_000.0, 1_000, 100.0),
        (10_000_000.0, 2_000, 100.0),
    ] {
        for is_phone in [true, false] {
            let where_from = if is_phone { "phone" } else { "router" };
            let name = format!("{where_from}: at random (Poisson), {mean} s apart on average");
            add(name, keys, days, is_phone, &move |random| nulls::poisson(random, mean, days));
        }
    }
    for (per_day, keys) in [(0.2, 250), (1.0, 80), (4.0, 20), (12.0, 8)] {
        for is_phone in [true, false] {
            let where_from = if is_phone { "phone" } else { "router" };
            let name = format!("{where_from}: a person, {per_day} times a day on average");
            add(name, keys, 100.0, is_phone, &move |random| nulls::person(random, per_day, 100.0));
        }
    }
    add("phone: a person's daily habit".to_owned(), 100, 100.0, true, &|random| {
        nulls::habit(random, 100.0)
    });
    for (mean, keys) in [(20_000.0, 5), (200_000.0, 40)] {
        let name = format!("phone: bursts, {mean} s apart on average");
        add(name, keys, 100.0, true, &move |random| nulls::bursts(random, mean, 100.0));
    }
    for (scale, keys) in [(3_000.0, 10), (30_000.0, 80)] {
        let name = format!("phone: heavy tails (Pareto II), scale {scale} s");
        add(name, keys, 100.0, true, &move |random| nulls::heavy_tails(random, scale, 100.0));
        let name = format!("phone: heavy tails (log-normal), median {scale} s");
        add(name, keys, 100.0, true, &move |random| nulls::log_normal(random, scale, 100.0));
    }
    all
}

fn null(
    name: String,
    keys: u32,
    days: f64,
    is_phone: bool,
    times: &dyn Fn(&mut Random) -> Vec<f64>,
) -> Null {
    let app = AppKey::new("flatpak", "any");
    let mut null = Null { name, keys, days, events: 0, found: BTreeMap::new() };
    let mut random = Random::new(77);
    for _ in 0..keys {
        let mut device = rebooting(days, 7.0, &mut random);
        device.used = is_phone.then_some(7.0..23.0);
        let mut times = times(&mut random);
        times.retain(|t| device.can_send(*t));
        null.events += times.len();
        for news in play(&mut memory(), &device, &[Stream { contact: contact(&app), times }]) {
            if PATTERNS.contains(&news.finding.kind) {
                *null.found.entry(news.finding.kind).or_default() += 1;
            }
        }
    }
    null
}

/// A year of a phone's life with all documented behaviours among ordinary traffic.
#[derive(Debug)]
pub struct Year {
    /// All that was news, with the number of the stream: first the behaviours, then the rest.
    pub news: Vec<News>,
    pub contacts: usize,
    /// The contacts of each behaviour.
    pub counts: Vec<usize>,
    pub days: f64,
    pub file_bytes_max: usize,
    pub memory_bytes_max: usize,
    pub writes: u64,
    pub bytes_written: u64,
    pub memory: Memory,
}

pub fn year() -> Year {
    let mut random = Random::new(2_027);
    let device = Device::phone(365.0, &mut random);
    let apps: Vec<AppKey> = BEHAVIOURS
        .iter()
        .map(|behaviour| AppKey::new("android", behaviour.id))
        .chain((0..30).map(|app| AppKey::new("flatpak", &format!("org.example.App{app}"))))
        .collect();
    let mut streams: Vec<Stream<'_>> = BEHAVIOURS
        .iter()
        .zip(&apps)
        .map(|(behaviour, app)| Stream {
            contact: Contact { behaviour: Some(behaviour.id), ..contact(app) },
            times: {
                let mut times = (behaviour.times)(&device, &mut random);
                // Some weeks are enough of what comes every few minutes.
                times.truncate(12_000);
                times
            },
        })
        .collect();
    let hosts: Vec<String> = (0..90).map(|host| format!("host-{host}.example")).collect();
    for (at, host) in hosts.iter().enumerate() {
        let times = match at % 5 {
            0 => nulls::poisson(&mut random, 40_000.0, 365.0),
            1 => nulls::person(&mut random, 1.5, 365.0),
            2 => nulls::bursts(&mut random, 200_000.0, 365.0),
            3 => nulls::heavy_tails(&mut random, 20_000.0, 365.0),
            _ => nulls::poisson(&mut random, 2_000_000.0, 365.0),
        };
        let used = times.into_iter().filter(|t| device.can_send(*t));
        let times = used.filter(|t| at % 5 != 1 || device.is_used(*t)).collect();
        let app = &apps[BEHAVIOURS.len() + at % 30];
        streams.push(Stream { contact: Contact { destination: host, ..contact(app) }, times });
    }
    let counts = streams.iter().take(BEHAVIOURS.len()).map(|stream| stream.times.len()).collect();
    play_year(&device, &streams, counts)
}

/// Plays the year week by week; between weeks the agent starts anew from its file.
fn play_year(device: &Device, streams: &[Stream<'_>], counts: Vec<usize>) -> Year {
    let mut year = Year {
        news: Vec::new(),
        contacts: streams.iter().map(|stream| stream.times.len()).sum(),
        counts,
        days: 365.0,
        file_bytes_max: 0,
        memory_bytes_max: 0,
        writes: 0,
        bytes_written: 0,
        memory: memory(),
    };
    let mut seen = vec![0; streams.len()];
    for week in 0..53 {
        let (from, until) =
            (BEGIN + f64::from(week) * 7.0 * DAY, BEGIN + f64::from(week + 1) * 7.0 * DAY);
        let part: Vec<Stream<'_>> = streams
            .iter()
            .map(|stream| Stream {
                contact: stream.contact,
                times: stream.times.iter().copied().filter(|t| (from..until).contains(t)).collect(),
            })
            .collect();
        let news = play(&mut year.memory, device, &part);
        year.news.extend(
            news.into_iter()
                .map(|news| News { contacts: news.contacts + seen[news.stream], ..news }),
        );
        for (seen, stream) in seen.iter_mut().zip(&part) {
            *seen += stream.times.len();
        }
        let file = store::encode(&year.memory);
        year.file_bytes_max = year.file_bytes_max.max(file.len());
        year.memory_bytes_max = year.memory_bytes_max.max(year.memory.health().bytes);
        year.memory = store::decode(&file, Limits::default(), Retention::default())
            .expect("it was just written");
        write(&mut year, &part, file.len() as u64);
    }
    year
}

/// When a phone would have written in a week, and how much, with files of this size.
fn write(year: &mut Year, streams: &[Stream<'_>], bytes: u64) {
    let mut times: Vec<f64> = streams.iter().flat_map(|stream| stream.times.clone()).collect();
    times.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "after 1970")]
    let seconds = |t: f64| t as u64;
    let mut policy = WritePolicy::new(WriteMode::Phone, times.first().map_or(0, |t| seconds(*t)));
    let mut changed = false;
    for t in times {
        // The timer that the contacts before armed.
        if let Some(0) = policy.due_in(changed, seconds(t)) {
            policy.wrote(bytes, seconds(t));
        }
        changed = true;
    }
    year.writes += policy.writes();
    year.bytes_written += policy.bytes_written();
}
