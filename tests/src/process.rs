#![expect(unsafe_code, reason = "a child enters its namespace and cgroup between fork and exec")]
//! Child processes: where they start, what they say, and that none is left behind.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::{Cgroup, Namespace};

/// How long a program waits to be closed by whoever still writes it.
const BUSY_PATIENCE: Duration = Duration::from_secs(5);

/// A program about to be started.
#[derive(Debug)]
pub struct Launch {
    command: Command,
    shown: String,
}

impl Launch {
    /// A program without arguments, in the namespaces and cgroup of this process.
    pub fn new(program: impl AsRef<Path>) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        // SAFETY: the closure makes one system call and does not allocate.
        unsafe { command.pre_exec(die_with_parent) };
        Self { command, shown: program.display().to_string() }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&argument.as_ref().to_string_lossy());
        self.command.arg(argument);
        self
    }

    /// Adds arguments, given as one text with spaces between them.
    pub fn words(self, text: &str) -> Self {
        text.split_whitespace().fold(self, Self::arg)
    }

    /// Starts in a network namespace.
    pub fn in_namespace(mut self, namespace: &Namespace) -> Self {
        let file = namespace.file();
        // SAFETY: the closure makes one system call on an open descriptor and does not allocate.
        unsafe {
            self.command.pre_exec(move || {
                let network = Some(LinkNameSpaceType::Network);
                Ok(move_into_link_name_space(std::os::fd::AsFd::as_fd(&*file), network)?)
            })
        };
        self
    }

    /// Starts in a cgroup: everything the program does happens there.
    pub fn in_cgroup(mut self, cgroup: &Cgroup) -> Self {
        let path = cgroup.path().join("cgroup.procs");
        let file = File::options()
            .write(true)
            .open(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // SAFETY: the closure makes one system call on an open descriptor and does not allocate.
        // "0" is the writer itself (cgroups(7)).
        unsafe { self.command.pre_exec(move || (&file).write_all(b"0")) };
        self
    }

    /// Starts in a mount namespace of its own, in which each second file shows the content of the
    /// first.
    pub fn with_files(mut self, files: &[(PathBuf, PathBuf)]) -> Self {
        let text = |path: &Path| {
            // A mount follows no dangling link; better said here than after the fork.
            let path = path.canonicalize().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            CString::new(path.as_os_str().as_bytes()).expect("no zero in a path")
        };
        let files: Vec<_> = files.iter().map(|(from, to)| (text(from), text(to))).collect();
        let mount = move || -> std::io::Result<()> {
            // SAFETY: a mount namespace has nothing to do with memory or open descriptors.
            unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
            let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
            mount_change(c"/", private)?;
            files.iter().try_for_each(|(from, to)| Ok(mount_bind(&**from, &**to)?))
        };
        // SAFETY: the closure makes system calls only and does not allocate.
        unsafe { self.command.pre_exec(mount) };
        self
    }

    /// Starts with these variables and no others.
    pub fn with_environment(mut self, variables: &[(&str, &OsStr)]) -> Self {
        self.command.env_clear().envs(variables.iter().copied());
        self
    }

    /// Starts it, with pipes to and from it.
    pub fn spawn(mut self) -> Running {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.start();
        let stdout = child.stdout.take().expect("piped");
        let stderr = child.stderr.take().expect("piped");
        Running {
            stdin: child.stdin.take(),
            stdout: Lines::read(stdout),
            stderr: Lines::read(stderr),
            shown: self.shown,
            child,
        }
    }

    /// Runs it to its end without input. For short programs of the system.
    pub fn output(mut self) -> Output {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.start();
        child.wait_with_output().unwrap_or_else(|error| panic!("{}: {error}", self.shown))
    }

    /// Runs it to its end with this input, and panics when it fails; gives its standard output.
    pub fn succeed(mut self, input: &str) -> String {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.start();
        let mut stdin = child.stdin.take().expect("piped");
        // A program that fails early closes its input; its own complaint is the better one.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        let output = child.wait_with_output().expect("it was started");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {}\n{errors}{input}", self.shown, output.status);
        String::from_utf8(output.stdout).expect("text")
    }

    /// A program that was just copied may still be open for writing in a child of another thread
    /// that has not reached its exec yet: that is over in a moment.
    fn start(&mut self) -> Child {
        let deadline = Instant::now() + BUSY_PATIENCE;
        loop {
            match self.command.spawn() {
                Ok(child) => return child,
                Err(error)
                    if error.kind() == ErrorKind::ExecutableFileBusy
                        && Instant::now() < deadline =>
                {
                    thread::yield_now();
                }
                Err(error) => panic!("{}: {error}", self.shown),
            }
        }
    }
}

fn die_with_parent() -> std::io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// A started program; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    /// What it says on standard output.
    pub stdout: Lines,
    /// What it says on standard error.
    pub stderr: Lines,
    shown: String,
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The command line, for messages.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Writes a line to its standard input.
    pub fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is still open");
        writeln!(stdin, "{line}").unwrap_or_else(|error| panic!("{}: {error}", self.shown));
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap_or_else(|error| panic!("{}: {error}", self.shown));
    }

    /// Waits for its end, and panics when that takes longer than `patience`.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        self.stdin = None;
        crate::eventually(&format!("end of `{}`", self.shown), patience, || {
            let status = self.child.try_wait().expect("it is our child");
            status.ok_or_else(|| format!("still running, has said: {}", self.stderr.all()))
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Lines of a child's output, as they come.
#[derive(Debug)]
pub struct Lines {
    receiver: Receiver<String>,
    all: Arc<Mutex<String>>,
}

impl Lines {
    fn read(pipe: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        let all = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&all);
        thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                let mut text = seen.lock().expect("nobody panics with it");
                text.push_str(&line);
                text.push('\n');
                drop(text);
                // Nobody may be waiting for lines any more; `all` still wants them.
                drop(sender.send(line));
            }
        });
        Self { receiver, all }
    }

    /// The next line, or why there is none.
    pub fn next(&self, patience: Duration) -> Result<String, RecvTimeoutError> {
        self.receiver.recv_timeout(patience)
    }

    /// Everything said so far.
    pub fn all(&self) -> String {
        self.all.lock().expect("nobody panics with it").clone()
    }
}
