//! A real Prometheus that scrapes the agent.

use std::net::SocketAddr;

use serde_json::Value;

use crate::wait::PATIENCE;
use crate::{Agent, Launch, Running, Scratch, http, program};

/// A running Prometheus; killed when dropped.
#[derive(Debug)]
pub struct Prometheus {
    running: Running,
    address: SocketAddr,
    /// Keeps its data until it has ended.
    _scratch: Scratch,
}

impl Prometheus {
    /// Starts one on a free port of the loopback that scrapes the agent every second.
    pub fn start(agent: &Agent) -> Self {
        let scratch = Scratch::new();
        let config = scratch.write(
            "prometheus.yml",
            &format!(
                "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: sortie\n    \
                 static_configs:\n      - targets: [\"{}\"]\n",
                agent.address()
            ),
        );
        let running = Launch::new(program::system("prometheus"))
            .words("--web.listen-address=127.0.0.1:0 --log.level=info")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", scratch.path().join("data").display()))
            .spawn();
        let address = listening(&running);
        Self { running, address, _scratch: scratch }
    }

    /// The results of an instant query: each a set of labels and a value.
    pub fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let path = format!("/api/v1/query?query={}", escape(expression));
        let said = |error| format!("{error}; it says: {}", self.running.stderr.all());
        let text = http::get(self.address, &path).map_err(said)?;
        let answer: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        answer["data"]["result"].as_array().cloned().ok_or(text)
    }

    /// The value of an instant query that has one result.
    pub fn value(&self, expression: &str) -> Result<f64, String> {
        let results = self.query(expression)?;
        let [result] = results.as_slice() else {
            return Err(format!("{expression}: {} results", results.len()));
        };
        let text = result["value"][1].as_str().ok_or_else(|| result.to_string())?;
        text.parse().map_err(|error| format!("{text}: {error}"))
    }
}

/// Waits for the line of its log that says where it listens.
fn listening(running: &Running) -> SocketAddr {
    loop {
        let line = running.stderr.next(PATIENCE * 2).unwrap_or_else(|error| {
            panic!("prometheus does not listen ({error}): {}", running.stderr.all())
        });
        let address = line
            .contains("\"Listening on\"")
            .then(|| line.split("address=").nth(1)?.split_whitespace().next()?.parse().ok())
            .flatten();
        if let Some(address) = address {
            return address;
        }
    }
}

/// Percent-encodes everything that is not a letter or digit.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
