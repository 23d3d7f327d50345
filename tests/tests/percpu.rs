//! The build for 32-bit Arm, with counters per CPU and without BPF atomics, counts the same.

use e2e::cases::{self, TCP, UDP};
use e2e::exact::{Claim, assert_exact};
use e2e::{Agent, Family, Protocol, Stage, program};

fn start() -> Agent {
    Agent::plan().with_object(program::ebpf_object("programs-percpu.bpfel.o")).start()
}

#[test]
fn tcp_is_counted_to_the_byte() {
    let agent = start();
    for case in TCP {
        cases::tcp(&agent, case);
    }
}

#[test]
fn udp_is_counted_to_the_byte() {
    let agent = start();
    for case in UDP {
        cases::udp(&agent, case);
    }
}

#[test]
fn three_hundred_short_lived_processes_are_seen() {
    let agent = start();
    let stage = Stage::new(Family::V4);
    let wire = stage.wire(Protocol::Udp);
    let (_server, to) = stage.serve("udp-sink");
    let blink = program::blink();
    let words = format!("burst --blink {} --with udp --count 300 --to {to}", blink.display());
    stage.play(&words).finish();
    let claim = Claim::of(stage.app(), &wire).connections(300).sent(300 * 16);
    assert_exact(&agent, "300 processes with a datagram each", &[claim]);
}
