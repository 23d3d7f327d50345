//! The devices that Sortie is built for.

use anyhow::{Context as _, Result};

use crate::{
    ebpf::{ATOMIC, Object, PERCPU},
    toolchain::Order,
};

/// One kind of device, by the name Rust has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    /// Rust's name.
    pub(crate) triple: &'static str,
    /// Zig's name for the same, and the oldest processor of that kind.
    pub(crate) zig: [&'static str; 2],
    /// `e_machine` and the class of its programs (elf(5)).
    pub(crate) machine: (u16, Bits),
    pub(crate) order: Order,
    /// The programs it carries.
    pub(crate) object: Object,
    /// Whether rustup has its standard library ready-made.
    pub(crate) is_offered: bool,
    /// Whether size comes before speed: devices of this kind have 16 MiB of flash, and MIPS code is long.
    pub(crate) is_small: bool,
    /// Where one meets it.
    pub(crate) devices: &'static str,
}

/// The class of an ELF file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bits {
    B32 = 1,
    B64 = 2,
}

/// Every target, in the order of the tables.
///
/// 32-bit MIPS has no 64-bit atomics in user space, but its kernel does BPF's: by a lock in the
/// interpreter, and by LL/SC or that lock in the JIT (`arch/mips/net/bpf_jit_comp32.c`, 5.16).
pub(crate) const TARGETS: [Target; 6] = [
    Target {
        triple: "x86_64-unknown-linux-musl",
        zig: ["x86_64-linux-musl", "baseline"],
        machine: (62, Bits::B64),
        order: Order::Little,
        object: ATOMIC,
        is_offered: true,
        is_small: false,
        devices: "PCs, x86 routers",
    },
    Target {
        triple: "aarch64-unknown-linux-musl",
        zig: ["aarch64-linux-musl", "generic"],
        machine: (183, Bits::B64),
        order: Order::Little,
        object: ATOMIC,
        is_offered: true,
        is_small: false,
        devices: "phones, routers with MT7981, MT7986, IPQ807x",
    },
    Target {
        triple: "riscv64gc-unknown-linux-musl",
        zig: ["riscv64-linux-musl", "generic_rv64+m+a+f+d+c"],
        machine: (243, Bits::B64),
        order: Order::Little,
        object: ATOMIC,
        is_offered: true,
        is_small: false,
        devices: "RISC-V boards",
    },
    Target {
        triple: "armv7-unknown-linux-musleabihf",
        zig: ["arm-linux-musleabihf", "generic+v7a+vfp3d16+thumb2"],
        machine: (40, Bits::B32),
        order: Order::Little,
        object: PERCPU,
        is_offered: true,
        is_small: false,
        devices: "routers with IPQ40xx, older phones",
    },
    Target {
        triple: "mipsel-unknown-linux-musl",
        zig: ["mipsel-linux-musleabi", "mips32r2+soft_float"],
        machine: (8, Bits::B32),
        order: Order::Little,
        object: ATOMIC,
        is_offered: false,
        is_small: true,
        devices: "routers with MT7621",
    },
    Target {
        triple: "mips-unknown-linux-musl",
        zig: ["mips-linux-musleabi", "mips32r2+soft_float"],
        machine: (8, Bits::B32),
        order: Order::Big,
        object: ATOMIC,
        is_offered: false,
        is_small: true,
        devices: "routers with ath79",
    },
];

impl Target {
    /// The target of this name, or of this architecture, which is the part before the first dash.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let is_it = |target: &&Self| target.triple == name || target.arch() == name;
        TARGETS.iter().find(is_it).copied().with_context(|| {
            let known = TARGETS.map(|target| target.triple).join(", ");
            format!("no target `{name}`; there are {known}")
        })
    }

    /// Its architecture, as in "aarch64".
    pub(crate) fn arch(&self) -> &'static str {
        self.triple.split('-').next().unwrap_or(self.triple)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_two_names() -> Result<()> {
        for target in TARGETS {
            assert_eq!(Target::named(target.triple)?, target);
            assert_eq!(Target::named(target.arch())?, target);
        }
        assert!(Target::named("x86_64-unknown-linux-gnu").is_err());
        assert!(Target::named("").is_err());
        Ok(())
    }
}
