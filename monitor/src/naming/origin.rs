//! Where addresses are registered, for whoever points the agent to a database that tells.
//!
//! An address says who it was given to, not where the machine is that has it: the networks that deliver
//! content use one address in many places.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Bytes of an organisation's name that are kept.
pub const ORGANISATION_BYTES_MAX: usize = 64;

/// Tells where addresses are registered.
pub trait Origins: fmt::Debug {
    /// Where this address is registered, as far as that is known.
    fn origin(&self, address: IpAddr) -> Origin;
}

/// Where an address is registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Two capital letters (ISO 3166-1 alpha-2).
    pub country: Option<[u8; 2]>,
    /// The number of the autonomous system (RFC 4271) that announces it.
    pub asn: Option<u32>,
    /// Whose that is, in at most [`ORGANISATION_BYTES_MAX`] bytes.
    pub organisation: Option<Arc<str>>,
}

impl Origin {
    /// What a database says. A country that is not two letters, the number 0 (RFC 7607) and a name without
    /// anything to see are nothing; control characters are left out of names, and long ones cut.
    pub fn new(country: Option<&str>, asn: Option<u32>, organisation: Option<&str>) -> Self {
        let letters = |text: &str| <[u8; 2]>::try_from(text.as_bytes()).ok();
        Self {
            country: country
                .and_then(letters)
                .filter(|letters| letters.iter().all(u8::is_ascii_alphabetic))
                .map(|letters| letters.map(|letter| letter.to_ascii_uppercase())),
            asn: asn.filter(|number| *number != 0),
            organisation: organisation.and_then(bounded),
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn bounded(name: &str) -> Option<Arc<str>> {
    let mut plain = String::new();
    for letter in name.trim().chars().filter(|letter| !letter.is_control()) {
        if plain.len() + letter.len_utf8() > ORGANISATION_BYTES_MAX {
            break;
        }
        plain.push(letter);
    }
    (!plain.is_empty()).then(|| plain.into())
}

/// Where the addresses of a destination are registered. The addresses themselves are not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// That of the first address, completed by later ones.
    pub first: Origin,
    /// Whether another address was of another country.
    pub several_countries: bool,
    /// Whether another address was of another autonomous system.
    pub several_networks: bool,
}

impl Registration {
    /// That of one address; `None` when nothing is known of it.
    pub fn of(origin: Origin) -> Option<Self> {
        (!origin.is_empty()).then_some(Self {
            first: origin,
            several_countries: false,
            several_networks: false,
        })
    }

    /// Adds that of another address.
    pub fn add(&mut self, other: &Self) {
        let (first, new) = (&mut self.first, &other.first);
        self.several_countries |= other.several_countries || differ(first.country, new.country);
        self.several_networks |= other.several_networks || differ(first.asn, new.asn);
        if first.asn.is_none() && new.asn.is_some() {
            first.asn = new.asn;
            first.organisation.clone_from(&new.organisation);
        }
        first.country = first.country.or(new.country);
    }

    /// The country, in capital letters.
    pub fn country(&self) -> Option<&str> {
        self.first.country.as_ref().and_then(|letters| std::str::from_utf8(letters).ok())
    }

    /// Whether further addresses can add nothing.
    pub const fn is_complete(&self) -> bool {
        self.several_countries && self.several_networks
    }
}

fn differ<T: Copy + PartialEq>(a: Option<T>, b: Option<T>) -> bool {
    a.is_some() && b.is_some() && a != b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(country: &str, asn: u32, name: &str) -> Registration {
        Registration::of(Origin::new(Some(country), Some(asn), Some(name)))
            .unwrap_or_else(|| unreachable!("something is known"))
    }

    #[test]
    fn what_a_database_says_is_checked() {
        let country = |text: &str| Origin::new(Some(text), None, None).country;
        assert_eq!(country("FR"), Some(*b"FR"));
        assert_eq!(country("fr"), Some(*b"FR"));
        for text in ["", "F", "FRA", "F1", "\u{e9}", "--"] {
            assert_eq!(country(text), None, "{text:?}");
        }
        assert_eq!(Origin::new(None, Some(0), None), Origin::default());
        assert_eq!(Origin::new(None, Some(u32::MAX), None).asn, Some(u32::MAX));
        let name = |text: &str| Origin::new(None, None, Some(text)).organisation;
        assert_eq!(name(" Orange\u{1b}[2J\n ").as_deref(), Some("Orange[2J"));
        assert_eq!(name(" \u{7f} "), None);
        let long = "\u{20ac}".repeat(100);
        assert_eq!(
            name(&long).as_deref(),
            Some("\u{20ac}".repeat(21).as_str()),
            "64 bytes hold 21"
        );
    }

    #[test]
    fn the_first_stays_and_others_are_noted() {
        let mut sum = registration("FR", 3215, "Orange");
        sum.add(&registration("FR", 3215, "Orange SA"));
        assert_eq!(sum, registration("FR", 3215, "Orange"));
        sum.add(&registration("DE", 3215, "Orange"));
        assert!(sum.several_countries && !sum.several_networks);
        sum.add(&registration("FR", 16276, "OVH"));
        assert!(sum.is_complete());
        assert_eq!(sum.first, registration("FR", 3215, "Orange").first);
        assert_eq!(sum.country(), Some("FR"));
    }

    #[test]
    fn later_addresses_complete_the_first() {
        let mut sum = registration("FR", 0, "");
        sum.add(&registration("", 3215, "Orange"));
        assert_eq!(sum, registration("FR", 3215, "Orange"));
        assert_eq!(Registration::of(Origin::default()), None);
    }
}
