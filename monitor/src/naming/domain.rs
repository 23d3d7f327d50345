//! Host names to registrable domains.

use super::HostName;
use super::names::NameTable;

/// The public-suffix list, its private section included: `data/public_suffixes.txt`, with its licence.
static SUFFIXES: NameTable =
    NameTable::new(include_bytes!(concat!(env!("OUT_DIR"), "/public_suffixes.bin")));

/// What the list says of a name, as bits. `build/suffixes.rs` sets them.
const IS_SUFFIX: u16 = 1;
/// Every name one label below is a suffix.
const BELOW_IS_SUFFIX: u16 = 2;
/// The name is none, though a rule says that everything beside it is.
const IS_NO_SUFFIX: u16 = 4;

/// Top-level domains that are not of the public tree, with who says so. A name with a single label is
/// as local, whatever it is.
const LOCAL_TOP_LEVEL: [&str; 11] = [
    // RFC 6761, 6.2 to 6.4: of this host, of tests, and of nothing.
    "localhost",
    "test",
    "invalid",
    // RFC 6762, 3: the link. Its appendix G lists what networks were found to use beside it.
    "local",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    // Set aside for private use by ICANN (Board resolution of 29 July 2024).
    "internal",
    // What resolvers and virtual machines put where no domain is configured (resolv.conf(5)).
    "localdomain",
];

/// Domains that are local though what they stand under is not: of home networks (RFC 8375), and of the
/// routers that answer to this name in the networks they make.
const LOCAL: [&str; 2] = ["home.arpa", "fritz.box"];

/// What of a host name is shown and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain<'a> {
    /// The part that somebody registered: one label below a public suffix.
    Registrable(&'a str),
    /// The host is of the network it is asked in: its name means nothing elsewhere, and may say who
    /// lives there.
    Local,
    /// The host is a public suffix itself: nobody's.
    Suffix(&'a str),
}

/// The registrable domain of a host.
///
/// Rules of the private section count: `app.appspot.com` is one domain and `other.appspot.com` another.
/// Under a top-level domain that the list does not know, the last two labels are the domain, as the
/// list's own algorithm has it: new ones are made faster than agents are replaced. Reverse look-ups
/// (`in-addr.arpa`, `ip6.arpa`) give away an address by their last labels and are no names of hosts:
/// they are suffixes, whole.
pub fn of(host: &HostName) -> Domain<'_> {
    let host = host.as_str();
    if is_local(host) {
        return Domain::Local;
    }
    if let Some(tree) = ["in-addr.arpa", "ip6.arpa"].iter().find(|tree| is_under(host, tree)) {
        return Domain::Suffix(tree);
    }
    let suffix = suffix(host);
    last_labels(host, labels(suffix) + 1).map_or(Domain::Suffix(host), Domain::Registrable)
}

fn is_local(host: &str) -> bool {
    let Some((_, top_level)) = host.rsplit_once('.') else { return true };
    LOCAL_TOP_LEVEL.contains(&top_level) || LOCAL.iter().any(|domain| is_under(host, domain))
}

/// Whether a host is a domain or a name below it.
fn is_under(host: &str, domain: &str) -> bool {
    let before = host.strip_suffix(domain);
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// The public suffix of a host: by an exception, else by the longest rule, else its last label.
fn suffix(host: &str) -> &str {
    for (ending, says) in SUFFIXES.endings(host) {
        if says & IS_NO_SUFFIX != 0 {
            return ending.split_once('.').map_or(ending, |(_, rest)| rest);
        }
        let below = last_labels(host, labels(ending) + 1);
        if says & BELOW_IS_SUFFIX != 0
            && let Some(below) = below
        {
            return below;
        }
        if says & IS_SUFFIX != 0 {
            return ending;
        }
    }
    host.rsplit_once('.').map_or(host, |(_, last)| last)
}

fn labels(name: &str) -> usize {
    1 + name.bytes().filter(|byte| *byte == b'.').count()
}

/// The last so many labels of a name that has as many.
fn last_labels(name: &str, count: usize) -> Option<&str> {
    let surplus = labels(name).checked_sub(count)?;
    std::iter::successors(Some(name), |name| Some(name.split_once('.')?.1)).nth(surplus)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn host(text: &str) -> HostName {
        HostName::parse(text.as_bytes()).expect("a host name")
    }

    /// What the list's own tests expect; names that are local here are none to them.
    fn registrable(text: &str) -> Option<String> {
        match of(&HostName::parse(text.as_bytes())?) {
            Domain::Registrable(domain) => Some(domain.to_owned()),
            Domain::Local | Domain::Suffix(_) => None,
        }
    }

    /// A label in quotes, or `null`.
    fn argument(text: &str) -> Option<&str> {
        text.trim().strip_prefix('\'')?.strip_suffix('\'')
    }

    #[test]
    fn the_test_vectors_of_the_list_hold() {
        let text = include_str!("../../fixtures/test_psl.txt");
        let mut checked = 0;
        for line in text.lines() {
            let call =
                line.strip_prefix("checkPublicSuffix(").and_then(|rest| rest.strip_suffix(");"));
            let Some((host, expected)) = call.and_then(|call| call.split_once(',')) else {
                continue;
            };
            let Some(host) = argument(host).filter(|host| host.is_ascii()) else { continue };
            assert_eq!(registrable(host).as_deref(), argument(expected), "{host}");
            checked += 1;
        }
        assert!(checked > 60, "only {checked} vectors were read");
    }

    #[test]
    fn names_of_the_network_at_hand_are_local() {
        for name in [
            "server4",
            "com",
            "nas.lan",
            "printer.local",
            "a.b.home.arpa",
            "home.arpa",
            "x.internal",
            "localhost",
            "localhost.localdomain",
            "fritz.box",
            "my.fritz.box",
            "dc1.corp",
            "a.test",
        ] {
            assert_eq!(of(&host(name)), Domain::Local, "{name}");
        }
        assert_eq!(of(&host("notfritz.box")), Domain::Registrable("notfritz.box"));
        assert_eq!(of(&host("lan.example.org")), Domain::Registrable("example.org"));
    }

    #[test]
    fn nobody_s_names_are_suffixes() {
        for name in ["co.uk", "appspot.com", "github.io", "anything.ck"] {
            assert_eq!(of(&host(name)), Domain::Suffix(name));
        }
        let name = host("4.3.2.192.in-addr.arpa");
        assert_eq!(of(&name), Domain::Suffix("in-addr.arpa"));
        assert_eq!(of(&host("1.0.0.ip6.arpa")), Domain::Suffix("ip6.arpa"));
    }

    #[test]
    fn the_private_section_counts() {
        let name = "feelinsonice-hrd.appspot.com";
        assert_eq!(of(&host(name)), Domain::Registrable(name));
        assert_eq!(of(&host("www.me.github.io")), Domain::Registrable("me.github.io"));
    }

    #[test]
    fn a_new_top_level_domain_has_registrable_domains() {
        assert_eq!(
            of(&host("www.shop.notyetdelegated")),
            Domain::Registrable("shop.notyetdelegated")
        );
    }

    /// What psl says, another program with the same list: the registrable domain, if there is one.
    ///
    /// Where a rule for everything under a name (`*.x`) and a rule deeper down (`a.y.x`, `*.y.x`)
    /// meet, psl forgets that the first makes `y.x` a suffix. The list's algorithm, and its test for
    /// `c.kobe.jp`, do not.
    fn oracle<'a>(host: &'a str, rules: &[&str]) -> Option<&'a str> {
        let forgotten = host.split_once('.').is_some_and(|(_, above)| {
            let deeper = format!(".{host}");
            rules.contains(&format!("*.{above}").as_str())
                && !rules.contains(&host)
                && !rules.contains(&format!("!{host}").as_str())
                && rules.iter().any(|rule| rule.ends_with(&deeper))
        });
        if forgotten { None } else { psl::domain_str(host) }
    }

    fn rules() -> Vec<&'static str> {
        let list = include_str!("../../data/public_suffixes.txt");
        list.lines().filter(|line| !line.starts_with("//")).collect()
    }

    #[test]
    fn every_rule_gives_what_psl_gives() {
        let rules = rules();
        // The few rules that matter to the oracle's gap: the search is done for every host.
        let wild: Vec<&str> = rules.iter().filter(|rule| rule.starts_with("*.")).copied().collect();
        let near =
            |rule: &&str| wild.iter().any(|wild| rule.ends_with(wild.trim_start_matches('*')));
        let near: Vec<&str> = rules.iter().filter(|rule| near(rule)).copied().collect();
        let (mut domains, mut suffixes) = (0, 0);
        for rule in &rules {
            let name = rule.trim_start_matches(['!', '*', '.']);
            for before in ["", "a.", "b.a.", "c.b.a."] {
                let text = format!("{before}{name}");
                let expected = oracle(&text, &near);
                match of(&host(&text)) {
                    Domain::Local => assert!(is_local(&text)),
                    Domain::Suffix("in-addr.arpa" | "ip6.arpa") => assert!(is_under(&text, "arpa")),
                    Domain::Suffix(suffix) => {
                        assert_eq!((suffix, expected), (&*text, None));
                        suffixes += 1;
                    }
                    Domain::Registrable(domain) => {
                        assert_eq!(expected, Some(domain), "{text}");
                        domains += 1;
                    }
                }
            }
        }
        assert!(domains > 30_000 && suffixes > 8_000, "{domains} domains, {suffixes} suffixes");
    }

    proptest! {
        #[test]
        fn a_domain_is_an_ending(
            text in "[a-z0-9]{1,3}(\\.(com|uk|co|ck|jp|kawasaki|[a-z]{1,3})){0,5}",
        ) {
            match of(&host(&text)) {
                Domain::Local => prop_assert!(is_local(&text)),
                Domain::Suffix(suffix) => {
                    prop_assert_eq!((suffix, psl::domain_str(&text)), (&*text, None));
                }
                Domain::Registrable(domain) => {
                    prop_assert!(is_under(&text, domain));
                    prop_assert_eq!(psl::domain_str(&text), Some(domain));
                }
            }
        }
    }
}
