//! What is remembered beyond a run: written, read again, and forgotten to the last byte.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use e2e::wait::PATIENCE;
use e2e::{Agent, App, Client, Names, Scratch, Zone, eventually};
use rustix::process::Signal;
use serde_json::Value;

/// All bytes of all files in a directory.
fn bytes(directory: &Path) -> Vec<u8> {
    let entries = fs::read_dir(directory).expect("it is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.flat_map(|path| fs::read(path).expect("readable")).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The finding of a kind about an app.
fn finding(agent: &Agent, app: &App, kind: &str) -> Result<Value, String> {
    let all = agent.findings();
    let list = all.as_array().expect("a list");
    let is_it = |finding: &&Value| finding["app"] == *app.id && finding["kind"] == kind;
    list.iter().find(is_it).cloned().ok_or_else(|| format!("{all:#}"))
}

#[test]
fn a_documented_behaviour_is_found_and_outlives_the_agent() {
    let scratch = Scratch::new();
    let state = scratch.path().join("state");
    let agent = Agent::plan().remembering(state.clone()).start();
    let names = Names::new(&Zone::default());
    let visit = names.run(&Client::device_manager());
    let found = eventually("a finding", PATIENCE, || finding(&agent, visit.app(), "documented"));
    assert_eq!(found["behaviour"], "oneplus-device-manager", "{found:#}");
    assert_eq!(found["destination"], "oneplus.net");
    assert!(found["sentence"].as_str().is_some_and(|text| text.len() > 10), "{found:#}");
    let first_day = agent.first_day();
    assert!(first_day.contains("oneplus-device-manager"), "{first_day}");
    let metrics = agent.metrics();
    assert!(metrics.sum("sortie_findings", &[("kind", "documented")]) >= 1);

    agent.end(Signal::TERM);
    let mode = fs::metadata(state.join("memory")).expect("it was written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(contains(&bytes(&state), "oneplus.net") && contains(&bytes(&state), &visit.app().id));

    let agent = Agent::plan().remembering(state.clone()).start();
    let again = finding(&agent, visit.app(), "documented").expect("it was kept");
    assert_eq!(again["first_unix_ms"], found["first_unix_ms"]);

    // What it did in other times has an answer although it was not seen since the start.
    let page = agent.app_page(visit.app());
    assert!(page.contains("remembered") && page.contains("oneplus.net"), "{page}");
    let month = page.lines().filter(|line| line.starts_with("20") && line.contains("sent")).count();
    assert_eq!(month, 1, "{page}");

    agent.forget("--destination oneplus.net");
    assert!(!contains(&bytes(&state), "oneplus.net"), "on the disk");
    agent.forget(&format!("--app {}", visit.app().id));
    assert!(!contains(&bytes(&state), &visit.app().id), "on the disk");
    assert!(finding(&agent, visit.app(), "documented").is_err());
    agent.forget("--all");
    assert_eq!(agent.findings(), Value::Array(Vec::new()));
}

/// Whatever happens to the agent or the file, it starts again and loses nothing silently.
#[test]
fn a_killed_agent_and_a_damaged_file_are_survived() {
    let scratch = Scratch::new();
    let state = scratch.path().join("state");
    let names = Names::new(&Zone::default());
    let agent = Agent::plan().remembering(state.clone()).start();
    let visit = names.run(&Client::social_sdk());
    eventually("a finding", PATIENCE, || finding(&agent, visit.app(), "documented"));
    agent.end(Signal::TERM);
    let agent = Agent::plan().remembering(state.clone()).start();
    agent.end(Signal::KILL);

    let file = state.join("memory");
    let mut damaged = fs::read(&file).expect("it is there");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&file, &damaged).expect("it can be written");
    let agent = Agent::plan().remembering(state.clone()).start();
    assert!(agent.errors().contains("cannot be used"), "{}", agent.errors());
    let kept = fs::read(state.join("memory.unreadable.1")).expect("it was put aside");
    assert_eq!(kept, damaged);
}

#[test]
fn a_disk_that_cannot_be_written_keeps_nobody_from_starting() {
    let agent = Agent::plan().remembering("/proc/nowhere".into()).start();
    assert!(agent.errors().contains("what is remembered ends with this run"), "{}", agent.errors());
    agent.forget("--all");
}

#[test]
fn findings_are_told_to_a_command() {
    let scratch = Scratch::new();
    let told = scratch.path().join("told");
    let script = scratch.write("tell", &format!("#!/bin/sh\necho \"$2\" >> {}\n", told.display()));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("ours");
    let agent = Agent::plan()
        .with_setting(&format!("notify_command = [{:?}, \"first\"]", script.display().to_string()))
        .start();
    let names = Names::new(&Zone::default());
    let visit = names.run(&Client::device_manager());
    eventually("a notification", PATIENCE, || {
        agent.metrics();
        let text = fs::read_to_string(&told).unwrap_or_default();
        let is_there = text.contains(&visit.app().id) && text.contains("oneplus.net");
        if is_there { Ok(()) } else { Err(text) }
    });
}

/// Connects every six seconds: what a beacon does, in time that a test can wait for.
const BEACON: &str = "import socket, sys, time
for _ in range(int(sys.argv[2])):
    with socket.create_connection((sys.argv[1], 5222)) as one:
        one.sendall(b'tick')
        one.recv(64)
    time.sleep(6)";

/// The whole way in real time: packets on a wire become a finding with the interval they had.
#[test]
fn a_beacon_is_found_while_it_runs() {
    let agent = Agent::start();
    let names = Names::new(&Zone::default());
    let python = Client::system("python3").word("-c").word(BEACON);
    let beacon = python.word("beacon.example.net").word("20");
    let visit = names.start(&beacon);
    let found = eventually("a regular contact", Duration::from_secs(110), || {
        finding(&agent, visit.app(), "regular")
    });
    assert_eq!(found["destination"], "example.net", "{found:#}");
    let period = found["period_seconds"].as_u64().expect("a number");
    assert!((5..=8).contains(&period), "{found:#}");
    let of_app = [("app", &*visit.app().id)];
    let metrics = agent.metrics();
    assert_eq!(metrics.sum("sortie_beacon_interval_seconds", &of_app), period);
}
