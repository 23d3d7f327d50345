//! One line of time through all boots, in seconds, as near to Unix time as can be known.
//!
//! Within a boot it runs with the boot clock, whatever happens to the wall clock. Boots are joined
//! by the wall clock once it can be trusted; until then a boot begins where the last one ended. When
//! the truth arrives, what was recorded meanwhile is moved ([`Shift`]).

use super::date::{DAY, HOUR};
use super::moment::Moment;

/// No clock that says less is right: 1 January 2024, before this program existed.
pub(super) const FLOOR: u32 = 1_704_067_200;
/// Larger jumps of the clock between two boots are believed only after a day.
const JUMP_MAX: i64 = 366 * DAY as i64;
/// Differences between the clocks that are no jump.
const SLACK: i64 = HOUR as i64;
/// Ends of the spans after boot that are told apart, in seconds since boot; see
/// [`super::detect::after_boot`].
pub(super) const AFTER_BOOT: [std::ops::Range<u32>; 2] = [0..300, 3 * HOUR..4 * HOUR];

/// Recorded times from `from` on are to be moved by `by` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) from: u32,
    pub(super) by: i64,
}

impl Shift {
    pub(super) fn apply(self, t: &mut u32) {
        if *t >= self.from {
            *t = clamp(i64::from(*t) + self.by);
        }
    }

    /// Moves two times of which the first stays the earlier one: what was before a wrong clock is not
    /// moved with it.
    pub(super) fn apply_both(self, first: &mut u32, last: &mut u32) {
        self.apply(first);
        self.apply(last);
        if *first > *last {
            std::mem::swap(first, last);
        }
    }
}

/// What became of the line at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Seconds on the line.
    pub(super) t: u32,
    /// Whether `t` can be used as a date.
    pub(super) is_dated: bool,
    /// Whether it can be from now on, and could not before.
    pub(super) is_newly_dated: bool,
    /// What is to be moved.
    pub(super) shift: Option<Shift>,
}

/// A clock that says something unlikely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) offset: i64,
    pub(super) since_boot_s: u32,
}

/// The line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    pub(super) boot_id: [u8; 16],
    /// What is added to the seconds since boot.
    pub(super) offset: i64,
    /// Whether the wall clock of this boot was trusted once.
    pub(super) is_dated: bool,
    /// Whether that of any boot was.
    pub(super) was_dated: bool,
    /// Where this boot begins.
    pub(super) start: u32,
    /// The latest time seen.
    pub(super) last: u32,
    /// Seconds since boot at the latest time seen.
    pub(super) boot_s: u32,
    /// Seconds that the device was up, over all boots.
    pub(super) uptime: u32,
    /// Boots.
    pub(super) boots: u16,
    /// Boots that lasted until the end of each span after boot.
    pub(super) reached: [u16; 2],
    /// What is not believed yet.
    pub(super) doubt: Option<Doubt>,
}

impl Timeline {
    /// Moves on to a moment. Moments of one boot may come out of order.
    pub(super) fn advance(&mut self, moment: &Moment) -> Step {
        let boot_s = moment.boot_s();
        if self.boots == 0 || moment.boot_id != self.boot_id {
            self.begin(moment.boot_id);
        }
        if boot_s > self.boot_s {
            self.uptime = self.uptime.saturating_add(boot_s - self.boot_s);
            for (span, reached) in AFTER_BOOT.iter().zip(&mut self.reached) {
                if (self.boot_s..boot_s).contains(&(span.end - 1)) {
                    *reached = reached.saturating_add(1);
                }
            }
            self.boot_s = boot_s;
        }
        let was_dated = self.is_dated;
        let shift = self.date(moment, boot_s);
        let t = clamp(self.offset + i64::from(boot_s));
        self.last = self.last.max(t);
        Step {
            t,
            is_dated: self.is_dated,
            is_newly_dated: self.is_dated && !was_dated,
            shift: shift.filter(|shift| shift.by != 0),
        }
    }

    /// The time on the line at a moment, without moving on.
    pub(super) fn at(&self, moment: &Moment) -> u32 {
        if moment.boot_id == self.boot_id {
            return clamp(self.offset + i64::from(moment.boot_s())).max(self.last);
        }
        self.last
    }

    fn begin(&mut self, boot_id: [u8; 16]) {
        self.boot_id = boot_id;
        self.boots = self.boots.saturating_add(1);
        // At least something passed in between, and what was before is not of this boot.
        self.start = self.last.saturating_add(1);
        self.offset = i64::from(self.start);
        self.boot_s = 0;
        self.is_dated = false;
        self.doubt = None;
    }

    /// Compares with the wall clock.
    fn date(&mut self, moment: &Moment, boot_s: u32) -> Option<Shift> {
        let unix_s = u32::try_from(moment.unix_ms? / 1_000).ok().filter(|unix| *unix >= FLOOR)?;
        let offset = i64::from(unix_s) - i64::from(boot_s);
        let jump = offset - self.offset;
        if self.is_dated && jump.abs() <= SLACK {
            self.doubt = None;
            return None;
        }
        let is_likely = !self.was_dated || (!self.is_dated && jump.abs() <= JUMP_MAX);
        if !is_likely && !self.is_believed(offset, boot_s) {
            return None;
        }
        let shift = if self.is_dated {
            // The clock of this boot was wrong at first.
            Some(self.start)
        } else if !self.was_dated {
            Some(0)
        } else if jump >= 0 {
            Some(self.start)
        } else {
            // The clock of the boots before was ahead, or only a little inexact.
            (jump < -SLACK).then_some(0)
        };
        let shift = shift.map(|from| Shift { from, by: jump });
        self.offset = offset;
        self.start = clamp(i64::from(self.start) + jump);
        self.last = clamp(offset + i64::from(self.boot_s));
        self.is_dated = true;
        self.was_dated = true;
        self.doubt = None;
        shift
    }

    /// Whether an unlikely clock has been of the same opinion for a day.
    fn is_believed(&mut self, offset: i64, boot_s: u32) -> bool {
        match self.doubt {
            Some(doubt) if (doubt.offset - offset).abs() <= SLACK => {
                boot_s.saturating_sub(doubt.since_boot_s) >= DAY
            }
            _ => {
                self.doubt = Some(Doubt { offset, since_boot_s: boot_s });
                false
            }
        }
    }
}

fn clamp(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
