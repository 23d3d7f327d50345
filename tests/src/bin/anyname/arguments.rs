//! The command line: a command, then `--key value` pairs.

use std::collections::BTreeMap;
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};

/// Keys; some may be given more than once.
const KEYS: [&str; 17] = [
    "address",
    "agent",
    "answer",
    "authority",
    "count",
    "connect",
    "family",
    "hex",
    "listen",
    "method",
    "path",
    "pieces",
    "protocols",
    "quic2",
    "server",
    "to",
    "zone",
];

/// What the program was told.
#[derive(Debug)]
pub(crate) struct Arguments {
    command: String,
    values: BTreeMap<String, Vec<String>>,
}

impl Arguments {
    /// Reads the words after the program's name. A key nobody knows is an error.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let command = words.next().context("no command given")?;
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        while let Some(word) = words.next() {
            let key = word.strip_prefix("--").filter(|key| KEYS.contains(key));
            let key = key.with_context(|| format!("unexpected word {word:?}"))?;
            let value = words.next().with_context(|| format!("--{key} needs a value"))?;
            values.entry(key.to_owned()).or_default().push(value);
        }
        Ok(Self { command, values })
    }

    /// The first word.
    pub(crate) fn command(&self) -> &str {
        &self.command
    }

    /// All values of a key, in order.
    pub(crate) fn all<T: FromStr>(&self, key: &str) -> Result<Vec<T>> {
        let texts = self.values.get(key).map_or(&[][..], Vec::as_slice);
        let read = |text: &String| match text.parse() {
            Ok(value) => Ok(value),
            Err(_) => bail!("--{key}: cannot read {text:?}"),
        };
        texts.iter().map(read).collect()
    }

    /// The value of a key, or an error that names it.
    pub(crate) fn one<T: FromStr>(&self, key: &str) -> Result<T> {
        self.all(key)?.into_iter().next().with_context(|| format!("--{key} is missing"))
    }

    /// The value of a key, or a default.
    pub(crate) fn one_or<T: FromStr>(&self, key: &str, default: T) -> Result<T> {
        Ok(self.all(key)?.into_iter().next().unwrap_or(default))
    }
}
