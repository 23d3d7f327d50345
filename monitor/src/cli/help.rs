//! The texts of `sortie help`. Options, keys and exit codes come from their tables.

use std::fmt::Write;

use super::args::{OPTIONS, Opt, Topic, Verb};
use crate::config::{Config, KEYS};
use crate::failure::Exit;

/// What `sortie --version` prints.
pub const VERSION: &str = concat!("sortie ", env!("CARGO_PKG_VERSION"), "\n");

const ABOUT: &str = "\
Sortie shows which app on this device sends how much, to whom, how often and
since when. It looks at sizes, addresses and names, keeps no content, and sends
nothing itself.
";

const COMMANDS: &str = "\
Commands:
  run       Watch, until stopped (needs root)
  top       Show what apps send and receive, live
  apps      Print what apps have sent and received so far
  app       Print where one app goes, and what is documented about that
  findings  Print what is regular, new or documented
  forget    Remove what is remembered, from the disk as well
  check     Say what this kernel offers, and what is lost without it
  help      Explain a command or a topic: config, exit-codes
";

const FIRST_STEPS: &str = "\
First steps:
  sudo sortie check    see whether this device will do
  sudo sortie run      start to watch; Ctrl-C ends it
  sudo sortie top      look, in another terminal

While `sortie run` runs, Prometheus finds the same numbers at
http://127.0.0.1:9917/metrics.
";

/// The text on a topic.
pub fn text(topic: Topic) -> String {
    match topic {
        Topic::Short => format!(
            "Sortie shows which app on this device sends how much, and to whom.\n\n\
             Usage: sortie COMMAND [OPTION]...\n\n{COMMANDS}\n\
             `sortie --help` says more.\n"
        ),
        Topic::Program => format!(
            "{ABOUT}\nUsage: sortie COMMAND [OPTION]...\n\n{COMMANDS}\n\
             Options of every command:\n{}\n{FIRST_STEPS}",
            options(|option| option.verbs.len() == Verb::ALL.len())
        ),
        Topic::Of(verb) => format!(
            "{}\nUsage: sortie {}{} [OPTION]...\n\nOptions:\n{}{}",
            about(verb),
            verb.name(),
            if verb == Verb::App { " NAME" } else { "" },
            options(|option| option.verbs.contains(&verb)),
            after(verb)
        ),
        Topic::Config => config(),
        Topic::ExitCodes => exit_codes(),
    }
}

const fn about(verb: Verb) -> &'static str {
    match verb {
        Verb::Run => {
            "\
Watches every socket of this device and counts, for each app and destination,
what is sent and received. Runs until it is stopped with Ctrl-C or SIGTERM, and
leaves nothing behind in the kernel. Needs root.
"
        }
        Verb::Top => {
            "\
Shows what each app sends and receives, who sends at the moment first. `q` ends
it. With --once, or when standard output is no terminal, it measures for one
interval, prints one table and ends.
"
        }
        Verb::Apps => {
            "\
Prints what each app has sent and received since the agent started, the most
bytes sent first.
"
        }
        Verb::App => {
            "\
Prints the destinations of one app, the most bytes sent first: the company
behind each, what the name was found by, since when, and what is documented
about it. NAME is the id or the name of the app, or a part of either.
"
        }
        Verb::Findings => {
            "\
Prints what was noticed over time: documented behaviours, apps and destinations
that are new, and what comes at regular times. It states what was seen, not why.
"
        }
        Verb::Forget => {
            "\
Makes the running agent forget an app, a destination, a device or everything, at
once and on the disk. What goes on afterwards is recorded anew. Needs root.
"
        }
        Verb::Check => {
            "\
Tries what this kernel offers, hook by hook: since which version it is there,
what is lost without it, and what to do about it. Changes nothing.
"
        }
    }
}

const fn after(verb: Verb) -> &'static str {
    match verb {
        Verb::Top | Verb::Apps => {
            "
Columns:
  APP               Its name, or else its id; in paler type what kind of app
  SENT, RECEIVED    Bytes of its IP packets, headers included
  ↑/s, ↓/s          Bytes per second sent and received now (top only)
  CONN              Connections it opened
  FAILED            Connections it tried to open in vain
  LAST              How long ago it last sent or received
  TOP DESTINATIONS  Where the most went, and how many destinations more

A narrow terminal leaves columns out.
"
        }
        Verb::App => {
            "
What a name was found by, most trusted first:
  dns         A name server's answer to this app
  tls_sni     The server name in the app's TLS hello; quic_sni, in that of QUIC
  http_host   The Host of its HTTP request
  dns_others  A name server's answer to another app
A destination that has none is (unnamed:REASON): inbound, lost, ech, doh,
no_sni, before_start, early or no_dns_seen; METRICS.md explains them.
"
        }
        Verb::Run | Verb::Findings | Verb::Forget | Verb::Check => "",
    }
}

fn options(wanted: impl Fn(&Opt) -> bool) -> String {
    let mut rows: Vec<(String, &str)> = OPTIONS
        .iter()
        .filter(|option| wanted(option))
        .map(|option| {
            let value = option.value.map(|value| format!(" {value}")).unwrap_or_default();
            (format!("    --{}{value}", option.name), option.doc)
        })
        .collect();
    rows.push(("-h, --help".to_owned(), "Explain the program or the command"));
    rows.push(("-V, --version".to_owned(), "Print the version"));
    let width = rows.iter().map(|(option, _)| option.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (option, doc) in rows {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  {option:width$}  {doc}");
    }
    text
}

fn config() -> String {
    let defaults = Config::default();
    let mut text = "\
The configuration is read from the file after --config, or else from
/etc/sortie/sortie.toml or, where a router's service makes it from UCI,
/var/etc/sortie.toml, if one of them exists. It is TOML: lines of
`key = value`. These are the keys with their defaults.
"
    .to_owned();
    for key in KEYS {
        let default = defaults.get(key.name).unwrap_or_default();
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "\n  {} = {default}", key.name);
        for line in key.doc {
            let _ = writeln!(text, "     {line}");
        }
        let _ = writeln!(text, "      Takes {}.", key.accepts);
    }
    text
}

fn exit_codes() -> String {
    let mut text = "Sortie ends with one of these codes:\n\n   0  All went well.\n".to_owned();
    for exit in Exit::ALL {
        let _ = writeln!(text, "  {:2}  {}", exit.code(), exit.meaning());
    }
    text.push_str(
        "\nEach but 0 comes with a line on standard error: what, where, and what to do.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_topics() -> Vec<Topic> {
        let mut topics = vec![Topic::Short, Topic::Program, Topic::Config, Topic::ExitCodes];
        topics.extend(Verb::ALL.map(Topic::Of));
        topics
    }

    #[test]
    fn every_text_fits_a_terminal_of_80_columns() {
        for topic in all_topics() {
            for line in text(topic).lines() {
                assert!(line.chars().count() <= 80 || topic == Topic::Config, "{line}");
                assert_eq!(line, line.trim_end(), "{topic:?}");
            }
        }
    }

    #[test]
    fn the_list_of_commands_is_complete() {
        for verb in Verb::ALL {
            assert!(COMMANDS.contains(&format!("\n  {} ", verb.name())), "{verb:?}");
        }
    }

    #[test]
    fn every_exit_code_and_key_is_explained() {
        for exit in Exit::ALL {
            assert!(exit_codes().contains(&format!("\n  {:2}  ", exit.code())), "{exit:?}");
        }
        for key in KEYS {
            assert!(config().contains(&format!("\n  {} = ", key.name)), "{}", key.name);
        }
    }
}
