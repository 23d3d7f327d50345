//! What was told, as bytes and back: findings, and the report of the first day.

use super::bytes::{Reader, Writer};
use super::parts::{read_app_key, read_maybe, read_sums, write_app_key, write_maybe, write_sums};
use crate::memory::finding::{Evidence, Kind};
use crate::memory::findings::{Findings, Found};
use crate::memory::key::{Id, Sums};
use crate::memory::sealed::{LINES_MAX, Line, Origin, Report};

pub(super) fn write_findings(w: &mut Writer, findings: &Findings) {
    w.number(findings.dropped);
    w.length(findings.found.len());
    for ((kind, id), found) in &findings.found {
        w.byte(kind.code());
        w.number(id.app);
        w.raw(&id.name.to_le_bytes());
        w.text(&found.destination);
        write_maybe(w, found.behaviour.as_deref());
        write_maybe(w, found.company.as_deref());
        w.number(found.first);
        w.number(found.last);
        w.number(found.last_uptime);
        let evidence = &found.evidence;
        for value in [evidence.period_s, evidence.seen, evidence.possible, evidence.known_s] {
            w.number(value);
        }
        let Evidence { contacts, tx_bytes, rx_bytes, .. } = *evidence;
        write_sums(w, Sums { contacts, tx_bytes, rx_bytes });
        w.number(evidence.present);
        w.number(evidence.away);
        w.byte(evidence.day);
        w.byte(evidence.hour_1);
        w.number(evidence.after_boot_s.0);
        w.number(evidence.after_boot_s.1);
    }
}

pub(super) fn read_findings(r: &mut Reader<'_>) -> Option<Findings> {
    let dropped = r.number()?;
    let found = r.list(|r| {
        let kind = Kind::of(r.byte()?)?;
        let id = Id { app: r.number()?, name: u64::from_le_bytes(r.raw()?) };
        Some(((kind, id), read_found(r)?))
    })?;
    Some(Findings { found: found.into_iter().collect(), dropped, ..Findings::default() })
}

fn read_found(r: &mut Reader<'_>) -> Option<Found> {
    Some(Found {
        destination: r.text()?,
        behaviour: read_maybe(r)?.text,
        company: read_maybe(r)?.text,
        first: r.number()?,
        last: r.number()?,
        last_uptime: r.number()?,
        evidence: Evidence {
            period_s: r.number()?,
            seen: r.number()?,
            possible: r.number()?,
            known_s: r.number()?,
            contacts: r.number()?,
            tx_bytes: r.number()?,
            rx_bytes: r.number()?,
            present: r.number()?,
            away: r.number()?,
            day: r.byte().filter(|day| *day <= 31)?,
            hour_1: r.byte().filter(|hour| *hour <= 24)?,
            after_boot_s: (r.number()?, r.number()?),
        },
    })
}

pub(super) fn write_report(w: &mut Writer, report: &Report) {
    w.flag(report.origin == Origin::FirstBoot);
    w.flag(report.is_sealed);
    w.number(report.begins);
    write_sums(w, report.other);
    w.length(report.lines.len());
    for line in &report.lines {
        write_app_key(w, &line.app);
        w.text(&line.destination);
        write_maybe(w, line.behaviour.as_deref());
        write_sums(w, line.sums);
        w.number(line.first_s);
        w.number(line.last_s);
    }
}

pub(super) fn read_report(r: &mut Reader<'_>) -> Option<Report> {
    Some(Report {
        origin: if r.flag()? { Origin::FirstBoot } else { Origin::Installed },
        is_sealed: r.flag()?,
        begins: r.number()?,
        other: read_sums(r)?,
        lines: {
            let lines = r.list(read_report_line)?;
            Some(lines).filter(|lines| lines.len() <= LINES_MAX)?
        },
    })
}

fn read_report_line(r: &mut Reader<'_>) -> Option<Line> {
    Some(Line {
        app: read_app_key(r)?,
        destination: r.text()?,
        behaviour: read_maybe(r)?.text,
        sums: read_sums(r)?,
        first_s: r.number()?,
        last_s: r.number()?,
    })
}
