//! The machine that is measured on.

use std::fs;
use std::process::Command;

/// One line about it, with the date.
pub(crate) fn line() -> String {
    let system = rustix::system::uname();
    let (release, arch) = (system.release().to_string_lossy(), system.machine().to_string_lossy());
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |key: &str| {
        let line = cpu.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(": ")?.1.trim().to_owned())
    };
    // Arm names its boards, if anything.
    let model = value("model name").or_else(|| value("Model")).or_else(|| value("Hardware"));
    let model = model.unwrap_or_else(|| "unknown CPU".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let virtual_machine = if cpu.contains(" hypervisor") { ", a virtual machine" } else { "" };
    format!("Linux {release} {arch}, {cores} CPUs, {model}{virtual_machine}; {}", date())
}

/// Whether the time of a cgroup includes that of interrupts: with this option the kernel takes it out.
pub(crate) fn interrupt_time() -> &'static str {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let read = |path: String| fs::read(path).ok();
    // The text of a running kernel's configuration is packed; a distribution leaves it in /boot.
    let packed = || {
        let output = Command::new("gzip").args(["-dc", "/proc/config.gz"]).output();
        output.ok().filter(|output| output.status.success()).map(|output| output.stdout)
    };
    match read(format!("/boot/config-{release}")).or_else(packed) {
        None => {
            "whether it includes what the network stack does in interrupts is unknown, for the \
             configuration of the kernel is not to be read"
        }
        Some(text) if String::from_utf8_lossy(&text).contains("\nCONFIG_IRQ_TIME_ACCOUNTING=y") => {
            "without what the network stack does in interrupts, which this kernel counts apart \
             (`CONFIG_IRQ_TIME_ACCOUNTING`)"
        }
        Some(_) => "with what the network stack does in interrupts meanwhile",
    }
}

/// Today in UTC, as 2026-11-24.
fn date() -> String {
    let output = Command::new("date").args(["-u", "+%F"]).output();
    output.map_or_else(
        |_| "at an unknown date".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
