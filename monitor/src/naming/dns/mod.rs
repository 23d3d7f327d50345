//! DNS messages: what was asked, and which addresses came back (RFC 1035).
//!
//! Total on hostile bytes, and content with less than a message: a copy may end anywhere, and what is whole
//! of it is told. That is why no DNS crate stands here, as they refuse a message that is cut.
//! Nothing in a message makes the reader allocate or repeat more than its bytes do: every step consumes
//! some, or is counted against a bound.

mod answer;
mod framed;
mod service;
mod wire;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use answer::{ADDRESSES_MAX, ALIASES_MAX};
pub use framed::{Framed, framed};
pub use wire::RECORDS_MAX;

use super::HostName;
use wire::{Header, Records};

/// Numbers of the types that matter here (QTYPE and TYPE, RFC 1035, 3.2.2).
pub mod kind {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// The canonical name of an alias.
    pub const CNAME: u16 = 5;
    /// An IPv6 address (RFC 3596).
    pub const AAAA: u16 = 28;
    /// A service binding (RFC 9460).
    pub const SVCB: u16 = 64;
    /// A service binding of HTTP (RFC 9460).
    pub const HTTPS: u16 = 65;
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name, QNAME.
    pub name: HostName,
    /// The type, QTYPE: one of [`kind`] or any other.
    pub kind: u16,
}

/// A question on its way to a resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Comes back in the answer.
    pub id: u16,
    /// What is asked.
    pub question: Question,
}

/// An address that a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The address; an IPv4 one that is written as IPv6 is IPv4.
    pub address: IpAddr,
    /// Seconds for which that holds: the least of the record and of the aliases that lead to it, and where
    /// several ways lead to it, the longest. Below 2^31 (RFC 2181, 8).
    pub ttl: u32,
}

/// What a resolver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// That of the query.
    pub id: u16,
    /// That of the query. All addresses are told of its name, whatever aliases stand between.
    pub question: Question,
    /// 0 is success, 3 is "no such name" (RFC 1035, 4.1.1). Four bits, without the extension of EDNS.
    pub rcode: u8,
    /// TC: the resolver left something out, and the client will ask again over TCP.
    pub truncated: bool,
    /// Not all records were read: the bytes end before they do, or there are more than [`RECORDS_MAX`].
    pub partial: bool,
    /// In the order of the message, each once, at most [`ADDRESSES_MAX`].
    pub addresses: Vec<Resolved>,
}

/// A DNS message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A question.
    Query(Query),
    /// Question and answer.
    Answer(Answer),
}

/// Why bytes say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsError {
    /// They end before the question does.
    Incomplete,
    /// Another operation than a query (OPCODE), such as an update.
    NotQuery,
    /// Not one question but none or several (QDCOUNT).
    QuestionCount,
    /// The question is of another class than the Internet.
    NotInternet,
    /// The name asked for is none of a host, such as the root or one with control bytes.
    NotHost,
    /// A name contradicts itself: it is too long, leaves its record, or its compression leads forward or in
    /// circles.
    Malformed,
}

/// Reads one message. Of an answer that is cut after its question, what is there is told.
pub fn message(bytes: &[u8]) -> Result<Message, DnsError> {
    let header = Header::read(bytes).ok_or(DnsError::Incomplete)?;
    if header.opcode() != 0 {
        return Err(DnsError::NotQuery);
    }
    if header.questions != 1 {
        return Err(DnsError::QuestionCount);
    }
    let (question, end) = question(bytes)?;
    let id = header.id;
    if !header.is_answer() {
        return Ok(Message::Query(Query { id, question }));
    }
    let records = Records::new(bytes, end, &header);
    let (addresses, partial) = answer::addresses(records, &question.name)?;
    let (rcode, truncated) = (header.rcode(), header.is_truncated());
    Ok(Message::Answer(Answer { id, question, rcode, truncated, partial, addresses }))
}

/// The question, and where it ends.
fn question(message: &[u8]) -> Result<(Question, usize), DnsError> {
    let (name, at) = wire::name(message, wire::HEADER_BYTES)?;
    let kind = wire::u16_at(message, at).ok_or(DnsError::Incomplete)?;
    let class = wire::u16_at(message, at + 2).ok_or(DnsError::Incomplete)?;
    if !wire::asks_internet(class) {
        return Err(DnsError::NotInternet);
    }
    let name = name.ok_or(DnsError::NotHost)?;
    Ok((Question { name, kind }, at + 4))
}
