//! The apps that are remembered, and their sums.

use std::collections::BTreeMap;

use super::date::DAY;
use super::hash::Salt;
use super::key::Sums;
use super::periods::Periods;

/// Companies that are remembered of an app. One with more has no new ones.
pub(super) const COMPANIES_MAX: usize = 64;
/// The slot of all apps that find no room.
pub(super) const OTHER: u16 = 0;
/// An app's new destinations count half after so long.
const NOVELTY_HALF: u32 = 7 * DAY;

/// An app, as it is named in the metrics: the value of the label `kind`, and the id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppKey {
    /// The kind of name `id` is.
    pub kind: Box<str>,
    /// The name.
    pub id: Box<str>,
}

impl AppKey {
    /// An app by kind and id.
    pub fn new(kind: &str, id: &str) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }

    /// All apps that found no room.
    pub fn other() -> Self {
        Self::new("other", "(other)")
    }
}

/// How often an app has had new destinations lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Novelty {
    pub(super) count: u16,
    pub(super) since: u32,
}

impl Novelty {
    /// Counts a new destination; gives how many there were lately, this one not counted.
    pub(super) fn note(&mut self, t: u32) -> u16 {
        let halvings = t.saturating_sub(self.since) / NOVELTY_HALF;
        if halvings > 0 || self.since > t {
            self.count = self.count.checked_shr(halvings).unwrap_or(0);
            self.since = t;
        }
        let before = self.count;
        self.count = self.count.saturating_add(1);
        before
    }
}

/// What is remembered of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct App {
    pub(super) key: AppKey,
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) sums: Sums,
    /// The part of `sums` whose keys were forgotten.
    pub(super) other: Sums,
    pub(super) periods: Periods,
    /// Hashes of the companies it has been in contact with, in order.
    pub(super) companies: Vec<u32>,
    pub(super) novelty: Novelty,
}

impl App {
    pub(super) fn new(key: AppKey, t: u32) -> Self {
        Self {
            key,
            first: t,
            last: t,
            sums: Sums::default(),
            other: Sums::default(),
            periods: Periods::default(),
            companies: Vec::new(),
            novelty: Novelty { count: 0, since: t },
        }
    }

    /// Notes a company; true when it is new and that can be said for sure.
    pub(super) fn is_new_company(&mut self, company: &str, salt: Salt) -> bool {
        let hash = salt.short(&[company]);
        match self.companies.binary_search(&hash) {
            Err(at) if self.companies.len() < COMPANIES_MAX => {
                self.companies.insert(at, hash);
                true
            }
            _ => false,
        }
    }
}

/// The apps, each in a slot of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Apps {
    pub(super) slots: Vec<Option<App>>,
    pub(super) index: BTreeMap<AppKey, u16>,
    /// How often an app found no room.
    pub(super) capped: u64,
}

impl Apps {
    pub(super) fn new() -> Self {
        let mut apps = Self { slots: Vec::new(), index: BTreeMap::new(), capped: 0 };
        apps.put(App::new(AppKey::other(), 0));
        apps
    }

    /// The slot of an app, and whether it is new. All apps beyond `max` share [`OTHER`].
    pub(super) fn slot(&mut self, key: &AppKey, max: usize, t: u32) -> (u16, bool) {
        if let Some(slot) = self.index.get(key) {
            return (*slot, false);
        }
        if self.index.len() > max {
            self.capped = self.capped.saturating_add(1);
            return (OTHER, false);
        }
        (self.put(App::new(key.clone(), t)), true)
    }

    /// Puts an app into a free slot.
    pub(super) fn put(&mut self, app: App) -> u16 {
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let Ok(slot) = u16::try_from(free) else { return OTHER };
        self.index.insert(app.key.clone(), slot);
        match self.slots.get_mut(free) {
            Some(empty) => *empty = Some(app),
            None => self.slots.push(Some(app)),
        }
        slot
    }

    pub(super) fn get(&self, slot: u16) -> Option<&App> {
        self.slots.get(usize::from(slot))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u16) -> Option<&mut App> {
        self.slots.get_mut(usize::from(slot))?.as_mut()
    }

    /// All apps with their slots; `(other)` first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &App)> {
        let slots = (0..=u16::MAX).zip(&self.slots);
        slots.filter_map(|(slot, app)| Some((slot, app.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut App> {
        self.slots.iter_mut().flatten()
    }

    /// Removes an app; that of `(other)` is emptied.
    pub(super) fn remove(&mut self, slot: u16) {
        let Some(app) = self.slots.get_mut(usize::from(slot)) else { return };
        if slot == OTHER {
            *app = Some(App::new(AppKey::other(), 0));
        } else if let Some(app) = app.take() {
            self.index.remove(&app.key);
        }
    }
}
