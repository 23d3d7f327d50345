//! Generators of contacts, written from the documented state machines of the facts, section 1.

use crate::device::{BEGIN, DAY, Device, HOUR, MINUTE};
use crate::random::Random;

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

/// STS monthly (`com.ape.stsmonths`): when the date changes, if the month is another one and the day
/// is not before the last one's (28 in February and 30 otherwise at most), tries every hour until
/// the server acknowledges. The first try needs an uptime of 180 minutes.
pub fn sts_monthly(device: &Device, random: &mut Random, day: u32, answers: f64) -> Vec<f64> {
    let mut times = Vec::new();
    let mut reported = 0;
    let mut is_pending = false;
    let mut t = BEGIN;
    let life = device.life();
    while t < life.end {
        let (month, today, last) = month_and_day(device.local_day(t));
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

/// Adups against a clock: on a grid, give or take 3 % of it.
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
