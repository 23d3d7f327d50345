//! What is answered to a request, whatever version of HTTP it came in.

use std::fmt::Display;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::dns::Names;
use crate::report::{Ends, seen};

/// The path of DNS over HTTPS (RFC 8484).
const DNS_QUERY: &str = "/dns-query";

/// A request, as far as it matters.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// `1.1`, `2` or `3`.
    pub(crate) version: &'a str,
    /// `tcp`, `tls` or `quic`.
    pub(crate) over: &'a str,
    pub(crate) method: &'a str,
    /// The host that it is for, with the port if one was given.
    pub(crate) authority: Option<&'a str>,
    /// Path and query.
    pub(crate) target: &'a str,
    pub(crate) body: &'a [u8],
}

/// An answer with status 200.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) kind: &'static str,
    pub(crate) body: Vec<u8>,
}

/// Answers, and says what was asked.
pub(crate) fn answer(names: &Names, request: &Request<'_>, ends: Ends) -> Answer {
    let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
    let more: [(&str, &dyn Display); 4] = [
        ("version", &request.version),
        ("over", &request.over),
        ("method", &request.method),
        ("path", &path),
    ];
    seen("http", request.authority, ends, &more);
    if path == DNS_QUERY {
        let question = match request.method {
            "POST" => Some(request.body.to_vec()),
            _ => query.strip_prefix("dns=").and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()),
        };
        let answer =
            question.and_then(|question| names.answer(&question, "doh", request.over, ends));
        return Answer { kind: "application/dns-message", body: answer.unwrap_or_default() };
    }
    // A sales report is acknowledged so; everybody else takes whatever comes.
    let body = if path.ends_with("/stsReport") { "0" } else { "hello\n" };
    Answer { kind: "text/plain", body: body.into() }
}
