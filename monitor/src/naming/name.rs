//! A name, how it was found, and why there is none.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::catalogue::{BehaviourId, Candidates, Category, Transport};
use super::company::{self, CompanyId};
use super::domain::{self, Domain};
use super::{Host, HostName};

/// How much is kept of where traffic goes. What a level leaves out is dropped when it comes in, and is
/// nowhere afterwards. Entries of the behaviour catalogue are kept at every level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// How much, but not where to.
    Counts,
    /// The company behind it.
    Companies,
    /// The registrable domain: `example.org` of `www.example.org`.
    Domains,
    /// The whole host name.
    Hosts,
}

/// Where traffic goes, as far as the level tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A host, at [`Level::Hosts`].
    Host(Arc<str>),
    /// An address nobody has a name for, at [`Level::Hosts`].
    Address(IpAddr),
    /// A registrable domain, or a public suffix that stands for itself.
    Domain(Arc<str>),
    /// A company.
    Company(CompanyId),
    /// A name, of a company that is not known.
    Nobody,
    /// A name of the local network, or an address of it that has none.
    Local,
    /// An address was named in place of a host.
    Ip,
    /// A name server, on its port.
    NameServer,
    /// No name was found.
    Unnamed(Reason),
    /// Anywhere, at [`Level::Counts`].
    Any,
    /// All destinations that found no room of their own.
    Other,
}

impl Place {
    /// The label `destination`. Names of hosts contain neither brackets nor colons, so none looks like one
    /// of the fixed labels.
    pub fn label(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) | Self::Domain(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
            Self::Company(company) => f.write_str(company.name()),
            Self::Nobody => f.write_str("(unknown company)"),
            Self::Local => f.write_str("(local)"),
            Self::Ip => f.write_str("(ip)"),
            Self::NameServer => f.write_str("(name server)"),
            Self::Unnamed(reason) => write!(f, "(unnamed:{})", reason.code()),
            Self::Any => f.write_str("(any)"),
            Self::Other => f.write_str("(other)"),
        }
    }
}

/// Why a flow has no name. The codes are an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Somebody else opened it.
    Inbound,
    /// A sample of what it sent first was lost.
    Lost,
    /// Only the name of an ECH provider was seen (RFC 9849): the real one is encrypted.
    Ech,
    /// Nobody was seen to ask for the address, and the app uses an encrypted resolver.
    Doh,
    /// Its TLS or QUIC hello names no host, and nobody was seen to ask for the address.
    NoSni,
    /// It is older than the agent.
    BeforeStart,
    /// It has not said anything yet.
    Early,
    /// Nobody was seen to ask for the address.
    NoDnsSeen,
}

impl Reason {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Inbound,
        Self::Lost,
        Self::Ech,
        Self::Doh,
        Self::NoSni,
        Self::BeforeStart,
        Self::Early,
        Self::NoDnsSeen,
    ];

    /// The code: part of the label `destination`, and the label `reason`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Lost => "lost",
            Self::Ech => "ech",
            Self::Doh => "doh",
            Self::NoSni => "no_sni",
            Self::BeforeStart => "before_start",
            Self::Early => "early",
            Self::NoDnsSeen => "no_dns_seen",
        }
    }
}

/// What a name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A name server's answer to the same app.
    Dns,
    /// The server name of a TLS hello.
    TlsSni,
    /// The server name of a QUIC hello.
    QuicSni,
    /// The host of an HTTP request.
    HttpHost,
    /// A name server's answer to somebody else on the device.
    DnsOthers,
    /// The port alone: name servers.
    Port,
    /// Nothing.
    None,
}

impl Source {
    /// All of them, most trusted first.
    pub const ALL: [Self; 7] = [
        Self::Dns,
        Self::TlsSni,
        Self::QuicSni,
        Self::HttpHost,
        Self::DnsOthers,
        Self::Port,
        Self::None,
    ];

    /// The label `source`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::TlsSni => "tls_sni",
            Self::QuicSni => "quic_sni",
            Self::HttpHost => "http_host",
            Self::DnsOthers => "dns_others",
            Self::Port => "port",
            Self::None => "none",
        }
    }
}

/// What is left of a host once it was redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Where it is.
    pub place: Place,
    /// Who is behind it.
    pub company: Option<CompanyId>,
    /// Behaviours that are documented for the host, on any port.
    pub candidates: Candidates,
}

impl Known {
    /// Redacts a host: first the catalogue is asked, then the rest of the name goes.
    pub fn of(host: &Host, level: Level) -> Self {
        match host {
            Host::Name(name) => Self::of_name(name, level),
            Host::Address(address) => {
                let place = match level {
                    Level::Counts => Place::Any,
                    Level::Hosts => Place::Address(*address),
                    Level::Companies | Level::Domains => Place::Ip,
                };
                Self { place, company: None, candidates: Candidates::default() }
            }
        }
    }

    fn of_name(name: &HostName, level: Level) -> Self {
        let domain = domain::of(name);
        let company = company::of(name.as_str());
        let place = match (level, domain) {
            (Level::Counts, _) => Place::Any,
            (Level::Hosts, _) => Place::Host(name.as_str().into()),
            (_, Domain::Local) => Place::Local,
            (Level::Domains, Domain::Registrable(domain) | Domain::Suffix(domain)) => {
                Place::Domain(domain.into())
            }
            (Level::Companies, _) => company.map_or(Place::Nobody, Place::Company),
        };
        let company = company.filter(|_| level > Level::Counts);
        Self { place, company, candidates: super::catalogue::candidates(name) }
    }
}

/// Whether a behaviour is that of an encrypted resolver: who uses one asks where nobody sees it.
pub fn is_resolver(behaviour: BehaviourId) -> bool {
    behaviour.behaviour().category == Category::Dns
}

/// The name of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Where it goes.
    pub place: Place,
    /// Who is behind that.
    pub company: Option<CompanyId>,
    /// What it is documented as.
    pub behaviour: Option<BehaviourId>,
    /// How the name was found.
    pub source: Source,
    /// Whether other names would do as well.
    pub is_ambiguous: bool,
    /// Why there is none.
    pub reason: Option<Reason>,
}

impl Name {
    /// The name that a redacted host gives to a flow to this port.
    pub fn new(known: &Known, source: Source, port: u16, transport: Option<Transport>) -> Self {
        let behaviour = transport.and_then(|transport| known.candidates.pick(port, transport));
        Self {
            place: known.place.clone(),
            company: known.company,
            behaviour,
            source,
            is_ambiguous: false,
            reason: None,
        }
    }

    /// No name at all.
    pub const fn none(place: Place, source: Source, reason: Option<Reason>) -> Self {
        Self { place, company: None, behaviour: None, source, is_ambiguous: false, reason }
    }
}
