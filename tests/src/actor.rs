//! The program that makes traffic, from the outside.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::wait::PATIENCE;
use crate::{Cgroup, Launch, Namespace, Running, program};

/// A running actor; killed when dropped.
#[derive(Debug)]
pub struct Actor {
    running: Running,
}

impl Actor {
    /// Starts an actor with these words in a namespace and a cgroup.
    pub fn start(words: &str, namespace: &Namespace, cgroup: &Cgroup) -> Self {
        let launch = Launch::new(program::actor()).words(words);
        Self::launch(launch.in_namespace(namespace).in_cgroup(cgroup))
    }

    /// Starts an actor that was prepared otherwise.
    pub fn launch(launch: Launch) -> Self {
        Self { running: launch.spawn() }
    }

    /// Waits until it says that it is ready; gives its port.
    pub fn ready(&self) -> u16 {
        self.report("ready").number("port")
    }

    /// Waits until it says that something is done.
    pub fn done(&self) -> Report {
        self.report("done")
    }

    /// Waits until it says that something is done, and for its successful end.
    pub fn finish(mut self) -> Report {
        let report = self.done();
        let status = self.running.wait(PATIENCE);
        assert!(status.success(), "{}: {status}", self.running.shown());
        report
    }

    /// Tells a puppet a line and waits until it has done that.
    pub fn tell(&mut self, line: &str) -> Report {
        self.running.tell(line);
        self.done()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    fn report(&self, word: &str) -> Report {
        let line = self.running.stdout.next(PATIENCE * 3).unwrap_or_else(|error| {
            let shown = self.running.shown();
            panic!("`{shown}` says nothing ({error}), only: {}", self.running.stderr.all())
        });
        let report = Report::parse(&line);
        assert_eq!(report.word, word, "`{}` says {line:?}", self.running.shown());
        report
    }
}

/// A line of an actor: a word and `key=value` pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    word: String,
    fields: BTreeMap<String, String>,
}

impl Report {
    pub(crate) fn parse(line: &str) -> Self {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let fields = rest
            .split_whitespace()
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Self { word: word.to_owned(), fields }
    }

    /// The word.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// The text of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key).map(String::as_str)
    }

    /// The number of a key.
    pub fn number<T: FromStr>(&self, key: &str) -> T {
        self.fields
            .get(key)
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("no number {key} in {self:?}"))
    }

    /// Whether what was received was what had been sent.
    pub fn intact(&self) -> bool {
        self.text("intact") == Some("true")
    }
}
