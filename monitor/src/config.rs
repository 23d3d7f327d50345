//! The configuration: one table, from which the type, the defaults, the checks and the
//! documentation are made.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::DeTable;

use crate::failure;
use crate::naming::Level;

mod accepts;
mod setting;

pub use accepts::Accepts;
use setting::Setting;

/// Where the configuration is looked for when no path is given.
pub const DEFAULT_PATH: &str = "/etc/sortie/sortie.toml";

/// Where it is looked for next: OpenWrt's service makes one from UCI there.
pub const MADE_PATH: &str = "/var/etc/sortie.toml";

/// The file that is read: the one that is named, or else [`DEFAULT_PATH`] or [`MADE_PATH`], which may both
/// be missing.
pub fn file(named: Option<&Path>) -> &Path {
    if let Some(file) = named {
        return file;
    }
    // One that is out of reach is there, and is complained about when it is read.
    let is_there = |path: &&Path| !matches!(path.try_exists(), Ok(false));
    let [first, next] = [DEFAULT_PATH, MADE_PATH].map(Path::new);
    if is_there(&first) || !is_there(&next) { first } else { next }
}

/// Bytes of the largest file that is read as configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Bytes of the longest `runtime_dir`: what a socket address of 107 leaves for the directory.
const RUNTIME_DIR_BYTES_MAX: usize = 107 - "/sortie.sock".len();

macro_rules! config {
    ($($(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr, $accepts:expr;)+) => {
        /// What the configuration file says, with the defaults where it says nothing.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $key: $type,)+
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($key: $default.into(),)+ }
            }
        }

        /// All keys, in the order of the documentation.
        pub const KEYS: &[Key] = &[
            $(Key { name: stringify!($key), accepts: $accepts, doc: &[$($doc),+] },)+
        ];

        impl Config {
            /// The value of a key as TOML, by the name of the key.
            pub fn get(&self, name: &str) -> Option<String> {
                match name {
                    $(stringify!($key) => Some(self.$key.to_toml()),)+
                    _ => None,
                }
            }

            /// The first key that holds a value it does not accept.
            fn refused(&self) -> Option<&'static Key> {
                let values = [$(self.$key.value(),)+];
                let mut pairs = KEYS.iter().zip(values);
                pairs.find(|(key, value)| !key.accepts.allows(value)).map(|(key, _)| key)
            }
        }
    };
}

config! {
    /// Address and port of the HTTP server with the metrics: a loopback address.
    /// Empty: no HTTP server.
    listen: String = "127.0.0.1:9917", Accepts::Text;

    /// Names a request may have in its `Host` header, besides those of the loopback.
    /// Others are refused, or any web page could read the metrics through its reader's browser.
    allowed_hosts: Vec<String> = [], Accepts::Texts;

    /// Directory for the control socket and the lock that keeps a second agent away.
    runtime_dir: PathBuf = "/run/sortie", Accepts::Directory;

    /// User that the agent becomes when it is started as root. It keeps the capabilities it needs (`BPF`,
    /// `SYS_PTRACE` and `DAC_READ_SEARCH`) and no other right; `runtime_dir` and `state_dir` become that
    /// user's, and `notify_command` runs as that user without any capability. Empty: it stays who it is.
    user: String = "", Accepts::Text;

    /// Group that may read the control socket, and with it everything `sortie top` shows.
    /// Empty: only root may, and the user of the agent.
    socket_group: String = "", Accepts::Text;

    /// Sockets counted at the same time. Each takes about 200 bytes of kernel memory while it is open.
    /// What finds no room is counted without its app, and reported.
    flows_max: u32 = 16_384_u32, Accepts::Number(256, 262_144);

    /// Apps told apart. Further ones are counted together as `(other)`.
    apps_max: u32 = 256_u32, Accepts::Number(8, 4_096);

    /// How much is kept of where traffic goes: nothing (`counts`), the company behind it (`companies`),
    /// the registrable domain (`domains`) or the whole host name (`hosts`).
    /// The rest is dropped at once. Documented behaviours are kept at every level.
    detail: Detail = Detail::Domains, Accepts::OneOf(Detail::NAMES);

    /// File that tells in which country an address is registered: a database in the MaxMind DB format
    /// (`.mmdb`) with countries. It stays on the disk; a newer file is used from the next start on.
    /// None comes with Sortie, and nobody is asked online. Not used with `detail = "counts"`. Empty: none.
    country_database: PathBuf = "", Accepts::PathOrNothing;

    /// File that tells which network an address belongs to: a database in the MaxMind DB format with
    /// autonomous systems. It may be the file of `country_database`. Not used with `detail = "counts"`.
    /// Empty: none.
    asn_database: PathBuf = "", Accepts::PathOrNothing;

    /// Destinations told apart, over all apps. Further ones are counted together as `(other)`.
    destinations_max: u32 = 4_096_u32, Accepts::Number(64, 65_536);

    /// Destinations of an app that have series of their own in the metrics: the largest ones. The others
    /// are counted together as `(other)`. 0: none.
    app_destinations_max: u32 = 20_u32, Accepts::Number(0, 1_000);

    /// Destinations of all apps together that have series of their own in the metrics. Each has 5.
    destination_series_max: u32 = 1_000_u32, Accepts::Number(0, 20_000);

    /// Series in the metrics. Further apps are counted together as `(other)`. An app is given room for
    /// the 115 series it could have at most, though it mostly has about 30.
    series_max: u32 = 30_000_u32, Accepts::Number(100, 100_000);

    /// Seconds until the kernel's counters are fetched even though nobody asks for them.
    drain_interval_seconds: u32 = 60_u32, Accepts::Number(1, 3_600);

    /// Directory for what is remembered beyond this run: since when and how often apps were in contact with
    /// whom. Empty: it is forgotten when the agent ends.
    state_dir: PathBuf = "/var/lib/sortie", Accepts::PathOrNothing;

    /// How often that is written: at most every 15 minutes while there is traffic (`phone`), or once a day
    /// (`router`); both when the agent ends as well.
    write_mode: WriteMode = WriteMode::Phone, Accepts::OneOf(WriteMode::NAMES);

    /// Pairs of app and destination that are remembered, each in about 300 bytes.
    remembered_max: u32 = 2_000_u32, Accepts::Number(16, 20_000);

    /// A program and its arguments, run for each new finding with the finding as a further argument. It is
    /// no shell line.
    /// Empty: nobody is notified.
    notify_command: Vec<String> = [], Accepts::Texts;

    /// Where the cgroup2 file system is mounted.
    /// Empty: it is looked up, and mounted where it is missing.
    cgroup_root: PathBuf = "", Accepts::PathOrNothing;

    /// How much the agent writes to its standard error.
    /// App names and addresses appear at `debug` only.
    log_level: LogLevel = LogLevel::Warn, Accepts::OneOf(LogLevel::NAMES);
}

/// A key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key, as written in the file.
    pub name: &'static str,
    /// The values it takes.
    pub accepts: Accepts,
    /// What it is for, in lines.
    pub doc: &'static [&'static str],
}

/// How much the agent logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What keeps the agent from working.
    Error,
    /// Also what it works without.
    Warn,
    /// Also what it does.
    Info,
    /// Also for whom: names and addresses.
    Debug,
}

impl LogLevel {
    /// The words the configuration has for them.
    pub const NAMES: &[&str] = &["error", "warn", "info", "debug"];

    /// The filter of the `log` crate.
    pub const fn filter(self) -> log::LevelFilter {
        match self {
            Self::Error => log::LevelFilter::Error,
            Self::Warn => log::LevelFilter::Warn,
            Self::Info => log::LevelFilter::Info,
            Self::Debug => log::LevelFilter::Debug,
        }
    }
}

/// How much is kept of where traffic goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// Nothing.
    Counts,
    /// The company.
    Companies,
    /// The registrable domain.
    Domains,
    /// The whole host name.
    Hosts,
}

impl Detail {
    /// The words the configuration has for them.
    pub const NAMES: &[&str] = &["counts", "companies", "domains", "hosts"];

    /// What naming makes of it.
    pub const fn level(self) -> Level {
        match self {
            Self::Counts => Level::Counts,
            Self::Companies => Level::Companies,
            Self::Domains => Level::Domains,
            Self::Hosts => Level::Hosts,
        }
    }
}

/// How often what is remembered is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteMode {
    /// At most every 15 minutes.
    Phone,
    /// Once a day.
    Router,
}

impl WriteMode {
    /// The words the configuration has for them.
    pub const NAMES: &[&str] = &["phone", "router"];
}

/// Reads the configuration.
///
/// # Errors
///
/// When the file cannot be read, is not TOML, or has a key or value that is not in [`KEYS`]. A file
/// that was asked for must exist; without a path, the [`file`] may be missing.
pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    let file = file(path);
    match read(file) {
        Ok(text) => parse(file, &text),
        Err(error) if path.is_none() && error.kind() == io::ErrorKind::NotFound => {
            Ok(Config::default())
        }
        Err(error) => {
            let remedy = match error.kind() {
                io::ErrorKind::NotFound => "correct the path, or leave out `--config`",
                io::ErrorKind::PermissionDenied => "make it readable for you, or use sudo",
                _ => "it must be a text file in UTF-8 of at most 1 MiB",
            };
            Err(ConfigError::new(file, None, format!("cannot be read: {error}; {remedy}")))
        }
    }
}

/// Parses the text of a configuration file. The path only serves the messages.
pub fn parse(file: &Path, text: &str) -> Result<Config, ConfigError> {
    let fail = |at: usize, message: String| ConfigError::new(file, Some(line(text, at)), message);
    let start = |error: &toml::de::Error| error.span().map_or(text.len(), |span| span.start);

    let table = DeTable::parse(text).map_err(|error| {
        let message = error.message().replace('\n', ", ");
        fail(start(&error), format!("not valid TOML: {message}; texts need quotes, lists [ ]"))
    })?;
    let table = table.get_ref();
    // In the order of the file, so that the first mistake is reported first.
    let mut keys: Vec<_> = table.keys().collect();
    keys.sort_by_key(|key| key.span().start);
    for key in keys {
        if !KEYS.iter().any(|known| known.name == key.get_ref().as_ref()) {
            return Err(fail(key.span().start, unknown(key.get_ref())));
        }
    }

    let refuse = |key: &Key, span: Range<usize>| {
        let written = text.get(span.clone()).unwrap_or_default().lines().next().unwrap_or_default();
        let written: String = written.chars().filter(|c| !c.is_control()).take(40).collect();
        fail(span.start, format!("`{}` must be {}, not {written}", key.name, key.accepts))
    };
    let config: Config = toml::from_str(text).map_err(|error| {
        let at = start(&error);
        let holder = table.iter().find(|(_, value)| value.span().contains(&at));
        let known = holder.and_then(|(key, value)| Some((find(key.get_ref())?, value)));
        match known {
            Some((key, value)) => refuse(key, value.span()),
            None => fail(at, error.message().replace('\n', ", ")),
        }
    })?;
    match config.refused() {
        Some(key) => Err(refuse(key, table.get(key.name).map_or(0..0, toml::Spanned::span))),
        None => Ok(config),
    }
}

fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

fn unknown(key: &str) -> String {
    let shown: String = key.chars().filter(|c| !c.is_control()).take(40).collect();
    match failure::nearest(key, KEYS.iter().map(|key| key.name)) {
        Some(meant) => format!("unknown key `{shown}`; did you mean `{meant}`?"),
        None => format!("unknown key `{shown}`; `sortie help config` lists them all"),
    }
}

/// The number of the line this byte is on, from 1.
fn line(text: &str, at: usize) -> usize {
    1 + text.get(..at).unwrap_or(text).matches('\n').count()
}

fn read(file: &Path) -> io::Result<String> {
    use io::Read;
    let mut text = String::new();
    fs::File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large"));
    }
    Ok(text)
}

/// Why the configuration cannot be used, where, and what to do: one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1, where there is one to point at.
    pub line: Option<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl ConfigError {
    fn new(file: &Path, line: Option<usize>, message: String) -> Self {
        Self { file: file.to_owned(), line, message }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl Error for ConfigError {}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
