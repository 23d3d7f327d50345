//! As much of ELF as it takes to say what kind of program a file is (elf(5)).

use anyhow::{Context as _, Result, bail};

use super::Target;
use crate::{cross::target::Bits, toolchain::Order};

const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const SHT_SYMTAB: u64 = 2;

/// An error unless the file is a program of the target that needs nothing beside the kernel, and has
/// no symbols.
pub(crate) fn check(file: &[u8], target: &Target) -> Result<()> {
    let elf = Elf::parse(file)?;
    if elf.order != target.order || (elf.machine, elf.bits) != target.machine {
        bail!("it is for another machine than {}: ELF machine {}", target.triple, elf.machine);
    }
    for kind in elf.program_headers()? {
        if [PT_DYNAMIC, PT_INTERP].contains(&kind) {
            bail!("it needs a loader: it has a program header of type {kind}");
        }
    }
    if elf.section_types()?.contains(&SHT_SYMTAB) {
        bail!("it has symbols: it was not stripped");
    }
    Ok(())
}

struct Elf<'a> {
    file: &'a [u8],
    bits: Bits,
    order: Order,
    machine: u16,
}

impl<'a> Elf<'a> {
    fn parse(file: &'a [u8]) -> Result<Self> {
        let short = "it is too short to be a program";
        if file.get(..4).context(short)? != b"\x7fELF" {
            bail!("it is no ELF file");
        }
        let bits = match file.get(4) {
            Some(1) => Bits::B32,
            Some(2) => Bits::B64,
            _ => bail!("its ELF class is unknown"),
        };
        let order = if file.get(5) == Some(&2) { Order::Big } else { Order::Little };
        let mut elf = Self { file, bits, order, machine: 0 };
        elf.machine = u16::try_from(elf.number(18, 2).context(short)?)?;
        Ok(elf)
    }

    /// Types of the program headers.
    fn program_headers(&self) -> Result<Vec<u64>> {
        let (table, size) = match self.bits {
            Bits::B32 => ((28, 4), 42),
            Bits::B64 => ((32, 8), 54),
        };
        self.types(table, size, 0)
    }

    /// Types of the sections.
    fn section_types(&self) -> Result<Vec<u64>> {
        let (table, size) = match self.bits {
            Bits::B32 => ((32, 4), 46),
            Bits::B64 => ((40, 8), 58),
        };
        self.types(table, size, 4)
    }

    /// A word of each entry of a table; its place, the size of its entries and their number stand in
    /// the header of the file.
    fn types(&self, table: (usize, usize), size: usize, word: usize) -> Result<Vec<u64>> {
        let number = |at, bytes| self.number(at, bytes).context("its header is cut short");
        let begin = usize::try_from(number(table.0, table.1)?)?;
        let (size, count) = (number(size, 2)?, number(size + 2, 2)?);
        let (size, count) = (usize::try_from(size)?, usize::try_from(count)?);
        (0..count)
            .map(|index| self.number(begin + index * size + word, 4))
            .collect::<Option<_>>()
            .context("a table of its header is cut short")
    }

    fn number(&self, at: usize, bytes: usize) -> Option<u64> {
        let bytes = self.file.get(at..at.checked_add(bytes)?)?.iter();
        let push = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(match self.order {
            Order::Little => bytes.rev().fold(0, push),
            Order::Big => bytes.fold(0, push),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file for 32-bit big-endian MIPS with one program header and one section of these types.
    fn mips(program: u8, section: u8) -> Vec<u8> {
        let mut file = vec![0; 52 + 32 + 40];
        file[..7].copy_from_slice(b"\x7fELF\x01\x02\x01");
        file[19] = 8;
        (file[31], file[35]) = (52, 84);
        (file[43], file[45]) = (32, 1);
        (file[47], file[49]) = (40, 1);
        (file[55], file[91]) = (program, section);
        file
    }

    fn told(file: &[u8], triple: &str) -> Result<String> {
        let told = check(file, &Target::named(triple)?);
        Ok(told.map_or_else(|error| error.to_string(), |()| "fine".to_owned()))
    }

    #[test]
    fn a_static_program_without_symbols_is_fine() -> Result<()> {
        assert_eq!(told(&mips(1, 1), "mips")?, "fine");
        assert!(told(&mips(1, 1), "mipsel")?.starts_with("it is for another machine"));
        assert!(told(&mips(3, 1), "mips")?.starts_with("it needs a loader"));
        assert!(told(&mips(1, 2), "mips")?.starts_with("it has symbols"));
        Ok(())
    }

    #[test]
    fn a_cut_file_is_refused_wherever_it_is_cut() -> Result<()> {
        let file = mips(1, 1);
        for end in 0..88 {
            assert_ne!(told(&file[..end], "mips")?, "fine", "{end}");
        }
        assert_ne!(told(b"#!/bin/sh\n", "mips")?, "fine");
        Ok(())
    }

    #[test]
    fn this_program_is_neither_static_nor_stripped() -> Result<()> {
        let own = std::fs::read(std::env::current_exe()?)?;
        if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
            assert!(told(&own, "x86_64")?.starts_with("it needs a loader"));
        }
        Ok(())
    }
}
