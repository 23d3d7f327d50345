use super::*;

fn parsed(line: &str) -> Result<Args, String> {
    let words = line.split_whitespace().map(OsString::from);
    parse(words).map_err(|failure| {
        assert_eq!(failure.exit_code(), 2);
        failure.to_string()
    })
}

/// A command with what it cannot do without.
fn typed(verb: Verb) -> String {
    match verb {
        Verb::App => "app x".to_owned(),
        other => other.name().to_owned(),
    }
}

fn command(line: &str) -> Command {
    parsed(line).unwrap().command
}

#[test]
fn commands_and_their_options() {
    assert_eq!(command("run"), Command::Run(Run::default()));
    assert_eq!(
        command("run --ebpf-object x.o"),
        Command::Run(Run { ebpf_object: Some("x.o".into()) })
    );
    let top = Top { once: false, destinations: false, all: false, interval_seconds: 2 };
    assert_eq!(command("top"), Command::Top(top));
    assert_eq!(
        command("top --once --interval 10 --all"),
        Command::Top(Top { once: true, destinations: false, all: true, interval_seconds: 10 })
    );
    assert_eq!(
        command("apps --json --all"),
        Command::Apps(Apps { json: true, destinations: false, all: true })
    );
    assert_eq!(
        command("app org.example.App --json"),
        Command::App(App { name: "org.example.App".to_owned(), json: true, all: false })
    );
    assert_eq!(command("check --json"), Command::Check(Check { json: true }));
}

#[test]
fn every_command_takes_a_configuration_on_either_side() {
    for verb in Verb::ALL.map(typed) {
        for line in [format!("{verb} --config c"), format!("--config=c {verb}")] {
            assert_eq!(parsed(&line).unwrap().config, Some("c".into()), "{line}");
        }
    }
}

#[test]
fn help_has_many_doors() {
    assert_eq!(command(""), Command::Help(Topic::Short));
    for line in ["help", "--help", "-h", "help help", "help --help"] {
        assert_eq!(command(line), Command::Help(Topic::Program), "{line}");
    }
    for line in ["help top", "top --help", "top --once -h"] {
        assert_eq!(command(line), Command::Help(Topic::Of(Verb::Top)), "{line}");
    }
    assert_eq!(command("help config"), Command::Help(Topic::Config));
    assert_eq!(command("help exit-codes"), Command::Help(Topic::ExitCodes));
    for line in ["--version", "-V", "top --version"] {
        assert_eq!(command(line), Command::Version, "{line}");
    }
}

#[test]
fn what_is_not_understood_gets_a_hint() {
    for (line, message) in [
        ("tops", "unknown command `tops`; did you mean `sortie top`?"),
        ("frobnicate", "unknown command `frobnicate`; `sortie --help` lists the commands"),
        ("apps --jsn", "unknown option `--jsn` for `sortie apps`; did you mean `--json`?"),
        ("run --once", "unknown option `--once` for `sortie run`; see `sortie help run`"),
        ("top -x", "unknown option `-x` for `sortie top`; see `sortie help top`"),
        ("--confg x", "unknown option `--confg`; did you mean `--config`?"),
        ("--once top", "`--once` stands after its command, as in `sortie top --once`"),
        ("--frobnicate", "unknown option `--frobnicate`; see `sortie --help`"),
        ("top now", "`sortie top` takes no `now`; see `sortie help top`"),
        ("top --interval", "`--interval` needs a value after it; see `sortie --help`"),
        ("top --interval 0", "`--interval` takes whole seconds from 1 to 3600, not `0`"),
        ("top --interval 1.5", "`--interval` takes whole seconds from 1 to 3600, not `1.5`"),
        ("apps --json=yes", "`--json` takes no value; see `sortie --help`"),
        ("--config x", "no command; `sortie --help` lists the commands"),
        ("help exit-code", "no help on `exit-code`; did you mean `sortie help exit-codes`?"),
        ("help weather", "no help on `weather`; `sortie --help` lists the topics"),
    ] {
        assert_eq!(parsed(line), Err(message.to_owned()), "{line}");
    }
}

#[test]
fn words_that_are_no_text_do_no_harm() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(vec![b'-', b'-', 0xFF, b'\n']);
    assert!(parse([odd]).is_err());
    let path = OsString::from_vec(vec![b'/', 0xFF]);
    let args = parse(["top".into(), "--config".into(), path.clone()]).unwrap();
    assert_eq!(args.config, Some(path.into()));
}

/// Holds the `_` arm of `Typed::set` to be unreachable.
#[test]
fn every_option_of_the_table_has_an_effect() {
    for option in OPTIONS {
        for verb in option.verbs {
            let value = option.value.map_or("", |value| if value == "SECONDS" { "7" } else { "x" });
            let verb = typed(*verb);
            let line = format!("{verb} --{} {value}", option.name);
            assert_ne!(parsed(&line), parsed(&verb), "{line}");
        }
    }
}
