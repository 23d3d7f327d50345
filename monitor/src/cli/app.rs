//! `sortie app NAME`: one app and where it goes.

use super::{args, client};
use crate::config::Config;
use crate::export::json::{App, Document};
use crate::export::page::{self, Paper};
use crate::export::remembered::{Past, PastApp};
use crate::export::text;
use crate::failure::Failure;

/// Apps that a message lists at most.
const LISTED_MAX: usize = 8;

/// Prints the page of an app, or its part of the document as JSON.
///
/// # Errors
///
/// Those of [`client::snapshot`], a name that no app or several have, and a standard output that cannot be
/// written to.
pub fn run(config: &Config, args: &args::App) -> Result<(), Failure> {
    let document = client::snapshot(config)?;
    let found = page::find(&document, &args.name);
    if found.is_empty() && !args.json {
        let paper = Paper { loopback: args.all, width: super::columns(), colour: super::colour() };
        if let Some(lines) = only_past(&client::past(config)?, &args.name, &paper) {
            return super::print(&super::joined(&lines));
        }
    }
    let [app] = found.as_slice() else {
        return Err(Failure::Usage(not_one(&document, &args.name, &found)));
    };
    if args.json {
        let apps = vec![(*app).clone()];
        return super::print(&Document { apps, ..document.clone() }.to_json());
    }
    let past = client::past(config)?;
    let paper = Paper { loopback: args.all, width: super::columns(), colour: super::colour() };
    let mut lines = page::render(&document, app, &paper);
    let is_it = |past: &&PastApp| past.kind == *app.kind && past.id == app.id;
    if let Some(past) = past.apps.iter().find(is_it) {
        lines.extend(months(past, &paper));
    }
    super::print(&super::joined(&lines))
}

/// What the app sent and received, month by month.
fn months(past: &PastApp, paper: &Paper) -> Vec<String> {
    let mut lines = Vec::new();
    for month in &past.months {
        let (year, of_year) = (month.number / 12, month.number % 12 + 1);
        let line = format!(
            "{year}-{of_year:02}  sent {}, received {}",
            text::bytes(month.sent_bytes),
            text::bytes(month.received_bytes)
        );
        lines.push(text::cut_end(&line, paper.width));
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

/// The same for an app that was not seen since the agent started.
fn only_past(past: &Past, name: &str, paper: &Paper) -> Option<Vec<String>> {
    let wanted = name.to_lowercase();
    let mut found = past.apps.iter().filter(|app| app.id.to_lowercase() == wanted);
    let (Some(app), None) = (found.next(), found.next()) else {
        return None;
    };
    let mut lines = vec![
        text::cut_end(&text::clean(&app.id), paper.width),
        "not seen since the agent started; remembered:".to_owned(),
    ];
    for to in &app.destinations {
        let line = format!(
            "    {}  sent {}, received {}, {} contacts",
            text::clean(&to.name),
            text::bytes(to.totals.sent_bytes),
            text::bytes(to.totals.received_bytes),
            text::count(to.totals.contacts)
        );
        lines.push(text::cut_end(&line, paper.width));
    }
    lines.extend(months(app, paper));
    Some(lines)
}

fn not_one(document: &Document, name: &str, found: &[&App]) -> String {
    let name = text::clean(name);
    let ids = |apps: &mut dyn Iterator<Item = &App>| {
        let ids: Vec<_> = apps.take(LISTED_MAX).map(|app| text::clean(&app.id)).collect();
        ids.join(", ")
    };
    if found.is_empty() {
        let some = ids(&mut document.apps.iter());
        let some = if some.is_empty() { "none so far".to_owned() } else { some };
        format!("no app is called `{name}`; `sortie apps` lists them: {some}")
    } else {
        let some = ids(&mut found.iter().copied());
        format!("{} apps are called `{name}`; say which: {some}", found.len())
    }
}
