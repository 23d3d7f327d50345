//! What holds of the DNS parser on any bytes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use monitor::naming::HostName;
use monitor::naming::dns::{ADDRESSES_MAX, Answer, DnsError, Message, framed, message};

/// Fails by panicking.
pub(crate) fn check(bytes: &[u8]) {
    let whole = message(bytes);
    if let Ok(Message::Answer(answer)) = &whole {
        is_sound(answer);
    }
    for cut in cuts(bytes) {
        agree(&whole, &message(&bytes[..cut]));
    }
    stream(bytes);
}

/// All places to cut a short message, and some of a long one.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    (0..bytes.len()).step_by(1 + bytes.len() / 64)
}

fn is_sound(answer: &Answer) {
    let distinct: BTreeSet<IpAddr> = answer.addresses.iter().map(|found| found.address).collect();
    assert_eq!(distinct.len(), answer.addresses.len());
    assert!(distinct.len() <= ADDRESSES_MAX);
    for found in &answer.addresses {
        assert!(found.ttl < 1 << 31);
        assert_eq!(found.address, found.address.to_canonical());
    }
    let name = &answer.question.name;
    assert_eq!(HostName::parse(name.as_str().as_bytes()).as_ref(), Some(name));
}

/// A cut message says less than the whole, and nothing else.
fn agree(whole: &Result<Message, DnsError>, part: &Result<Message, DnsError>) {
    match (whole, part) {
        (_, Err(DnsError::Incomplete)) => {}
        (Ok(Message::Answer(whole)), Ok(Message::Answer(part))) => {
            // Bytes after the last record are none of the message.
            assert!(part.partial || part == whole);
            let rest = Answer {
                partial: whole.partial,
                addresses: whole.addresses.clone(),
                ..part.clone()
            };
            assert_eq!(rest, *whole);
            // At the bound an alias in the rest may bring other addresses before those of the part.
            if whole.addresses.len() < ADDRESSES_MAX {
                for found in &part.addresses {
                    let known = whole.addresses.iter().find(|one| one.address == found.address);
                    assert!(known.is_some_and(|known| known.ttl >= found.ttl));
                }
            }
        }
        // The question is whole, and a record after the cut is not in order.
        (Err(DnsError::Malformed), Ok(Message::Answer(part))) => assert!(part.partial),
        _ => assert_eq!(whole, part),
    }
}

/// The bytes as a stream, and as a message in one.
fn stream(bytes: &[u8]) {
    let mut messages = framed(bytes);
    let mut begin = 0;
    while let Some(found) = messages.next() {
        let end = messages.consumed();
        assert_eq!(found, message(&bytes[begin + 2..end]));
        begin = end;
    }
    assert!(messages.consumed() == begin && begin <= bytes.len());
    let rest = &bytes[begin..];
    let length = rest.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)));
    assert!(length.is_none_or(|length| rest.len() < 2 + length));

    let Ok(length) = u16::try_from(bytes.len()) else { return };
    let framed_bytes = [&length.to_be_bytes(), bytes, &[0]].concat();
    let mut messages = framed(&framed_bytes);
    assert_eq!(messages.next(), Some(message(bytes)));
    assert_eq!(messages.next(), None);
    assert_eq!(messages.consumed(), 2 + bytes.len());
}
