//! What `dunlin.toml` says of building apps.
//!
//! ```toml
//! [[app]]
//! name = "hello"
//! path = "hello.wasm"              # what is built, and what the server serves; from the folder of this file
//!
//! [app.build]
//! language = "rust"                # rust, c, js or fastedge
//! folder = "."                     # where the sources are
//! ```
//!
//! All else is the server's: what it does not know, it refuses.

use crate::error::Error;
use crate::limits::CONFIG_BYTES_MAX;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How an app is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust, for WASI 0.2.
    Rust,
    /// C, by the Zig toolchain.
    C,
    /// JavaScript, with an engine in it.
    Js,
    /// Rust, for FastEdge: WASI 0.1.
    FastEdge,
}

impl Language {
    /// All of them, each with its name in `dunlin.toml`.
    pub const ALL: &[(&str, Self)] =
        &[("rust", Self::Rust), ("c", Self::C), ("js", Self::Js), ("fastedge", Self::FastEdge)];

    /// Its name in `dunlin.toml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|known| known.1 == self).map_or("", |known| known.0)
    }
}

/// An app that is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The app's name.
    pub name: String,
    /// Where it goes.
    pub path: PathBuf,
    /// The language.
    pub language: Language,
    /// Where its sources are.
    pub folder: PathBuf,
}

/// The apps of a `dunlin.toml` that are built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// In their order.
    pub recipes: Vec<Recipe>,
}

type Value<'i> = Spanned<DeValue<'i>>;

impl Project {
    /// Reads a `dunlin.toml`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is malformed, or says of no app how it is built; with the line.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let shown = file.display();
        let unread = |cause: &dyn std::fmt::Display| {
            Error::new(format!("cannot read `{shown}`")).cause(cause)
        };
        let size = std::fs::metadata(file).map_err(|error| {
            unread(&error).hint("`dunlin new hello` makes an app with such a file")
        })?;
        if size.len() > CONFIG_BYTES_MAX {
            return Err(unread(&format!("it has more than {CONFIG_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(file).map_err(|error| unread(&error))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let project = parse(&text, folder).map_err(|(what, at)| {
            let line = text.get(..at).unwrap_or(&text).matches('\n').count() + 1;
            Error::new(format!("`{shown}` cannot be used")).cause(format!("line {line}: {what}"))
        })?;
        if project.recipes.is_empty() {
            return Err(Error::new(format!("`{shown}` has no app that is built"))
                .cause("an app that is built has a table `[app.build]` with a `language`")
                .hint("`dunlin new hello` makes an app with such a file"));
        }
        Ok(project)
    }
}

/// What is wrong, and at which byte.
type Wrong = (String, usize);

fn parse(text: &str, folder: &Path) -> Result<Project, Wrong> {
    let table = DeTable::parse(text)
        .map_err(|error| (error.message().to_owned(), error.span().map_or(0, |span| span.start)))?;
    let mut recipes = Vec::new();
    let Some(apps) = table.get_ref().get("app") else { return Ok(Project { recipes }) };
    let DeValue::Array(apps) = apps.get_ref() else {
        return Err(("expected `[[app]]`".into(), apps.span().start));
    };
    for app in apps {
        let DeValue::Table(table) = app.get_ref() else {
            return Err(("expected a table".into(), app.span().start));
        };
        if let Some(build) = table.get("build") {
            recipes.push(recipe(app, table, build, folder)?);
        }
    }
    Ok(Project { recipes })
}

fn recipe(
    app: &Value<'_>,
    table: &DeTable<'_>,
    build: &Value<'_>,
    folder: &Path,
) -> Result<Recipe, Wrong> {
    let missing = |what: &str| (format!("an app that is built needs a `{what}`"), app.span().start);
    let path = folder.join(string(table.get("path").ok_or_else(|| missing("path"))?)?);
    let name = match table.get("name") {
        Some(name) => string(name)?.to_owned(),
        None => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let DeValue::Table(build_table) = build.get_ref() else {
        return Err(("expected a table".into(), build.span().start));
    };
    let (mut language, mut sources) = (None, folder.to_path_buf());
    for (key, value) in build_table {
        match key.get_ref().as_ref() {
            "language" => {
                let word = string(value)?;
                let found = Language::ALL.iter().find(|known| known.0 == word);
                let known: Vec<_> = Language::ALL.iter().map(|known| known.0).collect();
                let unknown = || {
                    let what = format!("`{word}` is none of the languages {}", known.join(", "));
                    (what, value.span().start)
                };
                language = Some(found.ok_or_else(unknown)?.1);
            }
            "folder" => sources = folder.join(string(value)?),
            other => {
                let what = format!("unknown key `{other}` of `build`: expected language, folder");
                return Err((what, key.span().start));
            }
        }
    }
    let language =
        language.ok_or_else(|| ("`build` needs a `language`".to_owned(), build.span().start))?;
    if sources.as_os_str().is_empty() {
        // A tool cannot be started in a folder without a name.
        sources.push(".");
    }
    Ok(Recipe { name, path, language, folder: sources })
}

fn string<'v>(value: &'v Value<'_>) -> Result<&'v str, Wrong> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text),
        _ => Err(("expected a string".into(), value.span().start)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Language, parse};
    use std::path::Path;

    #[test]
    fn apps_that_are_built_are_found() {
        let text = "[server]\naddr = \"127.0.0.1:1\"\n[[app]]\npath = \"a.wasm\"\n\
                    [[app]]\npath = \"out/b.wasm\"\nbuild = { language = \"c\", folder = \"b\" }\n";
        let project = parse(text, Path::new("/apps")).expect("valid");
        assert_eq!(project.recipes.len(), 1);
        let recipe = &project.recipes[0];
        assert_eq!((recipe.name.as_str(), recipe.language), ("b", Language::C));
        assert_eq!(recipe.path, Path::new("/apps/out/b.wasm"));
        assert_eq!(recipe.folder, Path::new("/apps/b"));
        let here = parse("[[app]]\npath = \"a.wasm\"\nbuild.language = \"c\"", Path::new(""));
        let here = here.expect("valid");
        assert_eq!(here.recipes[0].folder, Path::new("."));
        assert_eq!(here.recipes[0].path, Path::new("a.wasm"));
    }

    #[test]
    fn what_cannot_be_is_refused_where_it_stands() {
        for (text, what, place) in [
            ("app = 1", "expected `[[app]]`", "1"),
            ("app = [1]", "expected a table", "1]"),
            ("[[app]]\n[app.build]\nlanguage = \"c\"", "needs a `path`", "[[app]]"),
            ("[[app]]\npath = \"a\"\n[app.build]", "needs a `language`", "[app.build]"),
            (
                "[[app]]\npath = \"a\"\nbuild = { language = \"go\" }",
                "rust, c, js, fastedge",
                "\"go\"",
            ),
            ("[[app]]\npath = \"a\"\nbuild = { language = 1 }", "expected a string", "1 }"),
            ("[[app]]\npath = \"a\"\nbuild = { lang = \"c\" }", "unknown key `lang`", "lang"),
            ("[[app]]\npath = ", "", ""),
        ] {
            let (found, at) = parse(text, Path::new("")).expect_err(text);
            assert!(found.contains(what), "{text}: {found}");
            assert!(text[at..].starts_with(place), "{text}: {}", &text[at..]);
        }
    }
}
