//! Names from outside, made fit to be shown and stored.

/// Most bytes of an app's id.
pub const MAX_ID_BYTES: usize = 128;
/// Most bytes of an app's name for people.
const MAX_NAME_BYTES: usize = 128;
/// Most bytes of an icon's name, which may be a path.
const MAX_ICON_BYTES: usize = 256;

/// What stands in front of an id that would read as one of the reserved, such as `(kernel)`.
const FOREIGN: char = '\u{2039}';

/// An id: never empty, never longer than [`MAX_ID_BYTES`], never starting with `(`.
pub(super) fn id(name: &str) -> String {
    if name.is_empty() {
        return char::REPLACEMENT_CHARACTER.into();
    }
    if name.starts_with('(') {
        return bounded(&format!("{FOREIGN}{name}"), MAX_ID_BYTES);
    }
    bounded(name, MAX_ID_BYTES)
}

/// A name for people; `None` when nothing is left to see.
pub(super) fn name(name: &str) -> Option<String> {
    let name = name.trim();
    (!name.is_empty()).then(|| bounded(name, MAX_NAME_BYTES))
}

/// The name or path of an icon, which is looked up and so is dropped rather than changed.
pub(super) fn icon(icon: &str) -> Option<&str> {
    let fits = !icon.is_empty() && icon.len() <= MAX_ICON_BYTES && !icon.contains(is_unseen);
    fits.then_some(icon)
}

fn bounded(text: &str, most: usize) -> String {
    const ELLIPSIS: char = '…';
    let mut plain = String::with_capacity(text.len().min(most));
    // Where to cut if the rest does not fit: the ellipsis needs room as well.
    let mut cut = 0;
    for character in text.chars() {
        let character = if is_unseen(character) { char::REPLACEMENT_CHARACTER } else { character };
        if plain.len() + character.len_utf8() > most {
            plain.truncate(cut);
            plain.push(ELLIPSIS);
            break;
        }
        plain.push(character);
        if plain.len() + ELLIPSIS.len_utf8() <= most {
            cut = plain.len();
        }
    }
    plain
}

/// Control characters, and those that hide or reorder text (Unicode's `Bidi_Control`, the zero-width
/// ones, separators of lines and paragraphs, the byte order mark, tags).
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_and_bounded() {
        let check = |name: &str, expected: &str| assert_eq!(id(name), expected, "{name:?}");
        check("org.x.Y", "org.x.Y");
        check("", "\u{fffd}");
        check("a\nb\0c\u{1b}[31m", "a\u{fffd}b\u{fffd}c\u{fffd}[31m");
        check("gnp.\u{202e}txt\u{200b}", "gnp.\u{fffd}txt\u{fffd}");
        check("(kernel)", "‹(kernel)");
        check("(unknown:gone)", "‹(unknown:gone)");
        check("a(b)", "a(b)");
        check("日本語", "日本語");
        check(&"a".repeat(128), &"a".repeat(128));
        check(&"a".repeat(129), &format!("{}…", "a".repeat(125)));
        check(&"é".repeat(65), &format!("{}…", "é".repeat(62)));
        check(&"\n".repeat(99), &format!("{}…", "\u{fffd}".repeat(41)));
    }

    #[test]
    fn icons_are_kept_or_dropped() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(icon(text), expected);
        check("firefox", Some("firefox"));
        check("/usr/share/a.png", Some("/usr/share/a.png"));
        check("a\nb", None);
        check("", None);
        check(&"a".repeat(257), None);
    }

    #[test]
    fn names_are_trimmed() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(name(text).as_deref(), expected, "{text:?}");
        };
        check(" Firefox ", Some("Firefox"));
        check("  ", None);
        check("a\tb", Some("a\u{fffd}b"));
    }
}
