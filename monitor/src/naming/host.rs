//! Host names as clients and resolvers write them: checked and normalised where they enter.

use std::fmt;
use std::net::IpAddr;

/// Bytes of the longest name in text form, without the final dot (RFC 1035, 3.1: 255 on the wire).
pub const NAME_BYTES_MAX: usize = 253;

/// Bytes of the longest label (RFC 1035, 2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;

/// What a client said it wants to talk to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name.
    Name(HostName),
    /// An address in place of a name.
    Address(IpAddr),
}

/// A host name: labels of letters, digits, hyphens and underscores, in lower case, joined by dots,
/// without a final one. Internationalised names are in their ASCII form (RFC 5890, "A-label").
///
/// Names come from the network. Bytes that no host name has make the whole no name, so that whatever is
/// one can be shown, exported and written to a file as it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Box<str>);

impl HostName {
    /// Reads a name in text form, with or without a final dot. `None` when it is none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.strip_suffix(b".").unwrap_or(text);
        if text.is_empty() || text.len() > NAME_BYTES_MAX {
            return None;
        }
        if !text.split(|byte| *byte == b'.').all(is_label) {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        Some(Self(text.to_ascii_lowercase().into()))
    }

    /// Puts a name together from its labels, without the root's empty one. `None` when it is none: a dot
    /// in a label separates nothing.
    pub fn from_labels(labels: &[&[u8]]) -> Option<Self> {
        if !labels.iter().copied().all(is_label) {
            return None;
        }
        Self::parse(&labels.join(&b'.'))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &[u8]) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.iter().copied().all(is_name_byte)
}

/// Underscores are no part of host names (RFC 1123, 2.1), but of names that clients look up and that
/// resolvers answer.
const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

impl Host {
    /// Reads a host as it stands in a URI or a `Host` header, without the port (RFC 3986, 3.2.2): a name,
    /// an IPv4 address, or an IPv6 one in brackets or without. `None` when it is neither.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let inner = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]"));
        if let Ok(text) = std::str::from_utf8(inner.unwrap_or(text))
            && let Ok(address) = text.parse::<IpAddr>()
        {
            return Some(Self::Address(address.to_canonical()));
        }
        if inner.is_some() {
            return None;
        }
        HostName::parse(text).map(Self::Name)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name stays out of logs and of dumps of whatever holds it.
impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HostName").field(&self.as_str()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        HostName::parse(text.as_bytes()).map(|name| name.to_string())
    }

    #[test]
    fn names_are_normalised() {
        assert_eq!(name("Open.OnePlus.NET.").as_deref(), Some("open.oneplus.net"));
        assert_eq!(name("_dmarc.example.org").as_deref(), Some("_dmarc.example.org"));
        assert_eq!(name("xn--bcher-kva.example").as_deref(), Some("xn--bcher-kva.example"));
        assert_eq!(name("nas").as_deref(), Some("nas"));
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in ["", ".", "..", "a..b", ".a", "a b", "a\nb", "a/b", "a:1", "\u{e9}.fr", "*.a"] {
            assert_eq!(name(text), None, "{text:?}");
        }
        assert_eq!(name(&"a".repeat(64)), None);
        assert_eq!(name(&["a"; 128].join(".")), None, "255 bytes");
        assert!(name(&["a"; 127].join(".")).is_some(), "253 bytes");
    }

    #[test]
    fn labels_make_a_name() {
        let name = |labels: &[&[u8]]| HostName::from_labels(labels).map(|name| name.to_string());
        assert_eq!(name(&[b"Open", b"oneplus", b"net"]).as_deref(), Some("open.oneplus.net"));
        assert_eq!(name(&[]), None);
        assert_eq!(name(&[b"a.b", b"c"]), None, "a dot inside a label");
        assert_eq!(name(&[b"a", b""]), None);
        assert_eq!(name(&[b"a", b"b\0"]), None);
        assert_eq!(name(&[&[b'a'; 64]]), None);
        assert_eq!(name(&[b"a".as_slice(); 128]), None, "255 bytes");
    }

    #[test]
    fn hosts_may_be_addresses() {
        let address = |text: &str| match Host::parse(text.as_bytes()) {
            Some(Host::Address(address)) => address.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(address("192.0.2.1"), "192.0.2.1");
        assert_eq!(address("[2001:db8::1]"), "2001:db8::1");
        assert_eq!(address("2001:db8::1"), "2001:db8::1");
        assert_eq!(address("[::ffff:192.0.2.1]"), "192.0.2.1");
        assert_eq!(Host::parse(b"[example.org]"), None);
        assert_eq!(Host::parse(b"[::1"), None);
    }
}
