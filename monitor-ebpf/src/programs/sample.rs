//! What a flow sends first is copied to the agent, once: it says where the flow goes. So are messages of
//! name servers, both ways.
//!
//! Nothing is understood here but whether it is worth a copy; the agent parses. Samples wake nobody:
//! the agent reads them when it looks at the tables, or when the ring is half full.

#![expect(unsafe_code, reason = "ring memory is handed out as pointers")]

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::generated::bpf_ringbuf_query;
use monitor_ebpf::maps::{
    DATAGRAMS_SAMPLED_MAX, DATAGRAMS_TRIED_MAX, DNS_STREAM_PACKETS_MAX, HTTP_BYTES_MAX,
    SAMPLE_BYTES_MAX, SAMPLES_BYTES, STREAM_BYTES_MAX,
};
use monitor_ebpf::records::{record_kind, sample_content, sample_state};
use monitor_ebpf::{Owner, RecordHeader, SampleRecord};

use super::count;
use super::ctx::{self, Direction, Packet, Remote};
use super::packet::{self, Content, TCP, UDP};
use super::tables::SAMPLES;

/// The port of name servers (RFC 1035, 4.2).
const DNS_PORT: u16 = 53;

/// The least payload of a client's datagram with an Initial packet (RFC 9000, 14.1).
const QUIC_BYTES_MIN: u32 = 1_200;

/// QUIC versions 1 and 2 (RFC 9000, 15; RFC 9369, 3.1).
const QUIC_V1: u32 = 1;
const QUIC_V2: u32 = 0x6b33_43cf;

/// Bytes of the TLS record header and the handshake header behind it (RFC 8446, 4 and 5.1).
const TLS_HEADERS: u32 = 5 + 4;

/// Bytes of the headers of further records that a hello may be spread over.
const TLS_MORE_HEADERS: u32 = 64;

/// What a packet belongs to: a socket's first peer, or a further one.
pub(super) struct Subject {
    pub(super) remote: Remote,
    pub(super) protocol: u8,
    /// Whether the flow was opened here.
    pub(super) is_own: bool,
    /// How far its sampling has come, in a map entry.
    pub(super) sampled: *mut u8,
}

/// What is to be copied of a packet.
struct Plan {
    kind: u8,
    /// Bytes wanted of the flow, this packet's included.
    wanted: u32,
    /// The state when they were copied.
    next: u8,
    /// The state when they were not.
    lost: u8,
}

/// Samples a packet, if it is worth it. For most this ends at the first comparison.
#[inline(always)]
pub(super) fn take(
    packet: &Packet,
    cookie: u64,
    owner: *const Owner,
    subject: &Subject,
    direction: Direction,
) {
    if cfg!(feature = "nosample") {
        return;
    }
    // SAFETY: the address of a byte in a map entry.
    let state = unsafe { subject.sampled.read() };
    if state >= sample_state::LOST {
        return;
    }
    let dns = subject.remote.port == DNS_PORT;
    let udp = subject.protocol == UDP;
    if direction == Direction::Receive && !dns {
        return;
    }
    if !udp && (subject.protocol != TCP || !subject.is_own) {
        return;
    }
    let content = packet::content(packet, subject.protocol);
    if content.length == 0 {
        return;
    }
    let plan = match (dns, udp) {
        (true, true) => Ok(dns_datagram(state)),
        (true, false) => Ok(dns_stream(state)),
        (false, true) => datagram(packet, &content, state),
        (false, false) => stream(packet, &content, state),
    };
    let next = match plan {
        Err(next) => next,
        Ok(plan) => {
            if copy(packet, cookie, owner, subject, &content, &plan, direction) {
                plan.next
            } else {
                plan.lost
            }
        }
    };
    // SAFETY: as above. Another CPU may write as well: then a flow is sampled a little more or less.
    unsafe { subject.sampled.write(next) };
}

/// A message of a name server. Later ones are worth as much as this one, so a loss is counted and nothing
/// else.
#[inline(always)]
const fn dns_datagram(state: u8) -> Plan {
    Plan { kind: sample_content::DNS, wanted: SAMPLE_BYTES_MAX, next: state, lost: state }
}

/// A piece of a TCP connection to a name server.
#[inline(always)]
const fn dns_stream(state: u8) -> Plan {
    let next = if state + 1 >= DNS_STREAM_PACKETS_MAX { sample_state::DONE } else { state + 1 };
    Plan { kind: sample_content::DNS, wanted: SAMPLE_BYTES_MAX, next, lost: sample_state::LOST }
}

/// Any other datagram: QUIC up to [`DATAGRAMS_SAMPLED_MAX`]. What is none counts in units above those.
#[inline(always)]
fn datagram(packet: &Packet, content: &Content, state: u8) -> Result<Plan, u8> {
    const TRY: u8 = DATAGRAMS_SAMPLED_MAX + 1;
    if !is_quic(packet, content) {
        let tried = state / TRY + 1;
        return Err(if tried >= DATAGRAMS_TRIED_MAX { sample_state::DONE } else { state + TRY });
    }
    let done = state % TRY + 1 >= DATAGRAMS_SAMPLED_MAX;
    Ok(Plan {
        kind: sample_content::QUIC,
        wanted: SAMPLE_BYTES_MAX,
        next: if done { sample_state::DONE } else { state + 1 },
        lost: sample_state::LOST,
    })
}

/// Whether a datagram starts with a QUIC Initial or 0-RTT packet of a known version (RFC 9000, 17.2;
/// RFC 9369, 3.2).
#[inline(always)]
fn is_quic(packet: &Packet, content: &Content) -> bool {
    if content.length < QUIC_BYTES_MIN {
        return false;
    }
    let Some([first, second]) = packet.words::<2>(content.offset) else {
        return false;
    };
    let [form, v0, v1, v2] = first.to_ne_bytes();
    let [v3, ..] = second.to_ne_bytes();
    let kind = form >> 4 & 3;
    form & 0x80 != 0
        && match u32::from_be_bytes([v0, v1, v2, v3]) {
            QUIC_V1 => kind <= 1,
            QUIC_V2 => kind == 1 || kind == 2,
            _ => false,
        }
}

/// What a TCP connection sends first: a TLS hello or an HTTP request.
#[inline(always)]
fn stream(packet: &Packet, content: &Content, state: u8) -> Result<Plan, u8> {
    let (kind, wanted) = if state == sample_state::FRESH || state == sample_state::RETRY {
        match recognised(packet, content) {
            Start::Tls(wanted) => (sample_content::TLS, wanted),
            Start::Http(wanted) => (sample_content::HTTP, wanted),
            Start::TooShort if state == sample_state::FRESH => return Err(sample_state::RETRY),
            Start::TooShort | Start::Other => return Err(sample_state::DONE),
        }
    } else {
        (sample_content::MORE, u32::from(state) * sample_state::UNIT_BYTES)
    };
    let left = wanted.saturating_sub(content.length);
    let next = match left.div_ceil(sample_state::UNIT_BYTES) {
        0 => sample_state::DONE,
        units => units as u8,
    };
    Ok(Plan { kind, wanted, next, lost: sample_state::LOST })
}

/// What the first bytes of a connection look like, and how many are wanted of it.
enum Start {
    Tls(u32),
    Http(u32),
    TooShort,
    Other,
}

#[inline(always)]
fn recognised(packet: &Packet, content: &Content) -> Start {
    let Some([first]) = packet.words::<1>(content.offset) else {
        return Start::TooShort;
    };
    let [kind, major, _, r0] = first.to_ne_bytes();
    if kind == 0x16 && major == 3 {
        // A process that heard an answer is in the middle of something.
        if packet.socket().is_none_or(|socket| socket.has_received()) {
            return Start::Other;
        }
        let Some([second, third]) = packet.words::<2>(content.offset + 4) else {
            // The header alone, or not even that: the rest comes with the next packets.
            return Start::Tls(STREAM_BYTES_MAX);
        };
        let [r1, handshake, h0, h1] = second.to_ne_bytes();
        let [h2, ..] = third.to_ne_bytes();
        if handshake != 1 {
            return Start::Other;
        }
        let hello = u32::from_be_bytes([0, h0, h1, h2]);
        let record = u32::from(u16::from_be_bytes([r0, r1]));
        let spread = if record < hello + 4 { TLS_MORE_HEADERS } else { 0 };
        return Start::Tls((TLS_HEADERS + hello + spread).min(STREAM_BYTES_MAX));
    }
    match &first.to_ne_bytes() {
        b"GET " | b"POST" | b"HEAD" | b"PUT " | b"CONN" | b"OPTI" | b"DELE" | b"PATC" | b"TRAC" => {
            let heard = packet.socket().is_none_or(|socket| socket.has_received());
            if heard {
                return Start::Other;
            }
            // A request that ends here has no more to say.
            let last = packet.words::<1>((content.offset + content.length).wrapping_sub(4));
            let ends = last == Some([u32::from_ne_bytes(*b"\r\n\r\n")]);
            let wanted = if ends { content.length.min(HTTP_BYTES_MAX) } else { HTTP_BYTES_MAX };
            Start::Http(wanted)
        }
        _ => Start::Other,
    }
}

/// A record with room for bytes.
#[repr(C)]
struct Sample<const N: usize> {
    head: SampleRecord,
    bytes: [u8; N],
}

/// Copies what the plan wants of the payload to the agent; false when there was no room for them.
#[inline(always)]
fn copy(
    packet: &Packet,
    cookie: u64,
    owner: *const Owner,
    subject: &Subject,
    content: &Content,
    plan: &Plan,
    direction: Direction,
) -> bool {
    let taken = content.length.min(plan.wanted).min(SAMPLE_BYTES_MAX);
    let head = SampleRecord {
        header: RecordHeader {
            kind: record_kind::SAMPLE,
            length: (SampleRecord::SIZE as u32 + taken) as u16,
            reserved: 0,
        },
        cookie,
        at_ns: ctx::boot_ns(),
        // SAFETY: the address of a field of a map entry.
        owner: unsafe { owner.read() },
        remote: subject.remote.address,
        sequence: content.sequence,
        length: content.length,
        taken: taken as u16,
        segment: packet.segment_bytes(),
        remote_port: subject.remote.port,
        protocol: subject.protocol,
        content: plan.kind,
        inbound: u8::from(direction == Direction::Receive),
        reserved: [0; 7],
    };
    // The verifier wants sizes that it knows, so there are a few.
    let copied = if taken <= 256 {
        put::<256>(packet, content.offset, taken, &head)
    } else if taken <= 640 {
        put::<640>(packet, content.offset, taken, &head)
    } else if taken <= 1_536 {
        put::<1_536>(packet, content.offset, taken, &head)
    } else {
        put::<{ SAMPLE_BYTES_MAX as usize }>(packet, content.offset, taken, &head)
    };
    if !copied && let Some(stats) = count::stats() {
        count::add_own(&raw mut stats.samples_lost, 1);
    }
    copied
}

#[inline(always)]
fn put<const N: usize>(packet: &Packet, offset: u32, taken: u32, head: &SampleRecord) -> bool {
    let Some(mut entry) = SAMPLES.reserve_untyped::<Sample<N>>(0) else {
        return false;
    };
    let sample = entry.as_mut_ptr();
    // SAFETY: the ring handed out as many bytes as the record has, for this program alone.
    unsafe { (&raw mut (*sample).head).write(*head) };
    // SAFETY: as above; the array begins behind the head.
    let bytes = unsafe { (&raw mut (*sample).bytes).cast::<u8>() };
    if !packet.bytes(offset, bytes, taken, N as u32) {
        entry.discard(u64::from(BPF_RB_NO_WAKEUP));
        return false;
    }
    entry.submit(u64::from(wake()));
    true
}

/// Wakes the agent when the ring is half full.
#[inline(always)]
fn wake() -> u32 {
    // SAFETY: the helper takes a ring buffer map.
    let used = unsafe {
        bpf_ringbuf_query(
            core::ptr::from_ref(&SAMPLES).cast_mut().cast(),
            u64::from(BPF_RB_AVAIL_DATA),
        )
    };
    if used >= u64::from(SAMPLES_BYTES / 2) { BPF_RB_FORCE_WAKEUP } else { BPF_RB_NO_WAKEUP }
}
