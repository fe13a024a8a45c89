//! Rust source told apart into code, comments and literals, without a parser.
//!
//! 1. Walk the bytes once; at each one decide whether a comment, a literal or code starts.
//! 2. Blank what does not belong to a view with spaces, one for each byte, and keep line ends: an
//!    offset or line number means the same in the text and in both views.
//!
//! Why not a parser: the rules need words, braces and lines, the workspace's code is known to
//! compile, and a parser would be the largest dependency of this crate.

/// Where the parts of a file stand: both views have the text's length and lines.
pub struct Views {
    /// The text with comments and the insides of literals blanked.
    pub code: String,
    /// The text with everything but comments blanked.
    pub comments: String,
}

/// What a stretch of source is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Splits Rust source into its views.
pub fn views(text: &str) -> Views {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut comments = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let (kind, end) = stretch(bytes, at);
        for &byte in &bytes[at..end] {
            let blank = if byte == b'\n' { b'\n' } else { b' ' };
            code.push(if kind == Kind::Code { byte } else { blank });
            comments.push(if kind == Kind::Comment { byte } else { blank });
        }
        at = end;
    }
    // Stretches start and end between characters, so both views are text.
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Views { code: text(code), comments: text(comments) }
}

/// The kind and the end of the stretch that starts at `at`; code is taken a byte at a time.
fn stretch(bytes: &[u8], at: usize) -> (Kind, usize) {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        return (Kind::Comment, at + length);
    }
    if rest.starts_with(b"/*") {
        return (Kind::Comment, at + block_comment(rest));
    }
    let inside_word = at > 0 && is_word(bytes[at - 1]);
    if !inside_word && let Some(length) = raw_string(rest) {
        return (Kind::Literal, at + length);
    }
    match rest[0] {
        b'"' => (Kind::Literal, at + quoted(rest, b'"')),
        b'\'' => match character(rest) {
            Some(length) => (Kind::Literal, at + length),
            None => (Kind::Code, at + 1),
        },
        _ => (Kind::Code, at + 1),
    }
}

/// The length of a block comment; they nest.
fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of a raw string (`r"…"`, `br#"…"#`, `cr"…"`), if one starts here.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let prefix = [&b"br"[..], b"cr", b"r"].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let hashes = rest[prefix.len()..].iter().take_while(|&&byte| byte == b'#').count();
    let open = prefix.len() + hashes;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let body = &rest[open + 1..];
    let end = body.windows(close.len()).position(|window| window == close);
    Some(end.map_or(rest.len(), |end| open + 1 + end + close.len()))
}

/// The length of a literal with escapes that starts and ends with `quote`.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a character literal, or nothing when the quote starts a lifetime or a label.
fn character(rest: &[u8]) -> Option<usize> {
    let first = *rest.get(1)?;
    if first == b'\\' {
        return Some(quoted(rest, b'\''));
    }
    let width = match first {
        0x00..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    (rest.get(1 + width) == Some(&b'\'')).then_some(width + 2)
}

/// Whether a byte can stand inside an identifier.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The offsets at which `word` stands as a whole word.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = at.checked_sub(1).is_some_and(|before| is_word(bytes[before]));
        let after = bytes.get(at + word.len()).is_some_and(|&byte| is_word(byte));
        !before && !after
    })
}

/// The line, from one, that an offset stands on.
pub fn line(text: &str, offset: usize) -> usize {
    1 + text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::{line, views, words};

    #[test]
    fn literals_and_comments_are_not_code() {
        let text = "let a = \"un//safe\"; // dbg\nlet b = r#\"x\"y\"#; /* /* n */ m */ c";
        let views = views(text);
        assert_eq!(views.code.len(), text.len());
        let code: Vec<&str> = views.code.split_whitespace().collect();
        assert_eq!(code, ["let", "a", "=", ";", "let", "b", "=", ";", "c"]);
        let comments: Vec<&str> = views.comments.split_whitespace().collect();
        assert_eq!(comments, ["//", "dbg", "/*", "/*", "n", "*/", "m", "*/"]);
    }

    #[test]
    fn lifetimes_are_code_and_characters_are_not() {
        let views = views("fn f<'a>(x: &'a u8) { '{'; '\\''; b'\"'; 'é'; 'l: loop {} }");
        assert_eq!(views.code.matches('{').count(), 2);
        assert_eq!(views.code.matches("'a").count(), 2);
        assert!(views.code.contains("'l: loop"));
        assert!(!views.code.contains('é') && !views.code.contains('"'));
    }

    #[test]
    fn raw_identifiers_and_words_that_end_in_r_are_code() {
        let views = views("r#type; var\"s\"; br\"\\\"; end");
        assert!(views.code.contains("r#type"));
        assert!(views.code.contains("var"));
        assert!(views.code.contains("end"));
    }

    #[test]
    fn an_unclosed_literal_ends_with_the_text() {
        assert_eq!(views("a \"bc").code.trim(), "a");
        assert_eq!(views("a /* bc").comments.trim(), "/* bc");
        assert_eq!(views("'\\").code.trim(), "");
    }

    #[test]
    fn words_are_whole_and_lines_count_from_one() {
        let code = "unsafe_code\nunsafe fn\nnot_unsafe";
        let found: Vec<usize> = words(code, "unsafe").map(|at| line(code, at)).collect();
        assert_eq!(found, [2]);
    }
}
