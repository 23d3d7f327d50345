//! Stage 3: addresses to names.
//!
//! What a flow sent first, and what name servers answered, say where it goes: `first.rs` and the
//! parsers behind it read the one, `dns.rs` and `addresses.rs` the other, `namer.rs` decides. Everything
//! here is pure and total: bytes, hosts and times come in as arguments, and nothing that is hostile can
//! panic it.
//!
//! A name is redacted where it enters (`name.rs`): below the level `hosts` nothing here keeps a host.

pub mod addresses;
pub mod catalogue;
pub mod company;
pub mod dns;
pub mod domain;
pub mod first;
#[cfg(test)]
#[path = "tests/hellos.rs"]
mod hellos;
pub mod host;
pub mod http;
pub mod name;
pub mod namer;
mod names;
pub mod origin;
mod queries;
pub mod quic;
mod stream;
pub mod tls;

pub use addresses::Asker;
pub use first::{FlowKey, Hello};
pub use host::{Host, HostName};
pub use name::{Level, Name, Place, Reason, Source};
pub use namer::{Heard, Namer};
pub use origin::{Origin, Origins, Registration};
