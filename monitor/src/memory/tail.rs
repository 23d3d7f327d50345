//! What is left of a key that had to be forgotten in detail: 24 bytes, no name.

use std::collections::BTreeMap;

use super::hash::Salt;

/// Hashes of an app and a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TailId {
    pub(super) app: u32,
    pub(super) destination: u32,
}

/// What is left of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) count: u32,
    /// Days of the month, as [`super::Masks::days`].
    pub(super) days: u32,
}

/// The forgotten keys. With them a destination that comes back is not taken for a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) rests: BTreeMap<TailId, Rest>,
    /// Those that were dropped from here as well.
    pub(super) dropped: u64,
}

impl Tail {
    /// Adds what is left of a key.
    pub(super) fn put(&mut self, id: TailId, rest: Rest, max: usize, salt: Salt) {
        let merge = |known: &mut Rest| {
            known.first = known.first.min(rest.first);
            known.last = known.last.max(rest.last);
            known.count = known.count.saturating_add(rest.count);
            known.days |= rest.days;
        };
        self.rests.entry(id).and_modify(merge).or_insert(rest);
        if self.rests.len() > max {
            self.make_room(max, salt);
        }
    }

    /// Drops an eighth: those seen most often first, as they will soon be known again; among equals
    /// those of the smallest hash, so that neither age nor name decides.
    fn make_room(&mut self, max: usize, salt: Salt) {
        let luck = |id: &TailId| salt.short(&[&format!("{:08x}{:08x}", id.app, id.destination)]);
        let mut order: Vec<_> = self
            .rests
            .iter()
            .map(|(id, rest)| (std::cmp::Reverse(rest.count), luck(id), *id))
            .collect();
        order.sort_unstable();
        let excess = self.rests.len().saturating_sub(max) + max / 8;
        for (.., id) in order.into_iter().take(excess) {
            self.rests.remove(&id);
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}
