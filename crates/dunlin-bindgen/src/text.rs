//! Strings as Rust spells them, and pieces of the text that is made.

use std::fmt::Write as _;

/// What a string of Rust says: with escapes, or raw. `None` if it is no string.
pub(crate) fn unquote(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inner = raw[hashes..].strip_prefix('"')?;
        let end = inner.len().checked_sub(hashes + 1)?;
        return Some(inner.get(..end)?.into());
    }
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    let (mut text, mut letters) = (String::new(), inner.chars().peekable());
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next()? {
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            '0' => text.push('\0'),
            'x' => {
                let code: String = letters.by_ref().take(2).collect();
                text.push(char::from(u8::from_str_radix(&code, 16).ok()?));
            }
            'u' => {
                let code: String = letters.by_ref().take_while(|letter| *letter != '}').collect();
                let code = code.strip_prefix('{')?.replace('_', "");
                text.push(char::from_u32(u32::from_str_radix(&code, 16).ok()?)?);
            }
            // The end of the line, and what the next begins with, is left out.
            '\n' => while letters.next_if(|letter| letter.is_whitespace()).is_some() {},
            quoted => text.push(quoted),
        }
    }
    Some(text)
}

/// The attribute that says this, or something else if nothing is said.
pub(crate) fn docs(said: Option<&str>, otherwise: &str) -> String {
    let mut text = String::new();
    for line in said.unwrap_or(otherwise).lines() {
        // A line of Rust's own documentation begins with a space too.
        let line = if line.is_empty() { String::new() } else { format!(" {line}") };
        let _ = writeln!(text, "#[doc = {line:?}]");
    }
    text
}

/// What the modules at the macro's place are told: what is made is not the embedder's to tidy, whatever the crate's lints.
const ALLOW: &str = "#[allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, unused, \
    non_camel_case_types, reason = \"made by `bindgen!`\")]\n";

/// Modules within modules, with their text.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    docs: Option<String>,
    text: String,
    children: Vec<(String, Tree)>,
}

impl Tree {
    /// Adds text to the module of this path, which says this.
    pub(crate) fn add(&mut self, path: &[String], docs: &str, text: &str) {
        let Some((first, rest)) = path.split_first() else {
            self.text.push_str(text);
            self.docs = Some(docs.into());
            return;
        };
        let found = self.children.iter().position(|(name, _)| name == first);
        let at = found.unwrap_or_else(|| {
            self.children.push((first.clone(), Self::default()));
            self.children.len() - 1
        });
        self.children[at].1.add(rest, docs, text);
    }

    /// All of it.
    pub(crate) fn print(&self) -> String {
        let mut out = self.text.clone();
        for (name, child) in &self.children {
            child.print_as(name, ALLOW, &mut out);
        }
        out
    }

    fn print_as(&self, name: &str, allow: &str, out: &mut String) {
        let default = || docs(None, "Interfaces of a WIT package.");
        let said = self.docs.clone().unwrap_or_else(default);
        let _ = writeln!(out, "{said}{allow}pub mod {name} {{");
        out.push_str(&self.text);
        for (name, child) in &self.children {
            child.print_as(name, "", out);
        }
        let _ = writeln!(out, "}}");
    }
}

#[cfg(test)]
mod tests {
    use super::{docs, unquote};

    #[test]
    fn strings_are_read_as_rust_reads_them() {
        let check = |literal: &str, text: Option<&str>| {
            assert_eq!(unquote(literal).as_deref(), text, "{literal}");
        };
        check(r#""a\n\"b\" \\ \u{e4}\x41""#, Some("a\n\"b\" \\ äA"));
        check("\"a\\\n   b\"", Some("ab"));
        check("r#\"a\\n\"b\"#", Some("a\\n\"b"));
        check("r\"a\"", Some("a"));
        check("12", None);
        check("b\"a\"", None);
    }

    #[test]
    fn documentation_is_quoted() {
        assert_eq!(
            docs(Some("a \"b\"\n\nc"), ""),
            "#[doc = \" a \\\"b\\\"\"]\n#[doc = \"\"]\n#[doc = \" c\"]\n"
        );
    }
}
