//! The parts of a memory as bytes. Each type is written and read in two functions that stand
//! together: what one does, the other undoes in the same order.

use std::collections::BTreeMap;

use super::bytes::{Reader, Writer};
use super::told::{read_findings, read_report, write_findings, write_report};
use crate::memory::app::{App, Apps, COMPANIES_MAX, Novelty, OTHER};
use crate::memory::hash::Salt;
use crate::memory::key::{INTERVAL_BINS, Id, Key, Masks, Streak, Sums};
use crate::memory::periods::{DAYS_MAX, HOURS_MAX, MONTHS_MAX, Period, Periods};
use crate::memory::ring::{EVENTS_MAX, Ring};
use crate::memory::tail::{Rest, Tail, TailId};
use crate::memory::timeline::{Doubt, Timeline};
use crate::memory::{AppKey, Limits, Memory, Retention};

pub(super) fn write(w: &mut Writer, memory: &Memory) {
    w.raw(&memory.salt.to_bytes());
    write_line(w, &memory.line);
    w.number(memory.begins);
    w.number(memory.folded);
    w.number(memory.swept);
    write_apps(w, &memory.apps);
    w.length(memory.keys.len());
    for (id, key) in &memory.keys {
        write_key(w, *id, key);
    }
    write_tail(w, &memory.tail);
    write_findings(w, &memory.findings);
    write_report(w, &memory.report);
}

pub(super) fn read(r: &mut Reader<'_>, limits: Limits, retention: Retention) -> Option<Memory> {
    let salt = Salt::new(r.raw()?);
    let line = read_line(r)?;
    let begins = r.number()?;
    let folded = r.number()?;
    let swept = r.number()?;
    let apps = read_apps(r)?;
    let keys: BTreeMap<Id, Key> = r.list(read_key)?.into_iter().collect();
    let tail = read_tail(r)?;
    let findings = read_findings(r)?;
    let report = read_report(r)?;
    let is_known = |app: u16| apps.get(app).is_some();
    let is_whole = keys.keys().all(|id| is_known(id.app))
        && findings.found.keys().all(|(_, id)| is_known(id.app))
        && is_known(OTHER);
    let mut memory = Memory {
        limits,
        retention,
        salt,
        line,
        begins,
        apps,
        keys,
        tail,
        findings,
        report,
        folded,
        swept,
        has_changed: false,
    };
    // Bounds may have become smaller. Apps stay until they have been silent for long.
    let t = memory.line.last;
    while memory.keys.len() > memory.limits.keys_max {
        memory.make_room(t);
    }
    memory.findings.make_room(memory.limits.findings_max, &memory.line, t);
    is_whole.then_some(memory)
}

fn write_line(w: &mut Writer, line: &Timeline) {
    w.raw(&line.boot_id);
    w.signed(line.offset);
    w.flag(line.is_dated);
    w.flag(line.was_dated);
    w.number(line.start);
    w.number(line.last);
    w.number(line.boot_s);
    w.number(line.uptime);
    w.number(line.boots);
    for reached in line.reached {
        w.number(reached);
    }
    w.flag(line.doubt.is_some());
    if let Some(doubt) = line.doubt {
        w.signed(doubt.offset);
        w.number(doubt.since_boot_s);
    }
}

/// Seconds between two clocks: times have 32 bits.
fn read_offset(r: &mut Reader<'_>) -> Option<i64> {
    r.signed().filter(|offset| offset.unsigned_abs() < 1 << 33)
}

fn read_line(r: &mut Reader<'_>) -> Option<Timeline> {
    Some(Timeline {
        boot_id: r.raw()?,
        offset: read_offset(r)?,
        is_dated: r.flag()?,
        was_dated: r.flag()?,
        start: r.number()?,
        last: r.number()?,
        boot_s: r.number()?,
        uptime: r.number()?,
        boots: r.number()?,
        reached: [r.number()?, r.number()?],
        doubt: if r.flag()? {
            Some(Doubt { offset: read_offset(r)?, since_boot_s: r.number()? })
        } else {
            None
        },
    })
}

pub(super) fn write_sums(w: &mut Writer, sums: Sums) {
    w.number(sums.contacts);
    w.number(sums.tx_bytes);
    w.number(sums.rx_bytes);
}

pub(super) fn read_sums(r: &mut Reader<'_>) -> Option<Sums> {
    Some(Sums { contacts: r.number()?, tx_bytes: r.number()?, rx_bytes: r.number()? })
}

/// A text that may be missing: then it is empty.
pub(super) struct Maybe {
    pub(super) text: Option<Box<str>>,
}

pub(super) fn write_maybe(w: &mut Writer, text: Option<&str>) {
    w.text(text.unwrap_or_default());
}

pub(super) fn read_maybe(r: &mut Reader<'_>) -> Option<Maybe> {
    r.text().map(|text| Maybe { text: Some(text).filter(|text| !text.is_empty()) })
}

pub(super) fn write_app_key(w: &mut Writer, key: &AppKey) {
    w.text(&key.kind);
    w.text(&key.id);
}

pub(super) fn read_app_key(r: &mut Reader<'_>) -> Option<AppKey> {
    Some(AppKey { kind: r.text()?, id: r.text()? })
}

fn write_apps(w: &mut Writer, apps: &Apps) {
    w.number(apps.capped);
    w.length(apps.iter().count());
    for (slot, app) in apps.iter() {
        w.number(slot);
        write_app_key(w, &app.key);
        w.number(app.first);
        w.number(app.last);
        write_sums(w, app.sums);
        write_sums(w, app.other);
        for periods in [&app.periods.hours, &app.periods.days, &app.periods.months] {
            write_periods(w, periods);
        }
        write_sums(w, app.periods.undated);
        w.length(app.companies.len());
        app.companies.iter().for_each(|hash| w.raw(&hash.to_le_bytes()));
        w.number(app.novelty.count);
        w.number(app.novelty.since);
    }
}

fn read_apps(r: &mut Reader<'_>) -> Option<Apps> {
    let capped = r.number()?;
    let list = r.list(|r| Some((r.number::<u16>()?, read_app(r)?)))?;
    let mut slots: Vec<Option<App>> = Vec::new();
    let mut index = BTreeMap::new();
    for (slot, app) in list {
        let place = usize::from(slot);
        if place < slots.len() || index.insert(app.key.clone(), slot).is_some() {
            return None;
        }
        slots.resize_with(place, || None);
        slots.push(Some(app));
    }
    (index.get(&AppKey::other()) == Some(&OTHER)).then_some(Apps { slots, index, capped })
}

fn read_app(r: &mut Reader<'_>) -> Option<App> {
    Some(App {
        key: read_app_key(r)?,
        first: r.number()?,
        last: r.number()?,
        sums: read_sums(r)?,
        other: read_sums(r)?,
        periods: Periods {
            hours: read_periods(r, HOURS_MAX)?,
            days: read_periods(r, DAYS_MAX)?,
            months: read_periods(r, MONTHS_MAX)?,
            undated: read_sums(r)?,
        },
        companies: {
            let hashes = r.list(|r| r.raw().map(u32::from_le_bytes))?;
            Some(hashes).filter(|hashes| hashes.is_sorted() && hashes.len() <= COMPANIES_MAX)?
        },
        novelty: Novelty { count: r.number()?, since: r.number()? },
    })
}

fn write_periods(w: &mut Writer, periods: &[Period]) {
    w.length(periods.len());
    let mut before = 0;
    for period in periods {
        w.number(period.number - before);
        before = period.number;
        w.number(period.tx_bytes);
        w.number(period.rx_bytes);
    }
}

fn read_periods(r: &mut Reader<'_>, max: usize) -> Option<Vec<Period>> {
    let mut before = 0_u32;
    let periods = r.list(|r| {
        before = before.checked_add(r.number()?)?;
        Some(Period { number: before, tx_bytes: r.number()?, rx_bytes: r.number()? })
    })?;
    let is_sorted = periods.is_sorted_by(|one, next| one.number < next.number);
    (is_sorted && periods.len() <= max).then_some(periods)
}

fn write_key(w: &mut Writer, id: Id, key: &Key) {
    w.number(id.app);
    w.raw(&id.name.to_le_bytes());
    w.text(&key.destination);
    write_maybe(w, key.behaviour.as_deref());
    write_maybe(w, key.company.as_deref());
    w.byte(u8::from(key.is_benign) | u8::from(key.is_detail) << 1);
    write_sums(w, key.sums);
    w.number(key.first);
    w.number(key.last);
    w.number(key.first_boot_s);
    w.number(key.first_uptime);
    w.number(key.events);
    write_ring(w, &key.ring);
    // Most bins are empty.
    let bins = (0_u8..).zip(&key.intervals).filter(|(_, count)| **count > 0);
    w.length(bins.clone().count());
    for (bin, count) in bins {
        w.byte(bin);
        w.number(*count);
    }
    w.number(key.masks.hours);
    w.number(key.masks.days);
    w.byte(key.masks.weekdays);
    for pair in [[key.present, key.away], key.born, key.after_boot, key.last_boot] {
        for value in pair {
            w.number(value);
        }
    }
    w.number(key.streak.period);
    w.byte(key.streak.rings);
}

fn read_key(r: &mut Reader<'_>) -> Option<(Id, Key)> {
    let id = Id { app: r.number()?, name: u64::from_le_bytes(r.raw()?) };
    let destination = r.text()?;
    let behaviour = read_maybe(r)?.text;
    let company = read_maybe(r)?.text;
    let flags = r.byte().filter(|flags| *flags < 4)?;
    let key = Key {
        destination,
        behaviour,
        company,
        is_benign: flags & 1 > 0,
        is_detail: flags & 2 > 0,
        sums: read_sums(r)?,
        first: r.number()?,
        last: r.number()?,
        first_boot_s: r.number()?,
        first_uptime: r.number()?,
        events: r.number()?,
        ring: read_ring(r)?,
        intervals: read_intervals(r)?,
        masks: Masks { hours: r.number()?, days: r.number()?, weekdays: r.byte()? },
        present: r.number()?,
        away: r.number()?,
        born: [r.number()?, r.number()?],
        after_boot: [r.number()?, r.number()?],
        last_boot: [r.number()?, r.number()?],
        streak: Streak { period: r.number()?, rings: r.byte()? },
    };
    Some((id, key))
}

fn write_ring(w: &mut Writer, ring: &Ring) {
    w.byte(ring.run());
    w.length(ring.times().len());
    let mut before = 0;
    for t in ring.times() {
        w.number(t - before);
        before = *t;
    }
}

fn read_ring(r: &mut Reader<'_>) -> Option<Ring> {
    let run = r.byte()?;
    let mut before = 0_u32;
    let times = r.list(|r| {
        before = before.checked_add(r.number()?)?;
        Some(before)
    })?;
    (times.len() <= EVENTS_MAX).then(|| Ring::of(&times, run))
}

fn read_intervals(r: &mut Reader<'_>) -> Option<[u16; INTERVAL_BINS]> {
    let mut intervals = [0; INTERVAL_BINS];
    for (bin, count) in r.list(|r| Some((r.byte()?, r.number::<u16>()?)))? {
        *intervals.get_mut(usize::from(bin))? = count;
    }
    Some(intervals)
}

fn write_tail(w: &mut Writer, tail: &Tail) {
    w.number(tail.dropped);
    w.length(tail.rests.len());
    for (id, rest) in &tail.rests {
        for value in [id.app, id.destination, rest.first, rest.last, rest.count, rest.days] {
            w.raw(&value.to_le_bytes());
        }
    }
}

fn read_tail(r: &mut Reader<'_>) -> Option<Tail> {
    let dropped = r.number()?;
    let rests = r.list(|r| {
        let mut word = || r.raw().map(u32::from_le_bytes);
        let id = TailId { app: word()?, destination: word()? };
        Some((id, Rest { first: word()?, last: word()?, count: word()?, days: word()? }))
    })?;
    Some(Tail { rests: rests.into_iter().collect(), dropped })
}
