//! Bytes that the kernel or the interface cuts into packets later are counted as those packets.

use e2e::cases::{self, Tcp, Udp};
use e2e::{Agent, Family, Network};

/// Some megabytes: many packets that are cut late.
const BULK: u64 = 10_000_000;

#[test]
fn bulk_tcp_counts_as_the_segments_it_becomes() {
    let agent = Agent::start();
    for family in [Family::V4, Family::V6] {
        let case = Tcp { what: "bulk with offload", family, client: "tcp", server: "" };
        cases::tcp_on(&agent, case, Network::offloading(), BULK);
    }
}

#[test]
fn sendfile_and_splice_count_as_any_other_send() {
    let agent = Agent::start();
    for with in ["sendfile", "splice"] {
        for family in [Family::V4, Family::V6] {
            let client = format!("tcp --with {with}");
            let case = Tcp { what: with, family, client: &client, server: "" };
            cases::tcp_on(&agent, case, Network::offloading(), 1_000_003);
            cases::tcp(&agent, case);
        }
    }
}

#[test]
fn segmented_datagrams_count_as_datagrams() {
    let agent = Agent::start();
    for family in [Family::V4, Family::V6] {
        let even = Udp {
            what: "UDP segmentation",
            family,
            client: "udp --segment 1000 --bytes 12000 --count 5",
            datagrams: 60,
            payload: 60_000,
            destinations: 1,
        };
        let ragged = Udp {
            what: "UDP segmentation with a shorter last datagram",
            family,
            client: "udp --connected --segment 1200 --bytes 12300 --count 5",
            datagrams: 55,
            payload: 61_500,
            destinations: 1,
        };
        for case in [even, ragged] {
            cases::udp_on(&agent, case, Network::pair());
            cases::udp_on(&agent, case, Network::offloading());
        }
    }
}
