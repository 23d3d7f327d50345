//! What holds of the ClientHello parser on any bytes.

use monitor::naming::tls::{ClientHello, TlsError, client_hello, handshake};
use monitor::naming::{Host, HostName};

/// Fails by panicking.
pub(crate) fn check(bytes: &[u8]) {
    let whole = client_hello(bytes);
    for cut in cuts(bytes) {
        agree(&whole, &client_hello(&bytes[..cut]));
    }
    message(bytes);
    message(bytes.get(5..).unwrap_or_default());
}

/// All places to cut a short input, and some of a long one.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    (0..bytes.len()).step_by(1 + bytes.len() / 256)
}

/// The bytes as a handshake message.
fn message(bytes: &[u8]) {
    let whole = handshake(bytes);
    if let Ok(ClientHello { server_name: Some(Host::Name(name)), .. }) = &whole {
        assert_eq!(HostName::parse(name.as_str().as_bytes()).as_ref(), Some(name));
        let name = name.as_str().as_bytes();
        let is_there = bytes.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name));
        assert!(is_there, "a name that nobody wrote");
    }
    for cut in cuts(bytes) {
        agree(&whole, &handshake(&bytes[..cut]));
    }
    // However it is cut into records.
    for size in [1, 7, 1 << 14] {
        let record = |fragment: &[u8]| {
            let [.., high, low] = fragment.len().to_be_bytes();
            [&[22, 3, 3, high, low], fragment].concat()
        };
        let stream = bytes.chunks(size).flat_map(record).collect::<Vec<_>>();
        assert_eq!(client_hello(&stream), whole, "records of {size} bytes");
    }
}

/// A cut hello says less than the whole, and nothing else.
fn agree(whole: &Result<ClientHello, TlsError>, part: &Result<ClientHello, TlsError>) {
    match (whole, part) {
        (_, Err(TlsError::Incomplete)) => {}
        (Ok(whole), Ok(part)) => {
            assert_eq!(whole.server_name, part.server_name);
            assert!(whole.has_ech || !part.has_ech);
            assert!(!part.complete || part == whole);
        }
        // What follows the name is not in order.
        (Err(TlsError::Malformed), Ok(part)) => assert!(!part.complete),
        _ => assert_eq!(whole, part),
    }
}
