//! Rule: what a document points at stands there.
//!
//! Judged are relative links, and paths in backticks that start at one of the root's folders. A document
//! that names a file which has moved sends its reader astray without anyone noticing.

use super::Finding;
use super::tree::Tree;

/// Folders of the root; a path in backticks is judged when it starts with one of them.
const ROOTS: &[&str] = &["crates/", "xtask/", "docs/", "examples/", "record/", "bench/", ".ci/"];

/// Judges every Markdown file.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (index, line) in file.text.lines().enumerate() {
            let links = links(line).map(|link| resolve(folder, link));
            let paths = paths(line).map(Into::into);
            for target in links.chain(paths).filter(|target| !tree.holds(target)) {
                let what = format!("points at `{target}`, which does not stand there");
                findings.push(Finding::new(&file.path, index + 1, what));
            }
        }
    }
    findings
}

/// The targets of relative links, without the part after `#`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.filter_map(|target| target.split('#').next());
    targets.filter(|target| !target.is_empty() && !target.contains(':'))
}

/// Paths in backticks. One that holds more than a path's characters is a command or a pattern.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    line.split('`').skip(1).step_by(2).filter(move |text| {
        ROOTS.iter().any(|root| text.starts_with(root)) && text.chars().all(is_path)
    })
}

/// A relative link as a path from the root.
fn resolve(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::{Tree, judge};

    fn count(text: &str) -> usize {
        let files = [("docs/a.md", text), ("docs/b.md", ""), ("crates/x/src/lib.rs", "//! X.\n")];
        judge(&Tree::of(&files)).len()
    }

    #[test]
    fn links_to_what_stands_there_pass() {
        assert_eq!(count("[b](b.md) [b](./b.md#part) [x](../crates/x/) [up](..) [here](#part)"), 0);
        assert_eq!(count("[web](https://example.org/a.md)"), 0);
        assert_eq!(count("`crates/x/src/` `crates/x/src/lib.rs` `cargo test` `crates/*`"), 0);
    }

    #[test]
    fn links_and_paths_to_nothing_are_found() {
        assert_eq!(count("[c](c.md) and [d](../d.md)"), 2);
        assert_eq!(count("see `crates/x/src/gone.rs` and `docs/`"), 1);
        assert_eq!(count("`crates/xx`"), 1);
    }
}
