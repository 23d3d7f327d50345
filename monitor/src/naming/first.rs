//! What flows send first: put together, parsed, and dropped.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::catalogue::Transport;
use super::name::{Known, Level, Source};
use super::quic::{Initials, Progress};
use super::stream::Stream;
use super::tls::{self, ClientHello, TlsError};
use super::{Host, http, name};
use crate::event::{Content, Sample};

/// Streams that are put together at the same time, and connections of QUIC.
const UNFINISHED_MAX: usize = 64;

/// Bytes of a stream: what the programs copy, and the headers of one more packet.
const STREAM_BYTES_MAX: usize = 4_608;

/// What was understood and not asked for yet.
const HELLOS_MAX: usize = 2_048;

/// Looks at the tables after which nobody asks any more: a flow is read in the look after the one in
/// which it was made.
const LOOKS_MAX: u64 = 3;

/// A flow: a socket, and which of its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    /// The socket's cookie.
    pub cookie: u64,
    /// The peer's address.
    pub address: IpAddr,
    /// The peer's port.
    pub port: u16,
}

/// What a flow said first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// In which protocol.
    pub source: Source,
    /// The host it named.
    pub known: Option<Known>,
    /// Whether that is only the name of an ECH provider.
    pub is_cover: bool,
    /// Whether the host is that of an encrypted resolver.
    pub is_resolver: bool,
}

/// What flows said first, in parts and as a whole.
#[derive(Debug)]
pub struct First {
    level: Level,
    streams: BTreeMap<u64, (Stream, Source, u64)>,
    initials: BTreeMap<FlowKey, (Initials, u64)>,
    hellos: BTreeMap<FlowKey, (Hello, u64)>,
    look: u64,
    /// Samples that were no hello of their kind.
    misread: u64,
    /// Hellos that were never finished, or found no room.
    unfinished: u64,
}

impl First {
    /// Nothing yet.
    pub const fn new(level: Level) -> Self {
        Self {
            level,
            streams: BTreeMap::new(),
            initials: BTreeMap::new(),
            hellos: BTreeMap::new(),
            look: 0,
            misread: 0,
            unfinished: 0,
        }
    }

    /// Samples that were no hello of their kind, and hellos that were never finished or found no room.
    pub const fn losses(&self) -> (u64, u64) {
        (self.misread, self.unfinished)
    }

    /// Whether nothing waits to be asked for.
    pub fn is_empty(&self) -> bool {
        self.hellos.is_empty()
    }

    /// Takes what a flow said, once.
    pub fn take(&mut self, key: &FlowKey) -> Option<Hello> {
        self.hellos.remove(key).map(|(hello, _)| hello)
    }

    /// A look at the tables is over: what nobody asked for goes.
    pub fn look_ends(&mut self) {
        self.look += 1;
        let look = self.look;
        let is_young = |since: u64| look.saturating_sub(since) < LOOKS_MAX;
        let before = self.streams.len() + self.initials.len();
        self.streams.retain(|_, (.., since)| is_young(*since));
        self.initials.retain(|_, (_, since)| is_young(*since));
        self.hellos.retain(|_, (_, since)| is_young(*since));
        let gone = before - self.streams.len() - self.initials.len();
        self.unfinished = self.unfinished.saturating_add(gone as u64);
    }

    /// Takes a sample; gives what the flow said once that is complete. It can be asked for afterwards.
    pub fn sample(&mut self, sample: &Sample<'_>) -> Option<Hello> {
        let key =
            FlowKey { cookie: sample.cookie, address: sample.peer.ip, port: sample.peer.port };
        let hello = match sample.content {
            Content::Tls => self.begin(sample, Source::TlsSni),
            Content::Http => self.begin(sample, Source::HttpHost),
            Content::More => self.more(sample),
            Content::Quic => self.datagrams(key, sample),
            Content::Dns | Content::Unknown(_) => None,
        }?;
        if self.hellos.len() >= HELLOS_MAX {
            self.hellos.pop_first();
            self.unfinished = self.unfinished.saturating_add(1);
        }
        self.hellos.insert(key, (hello.clone(), self.look));
        Some(hello)
    }

    fn begin(&mut self, sample: &Sample<'_>, source: Source) -> Option<Hello> {
        let stream = Stream::new(sample.sequence);
        self.put_together(sample, stream, source)
    }

    fn more(&mut self, sample: &Sample<'_>) -> Option<Hello> {
        // None when it was understood before it was complete.
        let (stream, source, _) = self.streams.remove(&sample.cookie)?;
        self.put_together(sample, stream, source)
    }

    fn put_together(
        &mut self,
        sample: &Sample<'_>,
        mut stream: Stream,
        source: Source,
    ) -> Option<Hello> {
        if stream.add(sample.sequence, sample.payload, STREAM_BYTES_MAX).is_err() {
            self.unfinished = self.unfinished.saturating_add(1);
            return None;
        }
        let read = if source == Source::TlsSni {
            self.tls(&stream)
        } else {
            http_host(&stream, self.level)
        };
        match read {
            Read::Whole(hello) => Some(hello),
            Read::Part => {
                if self.streams.len() >= UNFINISHED_MAX {
                    self.streams.pop_first();
                    self.unfinished = self.unfinished.saturating_add(1);
                }
                self.streams.insert(sample.cookie, (stream, source, self.look));
                None
            }
            Read::Nothing => {
                self.misread = self.misread.saturating_add(1);
                None
            }
        }
    }

    fn tls(&self, stream: &Stream) -> Read {
        match tls::client_hello(stream.bytes()) {
            Ok(hello) => Read::Whole(self.hello(&hello, Source::TlsSni)),
            Err(TlsError::Incomplete) => Read::Part,
            Err(_) => Read::Nothing,
        }
    }

    fn datagrams(&mut self, key: FlowKey, sample: &Sample<'_>) -> Option<Hello> {
        // A hello that was understood needs no repetition.
        if self.hellos.contains_key(&key) {
            return None;
        }
        let (mut initials, since) =
            self.initials.remove(&key).unwrap_or_else(|| (Initials::default(), self.look));
        let size = match sample.segment {
            0 => sample.payload.len().max(1),
            segment => usize::from(segment),
        };
        let mut is_any = false;
        for datagram in sample.payload.chunks(size) {
            match initials.datagram(datagram) {
                Ok(Progress::Hello(hello)) => {
                    return Some(self.hello(&hello, Source::QuicSni));
                }
                Ok(Progress::More) => is_any = true,
                // Packets of other kinds, and the last piece where the copy was cut.
                Err(_) => {}
            }
        }
        if !is_any {
            self.misread = self.misread.saturating_add(1);
        }
        if self.initials.len() >= UNFINISHED_MAX {
            self.initials.pop_first();
            self.unfinished = self.unfinished.saturating_add(1);
        }
        self.initials.insert(key, (initials, since));
        None
    }

    fn hello(&self, hello: &ClientHello, source: Source) -> Hello {
        heard(hello.server_name.as_ref(), hello.has_cover_name(), source, self.level)
    }
}

/// What bytes were read as.
enum Read {
    Whole(Hello),
    Part,
    Nothing,
}

fn http_host(stream: &Stream, level: Level) -> Read {
    match http::host(stream.bytes()) {
        Ok(target) => Read::Whole(heard(Some(&target.host), false, Source::HttpHost, level)),
        Err(http::HttpError::Incomplete) => Read::Part,
        Err(_) => Read::Nothing,
    }
}

fn heard(host: Option<&Host>, is_cover: bool, source: Source, level: Level) -> Hello {
    let known = host.map(|host| Known::of(host, level));
    let behaviour = known.as_ref().and_then(|known| known.candidates.pick(443, Transport::Tcp));
    let is_resolver = behaviour.is_some_and(name::is_resolver);
    Hello { source, known, is_cover, is_resolver }
}
