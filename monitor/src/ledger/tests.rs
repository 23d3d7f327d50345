//! The ledger loses nothing, whatever its bounds.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::event::{Protocol, Scope, Volume};
use crate::identity::Kind;
use crate::naming::{Origin, Place, Source};

fn limits(apps_max: usize, destinations_max: usize) -> Limits {
    Limits { apps_max, destinations_max, shown_per_app_max: 3, shown_max: 8 }
}

fn identity(app: u8) -> Identity {
    let app = App::new(Kind::Executable, &format!("app{app}"));
    Identity { app, rung: Rung::Executable, name: None, icon: None }
}

fn contact(destination: Destination, bytes: u32) -> Contact {
    let tx = Volume { bytes: bytes.into(), packets: 1 };
    let totals = Totals { tx, connections: 1, ..Totals::default() };
    Contact {
        protocol: Protocol::Tcp,
        scope: Scope::Internet,
        destination: Some(destination),
        source: Source::Dns,
        is_ambiguous: false,
        origin: None,
        totals,
        opened_ns: 5,
    }
}

fn address(number: u16) -> Destination {
    let [a, b] = number.to_be_bytes();
    let place = Place::Address(IpAddr::V4(Ipv4Addr::new(198, 18, a, b)));
    Destination { place, company: None, behaviour: None, scope: Scope::Internet }
}

fn sum(ledger: &Ledger) -> (Totals, Totals) {
    let mut classes = Totals::default();
    let mut destinations = Totals::default();
    for entry in ledger.entries() {
        entry.classes().for_each(|(_, _, totals)| classes.add(totals));
        entry.destinations().for_each(|(_, sums)| destinations.add(sums.totals));
    }
    (classes, destinations)
}

proptest! {
    /// What goes in is what is shown, by app and by destination, and no bound is exceeded.
    #[test]
    fn sums_are_conserved(
        contacts in prop::collection::vec((0_u8..12, 0_u16..200, any::<u32>()), 0..600),
        apps_max in 1_usize..10,
        destinations_max in 1_usize..40,
    ) {
        let mut ledger = Ledger::new(limits(apps_max, destinations_max));
        let mut expected = Totals::default();
        for (time, (app, destination, bytes)) in contacts.iter().enumerate() {
            let slot = ledger.slot(&identity(*app));
            let contact = contact(address(*destination), *bytes);
            expected.add(contact.totals);
            ledger.record(slot, &contact, time as u64);
        }
        prop_assert_eq!(sum(&ledger), (expected, expected));
        prop_assert!(ledger.entries().len() <= apps_max + 1);
        let shown = ledger.entries().iter().flat_map(Entry::destinations);
        let addresses = shown.filter(|(to, _)| to.is_some()).count();
        prop_assert!(addresses <= destinations_max, "{} addresses", addresses);
    }

    /// An app's sums never go back, whatever is folded meanwhile: they are Prometheus counters.
    #[test]
    fn an_apps_sums_only_grow(
        contacts in prop::collection::vec((0_u8..4, 0_u16..50, any::<u16>()), 1..200),
    ) {
        let mut ledger = Ledger::new(limits(2, 3));
        let mut seen: Vec<u64> = Vec::new();
        for (time, (app, destination, bytes)) in contacts.iter().enumerate() {
            let slot = ledger.slot(&identity(*app));
            ledger.record(slot, &contact(address(*destination), (*bytes).into()), time as u64);
            for (at, entry) in ledger.entries().iter().enumerate() {
                let bytes: u64 = entry.classes().map(|(_, _, totals)| totals.tx.bytes).sum();
                match seen.get_mut(at) {
                    Some(before) => {
                        prop_assert!(*before <= bytes);
                        *before = bytes;
                    }
                    None => seen.push(bytes),
                }
            }
        }
    }
}

#[test]
fn a_scan_folds_its_own_detail() {
    let mut ledger = Ledger::new(limits(4, 64));
    let quiet = ledger.slot(&identity(1));
    ledger.record(quiet, &contact(address(1), 10), 0);
    let scanner = ledger.slot(&identity(2));
    for number in 0..10_000 {
        ledger.record(scanner, &contact(address(number), 1), u64::from(number) + 1);
    }
    let [quiet, scanner] = ledger.entries() else { unreachable!("two apps") };
    assert_eq!(quiet.destinations().count(), 1, "the quiet app keeps its destination");
    assert!(quiet.destinations().all(|(to, _)| to == Some(&address(1))));
    assert!(scanner.destinations().count() <= 64);
    let shown = scanner.destinations().count() as u64 - 1;
    assert_eq!(ledger.destinations_capped(), 10_000 - shown);
}

#[test]
fn what_is_folded_is_registered_nowhere() {
    let mut ledger = Ledger::new(limits(1, 1));
    let slot = ledger.slot(&identity(1));
    let from = |number: u16, country: &str| Contact {
        origin: Some(Origin::new(Some(country), None, None)),
        ..contact(address(number), 1)
    };
    let steps = [
        (from(1, "FR"), Some(false)),
        (from(1, "DE"), Some(true)),
        (from(2, "JP"), None),
        (from(3, "BR"), None),
    ];
    for (time, (contact, expected)) in (0..).zip(steps) {
        ledger.record(slot, &contact, time);
        let known = ledger.sums(slot, &address(1)).and_then(|sums| sums.registration.as_deref());
        assert_eq!(known.map(|known| known.several_countries), expected);
    }
    let rows: Vec<_> = ledger.entries()[0].destinations().collect();
    let [(Some(to), sums), (None, other)] = rows[..] else { unreachable!("one and the others") };
    assert_eq!(to, &address(3));
    let country = sums.registration.as_deref().and_then(|known| known.country());
    assert_eq!(country, Some("BR"));
    assert_eq!((other.totals.tx.bytes, &other.registration), (3, &None));
}

#[test]
fn first_and_last_contact_survive_folding() {
    let mut ledger = Ledger::new(limits(1, 1));
    let slot = ledger.slot(&identity(1));
    ledger.record(slot, &contact(address(1), 1), 100);
    ledger.record(slot, &contact(address(2), 1), 200);
    let Some((_, other)) = ledger.entries()[0].destinations().last() else {
        unreachable!("one was folded")
    };
    assert_eq!((other.first_ns, other.last_ns), (5, 100));
    assert_eq!((ledger.entries()[0].first_ns(), ledger.entries()[0].last_ns()), (5, 200));
}

#[test]
fn a_better_rung_replaces_a_worse_one() {
    let mut ledger = Ledger::new(limits(4, 4));
    let mut worse = identity(1);
    worse.rung = Rung::Comm;
    ledger.slot(&worse);
    ledger.slot(&identity(1));
    ledger.slot(&worse);
    assert_eq!(ledger.entries()[0].identity().rung, Rung::Executable);
}
