//! How each language's own tools make a module or component of an app's sources.

use crate::error::Error;
use crate::project::{Language, Recipe};
use crate::tools;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What installs the C toolchain.
const ZIG: &str = "`python3 -m pip install ziglang`";

/// What installs what a JavaScript app needs, in its folder.
const NODE: &str = "install Node.js 20 or newer, then `npm install`";

/// Compiles an app's sources; where the module or component is.
pub(crate) fn compile(recipe: &Recipe) -> Result<PathBuf, Error> {
    match recipe.language {
        Language::Rust => cargo(recipe, "wasm32-wasip2"),
        Language::FastEdge => cargo(recipe, "wasm32-wasip1"),
        Language::C => zig(recipe),
        Language::Js => componentize_js(recipe),
    }
}

fn cargo(recipe: &Recipe, target: &str) -> Result<PathBuf, Error> {
    tools::rust_target(target, &recipe.folder)?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--target", target]);
    cargo.args(["--message-format", "json-render-diagnostics"]).current_dir(&recipe.folder);
    let said = tools::run(&mut cargo, tools::RUST)?;
    let found = artifacts(&String::from_utf8_lossy(&said));
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Error::new(format!("the package of `{}` makes no module", recipe.name))
            .hint("`crate-type = [\"cdylib\"]` below `[lib]` in `Cargo.toml`")),
        more => {
            let error =
                Error::new(format!("the package of `{}` makes several modules", recipe.name));
            Err(more.iter().fold(error, |error, path| error.cause(path.display())))
        }
    }
}

/// The modules that cargo says it has made last, for one package.
fn artifacts(said: &str) -> Vec<PathBuf> {
    let mut last = ("", Vec::new());
    for line in said.lines().filter(|line| line.contains("\"reason\":\"compiler-artifact\"")) {
        let found: Vec<PathBuf> = strings_of(line, "\"filenames\":[")
            .into_iter()
            .filter(|path| path.ends_with(".wasm"))
            .map(PathBuf::from)
            .collect();
        let package = line.split("\"package_id\":\"").nth(1).unwrap_or_default();
        let package = package.split('"').next().unwrap_or_default();
        if found.is_empty() {
            continue;
        }
        if last.0 != package {
            last = (package, Vec::new());
        }
        last.1.extend(found);
    }
    last.1
}

/// The strings of the list that begins so, in a line of JSON.
fn strings_of(line: &str, begin: &str) -> Vec<String> {
    let (mut strings, mut open) = (Vec::new(), None);
    let mut letters = line.split(begin).nth(1).unwrap_or_default().chars();
    while let Some(letter) = letters.next() {
        match (letter, &mut open) {
            ('"', None) => open = Some(String::new()),
            ('"', Some(text)) => {
                strings.push(std::mem::take(text));
                open = None;
            }
            // Of what has to be escaped, paths have only this.
            ('\\', Some(text)) => text.extend(letters.next()),
            (letter, Some(text)) => text.push(letter),
            (']', None) => break,
            _ => {}
        }
    }
    strings
}

fn zig(recipe: &Recipe) -> Result<PathBuf, Error> {
    let folder = &recipe.folder;
    let tries: [&[&str]; 3] =
        [&["zig"], &["python3", "-m", "ziglang"], &["python", "-m", "ziglang"]];
    let command = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command
    };
    let found = tries.iter().find(|words| tools::works(command(words).arg("version")));
    let words =
        found.ok_or_else(|| Error::new("`zig`, which compiles C, is not installed").hint(ZIG))?;
    let out = folder.join("build");
    fs::create_dir_all(&out)
        .map_err(|error| Error::new(format!("cannot create `{}`", out.display())).cause(error))?;
    let module = out.join(format!("{}.core.wasm", recipe.name));
    let mut zig = command(words);
    zig.args(["cc", "--target=wasm32-wasi", "-mexec-model=reactor", "-Os", "-Wall"]);
    zig.args(["-I", "bindings", "-o"]).arg(absolute(&module)?).current_dir(folder);
    for (part, endings) in [("src", &["c"][..]), ("bindings", &["c", "o"])] {
        zig.args(sources(folder, part, endings)?);
    }
    tools::run(&mut zig, ZIG)?;
    Ok(module)
}

/// The files of a part of the sources that end so, in the order of their names.
fn sources(folder: &Path, part: &str, endings: &[&str]) -> Result<Vec<PathBuf>, Error> {
    let unread = |error: std::io::Error| {
        Error::new(format!("cannot read `{}`", folder.join(part).display())).cause(error)
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder.join(part)).map_err(unread)? {
        let name = entry.map_err(unread)?.file_name();
        let path = Path::new(part).join(name);
        if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn componentize_js(recipe: &Recipe) -> Result<PathBuf, Error> {
    let folder = &recipe.folder;
    let program = folder.join("node_modules").join(".bin").join("componentize-js");
    if !tools::works(Command::new("node").arg("--version")) {
        return Err(Error::new("`node`, which builds JavaScript, is not installed").hint(NODE));
    }
    if !program.exists() {
        let what = format!("the packages of `{}` are not installed", recipe.name);
        return Err(Error::new(what).hint(format!("`npm install --prefix {}`", folder.display())));
    }
    let out = folder.join("build");
    fs::create_dir_all(&out)
        .map_err(|error| Error::new(format!("cannot create `{}`", out.display())).cause(error))?;
    let component = out.join(format!("{}.wasm", recipe.name));
    let mut tool = Command::new(absolute(&program)?);
    tool.args(["src/app.js", "--wit", "wit/app.wit", "--world-name", "app", "--out"]);
    tool.arg(absolute(&component)?).current_dir(folder);
    tools::run(&mut tool, NODE)?;
    Ok(component)
}

/// A path that means the same in the app's folder.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path)
        .map_err(|error| Error::new(format!("cannot find `{}`", path.display())).cause(error))
}

#[cfg(test)]
mod tests {
    use super::{artifacts, sources};
    use std::path::{Path, PathBuf};

    #[test]
    fn modules_are_found_in_what_cargo_says() {
        let line = |package: &str, files: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"package_id\":\"{package}\",\"features\":[\"a\"],\
                 \"filenames\":[{files}],\"executable\":null}}\n"
            )
        };
        let said = line("dep", r#""/t/libdep.rlib""#)
            + &line("old", r#""/t/old.wasm""#)
            + &line("app", r#""/t/app.wasm","/t/libapp.rlib""#)
            + "{\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(artifacts(&said), [PathBuf::from("/t/app.wasm")]);
        let said = line("app", r#""C:\\t\\a.wasm""#) + &line("app", r#""C:\\t\\b.wasm""#);
        assert_eq!(
            artifacts(&said),
            [PathBuf::from(r"C:\t\a.wasm"), PathBuf::from(r"C:\t\b.wasm")]
        );
        assert_eq!(artifacts("no JSON"), Vec::<PathBuf>::new());
    }

    #[test]
    fn sources_are_those_of_the_language_in_order() {
        let place = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(place.path().join("src")).expect("a folder");
        for name in ["b.c", "a.c", "a.h", "c"] {
            std::fs::write(place.path().join("src").join(name), "").expect("a file");
        }
        let found = sources(place.path(), "src", &["c"]).expect("files");
        assert_eq!(found, [Path::new("src/a.c"), Path::new("src/b.c")]);
        sources(place.path(), "bindings", &["c"]).expect_err("no such folder");
    }
}
