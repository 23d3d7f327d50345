#![expect(unsafe_code, reason = "environment variables and namespaces belong to the whole process")]
//! What an init does, as far as the cases need it.

use std::fs;
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use rustix::system::{RebootCommand, reboot, uname};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::loopback;
use crate::mode::Mode;

/// Mounts what programs expect, and brings the loopback interface into a state where every packet is
/// seen as it would be on a wire.
pub(crate) fn prepare() {
    for (kind, place) in [
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("devtmpfs", "/dev"),
        ("tmpfs", "/tmp"),
        ("tmpfs", "/run"),
        ("bpf", "/sys/fs/bpf"),
    ] {
        mount_at(kind, place, "");
    }
    let mode = Mode::of_this_boot();
    modules();
    cgroups(mode);
    let jit = if mode == Mode::NoJit { "0" } else { "1" };
    // A kernel whose JIT is always on, or that has none, refuses it or has no such file.
    drop(fs::write("/proc/sys/net/core/bpf_jit_enable", jit));
    loopback::prepare();
    for (name, value) in [("SORTIE_BIN", "/sortie"), ("SORTIE_ACTOR", "/actor"), ("PATH", "/")] {
        // SAFETY: this is the only thread.
        unsafe { std::env::set_var(name, value) };
    }
    if mode == Mode::ReadOnly {
        // An initramfs can be made read-only, too.
        mount_remount("/", MountFlags::RDONLY, c"").expect("root may remount");
        assert!(fs::write("/x", "").is_err(), "the root can still be written");
    }
}

fn cgroups(mode: Mode) {
    match mode {
        Mode::Hybrid => {
            mount_at("tmpfs", "/sys/fs/cgroup", "");
            for (name, options) in
                [("unified", ""), ("cpu", "cpu"), ("systemd", "none,name=systemd")]
            {
                let place = format!("/sys/fs/cgroup/{name}");
                fs::create_dir(&place).unwrap_or_else(|error| panic!("{place}: {error}"));
                mount_at(if name == "unified" { "cgroup2" } else { "cgroup" }, &place, options);
            }
        }
        Mode::V1Only => mount_at("cgroup", "/sys/fs/cgroup", "none,name=systemd"),
        Mode::Shadowed => {
            mount_at("cgroup2", "/sys/fs/cgroup", "");
            mount_at("cgroup", "/sys/fs/cgroup", "none,name=systemd");
        }
        _ => mount_at("cgroup2", "/sys/fs/cgroup", ""),
    }
}

/// Where cgroup2 is not mounted or not to be seen, the agent has a mount for itself; the test needs one to put the actors
/// into cgroups, which nobody else is to see.
pub(crate) fn show_cgroups(mode: Mode) {
    if ![Mode::V1Only, Mode::Shadowed].contains(&mode) {
        return;
    }
    // SAFETY: a mount namespace has nothing to do with memory or open descriptors.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.expect("root may unshare(2)");
    if mode == Mode::Shadowed {
        unmount("/sys/fs/cgroup", UnmountFlags::empty()).expect("it was mounted last");
    } else {
        mount_at("cgroup2", "/cgroup2", "");
    }
}

/// Loads what is packed, in the order of the names.
fn modules() {
    let mut paths: Vec<_> = fs::read_dir("/modules")
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    paths.sort();
    for path in paths {
        let file = fs::File::open(&path).expect("it was packed");
        if let Err(error) = rustix::system::finit_module(&file, c"", 0) {
            println!("vm: fact module {} {error}", path.display());
        }
    }
}

fn mount_at(kind: &str, place: &str, options: &str) {
    let options = std::ffi::CString::new(options).expect("no zero byte");
    if !Path::new(place).exists() {
        drop(fs::create_dir_all(place));
    }
    if let Err(error) = mount(kind, place, kind, MountFlags::empty(), options.as_c_str()) {
        println!("vm: fact unmounted {kind} at {place}: {error}");
    }
}

/// Says how the cases ended, in case they could not, and switches the machine off.
pub(crate) fn end(how: &str) -> ! {
    println!("vm: end {how}");
    rustix::fs::sync();
    // Where nothing can switch it off, the host does.
    if let Err(error) = reboot(RebootCommand::PowerOff) {
        println!("vm: fact power-off {error}");
    }
    loop {
        std::thread::park();
    }
}

/// The kernel's release, as in "6.1.0-40-amd64".
pub(crate) fn kernel_release() -> String {
    uname().release().to_string_lossy().into_owned()
}

/// Its first two numbers.
pub(crate) fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|word| word.parse().ok());
    let mut next = || numbers.next().flatten().unwrap_or(0);
    (next(), next())
}
