//! The archive that a kernel takes as its first file system: "newc" of cpio(5), uncompressed
//! (the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`).

use anyhow::{Context as _, Result};

/// An archive under construction.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a folder.
    pub(super) fn folder(&mut self, path: &str) -> Result<()> {
        self.node(path, 0o040_755, (0, 0), (0, 0), &[])
    }

    /// Adds a program.
    pub(super) fn program(&mut self, path: &str, content: &[u8]) -> Result<()> {
        self.node(path, 0o100_755, (0, 0), (0, 0), content)
    }

    /// Adds a character device.
    pub(super) fn device(&mut self, path: &str, number: (u32, u32)) -> Result<()> {
        self.node(path, 0o020_600, (0, 0), number, &[])
    }

    /// The archive, ended.
    pub(super) fn finish(mut self) -> Result<Vec<u8>> {
        self.node("TRAILER!!!", 0, (0, 0), (0, 0), &[])?;
        Ok(self.bytes)
    }

    /// The bytes so far, to be written before the next ones are added.
    pub(super) fn drain(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Adds anything: kind and permissions as in `st_mode`, user and group, the number of a device, and
    /// what is in it, or where a link leads.
    pub(super) fn node(
        &mut self,
        path: &str,
        mode: u32,
        owner: (u32, u32),
        device: (u32, u32),
        content: &[u8],
    ) -> Result<()> {
        let size = u32::try_from(content.len()).context("a file too large for the format")?;
        let name = u32::try_from(path.len() + 1).context("a path too long for the format")?;
        self.entries += 1;
        // Number, mode, user, group, links, time, size, device of the file, device of the node, length
        // of the name with its zero byte, checksum.
        let (user, group) = owner;
        let (major, minor) = device;
        let fields = [self.entries, mode, user, group, 1, 0, size, 0, 0, major, minor, name, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
        Ok(())
    }

    /// Headers and contents begin at multiples of four.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        process::{Command, Stdio},
    };

    use super::*;
    use crate::places::Places;

    fn example() -> Result<Vec<u8>> {
        let mut archive = Archive::default();
        archive.folder("dev")?;
        archive.device("dev/console", (5, 1))?;
        archive.program("init", b"12345")?;
        archive.finish()
    }

    #[test]
    fn the_format_is_the_documented_one() -> Result<()> {
        let bytes = example()?;
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("07070100000001000041ed"), "{text}");
        assert_eq!(bytes.len() % 4, 0);
        // 110 bytes of header, "dev" and its zero byte, filled up to a multiple of four.
        assert_eq!(bytes.get(116..122), Some(b"070701".as_slice()));
        Ok(())
    }

    #[test]
    fn cpio_reads_it() -> Result<()> {
        let Some(cpio) = Places::of_this_machine().program("cpio") else {
            return Ok(());
        };
        let mut child = Command::new(cpio)
            .args(["--list", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("piped")?.write_all(&example()?)?;
        let output = child.wait_with_output()?;
        assert_eq!(String::from_utf8_lossy(&output.stdout), "dev\ndev/console\ninit\n");
        Ok(())
    }
}
