//! The host that an HTTP/1 request is for (RFC 9112).
//!
//! `httparse`, which reads requests elsewhere in the agent, tells no fields of a head that is cut, and a
//! sample mostly is. The lines are split here instead; nothing but the host is looked at or kept.

use std::net::{IpAddr, Ipv6Addr};

use super::Host;

/// Bytes of the longest method. The longest that is registered has 17.
const METHOD_BYTES_MAX: usize = 32;

/// Whom a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host.
    pub host: Host,
    /// The port, where the request names one.
    pub port: Option<u16>,
}

/// Why a head names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// It is cut before the host, or within it.
    Incomplete,
    /// It is no head of an HTTP/1 request. That of HTTP/2 without TLS is none either.
    NotHttp,
    /// The request has no `Host`, which HTTP/1.0 allows, or an empty one.
    NoHost,
    /// There are two `Host` fields, which nobody may send (RFC 9112, 3.2).
    SeveralHosts,
    /// What stands in place of the host is none.
    NotHost,
}

/// The host that the head of a request names: `head` is the first bytes of a flow, of which 512 are enough.
///
/// A target with a host in it wins over the `Host` field (RFC 9112, 3.2.2): such a request goes to a proxy,
/// and names whom the proxy is to reach.
pub fn host(head: &[u8]) -> Result<Target, HttpError> {
    let begin = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    let head = head.get(begin.unwrap_or(head.len())..).unwrap_or_default();
    let Some((line, fields)) = split_line(head) else {
        return cut_request_line(head);
    };
    let (method, rest) = method(line)?;
    let (target, version) = rest.and_then(|rest| rsplit(rest, b' ')).ok_or(HttpError::NotHttp)?;
    if !matches!(version, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor] if minor.is_ascii_digit())
    {
        return Err(HttpError::NotHttp);
    }
    let target = trim(target);
    if method == b"CONNECT" {
        return authority(target);
    }
    match absolute(target) {
        Some(rest) => authority(without_user(until_path(rest).unwrap_or(rest))),
        None => authority(host_field(fields)?),
    }
}

/// The host of a request line that is cut. Requests to proxies can have long targets, which begin with it.
fn cut_request_line(line: &[u8]) -> Result<Target, HttpError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (method, target) = method(line)?;
    if method == b"CONNECT" {
        return Err(HttpError::Incomplete);
    }
    let target = trim(target.unwrap_or_default());
    // What follows a blank may be the version.
    let target = split(target, b' ').map_or(target, |(target, _)| target);
    let begin = absolute(target).and_then(until_path).ok_or(HttpError::Incomplete)?;
    authority(without_user(begin))
}

/// Splits a request line into its method and what follows, if anything does.
fn method(line: &[u8]) -> Result<(&[u8], Option<&[u8]>), HttpError> {
    if line.iter().any(u8::is_ascii_control) {
        return Err(HttpError::NotHttp);
    }
    let (method, rest) =
        split(line, b' ').map_or((line, None), |(method, rest)| (method, Some(rest)));
    // `PRI` is reserved for the preface of HTTP/2 (RFC 9113, 3.4).
    let is_preface = method == b"PRI" && rest.is_some();
    if line.is_empty() || is_token(method) && method.len() <= METHOD_BYTES_MAX && !is_preface {
        return Ok((method, rest));
    }
    Err(HttpError::NotHttp)
}

/// What follows `scheme://` in a target of absolute form (RFC 9112, 3.2.2; RFC 3986, 3.1).
fn absolute(target: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = split(target, b':')?;
    let rest = rest.strip_prefix(b"//")?;
    let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    is_scheme.then_some(rest)
}

/// The authority at the begin of `text`, when something ends it (RFC 3986, 3.2).
fn until_path(text: &[u8]) -> Option<&[u8]> {
    text.get(..text.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'))?)
}

/// The value of the `Host` field, trimmed.
fn host_field(mut fields: &[u8]) -> Result<&[u8], HttpError> {
    let mut found = None;
    let mut is_host = false;
    let mut is_first = true;
    while let Some((line, rest)) = split_line(fields) {
        if line.is_empty() {
            return found.ok_or(HttpError::NoHost);
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            // The line before goes on (RFC 9112, 5.2). Before the first one there is none (2.2).
            if is_first {
                return Err(HttpError::NotHttp);
            }
            if is_host {
                return Err(HttpError::NotHost);
            }
        } else {
            let (name, value) = split(line, b':').ok_or(HttpError::NotHttp)?;
            if !is_token(name) {
                return Err(HttpError::NotHttp);
            }
            is_host = name.eq_ignore_ascii_case(b"host");
            if is_host && found.replace(trim(value)).is_some() {
                return Err(HttpError::SeveralHosts);
            }
        }
        is_first = false;
        fields = rest;
    }
    // The field ends where the next line is seen not to go on with it.
    match fields.first() {
        None if is_host => Err(HttpError::Incomplete),
        Some(b' ' | b'\t') if is_host => Err(HttpError::NotHost),
        _ => found.ok_or(HttpError::Incomplete),
    }
}

/// Reads `host [":" port]`; an empty port is none (RFC 3986, 3.2).
fn authority(text: &[u8]) -> Result<Target, HttpError> {
    if text.is_empty() {
        return Err(HttpError::NoHost);
    }
    let (host, port) = match text.strip_prefix(b"[") {
        Some(rest) => {
            let (literal, rest) = split(rest, b']').ok_or(HttpError::NotHost)?;
            let port = match rest {
                [] => None,
                [b':', port @ ..] => Some(port),
                _ => return Err(HttpError::NotHost),
            };
            (ipv6(literal), port)
        }
        None => match split(text, b':') {
            Some((host, port)) => (Host::parse(host), Some(port)),
            None => (Host::parse(text), None),
        },
    };
    let host = host.ok_or(HttpError::NotHost)?;
    let port = port.filter(|port| !port.is_empty()).map(number).transpose()?;
    Ok(Target { host, port })
}

/// An address in brackets. Its zone names an interface of the client (RFC 6874), which says nothing of the
/// host.
fn ipv6(literal: &[u8]) -> Option<Host> {
    let address = split(literal, b'%').map_or(literal, |(address, _)| address);
    let address = std::str::from_utf8(address).ok()?.parse::<Ipv6Addr>().ok()?;
    Some(Host::Address(IpAddr::from(address).to_canonical()))
}

fn number(port: &[u8]) -> Result<u16, HttpError> {
    let digits = std::str::from_utf8(port).ok().filter(|_| port.iter().all(u8::is_ascii_digit));
    digits.and_then(|digits| digits.parse().ok()).ok_or(HttpError::NotHost)
}

/// User and password stand before the last `@`, as clients read it. They are dropped here.
fn without_user(authority: &[u8]) -> &[u8] {
    rsplit(authority, b'@').map_or(authority, |(_, host)| host)
}

/// Letters of names of methods and fields (RFC 9110, 5.6.2).
fn is_token(text: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_letter)
}

/// A line and what follows it. `LF` alone ends a line too (RFC 9112, 2.2). `None` when it does not end.
fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = split(text, b'\n')?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest))
}

/// What stands before the first `at`, and behind it.
fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().position(|byte| *byte == at)?;
    Some((text.get(..position)?, text.get(position + 1..)?))
}

/// What stands before the last `at`, and behind it.
fn rsplit(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().rposition(|byte| *byte == at)?;
    Some((text.get(..position)?, text.get(position + 1..)?))
}

/// Without the blanks around it (RFC 9110, 5.6.3).
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(head: &str) -> Result<String, HttpError> {
        let Target { host, port } = host(head.as_bytes())?;
        let host = match host {
            Host::Name(name) => name.to_string(),
            Host::Address(address) => format!("<{address}>"),
        };
        Ok(port.map_or(host.clone(), |port| format!("{host} {port}")))
    }

    fn names(head: &str, expected: &str) {
        assert_eq!(told(head).as_deref(), Ok(expected), "{head:?}");
    }

    fn fails(head: &str, expected: HttpError) {
        assert_eq!(told(head), Err(expected), "{head:?}");
    }

    /// What the `Host` field of a request says.
    fn field(value: &str) -> Result<String, HttpError> {
        told(&format!("GET / HTTP/1.1\r\nUser-Agent: x\r\nHost:{value}\r\nAccept: */*\r\n\r\n"))
    }

    /// Documented requests and those of common clients, whole.
    const REQUESTS: [(&str, &str); 9] = [
        (
            "GET /eservice/stsReport?reptype=report&msgid=1&repinfo=AAAA HTTP/1.1\r\n\
             User-Agent: Dalvik/2.1.0 (Linux; U; Android 7.0)\r\nHost: eservice.tinno.com\r\n\
             Connection: Keep-Alive\r\nAccept-Encoding: gzip\r\n\r\n",
            "eservice.tinno.com",
        ),
        (
            "POST /cloud/push HTTP/1.1\r\nHost: Open.OnePlus.net:8080\r\nContent-Length: 2\r\n\r\n{}",
            "open.oneplus.net 8080",
        ),
        ("CONNECT example.org:443 HTTP/1.1\r\nHost: proxy.example\r\n\r\n", "example.org 443"),
        ("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n", "<2001:db8::1> 443"),
        (
            "GET http://example.org/path?q=http://other.example/ HTTP/1.1\r\n\
             Host: proxy.example\r\n\r\n",
            "example.org",
        ),
        ("GET HTTP://user:secret@Example.ORG:8080 HTTP/1.0\r\n\r\n", "example.org 8080"),
        ("OPTIONS * HTTP/1.1\r\nhOsT: \texample.org \t\r\n\r\n", "example.org"),
        ("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n", "<239.255.255.250> 1900"),
        ("\r\n\nGET / HTTP/1.0\nX: y\nHost: example.org\n\n", "example.org"),
    ];

    #[test]
    fn requests_name_their_host() {
        for (head, expected) in REQUESTS {
            names(head, expected);
        }
    }

    #[test]
    fn a_cut_head_names_the_same_or_nothing() {
        for (head, expected) in REQUESTS {
            let mut is_named = false;
            for cut in 0..head.len() {
                match told(&head[..cut]) {
                    Ok(name) => assert_eq!(name, expected, "{:?}", &head[..cut]),
                    Err(error) => {
                        assert_eq!(error, HttpError::Incomplete, "{:?}", &head[..cut]);
                        assert!(!is_named, "{:?}", &head[..cut]);
                    }
                }
                is_named |= told(&head[..cut]).is_ok();
            }
        }
    }

    #[test]
    fn hosts_of_the_field() {
        let ok = |value: &str, expected: &str| {
            assert_eq!(field(value).as_deref(), Ok(expected), "{value:?}");
        };
        ok("example.org", "example.org");
        ok(" example.org.:", "example.org");
        ok(" example.org:0080", "example.org 80");
        ok(" 192.0.2.1:65535", "<192.0.2.1> 65535");
        ok(" [2001:DB8::1]", "<2001:db8::1>");
        ok(" [fe80::1%25wlan0]:8080", "<fe80::1> 8080");
        ok(" [fe80::1%wlan0]", "<fe80::1>");
        ok(" [::ffff:192.0.2.1]:1", "<192.0.2.1> 1");
        for bad in [
            " example.org:65536",
            " example.org:+80",
            " example.org:80:80",
            " example.org:http",
            " exam ple.org",
            " a.example, b.example",
            " user@example.org",
            " user:secret@example.org",
            " http://example.org",
            " example.org/path",
            " 2001:db8::1",
            " [2001:db8::1",
            " [2001:db8::1]80",
            " [192.0.2.1]",
            " [v1.x]",
            " [example.org]",
            " :80",
            " \u{e9}.fr",
            " example.org\r",
            " example.org\0",
            " example.org\x0c",
        ] {
            assert_eq!(field(bad), Err(HttpError::NotHost), "{bad:?}");
        }
        assert_eq!(field(""), Err(HttpError::NoHost));
        assert_eq!(field(" \t"), Err(HttpError::NoHost));
    }

    #[test]
    fn heads_without_one_host() {
        fails("GET / HTTP/1.0\r\n\r\n", HttpError::NoHost);
        fails("GET / HTTP/1.0\r\nHostess: a.example\r\n\r\nHost: b.example\r\n", HttpError::NoHost);
        fails(
            "GET / HTTP/1.1\r\nHost: a.example\r\nhost: a.example\r\n\r\n",
            HttpError::SeveralHosts,
        );
        fails("GET / HTTP/1.1\r\nHost:\r\nHost: a.example\r\n\r\n", HttpError::SeveralHosts);
    }

    #[test]
    fn folded_lines() {
        names("GET / HTTP/1.1\r\nX: y\r\n Host: b.example\r\nHost: a.example\r\n\r\n", "a.example");
        names("GET / HTTP/1.1\r\nHost: a.example\r\nX: y\r\n\tb.example\r\n\r\n", "a.example");
        fails("GET / HTTP/1.1\r\nHost: a.example\r\n b.example\r\n\r\n", HttpError::NotHost);
        fails("GET / HTTP/1.1\r\nHost:\r\n a.example\r\n\r\n", HttpError::NotHost);
        fails("GET / HTTP/1.1\r\nHost: a.example\r\n\t", HttpError::NotHost);
        fails("GET / HTTP/1.1\r\nHost: a.example\r\n", HttpError::Incomplete);
        fails("GET / HTTP/1.1\r\n Host: a.example\r\n\r\n", HttpError::NotHttp);
    }

    #[test]
    fn targets_with_a_host() {
        let absolute =
            |target: &str| told(&format!("GET {target} HTTP/1.1\r\nHost: b.example\r\n\r\n"));
        assert_eq!(absolute("http://a.example").as_deref(), Ok("a.example"));
        assert_eq!(absolute("http://a.example?q").as_deref(), Ok("a.example"));
        assert_eq!(absolute("http://a.example#f").as_deref(), Ok("a.example"));
        assert_eq!(absolute("ftp://a.example:21/x@y").as_deref(), Ok("a.example 21"));
        assert_eq!(absolute("http://me@home:x@a.example/").as_deref(), Ok("a.example"));
        assert_eq!(absolute("http://[::1]/").as_deref(), Ok("<::1>"));
        assert_eq!(absolute("http://me:secret/@a.example/"), Err(HttpError::NotHost));
        assert_eq!(absolute("http://"), Err(HttpError::NoHost));
        assert_eq!(absolute("http:///x"), Err(HttpError::NoHost));
        assert_eq!(absolute("http://me@/x"), Err(HttpError::NoHost));
        // No host in these; the field has it.
        for target in
            ["/http://a.example/", "/a b", "a.example:80", "http:/a.example", "1x://a.example/"]
        {
            assert_eq!(absolute(target).as_deref(), Ok("b.example"), "{target}");
        }
        fails("CONNECT me@a.example:443 HTTP/1.1\r\n\r\n", HttpError::NotHost);
        fails("CONNECT http://a.example/ HTTP/1.1\r\n\r\n", HttpError::NotHost);
        fails("CONNECT http://a.example/", HttpError::Incomplete);
    }

    #[test]
    fn long_lines() {
        let long = "x".repeat(512);
        let sample = |head: String| told(&head[..512]);
        assert_eq!(sample(format!("GET /{long} HTTP/1.1\r\n")), Err(HttpError::Incomplete));
        let proxied = format!("GET http://me:secret@a.example:81/{long}");
        assert_eq!(sample(proxied).as_deref(), Ok("a.example 81"));
        assert_eq!(sample(format!("GET http://{long}")), Err(HttpError::Incomplete));
        let field = format!("GET / HTTP/1.1\r\nHost: {long}");
        assert_eq!(sample(field), Err(HttpError::Incomplete));
        let cookie = format!("GET / HTTP/1.1\r\nCookie: {long}");
        assert_eq!(sample(cookie), Err(HttpError::Incomplete));
        let first = format!("GET / HTTP/1.1\r\nHost: a.example\r\nCookie: {long}");
        assert_eq!(sample(first).as_deref(), Ok("a.example"));
    }

    #[test]
    fn other_protocols() {
        for head in [
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "PRI * HT",
            "GET / HTTP/2.0\r\nHost: a.example\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: a.example\r\n\r\n",
            "GET /\r\n\r\n",
            "GET\r\n",
            "HTTP/1.1 200 OK\r\nHost: a.example\r\n\r\n",
            "SSH-2.0-OpenSSH_9.6\r\n",
            "EHLO a.example\r\n",
            "OPTIONS rtsp://a.example/ RTSP/1.0\r\n\r\n",
            "INVITE sip:b@a.example SIP/2.0\r\n\r\n",
            "\x16\x03\x01\x02\0\x01",
            "GET /\0 HTTP/1.1\r\nHost: a.example\r\n\r\n",
            " GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a.example\r\n\r\n",
            "GET / HTTP/1.1\r\nno field\r\nHost: a.example\r\n\r\n",
        ] {
            fails(head, HttpError::NotHttp);
        }
        fails(&"A".repeat(33), HttpError::NotHttp);
        fails(&"A".repeat(32), HttpError::Incomplete);
        fails("PRI", HttpError::Incomplete);
        fails("", HttpError::Incomplete);
        fails("\r\n", HttpError::Incomplete);
    }
}
