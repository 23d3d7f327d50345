//! The build for 32-bit Arm, with counters per CPU and without BPF atomics, counts the same.

use e2e::cases::{self, TCP, UDP};
use e2e::{Agent, program};

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
