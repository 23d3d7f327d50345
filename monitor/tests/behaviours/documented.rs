//! Generators of contacts, written from the documented state machines of the facts, section 1.

use monitor::memory::Kind;

use crate::device::{BEGIN, DAY, Device, HOUR, MINUTE};
use crate::random::Random;

/// How a behaviour's times are made on a device.
pub type Times = fn(&Device, &mut Random) -> Vec<f64>;

/// A documented behaviour, and what is expected of the memory.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// Its id, as in a catalogue.
    pub id: &'static str,
    /// What is documented.
    pub what: &'static str,
    pub times: Times,
    /// Days of the runs on a steady device.
    pub days: f64,
    /// Whether its timer is exact enough to be found by the fifth contact without a catalogue.
    pub is_regular: bool,
    /// The pattern by which it is to be found without a catalogue, if there is one to find.
    pub pattern: Option<Kind>,
}

/// All of them.
pub const BEHAVIOURS: &[Behaviour] = &[
    Behaviour {
        id: "sts-first",
        what: "STS first report: 180 min after boot, then hourly; the server never answers",
        times: |device, random| sts_first(device, random, 0.0),
        days: 2.0,
        is_regular: true,
        pattern: Some(Kind::Regular),
    },
    Behaviour {
        id: "sts-first-answered",
        what: "the same, acknowledged at the first try: one contact in a lifetime",
        times: |device, random| sts_first(device, random, 1.0),
        days: 2.0,
        is_regular: false,
        pattern: None,
    },
    Behaviour {
        id: "sts-each-boot",
        what: "a variant: one report 180 min after each boot",
        times: |device, _| three_hours_after_boot(device),
        days: 2.0,
        is_regular: false,
        pattern: Some(Kind::AfterBoot),
    },
    Behaviour {
        id: "sts-monthly",
        what: "STS monthly: the 15th at midnight, hourly tries until answered",
        times: |device, random| sts_monthly(device, random, 15, 0.9),
        days: 365.0,
        is_regular: true,
        pattern: Some(Kind::Calendar),
    },
    Behaviour {
        id: "sts-monthly-clamped",
        what: "the same on the 31st, clamped to 28 and 30",
        times: |device, random| sts_monthly(device, random, 31, 0.9),
        days: 365.0,
        is_regular: true,
        pattern: Some(Kind::Calendar),
    },
    Behaviour {
        id: "oneplus-delayed",
        what: "OnePlus: every 4 h, 0 to 1 h later",
        times: oneplus_delayed,
        days: 14.0,
        is_regular: false,
        pattern: Some(Kind::Floating),
    },
    Behaviour {
        id: "oneplus-anywhere",
        what: "OnePlus: anywhere in each window of 4 h",
        times: oneplus_anywhere,
        days: 30.0,
        is_regular: false,
        pattern: Some(Kind::Floating),
    },
    Behaviour {
        id: "adups-72h",
        what: "Adups: every 72 h, 3 % more or less",
        times: |device, random| adups(device, random, 72.0),
        days: 60.0,
        is_regular: true,
        pattern: Some(Kind::Regular),
    },
    Behaviour {
        id: "adups-24h",
        what: "Adups: every 24 h, 3 % more or less",
        times: |device, random| adups(device, random, 24.0),
        days: 20.0,
        is_regular: true,
        pattern: Some(Kind::Regular),
    },
    Behaviour {
        id: "os-idle-timer",
        what: "idle OS: about every 4.5 min, a timer 5 % more or less",
        times: |device, random| every(device, random, 270.0, 0.05),
        days: 0.2,
        is_regular: true,
        pattern: Some(Kind::Regular),
    },
    Behaviour {
        id: "os-idle-random",
        what: "idle OS: every 4.5 min on average, at random",
        times: idle_os,
        days: 0.2,
        is_regular: false,
        pattern: None,
    },
    Behaviour {
        id: "sdk-at-app-open",
        what: "SDK: two contacts whenever its app is opened",
        times: |device, random| at_app_open(device, random, 4.0),
        days: 20.0,
        is_regular: false,
        pattern: None,
    },
    Behaviour {
        id: "whatsapp-keepalive",
        what: "WhatsApp keep-alive: every 15 min, 1 % more or less",
        times: |device, random| every(device, random, 900.0, 0.01),
        days: 0.5,
        is_regular: true,
        pattern: Some(Kind::Regular),
    },
    Behaviour {
        id: "soon-after-boot",
        what: "any app that speaks within a minute of each boot",
        times: soon_after_boot,
        days: 2.0,
        is_regular: false,
        pattern: Some(Kind::AfterBoot),
    },
];

/// STS first activation (Wiko/Tinno, `com.ape.saletracker`): an alarm 180 minutes after boot, then
/// every 60 minutes until the server acknowledges, 8,760 times at most. `answers`: the chance that a
/// try is acknowledged.
pub fn sts_first(device: &Device, random: &mut Random, answers: f64) -> Vec<f64> {
    let mut times = Vec::new();
    for (up, _) in &device.boots {
        let mut t = up.start + 180.0 * MINUTE;
        let mut tries = 0;
        while t < up.end && tries < 8_760 {
            // Its alarm wakes the device; without network nothing leaves it.
            if device.is_online(t) {
                times.push(t);
                if random.unit() < answers {
                    return times;
                }
            }
            tries += 1;
            t += 60.0 * MINUTE;
        }
    }
    times
}

/// A variant of it whose acknowledgement is not kept: one report 180 minutes after each boot.
pub fn three_hours_after_boot(device: &Device) -> Vec<f64> {
    after_each_boot(device, 180.0 * MINUTE + 2.0)
}

/// What speaks as soon as the device is up: one contact after each boot.
pub fn soon_after_boot(device: &Device, random: &mut Random) -> Vec<f64> {
    after_each_boot(device, random.uniform(15.0, 40.0))
}

fn after_each_boot(device: &Device, seconds: f64) -> Vec<f64> {
    let times = device.boots.iter().map(|(up, _)| (up.start + seconds, up.end));
    times.filter(|(t, end)| t < end && device.is_online(*t)).map(|(t, _)| t).collect()
}

/// STS monthly (`com.ape.stsmonths`): when the date changes, if the month is another one and the day
/// is not before the last one's (28 in February and 30 otherwise at most), tries every hour until
/// the server acknowledges. The first try needs an uptime of 180 minutes.
pub fn sts_monthly(device: &Device, random: &mut Random, day: u32, answers: f64) -> Vec<f64> {
    let mut times = Vec::new();
    let mut reported = 0;
    let mut is_pending = false;
    let mut t = BEGIN;
    let life = device.life();
    let mut date = (0.0, (0, 0, 0));
    while t < life.end {
        let local_day = device.local_day(t);
        if local_day - date.0 != 0.0 {
            date = (local_day, month_and_day(local_day));
        }
        let (month, today, last) = date.1;
        let due = day.min(if last < 30 { 28 } else { 30 });
        is_pending |= month != reported && today >= due;
        let boot = device.boot_at(t);
        let up = boot.map_or(0.0, |boot| t - device.boots[boot].0.start);
        if is_pending
            && boot.is_some()
            && (up >= 180.0 * MINUTE || times.last() == Some(&(t - HOUR)))
            && device.is_online(t)
        {
            times.push(t);
            if random.unit() < answers {
                is_pending = false;
                reported = month;
            }
        }
        t += HOUR;
    }
    times
}

/// Months since year 0, the day of the month, and the last one, by walking through the years: slow
/// and plain, another way than the code under test.
fn month_and_day(local_day: f64) -> (u32, u32, u32) {
    let mut left = local_day;
    let mut year = 1970;
    loop {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, length) in (0..).zip(lengths) {
            if left < f64::from(length) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a day"
                )]
                let day = left as u32 + 1;
                return (year * 12 + month, day, length);
            }
            left -= f64::from(length);
        }
        year += 1;
    }
}

/// OnePlus Device Manager (`net.oneplus.odm`): a job every 4 hours, and up to one hour later the
/// usage events. The job is at the beginning of its window.
pub fn oneplus_delayed(device: &Device, random: &mut Random) -> Vec<f64> {
    job(device, random, |random, window| window + random.uniform(0.0, HOUR))
}

/// The same with the job anywhere in its window, as JobScheduler may place it, and device
/// information posted at once.
pub fn oneplus_anywhere(device: &Device, random: &mut Random) -> Vec<f64> {
    job(device, random, |random, window| window + random.uniform(0.0, 4.0 * HOUR))
}

/// One run in each window of 4 hours since boot, as soon as it can.
fn job(
    device: &Device,
    random: &mut Random,
    mut place: impl FnMut(&mut Random, f64) -> f64,
) -> Vec<f64> {
    let mut times = Vec::new();
    for (up, _) in &device.boots {
        let mut window = up.start + 30.0;
        while window < up.end {
            let at = place(random, window);
            let end = window + 4.0 * HOUR;
            times.extend(device.when_it_can(at, end.min(up.end)));
            window = end;
        }
    }
    times.sort_by(f64::total_cmp);
    times
}

/// Adups FOTA: every 72 hours, or every 24, give or take 3 %; when it was off, soon after boot.
pub fn adups(device: &Device, random: &mut Random, hours: f64) -> Vec<f64> {
    let wait = |random: &mut Random| hours * HOUR * random.uniform(0.97, 1.03);
    chain(device, random, BEGIN + HOUR, wait)
}

/// Again and again after so many seconds, give or take a share of them.
pub fn every(device: &Device, random: &mut Random, seconds: f64, share: f64) -> Vec<f64> {
    let wait = |random: &mut Random| seconds * random.uniform(1.0 - share, 1.0 + share);
    chain(device, random, BEGIN + 40.0, wait)
}

/// The operating system of an idle phone: a contact every 4.5 minutes on average, without a timer.
pub fn idle_os(device: &Device, random: &mut Random) -> Vec<f64> {
    chain(device, random, BEGIN + 60.0, |random| random.exponential(270.0))
}

/// Each contact some time after the one before, as soon as the device can.
fn chain(
    device: &Device,
    random: &mut Random,
    first: f64,
    mut wait: impl FnMut(&mut Random) -> f64,
) -> Vec<f64> {
    let mut times = Vec::new();
    let mut t = first;
    while let Some(at) = device.when_it_can(t, device.life().end) {
        times.push(at);
        t = at + wait(random);
    }
    times
}

/// An SDK that speaks the moment an app opens: two contacts within seconds, whenever its user does.
pub fn at_app_open(device: &Device, random: &mut Random, per_day: f64) -> Vec<f64> {
    let opens =
        chain(device, random, BEGIN + 8.0 * HOUR, |random| random.exponential(DAY / per_day));
    let used = opens.into_iter().filter(|t| device.used.is_none() || device.is_used(*t));
    let mut times: Vec<f64> = used.flat_map(|t| [t, t + 1.4]).collect();
    times.retain(|t| device.can_send(*t));
    times.sort_by(f64::total_cmp);
    times
}
