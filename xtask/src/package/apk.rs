//! OpenWrt's format from 25.12 on: apk 3, unsigned, as OpenWrt's own packages are.

use std::{collections::BTreeMap, io::Write as _};

use anyhow::{Context as _, Result};
use flate2::{Compression, write::DeflateEncoder};
use sha2::{Digest as _, Sha256};

use super::{
    Release,
    adb::{self, Adb, Value},
    ipk, sources,
    tree::{File, Tree},
};

/// What a compressed file begins with; a stream of deflate (RFC 1951) follows.
const COMPRESSED: &[u8; 4] = b"ADBd";

/// Bytes of the name that a package has by its content.
const ID_BYTES: usize = 20;

/// What OpenWrt's packages run (`include/package-pack.mk`).
const SCRIPT: &str = "#!/bin/sh\n[ \"${IPKG_NO_SCRIPT}\" = \"1\" ] && exit 0\n\
    [ -s ${IPKG_INSTROOT}/lib/functions.sh ] || exit 0\n. ${IPKG_INSTROOT}/lib/functions.sh\n\
    export root=\"${IPKG_INSTROOT}\"\nexport pkgname=\"sortie\"\n";

/// The name of the file and its bytes.
pub(super) fn build(arch: &str, agent: Vec<u8>, release: &Release) -> Result<(String, Vec<u8>)> {
    let tree = data(agent);
    let folders = folders(&tree);
    let unnamed = values(arch, &folders, &tree, release, &[0; ID_BYTES])?;
    let id = Sha256::digest(&unnamed);
    let id = id.get(..ID_BYTES).context("a digest is longer")?;
    let values = values(arch, &folders, &tree, release, id)?;
    let mut contents = Vec::new();
    for (folder, files) in (1..).zip(folders.values()) {
        for (number, (_, file)) in (1..).zip(files) {
            if !file.content.is_empty() {
                contents.push((folder, number, file.content.as_slice()));
            }
        }
    }
    let mut encoder = DeflateEncoder::new(COMPRESSED.to_vec(), Compression::best());
    encoder.write_all(&adb::package(&values, &contents)).context("memory does not fail")?;
    let name = format!("sortie-{}-r1.apk", release.version);
    Ok((name, encoder.finish().context("memory does not fail")?))
}

/// The files of the other format, and the lists by which OpenWrt's scripts find them.
fn data(agent: Vec<u8>) -> Tree {
    let mut tree = ipk::data(agent);
    let config = Sha256::digest(sources::OPENWRT_CONFIG);
    let mut list = String::new();
    for path in tree.paths() {
        list.extend(["/", path, "\n"]);
    }
    tree.add("lib/apk/packages/sortie.list", 0o644, list);
    tree.add("lib/apk/packages/sortie.rusers", 0o644, format!("{}\n", ipk::USERS));
    tree.add("lib/apk/packages/sortie.conffiles", 0o644, "/etc/config/sortie\n");
    tree.add(
        "lib/apk/packages/sortie.conffiles_static",
        0o644,
        format!("/etc/config/sortie {}\n", super::hex(&config)),
    );
    tree
}

type Folders<'a> = BTreeMap<&'a str, Vec<(&'a str, &'a File)>>;

/// Every folder with its own files, the root first; both in the order of their bytes.
fn folders(tree: &Tree) -> Folders<'_> {
    let mut folders = Folders::from([("", Vec::new())]);
    for (path, file) in tree.iter() {
        for (at, _) in path.match_indices('/') {
            folders.entry(path.split_at(at).0).or_default();
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        folders.entry(folder).or_default().push((name, file));
    }
    folders
}

/// Everything but the contents. The numbers of the fields are those of apk-tools' `src/apk_adb.h`.
fn values(
    arch: &str,
    folders: &Folders<'_>,
    tree: &Tree,
    release: &Release,
    id: &[u8],
) -> Result<Vec<u8>> {
    let mut adb = Adb::new();
    let nothing = Value::default();
    let size = adb.int(u32::try_from(tree.size())?);
    let version = format!("{}-r1", release.version);
    let info = [
        adb.text("sortie"),
        adb.text(&version),
        adb.blob(id),
        adb.text(sources::SUMMARY),
        adb.text(arch),
        adb.text(super::LICENSE),
        adb.text("sortie"),
        adb.text(super::MAINTAINER),
        adb.text(super::URL),
        nothing,
        nothing,
        size,
    ];
    let info = adb.object(&info);
    let mut paths = Vec::new();
    for (folder, files) in folders {
        let mut entries = Vec::new();
        for (name, file) in files {
            let entry = [
                adb.text(name),
                access(&mut adb, file.mode),
                adb.int(u32::try_from(file.content.len())?),
                adb.int(u32::try_from(release.time)?),
                adb.blob(&Sha256::digest(&file.content)),
            ];
            entries.push(adb.object(&entry));
        }
        let path = [adb.text(folder), access(&mut adb, 0o755), adb.array(&entries)];
        paths.push(adb.object(&path));
    }
    let paths = adb.array(&paths);
    let run = |adb: &mut Adb, what: &str| adb.text(&format!("{SCRIPT}{what}\n"));
    let scripts = [
        nothing,
        nothing,
        run(&mut adb, "add_group_and_user\ndefault_postinst"),
        run(&mut adb, "default_prerm"),
        nothing,
        nothing,
        run(&mut adb, "export PKG_UPGRADE=1\nadd_group_and_user\ndefault_postinst"),
    ];
    let scripts = adb.object(&scripts);
    let root = adb.object(&[info, paths, scripts]);
    Ok(adb.finish(root))
}

/// Whose a file is, and who may do what.
fn access(adb: &mut Adb, mode: u32) -> Value {
    let fields = [adb.int(mode), adb.text("root"), adb.text("root")];
    adb.object(&fields)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "a test fails by panicking")]

    use std::io::Read as _;

    use super::*;

    /// Reads what apk-v3(5) describes; panics where a file is not of that kind.
    struct Reader(Vec<u8>);

    impl Reader {
        fn word(&self, at: usize) -> u32 {
            u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap_or_default())
        }

        fn root(&self) -> u32 {
            assert_eq!(self.0[..4], [0; 4], "the version of the format");
            self.word(4)
        }

        /// The slots of an object (14) or array (13).
        fn slots(&self, value: u32, kind: u32) -> Vec<u32> {
            assert_eq!(value >> 28, kind, "{value:x}");
            let at = (value & 0x0fff_ffff) as usize;
            assert_eq!(at % 4, 0);
            (1..self.word(at) as usize).map(|slot| self.word(at + 4 * slot)).collect()
        }

        fn bytes(&self, value: u32) -> &[u8] {
            let at = (value & 0x0fff_ffff) as usize;
            let (begin, length) = match value >> 28 {
                0 => return &[],
                8 => (at + 1, usize::from(self.0[at])),
                9 => (at + 2, usize::from(u16::from_le_bytes([self.0[at], self.0[at + 1]]))),
                kind => panic!("no text: {kind}"),
            };
            &self.0[begin..begin + length]
        }

        fn text(&self, value: u32) -> String {
            String::from_utf8_lossy(self.bytes(value)).into_owned()
        }

        fn int(&self, value: u32) -> u32 {
            match value >> 28 {
                1 => value & 0x0fff_ffff,
                2 => self.word((value & 0x0fff_ffff) as usize),
                kind => panic!("no number: {kind}"),
            }
        }
    }

    /// The blocks of a file: type and content.
    fn blocks(file: &[u8]) -> Result<Vec<(u32, Vec<u8>)>> {
        assert_eq!(&file[..4], b"ADBd");
        let mut bytes = Vec::new();
        flate2::read::DeflateDecoder::new(&file[4..]).read_to_end(&mut bytes)?;
        assert_eq!(&bytes[..8], b"ADB.pckg");
        let (mut at, mut blocks) = (8, Vec::new());
        while at < bytes.len() {
            let word = u32::from_le_bytes(bytes[at..at + 4].try_into()?);
            let length = (word & 0x3fff_ffff) as usize;
            blocks.push((word >> 30, bytes[at + 4..at + length].to_vec()));
            at += length.next_multiple_of(8);
        }
        assert_eq!(at, bytes.len());
        Ok(blocks)
    }

    fn example() -> Result<(String, Vec<u8>)> {
        build("mipsel_24kc", vec![7; 70_000], &Release::example())
    }

    #[test]
    fn the_package_says_what_it_is() -> Result<()> {
        let (name, file) = example()?;
        assert_eq!(name, "sortie-1.2.3-r1.apk");
        assert_eq!(example()?.1, file);
        let mut blocks = blocks(&file)?.into_iter();
        let (kind, values) = blocks.next().context("a block of values")?;
        assert_eq!(kind, 0);
        let reader = Reader(values);
        let root = reader.slots(reader.root(), 14);
        let info = reader.slots(root[0], 14);
        assert_eq!(reader.text(info[0]), "sortie");
        assert_eq!(reader.text(info[1]), "1.2.3-r1");
        assert_eq!(reader.text(info[4]), "mipsel_24kc");
        assert!(reader.int(info[11]) > 70_000);
        let scripts = reader.slots(root[2], 14);
        assert!(reader.text(scripts[2]).ends_with("default_postinst\n"));
        assert!(reader.text(scripts[3]).ends_with("default_prerm\n"));

        // Its name by its content is that of the values without it.
        let id = reader.bytes(info[2]).to_vec();
        let at = reader.0.windows(ID_BYTES).position(|window| window == id).context("the id")?;
        let mut unnamed = reader.0.clone();
        unnamed[at..at + ID_BYTES].fill(0);
        assert_eq!(Sha256::digest(&unnamed)[..ID_BYTES], id);
        Ok(())
    }

    #[test]
    fn every_file_is_there_with_its_content() -> Result<()> {
        let (_, file) = example()?;
        let mut blocks = blocks(&file)?.into_iter();
        let reader = Reader(blocks.next().context("a block of values")?.1);
        let paths = reader.slots(reader.slots(reader.root(), 14)[1], 13);
        let mut tree = Tree::default();
        let mut names = Vec::new();
        for (folder, path) in (1_u32..).zip(paths) {
            let path = reader.slots(path, 14);
            let name = reader.text(path[0]);
            names.push(name.clone());
            let files = path.get(2).map(|files| reader.slots(*files, 13)).unwrap_or_default();
            for (number, entry) in (1_u32..).zip(files) {
                let entry = reader.slots(entry, 14);
                let access = reader.slots(entry[1], 14);
                assert_eq!(reader.text(access[1]), "root");
                assert_eq!(reader.int(entry[3]), 1_700_000_000);
                let (kind, data) = blocks.next().context("a block of data")?;
                assert_eq!(kind, 2);
                assert_eq!(data[..8], [folder.to_le_bytes(), number.to_le_bytes()].concat());
                assert_eq!(data.len() - 8, reader.int(entry[2]) as usize);
                assert_eq!(reader.bytes(entry[4]), Sha256::digest(&data[8..]).as_slice());
                let path = format!("{name}/{}", reader.text(entry[0]));
                tree.add(&path, reader.int(access[0]), &data[8..]);
            }
        }
        assert_eq!(blocks.next(), None);
        assert_eq!(tree, data(vec![7; 70_000]));
        assert!(names.is_sorted() && names.first().is_some_and(String::is_empty), "{names:?}");
        assert_eq!(tree.text("lib/apk/packages/sortie.rusers"), "sortie:sortie\n");
        let list = tree.text("lib/apk/packages/sortie.list");
        assert!(list.contains("/etc/init.d/sortie\n"), "{list}");
        Ok(())
    }
}
