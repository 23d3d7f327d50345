#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;
use crate::memory::tests::{Player, made, play, small};

fn decoded(bytes: &[u8]) -> Result<Memory, StoreError> {
    let memory = small();
    decode(bytes, memory.limits, memory.retention)
}

/// A file with these bytes as the rest, and a right checksum.
fn sealed(version: u16, rest: &[u8]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&version.to_le_bytes());
    file.extend_from_slice(&u32::try_from(rest.len()).expect("it is short").to_le_bytes());
    let checksum = crc32(&[&file, rest]);
    file.extend_from_slice(&checksum.to_le_bytes());
    file.extend_from_slice(rest);
    file
}

/// News that were not told are not written: who is told of them was not there.
fn without_passing(mut memory: Memory) -> Memory {
    memory.findings.news.clear();
    memory.saved();
    memory
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// All that is written is read.
    #[test]
    fn a_memory_survives_the_disk(history in made()) {
        let mut memory = small();
        play(&mut memory, &history);
        let bytes = encode(&memory);
        let back = decoded(&bytes).expect("it was just written");
        prop_assert_eq!(&back, &without_passing(memory));
        prop_assert_eq!(encode(&back), bytes);
    }

    /// A restart changes nothing: half a history, the disk, and the other half end as the whole.
    #[test]
    fn a_restart_changes_nothing(history in made(), at in 0_usize..400) {
        let mut whole = small();
        play(&mut whole, &history);
        let (before, after) = history.split_at(at.min(history.len()));
        let mut player = Player::default();
        let mut half = small();
        player.play(&mut half, before);
        let mut half = decoded(&encode(&half)).expect("it was just written");
        player.play(&mut half, after);
        prop_assert_eq!(without_passing(half), without_passing(whole));
    }

    /// Whatever bytes a valid checksum covers: an error, or a memory that goes on working.
    #[test]
    fn reading_is_total(
        history in made(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
    ) {
        let mut memory = small();
        play(&mut memory, &history);
        let mut rest = encode(&memory).split_off(HEADER);
        for (at, byte) in changes {
            let at = at.index(rest.len());
            rest[at] = byte;
        }
        if let Ok(mut memory) = decoded(&sealed(VERSION, &rest)) {
            let moment = play(&mut memory, &history);
            memory.findings(&moment).iter().for_each(|finding| drop(finding.sentence()));
            encode(&memory);
        }
    }

    /// The same for bytes without any plan.
    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(decoded(&noise), Err(StoreError::Corrupt));
        let _ = decoded(&sealed(VERSION, &noise));
    }
}

#[test]
fn a_file_cut_at_any_byte_or_with_any_bit_flipped_is_refused() {
    let mut memory = small();
    let app = crate::memory::AppKey::new("service", "app");
    let contact = crate::memory::Contact {
        app: &app,
        destination: "x.example",
        behaviour: None,
        company: None,
        is_benign: false,
        is_detail: false,
        sums: crate::memory::Sums::default(),
        resolution_s: 0,
    };
    memory.contact(&contact, &crate::memory::Moment::default());
    let file = encode(&memory);
    for length in 0..file.len() {
        assert_eq!(decoded(&file[..length]), Err(StoreError::Corrupt), "{length} bytes");
    }
    for bit in 0..file.len() * 8 {
        let mut file = file.clone();
        file[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decoded(&file), Err(StoreError::Corrupt), "bit {bit}");
    }
    let mut longer = file.clone();
    longer.push(0);
    assert_eq!(decoded(&longer), Err(StoreError::Corrupt));
}

#[test]
fn a_newer_file_is_told_from_a_damaged_one() {
    let error = decoded(&sealed(2, b"whatever")).expect_err("it is newer");
    assert_eq!(error, StoreError::Newer(2));
    assert_eq!(error.to_string(), "a newer Sortie wrote it (format 2, this one reads 1)");
    assert_eq!(decoded(&sealed(0, b"")), Err(StoreError::Corrupt));
}

#[test]
fn smaller_bounds_hold_at_once() {
    let mut memory = small();
    for number in 0..60_u32 {
        let app = crate::memory::AppKey::new("service", "app");
        let destination = format!("{number}.example");
        let contact = crate::memory::Contact {
            app: &app,
            destination: &destination,
            behaviour: Some("known"),
            company: None,
            is_benign: false,
            is_detail: false,
            sums: crate::memory::Sums { contacts: 1, tx_bytes: 5, rx_bytes: 0 },
            resolution_s: 0,
        };
        memory.contact(&contact, &crate::memory::Moment::default());
    }
    let limits = Limits { keys_max: 10, findings_max: 3, ..memory.limits };
    let back = decode(&encode(&memory), limits, memory.retention).expect("it was just written");
    assert!(back.keys.len() <= 10 && back.findings.found.len() <= 3);
    assert_eq!(back.apps().next().map(|app| app.sums.tx_bytes), Some(300));
}
