//! The task `tidy`: rules of the house that neither the compiler nor clippy knows.

use std::{
    collections::BTreeSet,
    env, fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{exec, source, workspace::Workspace};

/// A file longer than this holds two things, unless it is a table and says so in its first lines.
const FILE_LINES_MAX: usize = 400;
const TABLE: &str = "// tidy: table";

/// A function longer than this cannot be seen at once.
const FUNCTION_LINES_MAX: usize = 70;

/// Where `unsafe` may be written, and why it cannot be done without.
const UNSAFE: [(&str, &str); 5] = [
    ("monitor-ebpf/src/", "kernel helpers and contexts are raw pointers"),
    ("monitor/src/kernel/bpf.rs", "system calls that no crate wraps"),
    ("monitor/src/kernel/calendar.rs", "calls of the C library that no crate wraps"),
    ("monitor/src/kernel/time.rs", "a clock that a crate reads wrongly on one processor"),
    ("tests/", "traffic of every kind takes system calls of every kind"),
];

/// The top level, which the project's owner has fixed.
const REQUIRED: [&str; 6] =
    ["Cargo.toml", "README.md", "monitor", "monitor-ebpf", "xtask", "tests"];
const CONVENTIONAL: [&str; 10] = [
    ".cargo",
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "BENCHMARKS.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
];

/// A file of the repository, with its path from the top.
#[derive(Debug)]
struct File {
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    /// Tests may be long, and may end in a panic.
    fn is_test(&self) -> bool {
        let path = Path::new(&self.path);
        path.file_name().is_some_and(|name| name == "tests.rs")
            || path.components().any(|part| part.as_os_str() == "tests")
    }
}

/// A rule that does not hold, and where.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Checks, and says that all is well.
pub(crate) fn run() -> Result<()> {
    check(&Workspace::find()?)?;
    println!("tidy");
    Ok(())
}

/// Every rule on every file; an error names all that do not hold.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let files = files(workspace)?;
    let traces = traces(workspace.root(), env::var_os("HOME").map(PathBuf::from).as_deref());
    let mut findings = top_level(&files);
    for file in &files {
        findings.extend(foreign_paths(file, &traces));
        if file.is_rust() {
            findings.extend(rust_rules(file));
        }
    }
    if findings.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    bail!("not tidy:\n{}", list.join("\n"))
}

/// What git tracks or would track; without git, everything that is no result.
fn files(workspace: &Workspace) -> Result<Vec<File>> {
    let mut git = Command::new("git");
    git.current_dir(workspace.root());
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let mut paths: Vec<String> = match exec::ask(&mut git) {
        Some(list) => list.split_terminator('\0').map(str::to_owned).collect(),
        None => walk(workspace.root())?,
    };
    paths.sort();
    paths.dedup();
    let mut files = Vec::new();
    for path in paths {
        let full = workspace.root().join(&path);
        if !full.is_file() {
            continue; // Deleted and not yet committed.
        }
        let bytes = fs::read(&full).with_context(|| format!("cannot read {}", full.display()))?;
        files.push(File { path, text: String::from_utf8(bytes).unwrap_or_default() });
    }
    Ok(files)
}

fn walk(root: &Path) -> Result<Vec<String>> {
    let (mut paths, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            let path = entry.path();
            let relative = path.strip_prefix(root).unwrap_or(&path);
            if relative == Path::new("target") || relative == Path::new(".git") {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if let Some(relative) = relative.to_str() {
                paths.push(relative.to_owned());
            }
        }
    }
    Ok(paths)
}

/// The top level has what the owner listed, and beside it only what every repository has.
fn top_level(files: &[File]) -> Vec<Finding> {
    let top = |file: &File| file.path.split('/').next().unwrap_or_default().to_owned();
    let present: BTreeSet<String> = files.iter().map(top).collect();
    let allowed = |name: &str| {
        REQUIRED.contains(&name) || CONVENTIONAL.contains(&name) || name.starts_with("LICENSE")
    };
    let extra = present.iter().filter(|name| !allowed(name)).map(|name| Finding {
        path: name.clone(),
        line: 1,
        what: "has no place at the top level".to_owned(),
    });
    let absent = REQUIRED.iter().filter(|name| !present.contains(**name)).map(|name| Finding {
        path: (*name).to_owned(),
        line: 1,
        what: "belongs to the top level and is not there".to_owned(),
    });
    extra.chain(absent).collect()
}

/// Texts that only a path of somebody's machine can be.
fn traces(root: &Path, home: Option<&Path>) -> Vec<String> {
    // In two halves, or this file would be its own first finding.
    let mut traces: Vec<String> =
        [("..", "/shared"), ("/work", "/"), ("/root/", ".cargo"), ("/root/", ".rustup")]
            .map(|(one, other)| format!("{one}{other}"))
            .to_vec();
    let own = [Some(root), home.filter(|home| home.starts_with("/home"))];
    for path in own.into_iter().flatten().filter(|path| path.components().count() > 2) {
        traces.push(format!("{}/", path.display()));
    }
    traces
}

/// No file knows the machine that it was written on.
fn foreign_paths(file: &File, traces: &[String]) -> Vec<Finding> {
    if file.path.starts_with(".ci/") {
        return Vec::new();
    }
    let found = |(line, text): (usize, &str)| {
        let trace = traces.iter().find(|trace| text.contains(trace.as_str()))?;
        let what = format!("`{trace}` is a path of one machine");
        Some(Finding { path: file.path.clone(), line: line + 1, what })
    };
    file.text.lines().enumerate().filter_map(found).collect()
}

/// The rules of Rust source.
fn rust_rules(file: &File) -> Vec<Finding> {
    let masked = source::mask(&file.text);
    let mut findings = unsafe_outside_its_place(file, &masked);
    if file.is_test() {
        return findings;
    }
    let code = source::without_tests(&masked);
    findings.extend(too_long(file, code));
    findings.extend(panics(file, code));
    findings
}

fn unsafe_outside_its_place(file: &File, masked: &str) -> Vec<Finding> {
    if UNSAFE.iter().any(|(place, _)| file.path.starts_with(place)) {
        return Vec::new();
    }
    let lines = masked.lines().enumerate().filter(|(_, line)| source::has_word(line, "unsafe"));
    let places: Vec<&str> = UNSAFE.iter().map(|(place, _)| *place).collect();
    lines
        .map(|(line, _)| Finding {
            path: file.path.clone(),
            line: line + 1,
            what: format!("`unsafe` outside of {}", places.join(", ")),
        })
        .collect()
}

fn too_long(file: &File, code: &str) -> Vec<Finding> {
    let finding = |line, what| Finding { path: file.path.clone(), line, what };
    let mut findings = Vec::new();
    let lines = code.lines().count();
    let is_table = file.text.lines().take(5).any(|line| line.starts_with(TABLE));
    if lines > FILE_LINES_MAX && !is_table {
        let what = format!("{lines} lines without its tests; {FILE_LINES_MAX} is the limit");
        findings.push(finding(FILE_LINES_MAX + 1, what));
    }
    for function in source::functions(code) {
        if function.lines > FUNCTION_LINES_MAX {
            let source::Function { name, line, lines } = function;
            let what = format!("`{name}` has {lines} lines; {FUNCTION_LINES_MAX} is the limit");
            findings.push(finding(line, what));
        }
    }
    findings
}

fn panics(file: &File, code: &str) -> Vec<Finding> {
    let found = |(line, text): (usize, &str)| {
        let call = [".unwrap()", ".expect(", "panic!"].iter().find(|call| text.contains(**call))?;
        let what = format!("`{call}` outside of tests");
        Some(Finding { path: file.path.clone(), line: line + 1, what })
    };
    code.lines().enumerate().filter_map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn told(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn this_repository_is_tidy() -> Result<()> {
        check(&Workspace::find()?)
    }

    #[test]
    fn the_top_level_is_the_owner_s() {
        let mut files: Vec<File> =
            ["Cargo.toml", "README.md", "monitor/a", "monitor-ebpf/a", "xtask/a", "LICENSE-MIT"]
                .map(|path| file(path, ""))
                .into();
        assert_eq!(
            told(&top_level(&files)),
            ["tests:1: belongs to the top level and is not there"]
        );
        files.push(file("tests/a", ""));
        assert!(top_level(&files).is_empty());
        files.push(file("docs/a", ""));
        assert_eq!(told(&top_level(&files)), ["docs:1: has no place at the top level"]);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        let traces = traces(Path::new("/srv/clone"), Some(Path::new("/home/ada")));
        let text = "fine\n/srv/clone/x\n/home/user/x\n/home/ada/x\n";
        let found: Vec<usize> =
            foreign_paths(&file("README.md", text), &traces).iter().map(|f| f.line).collect();
        assert_eq!(found, [2, 4]);
        assert!(foreign_paths(&file(".ci/run", text), &traces).is_empty());
    }

    #[test]
    fn unsafe_has_its_places() {
        let text = "//! unsafe\n#![deny(unsafe_code)]\nfn f() { unsafe { g() } }\n";
        assert_eq!(rust_rules(&file("monitor/src/kernel/bpf.rs", text)), []);
        let findings = rust_rules(&file("monitor/src/agent.rs", text));
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn length_is_counted_without_tests_and_tables() {
        let long = "x();\n".repeat(FILE_LINES_MAX + 1);
        assert_eq!(rust_rules(&file("a.rs", &long)).len(), 1);
        assert_eq!(rust_rules(&file("a.rs", &format!("{TABLE}\n{long}"))), []);
        assert_eq!(rust_rules(&file("monitor/tests/a.rs", &long)), []);
        let tested = format!("#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(rust_rules(&file("a.rs", &tested)), []);
        let function = |lines| format!("fn f() {{\n{}}}\n", "x();\n".repeat(lines - 2));
        assert_eq!(rust_rules(&file("a.rs", &function(FUNCTION_LINES_MAX))), []);
        let findings = rust_rules(&file("a.rs", &function(FUNCTION_LINES_MAX + 1)));
        assert_eq!(told(&findings), ["a.rs:1: `f` has 71 lines; 70 is the limit"]);
    }

    #[test]
    fn only_tests_may_panic() {
        let text = "/// x.unwrap()\nlet a = b.unwrap();\nlet c = \"panic!\";\n";
        let findings = rust_rules(&file("a.rs", text));
        assert_eq!(told(&findings), ["a.rs:2: `.unwrap()` outside of tests"]);
        let tested = "#[cfg(test)]\nmod tests {\n    x.unwrap();\n}\n";
        assert_eq!(rust_rules(&file("a.rs", tested)), []);
    }
}
