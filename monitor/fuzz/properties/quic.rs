//! What holds of the reader of Initial packets on any bytes.
//!
//! The first byte says what the rest is: UDP payloads as they are sent, or the frames of packets that are
//! already decrypted (odd). Each has its length in two bytes before it.

use monitor::naming::quic::{DATAGRAMS_MAX, Initials, Progress, QuicError};

/// Fails by panicking.
pub(crate) fn check(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let pieces = pieces(rest);
    if mode & 1 == 0 { datagrams(&pieces) } else { frames(&pieces) }
}

fn pieces(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (piece, rest) = rest.split_at(length);
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

fn datagrams(pieces: &[&[u8]]) {
    let mut initials = Initials::default();
    let mut read = 0;
    for piece in pieces {
        let alone = Initials::default().datagram(piece);
        let outcome = initials.datagram(piece);
        // A hello that is complete in one datagram needs no other. With others it may contradict them, or
        // be one too many.
        if let Ok(Progress::Hello(_)) = &alone {
            let is_refused = matches!(outcome, Err(QuicError::Conflict | QuicError::TooMuch));
            assert!(is_refused || name(&outcome) == name(&alone));
        }
        read += usize::from(outcome.is_ok());
        for cut in (0..piece.len()).step_by(1 + piece.len() / 16) {
            let part = Initials::default().datagram(&piece[..cut]);
            assert!(part.is_err() || alone.is_ok());
        }
    }
    assert!(read <= DATAGRAMS_MAX);
}

fn frames(pieces: &[&[u8]]) {
    let mut initials = Initials::default();
    let mut last = None;
    let mut joined = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let outcome = initials.frames(piece);
        if at >= DATAGRAMS_MAX {
            assert_eq!(outcome, Err(QuicError::TooMuch));
            return;
        }
        // Refused frames change nothing but for those that contradict others, or are too far.
        match outcome {
            Err(QuicError::Malformed) => continue,
            Err(_) => return,
            Ok(_) => joined.extend_from_slice(piece),
        }
        if let Some(Ok(Progress::Hello(before))) = last {
            let is_kept = matches!(&outcome, Ok(Progress::Hello(now))
                if now.server_name == before.server_name && (now.has_ech || !before.has_ech));
            assert!(is_kept, "{before:?} became {outcome:?}");
        }
        last = Some(outcome);
    }
    // It makes no difference in how many packets they come.
    if let Some(last) = last {
        assert_eq!(Initials::default().frames(&joined), last);
    }
}

fn name(outcome: &Result<Progress, QuicError>) -> Option<String> {
    match outcome {
        Ok(Progress::Hello(hello)) => Some(format!("{:?}", hello.server_name)),
        _ => None,
    }
}
