//! Bytes to events. Total: any bytes give an event or an error, never a panic.

use std::net::{IpAddr, Ipv6Addr};

use monitor_ebpf::records::{
    Address, address_bytes, comm_bytes, origin, record_kind, sample_content, sample_state,
};
use monitor_ebpf::{
    DatagramKey, DatagramPeer, FlowCounters, FlowRecord, ProcessRecord, RecordHeader, SampleRecord,
    SettledKey, SettledRecord,
};

use super::{
    Content, Counters, Datagram, Flow, Owner, Peer, Protocol, Sample, Settled, SocketKind,
    TaskName, Volume,
};

/// What a ring record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RingEvent {
    /// A process opens its first socket.
    Process(Owner),
    /// The table of sockets fills up.
    Pressure,
}

/// Why a ring record says nothing. Both are counted and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Shorter than its kind, or than it says itself.
    Truncated,
    /// A kind that this agent does not know.
    UnknownKind(u16),
}

/// Decodes a ring record.
pub fn ring_record(bytes: &[u8]) -> Result<RingEvent, DecodeError> {
    let header = RecordHeader::read(bytes).ok_or(DecodeError::Truncated)?;
    if usize::from(header.length) > bytes.len() {
        return Err(DecodeError::Truncated);
    }
    match header.kind {
        record_kind::PROCESS => {
            let record = ProcessRecord::read(bytes).ok_or(DecodeError::Truncated)?;
            owner(&record.owner).map(RingEvent::Process).ok_or(DecodeError::Truncated)
        }
        record_kind::PRESSURE => Ok(RingEvent::Pressure),
        unknown => Err(DecodeError::UnknownKind(unknown)),
    }
}

/// Decodes a sample. Its bytes stay where they are.
pub fn sample(bytes: &[u8]) -> Result<Sample<'_>, DecodeError> {
    let record = SampleRecord::read(bytes).ok_or(DecodeError::Truncated)?;
    if record.header.kind != record_kind::SAMPLE {
        return Err(DecodeError::UnknownKind(record.header.kind));
    }
    let end = SampleRecord::SIZE + usize::from(record.taken);
    let payload = bytes.get(SampleRecord::SIZE..end).ok_or(DecodeError::Truncated)?;
    Ok(Sample {
        cookie: record.cookie,
        at_ns: record.at_ns,
        owner: owner(&record.owner),
        peer: Peer {
            ip: address(record.remote),
            port: record.remote_port,
            protocol: Protocol::from_number(record.protocol),
            ifindex: 0,
        },
        content: match record.content {
            sample_content::TLS => Content::Tls,
            sample_content::HTTP => Content::Http,
            sample_content::QUIC => Content::Quic,
            sample_content::DNS => Content::Dns,
            sample_content::MORE => Content::More,
            other => Content::Unknown(other),
        },
        is_inbound: record.inbound != 0,
        sequence: record.sequence,
        length: record.length,
        segment: record.segment,
        payload,
    })
}

/// Decodes one CPU's view of a socket. `None` when key or value are too short.
pub fn flow(key: &[u8], lane: &[u8]) -> Option<Flow> {
    let cookie = u64::from_ne_bytes(*key.first_chunk()?);
    let record = FlowRecord::read(lane)?;
    Some(Flow {
        cookie,
        counters: counters(&record.counters),
        peer: Peer {
            ip: address(record.remote),
            port: record.remote_port,
            protocol: Protocol::from_number(record.protocol),
            ifindex: record.ifindex,
        },
        kind: SocketKind::from_number(record.socket_type),
        established: record.established != 0,
        inbound: record.origin & origin::INBOUND != 0,
        accepted: record.origin & origin::ACCEPTED != 0,
        is_sample_lost: record.sampled == sample_state::LOST,
        is_fresh: matches!(record.sampled, sample_state::FRESH | sample_state::RETRY),
        attempts: record.attempts,
        first_ns: record.first_ns,
        closed_ns: (record.closed != 0).then_some(record.closed_ns),
        owner: owner(&record.owner),
    })
}

/// Decodes one CPU's view of a further peer of a socket. `None` when key or value are too short.
pub fn datagram(key: &[u8], lane: &[u8]) -> Option<Datagram> {
    let bytes = *key.first_chunk()?;
    let key = DatagramKey::read(key)?;
    let value = DatagramPeer::read(lane)?;
    Some(Datagram {
        key: bytes,
        cookie: key.cookie,
        counters: counters(&value.counters),
        peer: (key.remote != [0; 4]).then(|| Peer {
            ip: address(key.remote),
            port: key.remote_port,
            protocol: Protocol::from_number(key.protocol),
            ifindex: key.ifindex,
        }),
        protocol: Protocol::from_number(key.protocol),
        ifindex: key.ifindex,
        opened_ns: value.opened_ns,
        inbound: value.inbound != 0,
        is_sample_lost: value.sampled == sample_state::LOST,
    })
}

/// Decodes the sums over settled sockets. `None` when key or value are too short, or name no process.
pub fn settled(key: &[u8], value: &[u8]) -> Option<Settled> {
    let bytes = *key.first_chunk()?;
    let key = SettledKey::read(key)?;
    let value = SettledRecord::read(value)?;
    Some(Settled {
        key: bytes,
        epoch: key.epoch,
        peer: Peer {
            ip: address(key.remote),
            port: key.remote_port,
            protocol: Protocol::from_number(key.protocol),
            ifindex: key.ifindex,
        },
        counters: counters(&value.counters),
        connections: value.connections,
        accepted: value.accepted,
        failures: value.failures,
        first_ns: value.first_ns,
        owner: owner(&value.owner)?,
    })
}

fn counters(counters: &FlowCounters) -> Counters {
    Counters {
        tx: Volume { bytes: counters.tx_bytes, packets: counters.tx_packets },
        rx: Volume { bytes: counters.rx_bytes, packets: counters.rx_packets },
    }
}

/// An IPv4-mapped address is the IPv4 one, whatever the socket's family.
fn address(address: Address) -> IpAddr {
    Ipv6Addr::from(address_bytes(address)).to_canonical()
}

fn owner(owner: &monitor_ebpf::Owner) -> Option<Owner> {
    (owner.tgid != 0).then(|| Owner {
        pid: owner.tgid,
        uid: owner.uid,
        cgroup_id: owner.cgroup_id,
        netns: owner.netns,
        epoch: owner.epoch,
        opened_ns: owner.opened_ns,
        comm: TaskName(comm_bytes(owner.comm)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record as the kernel would write it: header, then owner.
    fn process_record(kind: u16, length: u16, comm: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(length.to_ne_bytes());
        bytes.extend([0; 4]);
        for word in [7_000_u64, 42] {
            bytes.extend(word.to_ne_bytes());
        }
        for word in [1234_u32, 1000, 1, 9] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(comm);
        bytes.resize(56, 0);
        bytes
    }

    #[test]
    fn a_process_record_is_read() {
        let Ok(RingEvent::Process(owner)) = ring_record(&process_record(1, 56, b"curl")) else {
            unreachable!("a process record")
        };
        assert_eq!((owner.pid, owner.uid, owner.cgroup_id), (1234, 1000, 42));
        assert_eq!((owner.opened_ns, owner.comm.to_text().as_str()), (7_000, "curl"));
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = process_record(1, 56, b"curl");
        for length in 0..bytes.len() {
            let error = ring_record(&bytes[..length]);
            assert_eq!(error, Err(DecodeError::Truncated), "{length} bytes");
        }
    }

    #[test]
    fn an_unknown_kind_is_told_apart() {
        let error = ring_record(&process_record(900, 56, b""));
        assert_eq!(error, Err(DecodeError::UnknownKind(900)));
        assert_eq!(ring_record(&process_record(2, 8, b"")), Ok(RingEvent::Pressure));
    }

    #[test]
    fn a_length_beyond_the_record_is_an_error() {
        assert_eq!(ring_record(&process_record(1, 57, b"x")), Err(DecodeError::Truncated));
    }

    #[test]
    fn hostile_names_are_decoded() {
        let Ok(RingEvent::Process(owner)) =
            ring_record(&process_record(1, 56, b"\xff\xfe0123456789abcdef"))
        else {
            unreachable!("a process record")
        };
        let name = owner.comm.to_text();
        assert!(name.starts_with('\u{fffd}') && name.chars().count() <= 16, "{name}");
    }

    #[test]
    fn a_mapped_address_is_ipv4() {
        let mut lane = [0_u8; FlowRecord::SIZE];
        lane[50..56].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 7]);
        lane[60] = 17;
        let flow = flow(&9_u64.to_ne_bytes(), &lane);
        let Some(flow) = flow else { unreachable!("long enough") };
        assert_eq!(flow.peer.ip, IpAddr::from([192, 0, 2, 7]));
        assert_eq!((flow.cookie, flow.peer.protocol), (9, Protocol::Udp));
        assert_eq!(flow.owner, None, "process 0 is nobody");
    }

    #[test]
    fn a_short_lane_is_nothing() {
        for length in 0..FlowRecord::SIZE {
            assert_eq!(flow(&[0; 8], &vec![0; length]), None, "{length} bytes");
        }
        for length in 0..DatagramPeer::SIZE {
            assert_eq!(datagram(&[0; DatagramKey::SIZE], &vec![0; length]), None);
        }
    }
}
