//! Labels in their ASCII form (RFC 3492), for the rules of the public-suffix list.

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const INITIAL_BIAS: u32 = 72;
const INITIAL_N: u32 = 128;

/// A label as it stands in the DNS: itself, or `xn--` and its Punycode. It is not mapped to lower case
/// or composed: the list has its labels so. `None` when numbers overflow, which no label of the DNS's
/// 63 bytes brings about.
pub(super) fn ascii(label: &str) -> Option<String> {
    if label.is_ascii() {
        return Some(label.to_owned());
    }
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    if basic > 0 {
        out.push('-');
    }
    let total = u32::try_from(label.chars().count()).ok()?;
    let (mut n, mut delta, mut bias, mut handled) = (INITIAL_N, 0_u32, INITIAL_BIAS, basic);
    while handled < total {
        let next = label.chars().map(u32::from).filter(|code| *code >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for code in label.chars().map(u32::from) {
            if code < n {
                delta = delta.checked_add(1)?;
            }
            if code == n {
                push_number(&mut out, delta, bias)?;
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n = n.checked_add(1)?;
    }
    Some(format!("xn--{out}"))
}

/// A number with digits of changing weight (RFC 3492, 3.3).
fn push_number(out: &mut String, mut number: u32, bias: u32) -> Option<()> {
    let mut k = BASE;
    loop {
        let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if number < threshold {
            out.push(char::from_digit(number, BASE).map(digit)?);
            return Some(());
        }
        let surplus = number - threshold;
        let weight = BASE - threshold;
        out.push(char::from_digit(threshold + surplus % weight, BASE).map(digit)?);
        number = surplus / weight;
        k += BASE;
    }
}

/// Rust's digits are 0 to 9, then letters; those of RFC 3492, 5, the other way about.
const fn digit(rust: char) -> char {
    match rust {
        '0'..='9' => (b'a' + (rust as u8 - b'0')) as char,
        'a'..='p' => (b'k' + (rust as u8 - b'a')) as char,
        other => (b'0' + (other as u8 - b'q')) as char,
    }
}

/// RFC 3492, 6.1.
const fn adapt(delta: u32, points: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_of_the_rfc_come_out() {
        // RFC 3492, 7.1: (A), (B), (D), (I) in its lower-case form, (L).
        for (label, expected) in [
            (
                "\u{644}\u{64a}\u{647}\u{645}\u{627}\u{628}\u{62a}\u{643}\u{644}\u{645}\u{648}\u{634}\u{639}\u{631}\u{628}\u{64a}\u{61f}",
                "egbpdaj6bu4bxfgehfvwxn",
            ),
            (
                "\u{4ed6}\u{4eec}\u{4e3a}\u{4ec0}\u{4e48}\u{4e0d}\u{8bf4}\u{4e2d}\u{6587}",
                "ihqwcrb4cv8a8dqg056pqjye",
            ),
            ("Pro\u{10d}prost\u{11b}nemluv\u{ed}\u{10d}esky", "Proprostnemluvesky-uyb24dma41a"),
            (
                "\u{43f}\u{43e}\u{447}\u{435}\u{43c}\u{443}\u{436}\u{435}\u{43e}\u{43d}\u{438}\u{43d}\u{435}\u{433}\u{43e}\u{432}\u{43e}\u{440}\u{44f}\u{442}\u{43f}\u{43e}\u{440}\u{443}\u{441}\u{441}\u{43a}\u{438}",
                "b1abfaaepdrnnbgefbadotcwatmq2g4l",
            ),
            ("3\u{5e74}B\u{7d44}\u{91d1}\u{516b}\u{5148}\u{751f}", "3B-ww4c5e180e575a65lsy2b"),
        ] {
            assert_eq!(ascii(label), Some(format!("xn--{expected}")));
        }
        assert_eq!(ascii("plain-1").as_deref(), Some("plain-1"));
    }
}
