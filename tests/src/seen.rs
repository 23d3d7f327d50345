//! What the servers were told by clients: the truth about names.

use std::net::SocketAddr;

use crate::Report;

/// One thing that a server was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it was:
    ///
    /// | word | what the name is | further keys |
    /// |---|---|---|
    /// | `dns` | the question | `over` (`udp`, `tcp`), `type` (`A`, `AAAA`, `HTTPS` or a number) |
    /// | `doh` | the question | `over` (`tls`, `quic`), `type` |
    /// | `tls` | the server name of the hello | `alpn`, `version`, `hello` (bytes of its first record) |
    /// | `quic` | the server name of the hello | `alpn`, `version` (`1`, `2`), `retried` |
    /// | `http` | Host or `:authority` | `over` (`tcp`, `tls`, `quic`), `version`, `method`, `path` |
    /// | `raw` | none | `bytes` |
    pub what: String,
    /// The name, if one was told. Bytes that cannot be printed are `\` and three decimal digits.
    pub name: Option<String>,
    /// The client's end.
    pub peer: SocketAddr,
    /// The server's end.
    pub local: SocketAddr,
    /// Everything, by key.
    pub report: Report,
}

impl Seen {
    /// Reads a line of the server; nothing if it is about something else.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let report = Report::parse(line);
        Some(Self {
            what: report.text("what").filter(|_| report.word() == "seen")?.to_owned(),
            name: report.text("name").map(str::to_owned),
            peer: report.number("peer"),
            local: report.number("local"),
            report,
        })
    }

    /// Whether it was this, with this name and with these values.
    pub fn is(&self, what: &str, name: &str, more: &[(&str, &str)]) -> bool {
        self.what == what && self.name.as_deref() == Some(name) && self.has(more)
    }

    /// Whether it has these values.
    pub fn has(&self, more: &[(&str, &str)]) -> bool {
        more.iter().all(|(key, value)| self.report.text(key) == Some(value))
    }
}
