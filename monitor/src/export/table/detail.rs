//! An app's destinations, a line each: below its row, where that was asked for.

use super::{App, DIM, Destination, View, paint};
use crate::export::text;

/// Destinations of an app that are shown at most.
const SHOWN_MAX: usize = 10;

/// The lines below the row of an app.
pub(super) fn lines(app: &App, view: &View<'_>) -> Vec<String> {
    let counts = |to: &&Destination| {
        view.loopback || to.scope.as_deref().is_none_or(|scope| scope != "loopback")
    };
    let all: Vec<_> = app.destinations.iter().filter(counts).collect();
    let mut lines: Vec<_> = all.iter().take(SHOWN_MAX).map(|to| line(to, view)).collect();
    if all.len() > SHOWN_MAX {
        lines.push(format!("    … and {} more", all.len() - SHOWN_MAX));
    }
    lines.iter().map(|line| paint(view, DIM, &text::cut_end(line, view.width))).collect()
}

fn line(to: &Destination, view: &View<'_>) -> String {
    let ago = |then| text::ago(view.document.taken_unix_ms.saturating_sub(then));
    let mut facts = vec![
        text::clean(&to.name),
        format!("sent {}", text::bytes(to.totals.sent_bytes)),
        format!("received {}", text::bytes(to.totals.received_bytes)),
        format!("first {}, last {}", ago(to.first_seen_unix_ms), ago(to.last_seen_unix_ms)),
    ];
    facts.extend(to.behaviour.as_deref().map(text::clean));
    facts.extend(to.company.as_deref().map(text::clean));
    let sources: Vec<_> = to.sources.iter().map(|source| text::clean(source)).collect();
    facts.push(format!("by {}{}", sources.join(", "), if to.ambiguous { " (?)" } else { "" }));
    format!("    {}", facts.join("  "))
}
