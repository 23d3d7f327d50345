//! A snapshot as metrics: a collector for the `prometheus` crate, and the text a scraper reads.

use super::Snapshot;
use series::Apps;

mod destinations;
/// The crate counts with 64-bit atomics, which 32-bit MIPS has not; [`text`] takes its place there.
#[cfg(target_has_atomic = "64")]
mod families;
mod read;
mod series;
mod table;
#[cfg(any(test, not(target_has_atomic = "64")))]
mod text;

#[cfg(target_has_atomic = "64")]
use families as encoder;
#[cfg(not(target_has_atomic = "64"))]
use text as encoder;

#[cfg(target_has_atomic = "64")]
pub use families::SnapshotCollector;
pub use series::LABEL_BYTES_MAX;
pub use table::{Label, METRICS, Metric, SERIES_PER_APP, Type};

/// The media type of what [`encode`] makes (Prometheus, "Exposition formats", text format 0.0.4).
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A snapshot in the text format.
///
/// `series_max` bounds the series of apps: room is granted in the order of arrival and for
/// [`SERIES_PER_APP`] series each, the rest is summed up in `(other)`. That one always has room, so
/// less than [`SERIES_PER_APP`] is the same as that much.
///
/// One metric after the other is built and written, so that the whole is never there twice.
pub fn encode(snapshot: &Snapshot, series_max: usize) -> Vec<u8> {
    let view = View::new(snapshot, series_max);
    let mut text = Vec::new();
    for samples in view.samples() {
        encoder::encode(samples, &mut text);
    }
    text
}

/// A snapshot with the apps that have series of their own.
struct View<'a> {
    snapshot: &'a Snapshot,
    apps: Apps<'a>,
}

impl<'a> View<'a> {
    fn new(snapshot: &'a Snapshot, series_max: usize) -> Self {
        Self { snapshot, apps: Apps::new(snapshot, series_max) }
    }

    /// All metrics that have samples.
    fn samples(&self) -> impl Iterator<Item = Samples> {
        METRICS.iter().filter_map(|metric| {
            let mut samples = Samples { metric: *metric, taken: Vec::new() };
            (metric.read)(self, &mut samples);
            (!samples.taken.is_empty()).then_some(samples)
        })
    }
}

/// The samples of one metric.
struct Samples {
    metric: Metric,
    taken: Vec<Sample>,
}

/// One of them: the values of the metric's labels in their order, and its own.
struct Sample {
    labels: Vec<String>,
    value: f64,
}

impl Samples {
    /// Adds a sample; `values` are those of the metric's labels, in their order.
    fn push(&mut self, values: &[&str], value: f64) {
        debug_assert_eq!(values.len(), self.metric.labels.len(), "{}", self.metric.name);
        let labels = values.iter().map(|value| (*value).to_owned()).collect();
        self.taken.push(Sample { labels, value });
    }

    /// Adds the one sample of a metric without labels.
    fn count(&mut self, count: u64) {
        self.push(&[], read::number(count));
    }
}
