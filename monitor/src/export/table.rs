//! A document as a table for a terminal. Pure: documents and sizes in, lines out.

use std::collections::BTreeMap;

use super::json::{App, Destination, Document, Totals};
use super::text;

mod before;
mod detail;
mod layout;

use before::Before;
use layout::{Cell, Column, GAP, Layout};

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const YELLOW: &str = "\x1b[33m";
const RESET: &str = "\x1b[0m";

/// What to show, and in which room.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The document to show.
    pub document: &'a Document,
    /// Whether there are columns for what goes on now.
    pub rates: Rates<'a>,
    /// Whether traffic within the device counts as well.
    pub loopback: bool,
    /// Columns of the terminal; no line is longer.
    pub width: usize,
    /// Whether each app is followed by its destinations, a line each.
    pub destinations: bool,
    /// Lines of the terminal, or no limit.
    pub height: Option<usize>,
    /// Whether lines may have colours (ECMA-48 sequences).
    pub colour: bool,
}

/// What the rates are told from.
#[derive(Clone, Copy, Debug)]
pub enum Rates<'a> {
    /// No rates.
    None,
    /// Rates since an earlier document of the same agent, once there is one.
    Since(Option<&'a Document>),
}

/// The lines of the table, without newlines.
pub fn render(view: &View<'_>) -> Vec<String> {
    let rows = rows(view);
    let mut lines = summary(view, &rows);
    if rows.is_empty() {
        lines.push(text::cut_end("No traffic yet.", view.width));
        return fit_height(lines, 0, &[], view);
    }
    let longest = rows.iter().map(Row::name_columns).max().unwrap_or_default();
    let layout = Layout::new(view.width, matches!(view.rates, Rates::Since(_)), longest);
    let head =
        layout.line(|column| Cell::plain(text::cut_end(column.title(), layout.columns(column))));
    lines.push(paint(view, BOLD, &head));
    let above = lines.len();
    let mut starts = Vec::new();
    for row in &rows {
        starts.push(lines.len());
        lines.push(layout.line(|column| row.cell(column, &layout, view)));
        if view.destinations {
            lines.extend(detail::lines(row.app, view));
        }
    }
    fit_height(lines, above, &starts, view)
}

/// Leaves out the last apps where the terminal has no lines for them, and says how many.
/// `starts` are the lines at which apps begin.
fn fit_height(
    mut lines: Vec<String>,
    above: usize,
    starts: &[usize],
    view: &View<'_>,
) -> Vec<String> {
    let Some(height) = view.height.filter(|&height| lines.len() > height) else {
        return lines;
    };
    lines.truncate(height.saturating_sub(1).max(above));
    let hidden = starts.iter().filter(|start| **start >= lines.len()).count();
    let apps = if hidden == 1 { "app" } else { "apps" };
    lines.push(text::cut_end(&format!("… and {hidden} more {apps}"), view.width));
    lines.truncate(height);
    lines
}

/// An app, ready to be shown.
struct Row<'a> {
    app: &'a App,
    name: String,
    /// The kind of app, where the name does not show it.
    suffix: Option<String>,
    totals: Totals,
    /// Bytes per second sent and received, once known.
    rate: Option<(u64, u64)>,
    last_seen_unix_ms: u64,
    destinations: Vec<String>,
}

fn rows<'a>(view: &View<'a>) -> Vec<Row<'a>> {
    let mut names = BTreeMap::new();
    for app in &view.document.apps {
        *names.entry(display_name(app)).or_insert(0_usize) += 1;
    }
    let before = Before::new(view);
    let mut rows: Vec<Row<'_>> = view
        .document
        .apps
        .iter()
        .filter_map(|app| {
            let totals = total(app, view.loopback);
            if totals == Totals::default() {
                return None;
            }
            let mut name = display_name(app);
            // Whoever calls itself like another app is shown by what tells the two apart.
            if names.get(&name).is_some_and(|&apps| apps > 1) {
                name = text::clean(&app.id);
            }
            if name.is_empty() {
                "(no name)".clone_into(&mut name);
            }
            let counted = |scope: Option<&str>| {
                view.loopback || scope.is_none_or(|scope| scope != "loopback")
            };
            let shown = || app.destinations.iter().filter(|to| counted(to.scope.as_deref()));
            Some(Row {
                app,
                name,
                suffix: suffix(app),
                totals,
                rate: before.as_ref().map(|before| before.rate(app, totals)),
                last_seen_unix_ms: shown()
                    .map(|to| to.last_seen_unix_ms)
                    .max()
                    .unwrap_or(app.last_seen_unix_ms),
                destinations: distinct(shown()),
            })
        })
        .collect();
    // Who sends now comes first: on a small screen the others are out of sight.
    rows.sort_by(|a, b| {
        let key = |row: &Row<'_>| (row.rate.unwrap_or_default().0, row.totals.sent_bytes);
        key(b).cmp(&key(a)).then_with(|| a.name.cmp(&b.name))
    });
    rows
}

/// The names of destinations, each once, with what they are documented as.
fn distinct<'a>(destinations: impl Iterator<Item = &'a Destination>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for to in destinations {
        let name = match to.behaviour.as_deref() {
            Some(behaviour) => format!("{} ({behaviour})", to.name),
            None => to.name.clone(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn display_name(app: &App) -> String {
    let name = app.name.as_deref().map(text::clean).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| text::clean(&app.id))
}

fn suffix(app: &App) -> Option<String> {
    match app.kind.as_ref() {
        "desktop" | "executable" | "kernel" | "unknown" | "other" => None,
        // `cups.service` says it already.
        "service" | "user_service" if app.id.ends_with(".service") => None,
        kind => Some(text::clean(kind).replace('_', " ")),
    }
}

fn total(app: &App, loopback: bool) -> Totals {
    let mut sum = Totals::default();
    for class in app.classes.iter().filter(|class| loopback || class.scope != "loopback") {
        sum.add(class.totals);
    }
    sum
}

/// The lines above the table: the sums, and below them what went wrong, if anything did.
fn summary(view: &View<'_>, rows: &[Row<'_>]) -> Vec<String> {
    let document = view.document;
    let mut sum = Totals::default();
    for row in rows {
        sum.add(row.totals);
    }
    let age = document.taken_unix_ms.saturating_sub(document.started_unix_ms);
    let facts = vec![
        format!("{} {}", rows.len(), if rows.len() == 1 { "app" } else { "apps" }),
        format!("sent {}", text::bytes(sum.sent_bytes)),
        format!("received {}", text::bytes(sum.received_bytes)),
        match age {
            0..2_000 => "counting since now".to_owned(),
            _ => format!("counting for {}", text::span(age)),
        },
    ];
    let mut lines = pack(facts, view.width);
    lines.extend(pack(notes(document), view.width).iter().map(|line| paint(view, YELLOW, line)));
    lines
}

/// What the numbers miss.
fn notes(document: &Document) -> Vec<String> {
    let health = &document.health;
    let mut notes = Vec::new();
    notes.extend(unattributed(document));
    let unreadable = health.records_truncated.saturating_add(health.records_unknown);
    for (what, number) in [
        ("records lost", health.records_lost),
        ("records unreadable", unreadable),
        ("apps without a row", health.apps_capped),
        ("destinations without a row", health.destinations_capped),
    ] {
        if number > 0 {
            notes.push(format!("{what}: {}", text::count(number)));
        }
    }
    for over in &health.over {
        let bytes = over.sent_bytes.saturating_add(over.received_bytes);
        if bytes > 0 {
            let cause = text::clean(&over.cause).replace('_', " ");
            notes.push(format!("no app ({cause}): {}", text::bytes(bytes)));
        }
    }
    for hook in health.hooks.iter().filter(|hook| !hook.attached) {
        notes.push(format!("not attached: {}", text::clean(&hook.name)));
    }
    notes
}

/// How much of what the busiest interface sent is nobody's.
fn unattributed(document: &Document) -> Option<String> {
    let outward = document.interfaces.iter().filter(|interface| interface.name != "lo");
    let busiest = outward.max_by_key(|interface| interface.sent_bytes)?;
    let known = busiest.attributed_sent_bytes.saturating_add(busiest.link_header_sent_bytes);
    let missing = busiest.sent_bytes.saturating_sub(known);
    // A share of 0 needs no line; in tenths of a percent.
    let share = u128::from(missing) * 1_000 / u128::from(busiest.sent_bytes.max(1));
    let share = match (missing, share) {
        (0, _) => return None,
        (_, 0) => "<0.1".to_owned(),
        (_, share) => format!("{}.{}", share / 10, share % 10),
    };
    Some(format!("{}: {share} % of the bytes sent are nobody's", text::clean(&busiest.name)))
}

/// Items side by side, as many on a line as fit.
fn pack(items: Vec<String>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if text::columns(line) + GAP + text::columns(&item) <= width => {
                line.push_str("  ");
                line.push_str(&item);
            }
            _ => lines.push(text::cut_end(&item, width)),
        }
    }
    lines
}

fn paint(view: &View<'_>, style: &str, line: &str) -> String {
    if view.colour && !line.is_empty() { format!("{style}{line}{RESET}") } else { line.to_owned() }
}

impl Row<'_> {
    fn name_columns(&self) -> usize {
        let suffix = self.suffix.as_ref().map_or(0, |suffix| 1 + text::columns(suffix));
        text::columns(&self.name) + suffix
    }

    fn cell(&self, column: Column, layout: &Layout, view: &View<'_>) -> Cell {
        let rate = |rate: Option<u64>| match rate {
            None => String::new(),
            Some(0) => "-".to_owned(),
            Some(rate) => text::bytes(rate),
        };
        Cell::plain(match column {
            Column::App => return self.app(layout.columns(column), view),
            Column::Sent => text::bytes(self.totals.sent_bytes),
            Column::Received => text::bytes(self.totals.received_bytes),
            Column::SentNow => rate(self.rate.map(|(sent, _)| sent)),
            Column::ReceivedNow => rate(self.rate.map(|(_, received)| received)),
            Column::Connections => text::count(self.totals.connections),
            Column::Failed => text::count(self.totals.failures),
            Column::Last => {
                text::span(view.document.taken_unix_ms.saturating_sub(self.last_seen_unix_ms))
            }
            Column::Destinations => self.top_destinations(layout.columns(column)),
        })
    }

    fn app(&self, room: usize, view: &View<'_>) -> Cell {
        match &self.suffix {
            Some(suffix) if self.name_columns() <= room => Cell {
                text: format!("{} {}", self.name, paint(view, DIM, suffix)),
                columns: self.name_columns(),
            },
            _ if self.name.starts_with('/') => Cell::plain(text::cut_start(&self.name, room)),
            _ => Cell::plain(text::cut_end(&self.name, room)),
        }
    }

    /// As many as fit, and the number of the others.
    fn top_destinations(&self, room: usize) -> String {
        let mut best = String::new();
        let mut joined = String::new();
        for (i, destination) in self.destinations.iter().enumerate() {
            if i > 0 {
                joined.push_str(", ");
            }
            joined.push_str(&text::clean(destination));
            let others = self.destinations.len() - i - 1;
            let with_others =
                if others > 0 { format!("{joined} +{others}") } else { joined.clone() };
            if text::columns(&with_others) <= room {
                best = with_others;
            } else if text::columns(&joined) > room {
                break;
            }
        }
        if best.is_empty() { text::cut_end(&joined, room) } else { best }
    }
}

#[cfg(test)]
mod tests;
