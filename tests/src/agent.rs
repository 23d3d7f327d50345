//! The agent under test.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::scratch::alone;
use crate::wait::PATIENCE;
use crate::{App, Launch, Metrics, Namespace, Running, Scratch, eventually, http, program};

/// What the agent says when it watches and answers; the URL follows.
const READY: &str = "sortie: ready, metrics at http://";

/// How an agent is to be started.
#[derive(Debug, Default)]
pub struct Plan {
    scratch: Scratch,
    settings: Vec<String>,
    listen: Option<String>,
    runtime: Option<PathBuf>,
    namespace: Option<Namespace>,
    object: Option<PathBuf>,
    state: Option<PathBuf>,
    wrapper: Vec<String>,
    program: Option<PathBuf>,
}

impl Plan {
    /// Another address than a free port of the loopback.
    pub fn listening(self, address: &str) -> Self {
        Self { listen: Some(address.to_owned()), ..self }
    }

    /// Another runtime directory than one of its own.
    pub fn with_runtime(self, directory: PathBuf) -> Self {
        Self { runtime: Some(directory), ..self }
    }

    /// A further line of the configuration.
    pub fn with_setting(mut self, line: &str) -> Self {
        self.settings.push(line.to_owned());
        self
    }

    /// Remembers in this directory; else nowhere.
    pub fn remembering(self, directory: PathBuf) -> Self {
        Self { state: Some(directory), ..self }
    }

    /// In a network namespace, whose interfaces it then watches.
    pub fn in_namespace(self, namespace: &Namespace) -> Self {
        Self { namespace: Some(namespace.clone()), ..self }
    }

    /// With this file of eBPF programs instead of its own.
    pub fn with_object(self, object: PathBuf) -> Self {
        Self { object: Some(object), ..self }
    }

    /// Started by another program, given as words that the agent's command line is appended to.
    pub fn wrapped(self, words: &[&str]) -> Self {
        Self { wrapper: words.iter().map(|word| (*word).to_owned()).collect(), ..self }
    }

    /// Copies the agent to where every user may run it.
    pub fn for_everybody(mut self) -> Self {
        self.program = Some(self.scratch.copy(&program::sortie(), "sortie"));
        self
    }

    /// Where the configuration is, once it is written.
    pub fn config(&self) -> PathBuf {
        self.scratch.path().join("sortie.toml")
    }

    fn launch(&self) -> Launch {
        alone();
        let listen = self.listen.as_deref().unwrap_or("127.0.0.1:0");
        let own = self.scratch.path().join("run");
        let runtime = self.runtime.as_ref().unwrap_or(&own);
        let state = self.state.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let mut text = format!(
            "listen = {listen:?}\nruntime_dir = \"{}\"\nstate_dir = {state:?}\n",
            runtime.display()
        );
        for line in &self.settings {
            text.push_str(line);
            text.push('\n');
        }
        let config = self.scratch.write("sortie.toml", &text);
        let program = self.program.clone().unwrap_or_else(program::sortie);
        let mut launch = match self.wrapper.split_first() {
            Some((first, rest)) => {
                rest.iter().fold(Launch::new(program::system(first)), Launch::arg).arg(program)
            }
            None => Launch::new(program),
        };
        if let Some(namespace) = &self.namespace {
            launch = launch.in_namespace(namespace);
        }
        launch = launch.arg("run").arg("--config").arg(config);
        match &self.object {
            Some(object) => launch.arg("--ebpf-object").arg(object),
            None => launch,
        }
    }

    /// Starts it and waits until it is ready.
    pub fn start(self) -> Agent {
        let running = self.launch().spawn();
        let address = loop {
            let Ok(line) = running.stderr.next(PATIENCE * 2) else {
                panic!("the agent does not get ready, it says:\n{}", running.stderr.all());
            };
            if let Some((_, rest)) = line.split_once(READY) {
                let address = rest.split('/').next().unwrap_or_default();
                break address.parse().unwrap_or_else(|error| panic!("{line:?}: {error}"));
            }
        };
        Agent { running, address, plan: self }
    }

    /// Starts it where it cannot work, and waits for its end.
    pub fn fail(self) -> Ended {
        let mut running = self.launch().spawn();
        let status = running.wait(PATIENCE);
        Ended { status, errors: settled(&running) }
    }
}

/// How an agent ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote to standard error.
    pub errors: String,
}

impl Ended {
    /// Panics unless it ended with this code and one line that has these words.
    pub fn assert(&self, code: i32, words: &[&str]) {
        assert_eq!(self.status.code(), Some(code), "it said: {}", self.errors);
        assert_eq!(self.errors.trim_end().lines().count(), 1, "not one line: {}", self.errors);
        for word in words {
            assert!(self.errors.contains(word), "no {word:?} in: {}", self.errors);
        }
    }
}

/// A running agent; killed when dropped.
#[derive(Debug)]
pub struct Agent {
    running: Running,
    address: SocketAddr,
    plan: Plan,
}

impl Agent {
    /// An agent with default settings, on a free port of the loopback.
    pub fn start() -> Self {
        Self::plan().start()
    }

    /// An agent yet to be started.
    pub fn plan() -> Plan {
        Plan::default()
    }

    /// Where it serves metrics.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.plan.config()
    }

    /// Its runtime directory.
    pub fn runtime(&self) -> PathBuf {
        self.plan.runtime.clone().unwrap_or_else(|| self.plan.scratch.path().join("run"))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// What it has said so far, for messages.
    pub fn errors(&self) -> String {
        self.running.stderr.all()
    }

    /// Gets a page from where it listens.
    pub fn get(&self, path: &str) -> Result<String, String> {
        let address = self.address;
        match &self.plan.namespace {
            Some(namespace) => namespace.enter(|| http::get(address, path)),
            None => http::get(address, path),
        }
        .map_err(|error| format!("{error}; the agent says: {}", self.errors()))
    }

    /// Scrapes it.
    pub fn metrics(&self) -> Metrics {
        self.scrape().unwrap_or_else(|error| panic!("{error}"))
    }

    fn scrape(&self) -> Result<Metrics, String> {
        Metrics::parse(&self.get("/metrics")?)
    }

    /// Scrapes it until the metrics are as wanted.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut(&Metrics) -> Result<T, String>) -> T {
        eventually(what, PATIENCE, || {
            let metrics = self.scrape()?;
            look(&metrics).map_err(|complaint| {
                format!("{complaint}\nthe agent tells:\n{}", metrics.about_apps())
            })
        })
    }

    /// What `sortie apps --json --all` prints.
    pub fn apps(&self) -> Value {
        let text = Launch::new(program::sortie())
            .words("apps --json --all --config")
            .arg(self.config())
            .succeed("");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// What `sortie app` prints of an app.
    pub fn app_page(&self, app: &App) -> String {
        let page = Launch::new(program::sortie()).arg("app").arg(&app.id).arg("--all");
        page.arg("--config").arg(self.config()).succeed("")
    }

    /// What `sortie findings --json` prints.
    pub fn findings(&self) -> Value {
        let findings = Launch::new(program::sortie()).words("findings --json --all --config");
        let text = findings.arg(self.config()).succeed("");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// What `sortie findings --first-day` prints.
    pub fn first_day(&self) -> String {
        let findings = Launch::new(program::sortie()).words("findings --first-day --config");
        findings.arg(self.config()).succeed("")
    }

    /// What `sortie forget` prints.
    pub fn forget(&self, words: &str) -> String {
        let forget = Launch::new(program::sortie()).words("forget").words(words);
        forget.arg("--config").arg(self.config()).succeed("")
    }

    /// Stops it where it is.
    pub fn stop(&self) {
        self.running.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.running.signal(Signal::CONT);
    }

    /// Sends it a signal and waits for its end.
    pub fn end(mut self, signal: Signal) -> Ended {
        self.running.signal(signal);
        let status = self.running.wait(PATIENCE);
        Ended { status, errors: settled(&self.running) }
    }
}

/// An app in what [`Agent::apps`] gives.
pub fn find<'a>(document: &'a Value, app: &App) -> Option<&'a Value> {
    let apps = document["apps"].as_array()?;
    apps.iter().find(|row| row["kind"] == *app.kind && row["id"] == *app.id)
}

/// What a program that has ended wrote to standard error, all of it.
fn settled(running: &Running) -> String {
    // The channel closes when the pipe has been read to its end.
    while running.stderr.next(Duration::from_secs(1)).is_ok() {}
    running.stderr.all()
}
