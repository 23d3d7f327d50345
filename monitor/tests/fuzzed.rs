//! What the fuzz targets assert, on their seeds, on what becomes of those by small changes, and on
//! arbitrary bytes. The same in every run.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestRunner};

#[path = "../fuzz/properties/dns.rs"]
mod dns;
#[path = "../fuzz/properties/http.rs"]
mod http;
#[path = "../fuzz/properties/quic.rs"]
mod quic;
#[path = "../fuzz/properties/tls.rs"]
mod tls;

/// Cases of each kind of input.
const CASES: u32 = 2000;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let entries = fs::read_dir(folder).expect("there are seeds");
    let paths = entries.map(|entry| entry.expect("the folder is readable").path());
    let mut seeds: Vec<Vec<u8>> =
        paths.map(|path| fs::read(path).expect("a seed is readable")).collect();
    // A folder has no order of its own.
    seeds.sort();
    seeds
}

/// A small change of a message.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    /// A part of the message, written over another.
    Copy(Index, Index, usize),
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        4 => (at(), 0_u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        2 => at().prop_map(Change::Remove),
        2 => (at(), at(), 1_usize..40).prop_map(|(from, to, length)| Change::Copy(from, to, length)),
        1 => at().prop_map(Change::Cut),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match change {
            Change::Set(at, byte) => bytes[at.index(length)] = *byte,
            Change::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Change::Insert(at, byte) => bytes.insert(at.index(length + 1), *byte),
            Change::Remove(at) => {
                bytes.remove(at.index(length));
            }
            Change::Copy(from, to, count) => {
                let (from, to) = (from.index(length), to.index(length));
                let count = (*count).min(length - from.max(to));
                bytes.copy_within(from..from + count, to);
            }
            Change::Cut(at) => bytes.truncate(at.index(length)),
        }
    }
    bytes
}

fn fuzz(target: &str, check: fn(&[u8])) {
    let seeds = seeds(target);
    for seed in &seeds {
        check(seed);
    }
    let config = ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(0x5043),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let run = |inputs: BoxedStrategy<Vec<u8>>| {
        let checked = |bytes: Vec<u8>| {
            check(&bytes);
            Ok(())
        };
        TestRunner::new(config.clone()).run(&inputs, checked).expect("it holds of any bytes");
    };
    let changed = (proptest::sample::select(seeds), vec(change(), 1..8))
        .prop_map(|(seed, changes)| changed(seed, &changes));
    run(changed.boxed());
    run(vec(any::<u8>(), 0..600).boxed());
}

#[test]
fn dns_is_total() {
    fuzz("dns", dns::check);
}

#[test]
fn http_is_total() {
    fuzz("http", http::check);
}

#[test]
fn tls_holds_on_anything() {
    fuzz("tls", tls::check);
}

#[test]
fn quic_holds_on_anything() {
    fuzz("quic", quic::check);
}
