//! The folded form of early exceptions, which the text's parser does not know any more: `(try (do A) (catch $e
//! B))` becomes `try A catch $e B end`, which it does.
//!
//! That is the same code where a `try` stands in a sequence, as everywhere in the suite's scripts. Lines stay
//! where they are.

use std::borrow::Cow;

/// An open parenthesis.
enum Open {
    /// One that stays.
    Plain,
    /// That of a `try`, and whether a `delegate` ends it.
    Try { delegates: bool },
    /// That of a part of a `try`.
    Part,
}

/// The text with every folded `try` unfolded.
pub(crate) fn unfolded(text: &str) -> Cow<'_, str> {
    if !text.contains("(try") || !text.contains("(do") {
        return text.into();
    }
    let (mut out, mut open, mut rest) = (String::with_capacity(text.len()), Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' => string_len(rest),
            ';' if rest.starts_with(";;") => rest.find('\n').unwrap_or(rest.len()),
            '(' if rest.starts_with("(;") => comment_len(rest),
            '(' => {
                let (len, shown) = begin(rest, &mut open);
                out.push_str(shown);
                rest = &rest[len..];
                continue;
            }
            ')' => {
                out.push_str(match open.pop() {
                    Some(Open::Try { delegates: false }) => " end ",
                    Some(Open::Try { .. } | Open::Part) => " ",
                    Some(Open::Plain) | None => ")",
                });
                rest = &rest[1..];
                continue;
            }
            other => other.len_utf8(),
        };
        let (copied, next) = rest.split_at(taken);
        out.push_str(copied);
        rest = next;
    }
    out.into()
}

/// Opens a parenthesis: how much of the text is taken, and what stands for it.
fn begin<'t>(rest: &'t str, open: &mut Vec<Open>) -> (usize, &'t str) {
    let end = rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let len = end.map_or(rest.len(), |end| end + 1);
    let word = &rest[1..len];
    let (opened, shown) = match (word, open.last_mut()) {
        ("try", _) => (Open::Try { delegates: false }, word),
        ("do", Some(Open::Try { .. })) => (Open::Part, ""),
        ("catch" | "catch_all", Some(Open::Try { .. })) => (Open::Part, word),
        ("delegate", Some(Open::Try { delegates })) => {
            *delegates = true;
            (Open::Part, word)
        }
        _ => {
            open.push(Open::Plain);
            return (1, "(");
        }
    };
    open.push(opened);
    (len, shown)
}

/// Bytes of the string that the text begins with.
fn string_len(text: &str) -> usize {
    let mut is_escaped = true;
    let end = text.find(|c: char| {
        let ends = c == '"' && !is_escaped;
        // The first quotation mark counts as escaped.
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    end.map_or(text.len(), |end| end + 1)
}

/// Bytes of the comment that the text begins with; comments nest.
fn comment_len(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"(;") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b";)") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::unfolded;

    #[test]
    fn a_folded_try_becomes_a_flat_one() {
        for (text, expected) in [
            ("(do)", "(do)"),
            ("(try (do))", "try   end "),
            (
                "(try $l (result i32) (do (call $f)) (catch $e (drop)) (catch_all nop))",
                "try $l (result i32)  (call $f)  catch $e (drop)  catch_all nop  end ",
            ),
            ("(try (do (try (do) (delegate 0))))", "try  try   delegate 0    end "),
            (r#"(try (do)) "(try (do\")" "#, r#"try   end  "(try (do\")" "#),
            (
                "(; (; (try (do ;) ) ;) (try (do)) ;; (try",
                "(; (; (try (do ;) ) ;) try   end  ;; (try",
            ),
            ("(try_table (catch 0 0)) (try (do))", "(try_table (catch 0 0)) try   end "),
        ] {
            assert_eq!(unfolded(text), expected, "{text}");
        }
    }
}
