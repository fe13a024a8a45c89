//! Rule: every Rust file opens with a head, and a long file's head says why it is long.

use super::Finding;
use super::tree::Tree;

/// Lines above which the head must hold [`REASON`].
const LONG_LINES: usize = 1_000;

/// What the head of a long file says, with the reason after it.
const REASON: &str = "Long because";

/// Judges every Rust file.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, _) in tree.rust() {
        let head: Vec<&str> =
            file.text.lines().take_while(|line| line.starts_with("//!")).collect();
        if head.is_empty() {
            findings.push(Finding::new(&file.path, 1, "the first line must be a `//!` head"));
        } else if head[0].trim_start_matches("//!").trim().is_empty() {
            findings.push(Finding::new(&file.path, 1, "the head's first line says nothing"));
        }
        let lines = file.text.lines().count();
        // The reason may be wrapped anywhere, so the head is read as one line.
        let head = head.join(" ").replace("//!", "");
        let head = head.split_whitespace().collect::<Vec<_>>().join(" ");
        if lines > LONG_LINES && !head.contains(REASON) {
            let what = format!("{lines} lines: the head must say `{REASON} …`, or split the file");
            findings.push(Finding::new(&file.path, 1, what));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{LONG_LINES, Tree, judge};

    fn count(text: &str) -> usize {
        judge(&Tree::of(&[("crates/x/src/a.rs", text)])).len()
    }

    #[test]
    fn a_file_opens_with_a_head_that_says_something() {
        assert_eq!(count("//! What it is.\nfn f() {}\n"), 0);
        assert_eq!(count("// What it is.\nfn f() {}\n"), 1);
        assert_eq!(count("\n//! Too late.\n"), 1);
        assert_eq!(count("//!\n//! Empty first line.\n"), 1);
        assert_eq!(count(""), 1);
    }

    #[test]
    fn a_long_file_says_why() {
        let body = "fn f() {}\n".repeat(LONG_LINES);
        assert_eq!(count(&format!("//! Rows.\n{body}")), 1);
        assert_eq!(count(&format!("//! Rows. Long\n//! because they are data.\n{body}")), 0);
        let at_the_bound = "fn f() {}\n".repeat(LONG_LINES - 1);
        assert_eq!(count(&format!("//! Rows.\n{at_the_bound}")), 0);
    }
}
