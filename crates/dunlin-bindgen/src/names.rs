//! Names of WIT → names of Rust.

use std::collections::HashSet;

/// Words that Rust keeps for itself, and may be names with `r#` before them.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// Words that cannot be names at all.
const NEVER: &[&str] = &["crate", "self", "super", "Self"];

/// A name of a function, parameter, field or module: `get-it` → `get_it`.
pub(crate) fn snake(name: &str) -> String {
    escape(&name.replace('-', "_").to_lowercase())
}

/// A name of a type or case: `get-it` → `GetIt`.
pub(crate) fn camel(name: &str) -> String {
    let mut text = String::new();
    for word in name.split('-') {
        let mut letters = word.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    }
    escape(&text)
}

/// A name of a member of flags: `get-it` → `GET_IT`.
pub(crate) fn shouted(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

fn escape(name: &str) -> String {
    if NEVER.contains(&name) {
        format!("{name}_")
    } else if KEYWORDS.contains(&name) {
        format!("r#{name}")
    } else {
        name.into()
    }
}

/// Names of one place, each of which is there once.
#[derive(Debug, Default)]
pub(crate) struct Names(HashSet<String>);

impl Names {
    /// With names that are taken.
    pub(crate) fn with(taken: &[&str]) -> Self {
        Self(taken.iter().map(|name| (*name).into()).collect())
    }

    /// This name, or one like it that is not taken.
    pub(crate) fn take(&mut self, name: &str) -> String {
        let mut name = name.to_owned();
        while !self.0.insert(name.clone()) {
            name = format!("{}_", name.trim_start_matches("r#"));
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, camel, shouted, snake};

    #[test]
    fn names_are_rusts() {
        assert_eq!(snake("get-it"), "get_it");
        assert_eq!(snake("get-URL"), "get_url");
        assert_eq!(snake("type"), "r#type");
        assert_eq!(snake("self"), "self_");
        assert_eq!(camel("get-it2"), "GetIt2");
        assert_eq!(camel("URL-of"), "UrlOf");
        assert_eq!(camel("self"), "Self_");
        assert_eq!(shouted("read-only"), "READ_ONLY");
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut names = Names::with(&["store"]);
        assert_eq!(names.take("store"), "store_");
        assert_eq!(names.take("r#type"), "r#type");
        assert_eq!(names.take("r#type"), "type_");
        assert_eq!(names.take("a"), "a");
    }
}
