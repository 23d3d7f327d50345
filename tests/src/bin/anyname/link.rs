//! As much of QUIC version 2 (RFC 9369) as a handshake on a wire that loses nothing takes. quinn
//! knows version 1 only.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::Side;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::quic::{Connection, DirectionalKeys, KeyChange, Keys, Version};

use crate::frames::{self, Frame, varint};

/// The number of the version.
pub(crate) const VERSION_2: u32 = 0x6b33_43cf;

/// Bytes of a datagram with an Initial packet (RFC 9000, 14.1).
const DATAGRAM: usize = 1200;

/// Bytes of CRYPTO data in one packet; the rest of a datagram is headers.
const PIECE: usize = 1100;

/// Bytes of every connection id of ours.
const ID: usize = 8;

/// Bytes of every packet number of ours.
const NUMBER: usize = 4;

/// Bytes of an authentication tag.
const TAG: usize = 16;

/// A connection id nobody has.
pub(crate) fn new_id() -> Result<Vec<u8>> {
    let mut id = vec![0; ID];
    SystemRandom::new().fill(&mut id).ok().context("no randomness")?;
    Ok(id)
}

/// Packet number spaces (RFC 9000, 12.3), by which everything is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Space {
    Initial,
    Handshake,
    Application,
}

impl Space {
    /// The first byte of a packet with a number of four bytes. Version 2 counts types of packets from
    /// another start than version 1 (RFC 9369, 3.2).
    fn first_byte(self) -> u8 {
        match self {
            Self::Initial => 0b1101_0011,
            Self::Handshake => 0b1111_0011,
            Self::Application => 0b0100_0011,
        }
    }

    fn of(first: u8) -> Result<Self> {
        Ok(match first >> 4 {
            0b1101 => Self::Initial,
            0b1111 => Self::Handshake,
            0b0100..=0b0111 => Self::Application,
            _ => bail!("a packet of another kind: {first:#x}"),
        })
    }
}

/// What one space has sent and received.
#[derive(Default)]
struct Stream {
    keys: Option<Keys>,
    next_number: u32,
    sent: u64,
    largest: Option<u32>,
    read: u64,
    /// Pieces that came before their turn, by offset.
    early: BTreeMap<u64, Vec<u8>>,
}

/// One end of a connection.
pub(crate) struct Link {
    tls: Connection,
    own: Vec<u8>,
    peer: Vec<u8>,
    writes: Space,
    streams: [Stream; 3],
    /// The peer says that the handshake is over.
    pub(crate) is_confirmed: bool,
    /// The peer has closed.
    pub(crate) is_closed: bool,
}

impl Link {
    /// An end whose Initial keys come from the id that the client addressed first.
    pub(crate) fn new(
        tls: impl Into<Connection>,
        side: Side,
        first: &[u8],
        own: Vec<u8>,
        peer: Vec<u8>,
    ) -> Result<Self> {
        let suite = TLS13_AES_128_GCM_SHA256.tls13().and_then(rustls::Tls13CipherSuite::quic_suite);
        let keys = suite.context("ring has QUIC")?.keys(first, side, Version::V2);
        let mut streams: [Stream; 3] = Default::default();
        streams[Space::Initial as usize].keys = Some(keys);
        let (is_confirmed, is_closed) = (false, false);
        Ok(Self {
            tls: tls.into(),
            own,
            peer,
            writes: Space::Initial,
            streams,
            is_confirmed,
            is_closed,
        })
    }

    /// TLS, as far as it got.
    pub(crate) fn tls(&self) -> &Connection {
        &self.tls
    }

    /// Everything that TLS wants to say, in datagrams.
    pub(crate) fn flush(&mut self) -> Result<Vec<Vec<u8>>> {
        let mut datagrams = Vec::new();
        loop {
            let mut data = Vec::new();
            let change = self.tls.write_hs(&mut data);
            for piece in data.chunks(PIECE) {
                let stream = &mut self.streams[self.writes as usize];
                let frame = frames::crypto(stream.sent, piece);
                stream.sent += piece.len() as u64;
                datagrams.push(self.packet(self.writes, frame)?);
            }
            self.writes = match change {
                Some(KeyChange::Handshake { keys }) => self.arm(Space::Handshake, keys),
                Some(KeyChange::OneRtt { keys, .. }) => self.arm(Space::Application, keys),
                None if data.is_empty() => return Ok(datagrams),
                None => self.writes,
            };
        }
    }

    fn arm(&mut self, space: Space, keys: Keys) -> Space {
        self.streams[space as usize].keys = Some(keys);
        space
    }

    /// A packet after the handshake with this frame.
    pub(crate) fn last(&mut self, frame: Vec<u8>) -> Result<Vec<u8>> {
        self.packet(Space::Application, frame)
    }

    fn packet(&mut self, space: Space, mut frames: Vec<u8>) -> Result<Vec<u8>> {
        let stream = &mut self.streams[space as usize];
        let number = stream.next_number;
        stream.next_number += 1;
        if let Some(largest) = stream.largest {
            frames.extend(frames::acknowledgement(largest));
        }
        let mut header = vec![space.first_byte()];
        if space == Space::Application {
            header.extend(&self.peer);
        } else {
            header.extend(VERSION_2.to_be_bytes());
            for id in [&self.peer, &self.own] {
                header.push(u8::try_from(id.len())?);
                header.extend(id);
            }
            // No token.
            header.extend((space == Space::Initial).then_some(0));
            let start = header.len() + 2 + NUMBER;
            let room = if space == Space::Initial { DATAGRAM - start - TAG } else { 0 };
            frames.resize(frames.len().max(room), 0);
            header.extend(varint(NUMBER + frames.len() + TAG));
        }
        // A packet is long enough to take a sample of (RFC 9001, 5.4.2).
        frames.resize(frames.len().max(NUMBER), 0);
        let keys = stream.keys.as_ref().context("keys for what is sent")?;
        seal(&keys.local, header, number, frames)
    }

    /// Reads a datagram: one packet or more.
    pub(crate) fn read(&mut self, mut datagram: &[u8]) -> Result<()> {
        while let Some(&first) = datagram.first().filter(|first| **first != 0) {
            let space = Space::of(first)?;
            let (at, end) = if space == Space::Application {
                (1 + ID, datagram.len())
            } else {
                let header = Header::parse(datagram)?;
                // The client addresses the server by the id that this has chosen.
                self.peer.clone_from(&header.source);
                (header.number_at, header.end)
            };
            let (packet, rest) = datagram.split_at_checked(end).context("a packet cut short")?;
            self.open(space, packet, at)?;
            datagram = rest;
        }
        Ok(())
    }

    fn open(&mut self, space: Space, packet: &[u8], at: usize) -> Result<()> {
        let stream = &mut self.streams[space as usize];
        let keys = &stream.keys.as_ref().context("a packet before its keys")?.remote;
        let (number, payload) = unseal(keys, packet, at)?;
        stream.largest = stream.largest.max(Some(number));
        for frame in frames::parse(&payload)? {
            match frame {
                Frame::Crypto(offset, data) => drop(stream.early.insert(offset, data)),
                Frame::HandshakeDone => self.is_confirmed = true,
                Frame::Close => self.is_closed = true,
            }
        }
        while let Some(data) = stream.early.remove(&stream.read) {
            stream.read += data.len() as u64;
            self.tls.read_hs(&data)?;
        }
        Ok(())
    }
}

/// A long header (RFC 9000, 17.2), in front of the packet number.
#[derive(Debug)]
pub(crate) struct Header {
    /// The id that the packet is addressed to.
    pub(crate) destination: Vec<u8>,
    /// The id of whoever sends it.
    pub(crate) source: Vec<u8>,
    number_at: usize,
    end: usize,
}

impl Header {
    /// Reads the header of an Initial or a Handshake packet of version 2.
    pub(crate) fn parse(datagram: &[u8]) -> Result<Self> {
        let mut reader = frames::Reader::new(datagram);
        let space = Space::of(reader.bytes(1)?[0])?;
        ensure!(reader.bytes(4)? == VERSION_2.to_be_bytes(), "another version");
        let mut id = || -> Result<Vec<u8>> {
            let length = usize::from(reader.bytes(1)?[0]);
            Ok(reader.bytes(length)?.to_vec())
        };
        let (destination, source) = (id()?, id()?);
        if space == Space::Initial {
            let length = reader.varint()?;
            reader.bytes(usize::try_from(length)?)?;
        }
        let length = usize::try_from(reader.varint()?)?;
        let number_at = reader.position();
        Ok(Self { destination, source, number_at, end: number_at + length })
    }
}

/// Encrypts a packet and protects its header (RFC 9001, 5.3 and 5.4).
fn seal(
    keys: &DirectionalKeys,
    mut header: Vec<u8>,
    number: u32,
    mut frames: Vec<u8>,
) -> Result<Vec<u8>> {
    let at = header.len();
    header.extend(number.to_be_bytes());
    let tag = keys.packet.encrypt_in_place(number.into(), &header, &mut frames)?;
    let mut packet = [&header[..], &frames, tag.as_ref()].concat();
    let sample = packet.get(at + NUMBER..at + NUMBER + TAG).context("a short packet")?.to_vec();
    let (start, rest) = packet.split_at_mut(at);
    keys.header.encrypt_in_place(&sample, &mut start[0], &mut rest[..NUMBER])?;
    Ok(packet)
}

/// The number and the frames of a packet whose number stands at an offset.
fn unseal(keys: &DirectionalKeys, packet: &[u8], at: usize) -> Result<(u32, Vec<u8>)> {
    let sample = packet.get(at + NUMBER..at + NUMBER + TAG).context("a short packet")?;
    let (mut header, mut payload) = (packet[..at].to_vec(), packet[at + NUMBER..].to_vec());
    let mut number = [0; NUMBER];
    number.copy_from_slice(&packet[at..at + NUMBER]);
    keys.header.decrypt_in_place(sample, &mut header[0], &mut number)?;
    ensure!(usize::from(header[0] & 3) + 1 == NUMBER, "a packet number of another length");
    header.extend(number);
    let number = u32::from_be_bytes(number);
    let length = keys.packet.decrypt_in_place(number.into(), &header, &mut payload)?.len();
    payload.truncate(length);
    Ok((number, payload))
}
