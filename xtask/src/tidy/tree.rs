//! The workspace's text files in memory, as every rule sees them.

use std::collections::BTreeSet;
use std::path::Path;

use super::source::{self, Views};
use crate::error::Error;
use crate::workspace;

/// What the names of text files end in. Test data (`.wast`, `.wasm`) is not the project's own text.
const SUFFIXES: &[&str] =
    &[".rs", ".toml", ".md", ".txt", ".sh", ".wat", ".c", ".h", ".zig", ".lock", ".py", "/run"];

/// Folders whose names start with a dot and that are the project's own all the same.
const DOT_FOLDERS: &[&str] = &[".cargo", ".ci"];

/// One text file.
pub struct File {
    /// Path from the root, with `/` on every platform.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// Code and comments apart; for Rust sources only.
    pub views: Option<Views>,
}

/// All text files.
pub struct Tree {
    /// Sorted by path.
    pub files: Vec<File>,
    /// Every file's path from the root, text or not.
    paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the workspace at `root`.
    ///
    /// # Errors
    ///
    /// When a folder or file cannot be read.
    pub fn read(root: &Path) -> Result<Self, Error> {
        let mut paths = workspace::files(root, "")?;
        for folder in DOT_FOLDERS {
            let folder = root.join(folder);
            if folder.is_dir() {
                paths.extend(workspace::files(&folder, "")?);
            }
        }
        let mut tree = Self { files: Vec::new(), paths: BTreeSet::new() };
        for path in paths {
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
            let relative = relative.replace('\\', "/");
            tree.paths.insert(relative.clone());
            if SUFFIXES.iter().any(|suffix| relative.ends_with(suffix)) {
                tree.files.push(File::new(relative, workspace::read(&path)?));
            }
        }
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// A tree of snippets, for the tests of rules.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File::new(path.into(), text.into());
        let paths = files.iter().map(|&(path, _)| path.into()).collect();
        Self { files: files.iter().map(file).collect(), paths }
    }

    /// Every file's path from the root, text or not.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// Whether a file or folder stands at a path from the root.
    pub fn holds(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        path.is_empty()
            || self.paths.contains(path)
            || self
                .paths
                .range(folder.clone()..)
                .next()
                .is_some_and(|next| next.starts_with(&folder))
    }

    /// The Rust sources: path, text and views.
    pub fn rust(&self) -> impl Iterator<Item = (&File, &Views)> {
        self.files.iter().filter_map(|file| Some((file, file.views.as_ref()?)))
    }

    /// The file at a path from the root.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl File {
    fn new(path: String, text: String) -> Self {
        let views = path.ends_with(".rs").then(|| source::views(&text));
        Self { path, text, views }
    }

    /// The crate's folder name, for files below `crates/`, and `xtask` for those below `xtask/`.
    pub fn crate_name(&self) -> Option<&str> {
        if self.path.starts_with("xtask/") {
            return Some("xtask");
        }
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}
