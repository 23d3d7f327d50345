//! The public-suffix list: its rules, with labels in their ASCII form.

use anyhow::{Context as _, Result};

use super::punycode;

/// The list as it is committed.
pub(super) fn list(rules: &str, version: &str) -> Result<String> {
    let mut list = format!(
        "// The rules of the public-suffix list, both sections, from the crate psl {version}, with\n\
         // internationalised labels in their ASCII form. Made by `cargo xtask data`.\n\
         //\n\
         // This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0. If a\n\
         // copy of the MPL was not distributed with this file, You can obtain one at\n\
         // https://mozilla.org/MPL/2.0/. The list itself is at https://publicsuffix.org/list/.\n",
    );
    for rule in rules.split_whitespace() {
        let (mark, name) = match rule.strip_prefix('!') {
            Some(name) => ("!", name),
            None => ("", rule),
        };
        let labels: Option<Vec<String>> = name.split('.').map(punycode::ascii).collect();
        let labels = labels.with_context(|| format!("`{rule}` has no ASCII form"))?;
        list.push_str(mark);
        list.push_str(&labels.join("."));
        list.push('\n');
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_keep_their_marks() -> Result<()> {
        let list = list("*.ck\n!www.ck\n\u{516c}\u{53f8}.cn", "2.1.0")?;
        let rules: Vec<&str> = list.lines().filter(|line| !line.starts_with("//")).collect();
        // The A-label of this one is in the list's own test vectors.
        assert_eq!(rules, ["*.ck", "!www.ck", "xn--55qx5d.cn"]);
        Ok(())
    }
}
