//! TLS records (RFC 8446, 5.1): the layer that the handshake is cut into over TCP.

use std::borrow::Cow;

use super::TlsError;
use super::hello;

/// Bytes of a record before its fragment.
const HEADER_BYTES: usize = 5;

/// Bytes of the largest fragment that is not encrypted.
const FRAGMENT_BYTES_MAX: usize = 1 << 14;

/// The content type of handshake messages.
const HANDSHAKE: u8 = 22;

/// The handshake bytes of the records at the start of a stream: up to the end of the first message, or
/// as many as there are. Records after the message are not looked at.
pub(super) fn handshake(stream: &[u8]) -> Result<Cow<'_, [u8]>, TlsError> {
    let mut rest = stream;
    let mut message = Cow::Borrowed(&[][..]);
    while !hello::is_enough(&message) {
        let record = Record::read(rest).map_err(|error| match error {
            TlsError::NotHello if !message.is_empty() => TlsError::Malformed,
            error => error,
        })?;
        let Some(record) = record else { break };
        if message.is_empty() {
            message = Cow::Borrowed(record.fragment);
        } else {
            message.to_mut().extend_from_slice(record.fragment);
        }
        rest = record.rest;
    }
    Ok(message)
}

struct Record<'a> {
    /// As much of the fragment as there is.
    fragment: &'a [u8],
    /// What follows the record.
    rest: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record at the start. `None` when its header is cut short.
    fn read(bytes: &'a [u8]) -> Result<Option<Self>, TlsError> {
        let fits = |at: usize, fits: fn(u8) -> bool| bytes.get(at).is_none_or(|byte| fits(*byte));
        // The version says nothing (RFC 8446, D), but other protocols have other bytes there.
        if !(fits(0, |kind| kind == HANDSHAKE)
            && fits(1, |major| major == 3)
            && fits(2, |minor| minor <= 4))
        {
            return Err(TlsError::NotHello);
        }
        let Some((header, after)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let [.., high, low] = *header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        // Handshake fragments are not empty.
        if length == 0 || length > FRAGMENT_BYTES_MAX {
            return Err(TlsError::Malformed);
        }
        let (fragment, rest) = after.split_at_checked(length).unwrap_or((after, &[]));
        Ok(Some(Self { fragment, rest }))
    }
}
