//! Domains to the companies behind them.
//!
//! From public lists (`data/companies.tsv`, made by `cargo xtask data`) and from this project's own
//! (`data/companies-own.tsv`, which wins). A company is whoever is known to own a domain, its parent where
//! the list names one: not who sent anything, nor where a server stands.

use super::names::NameTable;

include!(concat!(env!("OUT_DIR"), "/companies.rs"));

/// Domains, with the index of their company.
static DOMAINS: NameTable =
    NameTable::new(include_bytes!(concat!(env!("OUT_DIR"), "/companies.bin")));

/// A company, in as few bytes as it takes. In the order of the names. Valid within one build of the
/// agent: what is kept longer is kept by [`CompanyId::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompanyId(u16);

impl CompanyId {
    /// The name as people know it, at most [`NAME_BYTES_MAX`] bytes.
    pub fn name(self) -> &'static str {
        let index = usize::from(self.0);
        let end = |index: usize| NAME_ENDS.get(index).copied().map(usize::from);
        let start = index.checked_sub(1).map_or(Some(0), end);
        let range = start.zip(end(index)).map(|(start, end)| start..end);
        range.and_then(|range| NAMES.get(range)).unwrap_or_default()
    }

    /// The company of this name, if a domain of its is known.
    pub fn by_name(name: &str) -> Option<Self> {
        let all: usize = NAME_ENDS.len();
        let (mut low, mut high) = (0, all);
        while low < high {
            let middle = low.midpoint(high);
            let id = Self(u16::try_from(middle).ok()?);
            match id.name().cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(id),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Every company, in the order of their names.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).map(Self).take(NAME_ENDS.len())
    }
}

/// The company of a registrable domain or of a host under it: the longest match wins. `host` is in lower
/// case and without a final dot, as [`super::HostName`] has it.
pub fn of(host: &str) -> Option<CompanyId> {
    DOMAINS.longest_ending(host).map(|(_, company)| CompanyId(company))
}
