//! Samples as the `prometheus` crate's own types, and its encoder.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, Counter, Gauge, LabelPair, MetricFamily, MetricType};
use prometheus::{Encoder as _, TextEncoder};

use super::{METRICS, Sample, Samples, Snapshot, Type, View};

/// Writes the samples of a metric, of which there is at least one.
pub(super) fn encode(samples: Samples, text: &mut Vec<u8>) {
    // Writing to memory does not fail, and the crate refuses only a metric without samples.
    if let Err(error) = TextEncoder::new().encode(&[samples.into()], text) {
        log::error!("a metric could not be encoded: {error}");
    }
}

/// The metrics of one snapshot, for a [`prometheus::Registry`].
///
/// Not on targets without 64-bit atomics, where the crate does not build.
pub struct SnapshotCollector {
    snapshot: Arc<Snapshot>,
    series_max: usize,
    descriptors: Vec<Desc>,
}

impl SnapshotCollector {
    /// A collector over this snapshot; `series_max` as in [`super::encode`].
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
        let view = View::new(&self.snapshot, self.series_max);
        view.samples().map(MetricFamily::from).collect()
    }
}

impl fmt::Debug for SnapshotCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotCollector")
            .field("series_max", &self.series_max)
            .finish_non_exhaustive()
    }
}

impl From<Samples> for MetricFamily {
    fn from(samples: Samples) -> Self {
        let metric = samples.metric;
        let mut family = Self::default();
        family.set_name(metric.name.to_owned());
        family.set_help(metric.help.to_owned());
        family.set_field_type(match metric.kind {
            Type::Counter => MetricType::COUNTER,
            Type::Gauge => MetricType::GAUGE,
        });
        family.set_metric(
            samples.taken.into_iter().map(|sample| sample_of(metric, sample)).collect(),
        );
        family
    }
}

fn sample_of(metric: super::Metric, Sample { labels, value }: Sample) -> proto::Metric {
    let labels = metric.labels.iter().zip(labels).map(|(label, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(label.name().to_owned());
        pair.set_value(value);
        pair
    });
    let mut sample = proto::Metric::from_label(labels.collect());
    match metric.kind {
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
    sample
}
