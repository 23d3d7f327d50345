//! The end-to-end cases that need nothing but a kernel: the first program of a virtual machine, whose
//! whole userland is this program, the agent and the actor. `cargo xtask vm` packs and boots it.
//!
//! Each case runs in a process of its own, so that its panic is its verdict. What is to be known on
//! the host is a line on the console that begins with `vm: `:
//!
//! * `vm: kernel RELEASE`
//! * `vm: case NAME ok|failed|skipped SECONDS TEXT`
//! * `vm: fact NAME TEXT`
//! * `vm: verdict ok|failed TEXT`

mod attached;
mod boot;
mod bpf;
mod foreign;
mod hooked;
mod loopback;
mod memory;
mod message;
mod mode;
mod named;
mod packets;
mod rights;
mod traffic;

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::mode::Mode;

/// Something that must hold.
struct Case {
    name: &'static str,
    /// The oldest kernel on which it must. On an older one it is skipped, on no other.
    oldest: (u32, u32),
    run: fn(Mode),
}

const CASES: [Case; 14] = [
    Case { name: "check", oldest: (5, 10), run: attached::check },
    Case { name: "clock", oldest: (5, 10), run: attached::clock },
    Case { name: "tcp", oldest: (5, 10), run: traffic::tcp },
    Case { name: "udp", oldest: (5, 10), run: traffic::udp },
    Case { name: "accepted", oldest: (5, 10), run: traffic::accepted },
    Case { name: "older-listener", oldest: (5, 10), run: traffic::older_listener },
    Case { name: "short-lived-tcp", oldest: (5, 10), run: traffic::short_lived_tcp },
    Case { name: "short-lived-udp", oldest: (5, 10), run: traffic::short_lived_udp },
    Case { name: "procd-service", oldest: (5, 10), run: traffic::procd_service },
    Case { name: "named", oldest: (5, 10), run: named::named },
    Case { name: "memory", oldest: (5, 10), run: memory::small },
    Case { name: "occupied", oldest: (5, 10), run: attached::occupied },
    Case { name: "locked-memory", oldest: (5, 10), run: attached::locked_memory },
    Case { name: "nothing-left", oldest: (5, 10), run: attached::nothing_left },
];

fn main() -> ExitCode {
    if std::process::id() == 1 {
        boot::prepare();
        let done = Command::new("/init").arg("all").status();
        boot::end(&format!("{done:?}"));
    }
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let [first, what, program @ ..] = &words[..]
        && first == "as"
    {
        rights::become_less(&what.to_string_lossy(), program);
    }
    let mode = Mode::of_this_boot();
    match words.iter().filter_map(|word| word.to_str()).collect::<Vec<_>>()[..] {
        ["all"] => all(mode),
        ["case", name] => {
            let case = CASES.iter().find(|case| case.name == name).expect("a case of this name");
            (case.run)(mode);
            ExitCode::SUCCESS
        }
        ["visit", what, host, to] => {
            named::visit(what, host, to);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("vmcases is the first program of a virtual machine: `cargo xtask vm`");
            ExitCode::FAILURE
        }
    }
}

/// Runs every case of this mode, and says how it was.
fn all(mode: Mode) -> ExitCode {
    let release = boot::kernel_release();
    println!("vm: kernel {release}");
    println!("vm: fact mode {}", mode.name());
    let (mut passed, mut failed) = (0, 0);
    for case in CASES.iter().filter(|case| mode.has(case.name)) {
        let started = Instant::now();
        let verdict = |verdict: &str, text: &str| {
            let seconds = started.elapsed().as_secs_f64();
            println!("vm: case {} {verdict} {seconds:.1} {text}", case.name);
        };
        if boot::version(&release) < case.oldest {
            verdict("skipped", &format!("needs {}.{}", case.oldest.0, case.oldest.1));
            continue;
        }
        let output = Command::new("/proc/self/exe")
            .args(["case", case.name])
            .stderr(Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output);
        match output {
            Ok(output) if output.status.success() => {
                passed += 1;
                verdict("ok", "");
            }
            Ok(output) => {
                failed += 1;
                let text = String::from_utf8_lossy(&output.stderr);
                verdict("failed", text.lines().take(40).collect::<Vec<_>>().join(" | ").as_str());
            }
            Err(error) => {
                failed += 1;
                verdict("failed", &error.to_string());
            }
        }
    }
    let verdict = if failed == 0 && passed > 0 { "ok" } else { "failed" };
    println!("vm: verdict {verdict} {passed} passed, {failed} failed");
    ExitCode::SUCCESS
}
