//! Rates: what two documents of one agent differ in, by the time between them.

use std::collections::BTreeMap;

use super::{Rates, View, total};
use crate::export::json::{App, Totals};

/// An earlier document to tell rates from.
pub(super) struct Before<'a> {
    totals: BTreeMap<(&'a str, &'a str), Totals>,
    milliseconds: u64,
}

impl<'a> Before<'a> {
    /// The earlier document of a view, if it can be compared with the present one.
    pub(super) fn new(view: &View<'a>) -> Option<Self> {
        let Rates::Since(Some(document)) = view.rates else {
            return None;
        };
        let milliseconds = view.document.taken_unix_ms.checked_sub(document.taken_unix_ms)?;
        // Another agent counts from zero; no time, no rate.
        if milliseconds == 0 || document.started_unix_ms != view.document.started_unix_ms {
            return None;
        }
        let totals = document.apps.iter().map(|app| (key(app), total(app, view.loopback)));
        Some(Self { totals: totals.collect(), milliseconds })
    }

    /// Bytes per second an app has sent and received since.
    pub(super) fn rate(&self, app: &App, now: Totals) -> (u64, u64) {
        let before = self.totals.get(&key(app)).copied().unwrap_or_default();
        let rate = |now: u64, before: u64| {
            now.saturating_sub(before).saturating_mul(1_000) / self.milliseconds
        };
        (rate(now.sent_bytes, before.sent_bytes), rate(now.received_bytes, before.received_bytes))
    }
}

fn key(app: &App) -> (&str, &str) {
    (&app.kind, &app.id)
}
