//! Data flows one way: a layer names only layers to its left, and the core does no I/O.
//!
//! Read from the source, so that a shortcut is found when it is written and not when it hurts.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// The layers from left to right. Each may name itself and what stands before it.
const LAYERS: [&str; 13] = [
    "clock", "kernel", "event", "identity", "naming", "ledger", "memory", "export", "agent",
    "failure", "config", "daemon", "cli",
];

/// Pairs that the order allows or forbids wrongly, with the reason.
const EXCEPTIONS: [(&str, &str, bool, &str); 6] = [
    ("failure", "config", true, "a bad configuration is one of the failures"),
    ("export", "kernel", false, "what is shown is a function of the snapshot"),
    ("naming", "kernel", false, "names come from bytes, not from where those came from"),
    ("naming", "identity", false, "where it goes says nothing of who sends"),
    ("ledger", "kernel", false, "sums know events, not where they come from"),
    ("memory", "kernel", false, "what is remembered are names and sums"),
];

/// Layers between the shores: they take bytes, text and time as arguments.
const PURE: [&str; 6] = ["event", "identity", "naming", "ledger", "memory", "agent"];

/// What the pure layers must not name.
const IMPURE: [&str; 6] = [
    "Instant::now",
    "SystemTime::now",
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::process",
];

fn rank(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|known| *known == layer)
}

fn may_name(layer: &str, named: &str) -> bool {
    let exception = EXCEPTIONS.iter().find(|(from, to, ..)| *from == layer && *to == named);
    if let Some((.., allowed, _)) = exception {
        return *allowed;
    }
    // Modules that are no layers, such as macros, are everybody's.
    rank(named) <= rank(layer)
}

/// Code without comments and without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let text = text.split("#[cfg(test)]\n#[expect").next().unwrap_or(text);
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// The names that stand first in what follows `crate::`: one, or those of a group in braces.
fn first_names(path: &str) -> Vec<&str> {
    let name = |path| {
        let path: &str = path;
        let end = path.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(path.len());
        &path[..end]
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![name(path)].into_iter().filter(|name| !name.is_empty()).collect();
    };
    let (mut depth, mut names, mut begins) = (1, Vec::new(), true);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => begins = true,
            _ if begins && !letter.is_whitespace() => {
                names.push(name(&group[at..]));
                begins = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// What is wrong with a file of a layer.
fn violations(layer: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        for named in first_names(&code[at + "crate::".len()..]) {
            if !may_name(layer, named) {
                found.push(format!("`{layer}` names `{named}`"));
            }
        }
    }
    if PURE.contains(&layer) {
        let impure = IMPURE.iter().filter(|word| code.contains(**word));
        found.extend(impure.map(|word| format!("`{layer}` uses `{word}`")));
    }
    found
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("the sources are readable") {
        let path = entry.expect("the sources are readable").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_flow_is_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut found = Vec::new();
    let mut layers_seen = Vec::new();
    for path in files {
        let inner = path.strip_prefix(&root).expect("it was found there");
        let layer = inner.iter().next().and_then(|name| name.to_str()).unwrap_or_default();
        let layer = layer.trim_end_matches(".rs");
        let is_test = inner.to_string_lossy().contains("tests");
        if is_test || rank(layer).is_none() {
            continue;
        }
        layers_seen.push(layer.to_owned());
        let text = fs::read_to_string(&path).expect("the sources are readable");
        found.extend(
            violations(layer, &text).iter().map(|what| format!("{}: {what}", inner.display())),
        );
    }
    for layer in LAYERS {
        assert!(layers_seen.iter().any(|seen| seen == layer), "there is no layer `{layer}`");
    }
    assert!(found.is_empty(), "the flow is not one way:\n{}", found.join("\n"));
}

#[test]
fn a_planted_violation_is_found() {
    let planted = "use crate::export::Snapshot;\nfn f() { crate::ledger::g() }\n";
    assert_eq!(violations("event", planted), ["`event` names `export`", "`event` names `ledger`"]);
    assert_eq!(violations("cli", planted), [""; 0]);
    assert_eq!(violations("export", "use crate::kernel::X;"), ["`export` names `kernel`"]);
    let group = "use crate::{\n    event::{self, Flow},\n    ledger::{Ledger, flows::Fate},\n};\nuse x::{cli};";
    assert_eq!(violations("identity", group), ["`identity` names `ledger`"]);
    assert_eq!(violations("event", "use crate::Thing; crate::cli!()"), ["`event` names `cli`"]);
    for named in ["event", "identity", "ledger", "memory", "export", "agent", "daemon", "config"] {
        let planted = format!("use crate::{named}::x;");
        assert_eq!(violations("kernel", &planted), [format!("`kernel` names `{named}`")]);
    }
    for layer in ["event", "identity", "ledger", "memory", "export", "agent"] {
        let planted = "use crate::config::Config;";
        assert_eq!(violations(layer, planted), [format!("`{layer}` names `config`")]);
    }
    assert_eq!(violations("agent", "std::time::Instant::now()"), ["`agent` uses `Instant::now`"]);
    assert_eq!(violations("event", "// use crate::export::X;\n"), [""; 0]);
    let test = "fn f() {}\n#[cfg(test)]\nmod tests { use crate::cli::x; }";
    assert_eq!(violations("event", test), [""; 0]);
}
