//! What is attached, and that nothing stays so.

use std::time::Duration;

use e2e::{Agent, Launch, eventually, program};
use rustix::process::Signal;
use serde_json::Value;

use crate::mode::Mode;

/// How long the kernel may take to free what nobody holds any more.
const PATIENCE: Duration = Duration::from_mins(1);

/// `sortie check` calls this kernel fit, and says what it lacks.
pub(crate) fn check(mode: Mode) {
    let output = Launch::new(program::sortie()).words("check --json").output();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let report: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {errors}"));
    for check in report["checks"].as_array().expect("a list of checks") {
        let word = |key: &str| check[key].as_str().unwrap_or_default();
        println!("vm: fact check {}: {}: {}", word("name"), word("status"), word("found"));
        let is_required = check["required"].as_bool() == Some(true);
        let is_fine = word("status") == "ok" || !is_required || mode == Mode::Exclusive;
        assert!(is_fine, "{} is {}: {}", word("name"), word("status"), word("found"));
    }
    let is_ready = report["ready"].as_bool() == Some(true);
    assert_eq!(is_ready, mode != Mode::Exclusive, "ready: {is_ready}; {errors}");
}

/// After the agent's end the kernel holds none of its programs.
pub(crate) fn nothing_left(_: Mode) {
    let before = programs();
    assert!(before.is_empty(), "there were programs before: {before:?}");
    let agent = Agent::start();
    let during = programs();
    assert!(during.len() >= 5, "only these are loaded: {during:?}");
    println!("vm: fact programs {}", during.len());
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
            format!("{} {}", info.id(), info.name_as_str().unwrap_or_default())
        })
        .collect()
}
