//! `cargo xtask tidy`: the house rules that no compiler checks.
//!
//! Invariants: a rule is one row of [`RULES`] and one file; it judges a [`Tree`] that is already in
//! memory, so its tests are snippets. Why not clippy lints: these rules speak of crates, folders and
//! files, which no lint sees.

mod edges;
mod functions;
mod heads;
mod links;
mod lock;
mod markers;
mod platform;
mod rooms;
mod root;
mod source;
mod tree;
mod words;

use crate::error::Error;
use crate::steps;
use crate::workspace;
use tree::Tree;

/// Something that a rule objects to.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the workspace's root.
    path: String,
    /// Line, from one.
    line: usize,
    /// What is wrong and what to do instead.
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.into(), line, what: what.into() }
    }
}

/// A rule: its name, as findings show it, and what judges the tree.
struct Rule {
    name: &'static str,
    judge: fn(&Tree) -> Vec<Finding>,
}

/// Every rule.
const RULES: &[Rule] = &[
    Rule { name: "edges", judge: edges::judge },
    Rule { name: "lock", judge: lock::judge },
    Rule { name: "heads", judge: heads::judge },
    Rule { name: "functions", judge: functions::judge },
    Rule { name: "rooms", judge: rooms::judge },
    Rule { name: "root", judge: root::judge },
    Rule { name: "platform", judge: platform::judge },
    Rule { name: "markers", judge: markers::judge },
    Rule { name: "links", judge: links::judge },
    Rule { name: "words", judge: words::judge },
];

/// Runs `cargo xtask tidy`.
///
/// # Errors
///
/// When a rule objects, or a file cannot be read.
pub fn run(arguments: &[String]) -> Result<(), Error> {
    match arguments {
        [] => steps::timed("tidy", judge),
        [flag] if flag == "--bless" => functions::bless(&Tree::read(&workspace::root())?),
        _ => Err(Error::new(format!("unknown arguments `{}`", arguments.join(" ")))
            .hint("cargo xtask tidy [--bless]")),
    }
}

fn judge() -> Result<(), Error> {
    let tree = Tree::read(&workspace::root())?;
    let mut count = 0;
    for rule in RULES {
        let mut findings = (rule.judge)(&tree);
        findings.sort();
        for finding in &findings {
            println!("{}:{}: {} [{}]", finding.path, finding.line, finding.what, rule.name);
        }
        count += findings.len();
    }
    eprintln!("    tidy: {} files, {} rules, {count} findings", tree.files.len(), RULES.len());
    if count == 0 {
        return Ok(());
    }
    Err(Error::new(format!("`tidy` has {count} findings"))
        .hint("each line above says what the rule wants; xtask/src/tidy/ holds the rules"))
}

#[cfg(test)]
mod tests {
    use super::Tree;
    use crate::workspace;

    #[test]
    fn the_workspace_can_be_read_whole() {
        let tree = Tree::read(&workspace::root()).expect("readable");
        assert!(tree.files.iter().any(|file| file.path == "xtask/src/tidy/mod.rs"));
        assert!(tree.files.iter().any(|file| file.path == "Cargo.toml"));
        assert!(tree.files.iter().all(|file| !file.path.starts_with("target/")));
    }
}
