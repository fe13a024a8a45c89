//! Modules of the specification's scripts: whatever stands in parentheses at the top and begins with `module`.

/// The top-level forms of a script that are modules as text.
pub(crate) fn modules(script: &str) -> Vec<&str> {
    let bytes = script.as_bytes();
    let (mut found, mut depth, mut start, mut at) = (Vec::new(), 0_usize, 0, 0);
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b';', Some(b';')) => at = after(bytes, at, b"\n"),
            (b'(', Some(b';')) => {
                at = comment_end(bytes, at);
                continue;
            }
            (b'"', _) => at = string_end(bytes, at),
            (b'(', _) => {
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            (b')', _) => {
                depth = depth.saturating_sub(1);
                let form = &script[start..=at];
                if depth == 0 && form.strip_prefix("(module").is_some_and(is_plain) {
                    found.push(form);
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Whether a module is text: not bytes, a quotation, or the definition of one that is made later.
fn is_plain(rest: &str) -> bool {
    let rest = rest.trim_start();
    !["binary", "quote", "definition", "instance"].iter().any(|word| rest.starts_with(word))
}

/// The last byte of the first occurrence from a place on.
fn after(bytes: &[u8], at: usize, what: &[u8]) -> usize {
    let found = bytes[at..].windows(what.len()).position(|window| window == what);
    found.map_or(bytes.len(), |found| at + found + what.len() - 1)
}

/// Behind a comment, which may contain others.
fn comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'(', Some(b';')) => (depth, at) = (depth + 1, at + 1),
            (b';', Some(b')')) => (depth, at) = (depth - 1, at + 1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The quotation mark that ends a string.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    end
}
