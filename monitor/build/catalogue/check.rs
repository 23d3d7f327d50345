//! What an entry must hold to.

use std::collections::{BTreeMap, BTreeSet};

use super::{CANDIDATES_MAX, Catalogue, Entry, Rule, Shape, Written, terms};

/// An objection, with the place of what it is about: bytes from the start of the file.
type Objection = (usize, String);

/// Words that judge. An entry documents.
const VERDICTS: [&str; 8] =
    ["spy", "spies", "spying", "steal", "steals", "secretly", "covertly", "malicious"];

/// Years that evidence can be from.
const YEARS: std::ops::RangeInclusive<u16> = 2005..=2035;

/// Checks every entry and the entries against each other.
pub(super) fn check(mut entries: Vec<Entry>) -> Result<Catalogue, Vec<Objection>> {
    let mut objections = Vec::new();
    let mut ids = BTreeSet::new();
    for entry in &entries {
        let mut found = Vec::new();
        if !ids.insert(entry.id.get_ref().clone()) {
            found.push((entry.id.span().start, "the id is taken".to_owned()));
        }
        check_words(entry, &mut found);
        check_evidence(entry, &mut found);
        check_cadence(entry, &mut found);
        let id = entry.id.get_ref();
        objections.extend(found.into_iter().map(|(at, what)| (at, format!("`{id}`: {what}"))));
    }
    entries.sort_by(|a, b| a.id.get_ref().cmp(b.id.get_ref()));
    let rules = check_rules(&entries, &mut objections);
    if entries.is_empty() {
        objections.push((0, "there is no entry".to_owned()));
    }
    objections.sort();
    if objections.is_empty() { Ok(Catalogue { entries, rules }) } else { Err(objections) }
}

fn check_words(entry: &Entry, found: &mut Vec<Objection>) {
    let id = entry.id.get_ref();
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if !id.split('-').all(is_word) {
        found.push((entry.id.span().start, "the id is not words joined by hyphens".to_owned()));
    }
    for (what, text) in [("name", &entry.name), ("vendor", &entry.vendor)] {
        if text.get_ref().trim().is_empty() {
            found.push((text.span().start, format!("the {what} is empty")));
        }
    }
    if entry.software.get_ref().iter().all(|software| software.trim().is_empty()) {
        found.push((entry.software.span().start, "no software is named".to_owned()));
    }
    let known = terms::Category::ALL.iter().any(|known| known.label() == entry.category.get_ref());
    if !known {
        let what = format!("there is no category `{}`", entry.category.get_ref());
        found.push((entry.category.span().start, what));
    }
    if entry.claims.get_ref().is_empty() {
        found.push((entry.claims.span().start, "nothing is claimed".to_owned()));
    }
    for claim in entry.claims.get_ref() {
        if !claim.get_ref().to_lowercase().contains("documented as ") {
            let what = "the claim does not say `documented as`".to_owned();
            found.push((claim.span().start, what));
        }
    }
    let notes = entry.note.iter().chain(&entry.transport).chain([&entry.name]);
    for text in entry.claims.get_ref().iter().chain(notes) {
        let lower = text.get_ref().to_lowercase();
        let words = lower.split(|letter: char| !letter.is_alphanumeric());
        for word in words.filter(|word| VERDICTS.contains(word)) {
            found.push((text.span().start, format!("`{word}` is a verdict")));
        }
    }
}

fn check_evidence(entry: &Entry, found: &mut Vec<Objection>) {
    let evidence = &entry.evidence;
    let grade = evidence.grade.get_ref();
    if !terms::Grade::ALL.iter().any(|known| known.label() == grade) {
        found.push((evidence.grade.span().start, format!("there is no grade `{grade}`")));
    }
    if !YEARS.contains(evidence.observed.get_ref()) {
        let what = format!("{} is no year of evidence", evidence.observed.get_ref());
        found.push((evidence.observed.span().start, what));
    }
    if evidence.sources.get_ref().is_empty() {
        found.push((evidence.sources.span().start, "there is no source".to_owned()));
    }
    let mut seen = BTreeSet::new();
    for source in evidence.sources.get_ref() {
        let address = source.get_ref();
        let has_host = address.strip_prefix("https://").is_some_and(|rest| rest.contains('.'));
        if !has_host || address.chars().any(|letter| letter.is_whitespace() || letter == '|') {
            let what = format!("`{address}` is no https address");
            found.push((source.span().start, what));
        }
        if !seen.insert(address) {
            found.push((source.span().start, format!("`{address}` is named twice")));
        }
    }
}

fn check_cadence(entry: &Entry, found: &mut Vec<Objection>) {
    let Some(written) = &entry.cadence else { return };
    let cadence = written.get_ref();
    let at = written.span().start;
    if cadence.period_s.is_some() && cadence.calendar.is_some() {
        found.push((at, "both a period and a calendar".to_owned()));
    }
    if cadence.first_after_s.is_none() && cadence.period_s.is_none() && cadence.calendar.is_none() {
        found.push((at, "the cadence says nothing".to_owned()));
    }
    if [cadence.first_after_s, cadence.period_s, cadence.jitter_s].contains(&Some(0)) {
        found.push((at, "zero seconds".to_owned()));
    }
}

fn check_rules(entries: &[Entry], objections: &mut Vec<Objection>) -> BTreeMap<Rule, usize> {
    let mut rules = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let id = entry.id.get_ref();
        if entry.r#match.get_ref().is_empty() {
            objections.push((entry.r#match.span().start, format!("`{id}`: matches nothing")));
        }
        for written in entry.r#match.get_ref() {
            let at = written.span().start;
            match rule(written.get_ref()) {
                Err(what) => objections.push((at, format!("`{id}`: {what}"))),
                Ok(rule) => {
                    if let Some(other) = rules.insert(rule, index) {
                        let other = entries.get(other).map_or("", |other| other.id.get_ref());
                        objections.push((at, format!("`{id}`: the rule is there, in `{other}`")));
                    }
                }
            }
        }
    }
    for (witness, index) in &rules {
        let count = rules.keys().filter(|rule| can_meet(rule, witness)).count();
        if count > CANDIDATES_MAX
            && let Some(entry) = entries.get(*index)
        {
            let (at, id) = (entry.r#match.span().start, entry.id.get_ref());
            let key = &witness.key;
            let what = format!("`{id}`: {count} rules for {key}; {CANDIDATES_MAX} is the limit");
            objections.push((at, what));
        }
    }
    rules
}

/// Whether some name that is the witness's matches the rule as well: the most specific name for a rule
/// that leaves the end open. Rather says yes where two rules leave the same label open.
fn can_meet(rule: &Rule, witness: &Rule) -> bool {
    let key = witness.key.as_str();
    match (&rule.shape, &witness.shape) {
        (Shape::Suffix, _) => {
            let before = key.strip_suffix(rule.key.as_str());
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        }
        (Shape::Exact, Shape::Exact | Shape::Suffix) => rule.key == key,
        (Shape::Exact, Shape::Label { .. }) => rule
            .key
            .split_once('.')
            .is_some_and(|(label, rest)| rest == key && may_be(label, witness)),
        (Shape::Label { .. }, Shape::Exact | Shape::Suffix) => {
            key.split_once('.').is_some_and(|(label, rest)| rest == rule.key && may_be(label, rule))
        }
        (Shape::Label { head, tail, .. }, Shape::Label { head: head_of, tail: tail_of, .. }) => {
            let heads = head.starts_with(head_of.as_str()) || head_of.starts_with(head.as_str());
            let tails = tail.ends_with(tail_of.as_str()) || tail_of.ends_with(tail.as_str());
            rule.key == key && heads && tails
        }
    }
}

fn may_be(label: &str, rule: &Rule) -> bool {
    let Shape::Label { head, tail, .. } = &rule.shape else { return false };
    label.starts_with(head.as_str()) && label.ends_with(tail.as_str())
}

fn rule(written: &Written) -> Result<Rule, String> {
    let (key, shape) = match (&written.exact, &written.suffix, &written.label) {
        (Some(exact), None, None) => (exact.clone(), Shape::Exact),
        (None, Some(suffix), None) => (suffix.clone(), Shape::Suffix),
        (None, None, Some(label)) => open_label(label)?,
        _ => return Err("a rule is one of `exact`, `suffix` and `label`".to_owned()),
    };
    if !is_host(&key) {
        return Err(format!("`{key}` is no host name in lower case with two labels or more"));
    }
    if written.port == Some(0) {
        return Err("port 0".to_owned());
    }
    let unbound = (written.port.is_none(), written.transport.is_none());
    Ok(Rule { key, shape, unbound, port: written.port, transport: written.transport })
}

/// Reads `head*tail.key` or `head#tail.key`.
fn open_label(pattern: &str) -> Result<(String, Shape), String> {
    let explain = || format!("`{pattern}` is no name with one `*` or `#` in its first label");
    let (label, key) = pattern.split_once('.').ok_or_else(explain)?;
    let at = label.find(['*', '#']).ok_or_else(explain)?;
    let (head, rest) = label.split_at(at);
    let tail = rest.get(1..).ok_or_else(explain)?;
    let closed = [head, tail].concat();
    if !closed.bytes().all(is_host_byte) {
        return Err(explain());
    }
    let open = usize::MAX - closed.len();
    let digits = rest.starts_with('#');
    let shape = Shape::Label { open, head: head.to_owned(), tail: tail.to_owned(), digits };
    Ok((key.to_owned(), shape))
}

fn is_host(name: &str) -> bool {
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_host_byte);
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

const fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
}
