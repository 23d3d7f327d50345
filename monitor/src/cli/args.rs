//! What the user typed, and nothing more: no file is opened here and no default looked up.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Parser};

use crate::failure::{Failure, nearest};

mod options;
mod verb;

pub use options::{OPTIONS, Opt};
pub use verb::{Topic, Verb};

/// Seconds between two refreshes of `sortie top` when nothing else is asked for.
pub const INTERVAL_SECONDS: u32 = 2;

/// The most seconds between two refreshes.
const INTERVAL_SECONDS_MAX: u32 = 3_600;

/// The command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args {
    /// The file after `--config`.
    pub config: Option<PathBuf>,
    /// What to do.
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `sortie run`: be the agent.
    Run(Run),
    /// `sortie top`: show a live table.
    Top(Top),
    /// `sortie apps`: print what the agent knows.
    Apps(Apps),
    /// `sortie app`: print where one app goes.
    App(App),
    /// `sortie findings`: print what is regular, new or documented.
    Findings(Findings),
    /// `sortie forget`: remove what is remembered.
    Forget(Forget),
    /// `sortie check`: say what this kernel offers.
    Check(Check),
    /// `sortie help`, `--help`, or nothing at all.
    Help(Topic),
    /// `sortie --version`.
    Version,
}

/// Options of `sortie run`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Load this eBPF object instead of the built-in one.
    pub ebpf_object: Option<PathBuf>,
}

/// Options of `sortie top`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Top {
    /// Print one table and end.
    pub once: bool,
    /// Show the destinations of each app.
    pub destinations: bool,
    /// Count traffic within the device as well.
    pub all: bool,
    /// Seconds between two refreshes, 1 to 3600.
    pub interval_seconds: u32,
}

/// Options of `sortie apps`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Apps {
    /// Print the whole snapshot as JSON.
    pub json: bool,
    /// Print the destinations of each app.
    pub destinations: bool,
    /// Count traffic within the device as well.
    pub all: bool,
}

/// Options of `sortie app`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its id, its name, or a part of either.
    pub name: String,
    /// Print JSON instead of text.
    pub json: bool,
    /// Count traffic within the device as well.
    pub all: bool,
}

/// Options of `sortie findings`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Print JSON instead of text.
    pub json: bool,
    /// Also what faded.
    pub all: bool,
    /// The report of the first 24 hours instead.
    pub first_day: bool,
}

/// What `sortie forget` is to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forget {
    /// An app, by its id.
    App(String),
    /// A device behind a router.
    Device(String),
    /// A destination, as it is shown.
    Destination(String),
    /// Everything.
    All,
}

/// Options of `sortie check`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// Print JSON instead of text.
    pub json: bool,
}

/// Parses the words after the program's name.
///
/// # Errors
///
/// [`Failure::Usage`], with the word that was not understood and a hint.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Args, Failure> {
    let words: Vec<OsString> = words.into_iter().collect();
    let mut parser = Parser::from_args(words);
    let mut verb = None;
    let mut typed = Typed::default();
    while let Some(arg) = parser.next().map_err(|error| not_understood(&error))? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(help(verb.into())),
            Arg::Short('V') | Arg::Long("version") => {
                return Ok(Args { config: None, command: Command::Version });
            }
            Arg::Short(letter) => return Err(unknown_option(&format!("-{letter}"), verb)),
            Arg::Long(name) => {
                let name = name.to_owned();
                let known = OPTIONS.iter().find(|option| option.name == name && option.fits(verb));
                let option = known.ok_or_else(|| unknown_option(&format!("--{name}"), verb))?;
                typed.set(option, &mut parser)?;
            }
            Arg::Value(word) => match (verb, word.to_string_lossy().as_ref()) {
                (None, "help") => return topic(&mut parser),
                (None, word) => verb = Some(verb_of(word)?),
                (Some(Verb::App), word) if typed.name.is_none() => {
                    typed.name = Some(word.to_owned());
                }
                (Some(verb), word) => {
                    return Err(Failure::Usage(format!(
                        "`sortie {}` takes no `{}`; see `sortie help {0}`",
                        verb.name(),
                        shown(word)
                    )));
                }
            },
        }
    }
    typed.finish(verb)
}

/// The options seen so far.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "switches, none a state of another")]
struct Typed {
    config: Option<PathBuf>,
    ebpf_object: Option<PathBuf>,
    name: Option<String>,
    forget: Option<Forget>,
    interval_seconds: Option<u32>,
    once: bool,
    destinations: bool,
    first_day: bool,
    all: bool,
    json: bool,
}

impl Typed {
    fn set(&mut self, option: &Opt, parser: &mut Parser) -> Result<(), Failure> {
        let mut value = || parser.value().map_err(|error| not_understood(&error));
        match option.name {
            "config" => self.config = Some(value()?.into()),
            "ebpf-object" => self.ebpf_object = Some(value()?.into()),
            "interval" => self.interval_seconds = Some(interval(&value()?.to_string_lossy())?),
            "app" => self.forget_one(Forget::App, &value()?)?,
            "device" => self.forget_one(Forget::Device, &value()?)?,
            "destination" => self.forget_one(Forget::Destination, &value()?)?,
            "once" => self.once = true,
            "destinations" => self.destinations = true,
            "first-day" => self.first_day = true,
            "all" => self.all = true,
            "json" => self.json = true,
            // A test holds that the table has no other.
            _ => {}
        }
        Ok(())
    }

    fn forget_one(&mut self, what: fn(String) -> Forget, name: &OsString) -> Result<(), Failure> {
        let name = name.to_string_lossy().into_owned();
        let is_odd = name.is_empty() || name.contains(char::is_control) || self.forget.is_some();
        if is_odd {
            let hint =
                "`sortie forget` takes one of --app, --destination, --device and --all, once";
            return Err(Failure::Usage(hint.to_owned()));
        }
        self.forget = Some(what(name));
        Ok(())
    }

    fn finish(self, verb: Option<Verb>) -> Result<Args, Failure> {
        let command = match verb {
            None if self.config.is_some() => {
                return Err(Failure::Usage(
                    "no command; `sortie --help` lists the commands".to_owned(),
                ));
            }
            None => Command::Help(Topic::Short),
            Some(Verb::Run) => Command::Run(Run { ebpf_object: self.ebpf_object }),
            Some(Verb::Top) => Command::Top(Top {
                once: self.once,
                destinations: self.destinations,
                all: self.all,
                interval_seconds: self.interval_seconds.unwrap_or(INTERVAL_SECONDS),
            }),
            Some(Verb::Apps) => Command::Apps(Apps {
                json: self.json,
                destinations: self.destinations,
                all: self.all,
            }),
            Some(Verb::App) => Command::App(App {
                name: self.name.filter(|name| !name.is_empty()).ok_or_else(|| {
                    let hint = "`sortie app` needs a name after it; `sortie apps` lists them";
                    Failure::Usage(hint.to_owned())
                })?,
                json: self.json,
                all: self.all,
            }),
            Some(Verb::Findings) => Command::Findings(Findings {
                json: self.json,
                all: self.all,
                first_day: self.first_day,
            }),
            Some(Verb::Forget) => Command::Forget(match (self.forget, self.all) {
                (Some(what), false) => what,
                (None, true) => Forget::All,
                _ => {
                    let hint = "`sortie forget` takes one of --app, --destination, --device and \
                                --all, once";
                    return Err(Failure::Usage(hint.to_owned()));
                }
            }),
            Some(Verb::Check) => Command::Check(Check { json: self.json }),
        };
        Ok(Args { config: self.config, command })
    }
}

impl From<Option<Verb>> for Topic {
    fn from(verb: Option<Verb>) -> Self {
        verb.map_or(Self::Program, Self::Of)
    }
}

fn help(topic: Topic) -> Args {
    Args { config: None, command: Command::Help(topic) }
}

/// What follows `sortie help`.
fn topic(parser: &mut Parser) -> Result<Args, Failure> {
    let word = match parser.next().map_err(|error| not_understood(&error))? {
        Some(Arg::Value(word)) => word.to_string_lossy().into_owned(),
        _ => return Ok(help(Topic::Program)),
    };
    let verb = Verb::ALL.into_iter().find(|verb| verb.name() == word);
    Ok(help(match (verb, word.as_str()) {
        (Some(verb), _) => Topic::Of(verb),
        (None, "help") => Topic::Program,
        (None, "config") => Topic::Config,
        (None, "exit-codes") => Topic::ExitCodes,
        (None, word) => {
            let topics = Verb::ALL.map(Verb::name).into_iter().chain(["config", "exit-codes"]);
            let remedy = match nearest(word, topics) {
                Some(meant) => format!("did you mean `sortie help {meant}`?"),
                None => "`sortie --help` lists the topics".to_owned(),
            };
            return Err(Failure::Usage(format!("no help on `{}`; {remedy}", shown(word))));
        }
    }))
}

fn verb_of(word: &str) -> Result<Verb, Failure> {
    Verb::ALL.into_iter().find(|verb| verb.name() == word).ok_or_else(|| {
        let remedy = match nearest(word, Verb::ALL.map(Verb::name).into_iter().chain(["help"])) {
            Some(meant) => format!("did you mean `sortie {meant}`?"),
            None => "`sortie --help` lists the commands".to_owned(),
        };
        Failure::Usage(format!("unknown command `{}`; {remedy}", shown(word)))
    })
}

fn interval(word: &str) -> Result<u32, Failure> {
    let seconds = word.parse().ok().filter(|seconds| (1..=INTERVAL_SECONDS_MAX).contains(seconds));
    seconds.ok_or_else(|| {
        Failure::Usage(format!(
            "`--interval` takes whole seconds from 1 to {INTERVAL_SECONDS_MAX}, not `{}`",
            shown(word)
        ))
    })
}

fn unknown_option(option: &str, verb: Option<Verb>) -> Failure {
    let name = option.trim_start_matches('-');
    let elsewhere = || OPTIONS.iter().find(|other| other.name == name);
    let known = OPTIONS.iter().filter(|option| option.fits(verb)).map(|option| option.name);
    let option = shown(option);
    Failure::Usage(match (verb, nearest(name, known.chain(["help", "version"]))) {
        (Some(verb), Some(meant)) => {
            format!(
                "unknown option `{option}` for `sortie {}`; did you mean `--{meant}`?",
                verb.name()
            )
        }
        (Some(verb), None) => {
            format!("unknown option `{option}` for `sortie {}`; see `sortie help {0}`", verb.name())
        }
        (None, Some(meant)) => format!("unknown option `{option}`; did you mean `--{meant}`?"),
        (None, None) => match elsewhere().and_then(|other| other.verbs.first()) {
            Some(verb) => {
                format!(
                    "`{option}` stands after its command, as in `sortie {} {option}`",
                    verb.name()
                )
            }
            None => format!("unknown option `{option}`; see `sortie --help`"),
        },
    })
}

fn not_understood(error: &lexopt::Error) -> Failure {
    Failure::Usage(match error {
        lexopt::Error::MissingValue { option: Some(option) } => {
            format!("`{}` needs a value after it; see `sortie --help`", shown(option))
        }
        lexopt::Error::UnexpectedValue { option, .. } => {
            format!("`{}` takes no value; see `sortie --help`", shown(option))
        }
        other => format!("{}; see `sortie --help`", shown(&other.to_string())),
    })
}

/// A word of the user's, fit for one line.
fn shown(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
