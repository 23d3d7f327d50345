//! Somebody else's program at the root of the tree, attached so that nobody may join it.

use std::path::Path;

use crate::bpf::{self, Hook, instruction};

/// Attaches at a cgroup a program that lets every packet pass, where it stays.
pub(crate) fn occupy(cgroup: &Path) {
    // `r0 = 1; exit`
    let allow = [instruction(0xb7, 0, 0, 0, 1), instruction(0x95, 0, 0, 0, 0)];
    let program = bpf::load("foreign", Hook::Egress, &allow);
    bpf::occupy(&program, Hook::Egress, cgroup);
}
