use std::fmt::Write as _;

use super::*;

const FILE: &str = "/etc/sortie/sortie.toml";

fn error(text: &str) -> String {
    parse(Path::new(FILE), text).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(parse(Path::new(FILE), ""), Ok(Config::default()));
    assert_eq!(Config::default().flows_max, 16_384);
    assert_eq!(Config::default().log_level, LogLevel::Warn);
}

#[test]
fn defaults_are_accepted_and_survive_being_written() {
    let config = Config::default();
    assert!(config.refused().is_none());
    let mut text = String::new();
    for key in KEYS {
        writeln!(text, "{} = {}", key.name, config.get(key.name).unwrap()).unwrap();
    }
    assert_eq!(parse(Path::new(FILE), &text), Ok(config));
    assert_eq!(Config::default().get("nothing"), None);
}

#[test]
fn every_key_is_read() {
    let text = r#"
        listen = ""
        allowed_hosts = ["phone.lan", "phone"]
        runtime_dir = "/tmp/s"
        user = "sortie"
        socket_group = "netdev"
        flows_max = 1_024
        apps_max = 8
        detail = "hosts"
        country_database = "/usr/share/country.mmdb"
        asn_database = "/usr/share/asn.mmdb"
        destinations_max = 64
        app_destinations_max = 0
        destination_series_max = 7
        series_max = 100
        drain_interval_seconds = 3600
        state_dir = ""
        write_mode = "router"
        remembered_max = 16
        notify_command = ["true"]
        cgroup_root = "/sys/fs/cgroup/unified"
        log_level = "debug"
    "#;
    let config = parse(Path::new(FILE), text).unwrap();
    assert_eq!(config.allowed_hosts, ["phone.lan", "phone"]);
    assert_eq!(config.flows_max, 1_024);
    assert_eq!(config.cgroup_root, Path::new("/sys/fs/cgroup/unified"));
    assert_eq!(config.log_level.filter(), log::LevelFilter::Debug);
    for key in KEYS {
        assert_ne!(
            config.get(key.name),
            Config::default().get(key.name),
            "{} was not read",
            key.name
        );
    }
}

#[test]
fn unknown_keys_name_the_line_and_the_nearest_key() {
    assert_eq!(
        error("# a comment\n\nflow_max = 3\n"),
        "/etc/sortie/sortie.toml:3: unknown key `flow_max`; did you mean `flows_max`?"
    );
    assert_eq!(
        error("listen = \"\"\ncolour = 3"),
        "/etc/sortie/sortie.toml:2: unknown key `colour`; `sortie help config` lists them all"
    );
    assert_eq!(
        error("[agent]\nlisten = \"\""),
        "/etc/sortie/sortie.toml:1: unknown key `agent`; `sortie help config` lists them all"
    );
}

#[test]
fn the_first_of_two_mistakes_is_reported() {
    assert!(error("zzz = 1\naaa = 2").contains(":1: unknown key `zzz`"));
}

#[test]
fn wrong_types_say_what_is_right() {
    assert_eq!(
        error("\nflows_max = \"lots\""),
        "/etc/sortie/sortie.toml:2: `flows_max` must be a whole number from 256 to 262144, not \"lots\""
    );
    assert_eq!(
        error("listen = 9917"),
        "/etc/sortie/sortie.toml:1: `listen` must be a text in quotes, not 9917"
    );
    assert_eq!(
        error("allowed_hosts = [\"a\",\n 3]"),
        "/etc/sortie/sortie.toml:1: `allowed_hosts` must be a list of texts, as in [\"phone\", \
         \"phone.lan\"], not [\"a\","
    );
    assert_eq!(
        error("log_level = \"loud\""),
        "/etc/sortie/sortie.toml:1: `log_level` must be one of \"error\", \"warn\", \"info\", \
         \"debug\", not \"loud\""
    );
    assert!(error("apps_max.x = 3").contains(":1: `apps_max` must be a whole number"));
}

#[test]
fn numbers_out_of_range_say_the_range() {
    for (value, key, range) in [
        ("255", "flows_max", "256 to 262144"),
        ("262145", "flows_max", "256 to 262144"),
        ("-1", "flows_max", "256 to 262144"),
        ("99999999999999999999", "flows_max", "256 to 262144"),
        ("7", "apps_max", "8 to 4096"),
        ("65537", "destinations_max", "64 to 65536"),
        ("99", "series_max", "100 to 100000"),
        ("0", "drain_interval_seconds", "1 to 3600"),
    ] {
        assert_eq!(
            error(&format!("# one\n# two\n{key} = {value} # three")),
            format!("{FILE}:3: `{key}` must be a whole number from {range}, not {value}")
        );
    }
}

#[test]
fn paths_must_be_absolute_and_leave_room_for_the_socket() {
    assert!(error("runtime_dir = \"run\"").contains(":1: `runtime_dir` must be an absolute path"));
    assert!(error("cgroup_root = \"cgroup\"").contains(":1: `cgroup_root` must be an absolute"));
    let longest = format!("/{}", "x".repeat(RUNTIME_DIR_BYTES_MAX - 1));
    assert!(parse(Path::new(FILE), &format!("runtime_dir = \"{longest}\"")).is_ok());
    assert!(error(&format!("runtime_dir = \"{longest}x\"")).contains("at most 95 bytes"));
}

#[test]
fn broken_toml_names_the_line() {
    assert_eq!(
        error("listen = \"\"\nlog_level = warn\n"),
        "/etc/sortie/sortie.toml:2: not valid TOML: string values must be quoted, expected literal \
         string; texts need quotes, lists [ ]"
    );
    assert!(error("apps_max = 8\napps_max = 9").contains(":2: not valid TOML: duplicate key"));
    assert!(error("listen = \"127").contains(":1: not valid TOML"));
    assert!(error("\n\nlisten").contains(":3: not valid TOML"));
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let error = load(Some(Path::new("/nonexistent/sortie.toml"))).unwrap_err().to_string();
    assert!(error.starts_with("/nonexistent/sortie.toml: cannot be read: No such file"), "{error}");
    assert!(error.ends_with("correct the path, or leave out `--config`"), "{error}");
}

#[test]
fn what_is_not_a_text_file_is_refused() {
    let error = load(Some(Path::new("/dev/zero"))).unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
    let error = load(Some(Path::new("/"))).unwrap_err().to_string();
    assert!(error.contains("it must be a text file"), "{error}");
}

#[test]
fn documentation_is_fresh() {
    let mut stale = Vec::new();
    for (name, text) in [("CONFIGURATION.md", markdown()), ("sortie.toml", example())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            fs::write(&path, text).unwrap();
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "{stale:?} did not match the table and were rewritten: review them");
}

/// `sortie.toml`: every key with its default, as a comment.
fn example() -> String {
    let mut text = format!(
        "# The configuration of Sortie. It belongs at {DEFAULT_PATH}.\n\
         # Every key is here with its default: remove the `#` before a key to change it.\n"
    );
    for key in KEYS {
        text.push('\n');
        for line in key.doc {
            writeln!(text, "#{line}").unwrap();
        }
        writeln!(text, "# Takes {}.", key.accepts).unwrap();
        writeln!(text, "#{} = {}", key.name, Config::default().get(key.name).unwrap()).unwrap();
    }
    text
}

fn markdown() -> String {
    let mut text = format!(
        "# Configuration\n\n\
         Sortie needs no configuration: without a file, every key has its default.\n\
         `sortie` reads the file that `--config FILE` names, or `{DEFAULT_PATH}` if it is there, or \
         `{MADE_PATH}`, which OpenWrt's service makes from UCI.\n\
         The file is [TOML](https://toml.io); [`sortie.toml`](sortie.toml) is one to start from.\n\
         A key that does not exist, or a value out of its range, is an error that names the line.\n\n\
         This page is made from the table in `src/config.rs` by a test.\n\n\
         | key | default | takes |\n|---|---|---|\n"
    );
    for key in KEYS {
        let default = Config::default().get(key.name).unwrap();
        writeln!(text, "| [`{0}`](#{0}) | `{default}` | {1} |", key.name, key.accepts).unwrap();
    }
    for key in KEYS {
        let doc: Vec<&str> = key.doc.iter().map(|line| line.trim()).collect();
        writeln!(text, "\n## {}\n\n{}", key.name, doc.join("\n")).unwrap();
    }
    text
}
