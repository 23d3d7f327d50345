//! Lines on standard output, each flushed at once.

use std::fmt::Display;
use std::io::{Write as _, stdout};
use std::net::SocketAddr;

/// The two ends of what was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    peer: SocketAddr,
    local: SocketAddr,
}

impl Ends {
    /// IPv4 addresses are told as such, whatever socket they came from.
    pub(crate) fn new(peer: SocketAddr, local: SocketAddr) -> Self {
        let plain =
            |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Self { peer: plain(peer), local: plain(local) }
    }
}

/// Says what a client has told, with the name in it (none for nothing).
pub(crate) fn seen(what: &str, name: Option<&str>, ends: Ends, more: &[(&str, &dyn Display)]) {
    let mut fields: Vec<(&str, &dyn Display)> = vec![("what", &what)];
    let name = name.map(shown);
    if let Some(name) = &name {
        fields.push(("name", name));
    }
    fields.extend([("peer", &ends.peer as &dyn Display), ("local", &ends.local)]);
    fields.extend(more);
    line("seen", &fields);
}

/// Says a word and what belongs to it.
pub(crate) fn line(word: &str, fields: &[(&str, &dyn Display)]) {
    let mut text = word.to_owned();
    for (key, value) in fields {
        text.push_str(&[" ", key, "=", &value.to_string()].concat());
    }
    text.push('\n');
    let mut out = stdout().lock();
    // Nobody listens any more: then the end is near anyhow.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// A name as one word: whatever is not a printable character of ASCII is `\` and three decimal
/// digits (RFC 1035, 5.1).
fn shown(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'!'..=b'~' => char::from(byte).to_string(),
            other => format!("\\{other:03}"),
        })
        .collect()
}
