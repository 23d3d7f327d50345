//! The text format, where the `prometheus` crate does not build: byte for byte what that writes.

use super::{Sample, Samples};

/// Writes the samples of a metric, of which there is at least one.
pub(super) fn encode(samples: Samples, text: &mut Vec<u8>) {
    let metric = samples.metric;
    let mut line = format!("# HELP {} ", metric.name);
    escape(metric.help, false, &mut line);
    for part in ["\n# TYPE ", metric.name, " ", metric.kind.label(), "\n"] {
        line.push_str(part);
    }
    for Sample { labels, value } in samples.taken {
        line.push_str(metric.name);
        let mut separator = '{';
        for (label, value) in metric.labels.iter().zip(&labels) {
            line.push(separator);
            line.push_str(label.name());
            line.push_str("=\"");
            escape(value, true, &mut line);
            line.push('"');
            separator = ',';
        }
        if !metric.labels.is_empty() {
            line.push('}');
        }
        line.push(' ');
        line.push_str(&value.to_string());
        line.push('\n');
        text.extend_from_slice(line.as_bytes());
        line.clear();
    }
}

/// Backslash and line feed are written `\\` and `\n` everywhere, the quote `\"` in label values
/// (Prometheus, "Exposition formats", "Comments, help text, and type information").
fn escape(text: &str, is_quoted: bool, out: &mut String) {
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if is_quoted => out.push_str("\\\""),
            other => out.push(other),
        }
    }
}

#[cfg(all(test, target_has_atomic = "64"))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::export::metrics::{Label, Metric, Type, View, families};

    fn samples(metric: Metric, rows: &[(String, String, f64)]) -> Samples {
        let row = |(one, two, value): &(String, String, f64)| Sample {
            labels: metric.labels.iter().zip([one, two]).map(|(_, text)| text.clone()).collect(),
            value: *value,
        };
        Samples { metric, taken: rows.iter().map(row).collect() }
    }

    fn metric(kind: Type, labels: &'static [Label], help: &'static str) -> Metric {
        fn nothing(_: &View<'_>, _: &mut Samples) {}
        Metric { name: "sortie_x", kind, labels, help, read: nothing }
    }

    /// Text with much of what has to be escaped, and numbers of every size.
    fn rows() -> impl Strategy<Value = Vec<(String, String, f64)>> {
        let text = || "([\\\\\n\r\"{},= a-c]|\\PC){0,12}";
        let value = prop_oneof![any::<f64>(), (0..u64::MAX).prop_map(super::super::read::number)];
        proptest::collection::vec((text(), text(), value), 1..6)
    }

    proptest! {
        #[test]
        fn both_encoders_write_the_same(rows in rows(), is_counter: bool, labels in 0..3_usize) {
            const LABELS: &[Label] = &[Label::App, Label::Device];
            let kind = if is_counter { Type::Counter } else { Type::Gauge };
            let labels = LABELS.get(..labels).unwrap_or_default();
            let metric = metric(kind, labels, "A \\ back\nslash and a \"quote\".");
            let (mut own, mut theirs) = (b"before\n".to_vec(), b"before\n".to_vec());
            encode(samples(metric, &rows), &mut own);
            families::encode(samples(metric, &rows), &mut theirs);
            prop_assert_eq!(String::from_utf8(own), String::from_utf8(theirs));
        }
    }

    #[test]
    fn an_example_from_the_documentation() {
        // "Exposition formats", the example with escaping, without its time stamp.
        let rows =
            [("C:\\DIR\\FILE.TXT".to_owned(), "Cannot find file:\n\"FILE.TXT\"".to_owned(), 1.5)];
        let metric = metric(Type::Gauge, &[Label::App, Label::Cause], "Escaping in label values.");
        let mut text = Vec::new();
        encode(samples(metric, &rows), &mut text);
        let expected = "# HELP sortie_x Escaping in label values.\n# TYPE sortie_x gauge\n\
            sortie_x{app=\"C:\\\\DIR\\\\FILE.TXT\",cause=\"Cannot find file:\\n\\\"FILE.TXT\\\"\"} 1.5\n";
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }
}
