//! As much of ELF as it takes to find a section of an eBPF object, which is always 64-bit.

/// Where the content of a section begins (elf(5)), in a little-endian file.
pub fn section(file: &[u8], name: &str) -> Option<usize> {
    let table = number(file, 0x28, 8)?;
    let (size, count) = (number(file, 0x3a, 2)?, number(file, 0x3c, 2)?);
    let header = |index: usize| table + index * size;
    let content = |header: usize| number(file, header + 0x18, 8);
    let names = content(header(number(file, 0x3e, 2)?))?;
    let found = (0..count).map(header).find(|header| {
        let text = number(file, *header, 4).and_then(|at| file.get(names + at..));
        text.is_some_and(|text| text.starts_with(format!("{name}\0").as_bytes()))
    })?;
    content(found)
}

/// A little-endian number of so many bytes.
fn number(file: &[u8], at: usize, bytes: usize) -> Option<usize> {
    let bytes = file.get(at..at + bytes)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}
