//! Rule: no other engine in the product's lock file.
//!
//! Other engines are peers to measure and compare with; they live in workspaces of their own, so that
//! the product's build never pays for them.

use super::Finding;
use super::tree::Tree;

/// Package names of other engines; a name that continues with `-` or `_` is one of their parts.
const PEERS: &[&str] = &["wasmtime", "wasmi", "wasmer"];

/// Judges the root's lock file.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.get("Cargo.lock") else { return Vec::new() };
    let names = lock.text.lines().enumerate().filter_map(|(index, line)| {
        let name = line.strip_prefix("name = \"")?.strip_suffix('"')?;
        Some((index + 1, name))
    });
    names
        .filter(|(_, name)| PEERS.iter().any(|peer| is_part(name, peer)))
        .map(|(line, name)| {
            let what = format!("`{name}` is a peer: use it from a workspace of its own");
            Finding::new(&lock.path, line, what)
        })
        .collect()
}

fn is_part(name: &str, peer: &str) -> bool {
    name.strip_prefix(peer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

#[cfg(test)]
mod tests {
    use super::{Tree, judge};

    #[test]
    fn peers_and_their_parts_are_found_and_look_alikes_are_not() {
        let lock = "[[package]]\nname = \"wasmi\"\nname = \"wasmi_core\"\n\
                    name = \"wasmtime-environ\"\nname = \"wasmparser\"\nname = \"wasmire\"\n";
        let lines: Vec<usize> =
            judge(&Tree::of(&[("Cargo.lock", lock)])).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2, 3, 4]);
    }

    #[test]
    fn only_the_products_lock_file_is_judged() {
        assert!(judge(&Tree::of(&[("fuzz/Cargo.lock", "name = \"wasmi\"\n")])).is_empty());
    }
}
