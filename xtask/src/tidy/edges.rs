//! Rule: crates depend on each other only along the edges of this table, which is the design's.
//!
//! A new edge edits the table in the same change. Dependencies of tests alone are judged by a second
//! table: they may point upwards (WASI's tests run programs), since they build nothing into a crate.

use super::Finding;
use super::tree::{File, Tree};

/// One crate: what it may use, and what its tests may use besides.
struct Row {
    name: &'static str,
    may_use: &'static [&'static str],
    tests_may_use: &'static [&'static str],
}

const fn row(
    name: &'static str,
    may_use: &'static [&'static str],
    tests_may_use: &'static [&'static str],
) -> Row {
    Row { name, may_use, tests_may_use }
}

const CORE: &str = "dunlin-core";
const MODULE: &str = "dunlin-module";
const VM: &str = "dunlin-vm";
const INTERP: &str = "dunlin-interp";
const BASELINE: &str = "dunlin-baseline";
const OPTIMIZE: &str = "dunlin-optimize";
const DUNLIN: &str = "dunlin";
const BINDGEN: &str = "dunlin-bindgen";
const COMPONENT: &str = "dunlin-component";
const WASI: &str = "dunlin-wasi";
const BUILD: &str = "dunlin-build";
const EDGE: &str = "dunlin-edge";
const WAST: &str = "dunlin-wast";
const CLI: &str = "dunlin-cli";
const FUZZING: &str = "dunlin-fuzzing";
const XTASK: &str = "xtask";

/// Every crate of the workspace; a row uses rows above it only, so that there is no cycle.
const TABLE: &[Row] = &[
    row(CORE, &[], &[]),
    row(MODULE, &[CORE], &[]),
    row(VM, &[CORE, MODULE], &[]),
    row(INTERP, &[CORE, MODULE, VM], &[]),
    row(BASELINE, &[CORE, MODULE], &[]),
    // Its tests read machine code, by a feature of its own.
    row(OPTIMIZE, &[CORE, MODULE], &[OPTIMIZE]),
    row(DUNLIN, &[CORE, MODULE, VM, INTERP, BASELINE, OPTIMIZE], &[WAST]),
    // Its tests use what it makes.
    row(BINDGEN, &[], &[DUNLIN, COMPONENT, WASI]),
    row(COMPONENT, &[DUNLIN, BINDGEN], &[]),
    row(WAST, &[DUNLIN, COMPONENT], &[]),
    row(WASI, &[DUNLIN, COMPONENT], &[]),
    row(BUILD, &[DUNLIN, COMPONENT, WASI], &[]),
    row(EDGE, &[DUNLIN, COMPONENT, WASI], &[]),
    row(
        CLI,
        &[CORE, MODULE, VM, INTERP, BASELINE, OPTIMIZE, DUNLIN, COMPONENT, WAST, WASI, BUILD, EDGE],
        &[],
    ),
    // It compares two passes of which users see one.
    row(FUZZING, &[DUNLIN, MODULE], &[WASI, WAST]),
    row(XTASK, &[], &[]),
];

/// Judges every manifest of a crate.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    tree.files.iter().filter_map(|file| Some((file, manifest_folder(file)?))).fold(
        Vec::new(),
        |mut findings, (file, folder)| {
            judge_manifest(file, folder, &mut findings);
            findings
        },
    )
}

/// The crate's folder name, when the file is its manifest.
fn manifest_folder(file: &File) -> Option<&str> {
    let folder = file.crate_name()?;
    let depth = file.path.matches('/').count();
    let expected = if folder == XTASK { 1 } else { 2 };
    (file.path.ends_with("/Cargo.toml") && depth == expected).then_some(folder)
}

fn judge_manifest(file: &File, folder: &str, findings: &mut Vec<Finding>) {
    let manifest = parse(&file.text);
    if manifest.name != folder {
        let what =
            format!("package `{}` must be called `{folder}`, like its folder", manifest.name);
        findings.push(Finding::new(&file.path, 1, what));
    }
    let Some(row) = TABLE.iter().find(|row| row.name == folder) else {
        let what = format!("crate `{folder}` is not in the table of xtask/src/tidy/edges.rs");
        findings.push(Finding::new(&file.path, 1, what));
        return;
    };
    for dependency in manifest.dependencies {
        let own = TABLE.iter().any(|row| row.name == dependency.name);
        let allowed = row.may_use.contains(&dependency.name.as_str())
            || dependency.tests_only && row.tests_may_use.contains(&dependency.name.as_str());
        if own && !allowed {
            let whose = if dependency.tests_only { "tests of " } else { "" };
            let what = format!(
                "{whose}`{folder}` may not use `{}`; the table of xtask/src/tidy/edges.rs allows: {}",
                dependency.name,
                if row.may_use.is_empty() { "nothing".into() } else { row.may_use.join(", ") }
            );
            findings.push(Finding::new(&file.path, dependency.line, what));
        }
    }
}

/// What the rule reads in a manifest.
struct Manifest {
    name: String,
    dependencies: Vec<Dependency>,
}

/// One dependency, by the name of its package.
struct Dependency {
    name: String,
    line: usize,
    tests_only: bool,
}

/// Reads the sections that matter, line by line: cargo has already judged the syntax.
fn parse(text: &str) -> Manifest {
    let mut manifest = Manifest { name: String::new(), dependencies: Vec::new() };
    let mut section = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_string();
            // `[dependencies.name]` is a dependency by itself.
            if let Some((kind, name)) = section.rsplit_once('.')
                && kind.ends_with("dependencies")
            {
                manifest.dependencies.push(dependency(kind, name, index + 1));
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = key.trim().trim_matches('"');
        if section == "package" && key == "name" {
            manifest.name = value.trim().trim_matches('"').into();
        }
        if section.ends_with("dependencies") && !line.starts_with('#') {
            let alias = key.split('.').next().unwrap_or(key);
            let name = renamed(value).unwrap_or(alias);
            manifest.dependencies.push(dependency(&section, name, index + 1));
        }
    }
    manifest
}

fn dependency(section: &str, name: &str, line: usize) -> Dependency {
    let tests_only = section.ends_with("dev-dependencies");
    Dependency { name: name.into(), line, tests_only }
}

/// The package of `alias = { package = "…" }`.
fn renamed(value: &str) -> Option<&str> {
    let (_, after) = value.split_once("package")?;
    after.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::{TABLE, Tree, judge};

    fn findings(path: &str, manifest: &str) -> Vec<String> {
        judge(&Tree::of(&[(path, manifest)])).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_row_uses_rows_above_it_so_that_there_is_no_cycle() {
        for (index, row) in TABLE.iter().enumerate() {
            for used in row.may_use {
                let above = TABLE[..index].iter().any(|other| other.name == *used);
                assert!(above, "{} uses {used}", row.name);
            }
        }
    }

    #[test]
    fn an_edge_of_the_table_is_allowed() {
        let good = "[package]\nname = \"dunlin-vm\"\n[dependencies]\n\
                    dunlin-core.workspace = true\nrustix = \"1\"\n";
        assert!(findings("crates/dunlin-vm/Cargo.toml", good).is_empty());
    }

    #[test]
    fn an_edge_that_is_not_in_the_table_is_found_however_it_is_spelled() {
        for bad in [
            "[dependencies]\ndunlin.workspace = true",
            "[dependencies]\n\"dunlin\" = { path = \"../dunlin\" }",
            "[dependencies]\nengine = { package = \"dunlin\", version = \"1\" }",
            "[dependencies.dunlin]\nworkspace = true",
            "[target.\"cfg(unix)\".dependencies]\ndunlin.workspace = true",
            "[build-dependencies]\ndunlin.workspace = true",
            "[dev-dependencies]\ndunlin-cli.workspace = true",
        ] {
            let manifest = format!("[package]\nname = \"dunlin-vm\"\n{bad}\n");
            let found = findings("crates/dunlin-vm/Cargo.toml", &manifest);
            assert_eq!(found.len(), 1, "{bad}: {found:?}");
        }
    }

    #[test]
    fn tests_may_use_what_their_own_column_names() {
        let with = |section: &str| {
            format!("[package]\nname = \"dunlin\"\n[{section}]\ndunlin-wast.workspace = true\n")
        };
        assert!(findings("crates/dunlin/Cargo.toml", &with("dev-dependencies")).is_empty());
        assert_eq!(findings("crates/dunlin/Cargo.toml", &with("dependencies")).len(), 1);
    }

    #[test]
    fn a_crate_stands_in_the_table_under_its_folders_name() {
        let manifest = "[package]\nname = \"dunlin-other\"\n";
        assert_eq!(findings("crates/dunlin-new/Cargo.toml", manifest).len(), 2);
    }
}
