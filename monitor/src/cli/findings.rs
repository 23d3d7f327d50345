//! `sortie findings`: what is regular, new or documented.

use super::{args, client};
use crate::config::Config;
use crate::export::json::{Document, Finding, to_line};
use crate::export::remembered::Past;
use crate::export::text;
use crate::failure::Failure;

/// Prints the findings, those that hold first.
///
/// # Errors
///
/// Those of [`client::snapshot`], and a standard output that cannot be written to.
pub fn run(config: &Config, args: args::Findings) -> Result<(), Failure> {
    if args.first_day {
        let past = client::past(config)?;
        if args.json {
            return super::print(&to_line(&past.first_day));
        }
        return super::print(&super::joined(&first_day(&past, super::columns())));
    }
    let document = client::snapshot(config)?;
    if args.json {
        return super::print(&to_line(&document.findings));
    }
    super::print(&super::joined(&lines(&document, args.all, super::columns())))
}

/// What was seen in the first 24 hours, in the order of first contact.
fn first_day(past: &Past, width: usize) -> Vec<String> {
    let state = if past.first_day_is_sealed {
        "The first 24 hours, sealed:"
    } else {
        "The first 24 hours, which are not over:"
    };
    let mut lines = vec![text::cut_end(state, width)];
    for seen in &past.first_day {
        let behaviour = seen.behaviour.as_deref().map(text::clean);
        let behaviour = behaviour.map_or_else(String::new, |id| format!(" ({id})"));
        let line = format!(
            "{} -> {}{behaviour}: first after {}, {} contacts, sent {}, received {}",
            text::clean(&seen.id),
            text::clean(&seen.destination),
            text::span(u64::from(seen.first_seconds) * 1_000),
            text::count(seen.totals.contacts),
            text::bytes(seen.totals.sent_bytes),
            text::bytes(seen.totals.received_bytes)
        );
        lines.extend(text::wrap(&line, width));
    }
    lines
}

fn lines(document: &Document, all: bool, width: usize) -> Vec<String> {
    let shown: Vec<_> =
        document.findings.iter().filter(|finding| all || finding.state == "active").collect();
    let hidden = document.findings.len() - shown.len();
    let mut lines = Vec::new();
    if shown.is_empty() {
        lines.push(
            "Nothing found so far. Findings need days: what is regular takes five times.".into(),
        );
    }
    for finding in shown {
        lines.extend(text::wrap(&headline(finding), width));
        let sentence = text::clean(&finding.sentence);
        let room = width.saturating_sub(4).max(1);
        lines.extend(text::wrap(&sentence, room).iter().map(|line| format!("    {line}")));
    }
    if hidden > 0 {
        let faded = format!("{hidden} more that faded; `sortie findings --all` shows them");
        lines.extend(text::wrap(&faded, width));
    }
    lines
}

fn headline(finding: &Finding) -> String {
    let app = text::clean(&finding.app);
    let kind = text::clean(&finding.kind).replace('_', " ");
    let to = text::clean(&finding.destination);
    let faded = if finding.state == "active" { "" } else { ", faded" };
    if to.is_empty() {
        format!("{app} ({kind}{faded})")
    } else {
        format!("{app} -> {to} ({kind}{faded})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_told_in_words() {
        let finding = |state: &'static str| Finding {
            kind: "first_contact".into(),
            app: "maps".to_owned(),
            destination: "example.org".to_owned(),
            sentence: "first contact, after 12 days".to_owned(),
            state: state.into(),
            ..Finding::default()
        };
        let document =
            Document { findings: vec![finding("active"), finding("faded")], ..Document::default() };
        let said = lines(&document, false, 80);
        assert_eq!(said[0], "maps -> example.org (first contact)");
        assert_eq!(said[1], "    first contact, after 12 days");
        assert!(said[2].starts_with("1 more that faded"), "{said:?}");
        assert_eq!(lines(&document, true, 80).len(), 4);
        assert!(lines(&Document::default(), false, 80)[0].starts_with("Nothing found"));
    }
}
