//! The binary as a user meets it: without root, against an agent that is played by a thread.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What the fake agent answers: one app with a name that tries to clear the screen.
const DOCUMENT: &str = r#"{"version":2,"taken_unix_ms":120000,"started_unix_ms":60000,"apps":[
    {"kind":"flatpak","id":"org.example.Evil","rung":"flatpak","name":"Ev\u001b[2Jil\u202e",
     "first_seen_unix_ms":60000,"last_seen_unix_ms":110000,
     "classes":[{"protocol":"tcp","scope":"internet","totals":{"sent_bytes":1234,
       "received_bytes":5678,"connections":3,"failures":1}},
      {"protocol":"tcp","scope":"loopback","totals":{"sent_bytes":1000000}}],
     "destinations":[{"name":"example.net","scope":"internet","last_seen_unix_ms":110000,
       "totals":{"sent_bytes":1234}}]}]}"#;

/// A directory of the test's own with a configuration, gone at its end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("sortie-cli-{name}-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        let place = Self(place);
        place.configure(&format!("runtime_dir = \"{}\"\n", place.0.display()));
        place
    }

    fn config(&self) -> PathBuf {
        self.0.join("sortie.toml")
    }

    fn socket(&self) -> PathBuf {
        self.0.join("sortie.sock")
    }

    fn configure(&self, text: &str) {
        fs::write(self.config(), text).unwrap();
    }

    /// `sortie` with these words and this place's configuration.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = sortie(words);
        command.arg("--config").arg(self.config());
        command
    }

    /// Answers whoever asks, for as long as the test runs.
    fn agent(&self, answer: &'static [u8]) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut question = String::new();
                BufReader::new(&stream).read_line(&mut question).unwrap();
                assert_eq!(question, "snapshot\n");
                let _ = stream.write_all(answer);
            }
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn sortie(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sortie"));
    command.args(words).env_remove("COLUMNS").env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

fn run(mut command: Command) -> Output {
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Fails with this code, nothing on standard output and this line on standard error.
#[track_caller]
fn fails(command: Command, code: i32, line: &str) {
    let output = run(command);
    assert_eq!(text(&output.stderr), format!("sortie: {line}\n"));
    assert_eq!(output.status.code(), Some(code));
    assert_eq!(text(&output.stdout), "");
}

/// Succeeds, and says this on standard output and nothing on standard error.
#[track_caller]
fn says(command: Command) -> String {
    let output = run(command);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    text(&output.stdout).to_owned()
}

#[test]
fn help_is_help() {
    assert!(says(sortie(&[])).contains("Usage: sortie COMMAND"));
    assert!(says(sortie(&["--help"])).contains("First steps:"));
    assert!(says(sortie(&["top", "--help"])).contains("--interval SECONDS"));
    assert!(says(sortie(&["help", "exit-codes"])).contains("\n  11  No agent is running"));
    assert!(says(sortie(&["help", "config"])).contains("\n  flows_max = 16384\n"));
    let version = concat!("sortie ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(says(sortie(&["--version"])), version);
}

#[test]
fn what_is_not_understood_gets_one_line() {
    fails(
        sortie(&["apps", "--jsn"]),
        2,
        "unknown option `--jsn` for `sortie apps`; did you mean `--json`?",
    );
    fails(sortie(&["tpo"]), 2, "unknown command `tpo`; did you mean `sortie top`?");
}

#[test]
fn a_bad_configuration_names_file_line_and_remedy() {
    let place = Place::new("config");
    let file = place.config();
    let file = file.display();
    for (content, message) in [
        ("\nflow_max = 3", "2: unknown key `flow_max`; did you mean `flows_max`?"),
        ("flows_max = 3", "1: `flows_max` must be a whole number from 256 to 262144, not 3"),
        ("# x\nlisten = 3", "2: `listen` must be a text in quotes, not 3"),
        (
            "runtime_dir = \"here\"",
            "1: `runtime_dir` must be an absolute path of at most 95 bytes, in quotes, not \"here\"",
        ),
        (
            "listen = \"\"\n\napps_max 9",
            "3: not valid TOML: key with no value, expected `=`; texts need quotes, lists [ ]",
        ),
    ] {
        place.configure(content);
        for verb in ["run", "top", "apps", "check"] {
            fails(place.command(&[verb]), 10, &format!("{file}:{message}"));
        }
    }
    fails(
        sortie(&["apps", "--config", "/nonexistent.toml"]),
        10,
        "/nonexistent.toml: cannot be read: No such file or directory (os error 2); correct the \
         path, or leave out `--config`",
    );
}

/// Before anything is attached, and so without root.
#[test]
fn a_database_that_cannot_be_used_names_key_file_and_remedy() {
    let place = Place::new("database");
    let file = place.0.join("text.mmdb");
    fs::write(&file, "FR = 192.0.2.0/24").unwrap();
    for (key, file, problem) in [
        ("country_database", "/nonexistent.mmdb", "No such file or directory (os error 2)"),
        (
            "asn_database",
            file.to_str().unwrap(),
            "it is not a database in the MaxMind DB format, or not a whole one",
        ),
    ] {
        place.configure(&format!("runtime_dir = \"{}\"\n{key} = \"{file}\"\n", place.0.display()));
        let line = format!(
            "cannot use {file}: {problem}; set `{key}` in the configuration to a file that can be \
             used, or to \"\" for none"
        );
        fails(place.command(&["run"]), 10, &line);
    }
}

#[test]
fn no_agent_is_one_line_whether_it_never_ran_or_died() {
    let place = Place::new("none");
    let line = format!(
        "no agent is running (no answer at {}); start it with `sudo sortie run`",
        place.socket().display()
    );
    fails(place.command(&["apps"]), 11, &line);
    fails(place.command(&["top"]), 11, &line);
    // A socket nobody listens on any more, as kill -9 leaves it.
    drop(UnixListener::bind(place.socket()).unwrap());
    fails(place.command(&["apps", "--json"]), 11, &line);
}

#[test]
fn apps_prints_a_table() {
    let place = Place::new("apps");
    place.agent(DOCUMENT.as_bytes());
    assert_eq!(
        says(place.command(&["apps"])),
        "1 app  sent 1.23 kB  received 5.67 kB  counting for 1m\n\
         APP                  SENT  RECEIVED   CONN  FAILED  LAST  TOP DESTINATIONS\n\
         Ev[2Jil flatpak   1.23 kB   5.67 kB      3       1   10s  example.net\n"
    );
    assert!(says(place.command(&["apps", "--all"])).starts_with("1 app  sent 1.00 MB"));
    let mut narrow = place.command(&["apps"]);
    narrow.env("COLUMNS", "40");
    assert!(says(narrow).lines().all(|line| line.chars().count() <= 40));
}

#[test]
fn apps_prints_json_that_cannot_act_on_a_terminal() {
    let place = Place::new("json");
    place.agent(DOCUMENT.as_bytes());
    let json = says(place.command(&["apps", "--json"]));
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["version"], 2);
    assert_eq!(value["apps"][0]["name"], "Ev\u{1b}[2Jil\u{202e}");
    assert_eq!(value["apps"][0]["classes"][0]["totals"]["sent_bytes"], 1234);
    assert!(json.is_ascii() && json.ends_with("}\n"), "{json}");
}

#[test]
fn top_prints_one_table_where_there_is_no_terminal() {
    let place = Place::new("top");
    place.agent(DOCUMENT.as_bytes());
    for words in [&["top", "--interval", "1"][..], &["top", "--once", "--interval", "1"]] {
        let table = says(place.command(words));
        assert!(table.contains("\nAPP ") && table.contains("↑/s"), "{table}");
        assert!(!table.contains('\x1b'), "{table}");
    }
}

#[test]
fn bad_answers_are_one_line() {
    for (name, answer, end) in [
        ("empty", &b""[..], "it closed the connection instead; it may be ending, ask again"),
        ("text", b"hello\n", "not a snapshot: expected value at line 1 column 1"),
        (
            "version",
            b"{\"version\":7}",
            "a snapshot of version 7, where this program reads version 2; restart the agent after \
             an update",
        ),
    ] {
        let place = Place::new(name);
        place.agent(answer);
        let socket = place.socket();
        let line = format!("cannot read the agent's answer at {}: {end}", socket.display());
        fails(place.command(&["apps"]), 1, &line);
    }
}

#[test]
fn whoever_may_not_ask_learns_what_to_do() {
    let place = Place::new("denied");
    place.agent(DOCUMENT.as_bytes());
    fs::set_permissions(place.socket(), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(&place.0, fs::Permissions::from_mode(0o755)).unwrap();
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let is_root = rustix::process::geteuid().is_root();
    if is_root && Command::new("setpriv").args(nobody).arg("true").output().is_err() {
        println!("skipped: root may ask everybody, and there is no `setpriv` to be somebody else");
        return;
    }
    // Where the binary was built, only its builder may look.
    let binary = place.0.join("sortie");
    fs::copy(env!("CARGO_BIN_EXE_sortie"), &binary).unwrap();
    for (group, remedy) in [
        ("", "use sudo, or name a group of yours as `socket_group` in the agent's configuration"),
        ("netdev", "use sudo, or become a member of the group `netdev`"),
    ] {
        place.configure(&format!("runtime_dir = {:?}\nsocket_group = \"{group}\"\n", place.0));
        let mut command = Command::new(if is_root { "setpriv".as_ref() } else { &*binary });
        if is_root {
            command.args(nobody).arg(&binary);
        }
        command.arg("apps").arg("--config").arg(place.config());
        let socket = place.socket();
        let line = format!("you may not ask the agent at {}; {remedy}", socket.display());
        fails(command, 3, &line);
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = Place::new("pipe");
    place.agent(DOCUMENT.as_bytes());
    for words in [&["apps"][..], &["apps", "--json"], &["--help"]] {
        let mut command = if words == ["--help"] { sortie(words) } else { place.command(words) };
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(text(&output.stderr), "");
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let mut command = sortie(&["--help"]);
    command.stdout(fs::File::create("/dev/full").unwrap());
    fails(command, 1, "cannot write to standard output: No space left on device (os error 28)");
}

/// Runs `sortie top` on a terminal of `script(1)`, which tests cannot make without `unsafe`.
fn top_on_a_terminal(place: &Place, size: &str, keys: Option<&[u8]>) -> Option<(String, Duration)> {
    let binary = Path::new(env!("CARGO_BIN_EXE_sortie")).display();
    let config = place.config();
    let line = format!("stty {size}; {binary} top --interval 1 --config {}", config.display());
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut stdin = child.stdin.take().unwrap();
    thread::sleep(Duration::from_millis(1_500));
    let asked = Instant::now();
    if let Some(keys) = keys {
        stdin.write_all(keys).unwrap();
        stdin.flush().unwrap();
    }
    let mut shown = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut shown).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{}", String::from_utf8_lossy(&shown));
    Some((String::from_utf8_lossy(&shown).into_owned(), asked.elapsed()))
}

#[test]
fn top_gives_the_terminal_back_on_q_and_on_ctrl_c() {
    let place = Place::new("terminal");
    place.agent(DOCUMENT.as_bytes());
    for keys in [b"q", b"\x03"] {
        let Some((shown, took)) = top_on_a_terminal(&place, "cols 60 rows 10", Some(keys)) else {
            println!("skipped: there is no `script` to make a terminal");
            return;
        };
        let shown = shown.trim_end();
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert!(
            shown.contains("\x1b[?25l") && shown.ends_with("\x1b[?25h\x1b[?1049l"),
            "{shown:?}"
        );
        assert!(shown.contains("Ev[2Jil \x1b[2mflatpak\x1b[0m"), "{shown:?}");
        assert!(!shown.contains("\x1b[2J"), "{shown:?}");
        // At least the first frame and one refresh.
        assert!(shown.matches("\x1b[H").count() >= 2, "{shown:?}");
    }
}
