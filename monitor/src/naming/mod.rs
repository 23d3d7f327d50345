//! Stage 3: addresses to names.
//!
//! What a flow sent first, and what the resolver answered, say where it goes. Everything here is pure
//! and total: bytes, hosts and times come in as arguments, and nothing that is hostile can panic it.

#[cfg(test)]
#[path = "tests/hellos.rs"]
mod hellos;
pub mod host;
pub mod quic;
pub mod tls;

pub use host::{Host, HostName};
