//! The handshake message ClientHello (RFC 8446, 4.1.2; RFC 5246, 7.4.1.2).

use super::reader::Reader;
use super::{ClientHello, TlsError};
use crate::naming::Host;

/// Bytes of a handshake message before its body.
const HEADER_BYTES: usize = 4;

/// The handshake type of a ClientHello.
const CLIENT_HELLO: u8 = 1;

/// Bytes of the longest body: each field at its largest.
const BODY_BYTES_MAX: usize = 2 + 32 + (1 + 32) + (2 + 65_534) + (1 + 255) + (2 + 65_535);

/// Bytes of the longest session id.
const SESSION_ID_BYTES_MAX: usize = 32;

/// Extension types (IANA, "TLS ExtensionType Values").
const SERVER_NAME: u16 = 0;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// The name type of a host name, the only one there is (RFC 6066, 3).
const HOST_NAME: u8 = 0;

/// Whether more bytes would change nothing: another message, or all of this one.
pub(super) fn is_enough(bytes: &[u8]) -> bool {
    let is_other = bytes.first().is_some_and(|kind| *kind != CLIENT_HELLO);
    is_other || body_length(bytes).is_some_and(|length| bytes.len() - HEADER_BYTES >= length)
}

/// The length that the header says.
fn body_length(bytes: &[u8]) -> Option<usize> {
    let [_, length @ ..] = *bytes.first_chunk::<HEADER_BYTES>()?;
    Some(length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
}

/// The body of the message at the start.
pub(super) fn body(bytes: &[u8]) -> Result<Reader<'_>, TlsError> {
    match bytes.first() {
        None => return Err(TlsError::Incomplete),
        Some(&CLIENT_HELLO) => {}
        Some(_) => return Err(TlsError::NotHello),
    }
    let length = body_length(bytes).ok_or(TlsError::Incomplete)?;
    if length > BODY_BYTES_MAX {
        return Err(TlsError::Malformed);
    }
    Ok(Reader::new(bytes.get(HEADER_BYTES..).unwrap_or_default(), length))
}

/// Reads the body of a ClientHello.
pub(super) fn read(mut body: Reader<'_>) -> Result<ClientHello, TlsError> {
    skip_to_extensions(&mut body)?;
    let mut hello = ClientHello { server_name: None, has_ech: false, complete: true };
    // Before TLS 1.3 there may be none.
    if body.is_empty() {
        return Ok(hello);
    }
    let mut extensions = body.vector16()?;
    if !body.is_empty() {
        return Err(TlsError::Malformed);
    }
    let mut is_named = false;
    while !extensions.is_empty() {
        match extension(&mut extensions, &mut hello.has_ech) {
            Ok((SERVER_NAME, _)) if is_named => return Err(TlsError::Malformed),
            Ok((SERVER_NAME, data)) => {
                hello.server_name = server_name(data);
                is_named = true;
            }
            Ok(_) => {}
            Err(TlsError::Incomplete) if is_named => {
                hello.complete = false;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(hello)
}

/// Takes the fields before the extensions. None of them says where the hello goes, but what no server
/// takes is not to be believed either.
fn skip_to_extensions(body: &mut Reader<'_>) -> Result<(), TlsError> {
    let is_valid = |valid: bool| if valid { Ok(()) } else { Err(TlsError::Malformed) };
    let major = body.u8()?;
    is_valid(major == 3)?;
    let _minor_and_random = body.bytes(1 + 32)?;
    let session_id = body.vector8()?;
    is_valid(session_id.length() <= SESSION_ID_BYTES_MAX)?;
    let cipher_suites = body.vector16()?;
    is_valid(cipher_suites.length() >= 2 && cipher_suites.length().is_multiple_of(2))?;
    let compression_methods = body.vector8()?;
    is_valid(!compression_methods.is_empty())?;
    compression_methods.whole().map(drop)
}

/// Takes an extension: its type and its data.
fn extension<'a>(
    extensions: &mut Reader<'a>,
    has_ech: &mut bool,
) -> Result<(u16, &'a [u8]), TlsError> {
    let kind = extensions.u16()?;
    // Seen even if its data is not.
    *has_ech |= kind == ENCRYPTED_CLIENT_HELLO;
    Ok((kind, extensions.vector16()?.whole()?))
}

/// The host in the data of a `server_name` extension. Names of other types have a length of two bytes
/// too (RFC 6066, 3). Two hosts are forbidden, and no better than none.
fn server_name(data: &[u8]) -> Option<Host> {
    let mut data = Reader::new(data, data.len());
    let mut list = data.vector16().ok()?;
    if !data.is_empty() {
        return None;
    }
    let mut host = None;
    while !list.is_empty() {
        let kind = list.u8().ok()?;
        let name = list.vector16().ok()?.whole().ok()?;
        if kind == HOST_NAME && host.replace(name).is_some() {
            return None;
        }
    }
    Host::parse(host?)
}
