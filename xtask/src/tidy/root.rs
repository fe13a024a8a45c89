//! Rule: the workspace's root holds nothing that a tool left there. What profilers and package managers write belongs
//! elsewhere, and would be kept for ever once it is committed.

use super::Finding;
use super::tree::Tree;

/// The files of the root. A new one edits this list in the same change.
const FILES: &[&str] = &[
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "rustfmt.toml",
];

/// Judges the names of the root's files.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    let strangers = tree.paths().filter(|path| !path.contains('/') && !FILES.contains(path));
    let what = "is no file of the root: remove it, or put it where it belongs";
    strangers.map(|path| Finding::new(path, 1, what)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Tree, judge};

    #[test]
    fn what_tools_leave_in_the_root_is_found() {
        let tree = Tree::of(&[("Cargo.toml", ""), ("jit-7.dump", ""), ("crates/x/jit.dump", "")]);
        let found = judge(&tree);
        assert_eq!(found.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["jit-7.dump"]);
    }
}
