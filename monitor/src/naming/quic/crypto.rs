//! Protection of Initial packets (RFC 9001, 5; RFC 9369, 3.3). The keys come from the packet itself: they
//! tell QUIC from noise, and hide nothing.

use aes_gcm::aead::AeadInOut;
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes_gcm::{Aes128Gcm, aes::Block};
use hkdf::Hkdf;
use sha2::Sha256;

use super::packet::{Initial, Version};

/// Bytes of an authentication tag.
const TAG_BYTES: usize = 16;

/// What the versions derive keys from.
struct Parameters {
    salt: [u8; 20],
    key: &'static [u8],
    iv: &'static [u8],
    hp: &'static [u8],
}

const V1: Parameters = Parameters {
    salt: [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c,
        0xad, 0xcc, 0xbb, 0x7f, 0x0a,
    ],
    key: b"quic key",
    iv: b"quic iv",
    hp: b"quic hp",
};

const V2: Parameters = Parameters {
    salt: [
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d,
        0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
    ],
    key: b"quicv2 key",
    iv: b"quicv2 iv",
    hp: b"quicv2 hp",
};

/// The keys of a client's Initial packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) key: [u8; 16],
    pub(super) iv: [u8; 12],
    pub(super) hp: [u8; 16],
}

/// A packet without its protection.
#[derive(Debug)]
pub(super) struct Plain {
    /// Its packet number.
    pub(super) number: u64,
    /// Whether bits are set that have to be zero.
    pub(super) has_reserved_bits: bool,
    /// Its frames.
    pub(super) payload: Vec<u8>,
}

impl Keys {
    /// Derives the keys of the packets for the connection id that a client chose. Always `Some`: the
    /// lengths are fixed and valid.
    pub(super) fn derive(version: Version, dcid: &[u8]) -> Option<Self> {
        let parameters = match version {
            Version::V1 => V1,
            Version::V2 => V2,
        };
        let mut secret = [0; 32];
        let initial = Hkdf::<Sha256>::new(Some(&parameters.salt), dcid);
        expand_label(&initial, b"client in", &mut secret)?;
        let secret = Hkdf::from_prk(&secret).ok()?;
        let mut keys = Self { key: [0; 16], iv: [0; 12], hp: [0; 16] };
        expand_label(&secret, parameters.key, &mut keys.key)?;
        expand_label(&secret, parameters.iv, &mut keys.iv)?;
        expand_label(&secret, parameters.hp, &mut keys.hp)?;
        Some(keys)
    }

    /// Removes the protection of a packet. `None` when these are not its keys, or it was altered.
    /// `largest` is the largest packet number known.
    pub(super) fn open(&self, packet: &Initial<'_>, largest: Option<u64>) -> Option<Plain> {
        let mask = self.mask(packet.protected)?;
        let mut header = packet.header.to_vec();
        // The bits that are protected in long headers.
        *header.first_mut()? ^= mask.first()? & 0x0f;
        let first = *header.first()?;
        let number_bytes = usize::from(first & 0b11) + 1;
        let (number, body) = packet.protected.split_at_checked(number_bytes)?;
        header.extend(number.iter().zip(mask.get(1..)?).map(|(byte, mask)| byte ^ mask));
        let truncated = header.get(packet.header.len()..)?;
        let truncated = truncated.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let number = packet_number(truncated, 8 * number_bytes, largest);

        let (body, tag) = body.split_last_chunk::<TAG_BYTES>()?;
        let mut payload = body.to_vec();
        Aes128Gcm::new(&self.key.into())
            .decrypt_inout_detached(
                &self.nonce(number).into(),
                &header,
                payload.as_mut_slice().into(),
                &(*tag).into(),
            )
            .ok()?;
        Some(Plain { number, has_reserved_bits: first & 0b1100 != 0, payload })
    }

    /// The mask of the header (RFC 9001, 5.4.3): the sample stands where the longest packet number ends.
    fn mask(&self, protected: &[u8]) -> Option<[u8; 16]> {
        let sample: [u8; 16] = *protected.get(4..)?.first_chunk()?;
        let mut block = Block::from(sample);
        Aes128::new(&self.hp.into()).encrypt_block(&mut block);
        Some(block.into())
    }

    /// The nonce of a packet (RFC 9001, 5.3).
    fn nonce(&self, number: u64) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
            *byte ^= number;
        }
        nonce
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446, 7.1). `None` when a length is too large.
fn expand_label(secret: &Hkdf<Sha256>, label: &[u8], out: &mut [u8]) -> Option<()> {
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    let prefix = b"tls13 ";
    let label_length = [u8::try_from(prefix.len() + label.len()).ok()?];
    secret.expand_multi_info(&[&length, &label_length, prefix, label, &[0]], out).ok()
}

/// The packet number of which the last `bits` are known: the one closest to what is expected next (RFC
/// 9000, A.3).
pub(super) fn packet_number(truncated: u64, bits: usize, largest: Option<u64>) -> u64 {
    let window = 1_u64 << bits;
    let expected = largest.map_or(0, |largest| largest + 1);
    let candidate = expected & !(window - 1) | truncated;
    if candidate + window / 2 <= expected && candidate < (1 << 62) - window {
        candidate + window
    } else if candidate > expected + window / 2 && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}
