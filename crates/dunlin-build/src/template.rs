//! Apps' folders, from templates that are part of the program.

use crate::error::Error;
use crate::limits::NAME_LETTERS_MAX;
use std::fs;
use std::path::{Path, PathBuf};

/// Stands in templates for the app's name.
const NAME: &str = "{{name}}";

/// What a new app begins as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// An HTTP app in Rust.
    #[default]
    Rust,
    /// An HTTP app in C.
    C,
    /// An HTTP app in JavaScript.
    Js,
    /// A FastEdge app in Rust.
    FastEdge,
}

/// A file of a template: where it goes, and what it says.
type File = (&'static str, &'static [u8]);

macro_rules! files {
    ($($path:literal: $from:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../templates/", $from)))),*]
    };
}

impl Template {
    /// All of them, each with the name that it is asked for by.
    pub const ALL: &[(&str, Self)] =
        &[("rust", Self::Rust), ("c", Self::C), ("js", Self::Js), ("fastedge", Self::FastEdge)];

    fn files(self) -> &'static [File] {
        match self {
            Self::Rust => files! {
                "dunlin.toml": "rust/dunlin.toml",
                "Cargo.toml": "rust/Cargo.toml.txt",
                "src/lib.rs": "rust/lib.rs",
                ".gitignore": "rust/gitignore",
            },
            Self::C => files! {
                "dunlin.toml": "c/dunlin.toml",
                "src/app.c": "c/app.c",
                "bindings/app.c": "c/bindings/app.c",
                "bindings/app.h": "c/bindings/app.h",
                "bindings/app_component_type.o": "c/bindings/app_component_type.o",
                "wit/app.wit": "wit/app.wit",
                ".gitignore": "c/gitignore",
            },
            Self::Js => files! {
                "dunlin.toml": "js/dunlin.toml",
                "package.json": "js/package.json",
                "src/app.js": "js/app.js",
                "wit/app.wit": "wit/app.wit",
                ".gitignore": "js/gitignore",
            },
            Self::FastEdge => files! {
                "dunlin.toml": "fastedge/dunlin.toml",
                "Cargo.toml": "fastedge/Cargo.toml.txt",
                "src/lib.rs": "fastedge/lib.rs",
                ".gitignore": "fastedge/gitignore",
            },
        }
    }
}

/// A folder that has been made.
#[derive(Debug)]
pub struct Created {
    /// The app's name.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
    /// What has been written, from that folder.
    pub files: Vec<&'static str>,
}

/// Makes a new app in a folder, whose last part is the app's name. It is made too, unless it is there and has nothing
/// of the same names in it.
///
/// # Errors
///
/// If the name cannot be one, a file is there already, or the file system refuses.
pub fn create(folder: &Path, template: Template) -> Result<Created, Error> {
    let shown = folder.display();
    let whole = std::path::absolute(folder)
        .map_err(|error| Error::new(format!("cannot create `{shown}`")).cause(error))?;
    let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
    check_name(&name)?;
    let files = template.files();
    if let Some((taken, _)) = files.iter().find(|(path, _)| folder.join(path).exists()) {
        return Err(Error::new(format!("`{}` is there already", folder.join(taken).display()))
            .hint(format!("`dunlin new {name}-2` makes another app")));
    }
    for (path, text) in files {
        let target = folder.join(path);
        let written = fs::create_dir_all(target.parent().unwrap_or(folder))
            .and_then(|()| fs::write(&target, filled(text, &name)));
        written.map_err(|error| {
            Error::new(format!("cannot write `{}`", target.display())).cause(error)
        })?;
    }
    let files = files.iter().map(|file| file.0).collect();
    Ok(Created { name, folder: folder.to_path_buf(), files })
}

/// A template's text with the name in it; what is no text stays as it is.
fn filled(text: &[u8], name: &str) -> Vec<u8> {
    match std::str::from_utf8(text) {
        Ok(text) => text.replace(NAME, name).into_bytes(),
        Err(_) => text.to_vec(),
    }
}

/// A name becomes that of a package, of a file, and of an app of the server.
fn check_name(name: &str) -> Result<(), Error> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && name.len() <= NAME_LETTERS_MAX && name.chars().all(letters) {
        return Ok(());
    }
    let better: String =
        name.to_lowercase().chars().filter(|c| letters(*c)).take(NAME_LETTERS_MAX).collect();
    let better = better.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    let better = if better.is_empty() { "hello" } else { better };
    Err(Error::new(format!("`{name}` cannot be an app's name"))
        .cause(format!(
            "a name has up to {NAME_LETTERS_MAX} of a-z, 0-9, - and _, and begins with a letter"
        ))
        .hint(format!("`dunlin new {better}`")))
}

#[cfg(test)]
mod tests {
    use super::{Template, check_name, create};
    use crate::project::Project;

    #[test]
    fn every_template_makes_an_app_that_says_how_it_is_built() {
        for (name, template) in Template::ALL {
            let place = tempfile::tempdir().expect("a folder");
            let folder = place.path().join("shore-birds");
            let created = create(&folder, *template).expect(name);
            assert_eq!(created.name, "shore-birds");
            let project = Project::read(&folder.join("dunlin.toml")).expect(name);
            assert_eq!(project.recipes.len(), 1, "{name}");
            let recipe = &project.recipes[0];
            assert_eq!((recipe.name.as_str(), recipe.language.name()), ("shore-birds", *name));
            assert_eq!(recipe.path, folder.join("shore-birds.wasm"));
            for file in created.files {
                let text = std::fs::read(folder.join(file)).expect(file);
                assert!(!text.windows(8).any(|part| part == b"{{name}}"), "{name}: {file}");
            }
            let error = create(&folder, *template).expect_err("it is there");
            assert!(error.what().contains("is there already"), "{error}");
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused_with_one_that_can() {
        let hint = |name: &str| {
            let error = check_name(name).expect_err(name);
            error.hint_text().expect("a hint").to_owned()
        };
        assert_eq!(hint("Shore Birds"), "`dunlin new shorebirds`");
        assert_eq!(hint("2birds"), "`dunlin new birds`");
        assert_eq!(hint(""), "`dunlin new hello`");
        assert_eq!(hint("größe"), "`dunlin new gre`");
        hint(&"a".repeat(64));
        hint("../a");
        check_name("a-b_2").expect("a name");
    }
}
