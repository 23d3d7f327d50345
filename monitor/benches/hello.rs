//! What reading a hello costs: nanoseconds each, the median of some rounds.
//!
//! `cargo bench -p monitor --bench hello`

use std::hint::black_box;
use std::slice::from_ref;
use std::time::Instant;

use monitor::naming::quic::{Initials, Progress};
use monitor::naming::tls::{self, ClientHello};

#[path = "../src/naming/tests/hellos.rs"]
#[expect(dead_code, reason = "not all are measured")]
mod hellos;

const ROUNDS: usize = 15;

/// Hellos read in a round: so few that most rounds are not interrupted.
const READS: u32 = 100;

fn main() {
    let tcp = |text| hellos::blocks(text).concat();
    let (classic, long) = (tcp(hellos::CURL), tcp(hellos::CHROME));
    measure("TLS, classic", from_ref(&classic), || tls::client_hello(black_box(&classic)).ok());
    measure("TLS, post-quantum", from_ref(&long), || tls::client_hello(black_box(&long)).ok());
    // The same in records of 64 bytes, which have to be joined.
    let small = long[5..].chunks(64).flat_map(|fragment| {
        let [.., high, low] = fragment.len().to_be_bytes();
        [&[22, 3, 1, high, low], fragment].concat()
    });
    let small = small.collect::<Vec<_>>();
    measure("TLS, 29 records", from_ref(&small), || tls::client_hello(black_box(&small)).ok());
    let scrambled = hellos::blocks(hellos::NGTCP2);
    for (what, datagrams) in [
        ("QUIC version 1", hellos::blocks(hellos::RFC_9001)),
        ("QUIC version 2", hellos::blocks(hellos::RFC_9369)),
        ("QUIC, scrambled", scrambled),
    ] {
        measure(what, &datagrams, || {
            let mut initials = Initials::default();
            let mut last = None;
            for datagram in black_box(&datagrams) {
                last = initials.datagram(datagram).ok();
            }
            match last? {
                Progress::Hello(hello) => Some(hello),
                Progress::More => None,
            }
        });
    }
    let mut altered = hellos::blocks(hellos::RFC_9001).concat();
    altered[600] ^= 1;
    let read = || black_box(Initials::default().datagram(black_box(&altered)).is_err());
    print("QUIC, undecryptable", altered.len(), 1, median(read));
}

fn measure(what: &str, pieces: &[Vec<u8>], read: impl Fn() -> Option<ClientHello>) {
    let name = read().and_then(|hello| hello.server_name);
    assert!(name.is_some(), "{what} is not read");
    let bytes = pieces.iter().map(Vec::len).sum();
    print(what, bytes, pieces.len(), median(|| black_box(read()).is_some()));
}

fn print(what: &str, bytes: usize, pieces: usize, ns: u128) {
    println!("{what:<20} {bytes:>5} B in {pieces}: {ns:>6} ns");
}

/// Nanoseconds that a call takes.
fn median(call: impl Fn() -> bool) -> u128 {
    let mut rounds = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            for _ in 0..READS {
                assert!(call());
            }
            begin.elapsed().as_nanos() / u128::from(READS)
        })
        .collect::<Vec<_>>();
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}
