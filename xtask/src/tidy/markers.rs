//! Rule: nothing unfinished lands. A plan stands in an issue, not in the source.

use super::Finding;
use super::source;
use super::tree::Tree;

/// Macros that stand for missing code or are a developer's own. The words are put together here, so
/// that this file does not hold what it forbids.
const MACROS: &[&str] = &["todo", "unimplemented", "dbg"];

/// Words of comments that announce unfinished work.
const WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Judges the code and the comments of every Rust file.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, views) in tree.rust() {
        for name in MACROS {
            for at in source::words(&views.code, name) {
                if views.code[at + name.len()..].starts_with('!') {
                    let line = source::line(&views.code, at);
                    findings.push(Finding::new(
                        &file.path,
                        line,
                        format!("`{name}!` does not land"),
                    ));
                }
            }
        }
        for word in WORDS {
            for at in source::words(&views.comments, word) {
                let line = source::line(&views.comments, at);
                let what = format!("`{word}`: finish it, or file an issue");
                findings.push(Finding::new(&file.path, line, what));
            }
        }
        for at in source::words(&views.code, "ignore") {
            if views.code[..at].trim_end().ends_with("#[") {
                let line = source::line(&views.code, at);
                let what = "a test that does not run: list what is expected to fail instead";
                findings.push(Finding::new(&file.path, line, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Tree, judge};

    fn lines(text: &str) -> Vec<usize> {
        judge(&Tree::of(&[("crates/x/src/a.rs", text)])).iter().map(|found| found.line).collect()
    }

    #[test]
    fn macros_of_missing_code_are_found() {
        assert_eq!(lines("fn f() { to_do!() }\nfn g() { todo!() }"), [2]);
        assert_eq!(lines("\nunimplemented!(\"x\");"), [2]);
        assert_eq!(lines("dbg!(x);"), [1]);
        assert!(lines("let s = \"todo!()\"; let todo = 1;").is_empty());
    }

    #[test]
    fn words_of_unfinished_work_are_found_in_comments() {
        let marker = concat!("FIX", "ME");
        assert_eq!(lines(&format!("fn f() {{}} // {marker}: later")), [1]);
        assert!(lines(&format!("const A: &str = \"{marker}\"; // A{marker}S")).is_empty());
    }

    #[test]
    fn ignored_tests_are_found() {
        assert_eq!(lines("#[test]\n#[ignore = \"slow\"]\nfn f() {}"), [2]);
        assert!(lines("fn ignore() {}").is_empty());
    }
}
