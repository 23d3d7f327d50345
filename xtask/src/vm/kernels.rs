//! The kernels on which it must work: Debian's, of every supported age and architecture.

use anyhow::{Result, bail};

/// A kernel to boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kernel {
    /// Architecture and series, as in "x86_64-6.1".
    pub(super) name: &'static str,
    /// The architecture, as a target is named by it.
    pub(super) arch: &'static str,
    pub(super) origin: Origin,
}

/// Where a kernel comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Packed(Packed),
    Source(Source),
}

/// A kernel as Debian packs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed {
    /// Debian's release and architecture.
    pub(super) suite: &'static str,
    pub(super) debian: &'static str,
    /// The beginnings of its packages' names: first the one with the kernel, then that with modules,
    /// if they are apart.
    pub(super) packages: &'static [&'static str],
    /// The end of the names.
    pub(super) flavour: &'static str,
}

/// A kernel with a configuration that Debian's has not, built from Debian's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    /// The kernel's own name for the architecture.
    pub(super) arch: &'static str,
    /// What the names of the compiler's programs begin with, and the package that brings them.
    pub(super) cross: (&'static str, &'static str),
    /// What to build, and where it then lies.
    pub(super) image: (&'static str, &'static str),
    /// Files of `xtask/kernel`, without their ending.
    pub(super) configs: &'static [&'static str],
}

const WHOLE_5_10: &[&str] = &["linux-image-5.10."];
const WHOLE_6_1: &[&str] = &["linux-image-6.1."];
const WHOLE_6_12: &[&str] = &["linux-image-6.12."];
/// The newest series is packed in parts.
const PARTS: &[&str] = &["linux-binary-", "linux-modules-"];

const fn packed(
    name: &'static str,
    (arch, debian, flavour): (&'static str, &'static str, &'static str),
    suite: &'static str,
    packages: &'static [&'static str],
) -> Kernel {
    Kernel { name, arch, origin: Origin::Packed(Packed { suite, debian, packages, flavour }) }
}

const AMD64: (&str, &str, &str) = ("x86_64", "amd64", "cloud-amd64");
const ARM64: (&str, &str, &str) = ("aarch64", "arm64", "cloud-arm64");
const ARMHF: (&str, &str, &str) = ("armv7", "armhf", "armmp");
const MIPSEL: (&str, &str, &str) = ("mipsel", "mipsel", "4kc-malta");
const RISCV64: (&str, &str, &str) = ("riscv64gc", "riscv64", "riscv64");

/// All of them. Neither Debian's 32-bit ones nor those built from source have kernel BTF.
pub(super) const KERNELS: [Kernel; 14] = [
    packed("x86_64-5.10", AMD64, "bullseye", WHOLE_5_10),
    packed("x86_64-6.1", AMD64, "bookworm", WHOLE_6_1),
    packed("x86_64-6.12", AMD64, "bookworm-backports", WHOLE_6_12),
    packed("x86_64-newest", AMD64, "sid", PARTS),
    packed("aarch64-5.10", ARM64, "bullseye", WHOLE_5_10),
    packed("aarch64-6.1", ARM64, "bookworm", WHOLE_6_1),
    packed("aarch64-6.12", ARM64, "bookworm-backports", WHOLE_6_12),
    packed("aarch64-newest", ARM64, "sid", PARTS),
    packed("armv7-6.1", ARMHF, "bookworm", WHOLE_6_1),
    packed("armv7-6.12", ARMHF, "bookworm-backports", WHOLE_6_12),
    packed("mipsel-6.1", MIPSEL, "bookworm", WHOLE_6_1),
    packed("riscv64-newest", RISCV64, "sid", PARTS),
    Kernel {
        name: "mips-6.1-openwrt",
        arch: "mips",
        origin: Origin::Source(Source {
            arch: "mips",
            cross: ("mips-linux-gnu-", "gcc-mips-linux-gnu"),
            image: ("vmlinux", "vmlinux"),
            configs: &["common", "openwrt", "malta-big-endian"],
        }),
    },
    Kernel {
        name: "aarch64-6.1-pinephone",
        arch: "aarch64",
        origin: Origin::Source(Source {
            arch: "arm64",
            cross: ("aarch64-linux-gnu-", "gcc-aarch64-linux-gnu"),
            image: ("Image", "arch/arm64/boot/Image"),
            configs: &["common", "pinephone", "arm64-virt"],
        }),
    },
];

/// The states a machine can be in, beside the plain one; the program `vmcases` knows them by name.
pub(super) const MODES: [&str; 11] = [
    "hybrid",
    "v1-only",
    "shadowed",
    "exclusive",
    "no-diag",
    "memlock",
    "no-jit",
    "small",
    "read-only",
    "unit",
    "no-ptrace",
];

/// The state in which nothing is amiss.
pub(super) const PLAIN: &str = "plain";

/// The worse states that are part of the matrix, each on one kernel at least.
const WORSE: [(&str, &str); 12] = [
    ("x86_64-6.1", "hybrid"),
    ("x86_64-6.1", "v1-only"),
    ("x86_64-6.1", "shadowed"),
    ("x86_64-6.1", "exclusive"),
    ("x86_64-6.1", "no-diag"),
    ("x86_64-5.10", "memlock"),
    ("x86_64-6.1", "no-jit"),
    // What its images do: on MIPS the compiler is off unless somebody turns it on.
    ("mips-6.1-openwrt", "no-jit"),
    ("mipsel-6.1", "small"),
    ("x86_64-6.1", "read-only"),
    ("x86_64-6.1", "unit"),
    ("x86_64-6.1", "no-ptrace"),
];

/// The machines of the normal test command: another kernel than most developers run, and another
/// architecture.
const FAST: [&str; 2] = ["x86_64-6.1", "aarch64-6.1"];

/// A kernel in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) kernel: Kernel,
    pub(super) mode: &'static str,
}

impl Machine {
    /// "KERNEL", or "KERNEL:MODE" where something is amiss.
    pub(super) fn name(&self) -> String {
        match self.mode {
            PLAIN => self.kernel.name.to_owned(),
            mode => format!("{}:{mode}", self.kernel.name),
        }
    }

    /// Memory in MiB.
    pub(super) fn memory(&self) -> u32 {
        if self.mode == "small" { 64 } else { 256 }
    }
}

fn plain(kernel: Kernel) -> Machine {
    Machine { kernel, mode: PLAIN }
}

/// Every machine of the matrix.
pub(super) fn matrix() -> Vec<Machine> {
    let worse = WORSE.iter().filter_map(|(kernel, mode)| {
        let kernel = KERNELS.iter().find(|found| found.name == *kernel)?;
        Some(Machine { kernel: *kernel, mode })
    });
    KERNELS.into_iter().map(plain).chain(worse).collect()
}

/// The fast part of the matrix.
pub(super) fn fast() -> Vec<Machine> {
    KERNELS.into_iter().filter(|kernel| FAST.contains(&kernel.name)).map(plain).collect()
}

/// The machines of a name: one, or an architecture's plain ones.
pub(super) fn named(name: &str) -> Result<Vec<Machine>> {
    if let Some((kernel, mode)) = name.split_once(':') {
        let kernel = KERNELS.iter().find(|found| found.name == kernel);
        let mode = MODES.iter().find(|found| **found == mode);
        if let (Some(kernel), Some(mode)) = (kernel, mode) {
            return Ok(vec![Machine { kernel: *kernel, mode }]);
        }
    }
    let is_meant = |kernel: &Kernel| kernel.name == name || kernel.arch == name;
    let found: Vec<Machine> = KERNELS.into_iter().filter(is_meant).map(plain).collect();
    if found.is_empty() {
        let kernels = KERNELS.map(|kernel| kernel.name).join(", ");
        let modes = MODES.join(", ");
        bail!("no kernel `{name}`; there are {kernels}, and after a colon the states {modes}");
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cross::Target;

    #[test]
    fn every_kernel_has_a_target_and_the_matrix_every_state() -> Result<()> {
        for kernel in KERNELS {
            Target::named(kernel.arch)?;
        }
        assert_eq!(matrix().len(), KERNELS.len() + WORSE.len());
        for mode in MODES {
            assert!(matrix().iter().any(|machine| machine.mode == mode), "{mode}");
        }
        assert_eq!(fast().len(), FAST.len());
        Ok(())
    }

    #[test]
    fn a_machine_is_named_by_kernel_and_state() -> Result<()> {
        assert_eq!(named("x86_64")?.len(), 4);
        for machine in matrix() {
            assert_eq!(named(&machine.name())?, [machine]);
        }
        for wrong in ["x86_64-4.9", "x86_64-6.1:drunk", ":hybrid", ""] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
        Ok(())
    }
}
