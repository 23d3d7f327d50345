//! Which requests are answered at all: the right host, a known path, a safe method, no body.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use hyper::body::Body;
use hyper::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Method, Request, StatusCode};

/// The hosts a request may be meant for.
///
/// A page of any site can make its reader's browser send requests to the loopback, and read the
/// answers once the site's name points there (DNS rebinding). Such a request names the site in its
/// `Host` header, which a page cannot change.
#[derive(Clone, Debug)]
pub struct Gate {
    hosts: Vec<String>,
}

/// What there is to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Page,
    Metrics,
    Healthy,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The `Host` header is missing, doubled or unreadable (RFC 9112 section 3.2).
    Host,
    /// The host is none of the known ones (RFC 9110 section 15.5.20).
    Misdirected,
    NotFound,
    Method,
    Body,
    /// There is no snapshot in time.
    Unavailable,
}

impl Gate {
    /// A gate for requests to the address `bound` itself, to the names of the loopback, and to
    /// `allowed_hosts`: names or addresses, which allow any port, or either with a port. Case does
    /// not matter.
    ///
    /// Ports are not compared otherwise: they differ behind a tunnel, and say nothing about who
    /// chose the name.
    pub fn new(bound: SocketAddr, allowed_hosts: &[String]) -> Self {
        let bound = match bound.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
        hosts.push(bound);
        hosts.extend(allowed_hosts.iter().map(|host| match host.trim().parse::<Ipv6Addr>() {
            Ok(ip) => format!("[{ip}]"),
            Err(_) => canonical(host.trim()),
        }));
        Self { hosts }
    }

    /// The route of a request, if it is one to answer. The host is looked at first.
    pub(super) fn admit<B: Body>(&self, request: &Request<B>) -> Result<Route, Refusal> {
        self.check_host(request)?;
        let route = match request.uri().path() {
            "/" => Route::Page,
            "/metrics" => Route::Metrics,
            "/-/healthy" => Route::Healthy,
            _ => return Err(Refusal::NotFound),
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::Method);
        }
        if has_body(request) { Err(Refusal::Body) } else { Ok(route) }
    }

    fn check_host<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        let host = only_host(request.headers()).ok_or(Refusal::Host)?;
        // A target in absolute form counts more than the header (RFC 9112 section 3.2.2).
        let target = request.uri().authority().map(Authority::as_str);
        if self.knows(host) && target.is_none_or(|target| self.knows(target)) {
            Ok(())
        } else {
            Err(Refusal::Misdirected)
        }
    }

    fn knows(&self, host: &str) -> bool {
        let host = canonical(host);
        let name = without_port(&host);
        self.hosts.iter().any(|known| *known == host || *known == name)
    }
}

fn only_host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    (hosts.next().is_none() && !host.is_empty()).then_some(host)
}

fn has_body<B: Body>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let is_empty = headers.get(CONTENT_LENGTH).is_none_or(|length| length.as_bytes() == b"0");
    !is_empty || headers.contains_key(TRANSFER_ENCODING) || !request.body().is_end_stream()
}

/// The host in lower case; an IPv6 address in brackets and in its one right form (RFC 5952).
fn canonical(host: &str) -> String {
    let name = without_port(host);
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bare.and_then(|bare| bare.parse::<Ipv6Addr>().ok()) {
        Some(ip) => format!("[{ip}]{}", host.split_at(name.len()).1),
        None => host.to_ascii_lowercase(),
    }
}

/// The host without `:PORT` at its end, if there is one.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

impl Refusal {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Host => StatusCode::BAD_REQUEST,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Body => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the client is told. Nothing of the request is in it.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Host => "The request needs exactly one Host header.\n",
            Self::Misdirected => {
                "Refused: the Host header names none of the hosts this server answers for, as if a \
                 page of another site had sent the request. If you reach this device under that \
                 name, add the name to `allowed_hosts` in the configuration of Sortie.\n"
            }
            Self::Body => "Requests with a body are not accepted.\n",
            Self::NotFound => "There is nothing here. The metrics are at /metrics.\n",
            Self::Method => "Only GET and HEAD are accepted.\n",
            Self::Unavailable => "The agent did not answer in time. Try again.\n",
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn gate() -> Gate {
        let allowed = ["Phone.lan", "router:8080", "fd00::1", "10.0.0.1"].map(str::to_owned);
        Gate::new("127.0.0.2:9917".parse().unwrap(), &allowed)
    }

    #[test]
    fn known_hosts_pass_in_every_spelling() {
        for host in [
            "localhost",
            "LocalHost:9917",
            "localhost:1",
            "127.0.0.1",
            "127.0.0.1:9917",
            "127.0.0.2:9917",
            "[::1]",
            "[::1]:9917",
            "[0:0:0:0:0:0:0:1]:9917",
            "phone.LAN:80",
            "router:8080",
            "[fd00::1]",
            "[FD00:0::1]:9917",
            "10.0.0.1:9917",
        ] {
            assert!(gate().knows(host), "{host}");
        }
    }

    #[test]
    fn all_other_hosts_are_refused() {
        for host in [
            "",
            ":9917",
            "evil.example",
            "evil.example:9917",
            "localhost.evil.example",
            "evil.localhost",
            "localhost@evil.example",
            "user@localhost",
            "localhost ",
            "localhost:9917:9917",
            "localhost:x",
            "127.0.0.1.evil.example",
            "127.0.0.3",
            "router",
            "router:8081",
            "[::2]",
            "::1",
            "[::1",
            "[::1]x",
            "fd00::1:9917",
        ] {
            assert!(!gate().knows(host), "{host}");
        }
    }
}
