//! The catalogue of behaviours: read from its data, checked, and turned into Rust.
//!
//! Every objection names the line and the entry. All of them are told at once.

mod check;
mod emit;
#[path = "../../src/naming/catalogue/terms.rs"]
#[expect(dead_code, unreachable_pub, reason = "the agent uses what the build does not")]
mod terms;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// Rules that can match one host: what the agent has room for.
const CANDIDATES_MAX: usize = 4;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    behaviour: Vec<Entry>,
}

/// An entry as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Spanned<String>,
    name: Spanned<String>,
    vendor: Spanned<String>,
    software: Spanned<Vec<String>>,
    category: Spanned<String>,
    r#match: Spanned<Vec<Spanned<Written>>>,
    cadence: Option<Spanned<Cadence>>,
    transport: Option<Spanned<String>>,
    claims: Spanned<Vec<Spanned<String>>>,
    evidence: Evidence,
    note: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Evidence {
    grade: Spanned<String>,
    observed: Spanned<u16>,
    sources: Spanned<Vec<Spanned<String>>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cadence {
    first_after_s: Option<u32>,
    period_s: Option<u32>,
    calendar: Option<Calendar>,
    jitter_s: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Calendar {
    Monthly,
}

/// A rule as it is written: one of the first three.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// A whole name.
    exact: Option<String>,
    /// A name, and every name under it.
    suffix: Option<String>,
    /// A name with one open place in its first label: `*` for anything, `#` for digits.
    label: Option<String>,
    port: Option<u16>,
    transport: Option<Transport>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Transport {
    Tcp,
    Udp,
}

/// A rule that was found good, in the order of the agent's table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    key: String,
    shape: Shape,
    // `None` would come first: a rule with a port goes before one without.
    unbound: (bool, bool),
    port: Option<u16>,
    transport: Option<Transport>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Exact,
    /// The first field orders: more letters before fewer.
    Label {
        open: usize,
        head: String,
        tail: String,
        digits: bool,
    },
    Suffix,
}

/// Everything, checked: entries in the order of their ids, rules with the place of their entry.
#[derive(Debug)]
struct Catalogue {
    entries: Vec<Entry>,
    rules: BTreeMap<Rule, usize>,
}

/// The Rust source of the tables for this data; `file` is its name in objections.
///
/// # Errors
///
/// All that is wrong with the data, a line each.
pub(crate) fn compile(file: &str, text: &str) -> Result<String, Vec<String>> {
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let document: Document = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        vec![format!("{file}:{}: {}", line(at), error.message())]
    })?;
    let catalogue = check::check(document.behaviour).map_err(|objections| {
        let told = objections.into_iter();
        told.map(|(at, what)| format!("{file}:{}: {what}", line(at))).collect::<Vec<_>>()
    })?;
    Ok(emit::emit(&catalogue))
}
