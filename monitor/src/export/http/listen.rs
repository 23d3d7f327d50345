//! Where the server may listen: on this device only.

use std::error::Error;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

/// The address to listen on, from `ADDRESS:PORT`, `[ADDRESS]:PORT` or `localhost:PORT`.
///
/// # Errors
///
/// [`ListenError::Exposed`] for any address but a loopback one: this version has neither encryption
/// nor passwords.
pub fn parse_listen(text: &str) -> Result<SocketAddr, ListenError> {
    let syntax = || ListenError::Syntax(text.to_owned());
    let text = text.trim();
    let address = match text.rsplit_once(':') {
        Some((host, port)) if host.eq_ignore_ascii_case("localhost") => {
            SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().map_err(|_| syntax())?))
        }
        _ => text.parse::<SocketAddr>().map_err(|_| syntax())?,
    };
    // `::ffff:127.0.0.1` is a loopback address in the dress of IPv6 (RFC 4291 section 2.5.5.2).
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    if address.ip().is_loopback() { Ok(address) } else { Err(ListenError::Exposed(address)) }
}

/// Why the server cannot listen there. The text is for the one who wrote the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenError {
    /// Not an address with a port: what was written.
    Syntax(String),
    /// Other devices could reach it.
    Exposed(SocketAddr),
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => write!(
                f,
                "`{}` is not an address to listen on; write it as 127.0.0.1:9917, [::1]:9917 or \
                 localhost:9917",
                text.escape_debug()
            ),
            Self::Exposed(address) => write!(
                f,
                "refused to listen on {address}: this version has neither encryption nor \
                 passwords, so anybody on the network could read which app talks to whom; listen \
                 on 127.0.0.1:{port} and reach it through an SSH tunnel (ssh -L \
                 {port}:127.0.0.1:{port} DEVICE) or a reverse proxy that asks for a password",
                port = address.port()
            ),
        }
    }
}

impl Error for ListenError {}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_are_taken() {
        for (text, address) in [
            ("127.0.0.1:9917", "127.0.0.1:9917"),
            ("127.1.2.3:0", "127.1.2.3:0"),
            ("[::1]:9917", "[::1]:9917"),
            ("[::ffff:127.0.0.1]:9917", "127.0.0.1:9917"),
            ("localhost:9917", "127.0.0.1:9917"),
            (" LOCALHOST:1 ", "127.0.0.1:1"),
        ] {
            assert_eq!(parse_listen(text), Ok(address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn addresses_others_can_reach_are_refused_with_a_way_out() {
        for text in ["0.0.0.0:9917", "[::]:9917", "192.168.1.1:9917", "[::ffff:10.0.0.1]:9917"] {
            let error = parse_listen(text).unwrap_err();
            assert!(matches!(error, ListenError::Exposed(_)), "{text}: {error:?}");
            assert!(error.to_string().contains("ssh -L 9917:127.0.0.1:9917"), "{error}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", ":9917", "9917", "127.0.0.1", "localhost", "localhost:x", "phone.lan:80"] {
            let error = parse_listen(text).unwrap_err();
            assert_eq!(error, ListenError::Syntax(text.to_owned()));
        }
    }
}
