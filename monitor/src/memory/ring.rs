//! The last events of a key: when they began.
//!
//! Contacts that follow each other closely are one event. How close depends on how far events are
//! apart: a beacon that opens three connections within a minute every four hours sends once every
//! four hours, one that opens a connection every minute does not.

/// Events that are remembered.
pub(super) const EVENTS_MAX: usize = 16;
/// Contacts further apart than this, in seconds, are never one event.
const MERGE_MAX: u32 = 600;
/// The share of the interval within which contacts are one event.
const MERGE_SHARE: u32 = 20;
/// Contacts at most this many seconds apart are always one event.
const MERGE_MIN: u32 = 2;
/// So many contacts that are no burst, and yet in one event: what was slow has become fast.
const RUN_MAX: u8 = 64;
/// Contacts this many seconds apart are no burst.
const RUN_GAP: u32 = 5;

/// When the last events began, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ring {
    times: [u32; EVENTS_MAX],
    len: u8,
    run: u8,
}

impl Ring {
    /// A ring of these times; the latest ones if there are too many, in order. `run` as it was.
    pub(super) fn of(times: &[u32], run: u8) -> Self {
        let mut ring = Self { run: run.min(RUN_MAX), ..Self::default() };
        for t in times {
            ring.insert(*t);
        }
        ring
    }

    pub(super) fn times(&self) -> &[u32] {
        self.times.get(..self.len.into()).unwrap_or_default()
    }

    /// Contacts in the last event that were no burst.
    pub(super) fn run(&self) -> u8 {
        self.run
    }

    /// Adds a contact at `t`; `last` is the time of the one before. True when an event begins.
    /// `resolution` is by how many seconds `t` may be off.
    pub(super) fn add(&mut self, t: u32, last: u32, resolution: u16) -> bool {
        let floor = MERGE_MIN.max(u32::from(resolution) * 5 / 2);
        let window = self.merge_window().max(floor);
        let Some(newest) = self.times().last().copied() else {
            self.insert(t);
            return true;
        };
        if t < last {
            let near = |event: &u32| event.abs_diff(t) <= window;
            if self.times().iter().any(near) || last - t <= window {
                return false;
            }
            self.insert(t);
            return true;
        }
        let gap = t.saturating_sub(last.max(newest));
        if gap <= window {
            let is_burst = gap < RUN_GAP || gap <= floor;
            self.run = if is_burst { self.run } else { self.run + 1 };
            if self.run < RUN_MAX {
                return false;
            }
            *self = Self::default();
            self.insert(t);
            return true;
        }
        self.run = 0;
        self.collapse((gap / MERGE_SHARE).min(MERGE_MAX));
        self.insert(t);
        true
    }

    /// The latest events that are at most `window` apart become one: a gap so long shows that they
    /// were.
    fn collapse(&mut self, window: u32) {
        while let [.., before, after] = self.times()
            && after.saturating_sub(*before) <= window
        {
            self.len -= 1;
            self.times[usize::from(self.len)] = 0;
        }
    }

    fn merge_window(&self) -> u32 {
        let mut intervals = Intervals::of(self.times());
        intervals.median().map_or(0, |median| (median / MERGE_SHARE).min(MERGE_MAX))
    }

    fn insert(&mut self, t: u32) {
        let len = usize::from(self.len);
        let at = self.times().partition_point(|known| *known <= t);
        if len < EVENTS_MAX {
            self.times.copy_within(at..len, at + 1);
            self.times[at] = t;
            self.len += 1;
        } else if at > 0 {
            self.times.copy_within(1..at, 0);
            self.times[at - 1] = t;
        }
    }

    /// Moves the times for which `change` does so, and restores their order.
    pub(super) fn change(&mut self, change: impl FnMut(&mut u32)) {
        let times = self.times.get_mut(..self.len.into()).unwrap_or_default();
        times.iter_mut().for_each(change);
        times.sort_unstable();
    }
}

/// The intervals between some events.
#[derive(Clone, Debug)]
pub(super) struct Intervals {
    values: [u32; EVENTS_MAX],
    len: usize,
}

impl Intervals {
    /// Those between times in order, at most [`EVENTS_MAX`].
    pub(super) fn of(times: &[u32]) -> Self {
        let mut values = [0; EVENTS_MAX];
        let pairs = times.windows(2).map(|pair| match pair {
            [before, after] => after.saturating_sub(*before),
            _ => 0,
        });
        values.iter_mut().zip(pairs).for_each(|(to, from)| *to = from);
        Self { values, len: times.len().saturating_sub(1).min(EVENTS_MAX) }
    }

    pub(super) fn values(&self) -> &[u32] {
        self.values.get(..self.len).unwrap_or_default()
    }

    /// The median; sorts them. Of two in the middle their mean.
    pub(super) fn median(&mut self) -> Option<u32> {
        let values = self.values.get_mut(..self.len)?;
        values.sort_unstable();
        let upper = values.get(self.len / 2).copied()?;
        if self.len % 2 == 1 {
            return Some(upper);
        }
        let lower = values.get((self.len / 2).checked_sub(1)?).copied()?;
        Some(lower + (upper - lower) / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(contacts: &[u32]) -> Vec<u32> {
        let mut ring = Ring::default();
        let mut last = 0;
        for t in contacts {
            ring.add(*t, last, 0);
            last = last.max(*t);
        }
        ring.times().to_vec()
    }

    #[test]
    fn a_burst_is_one_event_once_its_end_is_seen() {
        let contacts: Vec<u32> = (1..6)
            .flat_map(|hour| [hour * 14_400, hour * 14_400 + 9, hour * 14_400 + 31])
            .collect();
        let events = ring(&contacts);
        assert_eq!(events[..4], [14_400, 28_800, 43_200, 57_600]);
    }

    #[test]
    fn what_is_fast_from_the_beginning_stays_fast() {
        let contacts: Vec<u32> = (1..=20).map(|n| n * 60).collect();
        assert_eq!(ring(&contacts), (5..=20).map(|n| n * 60).collect::<Vec<_>>());
    }

    #[test]
    fn what_becomes_fast_is_seen() {
        let slow = (1..=5).map(|n| n * 86_400);
        let fast = (1..=100).map(|n| 5 * 86_400 + n * 60);
        let events = ring(&slow.chain(fast).collect::<Vec<_>>());
        assert!(events.windows(2).all(|pair| pair[1] - pair[0] == 60), "{events:?}");
        assert_eq!(events.len(), EVENTS_MAX);
    }

    #[test]
    fn contacts_out_of_order_find_their_place() {
        assert_eq!(ring(&[1_000, 5_000, 3_000]), [1_000, 3_000, 5_000]);
        assert_eq!(ring(&[1_000, 5_000, 5_000, 1_001]), [1_000, 5_000]);
        let mut full = Ring::of(&(1..=16).map(|n| n * 1_000).collect::<Vec<_>>(), 0);
        full.insert(500);
        assert_eq!(full.times()[0], 1_000, "older than all is not kept");
        full.insert(1_500);
        assert_eq!(full.times()[..2], [1_500, 2_000]);
    }

    #[test]
    fn what_was_looked_at_once_a_minute_is_no_event_every_minute() {
        let mut ring = Ring::default();
        for minute in 1..200 {
            ring.add(minute * 60, (minute - 1) * 60, 60);
        }
        assert_eq!(ring.times().len(), 1);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let median = |times: &[u32]| Intervals::of(times).median();
        assert_eq!(median(&[5]), None);
        assert_eq!(median(&[0, 3, 103]), Some(51), "of two their mean, rounded down");
        assert_eq!(median(&[0, 1, 3, 103]), Some(2));
    }
}
