//! Answers made of random records, against a reference that walks every way from the name asked for.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const NAMES: [&str; 6] =
    ["a.example", "b.example", "c.b.example", "d.test", "e.d.test", "long-label.e.d.test"];

/// A record by the numbers of the names in it.
#[derive(Clone, Debug)]
enum Item {
    Address {
        owner: usize,
        ttl: u32,
        last: u8,
    },
    Cname {
        owner: usize,
        ttl: u32,
        target: usize,
    },
    /// A service binding. Without a target its owner is the service.
    Service {
        owner: usize,
        ttl: u32,
        target: Option<usize>,
        is_alias: bool,
        hint: Option<u8>,
    },
    Other {
        owner: usize,
    },
}

fn item() -> impl Strategy<Value = Item> {
    let owner = || 0..NAMES.len();
    let ttl = || prop_oneof![0_u32..1000, any::<u32>()];
    prop_oneof![
        3 => (owner(), ttl(), 0_u8..8).prop_map(|(owner, ttl, last)| Item::Address { owner, ttl, last }),
        3 => (owner(), ttl(), owner()).prop_map(|(owner, ttl, target)| Item::Cname { owner, ttl, target }),
        1 => (owner(), ttl(), any::<Option<prop::sample::Index>>(), any::<bool>(), any::<Option<u8>>())
            .prop_map(|(owner, ttl, target, is_alias, hint)| {
                let target = target.map(|index| index.index(NAMES.len()));
                let hint = hint.map(|last| last % 8);
                Item::Service { owner, ttl, target, is_alias, hint }
            }),
        1 => owner().prop_map(|owner| Item::Other { owner }),
    ]
}

fn seconds(ttl: u32) -> u32 {
    if ttl > 0x7fff_ffff { 0 } else { ttl }
}

const fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

/// What leads from a name to another, and what a name has, in the words of the standard.
fn steps(item: &Item) -> (usize, u32, Option<usize>, Option<IpAddr>) {
    match *item {
        Item::Address { owner, ttl, last } => (owner, ttl, None, Some(address(last))),
        Item::Cname { owner, ttl, target } => (owner, ttl, Some(target), None),
        Item::Service { owner, ttl, target, is_alias: true, .. } => (owner, ttl, target, None),
        Item::Service { owner, ttl, target, hint, .. } => (owner, ttl, target, hint.map(address)),
        Item::Other { owner } => (owner, 0, None, None),
    }
}

/// Walks every way that visits no name twice.
fn walk(items: &[Item], path: &[usize], ttl: u32, found: &mut BTreeMap<IpAddr, u32>) {
    let here = path[path.len() - 1];
    for item in items {
        let (owner, own, target, address) = steps(item);
        if owner != here {
            continue;
        }
        let ttl = ttl.min(seconds(own));
        if let Some(address) = address {
            let known = found.entry(address).or_insert(ttl);
            *known = (*known).max(ttl);
        }
        if let Some(target) = target.filter(|target| !path.contains(target)) {
            walk(items, &[path, &[target]].concat(), ttl, found);
        }
    }
}

/// Writes a message, and where it may, points to what it wrote before.
struct Writer {
    bytes: Vec<u8>,
    written: BTreeMap<String, u16>,
    compresses: bool,
    capitals: u64,
}

impl Writer {
    fn name(&mut self, text: &str, may_point: bool) {
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(at) = self.written.get(rest).filter(|_| may_point && self.compresses) {
                self.bytes.extend((at | 0xc000).to_be_bytes());
                return;
            }
            let at = u16::try_from(self.bytes.len()).expect("the message is short");
            self.written.entry(rest.to_owned()).or_insert(at);
            let (label, after) = rest.split_once('.').unwrap_or((rest, ""));
            self.bytes.push(u8::try_from(label.len()).expect("a label is short"));
            for byte in label.bytes() {
                self.capitals = self.capitals.rotate_left(1);
                let upper = self.capitals & 1 == 1;
                self.bytes.push(if upper { byte.to_ascii_uppercase() } else { byte });
            }
            rest = after;
        }
        self.bytes.push(0);
    }

    fn number(&mut self, number: u16) {
        self.bytes.extend(number.to_be_bytes());
    }

    fn item(&mut self, item: &Item) {
        let (owner, ttl, ..) = steps(item);
        self.name(NAMES[owner], true);
        let number = match item {
            Item::Address { .. } => 1,
            Item::Cname { .. } => 5,
            Item::Service { .. } => 65,
            Item::Other { .. } => 16,
        };
        self.number(number);
        self.number(1);
        self.bytes.extend(ttl.to_be_bytes());
        let length_at = self.bytes.len();
        self.number(0);
        match *item {
            Item::Address { last, .. } => self.bytes.extend([192, 0, 2, last]),
            Item::Cname { target, .. } => self.name(NAMES[target], true),
            Item::Service { target, is_alias, hint, .. } => {
                self.number(u16::from(!is_alias));
                self.name(target.map_or("", |target| NAMES[target]), false);
                if let Some(last) = hint {
                    self.bytes.extend([0, 4, 0, 4, 192, 0, 2, last]);
                }
            }
            Item::Other { .. } => self.bytes.extend([3, b'a', 0xc0, 12]),
        }
        let length = u16::try_from(self.bytes.len() - length_at - 2).expect("data are short");
        self.bytes[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    }
}

fn written(items: &[Item], additionals: usize, compresses: bool, capitals: u64) -> Vec<u8> {
    let count = |count| u16::try_from(count).expect("there are few");
    let counts = [1, count(items.len() - additionals), 0, count(additionals)];
    let bytes = header(ANSWER, counts);
    let mut writer = Writer { bytes, written: BTreeMap::new(), compresses, capitals };
    writer.name(NAMES[0], true);
    writer.number(kind::A);
    writer.number(IN);
    for item in items {
        writer.item(item);
    }
    writer.bytes
}

fn told(bytes: &[u8]) -> BTreeMap<IpAddr, u32> {
    answer(bytes).addresses.iter().map(|found| (found.address, found.ttl)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Loops, forks, any order, either section, compressed or not, in whatever case.
    #[test]
    fn every_way_is_found(
        items in vec(item(), 0..14),
        additionals in any::<prop::sample::Index>(),
        compresses in any::<bool>(),
        capitals in any::<u64>(),
    ) {
        let additionals = additionals.index(items.len() + 1);
        let bytes = written(&items, additionals, compresses, capitals);
        let mut expected = BTreeMap::new();
        walk(&items, &[0], u32::MAX, &mut expected);
        prop_assert_eq!(&told(&bytes), &expected);

        let turned: Vec<Item> = items.iter().rev().cloned().collect();
        prop_assert_eq!(told(&written(&turned, additionals, !compresses, !capitals)), told(&bytes));
        for cut in 0..bytes.len() {
            match message(&bytes[..cut]) {
                Ok(Message::Answer(part)) => {
                    prop_assert_eq!(&part.question.name, &host(NAMES[0]));
                    prop_assert!(part.partial);
                    for found in part.addresses {
                        prop_assert!(expected.get(&found.address).is_some_and(|ttl| found.ttl <= *ttl));
                    }
                }
                other => prop_assert_eq!(other, Err(DnsError::Incomplete)),
            }
        }
    }
}

#[test]
fn a_chain_is_followed_to_its_bound() {
    let chain = |aliases: u32, turned: bool| {
        let owner = |step: u32| name(&format!("n{step}.example"));
        let mut records: Vec<_> = (0..aliases)
            .map(|step| record(&owner(step), kind::CNAME, 9, &owner(step + 1)))
            .collect();
        records.push(record(&owner(aliases), kind::A, 9, &[192, 0, 2, 1]));
        if turned {
            records.reverse();
        }
        addresses(&message_of(ANSWER, "n0.example", kind::A, &records)).len()
    };
    for turned in [false, true] {
        assert_eq!(chain(32, turned), 1);
        assert_eq!(chain(33, turned), 0);
    }
}

#[test]
fn loops_end() {
    let records = [
        record(&ASKED, kind::CNAME, 9, &ASKED),
        record(&ASKED, kind::CNAME, 8, b"\x01b\0"),
        record(b"\x01b\0", kind::CNAME, 7, b"\x01c\0"),
        record(b"\x01c\0", kind::CNAME, 6, &ASKED),
        record(b"\x01c\0", kind::A, 99, &[192, 0, 2, 1]),
        record(&ASKED, kind::A, 99, &[192, 0, 2, 2]),
    ];
    assert_eq!(
        addresses(&message_of(ANSWER, "a.example", kind::A, &records)),
        ["192.0.2.1 7", "192.0.2.2 99"]
    );
}
