//! The text format of Prometheus, read back.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Protocol, Volume};

/// Names of the metrics that the tests read, in one place.
pub mod names {
    /// Bytes an app sent.
    pub const TRANSMIT_BYTES: &str = "sortie_app_transmit_bytes_total";
    /// Packets an app sent.
    pub const TRANSMIT_PACKETS: &str = "sortie_app_transmit_packets_total";
    /// Bytes an app received.
    pub const RECEIVE_BYTES: &str = "sortie_app_receive_bytes_total";
    /// Packets an app received.
    pub const RECEIVE_PACKETS: &str = "sortie_app_receive_packets_total";
    /// Connections an app opened.
    pub const CONNECTIONS: &str = "sortie_app_connections_total";
    /// Connections others opened to an app.
    pub const ACCEPTED: &str = "sortie_app_accepted_connections_total";
    /// TCP connections that never came about.
    pub const FAILURES: &str = "sortie_app_connection_failures_total";
    /// Bytes an interface sent that an app accounts for.
    pub const INTERFACE_ATTRIBUTED_TRANSMIT: &str =
        "sortie_interface_attributed_transmit_bytes_total";
    /// Bytes an interface sent that no app accounts for.
    pub const INTERFACE_UNATTRIBUTED_TRANSMIT: &str =
        "sortie_interface_unattributed_transmit_bytes";
}

/// An app as the labels name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct App {
    /// The label `kind`.
    pub kind: String,
    /// The label `app`.
    pub id: String,
}

impl App {
    /// An app of this kind and id.
    pub fn new(kind: &str, id: &str) -> Self {
        Self { kind: kind.to_owned(), id: id.to_owned() }
    }

    /// The kernel itself.
    pub fn kernel() -> Self {
        Self::new("kernel", "(kernel)")
    }
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// One line of the text format.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Sample {
    fn parse(line: &str) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let (name, mut rest) = line.split_at(end);
        let mut labels = BTreeMap::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = read_labels(inside, &mut labels)?;
        }
        let value = rest.split_whitespace().next()?.parse().ok()?;
        Some(Self { name: name.to_owned(), labels, value })
    }

    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(key, value)| self.labels.get(*key).is_some_and(|found| found == value))
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<&str> = self.labels.values().map(String::as_str).collect();
        writeln!(f, "  {} ({}) {}", self.name, labels.join(", "), self.value)
    }
}

/// Reads `key="value",...}` and gives what comes after it.
fn read_labels<'a>(mut text: &'a str, labels: &mut BTreeMap<String, String>) -> Option<&'a str> {
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some(rest);
        }
        let (key, rest) = text.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next()? {
                (index, '"') => break index,
                (_, '\\') => value.push(match characters.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.insert(key.to_owned(), value);
        text = &rest[end + 1..];
    }
}

/// All samples of one scrape.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// In the order of the text.
    pub samples: Vec<Sample>,
}

impl Metrics {
    /// Reads the text format; an error names the line that is not of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let samples = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| Sample::parse(line).ok_or_else(|| format!("not a sample: {line:?}")))
            .collect::<Result<_, _>>()?;
        Ok(Self { samples })
    }

    /// All samples of a metric with these labels.
    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        let samples = self.samples.iter();
        samples.filter(|sample| sample.name == name && sample.has(labels)).collect()
    }

    /// The sum of a counter over all samples that have these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let sum = self.gauge(name, labels);
        u64::try_from(sum).unwrap_or_else(|_| panic!("{name} is negative: {sum}"))
    }

    /// The sum of a gauge, which may be negative, over all samples that have these labels.
    #[expect(clippy::cast_possible_truncation, reason = "bytes and packets, far below 2^53")]
    pub fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        let found = self.samples.iter().filter(|sample| sample.name == name && sample.has(labels));
        found.map(|sample| sample.value).sum::<f64>() as i64
    }

    /// The sum of a metric for an app and a protocol, over all scopes.
    pub fn of(&self, name: &str, app: &App, protocol: Protocol) -> u64 {
        self.sum(name, &[("app", &app.id), ("kind", &app.kind), ("protocol", protocol.label())])
    }

    /// What an app sent and received by a protocol.
    pub fn volumes(&self, app: &App, protocol: Protocol) -> (Volume, Volume) {
        let of = |name| self.of(name, app, protocol);
        let sent =
            Volume { bytes: of(names::TRANSMIT_BYTES), packets: of(names::TRANSMIT_PACKETS) };
        let received =
            Volume { bytes: of(names::RECEIVE_BYTES), packets: of(names::RECEIVE_PACKETS) };
        (sent, received)
    }

    /// What is counted of apps beyond the loopback, where the tests' own scrapes are, for messages.
    pub fn about_apps(&self) -> String {
        let is_telling = |sample: &&Sample| {
            sample.name.starts_with("sortie_app_")
                && sample.name.ends_with("_total")
                && sample.value != 0.0
                && !sample.has(&[("scope", "loopback")])
        };
        let rows = self.samples.iter().filter(is_telling);
        rows.map(Sample::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_may_hold_any_character() {
        let text = "# HELP x y\nx{app=\"a\\\"b\\\\c\\nd,}\",kind=\"service\"} 42\ny 7 1234\n";
        let metrics = Metrics::parse(text).unwrap();
        assert_eq!(metrics.sum("x", &[("app", "a\"b\\c\nd,}"), ("kind", "service")]), 42);
        assert_eq!(metrics.sum("y", &[]), 7);
        assert!(Metrics::parse("x{app=\"a} 1").is_err());
    }
}
