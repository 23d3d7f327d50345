//! The parts of a message (RFC 1035, 4.1): header, names, records. Views of its bytes, checked.

use super::DnsError;
use crate::naming::HostName;

/// Bytes of the header.
pub(super) const HEADER_BYTES: usize = 12;

/// Most records of a message that are looked at, of all types and sections.
pub const RECORDS_MAX: usize = 256;

/// Bytes of the longest name, with the length of each label and that of the root (RFC 1035, 2.3.4).
const NAME_WIRE_BYTES_MAX: usize = 255;

/// Most pointers of a name: as many as it can have labels.
const POINTERS_MAX: usize = 127;

/// The class of the Internet, and that of questions about any (RFC 1035, 3.2.4 and 3.2.5).
const INTERNET: u16 = 1;
const ANY_CLASS: u16 = 255;

/// Multicast DNS has a flag in the top bit of the class (RFC 6762, 5.4 and 10.2).
const CLASS_MASK: u16 = 0x7fff;

/// Whether a question of this QCLASS is about the Internet.
pub(super) const fn asks_internet(class: u16) -> bool {
    matches!(class & CLASS_MASK, INTERNET | ANY_CLASS)
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The header. Its counts are claims.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) id: u16,
    flags: [u8; 2],
    pub(super) questions: u16,
    answers: u16,
    authorities: u16,
    additionals: u16,
}

impl Header {
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        Some(Self {
            id: u16_at(message, 0)?,
            flags: *message.get(2..)?.first_chunk()?,
            questions: u16_at(message, 4)?,
            answers: u16_at(message, 6)?,
            authorities: u16_at(message, 8)?,
            additionals: u16_at(message, 10)?,
        })
    }

    pub(super) const fn is_answer(&self) -> bool {
        self.flags[0] & 0x80 != 0
    }

    pub(super) const fn opcode(&self) -> u8 {
        (self.flags[0] >> 3) & 0xf
    }

    pub(super) const fn is_truncated(&self) -> bool {
        self.flags[0] & 0x02 != 0
    }

    pub(super) const fn rcode(&self) -> u8 {
        self.flags[1] & 0xf
    }
}

/// A walk along the labels of a name (RFC 1035, 4.1.4).
///
/// A pointer leads to where a name stood before, so it ends each run of labels strictly before the run it
/// came from. A walk therefore ends, and says the same however much follows the name.
struct Labels<'a> {
    /// The message up to where this run of labels must have ended.
    within: &'a [u8],
    /// Where this run of labels began.
    start: usize,
    at: usize,
    /// Where the name ends, once its first run has.
    end: Option<usize>,
    /// Bytes of the labels so far.
    length: usize,
    pointers: usize,
}

impl<'a> Labels<'a> {
    fn new(within: &'a [u8], start: usize) -> Self {
        Self { within, start, at: start, end: None, length: 0, pointers: 0 }
    }

    /// The next label; `None` at the end.
    fn next(&mut self) -> Result<Option<&'a [u8]>, DnsError> {
        loop {
            // Only the first run can be cut, as the others stand before it.
            let short = self.end.map_or(DnsError::Incomplete, |_| DnsError::Malformed);
            let first = *self.within.get(self.at).ok_or(short)?;
            match first >> 6 {
                0b00 => {
                    let length = usize::from(first);
                    let begin = self.at + 1;
                    let label = self.within.get(begin..begin + length).ok_or(short)?;
                    self.at = begin + length;
                    self.length += 1 + length;
                    if self.length > NAME_WIRE_BYTES_MAX {
                        return Err(DnsError::Malformed);
                    }
                    if label.is_empty() {
                        self.end.get_or_insert(self.at);
                        return Ok(None);
                    }
                    return Ok(Some(label));
                }
                0b11 => {
                    let target = usize::from(u16_at(self.within, self.at).ok_or(short)? & 0x3fff);
                    self.end.get_or_insert(self.at + 2);
                    self.pointers += 1;
                    if !(HEADER_BYTES..self.start).contains(&target) || self.pointers > POINTERS_MAX
                    {
                        return Err(DnsError::Malformed);
                    }
                    self.within = self.within.get(..self.start).ok_or(DnsError::Malformed)?;
                    (self.start, self.at) = (target, target);
                }
                _ => return Err(DnsError::Malformed),
            }
        }
    }
}

/// The name at `at`, and where it ends. `None` for a name that is none of a host, such as the root.
pub(super) fn name(message: &[u8], at: usize) -> Result<(Option<HostName>, usize), DnsError> {
    let mut walk = Labels::new(message, at);
    let mut labels = Vec::new();
    while let Some(label) = walk.next()? {
        labels.push(label);
    }
    Ok((HostName::from_labels(&labels), walk.end.unwrap_or(walk.at)))
}

/// Where the name at `at` ends.
fn name_end(message: &[u8], at: usize) -> Result<usize, DnsError> {
    let mut walk = Labels::new(message, at);
    while walk.next()?.is_some() {}
    Ok(walk.end.unwrap_or(walk.at))
}

/// A resource record (RFC 1035, 4.1.3), whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    message: &'a [u8],
    owner: usize,
    /// TYPE.
    pub(super) kind: u16,
    class: u16,
    /// Seconds.
    pub(super) ttl: u32,
    /// RDATA.
    pub(super) data: &'a [u8],
    data_end: usize,
    /// Of the authority section, which says who else may be asked.
    pub(super) is_authority: bool,
}

impl<'a> Record<'a> {
    fn read(message: &'a [u8], owner: usize) -> Result<Self, DnsError> {
        let at = name_end(message, owner)?;
        let fields = |at: usize| {
            let length = usize::from(u16_at(message, at + 8)?);
            let begin = at + 10;
            Some(Self {
                message,
                owner,
                kind: u16_at(message, at)?,
                class: u16_at(message, at + 2)?,
                // A time with the top bit set is none (RFC 2181, 8).
                ttl: u32_at(message, at + 4).map(|ttl| if ttl >> 31 == 0 { ttl } else { 0 })?,
                data: message.get(begin..begin + length)?,
                data_end: begin + length,
                is_authority: false,
            })
        };
        fields(at).ok_or(DnsError::Incomplete)
    }

    pub(super) const fn is_internet(&self) -> bool {
        self.class & CLASS_MASK == INTERNET
    }

    /// Whose record it is; `None` when that is no host.
    pub(super) fn owner(&self) -> Result<Option<HostName>, DnsError> {
        name(self.message, self.owner).map(|(name, _)| name)
    }

    /// The name that stands `skip` bytes into the data, and the data that follow it.
    pub(super) fn data_name(&self, skip: usize) -> Result<(Option<HostName>, &'a [u8]), DnsError> {
        let within = self.message.get(..self.data_end).unwrap_or_default();
        let at = self.data_end - self.data.len() + skip;
        let (name, end) = name(within, at).map_err(|_| DnsError::Malformed)?;
        Ok((name, within.get(end..).unwrap_or_default()))
    }
}

/// The records of all sections in the order of the message, up to [`RECORDS_MAX`]. The last is an error when
/// there should be more and are not.
#[derive(Debug)]
pub(super) struct Records<'a> {
    message: &'a [u8],
    at: usize,
    index: usize,
    /// How many records the header claims that there are up to the end of each section.
    answers: usize,
    authorities: usize,
    all: usize,
}

impl<'a> Records<'a> {
    /// `at` is where the question ends.
    pub(super) fn new(message: &'a [u8], at: usize, header: &Header) -> Self {
        let answers = usize::from(header.answers);
        let authorities = answers + usize::from(header.authorities);
        let all = authorities + usize::from(header.additionals);
        Self { message, at, index: 0, answers, authorities, all }
    }

    /// Whether the header claims more records than were told.
    pub(super) const fn has_more(&self) -> bool {
        self.index < self.all
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, DnsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.has_more() || self.index >= RECORDS_MAX {
            return None;
        }
        let is_authority = (self.answers..self.authorities).contains(&self.index);
        let record = Record::read(self.message, self.at);
        if let Ok(record) = &record {
            self.index += 1;
            self.at = record.data_end;
        }
        Some(record.map(|record| Record { is_authority, ..record }))
    }
}
