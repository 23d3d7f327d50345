//! Numbers and names as people read them in a terminal.

use std::iter;

/// What stands for the part of a text that found no room.
const ELLIPSIS: char = '…';

/// Marks kept on one letter. Real writing needs no more; piles of them reach into other lines.
const MARKS_MAX: usize = 2;

/// Ranges of characters that take no column: marks that join the letter before.
const MARKS: &[(u32, u32)] = &[
    (0x0300, 0x036F),
    (0x0483, 0x0489),
    (0x0591, 0x05BD),
    (0x0610, 0x061A),
    (0x064B, 0x065F),
    (0x06D6, 0x06DC),
    (0x0E34, 0x0E3A),
    (0x0E47, 0x0E4E),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE20, 0xFE2F),
];

/// Ranges of characters that take two columns: East Asian scripts and pictures.
const WIDE: &[(u32, u32)] = &[
    (0x1100, 0x115F),
    (0x231A, 0x231B),
    (0x23E9, 0x23F3),
    (0x2600, 0x27BF),
    (0x2E80, 0x303E),
    (0x3041, 0xA4CF),
    (0xA960, 0xA97F),
    (0xAC00, 0xD7A3),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE6F),
    (0xFF00, 0xFF60),
    (0xFFE0, 0xFFE6),
    (0x1F000, 0x1FAFF),
    (0x20000, 0x3FFFD),
];

/// Whether a character could act on a terminal or on the order of the text around it, or is
/// invisible: control characters, bidirectional controls, zero-width characters, tags.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            u32::from(c),
            0x00AD
                | 0x034F
                | 0x061C
                | 0x115F..=0x1160
                | 0x17B4..=0x17B5
                | 0x180B..=0x180F
                | 0x200B..=0x200F
                | 0x2028..=0x202E
                | 0x2060..=0x206F
                | 0x3164
                | 0xFE00..=0xFE0F
                | 0xFEFF
                | 0xFFA0
                | 0xFFF0..=0xFFFB
                | 0xE0000..=0xE0FFF
        )
}

/// A name somebody else chose, fit to be shown: no character that [`is_unsafe`], no pile of marks,
/// and every kind of white space a plain space.
pub fn clean(name: &str) -> String {
    let mut marks = 0;
    let shown = name.chars().filter(|&c| !is_unsafe(c)).filter(|&c| {
        marks = if columns_of(c) == 0 { marks + 1 } else { 0 };
        marks <= MARKS_MAX
    });
    let text: String = shown.map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    text.trim().to_owned()
}

/// Columns a cleaned text takes on a terminal.
///
/// An approximation by ranges of Unicode 16: exact for Latin, Greek, Cyrillic, Hebrew, Arabic, Thai
/// and East Asian text. Where terminals disagree it takes the larger number, so that a line may end
/// early but never wraps.
pub fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(c: char) -> usize {
    let within = |ranges: &[(u32, u32)]| {
        ranges.iter().any(|&(first, last)| (first..=last).contains(&u32::from(c)))
    };
    match c {
        ' '..='~' => 1,
        _ if within(MARKS) => 0,
        _ if within(WIDE) => 2,
        _ => 1,
    }
}

/// The text in at most so many columns; what does not fit is cut off its end.
pub fn cut_end(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let mut kept: String = fitting(text.chars(), room).collect();
    if room > 0 {
        kept.push(ELLIPSIS);
    }
    kept
}

/// The text in at most so many columns; what does not fit is cut off its start.
///
/// For paths, whose last part tells most.
pub fn cut_start(text: &str, room: usize) -> String {
    if columns(text) <= room {
        return text.to_owned();
    }
    let kept: Vec<char> = fitting(text.chars().rev(), room).collect();
    iter::once(ELLIPSIS).take(room).chain(kept.into_iter().rev()).collect()
}

/// The text in lines of at most so many columns, broken between words where that is possible.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut_end(word, room)),
        }
    }
    lines
}

/// The first characters that leave one of so many columns free.
fn fitting(chars: impl Iterator<Item = char>, room: usize) -> impl Iterator<Item = char> {
    let mut used = 1;
    chars.take_while(move |&c| {
        used += columns_of(c);
        used <= room
    })
}

/// Bytes with three digits in units of 1000, rounded down: `0 B`, `999 B`, `1.23 kB`, `45.6 MB`.
/// At most seven columns.
pub fn bytes(bytes: u64) -> String {
    match scaled(bytes, 1_000) {
        (number, 0) => format!("{number} B"),
        (number, thousands) => format!("{number} {}B", prefix(thousands)),
    }
}

/// A count, in full up to 9999, then with three digits, rounded down: `12.3k`, `4.56M`. At most
/// five columns.
pub fn count(count: u64) -> String {
    match scaled(count, 10_000) {
        (number, 0) => number,
        (number, thousands) => format!("{number}{}", prefix(thousands)),
    }
}

/// The number with three digits, and how often it was divided by 1000; left alone below `limit`.
fn scaled(number: u64, limit: u64) -> (String, usize) {
    if number < limit {
        return (number.to_string(), 0);
    }
    let (mut unit, mut thousands) = (1_000_u64, 1);
    while number / unit >= 1_000 {
        unit *= 1_000;
        thousands += 1;
    }
    let whole = number / unit;
    // Below 1000 of a unit, thousandths of it are at least 1.
    let thousandths = number % unit / (unit / 1_000);
    let text = match whole {
        0..10 => format!("{whole}.{:02}", thousandths / 10),
        10..100 => format!("{whole}.{}", thousandths / 100),
        _ => whole.to_string(),
    };
    (text, thousands)
}

/// `k` for one division by 1000, and so on to the largest a `u64` can hold.
fn prefix(thousands: usize) -> char {
    ['k', 'M', 'G', 'T', 'P', 'E'].get(thousands.saturating_sub(1)).copied().unwrap_or('?')
}

/// How long ago something was, in milliseconds, as people say it.
pub fn ago(milliseconds: u64) -> String {
    match span(milliseconds) {
        now if now == "now" => "just now".to_owned(),
        span => format!("{span} ago"),
    }
}

/// A length of time in its largest unit, rounded down: `now` below two seconds, `45s`, `12m`, `3h`,
/// `10d`, `3y` from 1000 days. At most four columns for the next 997 years.
pub fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    match seconds {
        0..2 => "now".to_owned(),
        2..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        86_400..86_400_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", seconds / 86_400 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits_and_never_round_up() {
        for (number, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (1_239, "1.23 kB"),
            (12_399, "12.3 kB"),
            (999_999, "999 kB"),
            (1_000_000, "1.00 MB"),
            (45_678_901, "45.6 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn counts_are_full_up_to_four_digits() {
        for (number, text) in [(0, "0"), (9_999, "9999"), (12_345, "12.3k"), (1_234_567, "1.23M")] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn spans_use_one_unit() {
        for (seconds, text) in [
            (0, "now"),
            (2, "2s"),
            (119, "1m"),
            (7_200, "2h"),
            (86_400, "1d"),
            (86_399_999, "999d"),
            (86_400_000, "2y"),
        ] {
            assert_eq!(span(seconds * 1_000), text);
        }
    }

    #[test]
    fn names_cannot_act_on_the_terminal() {
        assert_eq!(clean("\x1b[2Jfire\u{202e}fox\u{200b}\u{2066}\u{feff}\r\n"), "[2Jfirefox");
        assert_eq!(clean("\u{9b}31m\u{e0041}x"), "31mx");
        assert_eq!(clean("\u{a0}a\u{3000}b "), "a b");
        assert_eq!(clean("a\u{301}\u{302}\u{303}\u{304}b"), "a\u{301}\u{302}b");
        assert_eq!(clean("\u{202e}"), "");
    }

    #[test]
    fn columns_know_wide_and_joining_characters() {
        assert_eq!(columns("Firefox"), 7);
        assert_eq!(columns("Überblick"), 9);
        assert_eq!(columns("微信"), 4);
        assert_eq!(columns("e\u{301}"), 1);
        assert_eq!(columns("🦀"), 2);
    }

    #[test]
    fn wrapped_lines_fit() {
        assert_eq!(wrap("no agent is  running", 9), ["no agent", "is", "running"]);
        assert_eq!(wrap("unbreakable", 6), ["unbre…"]);
        assert!(wrap("", 6).is_empty());
    }

    #[test]
    fn cut_texts_fit() {
        assert_eq!(cut_end("NetworkManager", 14), "NetworkManager");
        assert_eq!(cut_end("NetworkManager", 8), "Network…");
        assert_eq!(cut_start("/usr/libexec/agent", 8), "…c/agent");
        assert_eq!(cut_end("微信微信", 4), "微…");
        for text in ["NetworkManager", "微信微信", "e\u{301}e\u{301}e\u{301}"] {
            for room in 0..16 {
                assert!(columns(&cut_end(text, room)) <= room, "{text} in {room}");
                assert!(columns(&cut_start(text, room)) <= room, "{text} in {room}");
            }
        }
    }
}
