//! Writes the tables that `src/naming/names.rs` reads. Their form is told there.

use std::collections::BTreeMap;

/// Names in one block. Each block costs four bytes and the sharing of its first name.
const BLOCK: usize = 16;

/// The table of these names and their values.
///
/// # Errors
///
/// What does not fit: a name of more than 255 bytes, more than 65 535 blocks.
pub(crate) fn table(names: &BTreeMap<String, u16>) -> Result<Vec<u8>, String> {
    let mut sorted: Vec<(Vec<u8>, u16)> =
        names.iter().map(|(name, value)| (name.bytes().rev().collect(), *value)).collect();
    sorted.sort();
    let labels = names.keys().map(|name| name.split('.').count()).max().unwrap_or_default();
    let blocks = sorted.len().div_ceil(BLOCK);
    let count = u16::try_from(blocks).map_err(|_| format!("{blocks} blocks of names"))?;
    let labels = u8::try_from(labels).map_err(|_| format!("a name of {labels} labels"))?;
    let mut head = Vec::from(count.to_le_bytes());
    // One byte for a value is enough for most tables, and is what the list of suffixes saves most by.
    let width = if names.values().all(|value| *value < 256) { 1 } else { 2 };
    head.extend([labels, width]);
    let mut body = Vec::new();
    for block in sorted.chunks(BLOCK) {
        let at = 4 + 4 * blocks + body.len();
        head.extend(u32::try_from(at).map_err(|error| error.to_string())?.to_le_bytes());
        let mut before: &[u8] = &[];
        for (name, value) in block {
            let kept = before.iter().zip(name).take_while(|(a, b)| a == b).count();
            let letters = name.get(kept..).unwrap_or_default();
            let byte = |count: usize| {
                let name = String::from_utf8_lossy(name);
                u8::try_from(count).map_err(|_| format!("`{name}` is too long, read from its end"))
            };
            body.extend([byte(kept)?, byte(letters.len())?]);
            body.extend(value.to_le_bytes().iter().take(usize::from(width)));
            body.extend(letters);
            before = name;
        }
    }
    head.extend(body);
    Ok(head)
}
