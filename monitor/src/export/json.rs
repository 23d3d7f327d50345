//! A snapshot as a JSON document: what the agent answers on its control socket, and what
//! `sortie apps --json` prints.
//!
//! The schema is an interface. Within a [`VERSION`], fields are added and never renamed, removed or
//! given another meaning; a reader ignores fields it does not know and takes zero for those it misses. Points in time are milliseconds
//! since the Unix epoch, all numbers are whole and not negative.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use super::text;

mod from_snapshot;

/// The version of the schema.
pub const VERSION: u32 = 2;

/// A text that is one of the program's own words when written, and any text when read.
pub type Word = Cow<'static, str>;

/// A whole snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    /// The version of the schema: [`VERSION`].
    pub version: u32,
    /// When the agent took the snapshot.
    pub taken_unix_ms: u64,
    /// When the agent started to count.
    pub started_unix_ms: u64,
    /// The apps, ordered by kind and id.
    pub apps: Vec<App>,
    /// What the memory has to say, cheapest detector first.
    pub findings: Vec<Finding>,
    /// How many bytes got their names from where, and why others got none.
    pub names: Vec<Share>,
    /// The network interfaces, ordered by name.
    pub interfaces: Vec<Interface>,
    /// How the agent itself is doing.
    pub health: Health,
}

/// An app and its sums.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct App {
    /// What kind of name `id` is: the label `kind` of the metrics.
    pub kind: Word,
    /// The name the app is known by, unique within its kind. Chosen by the app: do not trust it.
    pub id: String,
    /// How the app was recognised: the label `rung` of the metrics.
    pub rung: Word,
    /// Its name for people, if it has one. Chosen by the app: do not trust it.
    pub name: Option<String>,
    /// The name of its icon, if it has one.
    pub icon: Option<String>,
    /// When traffic of it was first seen.
    pub first_seen_unix_ms: u64,
    /// When traffic of it was last seen.
    pub last_seen_unix_ms: u64,
    /// Its sums by protocol and scope.
    pub classes: Vec<Class>,
    /// The same sums by destination, most bytes sent first.
    pub destinations: Vec<Destination>,
}

/// An app's sums for one protocol and scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Class {
    /// `tcp`, `udp`, `icmp` or `other`.
    pub protocol: Word,
    /// `loopback`, `link`, `lan` or `internet`.
    pub scope: Word,
    /// The sums.
    pub totals: Totals,
}

/// An app's sums for one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Destination {
    /// Where to, as far as `detail` tells: the label `destination` of the metrics. `(other)`: all that found
    /// no room of their own.
    pub name: String,
    /// The company behind it, if that is known.
    pub company: Option<Word>,
    /// The id of the documented behaviour, if it is one.
    pub behaviour: Option<Word>,
    /// The title of that.
    pub behaviour_name: Option<Word>,
    /// `loopback`, `link`, `lan` or `internet`; `null` for `(other)`.
    pub scope: Option<Word>,
    /// What the name came from: the label `source` of the metrics, most trusted first.
    pub sources: Vec<Word>,
    /// Whether another name would have done as well, at least once.
    pub ambiguous: bool,
    /// The country its address is registered in, by the user's database: two capital letters
    /// (ISO 3166-1). Not where the server is.
    pub country: Option<String>,
    /// Whether other addresses of it are registered in other countries.
    pub several_countries: bool,
    /// The number of the autonomous system that announces its address, by the user's database.
    pub asn: Option<u32>,
    /// Whose autonomous system that is.
    pub organisation: Option<String>,
    /// Whether other addresses of it belong to other autonomous systems.
    pub several_networks: bool,
    /// The sums.
    pub totals: Totals,
    /// When traffic to or from it was first seen.
    pub first_seen_unix_ms: u64,
    /// When traffic to or from it was last seen.
    pub last_seen_unix_ms: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Bytes sent: whole IP packets, headers included.
    pub sent_bytes: u64,
    /// IP packets sent.
    pub sent_packets: u64,
    /// Bytes received: whole IP packets, headers included.
    pub received_bytes: u64,
    /// IP packets received.
    pub received_packets: u64,
    /// Connections the app opened.
    pub connections: u64,
    /// Connections others opened to the app.
    pub accepted: u64,
    /// TCP connections the app tried to open and that were never established.
    pub failures: u64,
}

/// Bytes whose destinations got their names in one way, or none for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Share {
    /// What the names came from: the label `source` of the metrics.
    pub source: Word,
    /// Why there is none: the label `reason` of the metrics.
    pub reason: Option<Word>,
    /// `loopback`, `link`, `lan` or `internet`.
    pub scope: Word,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Bytes received.
    pub received_bytes: u64,
}

/// Something that was noticed over time. It states what was seen, not why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Finding {
    /// What kind of statement it is: the label `kind` of `sortie_findings`.
    pub kind: Word,
    /// The app's kind.
    pub app_kind: String,
    /// The app's id.
    pub app: String,
    /// The destination; empty for a new app.
    pub destination: String,
    /// The id of the documented behaviour.
    pub behaviour: Option<String>,
    /// The company behind the destination.
    pub company: Option<String>,
    /// It, in words.
    pub sentence: String,
    /// `active`, or `faded` when it was not seen any more for long.
    pub state: Word,
    /// When it was found; `null` when no clock told.
    pub first_unix_ms: Option<u64>,
    /// When it was last confirmed.
    pub last_unix_ms: Option<u64>,
    /// Seconds from one time to the next; 0 where that is not what it is about.
    pub period_seconds: u32,
    /// Times, windows, months, days or starts of the device in which it was seen.
    pub seen: u32,
    /// Those in which it could have been seen.
    pub possible: u32,
    /// Contacts in all.
    pub contacts: u64,
    /// Bytes sent in all.
    pub sent_bytes: u64,
    /// Bytes received in all.
    pub received_bytes: u64,
}

/// An interface's own counters beside what was attributed to apps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// The interface's name.
    pub name: String,
    /// Bytes the interface sent since the agent started, link headers included.
    pub sent_bytes: u64,
    /// Packets the interface sent.
    pub sent_packets: u64,
    /// Bytes the interface received, link headers included.
    pub received_bytes: u64,
    /// Packets the interface received.
    pub received_packets: u64,
    /// Bytes sent that were attributed, without link headers.
    pub attributed_sent_bytes: u64,
    /// Packets sent that were attributed.
    pub attributed_sent_packets: u64,
    /// Bytes received that were attributed, without link headers.
    pub attributed_received_bytes: u64,
    /// Packets received that were attributed.
    pub attributed_received_packets: u64,
    /// Bytes of link headers on the attributed packets sent.
    pub link_header_sent_bytes: u64,
    /// Bytes of link headers on the attributed packets received.
    pub link_header_received_bytes: u64,
}

/// How the agent itself is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// The hooks of the kernel the agent uses.
    pub hooks: Vec<Hook>,
    /// Records lost because the ring buffer was full.
    pub records_lost: u64,
    /// Records shorter than their kind demands.
    pub records_truncated: u64,
    /// Records of a kind the agent does not know.
    pub records_unknown: u64,
    /// How full the kernel's maps are.
    pub maps: Vec<Map>,
    /// Traffic that could not be counted under a socket, by cause.
    pub over: Vec<Over>,
    /// Apps counted together as `(other)` for want of room.
    pub apps_capped: u64,
    /// Destinations counted together as `(other)` for want of room.
    pub destinations_capped: u64,
    /// Samples of what flows sent first that were lost because the ring buffer was full.
    pub samples_lost: u64,
    /// Samples that could not be read as what they were taken for.
    pub samples_misread: u64,
    /// Answers of name servers that nobody had asked for.
    pub answers_unasked: u64,
    /// Addresses that names are remembered for.
    pub addresses: u64,
    /// Addresses that were forgotten before their time, for want of room.
    pub addresses_evicted: u64,
    /// How often the kernel's counters were fetched.
    pub drains: u64,
    /// Microseconds all of these took together.
    pub drain_microseconds_sum: u64,
    /// Microseconds the last of them took.
    pub drain_microseconds_last: u64,
    /// Sockets counted at the moment.
    pub flows: u64,
    /// Processes known.
    pub processes: u64,
    /// Processes that were gone before they could be looked at.
    pub processes_missed: u64,
}

/// A hook of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hook {
    /// Its name, as in `cgroup_skb/egress`.
    pub name: Word,
    /// Whether the agent's program is attached to it.
    pub attached: bool,
}

/// A map of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Map {
    /// Its name.
    pub name: Word,
    /// Entries in use.
    pub used: u64,
    /// Entries there is room for.
    pub capacity: u64,
}

/// Traffic that could not be counted under a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Over {
    /// Why: the label `cause` of the metrics.
    pub cause: Word,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Packets sent.
    pub sent_packets: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Packets received.
    pub received_packets: u64,
}

impl Totals {
    /// Adds other sums to these; stops at the maximum.
    pub fn add(&mut self, other: Self) {
        for (sum, number) in [
            (&mut self.sent_bytes, other.sent_bytes),
            (&mut self.sent_packets, other.sent_packets),
            (&mut self.received_bytes, other.received_bytes),
            (&mut self.received_packets, other.received_packets),
            (&mut self.connections, other.connections),
            (&mut self.accepted, other.accepted),
            (&mut self.failures, other.failures),
        ] {
            *sum = sum.saturating_add(number);
        }
    }
}

/// Why a document cannot be used.
#[derive(Debug)]
pub enum DocumentError {
    /// It is not JSON, or lacks a field.
    Malformed(serde_json::Error),
    /// It has another version of the schema.
    Version(u32),
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// When it is of another version, or not a document at all.
    pub fn from_json(json: &[u8]) -> Result<Self, DocumentError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let head: Head = serde_json::from_slice(json).map_err(DocumentError::Malformed)?;
        if head.version != VERSION {
            return Err(DocumentError::Version(head.version));
        }
        serde_json::from_slice(json).map_err(DocumentError::Malformed)
    }

    /// The document on one line, with the newline: see [`to_line`].
    pub fn to_json(&self) -> String {
        to_line(self)
    }
}

/// A value as JSON on one line, with the newline.
///
/// Characters that could act on a terminal are escaped: apps choose their names.
pub fn to_line(value: &impl Serialize) -> String {
    // These types have no maps with keys that are not texts, the one thing that can fail.
    let json = serde_json::to_string(value).unwrap_or_default();
    let mut safe = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        // They can only be inside of a JSON string, where this is the same character.
        if text::is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a `String` cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe.push('\n');
    safe
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => write!(f, "not a snapshot: {error}"),
            Self::Version(version) => write!(
                f,
                "a snapshot of version {version}, where this program reads version {VERSION}; \
                 restart the agent after an update"
            ),
        }
    }
}

impl std::error::Error for DocumentError {}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
