//! TLS ClientHello: the name that a client asks for, before anything is encrypted (RFC 8446, 4.1.2;
//! RFC 6066, 3).
//!
//! What was copied may end before the hello does: every length is checked against the message that
//! holds it, and only then against the bytes that are there.

mod cover;
mod hello;
mod reader;
mod records;
#[cfg(test)]
mod tests;

pub use cover::is_cover_name;

use super::Host;

/// What a ClientHello says of where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// The host of the `server_name` extension. `None` without one, and when it holds anything other
    /// than exactly one host.
    pub server_name: Option<Host>,
    /// Whether the `encrypted_client_hello` extension was seen (0xfe0d; RFC 9849). Clients also send it
    /// with arbitrary content ("GREASE"), so it does not prove that the name is a cover.
    pub has_ech: bool,
    /// Whether all extensions were seen. If not, there may be an `encrypted_client_hello` among the rest.
    pub complete: bool,
}

impl ClientHello {
    /// Whether the name is that of a provider who hides the true one ([`is_cover_name`]), as far as this
    /// can be told: the hello must carry `encrypted_client_hello`, or may, where its end was not seen.
    pub fn has_cover_name(&self) -> bool {
        let may_have_ech = self.has_ech || !self.complete;
        may_have_ech && matches!(&self.server_name, Some(Host::Name(name)) if is_cover_name(name))
    }
}

/// Why bytes yield no ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsError {
    /// The bytes end before the `server_name` extension, or before it is clear that there is none.
    Incomplete,
    /// Something other than a ClientHello in TLS records of version 3.x: another protocol, SSL 2.0, an
    /// alert, another handshake message.
    NotHello,
    /// It began as a ClientHello, but a server has to refuse it.
    Malformed,
}

/// Reads the ClientHello at the start of a TCP stream: in any number of records of any size.
pub fn client_hello(stream: &[u8]) -> Result<ClientHello, TlsError> {
    handshake(&records::handshake(stream)?)
}

/// Reads the ClientHello at the start of handshake bytes: what TLS records or QUIC CRYPTO frames hold.
/// Bytes after the message are ignored.
pub fn handshake(bytes: &[u8]) -> Result<ClientHello, TlsError> {
    hello::read(hello::body(bytes)?)
}
