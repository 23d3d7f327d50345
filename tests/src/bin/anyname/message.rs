//! DNS messages (RFC 1035, 4): one question in, an answer out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result, ensure};
use e2e::zone::Mark;

use crate::dns::Names;

/// The types of records that are known (RFC 1035, RFC 3596, RFC 9460).
pub(crate) mod kind {
    pub(crate) const A: u16 = 1;
    pub(crate) const CNAME: u16 = 5;
    pub(crate) const AAAA: u16 = 28;
    pub(crate) const HTTPS: u16 = 65;
}

/// Bytes of the header, and so where the question stands.
const HEADER: u8 = 12;
const CLASS_IN: u16 = 1;
/// An OPT record: the root, type 41, datagrams up to 1232 bytes, nothing else.
const OPT: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];
const TRUNCATED: u16 = 0x0200;
const NXDOMAIN: u16 = 3;

/// What is asked.
#[derive(Debug)]
pub(crate) struct Question {
    id: u16,
    /// As asked, in the case of the client; a byte of a label that cannot be printed, a dot or a `\`
    /// in it are `\` and three decimal digits (RFC 1035, 5.1).
    pub(crate) name: String,
    pub(crate) kind: u16,
    /// The question as it was sent.
    bytes: Vec<u8>,
    /// It has an OPT record (RFC 6891, 6.1.1), and so must the answer.
    is_extended: bool,
}

impl Question {
    /// Reads the first question of a query.
    pub(crate) fn parse(message: &[u8]) -> Result<Self> {
        let number = |at: usize| -> Result<u16> {
            let bytes = message.get(at..at + 2).context("cut short")?;
            Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
        };
        ensure!(number(2)? & 0x8000 == 0, "an answer, not a question");
        ensure!(number(4)? >= 1, "no question");
        let (mut labels, mut at) = (Vec::new(), usize::from(HEADER));
        loop {
            let length = usize::from(*message.get(at).context("cut short")?);
            ensure!(length < 64, "a compressed question");
            let label = message.get(at + 1..at + 1 + length).context("cut short")?;
            at += 1 + length;
            if length == 0 {
                break;
            }
            labels.push(label.iter().copied().map(shown).collect::<String>());
        }
        let bytes = message.get(usize::from(HEADER)..at + 4).context("cut short")?.to_vec();
        // What follows the question of a resolver is an OPT record or nothing.
        let is_extended = number(10)? > 0 && message.get(at + 4..at + 7) == Some(&OPT[..3]);
        let (id, kind) = (number(0)?, number(at)?);
        Ok(Self { id, name: labels.join("."), kind, bytes, is_extended })
    }

    /// The type's usual name, or its number.
    pub(crate) fn kind_name(&self) -> String {
        match self.kind {
            kind::A => "A".to_owned(),
            kind::AAAA => "AAAA".to_owned(),
            kind::HTTPS => "HTTPS".to_owned(),
            other => other.to_string(),
        }
    }

    /// What the zone says. Whoever has no addresses of its own has the server's.
    pub(crate) fn answer(&self, known: &Names, over_udp: bool) -> Vec<u8> {
        let zone = &known.zone;
        let (names, entry) = zone.follow(&self.name);
        let is = |mark| entry.is_some_and(|entry| entry.marks.contains(&mark));
        let asked = zone.entry(&self.name);
        if over_udp && asked.is_some_and(|entry| entry.marks.contains(&Mark::Truncated)) {
            return self.message(TRUNCATED, &[]);
        }
        let ttl = zone.seconds();
        let mut records: Vec<Vec<u8>> = names
            .windows(2)
            .map(|pair| record(&self.owner(&pair[0]), kind::CNAME, ttl, &encoded(&pair[1])))
            .collect();
        if is(Mark::Missing) {
            return self.message(NXDOMAIN, &records);
        }
        if !is(Mark::Empty) {
            let last = self.owner(names.last().unwrap_or(&self.name));
            let addresses = entry.map_or(&[][..], |entry| &entry.addresses);
            let addresses = if addresses.is_empty() {
                if is(Mark::Quic2) { &known.quic2 } else { &known.own }
            } else {
                addresses
            };
            let data = match self.kind {
                kind::HTTPS => {
                    entry.map(|entry| service(&entry.hints)).into_iter().flatten().collect()
                }
                _ => addresses.iter().filter_map(|address| self.data(*address)).collect::<Vec<_>>(),
            };
            records.extend(data.iter().map(|data| record(&last, self.kind, ttl, data)));
        }
        self.message(0, &records)
    }

    /// A name before a record; that of the question is a pointer to it (RFC 1035, 4.1.4).
    fn owner(&self, name: &str) -> Vec<u8> {
        if name == self.name { vec![0xc0, HEADER] } else { encoded(name) }
    }

    /// An address, if it is of the kind asked for.
    fn data(&self, address: IpAddr) -> Option<Vec<u8>> {
        match (self.kind, address) {
            (kind::A, IpAddr::V4(v4)) => Some(Ipv4Addr::octets(&v4).to_vec()),
            (kind::AAAA, IpAddr::V6(v6)) => Some(Ipv6Addr::octets(&v6).to_vec()),
            _ => None,
        }
    }

    fn message(&self, flags: u16, answers: &[Vec<u8>]) -> Vec<u8> {
        // A response, recursion desired and available.
        let flags = 0x8180 | flags;
        let count = u16::try_from(answers.len()).unwrap_or(u16::MAX);
        let more = u16::from(self.is_extended);
        let header = [self.id, flags, 1, count, 0, more].map(u16::to_be_bytes);
        let extension = if self.is_extended { &OPT[..] } else { &[] };
        [header.as_flattened(), &self.bytes, &answers.concat(), extension].concat()
    }
}

fn record(owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    [
        owner,
        &kind.to_be_bytes()[..],
        &CLASS_IN.to_be_bytes(),
        &ttl.to_be_bytes(),
        &length.to_be_bytes(),
        data,
    ]
    .concat()
}

fn shown(byte: u8) -> String {
    match byte {
        b'!'..=b'~' if !br".\".contains(&byte) => char::from(byte).to_string(),
        _ => format!("\\{byte:03}"),
    }
}

/// A name of the zone as labels, without compression.
fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap_or_default());
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

/// The data of an HTTPS record (RFC 9460, 2.2): priority 1, the owner itself, `alpn` with HTTP/2
/// and `ipv4hint`. None without hints.
fn service(hints: &[Ipv4Addr]) -> Option<Vec<u8>> {
    let addresses: Vec<u8> = hints.iter().flat_map(Ipv4Addr::octets).collect();
    let length = u16::try_from(addresses.len()).ok().filter(|length| *length > 0)?;
    let alpn = [&[0, 1, 0, 3][..], &[2], b"h2"].concat();
    Some([&[0, 1, 0], &alpn[..], &[0, 4], &length.to_be_bytes(), &addresses].concat())
}
