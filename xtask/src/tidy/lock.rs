//! Rule: the product's lock file holds no other engine and no package from anywhere but the registry.
//!
//! Other engines are peers to measure and compare with; they live in workspaces of their own, so that
//! the product's build never pays for them. A package from a repository or a second registry could
//! change under us. `deny.toml` says the same where cargo-deny is installed.

use super::Finding;
use super::tree::Tree;

/// Package names of other engines; a name that continues with `-` or `_` is one of their parts.
const PEERS: &[&str] = &["wasmtime", "wasmi", "wasmer"];

/// Parts of peers that are libraries of their own: what the code generator itself is built on.
const LIBRARIES: &[&str] = &["wasmtime-internal-core"];

/// The only source of packages, as lock files spell it.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Judges the root's lock file.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.get("Cargo.lock") else { return Vec::new() };
    let mut findings = peers(&lock.path, &lock.text);
    findings.extend(sources(&lock.path, &lock.text));
    findings
}

fn sources(path: &str, text: &str) -> Vec<Finding> {
    let foreign = |(index, line): (usize, &str)| {
        let source = line.strip_prefix("source = \"")?.strip_suffix('"')?;
        let what = format!("`{source}`: packages come from the registry alone");
        (source != REGISTRY).then(|| Finding::new(path, index + 1, what))
    };
    text.lines().enumerate().filter_map(foreign).collect()
}

fn peers(path: &str, text: &str) -> Vec<Finding> {
    let names = text.lines().enumerate().filter_map(|(index, line)| {
        let name = line.strip_prefix("name = \"")?.strip_suffix('"')?;
        Some((index + 1, name))
    });
    names
        .filter(|(_, name)| !LIBRARIES.contains(name))
        .filter(|(_, name)| PEERS.iter().any(|peer| is_part(name, peer)))
        .map(|(line, name)| {
            let what = format!("`{name}` is a peer: use it from a workspace of its own");
            Finding::new(path, line, what)
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
                    name = \"wasmtime-environ\"\nname = \"wasmparser\"\nname = \"wasmire\"\n\
                    name = \"wasmtime-internal-core\"\n";
        let lines: Vec<usize> =
            judge(&Tree::of(&[("Cargo.lock", lock)])).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2, 3, 4]);
    }

    #[test]
    fn a_package_from_a_repository_is_found() {
        let lock = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                    source = \"git+https://example.org/a#1\"\n";
        let found = judge(&Tree::of(&[("Cargo.lock", lock)]));
        assert_eq!(found.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn only_the_products_lock_file_is_judged() {
        assert!(judge(&Tree::of(&[("fuzz/Cargo.lock", "name = \"wasmi\"\n")])).is_empty());
    }
}
