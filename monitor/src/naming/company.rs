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

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    fn name_of(host: &str) -> Option<&'static str> {
        of(host).map(CompanyId::name)
    }

    #[test]
    fn well_known_domains_have_their_owners() {
        // From v2fly/domain-list-community, which none of the lists here was made from: the file that
        // lists the domain is named after the owner (`data/whatsapp` is included by `data/meta`).
        for (host, company) in [
            ("whatsapp.net", "Meta"),
            ("wa.me", "Meta"),
            ("opstatics.com", "OnePlus"),
            ("h2os.com", "OnePlus"),
            ("heytap.com", "OPPO"),
            ("nearme.com.cn", "OPPO"),
            ("mi-img.com", "Xiaomi"),
            ("miwifi.com", "Xiaomi"),
            ("dbankcloud.ru", "Huawei"),
            ("hicloud.com", "Huawei"),
            ("samsungqbe.com", "Samsung"),
            ("ospserver.net", "Samsung"),
            ("app-measurement.com", "Google"),
            ("doubleclick.net", "Google"),
            ("adjust.io", "Adjust"),
        ] {
            assert_eq!(name_of(host), Some(company), "{host}");
        }
    }

    #[test]
    fn the_longest_match_wins() {
        assert_eq!(name_of("a.b.appspot.com"), Some("Google"));
        assert_eq!(name_of("sc-analytics.appspot.com"), Some("Snap"));
        assert_eq!(name_of("e12.whatsapp.net"), Some("Meta"));
        assert_eq!(name_of("notwhatsapp.net"), None, "labels, not letters");
        assert_eq!(name_of("net"), None);
        assert_eq!(name_of("example.invalid"), None);
        assert_eq!(name_of(""), None);
    }

    #[test]
    fn names_are_found_again() {
        let all: Vec<_> = CompanyId::all().collect();
        assert!(all.len() > 1_500, "{}", all.len());
        for id in &all {
            assert_eq!(CompanyId::by_name(id.name()), Some(*id));
            assert!((1..=NAME_BYTES_MAX).contains(&id.name().len()), "{id:?}");
        }
        assert!(all.is_sorted_by(|a, b| a.name() < b.name()));
        assert_eq!(CompanyId::by_name("No Such Company"), None);
    }

    #[test]
    fn every_line_of_the_lists_is_answered() {
        let own = include_str!("../../data/companies-own.tsv");
        let listed = include_str!("../../data/companies.tsv");
        let lines = |text: &'static str| text.lines().filter(|line| !line.starts_with('#'));
        let own: std::collections::BTreeMap<_, _> =
            lines(own).map(|line| line.split_once('\t').expect("a tab")).collect();
        for (domain, company) in &own {
            assert_eq!(name_of(domain), Some(*company), "{domain}");
        }
        let mut count = own.len();
        for (domain, company) in lines(listed).filter_map(|line| line.split_once('\t')) {
            let expected = own.get(domain).unwrap_or(&company);
            assert_eq!(name_of(domain), Some(*expected), "{domain}");
            count += 1;
        }
        assert!(count > 3_500, "{count}");
    }
}
