//! The command line: a command, then `--key value` pairs and `--flag`s.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};

/// Keys that stand alone.
const FLAGS: [&str; 10] = [
    "async",
    "close",
    "close-first",
    "connected",
    "echo",
    "fastopen",
    "hold",
    "mapped",
    "mmsg",
    "mptcp",
];

/// Keys that take a value; some may be given more than once.
const KEYS: [&str; 16] = [
    "bind",
    "blink",
    "bytes",
    "cgroup",
    "connect",
    "count",
    "from",
    "interface",
    "join",
    "listen",
    "mac",
    "parallel",
    "receive",
    "segment",
    "to",
    "with",
];

/// What the actor was told.
#[derive(Debug)]
pub(crate) struct Arguments {
    command: String,
    values: BTreeMap<String, Vec<String>>,
}

impl Arguments {
    /// Reads the words after the program's name. A key nobody knows is an error: it would make a
    /// test wait for something that never comes.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let command = words.next().context("no command given")?;
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        while let Some(word) = words.next() {
            let Some(key) = word.strip_prefix("--") else { bail!("unexpected word {word:?}") };
            let value = if FLAGS.contains(&key) {
                String::new()
            } else if KEYS.contains(&key) {
                words.next().with_context(|| format!("--{key} needs a value"))?
            } else {
                bail!("unknown key --{key}");
            };
            values.entry(key.to_owned()).or_default().push(value);
        }
        Ok(Self { command, values })
    }

    /// The first word.
    pub(crate) fn command(&self) -> &str {
        &self.command
    }

    /// Whether a flag or key was given.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The text of a key, if given.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(|all| all.first()).map(String::as_str)
    }

    /// All values of a key, in order.
    pub(crate) fn all<T: FromStr>(&self, key: &str) -> Result<Vec<T>> {
        let texts = self.values.get(key).map_or(&[][..], Vec::as_slice);
        texts
            .iter()
            .map(|text| text.parse().ok().with_context(|| format!("--{key}: cannot read {text:?}")))
            .collect()
    }

    /// The value of a key, or an error that names it.
    pub(crate) fn one<T: FromStr>(&self, key: &str) -> Result<T> {
        self.all(key)?.into_iter().next().with_context(|| format!("--{key} is missing"))
    }

    /// The value of a key, or a default.
    pub(crate) fn one_or<T: FromStr>(&self, key: &str, default: T) -> Result<T> {
        Ok(self.all(key)?.into_iter().next().unwrap_or(default))
    }

    /// `--to`, as an IPv6 address of the IPv4 one when `--mapped` asks for it.
    pub(crate) fn destination(&self) -> Result<SocketAddr> {
        Ok(self.destinations()?.swap_remove(0))
    }

    /// All `--to`s, at least one.
    pub(crate) fn destinations(&self) -> Result<Vec<SocketAddr>> {
        let mut all: Vec<SocketAddr> = self.all("to")?;
        if all.is_empty() {
            bail!("--to is missing");
        }
        if self.has("mapped") {
            for address in &mut all {
                *address = mapped(*address);
            }
        }
        Ok(all)
    }
}

/// The IPv4-mapped IPv6 address of an IPv4 address (RFC 4291, 2.5.5.2).
fn mapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
        SocketAddr::V6(_) => address,
    }
}
