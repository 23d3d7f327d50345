//! Documented behaviours: which host is known from which software, and what is written about it.
//!
//! The entries come from `data/behaviours.toml`; the build turns them into the static tables that are
//! read here, and checks them. Nothing is parsed or allocated when the agent starts. An entry says what
//! others have documented, with where: never what an app is up to now.

mod terms;
#[cfg(test)]
mod tests;

use crate::naming::HostName;
pub use terms::{Category, Grade, Transport};

/// Entries that can match one host, whatever the port. Held by the build.
const CANDIDATES_MAX: usize = 4;

include!(concat!(env!("OUT_DIR"), "/behaviours.rs"));

/// A documented behaviour.
#[derive(Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Stable and unique: lower-case words joined by hyphens. The label `behaviour` of the metrics.
    pub id: &'static str,
    /// A title for people.
    pub name: &'static str,
    /// Who answers at the other end.
    pub vendor: &'static str,
    /// The packages, programs or products that are documented to do it. Never empty.
    pub software: &'static [&'static str],
    /// What it is for.
    pub category: Category,
    /// How well it is documented.
    pub grade: Grade,
    /// Sentences of the form "documented as ...". Never empty.
    pub claims: &'static [&'static str],
    /// Public addresses of the evidence, all `https`. Never empty.
    pub sources: &'static [&'static str],
    /// The year in which the evidence was made or last looked at.
    pub observed: u16,
    /// How often, where that is documented.
    pub cadence: Option<Cadence>,
    /// What the traffic looks like, where that is documented.
    pub transport: Option<&'static str>,
    /// What else there is to know.
    pub note: Option<&'static str>,
}

/// When a behaviour is documented to happen. At least one of the first two is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// Seconds from the first start, or from each boot, to the first contact.
    pub first_after_s: Option<u32>,
    /// From one contact to the next.
    pub period: Option<Period>,
    /// Seconds by which a contact may be late.
    pub jitter_s: Option<u32>,
}

/// From one contact to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Seconds.
    Seconds(u32),
    /// The same day of each month.
    Monthly,
}

/// A behaviour of the catalogue, in as few bytes as it takes. Valid within one build of the agent: what
/// is kept longer is kept by [`Behaviour::id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BehaviourId(u16);

impl BehaviourId {
    /// The entry.
    pub fn behaviour(self) -> &'static Behaviour {
        // Ids are made below only, from indices of the table.
        BEHAVIOURS.get(usize::from(self.0)).unwrap_or(&BEHAVIOURS[0])
    }

    /// The behaviour with this id, if there is one.
    pub fn by_name(id: &str) -> Option<Self> {
        let index = BEHAVIOURS.binary_search_by(|behaviour| behaviour.id.cmp(id)).ok()?;
        u16::try_from(index).ok().map(Self)
    }

    /// Every behaviour, in the order of their ids.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).map(Self).take(BEHAVIOURS.len())
    }
}

/// Which hosts an entry is about. The table holds rules in the order of their keys; those of one key
/// from the most specific to the least.
#[derive(Debug)]
struct Rule {
    /// The name, or what all names of the rule end in.
    key: &'static str,
    shape: Shape,
    port: Option<u16>,
    transport: Option<Transport>,
    behaviour: u16,
}

/// What stands before the key.
#[derive(Debug)]
enum Shape {
    /// Nothing.
    Exact,
    /// One label that starts and ends so. In between is anything, or, for `digits`, one digit or more
    /// and nothing else.
    Label { head: &'static str, tail: &'static str, digits: bool },
    /// Nothing, or any labels.
    Suffix,
}

/// The rules that match a host, the most specific first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    rules: [u16; CANDIDATES_MAX],
    count: u8,
}

/// The rules that match this host, whatever the port. What precedes what: a whole name, then one label
/// left open, then any labels before a name, the longer name first; a rule with a port or a transport
/// before one without.
pub fn candidates(host: &HostName) -> Candidates {
    let host = host.as_str();
    let mut found = Candidates::default();
    for (index, rule) in rules_of(host) {
        if matches!(rule.shape, Shape::Exact) {
            found.push(index);
        }
    }
    if let Some((label, rest)) = host.split_once('.') {
        for (index, rule) in rules_of(rest) {
            if rule.shape.is_label(label) {
                found.push(index);
            }
        }
    }
    for key in endings(host) {
        for (index, rule) in rules_of(key) {
            if matches!(rule.shape, Shape::Suffix) {
                found.push(index);
            }
        }
    }
    found
}

/// The name and what remains of it as labels are taken off, the longest first; only those with as few
/// labels as a key of the table can have.
fn endings(host: &str) -> impl Iterator<Item = &str> {
    let borders = host.bytes().filter(|byte| *byte == b'.').count();
    let skipped = (borders + 1).saturating_sub(KEY_LABELS_MAX);
    let whole = std::iter::successors(Some(host), |name| Some(name.split_once('.')?.1));
    whole.skip(skipped)
}

/// The rules with this key, with their places in the table.
fn rules_of(key: &str) -> impl Iterator<Item = (usize, &'static Rule)> {
    let start = RULES.partition_point(|rule| rule.key < key);
    RULES.iter().enumerate().skip(start).take_while(move |(_, rule)| rule.key == key)
}

impl Shape {
    fn is_label(&self, label: &str) -> bool {
        let Self::Label { head, tail, digits } = self else { return false };
        let middle = label.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
        middle.is_some_and(|middle| {
            !digits || (!middle.is_empty() && middle.bytes().all(|byte| byte.is_ascii_digit()))
        })
    }
}

impl Candidates {
    fn push(&mut self, rule: usize) {
        if let (Some(slot), Ok(rule)) =
            (self.rules.get_mut(usize::from(self.count)), u16::try_from(rule))
        {
            *slot = rule;
            self.count += 1;
        }
    }

    fn rules(&self) -> impl Iterator<Item = &'static Rule> {
        let rules = self.rules.iter().take(usize::from(self.count));
        rules.filter_map(|rule| RULES.get(usize::from(*rule)))
    }

    /// Nothing is documented about the host.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The behaviours that contact with the host may be, the most specific first. One can come twice.
    pub fn behaviours(&self) -> impl Iterator<Item = BehaviourId> {
        self.rules().map(|rule| BehaviourId(rule.behaviour))
    }

    /// The behaviour that a flow to this port is.
    pub fn pick(&self, port: u16, transport: Transport) -> Option<BehaviourId> {
        let fits = |rule: &&Rule| {
            rule.port.is_none_or(|wanted| wanted == port)
                && rule.transport.is_none_or(|wanted| wanted == transport)
        };
        self.rules().find(fits).map(|rule| BehaviourId(rule.behaviour))
    }
}
