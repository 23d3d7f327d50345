//! `sortie app NAME`: one app and where it goes.

use super::{args, client};
use crate::config::Config;
use crate::export::json::{App, Document};
use crate::export::page::{self, Paper};
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
    let [app] = found.as_slice() else {
        return Err(Failure::Usage(not_one(&document, &args.name, &found)));
    };
    if args.json {
        let apps = vec![(*app).clone()];
        return super::print(&Document { apps, ..document.clone() }.to_json());
    }
    let paper = Paper { loopback: args.all, width: super::columns(), colour: super::colour() };
    super::print(&super::joined(&page::render(&document, app, &paper)))
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
