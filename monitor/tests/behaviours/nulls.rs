//! Traffic without any pattern, to count how often one is found.

use crate::device::{BEGIN, DAY, HOUR};
use crate::random::Random;

/// Events at random.
pub fn poisson(random: &mut Random, mean: f64, days: f64) -> Vec<f64> {
    renewal(random, days, |random| random.exponential(mean))
}

/// Bursts at random: a page and what it loads.
pub fn bursts(random: &mut Random, mean: f64, days: f64) -> Vec<f64> {
    let size = random.uniform(1.5, 12.0);
    let gap = random.uniform(0.2, 20.0);
    let mut left = 0.0;
    renewal(random, days, |random| {
        left -= 1.0;
        if left > 0.0 {
            return random.exponential(gap);
        }
        left = random.exponential(size).ceil();
        random.exponential(mean)
    })
}

/// Intervals with heavy tails: most short, some very long. Pareto of the second kind, whose variance,
/// and for some keys whose mean, is infinite.
pub fn heavy_tails(random: &mut Random, scale: f64, days: f64) -> Vec<f64> {
    let shape = random.uniform(0.6, 1.8);
    renewal(random, days, |random| random.pareto(scale, shape) - scale)
}

/// The same with intervals whose logarithm is normal.
pub fn log_normal(random: &mut Random, median: f64, days: f64) -> Vec<f64> {
    let deviation = random.uniform(0.8, 2.0);
    renewal(random, days, |random| median * random.normal(0.0, deviation).exp())
}

/// A person: so many times a day on average, around the afternoon (15:00, deviation 4 hours), as in
/// the facts; some days more, some none.
pub fn person(random: &mut Random, per_day: f64, days: f64) -> Vec<f64> {
    let mut times = Vec::new();
    let mut day = 0.0;
    while day < days {
        let mut left = random.exponential(1.0);
        // The number of events of a Poisson process in a day.
        while left < per_day {
            let hour = random.normal(15.0, 4.0).clamp(7.0, 22.99);
            times.push(BEGIN + day * DAY + (hour - 1.0) * HOUR);
            left += random.exponential(1.0);
        }
        day += 1.0;
    }
    times.sort_by(f64::total_cmp);
    times
}

/// A person who does it once on nearly every day, at an own hour, give or take half of one or more.
pub fn habit(random: &mut Random, days: f64) -> Vec<f64> {
    let hour = random.uniform(7.0, 22.0);
    let deviation = random.uniform(0.5, 3.0);
    let mut times = Vec::new();
    let mut day = 0.0;
    while day < days {
        if random.unit() < 0.9 {
            let at = random.normal(hour, deviation).clamp(7.0, 22.99);
            times.push(BEGIN + day * DAY + (at - 1.0) * HOUR);
        }
        day += 1.0;
    }
    times
}

fn renewal(
    random: &mut Random,
    days: f64,
    mut interval: impl FnMut(&mut Random) -> f64,
) -> Vec<f64> {
    let mut times = Vec::new();
    let mut t = BEGIN + interval(random);
    while t < BEGIN + days * DAY {
        times.push(t);
        t += interval(random);
    }
    times
}
