//! The public-suffix list as a table of names.

use std::collections::BTreeMap;

/// The bits that `src/naming/domain.rs` reads.
const IS_SUFFIX: u16 = 1;
const BELOW_IS_SUFFIX: u16 = 2;
const IS_NO_SUFFIX: u16 = 4;

/// What the rules say of each name. Lines that start with `//` are comments.
///
/// # Errors
///
/// The line of a rule that is none.
pub(crate) fn names(text: &str) -> Result<BTreeMap<String, u16>, String> {
    let mut names = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let rule = line.trim();
        if rule.is_empty() || rule.starts_with("//") {
            continue;
        }
        let (name, says) = match (rule.strip_prefix("*."), rule.strip_prefix('!')) {
            (Some(name), _) => (name, BELOW_IS_SUFFIX),
            (None, Some(name)) => (name, IS_NO_SUFFIX),
            (None, None) => (rule, IS_SUFFIX),
        };
        let is_label = |label: &str| {
            let is_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !label.is_empty() && label.bytes().all(is_byte)
        };
        if !name.split('.').all(is_label) {
            return Err(format!("line {}: `{rule}` is no rule", number + 1));
        }
        *names.entry(name.to_owned()).or_default() |= says;
    }
    Ok(names)
}
