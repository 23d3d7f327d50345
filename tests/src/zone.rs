//! What the servers say about names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// Seconds that an answer holds if nothing else is said.
const TTL: u32 = 60;

/// Aliases that are followed: a longer chain is a mistake in a test.
const CHAIN_MAX: usize = 16;

/// Something to be said of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// There is no such name (NXDOMAIN).
    Missing,
    /// The name exists and has no records (NODATA).
    Empty,
    /// It lives where QUIC is version 2, if it has no addresses.
    Quic2,
    /// Over UDP only a truncated answer is given (RFC 1035, 4.1.1, TC).
    Truncated,
}

impl Mark {
    const ALL: [Self; 4] = [Self::Missing, Self::Empty, Self::Quic2, Self::Truncated];

    fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Quic2 => "quic2",
            Self::Truncated => "truncated",
        }
    }
}

/// What is known of one name. Names are compared in lower case and written without the last dot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The name it is an alias of (CNAME).
    pub alias: Option<String>,
    /// Its addresses; none are the server's own.
    pub addresses: Vec<IpAddr>,
    /// IPv4 hints of its HTTPS record (RFC 9460, 7.3); without any it has no such record.
    pub hints: Vec<Ipv4Addr>,
    /// What else is to be said of it.
    pub marks: BTreeSet<Mark>,
}

/// Answers for every name: those it has no entry for have the server's own addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    entries: BTreeMap<String, Entry>,
    ttl: u32,
    retries: bool,
}

impl Default for Zone {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), ttl: TTL, retries: false }
    }
}

impl Zone {
    /// Gives a name an address; called again, one more.
    pub fn address(self, name: &str, address: IpAddr) -> Self {
        self.with(name, |entry| entry.addresses.push(address))
    }

    /// Makes a name an alias of another; one after the other they make a chain.
    pub fn alias(self, name: &str, target: &str) -> Self {
        self.with(name, |entry| entry.alias = Some(target.to_owned()))
    }

    /// Gives a name an HTTPS record (type 65) with this hint; called again, one more hint.
    pub fn hint(self, name: &str, address: Ipv4Addr) -> Self {
        self.with(name, |entry| entry.hints.push(address))
    }

    /// Says that there is no such name.
    pub fn missing(self, name: &str) -> Self {
        self.mark(name, Mark::Missing)
    }

    /// Says that a name has no records.
    pub fn empty(self, name: &str) -> Self {
        self.mark(name, Mark::Empty)
    }

    /// Moves a name to the address at which QUIC is version 2, and all else as everywhere.
    pub fn quic2(self, name: &str) -> Self {
        self.mark(name, Mark::Quic2)
    }

    /// Answers for a name in full over TCP only.
    pub fn truncated(self, name: &str) -> Self {
        self.mark(name, Mark::Truncated)
    }

    /// All answers hold for this many seconds.
    pub fn ttl(self, seconds: u32) -> Self {
        Self { ttl: seconds, ..self }
    }

    /// QUIC clients have to prove first that they are where they say (Retry; RFC 9000, 8.1.2).
    pub fn retry(self) -> Self {
        Self { retries: true, ..self }
    }

    fn mark(self, name: &str, mark: Mark) -> Self {
        self.with(name, |entry| entry.marks.extend([mark]))
    }

    fn with(mut self, name: &str, change: impl FnOnce(&mut Entry)) -> Self {
        change(self.entries.entry(name.to_ascii_lowercase()).or_default());
        self
    }

    /// Seconds that an answer holds.
    pub fn seconds(&self) -> u32 {
        self.ttl
    }

    /// Whether QUIC servers send a Retry first.
    pub fn retries(&self) -> bool {
        self.retries
    }

    /// The names from this one on along aliases, and what is known of the last; nothing is the rule
    /// for all names.
    pub fn follow(&self, name: &str) -> (Vec<String>, Option<&Entry>) {
        let mut names = vec![name.to_owned()];
        let mut entry = self.entry(name);
        while let Some(target) = entry.and_then(|entry| entry.alias.as_ref()) {
            assert!(names.len() <= CHAIN_MAX, "aliases of {name} without an end");
            names.push(target.clone());
            entry = self.entry(target);
        }
        (names, entry)
    }

    /// What is known of a name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(&name.to_ascii_lowercase())
    }
}

/// Lines of a word, a name and a value, by which the server is told.
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ttl {}", self.ttl)?;
        if self.retries {
            writeln!(f, "retry")?;
        }
        for (name, entry) in &self.entries {
            if let Some(target) = &entry.alias {
                writeln!(f, "alias {name} {target}")?;
            }
            for address in &entry.addresses {
                writeln!(f, "address {name} {address}")?;
            }
            for address in &entry.hints {
                writeln!(f, "hint {name} {address}")?;
            }
            for mark in &entry.marks {
                writeln!(f, "{} {name}", mark.word())?;
            }
        }
        Ok(())
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.lines().try_fold(Self::default(), |zone, line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let wrong = || format!("cannot read {line:?}");
            Ok(match words.as_slice() {
                ["ttl", seconds] => zone.ttl(seconds.parse().map_err(|_| wrong())?),
                ["retry"] => zone.retry(),
                ["alias", name, target] => zone.alias(name, target),
                ["address", name, address] => {
                    zone.address(name, address.parse().map_err(|_| wrong())?)
                }
                ["hint", name, address] => zone.hint(name, address.parse().map_err(|_| wrong())?),
                [word, name] => {
                    let mark = Mark::ALL.into_iter().find(|mark| mark.word() == *word);
                    zone.mark(name, mark.ok_or_else(wrong)?)
                }
                _ => return Err(wrong()),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_survives_being_told() {
        let zone = Zone::default()
            .ttl(2)
            .retry()
            .alias("Shop.example", "edge.example")
            .address("edge.example", [192, 0, 2, 7].into())
            .address("edge.example", Ipv4Addr::new(192, 0, 2, 8).to_ipv6_mapped().into())
            .hint("hint.example", [192, 0, 2, 9].into())
            .missing("no.example")
            .empty("void.example")
            .quic2("new.example")
            .truncated("big.example");
        assert_eq!(zone.to_string().parse(), Ok(zone.clone()));
        let (names, entry) = zone.follow("shop.example");
        assert_eq!(names, ["shop.example", "edge.example"]);
        assert_eq!(entry.map(|entry| entry.addresses.len()), Some(2));
        assert_eq!(zone.follow("other.example"), (vec!["other.example".to_owned()], None));
        assert!("alias one".parse::<Zone>().is_err());
    }
}
