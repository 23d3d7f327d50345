//! The checked catalogue as Rust source.

use std::fmt::{self, Write as _};

use toml::Spanned;

use super::{Cadence, Calendar, Catalogue, Entry, Rule, Shape, terms};

/// Tables that the agent includes.
pub(super) fn emit(catalogue: &Catalogue) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, catalogue);
    text
}

fn write(out: &mut String, catalogue: &Catalogue) -> fmt::Result {
    let Catalogue { entries, rules } = catalogue;
    writeln!(out, "/// The entries, in the order of their ids.")?;
    writeln!(out, "static BEHAVIOURS: [Behaviour; {}] = [", entries.len())?;
    for entry in entries {
        write_entry(out, entry)?;
    }
    writeln!(out, "];\n/// The rules, in the order of their keys.")?;
    writeln!(out, "static RULES: [Rule; {}] = [", rules.len())?;
    for (rule, behaviour) in rules {
        write_rule(out, rule, *behaviour)?;
    }
    let labels = rules.keys().map(|rule| rule.key.split('.').count()).max().unwrap_or_default();
    writeln!(out, "];\n/// Labels of the longest key.\nconst KEY_LABELS_MAX: usize = {labels};")
}

fn write_entry(out: &mut String, entry: &Entry) -> fmt::Result {
    let category = terms::Category::ALL.into_iter();
    let category = category.filter(|known| known.label() == entry.category.get_ref());
    let claims: Vec<&str> =
        entry.claims.get_ref().iter().map(|text| text.get_ref().trim()).collect();
    let evidence = &entry.evidence;
    let sources: Vec<&String> = evidence.sources.get_ref().iter().map(Spanned::get_ref).collect();
    writeln!(out, "Behaviour {{")?;
    writeln!(out, "    id: {:?},", entry.id.get_ref())?;
    writeln!(out, "    name: {:?},", entry.name.get_ref())?;
    writeln!(out, "    vendor: {:?},", entry.vendor.get_ref())?;
    writeln!(out, "    software: &{:?},", entry.software.get_ref())?;
    for category in category {
        writeln!(out, "    category: Category::{category:?},")?;
    }
    writeln!(out, "    grade: Grade::{},", evidence.grade.get_ref())?;
    writeln!(out, "    claims: &{claims:?},")?;
    writeln!(out, "    sources: &{sources:?},")?;
    writeln!(out, "    observed: {},", evidence.observed.get_ref())?;
    match &entry.cadence {
        None => writeln!(out, "    cadence: None,")?,
        Some(cadence) => write_cadence(out, *cadence.get_ref())?,
    }
    let transport = entry.transport.as_ref().map(Spanned::get_ref);
    writeln!(out, "    transport: {transport:?},")?;
    writeln!(out, "    note: {:?},\n}},", entry.note.as_ref().map(Spanned::get_ref))
}

fn write_cadence(out: &mut String, cadence: Cadence) -> fmt::Result {
    let Cadence { first_after_s, period_s, calendar, jitter_s } = cadence;
    let period = match (period_s, calendar) {
        (Some(seconds), _) => format!("Some(Period::Seconds({seconds}))"),
        (None, Some(Calendar::Monthly)) => "Some(Period::Monthly)".to_owned(),
        (None, None) => "None".to_owned(),
    };
    writeln!(
        out,
        "    cadence: Some(Cadence {{ first_after_s: {first_after_s:?}, period: {period}, jitter_s: {jitter_s:?} }}),"
    )
}

fn write_rule(out: &mut String, rule: &Rule, behaviour: usize) -> fmt::Result {
    let Rule { key, shape, port, transport, .. } = rule;
    let shape = match shape {
        Shape::Exact => "Exact".to_owned(),
        Shape::Suffix => "Suffix".to_owned(),
        Shape::Label { head, tail, digits, .. } => {
            format!("Label {{ head: {head:?}, tail: {tail:?}, digits: {digits} }}")
        }
    };
    let transport = match transport {
        None => "None".to_owned(),
        Some(transport) => format!("Some(Transport::{transport:?})"),
    };
    writeln!(
        out,
        "Rule {{ key: {key:?}, shape: Shape::{shape}, port: {port:?}, transport: {transport}, behaviour: {behaviour} }},"
    )
}
