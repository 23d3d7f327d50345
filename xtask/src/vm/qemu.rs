//! QEMU: one machine, booted, watched and ended.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::kernels::Machine;

/// How long a machine may take from power-on to its verdict. Emulated on a busy computer, the slowest
/// takes a few minutes.
const PATIENCE: Duration = Duration::from_mins(20);

/// How an architecture is emulated.
struct Board {
    program: &'static str,
    package: &'static str,
    options: &'static [&'static str],
    console: &'static str,
}

fn board(arch: &str) -> Result<Board> {
    let board = |program, package, options, console| Board { program, package, options, console };
    Ok(match arch {
        "x86_64" => board(
            "qemu-system-x86_64",
            "qemu-system-x86",
            &["-machine", "pc", "-cpu", "max"],
            "ttyS0",
        ),
        "aarch64" => board(
            "qemu-system-aarch64",
            "qemu-system-arm",
            &["-machine", "virt", "-cpu", "cortex-a53"],
            "ttyAMA0",
        ),
        "armv7" => board(
            "qemu-system-arm",
            "qemu-system-arm",
            &["-machine", "virt", "-cpu", "cortex-a15"],
            "ttyAMA0",
        ),
        "mipsel" => board(
            "qemu-system-mipsel",
            "qemu-system-mips",
            &["-machine", "malta", "-cpu", "24Kf"],
            "ttyS0",
        ),
        "mips" => board(
            "qemu-system-mips",
            "qemu-system-mips",
            &["-machine", "malta", "-cpu", "24Kf"],
            "ttyS0",
        ),
        "riscv64gc" => {
            board("qemu-system-riscv64", "qemu-system-misc", &["-machine", "virt"], "ttyS0")
        }
        other => bail!("no machine of the architecture {other} is known"),
    })
}

/// The program for an architecture, and Debian's package that brings it.
pub(super) fn program(arch: &str) -> Result<(&'static str, &'static str)> {
    board(arch).map(|board| (board.program, board.package))
}

/// [`start`]s a machine of the matrix.
pub(super) fn boot(
    machine: &Machine,
    kernel: &Path,
    initrd: &Path,
    log: &Path,
) -> Result<Vec<String>> {
    let append = format!("sortie.mode={}", machine.mode);
    start(machine.kernel.arch, machine.memory(), &append, kernel, initrd, log)
}

/// Boots a machine with so many MiB, and gives what the cases said, line by line, in the order in which
/// they said it. `append` goes to the kernel's command line, and everything on the console to `log`.
pub(super) fn start(
    arch: &str,
    memory: u32,
    append: &str,
    kernel: &Path,
    initrd: &Path,
    log: &Path,
) -> Result<Vec<String>> {
    let board = board(arch)?;
    let mut command = Command::new(board.program);
    command.args(board.options);
    // Unmodified kernels do not run under every KVM; emulation does everywhere.
    command.args(["-accel", "tcg", "-smp", "1", "-m", &memory.to_string()]);
    command.args([
        "-nodefaults",
        "-no-reboot",
        "-display",
        "none",
        "-serial",
        "stdio",
        "-nic",
        "none",
    ]);
    command.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    let append = format!("console={} quiet panic=-1 {append}", board.console);
    command.args(["-append", &append]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running(command.spawn().with_context(|| {
        format!("cannot start {}; `cargo xtask doctor` says how to get it", board.program)
    })?);
    let lines = running.lines()?;
    let mut log =
        fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let deadline = Instant::now() + PATIENCE;
    let mut said = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) => {
                writeln!(log, "{line}").context("cannot write the log")?;
                if let Some((_, text)) = line.split_once("vm: ") {
                    said.push(text.trim_end().to_owned());
                    if text.starts_with("verdict ") || text.starts_with("end ") {
                        return Ok(said);
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => bail!("no verdict within {} s", PATIENCE.as_secs()),
            Err(RecvTimeoutError::Disconnected) => bail!("the machine ended without a verdict"),
        }
    }
}

/// A machine that is switched off when nobody watches it any more.
struct Running(Child);

impl Running {
    /// Lines of the console and of QEMU's own complaints.
    fn lines(&mut self) -> Result<Receiver<String>> {
        let (sender, receiver) = channel();
        let own = sender.clone();
        let stdout = self.0.stdout.take().context("it was piped")?;
        let stderr = self.0.stderr.take().context("it was piped")?;
        let forward = |pipe: Box<dyn std::io::Read + Send>,
                       sender: std::sync::mpsc::Sender<String>| {
            thread::spawn(move || {
                for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                    if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                        return;
                    }
                }
            });
        };
        forward(Box::new(stdout), sender);
        forward(Box::new(stderr), own);
        Ok(receiver)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
