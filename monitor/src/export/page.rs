//! One app and where it goes, as text for a terminal. Pure: documents and sizes in, lines out.

use super::json::{App, Destination, Document};
use super::text;
use crate::naming::catalogue::BehaviourId;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// Columns that the second and further lines of a destination are moved in by.
const INDENT: usize = 4;

/// How to show it.
#[derive(Clone, Copy, Debug)]
pub struct Paper {
    /// Whether traffic within the device counts as well.
    pub loopback: bool,
    /// Columns of the terminal; no line is longer.
    pub width: usize,
    /// Whether lines may have colours (ECMA-48 sequences).
    pub colour: bool,
}

/// The apps that are called so: by their id, else by their name, else by a part of either. Upper and lower
/// case are the same.
pub fn find<'a>(document: &'a Document, called: &str) -> Vec<&'a App> {
    let wanted = called.to_lowercase();
    let id = |app: &App| app.id.to_lowercase();
    let name = |app: &App| app.name.as_deref().unwrap_or_default().to_lowercase();
    let such = |is_it: &dyn Fn(&App) -> bool| -> Vec<&App> {
        document.apps.iter().filter(|app| is_it(app)).collect()
    };
    let ways: [&dyn Fn(&App) -> bool; 3] =
        [&|app| id(app) == wanted, &|app| name(app) == wanted, &|app| {
            id(app).contains(&wanted) || name(app).contains(&wanted)
        }];
    ways.iter().map(|way| such(way)).find(|found| !found.is_empty()).unwrap_or_default()
}

/// The lines on one app, without newlines.
pub fn render(document: &Document, app: &App, paper: &Paper) -> Vec<String> {
    let ago = |then: u64| text::ago(document.taken_unix_ms.saturating_sub(then));
    let mut lines = Vec::new();
    let name = app.name.as_deref().map(text::clean).filter(|name| !name.is_empty());
    let id = text::clean(&app.id);
    let title = name.map_or_else(|| id.clone(), |name| format!("{name} ({id})"));
    lines.push(paint(paper, BOLD, &text::cut_end(&title, paper.width)));
    let facts = format!(
        "{}, recognised by {}; first seen {}, last {}",
        text::clean(&app.kind).replace('_', " "),
        text::clean(&app.rung).replace('_', " "),
        ago(app.first_seen_unix_ms),
        ago(app.last_seen_unix_ms)
    );
    lines.extend(text::wrap(&facts, paper.width));
    let is_shown = |to: &&Destination| {
        paper.loopback || to.scope.as_deref().is_none_or(|scope| scope != "loopback")
    };
    let shown: Vec<_> = app.destinations.iter().filter(is_shown).collect();
    if shown.is_empty() {
        lines.push("No traffic that leaves the device.".to_owned());
    }
    for to in &shown {
        lines.push(String::new());
        lines.extend(destination(to, &ago, paper));
    }
    lines
}

fn destination(to: &Destination, ago: &dyn Fn(u64) -> String, paper: &Paper) -> Vec<String> {
    let name = match text::clean(&to.name) {
        name if name.is_empty() => "(other)".to_owned(),
        name => name,
    };
    let mut lines = vec![paint(paper, BOLD, &text::cut_end(&name, paper.width))];
    let totals = &to.totals;
    let mut facts = vec![
        format!("sent {}", text::bytes(totals.sent_bytes)),
        format!("received {}", text::bytes(totals.received_bytes)),
        match totals.connections {
            1 => "1 connection".to_owned(),
            count => format!("{} connections", text::count(count)),
        },
    ];
    facts.push(format!("first {}, last {}", ago(to.first_seen_unix_ms), ago(to.last_seen_unix_ms)));
    lines.extend(indented(&facts.join(", "), paper));
    let mut known = Vec::new();
    known.extend(to.company.as_deref().map(|company| format!("company: {}", text::clean(company))));
    known.extend(to.scope.as_deref().map(|scope| format!("scope: {}", text::clean(scope))));
    known.extend(registered(to));
    let sources: Vec<_> = to.sources.iter().map(|source| text::clean(source)).collect();
    if !sources.is_empty() {
        let sources = sources.join(", ");
        let ambiguous = if to.ambiguous { " (other names would do as well)" } else { "" };
        known.push(format!("name from: {sources}{ambiguous}"));
    }
    if !known.is_empty() {
        lines.extend(indented(&known.join("; "), paper));
    }
    if let Some(id) = to.behaviour.as_deref() {
        lines.extend(behaviour(id, to.behaviour_name.as_deref(), paper));
    }
    lines
}

/// Where the address is registered. That is not where the bytes go: one address can be in many places.
fn registered(to: &Destination) -> Option<String> {
    let network = to.asn.map(|asn| {
        let whose = text::clean(to.organisation.as_deref().unwrap_or_default());
        let others = if to.several_networks { " and others" } else { "" };
        format!("AS{asn} {whose}").trim_end().to_owned() + others
    });
    let Some(country) = to.country.as_deref().map(text::clean) else {
        return network.map(|network| format!("registered to: {network}"));
    };
    let elsewhere = if to.several_countries { " and elsewhere" } else { "" };
    let network = network.map_or_else(String::new, |network| format!(" ({network})"));
    Some(format!("registered in: {country}{elsewhere}{network}"))
}

/// What is documented. The agent may know more behaviours than this program.
fn behaviour(id: &str, title: Option<&str>, paper: &Paper) -> Vec<String> {
    let title = text::clean(title.unwrap_or_default());
    let mut lines = indented(&format!("behaviour: {} ({title})", text::clean(id)), paper);
    let Some(entry) = BehaviourId::by_name(id).map(BehaviourId::behaviour) else {
        return lines;
    };
    for claim in entry.claims {
        lines.extend(indented(claim, paper));
    }
    let grade = entry.grade.label();
    let sources = entry.sources.join(" ");
    lines.extend(
        indented(&format!("evidence {grade}, {}: {sources}", entry.observed), paper)
            .iter()
            .map(|line| paint(paper, DIM, line)),
    );
    lines
}

fn indented(line: &str, paper: &Paper) -> Vec<String> {
    let room = paper.width.saturating_sub(INDENT).max(1);
    let space = " ".repeat(INDENT.min(paper.width.saturating_sub(1)));
    text::wrap(line, room).iter().map(|line| format!("{space}{line}")).collect()
}

fn paint(paper: &Paper, style: &str, line: &str) -> String {
    if paper.colour { format!("{style}{line}{RESET}") } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::json::Totals;

    fn document() -> Document {
        let to = |name: &str, scope: &'static str, behaviour: Option<&'static str>| Destination {
            name: name.to_owned(),
            company: Some("OnePlus".into()),
            behaviour: behaviour.map(Into::into),
            behaviour_name: behaviour.map(Into::into),
            scope: Some(scope.into()),
            sources: vec!["dns".into(), "tls_sni".into()],
            ambiguous: true,
            country: Some("FR".to_owned()),
            asn: Some(3215),
            several_countries: false,
            organisation: Some("Orange".to_owned()),
            several_networks: false,
            totals: Totals { sent_bytes: 1_500, connections: 1, ..Totals::default() },
            first_seen_unix_ms: 1_000,
            last_seen_unix_ms: 61_000,
        };
        let app = |id: &str, name: Option<&str>| App {
            kind: "desktop".into(),
            id: id.to_owned(),
            rung: "desktop_unit".into(),
            name: name.map(str::to_owned),
            destinations: vec![
                to("oneplus.net", "internet", Some("oneplus-device-manager")),
                to("evil\u{1b}[2J.test", "loopback", None),
            ],
            ..App::default()
        };
        Document {
            taken_unix_ms: 121_000,
            apps: vec![app("org.example.One", Some("One")), app("two", Some("one two"))],
            ..Document::default()
        }
    }

    #[test]
    fn apps_are_found_by_what_people_type() {
        let document = document();
        let found = |called: &str| -> Vec<&str> {
            find(&document, called).into_iter().map(|app| app.id.as_str()).collect()
        };
        assert_eq!(found("ORG.example.one"), ["org.example.One"]);
        assert_eq!(found("one"), ["org.example.One"], "the whole name before a part of another");
        assert_eq!(found("Two"), ["two"]);
        assert_eq!(found("o"), ["org.example.One", "two"]);
        assert!(found("three").is_empty());
    }

    #[test]
    fn a_page_says_what_is_known_and_fits() {
        let document = document();
        for width in [20, 40, 80, 200] {
            let paper = Paper { loopback: false, width, colour: false };
            let lines = render(&document, &document.apps[0], &paper);
            for line in &lines {
                let is_link = line.contains("https://");
                assert!(text::columns(line) <= width || is_link, "{width}: {line}");
            }
            let page = lines.join(" ");
            assert!(!page.contains("evil"), "loopback was not asked for: {page}");
        }
        let paper = Paper { loopback: true, width: 200, colour: false };
        let page = render(&document, &document.apps[0], &paper).join("\n");
        for said in [
            "One (org.example.One)",
            "sent 1.50 kB, received 0 B, 1 connection, first 2m ago, last 1m ago",
            "company: OnePlus; scope: internet; registered in: FR (AS3215 Orange); name from: dns, tls_sni \
             (other names would do as well)",
            "behaviour: oneplus-device-manager",
            "ocumented as",
            "evil",
        ] {
            assert!(page.contains(said), "{said:?} is not in:\n{page}");
        }
        assert!(!page.contains('\u{1b}'), "{page}");
    }

    #[test]
    fn a_page_says_where_addresses_are_registered_and_nothing_more() {
        let to = |country: Option<&str>, asn, organisation: Option<&str>| Destination {
            country: country.map(str::to_owned),
            asn,
            organisation: organisation.map(str::to_owned),
            ..Destination::default()
        };
        let said = |to: &Destination| registered(to).unwrap_or_default();
        assert_eq!(registered(&to(None, None, Some("Orange"))), None);
        assert_eq!(said(&to(Some("FR"), None, None)), "registered in: FR");
        assert_eq!(said(&to(None, Some(3215), Some("Orange"))), "registered to: AS3215 Orange");
        let hostile = to(Some("F\u{1b}"), Some(1), Some("\u{1b}[2J"));
        assert!(!said(&hostile).contains('\u{1b}'), "{}", said(&hostile));
        let mut several = to(Some("FR"), Some(3215), None);
        several.several_countries = true;
        several.several_networks = true;
        assert_eq!(said(&several), "registered in: FR and elsewhere (AS3215 and others)");
    }
}
