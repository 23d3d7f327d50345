//! Programs that ask for a name and speak to whoever has it.

use std::path::{Path, PathBuf};

use crate::{Launch, program};

/// Stands for the file with the certificate of the authority.
const AUTHORITY: &str = "{authority}";

/// Stands for a directory of the program's own.
const HOME: &str = "{home}";

/// Stands for the fingerprint of the servers' key.
const KEY: &str = "{key}";

/// A program and its words.
#[derive(Clone, Debug)]
pub struct Client {
    program: PathBuf,
    words: Vec<String>,
}

/// What a client has to know of the stage.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// The certificate of the authority, in PEM.
    pub authority: &'a Path,
    /// A directory of the program's own.
    pub home: &'a Path,
    /// The fingerprint of the servers' key.
    pub key: &'a str,
}

impl Client {
    /// curl(1), over TLS with HTTP/2.
    pub fn curl(url: &str) -> Self {
        Self::system("curl").words("--silent --show-error --fail --max-time 20 --cacert").words(AUTHORITY).words(url)
    }

    /// A program of the system.
    pub fn system(name: &str) -> Self {
        Self { program: program::system(name), words: Vec::new() }
    }

    /// Adds a word.
    pub fn word(mut self, word: &str) -> Self {
        self.words.push(word.to_owned());
        self
    }

    /// Adds words, given as one text with spaces between them.
    pub fn words(self, text: &str) -> Self {
        text.split_whitespace().fold(self, Self::word)
    }

    /// The program, ready to start.
    pub(crate) fn launch(&self, trust: Trust<'_>) -> Launch {
        let places = [
            (AUTHORITY, trust.authority.display().to_string()),
            (HOME, trust.home.display().to_string()),
            (KEY, trust.key.to_owned()),
        ];
        let filled = |word: &String| {
            places.iter().fold(word.clone(), |word, (key, value)| word.replace(key, value))
        };
        self.words.iter().map(filled).fold(Launch::new(&self.program), Launch::arg)
    }
}
