//! A snapshot as metrics: a collector for the `prometheus` crate, and the text a scraper reads.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder, proto};

use super::Snapshot;
use series::Apps;

mod destinations;
mod series;
mod table;

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
    for family in view.families() {
        // Writing to memory does not fail, and `families` has none without samples.
        if let Err(error) = TextEncoder::new().encode(&[family], &mut text) {
            log::error!("a metric could not be encoded: {error}");
        }
    }
    text
}

/// The metrics of one snapshot, for a [`prometheus::Registry`].
pub struct SnapshotCollector {
    snapshot: Arc<Snapshot>,
    series_max: usize,
    descriptors: Vec<Desc>,
}

impl SnapshotCollector {
    /// A collector over this snapshot; `series_max` as in [`encode`].
    ///
    /// # Errors
    ///
    /// None with the metrics as they are: the crate checks their names.
    pub fn new(snapshot: Arc<Snapshot>, series_max: usize) -> prometheus::Result<Self> {
        let descriptors = METRICS.iter().map(|metric| {
            let labels = metric.labels.iter().map(|label| label.name().to_owned()).collect();
            Desc::new(metric.name.to_owned(), metric.help.to_owned(), labels, HashMap::new())
        });
        Ok(Self { snapshot, series_max, descriptors: descriptors.collect::<Result<_, _>>()? })
    }
}

impl Collector for SnapshotCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptors.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        View::new(&self.snapshot, self.series_max).families().collect()
    }
}

impl fmt::Debug for SnapshotCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotCollector")
            .field("series_max", &self.series_max)
            .finish_non_exhaustive()
    }
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
    fn families(&self) -> impl Iterator<Item = MetricFamily> {
        METRICS.iter().filter_map(|metric| {
            let mut samples = Samples { metric: *metric, taken: Vec::new() };
            (metric.read)(self, &mut samples);
            samples.family()
        })
    }
}

/// The samples of one metric.
struct Samples {
    metric: Metric,
    taken: Vec<proto::Metric>,
}

impl Samples {
    /// Adds a sample; `values` are those of the metric's labels, in their order.
    fn push(&mut self, values: &[&str], value: f64) {
        debug_assert_eq!(values.len(), self.metric.labels.len(), "{}", self.metric.name);
        let labels = self.metric.labels.iter().zip(values).map(|(label, value)| {
            let mut pair = LabelPair::default();
            pair.set_name(label.name().to_owned());
            pair.set_value((*value).to_owned());
            pair
        });
        let mut sample = proto::Metric::from_label(labels.collect());
        match self.metric.kind {
            Type::Counter => {
                let mut counter = Counter::default();
                counter.set_value(value);
                sample.set_counter(counter);
            }
            Type::Gauge => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                sample.set_gauge(gauge);
            }
        }
        self.taken.push(sample);
    }

    /// Adds the one sample of a metric without labels.
    fn count(&mut self, count: u64) {
        self.push(&[], table::number(count));
    }

    fn family(self) -> Option<MetricFamily> {
        if self.taken.is_empty() {
            return None;
        }
        let mut family = MetricFamily::default();
        family.set_name(self.metric.name.to_owned());
        family.set_help(self.metric.help.to_owned());
        family.set_field_type(match self.metric.kind {
            Type::Counter => MetricType::COUNTER,
            Type::Gauge => MetricType::GAUGE,
        });
        family.set_metric(self.taken);
        Some(family)
    }
}
