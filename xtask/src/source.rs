//! Rust source as tidy sees it: code without comments and literals, and where its functions end.

/// The code of a file: same length, same lines, but comments and literals are blank.
pub(crate) fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut masked = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let in_word = masked.last().is_some_and(|byte| is_word(*byte));
        let (length, blank) = match token(rest, in_word) {
            Some(length) => (length.min(rest.len()), true),
            None => (1, false),
        };
        for byte in rest.iter().take(length) {
            masked.push(if blank && *byte != b'\n' { b' ' } else { *byte });
        }
        at += length;
    }
    String::from_utf8_lossy(&masked).into_owned()
}

/// The length of the comment or literal that `rest` begins with.
fn token(rest: &[u8], in_word: bool) -> Option<usize> {
    match rest {
        [b'/', b'/', ..] => Some(rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => Some(block_comment(rest)),
        [b'"', ..] => Some(quoted(rest, b'"')),
        [b'\'', b'\\', ..] => Some(quoted(rest, b'\'')),
        [b'\'', ..] => character(rest),
        [b'r', ..] if !in_word => raw(rest, 1),
        [b'b' | b'c', b'r', ..] if !in_word => raw(rest, 2),
        _ => None,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// A literal in quotes, in which a backslash protects what follows it.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        at += match byte {
            b'\\' => 2,
            byte if *byte == quote => return at + 1,
            _ => 1,
        };
    }
    rest.len()
}

/// One character in quotes; a lifetime is none.
fn character(rest: &[u8]) -> Option<usize> {
    let length = match rest.get(1)? {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    (rest.get(1 + length) == Some(&b'\'')).then_some(length + 2)
}

/// A raw string, whose `r` ends before `start`.
fn raw(rest: &[u8], start: usize) -> Option<usize> {
    let after = rest.get(start..)?;
    let hashes = after.iter().take_while(|byte| **byte == b'#').count();
    if after.get(hashes) != Some(&b'"') {
        return None;
    }
    let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    let body = after.get(hashes + 1..)?;
    let found = body.windows(end.len()).position(|window| window == end);
    Some(start + hashes + 1 + found.map_or(body.len(), |at| at + end.len()))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether masked code has this word, alone.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part == word)
}

/// The masked code before the module of tests at the end, which has rules of its own.
pub(crate) fn without_tests(masked: &str) -> &str {
    let mut at = 0;
    while let Some(found) = masked.get(at..).and_then(|rest| rest.find("#[cfg(test)]")) {
        let start = at + found;
        at = start + "#[cfg(test)]".len();
        let mut item = masked.get(at..).unwrap_or_default().trim_start();
        // Further attributes of the module, such as the lints it lifts.
        while let Some((attribute, rest)) = item.split_once(']')
            && attribute.starts_with("#[")
        {
            item = rest.trim_start();
        }
        let item = item.strip_prefix("pub(crate) ").unwrap_or(item);
        let is_block = item.find(['{', ';']).is_some_and(|at| item[at..].starts_with('{'));
        if item.starts_with("mod ") && is_block {
            return masked.get(..start).unwrap_or(masked);
        }
    }
    masked
}

/// A function: its name, the line it begins on, and how many lines it has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// Every function with a body in masked code.
pub(crate) fn functions(masked: &str) -> Vec<Function<'_>> {
    let mut found = Vec::new();
    for (at, _) in masked.match_indices("fn ") {
        let before = masked.as_bytes().get(..at).and_then(|before| before.last());
        let rest = masked.get(at + 3..).unwrap_or_default().trim_start();
        let name: &str =
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
        if before.is_some_and(|byte| is_word(*byte)) || name.is_empty() {
            continue;
        }
        let Some(body) = masked.get(at..).and_then(body) else {
            continue;
        };
        found.push(Function {
            name,
            line: 1 + masked.get(..at).map_or(0, |before| before.matches('\n').count()),
            lines: 1 + body.matches('\n').count(),
        });
    }
    found
}

/// From `fn` to the brace that closes the body; None for a declaration.
fn body(function: &str) -> Option<&str> {
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    for (at, byte) in function.bytes().enumerate() {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b';' if braces == 0 && brackets == 0 => return None,
            b'{' => braces += 1,
            b'}' if braces <= 1 => return function.get(..=at),
            b'}' => braces -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_code_is_not() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("\"}", x)"#, r"f(     , x)"),
            (r##"f(r#"}"}"#)"##, r"f(        )"),
            ("f('{', '\\'', b'}')", "f(   ,     , b   )"),
            ("f::<'a>(x)", "f::<'a>(x)"),
            ("for x in b\"{\"", "for x in b   "),
            ("var\"x\"", "var   "),
            ("'ä' {", "     {"),
        ] {
            assert_eq!(mask(text), code, "{text}");
        }
    }

    #[test]
    fn a_word_stands_alone() {
        assert!(has_word("x = unsafe { y }", "unsafe"));
        assert!(!has_word("#![deny(unsafe_code)]", "unsafe"));
    }

    #[test]
    fn only_a_module_of_tests_ends_the_code() {
        let code = "a\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(without_tests(code), "a\n");
        for whole in ["a\n#[cfg(test)]\nmod tests;\nb { }", "#[cfg(test)]\nuse x;\nb"] {
            assert_eq!(without_tests(whole), whole);
        }
    }

    #[test]
    fn functions_are_measured_to_their_closing_brace() {
        let code = "trait T {\n    fn declared(x: [u8; 2]) -> u8;\n}\n\
                    fn one() { if x { y } }\n\nasync fn three(f: fn(u8)) {\n    {}\n}\n";
        let expected = [
            Function { name: "one", line: 4, lines: 1 },
            Function { name: "three", line: 6, lines: 3 },
        ];
        assert_eq!(functions(code), expected);
    }
}
