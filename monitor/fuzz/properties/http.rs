//! What holds of the HTTP parser on any bytes.

use monitor::naming::http::{HttpError, host};
use monitor::naming::{Host, HostName};

/// Fails by panicking.
pub(crate) fn check(bytes: &[u8]) {
    let whole = host(bytes);
    if let Ok(target) = &whole
        && let Host::Name(name) = &target.host
    {
        let name = name.as_str().as_bytes();
        let is_there = bytes.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name));
        assert!(is_there, "a name that nobody wrote");
        assert_eq!(
            HostName::parse(name).as_ref().map(HostName::as_str).map(str::as_bytes),
            Some(name)
        );
    }
    for cut in 0..bytes.len().min(1024) {
        let part = host(&bytes[..cut]);
        match &whole {
            Ok(_) if part != Err(HttpError::Incomplete) => assert_eq!(part, whole, "cut at {cut}"),
            Err(HttpError::Incomplete) => assert_eq!(part, whole, "cut at {cut}"),
            // More of the head may show that it is none, or a second host.
            _ => {}
        }
    }
}
