//! How the samples of the metrics are read from a snapshot.

use std::collections::BTreeSet;

use crate::event::{Scope, Volume};
use crate::export::snapshot::{InterfaceRow, ShareRow};
use crate::ledger::Totals;
use crate::memory;
use crate::naming::Reason;
use crate::naming::company::CompanyId;

use super::destinations::DestinationSeries;
use super::series::{AppSeries, label_value};
use super::{Samples, View};

pub(super) fn per_class(view: &View<'_>, out: &mut Samples, value: fn(&Totals) -> u64) {
    for app in &view.apps.rows {
        for (protocol, scope, totals) in app.classes.iter() {
            let labels = [&app.app, app.kind.label(), protocol.label(), scope.label()];
            out.push(&labels, number(value(totals)));
        }
    }
}

pub(super) fn per_app(view: &View<'_>, out: &mut Samples, value: fn(&AppSeries<'_>) -> f64) {
    for app in &view.apps.rows {
        out.push(&[&app.app, app.kind.label()], value(app));
    }
}

pub(super) fn per_destination(
    view: &View<'_>,
    out: &mut Samples,
    value: fn(&DestinationSeries) -> f64,
) {
    for app in &view.apps.rows {
        for to in app.destinations.iter() {
            let labels = [
                &*app.app,
                app.kind.label(),
                &to.destination,
                to.company.map_or("", CompanyId::name),
                to.behaviour.map_or("", |behaviour| behaviour.behaviour().id),
                to.scope.map_or("", Scope::label),
            ];
            out.push(&labels, value(to));
        }
    }
}

/// Beacons that have series, the first found first.
const BEACONS_MAX: usize = 100;

pub(super) fn beacons(view: &View<'_>, out: &mut Samples) {
    let findings = view.snapshot.memory.iter().flat_map(|memory| &memory.findings);
    let mut told = BTreeSet::new();
    for finding in findings {
        let is_beacon = matches!(
            finding.kind,
            memory::Kind::Regular | memory::Kind::Floating | memory::Kind::Calendar
        );
        let seconds = finding.evidence.period_s;
        if !is_beacon || finding.state != memory::State::Active || seconds == 0 {
            continue;
        }
        let app = label_value(&finding.app.id);
        let labels = [&*app, &*finding.app.kind, &*finding.destination];
        if told.len() < BEACONS_MAX && told.insert(labels.map(str::to_owned)) {
            out.push(&labels, f64::from(seconds));
        }
    }
}

pub(super) fn per_source(view: &View<'_>, out: &mut Samples, value: fn(&ShareRow) -> u64) {
    for row in &view.snapshot.shares {
        let reason = row.reason.map_or("", Reason::code);
        out.push(&[row.source.label(), reason, row.scope.label()], number(value(row)));
    }
}

pub(super) fn per_device(view: &View<'_>, out: &mut Samples, value: fn(&InterfaceRow) -> f64) {
    for row in &view.snapshot.interfaces {
        out.push(&[&row.name], value(row));
    }
}

/// `parts` are the bytes of the interface, those attributed, and those of link headers.
///
/// The rest keeps its sign, so that the parts always add up to the whole.
pub(super) fn unattributed(
    view: &View<'_>,
    out: &mut Samples,
    parts: fn(&InterfaceRow) -> (u64, u64, u64),
) {
    for row in &view.snapshot.interfaces {
        let (whole, attributed, link_headers) = parts(row);
        let rest = i128::from(whole) - i128::from(attributed) - i128::from(link_headers);
        out.push(&[&row.name, "link_headers"], number(link_headers));
        out.push(&[&row.name, "other"], signed(rest));
    }
}

pub(super) fn over(view: &View<'_>, out: &mut Samples, value: fn(&Volume) -> u64) {
    for (cause, sent, received) in &view.snapshot.health.over {
        out.push(&["transmit", cause], number(value(sent)));
        out.push(&["receive", cause], number(value(received)));
    }
}

/// A count as a sample's value. Prometheus keeps floating-point numbers: beyond 2^53 (9 petabytes)
/// the last digits go, here as there.
#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

/// A difference of counts, within the limit of [`number`].
#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers")]
pub(super) fn signed(difference: i128) -> f64 {
    difference as f64
}

/// Milliseconds as seconds, the base unit.
pub(super) fn seconds(milliseconds: u64) -> f64 {
    number(milliseconds) / 1000.0
}
