//! The commands of the README for phones and routers, so that they are tried as they are written.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result, bail};

/// A section for one kind of device. In a machine a block is known by the name of its part and its number.
struct Section {
    title: &'static str,
    /// What stands above a block that is to be typed there.
    place: &'static str,
    /// Names of its parts, and what they begin with.
    parts: &'static [(&'static str, &'static str)],
}

const SECTIONS: [Section; 2] = [
    Section {
        title: "## On a router\n",
        place: "on the router",
        parts: &[("router", "OpenWrt 22.03")],
    },
    Section {
        title: "## On a phone\n",
        place: "on the phone",
        parts: &[
            ("debian", "**Mobian"),
            ("alpine", "**postmarketOS"),
            ("file", "**Without a package"),
        ],
    },
];

/// The blocks of commands for the device itself. Above each block of a section stands where it is to be
/// typed: on a computer, or on the device.
fn blocks(readme: &str, section: &Section) -> Result<BTreeMap<String, String>> {
    let Section { title, place, parts } = section;
    let section = readme.split(title).nth(1).with_context(|| format!("no section {title}"))?;
    let section = section.split("\n## ").next().unwrap_or_default();
    let (mut blocks, mut part, mut number) = (BTreeMap::new(), None, 0);
    let mut above = String::new();
    let mut lines = section.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some((name, _)) = parts.iter().find(|(_, begin)| line.starts_with(begin)) {
            (part, number) = (Some(*name), 0);
        }
        let Some(first) = line.strip_prefix("    ") else {
            above.push_str(&line.to_lowercase());
            continue;
        };
        let mut block = format!("{first}\n");
        while let Some(next) = lines.next_if(|next| next.starts_with("    ")) {
            block.push_str(next.trim_start());
            block.push('\n');
        }
        match ["on a computer", place].map(|words| above.contains(words)) {
            [true, false] => {}
            [false, true] => {
                number += 1;
                let part = part.context("a block of commands before the first part")?;
                blocks.insert(format!("{part}-{number}"), block);
            }
            _ => bail!("README.md does not say where this is to be typed: {first}"),
        }
        above.clear();
    }
    Ok(blocks)
}

/// The same from the file.
pub(super) fn read(root: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(root.join("README.md")).context("cannot read README.md")?;
    SECTIONS.iter().try_fold(BTreeMap::new(), |mut all, section| {
        all.extend(blocks(&text, section)?);
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{vm::device::FILES, workspace::Workspace};

    #[test]
    fn a_block_is_for_the_device_if_what_stands_above_says_so() -> Result<()> {
        let [router, phone] = &SECTIONS;
        let text = "# X\n\n## On a phone\n\n**Mobian.** On a computer:\n\n    one\n\nThen,\non the phone:\n\n    \
                    two   # 2\n    three\n\nEnd, on the phone:\n\n    four\n\n## On a router\n\nOpenWrt 22.03. On the router:\n\n    six\n\n## Later\n\n    five\n";
        let found = blocks(text, phone)?;
        let wanted = [("debian-1", "two   # 2\nthree\n"), ("debian-2", "four\n")];
        assert_eq!(found, wanted.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
        assert_eq!(blocks(text, router)?, [("router-1".to_owned(), "six\n".to_owned())].into());
        for vague in ["Do this:", "On a computer or on the phone:"] {
            assert!(
                blocks(&text.replace("Then,\non the phone:", vague), phone).is_err(),
                "{vague}"
            );
        }
        assert!(blocks("# X\n", phone).is_err());
        Ok(())
    }

    #[test]
    fn the_cases_type_every_block_there_is() -> Result<()> {
        let known = read(Workspace::find()?.root())?;
        let typed = FILES.iter().flat_map(|(_, text)| text.lines());
        let mut typed: Vec<&str> =
            typed.filter_map(|line| line.trim().strip_prefix("typed ")).collect();
        typed.sort_unstable();
        assert_eq!(known.keys().map(String::as_str).collect::<Vec<_>>(), typed);
        Ok(())
    }
}
