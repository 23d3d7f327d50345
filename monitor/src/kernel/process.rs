//! What `/proc` says of a process.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};

/// What could be read of a process, as text and paths; nothing is interpreted here.
///
/// Everything is optional: the process may end between two reads, and `exe` and the environment
/// need privileges (`proc_pid_exe(5)`, `proc_pid_environ(5)`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Process id in the initial PID namespace.
    pub pid: u32,
    /// Start time in clock ticks since boot (`/proc/PID/stat`, field 22): with the pid, a unique key.
    pub start_ticks: Option<u64>,
    /// Whether this is a thread of the kernel (`PF_KTHREAD` in `/proc/PID/stat`, field 9).
    pub kernel_thread: bool,
    /// Target of `/proc/PID/exe`, without the suffix ` (deleted)`.
    pub exe: Option<PathBuf>,
    /// `/proc/PID/comm`, the main thread's name, without the newline.
    pub comm: Option<String>,
    /// `/proc/PID/cmdline`, split at its zeros; lossily decoded. At most 64 arguments of 4 KiB in all.
    pub cmdline: Vec<String>,
    /// The process's path in the cgroup2 tree (the `0::` line of `/proc/PID/cgroup`), starting with `/`.
    pub cgroup: Option<String>,
    /// Real user id (`/proc/PID/status`).
    pub uid: Option<u32>,
    /// `name=` of `/proc/PID/root/.flatpak-info`, section `[Application]`, when the file is there.
    pub flatpak_id: Option<String>,
    /// `GIO_LAUNCHED_DESKTOP_FILE` of the environment, only when `GIO_LAUNCHED_DESKTOP_FILE_PID` is
    /// this process. Nothing else of the environment is kept.
    pub launched_desktop_file: Option<PathBuf>,
}

/// Bytes read of `/proc/PID/cgroup`: thirteen v1 hierarchies and the v2 line, each with a long path.
const CGROUP_BYTES: usize = 8 * 1024;
/// Bytes read of `/proc/PID/comm`: 15 of a task, up to 63 of a kernel worker.
const COMM_BYTES: usize = 128;
/// Bytes read of `/proc/PID/cmdline`.
const CMDLINE_BYTES: usize = 4 * 1024;
/// Arguments kept of `/proc/PID/cmdline`.
const CMDLINE_ARGUMENTS: usize = 64;
/// Bytes read of `/proc/PID/stat`: 52 numbers and a name.
const STAT_BYTES: usize = 2 * 1024;
/// Bytes read of `/proc/PID/status`; `Uid:` is the ninth line.
const STATUS_BYTES: usize = 2 * 1024;
/// Bytes read of `.flatpak-info`; `[Application]` is its first section.
const FLATPAK_INFO_BYTES: usize = 4 * 1024;
/// Bytes read of `/proc/PID/environ`; a launcher's additions past them are not seen.
const ENVIRON_BYTES: usize = 32 * 1024;

/// `PF_KTHREAD` of the kernel's `include/linux/sched.h`.
const PF_KTHREAD: u64 = 0x0020_0000;

/// Reads what `/proc` says of a process; `None` when it is gone.
///
/// The order is by what is lost first and worth most: a process may live for less than 2 ms. All
/// reads go through one handle of the process's directory, so that a process which takes over the
/// pid in the meantime cannot be mixed in. One read per file, each bounded.
pub fn read(proc_root: &Path, pid: u32) -> Option<ProcessFacts> {
    let process = open_process(proc_root, pid)?;
    let mut facts = ProcessFacts { pid, exe: read_exe(&process), ..ProcessFacts::default() };
    let mut buffer = vec![0; ENVIRON_BYTES];
    let text = |name: &str, bytes: &mut [u8]| read_text(&process, name, bytes);
    facts.cgroup = text("cgroup", &mut buffer[..CGROUP_BYTES]).and_then(|text| cgroup2_path(&text));
    facts.comm = text("comm", &mut buffer[..COMM_BYTES]).map(|text| comm(&text));
    facts.cmdline = read_once(&process, "cmdline", &mut buffer[..CMDLINE_BYTES])
        .map(arguments)
        .unwrap_or_default();
    if let Some(text) = text("stat", &mut buffer[..STAT_BYTES]) {
        facts.start_ticks = stat_field(&text, 22);
        facts.kernel_thread = stat_field(&text, 9).is_some_and(|flags| flags & PF_KTHREAD != 0);
    }
    facts.uid = text("status", &mut buffer[..STATUS_BYTES]).and_then(|text| real_uid(&text));
    // A process is master of its own root directory, and may have put anything there.
    facts.flatpak_id = open_regular(&process, Path::new("root/.flatpak-info"), OFlags::NOFOLLOW)
        .and_then(|file| read_file(file, &mut buffer[..FLATPAK_INFO_BYTES]))
        .and_then(|bytes| flatpak_application(&String::from_utf8_lossy(bytes)));
    facts.launched_desktop_file = read_once(&process, "environ", &mut buffer)
        .and_then(|environment| launched_desktop_file(environment, pid));
    (facts != ProcessFacts { pid, ..ProcessFacts::default() }).then_some(facts)
}

/// The start time of a process, in clock ticks since boot: one read, to see whether it is still the
/// same process. `None` when it is gone.
pub fn start_ticks(proc_root: &Path, pid: u32) -> Option<u64> {
    let process = open_process(proc_root, pid)?;
    let mut buffer = [0; STAT_BYTES];
    read_text(&process, "stat", &mut buffer).and_then(|text| stat_field(&text, 22))
}

/// Opens a file for reading, if it is a regular one: no device wakes up and no FIFO blocks, even
/// where the path belongs to somebody hostile. `flags` go to the look-up (`NOFOLLOW`).
pub(super) fn open_regular(directory: impl AsFd, path: &Path, flags: OFlags) -> Option<OwnedFd> {
    let found =
        rustix::fs::openat(directory, path, flags | OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .ok()?;
    let mode = rustix::fs::fstat(&found).ok()?.st_mode;
    if FileType::from_raw_mode(mode) != FileType::RegularFile {
        return None;
    }
    // The descriptor, not the path, is opened: it cannot have become another file.
    let found = format!("/proc/self/fd/{}", found.as_raw_fd());
    rustix::fs::open(found, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty()).ok()
}

fn open_process(proc_root: &Path, pid: u32) -> Option<OwnedFd> {
    let path = proc_root.join(pid.to_string());
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

fn read_exe(process: &OwnedFd) -> Option<PathBuf> {
    let target = rustix::fs::readlinkat(process, "exe", Vec::new()).ok()?;
    let target = target.as_bytes();
    let target = target.strip_suffix(b" (deleted)").unwrap_or(target);
    (!target.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(target)))
}

fn read_once<'a>(process: &OwnedFd, name: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(process, name, flags, Mode::empty()).ok()?;
    read_file(file, buffer)
}

fn read_file(file: OwnedFd, buffer: &mut [u8]) -> Option<&[u8]> {
    let length = rustix::io::read(file, &mut *buffer).ok()?;
    buffer.get(..length)
}

fn read_text(process: &OwnedFd, name: &str, buffer: &mut [u8]) -> Option<String> {
    read_once(process, name, buffer).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// The path of the `0::` line. The kernel marks a removed cgroup whose processes live on.
fn cgroup2_path(text: &str) -> Option<String> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    path.starts_with('/').then(|| path.to_owned())
}

fn comm(text: &str) -> String {
    text.strip_suffix('\n').unwrap_or(text).to_owned()
}

/// Splits at the zeros. Those a process left behind when it overwrote its title are no arguments.
fn arguments(bytes: &[u8]) -> Vec<String> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if end == 0 {
        return Vec::new();
    }
    bytes[..end]
        .split(|byte| *byte == 0)
        .take(CMDLINE_ARGUMENTS)
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

/// A numeric field of `stat`, counted from 1 as in `proc_pid_stat(5)`, from 4 on. The name before it
/// may hold spaces and parentheses, hence the search for the last one.
fn stat_field(text: &str, number: usize) -> Option<u64> {
    let (_, fields) = text.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

fn real_uid(text: &str) -> Option<u32> {
    let ids = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    ids.split_ascii_whitespace().next()?.parse().ok()
}

fn flatpak_application(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).skip_while(|line| *line != "[Application]").skip(1);
    let name = lines
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix("name")?.trim_start().strip_prefix('='))?
        .trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Children inherit the variable; the pid beside it says for whom it was meant.
fn launched_desktop_file(environment: &[u8], pid: u32) -> Option<PathBuf> {
    let value = |name: &[u8]| {
        environment.split(|byte| *byte == 0).find_map(|variable| variable.strip_prefix(name))
    };
    let launched = value(b"GIO_LAUNCHED_DESKTOP_FILE_PID=")?;
    if str::from_utf8(launched).ok()?.parse() != Ok(pid) {
        return None;
    }
    let file = value(b"GIO_LAUNCHED_DESKTOP_FILE=")?;
    (!file.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(file)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot prepare its files has failed")]

    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory of this test alone, removed at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("sortie-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, path: &str, content: &[u8]) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const STAT: &str = "42 (a) R b (c)) S 1 42 42 0 -1 4194560 2383 0 0 0 5 3 0 0 20 0 1 0 8154321 \
                        174063616 1024 18446744073709551615";

    #[test]
    fn stat_names_may_hold_anything() {
        let check = |text: &str, number, expected| assert_eq!(stat_field(text, number), expected);
        check(STAT, 22, Some(8_154_321));
        check(STAT, 9, Some(4_194_560));
        check(&STAT.replace("(a) R b (c))", "(sh)"), 22, Some(8_154_321));
        check(&STAT.replace("(a) R b (c))", "(\n) 1 2 3 (\n)"), 22, Some(8_154_321));
        check(STAT, 2, None);
        check(STAT, 99, None);
        check("42 (sh", 22, None);
        check("42 (sh) S x", 4, None);
        check("", 22, None);
    }

    #[test]
    fn cgroup_takes_the_line_of_version_2() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(cgroup2_path(text).as_deref(), expected, "{text:?}");
        };
        check("0::/\n", Some("/"));
        check(
            "12:cpu,cpuacct:/x\n1:name=systemd:/y\n0::/system.slice/a.service\n",
            Some("/system.slice/a.service"),
        );
        check("0::/a:b/c::d\n", Some("/a:b/c::d"));
        check("0::/gone.scope (deleted)\n", Some("/gone.scope"));
        check("0::\n", None);
        check("10::/x\n", None);
        check("", None);
    }

    #[test]
    fn cmdline_keeps_positions_and_drops_the_tail() {
        let check = |bytes: &[u8], expected: &[&str]| assert_eq!(arguments(bytes), expected);
        check(b"sh\0-c\0\0x\0", &["sh", "-c", "", "x"]);
        check(b"nginx: worker\0\0\0\0\0", &["nginx: worker"]);
        check(b"no-zero", &["no-zero"]);
        check(b"a\xff\0b", &["a\u{fffd}", "b"]);
        check(b"", &[]);
        check(b"\0\0", &[]);
        assert_eq!(arguments(&b"x\0".repeat(1000)).len(), CMDLINE_ARGUMENTS);
    }

    #[test]
    fn status_gives_the_real_user() {
        let check = |text: &str, expected| assert_eq!(real_uid(text), expected, "{text:?}");
        check("Name:\tUid:\nUmask:\t0022\nUid:\t10000\t0\t0\t0\nGid:\t1\t1\t1\t1\n", Some(10000));
        check("Uid:\t4294967295\t0\t0\t0\n", Some(u32::MAX));
        check("Uid:\tx\n", None);
        check("", None);
    }

    #[test]
    fn flatpak_info_gives_the_application_only() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(flatpak_application(text).as_deref(), expected, "{text:?}");
        };
        check("[Application]\nname=org.x.Y\nruntime=r\n", Some("org.x.Y"));
        check("[Application]\n name = org.x.Y \n", Some("org.x.Y"));
        check("[Instance]\nname=no\n[Application]\nruntime=r\nname=org.x.Y\n", Some("org.x.Y"));
        check("[Application]\nruntime=r\n[Instance]\nname=no\n", None);
        check("[Application]\nname=\n", None);
        check("[Runtime]\nname=no\n", None);
        check("", None);
    }

    #[test]
    fn environment_counts_only_for_the_launched_process() {
        let check = |environment: &[u8], expected: Option<&str>| {
            assert_eq!(launched_desktop_file(environment, 42), expected.map(PathBuf::from));
        };
        let file = b"A=b\0GIO_LAUNCHED_DESKTOP_FILE=/a/b.desktop\0".as_slice();
        let with_pid = |pid: &str| {
            let variable = format!("GIO_LAUNCHED_DESKTOP_FILE_PID={pid}\0");
            [file, variable.as_bytes()].concat()
        };
        check(&with_pid("42"), Some("/a/b.desktop"));
        check(&with_pid("41"), None);
        check(&with_pid("x"), None);
        check(file, None);
        check(b"GIO_LAUNCHED_DESKTOP_FILE_PID=42\0", None);
        check(b"XGIO_LAUNCHED_DESKTOP_FILE=/x\0GIO_LAUNCHED_DESKTOP_FILE_PID=42\0", None);
    }

    #[test]
    fn a_whole_process_is_read() {
        let proc = Scratch::new("process");
        symlink("/usr/bin/curl (deleted)", {
            fs::create_dir_all(proc.0.join("42")).unwrap();
            proc.0.join("42/exe")
        })
        .unwrap();
        proc.write("42/cgroup", b"0::/system.slice/a.service\n");
        proc.write("42/comm", b"curl\n");
        proc.write("42/cmdline", b"curl\0-s\0");
        proc.write("42/stat", STAT.as_bytes());
        proc.write("42/status", b"Uid:\t1000\t1000\t1000\t1000\n");
        proc.write("42/root/.flatpak-info", b"[Application]\nname=org.x.Y\n");
        proc.write(
            "42/environ",
            b"GIO_LAUNCHED_DESKTOP_FILE=/a.desktop\0GIO_LAUNCHED_DESKTOP_FILE_PID=42\0SECRET=1\0",
        );
        let expected = ProcessFacts {
            pid: 42,
            start_ticks: Some(8_154_321),
            kernel_thread: false,
            exe: Some("/usr/bin/curl".into()),
            comm: Some("curl".into()),
            cmdline: vec!["curl".into(), "-s".into()],
            cgroup: Some("/system.slice/a.service".into()),
            uid: Some(1000),
            flatpak_id: Some("org.x.Y".into()),
            launched_desktop_file: Some("/a.desktop".into()),
        };
        assert_eq!(read(&proc.0, 42), Some(expected));
        assert_eq!(start_ticks(&proc.0, 42), Some(8_154_321));
    }

    #[test]
    fn what_is_missing_stays_empty() {
        let proc = Scratch::new("process-partly");
        assert_eq!(read(&proc.0, 42), None);
        assert_eq!(start_ticks(&proc.0, 42), None);
        fs::create_dir_all(proc.0.join("42")).unwrap();
        assert_eq!(read(&proc.0, 42), None);
        proc.write("42/comm", b"a\n");
        let expected = ProcessFacts { pid: 42, comm: Some("a".into()), ..ProcessFacts::default() };
        assert_eq!(read(&proc.0, 42), Some(expected));
        proc.write("43/stat", b"43 (kworker/0:1) I 2 0 0 0 -1 69238880 0");
        assert!(read(&proc.0, 43).unwrap().kernel_thread);
    }

    #[test]
    fn only_regular_files_are_opened() {
        let scratch = Scratch::new("regular");
        scratch.write("file", b"x");
        symlink("file", scratch.0.join("link")).unwrap();
        symlink("/dev/zero", scratch.0.join("device")).unwrap();
        let fifo = scratch.0.join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let check = |name: &str, flags, expected: bool| {
            let opened = open_regular(rustix::fs::CWD, &scratch.0.join(name), flags);
            assert_eq!(opened.is_some(), expected, "{name}");
        };
        check("file", OFlags::NOFOLLOW, true);
        check("link", OFlags::empty(), true);
        check("link", OFlags::NOFOLLOW, false);
        check("device", OFlags::empty(), false);
        check("fifo", OFlags::empty(), false);
        check(".", OFlags::empty(), false);
        check("none", OFlags::empty(), false);
    }

    #[test]
    fn this_process_reads_itself() {
        let pid = std::process::id();
        let facts = read(Path::new("/proc"), pid).unwrap();
        assert_eq!(facts.exe, std::env::current_exe().ok());
        assert_eq!(facts.start_ticks, start_ticks(Path::new("/proc"), pid));
        assert!(facts.start_ticks.is_some());
        assert_eq!(facts.uid, Some(rustix::process::getuid().as_raw()));
        assert!(!facts.cmdline.is_empty() && facts.comm.is_some() && !facts.kernel_thread);
    }
}
