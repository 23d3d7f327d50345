//! What is attached, and that nothing stays so.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::{Agent, eventually};
use rustix::process::Signal;
use serde_json::Value;

use crate::mode::Mode;
use crate::{boot, foreign, rights};

/// The exit code for a hook that somebody else keeps (`sortie help exit-codes`).
const HOOK_TAKEN: i32 = 14;

/// How long the kernel may take to free what nobody holds any more.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long an agent may have been running that has just been started, in seconds.
const YOUNG: i64 = 600;

/// The agent knows when it was started, for which it reads both of the kernel's clocks.
pub(crate) fn clock(mode: Mode) {
    let agent = rights::start(mode);
    let started = agent.metrics().gauge("sortie_start_time_seconds", &[]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it was set").as_secs();
    let age = i64::try_from(now).expect("63 bits") - started;
    assert!((-1..YOUNG).contains(&age), "started {age} s ago, at {started}");
}

/// `sortie check` calls this kernel fit, and says what it lacks.
pub(crate) fn check(mode: Mode) {
    let report = report(mode);
    assert_eq!(report["ready"].as_bool(), Some(true), "not ready");
    for check in report["checks"].as_array().expect("a list of checks") {
        let is_required = check["required"].as_bool() == Some(true);
        assert!(!is_required || check["status"] == "ok", "missing: {check}");
        let is_hook = check["name"].as_str().is_some_and(|name| name.starts_with("hook "));
        assert!(!is_hook || check["status"] == "ok", "not attached: {check}");
    }
}

fn report(mode: Mode) -> Value {
    let output = rights::check(mode).output();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let report: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {errors}"));
    for check in report["checks"].as_array().expect("a list of checks") {
        let word = |key: &str| check[key].as_str().unwrap_or_default();
        println!("vm: fact check {}: {}: {}", word("name"), word("status"), word("found"));
    }
    report
}

/// Where somebody else does not let us in, the agent says at which hook, and how to see who it is.
pub(crate) fn occupied(mode: Mode) {
    foreign::occupy(&e2e::cgroup::root());
    let report = report(mode);
    assert_eq!(report["ready"].as_bool(), Some(false), "ready in spite of it");
    let ended = Agent::plan().fail();
    println!("vm: fact refusal {}", ended.errors.trim_end());
    ended.assert(HOOK_TAKEN, &["egress", "bpftool"]);
}

/// Where the limit on locked memory is too low and counts, which it does before 5.11, the agent says that
/// it lacks rights. Elsewhere it does not care.
pub(crate) fn locked_memory(mode: Mode) {
    let report = report(mode);
    let counts = boot::version(&boot::kernel_release()) < (5, 11);
    assert_eq!(report["ready"].as_bool(), Some(!counts));
    let rights = report["checks"].as_array().expect("a list of checks").iter();
    let mut rights = rights.filter(|check| check["name"] == "rights to load programs");
    let status = rights.next().expect("a check of rights")["status"].clone();
    assert_eq!(status, if counts { "missing" } else { "ok" });
}

/// The programs are compiled where the kernel does that, and after the agent's end it holds none of them.
pub(crate) fn nothing_left(mode: Mode) {
    let before = programs();
    assert!(before.is_empty(), "there were programs before: {before:?}");
    let agent = rights::start(mode);
    let during = programs();
    assert!(during.len() >= 5, "only these are loaded: {during:?}");
    let interpreted: Vec<&String> =
        during.iter().filter(|text| text.ends_with("interpreted")).collect();
    println!("vm: fact programs {}, of which {} are interpreted", during.len(), interpreted.len());
    for text in &during {
        println!("vm: fact program {text}");
    }
    let compiler = fs::read_to_string("/proc/sys/net/core/bpf_jit_enable").unwrap_or_default();
    assert!(compiler.trim() != "1" || interpreted.is_empty(), "not compiled: {interpreted:?}");
    agent.end(Signal::TERM);
    eventually("the end of all programs", PATIENCE, || {
        let after = programs();
        if after.is_empty() { Ok(()) } else { Err(format!("{after:?}")) }
    });
}

fn programs() -> Vec<String> {
    aya::programs::loaded_programs()
        .map(|info| {
            let info = info.expect("root may look at programs");
            let how = if info.size_jitted() == 0 { "interpreted" } else { "compiled" };
            let verified = match info.verified_instruction_count() {
                Some(count) => format!("{count} instructions verified, "),
                None => String::new(),
            };
            format!("{} {}: {verified}{how}", info.id(), info.name_as_str().unwrap_or_default())
        })
        .collect()
}
