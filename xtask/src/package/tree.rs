//! The files of a package, and the archives made of them: the same bytes from the same files.

use std::{collections::BTreeMap, io::Write as _};

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// A file with its permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) mode: u32,
    pub(crate) content: Vec<u8>,
}

/// Files by their paths below the root, without a slash at the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    files: BTreeMap<String, File>,
}

impl Tree {
    pub(crate) fn add(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) {
        self.files.insert(path.to_owned(), File { mode, content: content.into() });
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// What the files take, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.files.values().map(|file| file.content.len()).sum()
    }

    /// Every folder above a file, outermost first.
    fn folders(&self) -> Vec<String> {
        let mut folders: Vec<String> = Vec::new();
        for path in self.files.keys() {
            for (at, _) in path.match_indices('/') {
                let folder = path.split_at(at).0.to_owned();
                if !folders.contains(&folder) {
                    folders.push(folder);
                }
            }
        }
        folders.sort();
        folders
    }

    /// A tar archive whose members begin with `./` and belong to root; `time` is in seconds since the
    /// Unix epoch.
    pub(crate) fn tar(&self, time: u64) -> Result<Vec<u8>> {
        let mut builder = Builder::new(Vec::new());
        let add = |builder: &mut Builder<Vec<u8>>, path: &str, kind, mode, content: &[u8]| {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(time);
            header.set_size(u64::try_from(content.len())?);
            header.set_username("root")?;
            header.set_groupname("root")?;
            // The crate would take the dot away.
            set_name(&mut header, path)?;
            header.set_cksum();
            builder.append(&header, content).with_context(|| format!("cannot pack {path}"))
        };
        add(&mut builder, "./", EntryType::Directory, 0o755, &[])?;
        for folder in self.folders() {
            add(&mut builder, &format!("./{folder}/"), EntryType::Directory, 0o755, &[])?;
        }
        for (path, file) in &self.files {
            add(&mut builder, &format!("./{path}"), EntryType::Regular, file.mode, &file.content)?;
        }
        builder.into_inner().context("an archive in memory does not fail")
    }

    /// The same, compressed.
    pub(crate) fn tar_gz(&self, time: u64) -> Result<Vec<u8>> {
        gzip(&self.tar(time)?)
    }

    /// What is in such an archive.
    #[cfg(test)]
    pub(crate) fn read(archive: &[u8]) -> Result<Self> {
        use std::io::Read as _;
        let mut tree = Self::default();
        for entry in tar::Archive::new(flate2::bufread::GzDecoder::new(archive)).entries()? {
            let mut entry = entry?;
            if entry.header().entry_type() != EntryType::Regular {
                continue;
            }
            let path = String::from_utf8(entry.path_bytes().into_owned())?;
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            tree.add(path.trim_start_matches("./"), entry.header().mode()?, content);
        }
        Ok(tree)
    }

    #[cfg(test)]
    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// The text of a file.
    #[cfg(test)]
    pub(crate) fn text(&self, path: &str) -> String {
        self.get(path)
            .map(|file| String::from_utf8_lossy(&file.content).into_owned())
            .unwrap_or_default()
    }
}

fn set_name(header: &mut Header, path: &str) -> Result<()> {
    let name = &mut header.as_gnu_mut().context("it was made so")?.name;
    let room = name.get_mut(..path.len()).with_context(|| format!("too long a path: {path}"))?;
    room.copy_from_slice(path.as_bytes());
    Ok(())
}

/// Compresses without a name and a time in the header.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(bytes).context("compressing in memory does not fail")?;
    encoder.finish().context("compressing in memory does not fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Tree {
        let mut tree = Tree::default();
        tree.add("usr/sbin/x", 0o755, "program");
        tree.add("etc/x", 0o644, "text");
        tree
    }

    #[test]
    fn what_is_packed_comes_out_again_and_twice_the_same() -> Result<()> {
        let archive = example().tar_gz(7)?;
        assert_eq!(Tree::read(&archive)?, example());
        assert_eq!(example().tar_gz(7)?, archive);
        assert_ne!(example().tar_gz(8)?, archive);
        Ok(())
    }

    #[test]
    fn tar_reads_it() -> Result<()> {
        use std::process::{Command, Stdio};
        let mut child = Command::new("tar")
            .args(["-tvz", "--full-time", "--numeric-owner", "--utc"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("piped")?.write_all(&example().tar_gz(86400)?)?;
        let text = String::from_utf8(child.wait_with_output()?.stdout)?;
        let lines: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        let names: Vec<_> = lines.iter().filter_map(|line| line.last().copied()).collect();
        assert_eq!(names, ["./", "./etc/", "./usr/", "./usr/sbin/", "./etc/x", "./usr/sbin/x"]);
        assert_eq!(lines[5][..4], ["-rwxr-xr-x", "0/0", "7", "1970-01-02"], "{text}");
        Ok(())
    }
}
