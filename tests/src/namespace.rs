#![expect(unsafe_code, reason = "unshare(2) can be misused, with other flags than this one")]
//! Network namespaces without a name: they end with the last process in them, so none is left.

use std::fs::{self, File};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::thread;

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::{Launch, program};

/// A network namespace. Clones are the same namespace.
#[derive(Clone, Debug)]
pub struct Namespace {
    file: Arc<File>,
}

impl Namespace {
    /// Makes an empty namespace with the loopback interface up, and without the packets a host
    /// sends on its own account (router solicitations).
    pub fn new() -> Self {
        let file = in_thread(|| {
            // SAFETY: a network namespace has nothing to do with memory or open descriptors.
            unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.expect("root may unshare(2)");
            File::open("/proc/thread-self/ns/net").expect("the thread has a namespace")
        });
        let namespace = Self { file: Arc::new(file) };
        namespace.set("net.ipv6.conf.all.disable_ipv6", "0");
        namespace.set("net.ipv6.conf.default.router_solicitations", "0");
        namespace.ip("link set lo up");
        namespace
    }

    /// The open namespace.
    pub fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// A path by which programs started by this process can open the namespace.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.file.as_raw_fd())
    }

    /// Does something in the namespace, in a thread of its own.
    pub fn enter<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        in_thread(|| {
            move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("root may setns(2)");
            what()
        })
    }

    /// A program of the system, to run in the namespace.
    pub fn launch(&self, name: &str) -> Launch {
        Launch::new(program::system(name)).in_namespace(self)
    }

    /// Runs commands of ip(8), one a line.
    pub fn ip(&self, lines: &str) {
        self.launch("ip").words("-batch -").succeed(lines);
    }

    /// Switches offloads of an interface (ethtool(8), `-K`).
    pub fn offload(&self, interface: &str, settings: &str) {
        self.launch("ethtool").words(&format!("-K {interface} {settings}")).succeed("");
    }

    /// Sets a kernel parameter of the namespace, given with dots.
    pub fn set(&self, parameter: &str, value: &str) {
        let path = Path::new("/proc/sys").join(parameter.replace('.', "/"));
        self.enter(|| fs::write(&path, value))
            .unwrap_or_else(|error| panic!("{parameter}={value}: {error}"));
    }

    /// Reads a file below `/proc/net` as it is in the namespace.
    pub fn proc_net(&self, name: &str) -> String {
        // `/proc/net` would be that of the main thread.
        let path = Path::new("/proc/thread-self/net").join(name);
        self.enter(|| fs::read_to_string(&path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The value of a counter in `/proc/net/netstat` or `/proc/net/snmp`, such as
    /// `("netstat", "TcpExt", "TCPFastOpenActive")`.
    pub fn statistic(&self, file: &str, group: &str, name: &str) -> u64 {
        let text = self.proc_net(file);
        let prefix = format!("{group}:");
        let mut rows = text.lines().filter_map(|line| line.strip_prefix(&prefix));
        let (names, values) = (rows.next().unwrap_or_default(), rows.next().unwrap_or_default());
        names
            .split_whitespace()
            .zip(values.split_whitespace())
            .find(|(found, _)| *found == name)
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or_else(|| panic!("{file} has no {group} {name}"))
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs something in a thread that ends with it, so that its namespace does not stick.
fn in_thread<T: Send>(what: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        scope.spawn(what).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
