//! Names of flows, in the order of trust.
//!
//! A flow that names a host itself goes there. When its app asked a name server for that host and got this
//! address, the answer is the source; when it asked for other hosts only, others would do as well. Who names
//! none goes to the host that its app asked for last, or else to one that somebody else asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::addresses::{Addresses, Asker, Names};
use super::catalogue::Transport;
use super::dns::{self, Message};
use super::first::{First, FlowKey, Hello};
use super::name::{Known, Level, Name, Place, Reason, Source};
use super::queries::Queries;
use super::stream::{Gap, Stream};
use super::{Host, name};
use crate::event::{Content, Protocol, Sample, Scope};

/// DNS connections over TCP that are followed at the same time, each way.
const DNS_STREAMS_MAX: usize = 32;

/// Bytes of a DNS message over TCP that are waited for.
const DNS_STREAM_BYTES_MAX: usize = 8_192;

/// The port of name servers (RFC 1035, 4.2), and of encrypted ones (RFC 7858, 3.1; RFC 9250, 4.1.1).
const DNS_PORT: u16 = 53;
const DOT_PORT: u16 = 853;

/// For how long a host that was said to an address is remembered for it, in seconds.
const SAID_SECONDS: u32 = 60;

/// What a sample told.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A flow said where it goes.
    Hello {
        /// The address it goes to.
        address: IpAddr,
        /// What it said.
        hello: Hello,
        /// When, in nanoseconds since boot.
        at_ns: u64,
    },
    /// A name server answered.
    Answer {
        /// What was asked for.
        known: Known,
        /// Its addresses, and for how many seconds they are valid.
        addresses: Vec<(IpAddr, u32)>,
        /// When, in nanoseconds since boot.
        at_ns: u64,
    },
}

/// A flow that wants a name.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Whose it is.
    pub asker: Asker,
    /// The far end.
    pub address: IpAddr,
    /// Its port; 0 when it is not known, or there is none.
    pub port: u16,
    /// The protocol.
    pub protocol: Protocol,
    /// How far away it is.
    pub scope: Scope,
    /// When it was opened, in nanoseconds since boot.
    pub opened_ns: u64,
    /// What it said first.
    pub hello: Option<&'a Hello>,
    /// Whether it stands for several flows that were summed up: what each said is not known.
    pub is_sum: bool,
    /// What keeps it from having a name, if it has none.
    pub excuse: Option<Reason>,
}

/// Counts of what naming met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Samples that could not be read as what they were taken for.
    pub misread: u64,
    /// Hellos that were never finished, or found no room.
    pub unfinished: u64,
    /// Answers that nobody had asked for.
    pub unasked: u64,
    /// Addresses remembered.
    pub addresses: u64,
    /// Addresses forgotten before their time.
    pub addresses_evicted: u64,
}

/// What is known of names.
#[derive(Debug)]
pub struct Namer {
    level: Level,
    answers: Addresses,
    /// Hosts that flows named to an address, by how: for flows that were summed up.
    said: BTreeMap<Source, Addresses>,
    queries: Queries,
    first: First,
    dns_streams: BTreeMap<(u64, bool), Stream>,
    /// Who talks to encrypted resolvers.
    encrypted: BTreeSet<Asker>,
    misread: u64,
    unasked: u64,
}

impl Namer {
    /// A namer that knows nothing yet.
    pub fn new(level: Level) -> Self {
        Self {
            level,
            answers: Addresses::default(),
            said: BTreeMap::new(),
            queries: Queries::default(),
            first: First::new(level),
            dns_streams: BTreeMap::new(),
            encrypted: BTreeSet::new(),
            misread: 0,
            unasked: 0,
        }
    }

    /// Takes a sample: what it told, for [`Namer::learn`].
    pub fn sample(&mut self, sample: &Sample<'_>) -> Vec<Heard> {
        if sample.content == Content::Dns {
            return self.dns(sample);
        }
        let hello = self.first.sample(sample);
        let heard = |hello| Heard::Hello { address: sample.peer.ip, hello, at_ns: sample.at_ns };
        hello.map(heard).into_iter().collect()
    }

    fn dns(&mut self, sample: &Sample<'_>) -> Vec<Heard> {
        if sample.peer.protocol != Protocol::Tcp {
            let message = dns::message(sample.payload);
            self.misread += u64::from(message.is_err());
            return message
                .ok()
                .and_then(|message| self.message(sample, message))
                .into_iter()
                .collect();
        }
        let key = (sample.cookie, sample.is_inbound);
        let mut stream =
            self.dns_streams.remove(&key).unwrap_or_else(|| Stream::new(sample.sequence));
        if let Err(Gap::Missing | Gap::TooLong) =
            stream.add(sample.sequence, sample.payload, DNS_STREAM_BYTES_MAX)
        {
            self.misread += 1;
            return Vec::new();
        }
        let mut heard = Vec::new();
        let mut messages = dns::framed(stream.bytes());
        let mut read = Vec::new();
        for message in messages.by_ref() {
            read.push(message);
        }
        let consumed = messages.consumed();
        for message in read {
            self.misread += u64::from(message.is_err());
            heard.extend(message.ok().and_then(|message| self.message(sample, message)));
        }
        stream.consume(consumed);
        if self.dns_streams.len() >= DNS_STREAMS_MAX {
            self.dns_streams.pop_first();
        }
        self.dns_streams.insert(key, stream);
        heard
    }

    fn message(&mut self, sample: &Sample<'_>, message: Message) -> Option<Heard> {
        match message {
            Message::Query(query) if !sample.is_inbound => {
                self.queries.ask(sample.cookie, query.id, &query.question, sample.at_ns);
                None
            }
            Message::Answer(answer) if sample.is_inbound => {
                let at_ns = sample.at_ns;
                if !self.queries.asked(sample.cookie, answer.id, &answer.question, at_ns) {
                    self.unasked += 1;
                    return None;
                }
                let known = Known::of(&Host::Name(answer.question.name), self.level);
                let addresses = answer.addresses.iter();
                let addresses = addresses.map(|found| (found.address.to_canonical(), found.ttl));
                Some(Heard::Answer { known, addresses: addresses.collect(), at_ns })
            }
            // The wrong way round.
            Message::Query(_) | Message::Answer(_) => None,
        }
    }

    /// Learns what was told to, or said by, an app.
    pub fn learn(&mut self, asker: Asker, heard: Heard) {
        match heard {
            Heard::Answer { known, addresses, at_ns } => {
                for (address, ttl) in addresses {
                    self.answers.insert(asker, address, &known, ttl, at_ns);
                }
            }
            Heard::Hello { address, hello, at_ns } => {
                if hello.is_resolver {
                    self.encrypted.insert(asker);
                }
                if let Some(known) = hello.known.filter(|_| !hello.is_cover) {
                    let said = self.said.entry(hello.source).or_default();
                    said.insert(asker, address, &known, SAID_SECONDS, at_ns);
                }
            }
        }
    }

    /// Whether any flow said something that was not asked for yet.
    pub fn has_hellos(&self) -> bool {
        !self.first.is_empty()
    }

    /// What a flow said first, once.
    pub fn hello(&mut self, key: &FlowKey) -> Option<Hello> {
        self.first.take(key)
    }

    /// Forgets the names that are so of all addresses.
    pub fn forget(&mut self, is_it: impl Fn(&Known) -> bool) {
        self.answers.forget(&is_it);
        self.said.values_mut().for_each(|said| said.forget(&is_it));
    }

    /// A look at the tables is over.
    pub fn look_ends(&mut self) {
        self.first.look_ends();
        self.dns_streams.retain(|_, stream| !stream.bytes().is_empty());
    }

    /// Counts of what naming met.
    pub fn tally(&self) -> Tally {
        let (misread, unfinished) = self.first.losses();
        Tally {
            misread: misread + self.misread,
            unfinished,
            unasked: self.unasked,
            addresses: self.tables().map(|table| table.len() as u64).sum(),
            addresses_evicted: self.tables().map(Addresses::evicted).sum(),
        }
    }

    fn tables(&self) -> impl Iterator<Item = &Addresses> {
        std::iter::once(&self.answers).chain(self.said.values())
    }

    /// The name of a flow.
    pub fn name(&mut self, subject: &Subject<'_>) -> Name {
        if subject.port == DOT_PORT {
            self.encrypted.insert(subject.asker);
        }
        let name = self.find(subject);
        if name.behaviour.is_some_and(name::is_resolver) {
            self.encrypted.insert(subject.asker);
        }
        name
    }

    fn find(&self, subject: &Subject<'_>) -> Name {
        let Subject { asker, address, opened_ns, hello, .. } = *subject;
        if subject.excuse == Some(Reason::Inbound) {
            return self.none(subject, Reason::Inbound);
        }
        let has_ports = matches!(subject.protocol, Protocol::Tcp | Protocol::Udp);
        if subject.port == DNS_PORT && has_ports {
            // Whatever else lives at the address.
            let place = if self.level == Level::Counts { Place::Any } else { Place::NameServer };
            return Name::none(place, Source::Port, None);
        }
        let said = hello.and_then(|hello| hello.known.as_ref().filter(|_| !hello.is_cover));
        let source = hello.map_or(Source::None, |hello| hello.source);
        if let Some(said) = said {
            if self.answers.has(asker, address, said, opened_ns) {
                return named(subject, said, Source::Dns, false);
            }
            let own = self.answers.of(asker, address, opened_ns);
            let is_odd = own.is_some() && !self.explains(subject, said);
            return named(subject, said, source, is_odd);
        }
        if let Some(own) = self.answers.of(asker, address, opened_ns) {
            return named_by(subject, &own, Source::Dns);
        }
        if subject.is_sum {
            let said = |(source, said): (&Source, &Addresses)| {
                let names = said.of(asker, address, opened_ns)?;
                Some(named_by(subject, &names, *source))
            };
            if let Some(name) = self.said.iter().find_map(said) {
                return name;
            }
        }
        if let Some(names) = self.answers.of_anybody(address, opened_ns) {
            return named_by(subject, &names, Source::DnsOthers);
        }
        self.without(subject)
    }

    /// Whether it is no wonder that a flow names another host than its app asked for: somebody else on the
    /// device asked for it, or the app asks where nobody sees it.
    fn explains(&self, subject: &Subject<'_>, said: &Known) -> bool {
        self.answers.anybody_has(subject.address, said, subject.opened_ns)
            || self.encrypted.contains(&subject.asker)
    }

    fn without(&self, subject: &Subject<'_>) -> Name {
        let reason = match (subject.hello, subject.excuse) {
            (Some(hello), _) if hello.is_cover => Reason::Ech,
            (_, Some(reason)) => reason,
            (_, None) if self.encrypted.contains(&subject.asker) => Reason::Doh,
            (Some(_), None) => Reason::NoSni,
            (None, None) => Reason::NoDnsSeen,
        };
        let company = subject.hello.and_then(|hello| hello.known.as_ref()?.company);
        Name { company, ..self.none(subject, reason) }
    }

    fn none(&self, subject: &Subject<'_>, reason: Reason) -> Name {
        let place = match self.level {
            Level::Counts => Place::Any,
            Level::Hosts => Place::Address(subject.address),
            Level::Companies | Level::Domains => match subject.scope {
                Scope::Internet => Place::Unnamed(reason),
                Scope::Loopback | Scope::Link | Scope::Lan => Place::Local,
            },
        };
        Name::none(place, Source::None, Some(reason))
    }
}

fn named_by(subject: &Subject<'_>, names: &Names<'_>, source: Source) -> Name {
    named(subject, names.last, source, names.is_ambiguous)
}

fn named(subject: &Subject<'_>, known: &Known, source: Source, is_ambiguous: bool) -> Name {
    let transport = match subject.protocol {
        Protocol::Tcp => Some(Transport::Tcp),
        Protocol::Udp => Some(Transport::Udp),
        Protocol::Icmp | Protocol::Unknown(_) => None,
    };
    Name { is_ambiguous, ..Name::new(known, source, subject.port, transport) }
}

#[cfg(test)]
mod tests;
