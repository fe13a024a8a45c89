//! Dotenv files as FastEdge's tools read them: what an app is given, without a `dunlin.toml`.
//!
//! `.env` has all kinds of things, told apart by a prefix such as `FASTEDGE_VAR_SECRET_`; what has none of the prefixes is a
//! variable. `.env.variables`, `.env.secrets`, `.env.req_headers`, `.env.rsp_headers` and `.env.kv_stores` have one kind
//! each, where the prefix may be left out.

use std::fs;
use std::io;
use std::path::Path;

use super::spec::{AppSpec, put};

/// Bytes of one such file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What something in a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Variable,
    Secret,
    RequestHeader,
    ResponseHeader,
    Store,
}

/// Each kind with the file of its own and its prefix.
const KINDS: &[(Kind, &str, &str)] = &[
    (Kind::Variable, ".env.variables", "FASTEDGE_VAR_ENV_"),
    (Kind::Secret, ".env.secrets", "FASTEDGE_VAR_SECRET_"),
    (Kind::RequestHeader, ".env.req_headers", "FASTEDGE_VAR_REQ_HEADER_"),
    (Kind::ResponseHeader, ".env.rsp_headers", "FASTEDGE_VAR_RSP_HEADER_"),
    (Kind::Store, ".env.kv_stores", "FASTEDGE_VAR_KV_STORE_"),
];

/// What the files of a folder say.
#[derive(Debug, Default)]
pub struct Dotenv(Vec<(Kind, String, String)>);

/// Reads the files of a folder, or one file.
///
/// # Errors
///
/// Says which file cannot be read, or what in it is wrong.
pub fn read(path: &Path) -> Result<Dotenv, String> {
    let mut found = Dotenv::default();
    if path.is_file() {
        found.read_file(path, None)?;
        return Ok(found);
    }
    if !path.is_dir() {
        return Err(format!("`{}` is neither a folder nor a file", path.display()));
    }
    found.read_file(&path.join(".env"), None)?;
    for (kind, name, _) in KINDS {
        found.read_file(&path.join(name), Some(*kind))?;
    }
    Ok(found)
}

impl Dotenv {
    /// Gives an app what the files say.
    pub fn add_to(&self, app: &mut AppSpec) {
        for (kind, name, value) in &self.0 {
            match kind {
                Kind::Variable => app.set_env(name, value),
                Kind::Secret => app.set_secret(name, value),
                Kind::RequestHeader => put(&mut app.request_headers, name, value),
                Kind::ResponseHeader => put(&mut app.response_headers, name, value),
                Kind::Store => app.set_kv(name, value),
            }
        }
    }

    /// Reads a file, if it is there.
    fn read_file(&mut self, path: &Path, kind: Option<Kind>) -> Result<(), String> {
        let shown = path.display();
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(format!("cannot read `{shown}`: {error}")),
            Ok(data) if data.len() > FILE_BYTES_MAX => {
                return Err(format!("`{shown}` has more than {FILE_BYTES_MAX} bytes"));
            }
            Ok(_) => {}
        }
        let text =
            fs::read_to_string(path).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
        self.parse(&text, kind).map_err(|why| format!("`{shown}`: {why}"))
    }

    fn parse(&mut self, text: &str, kind: Option<Kind>) -> Result<(), String> {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line);
            let wrong = |what: &str| format!("line {}: {what}", number + 1);
            let (name, value) = line.split_once('=').ok_or_else(|| wrong("expected NAME=VALUE"))?;
            let value = unquote(value.trim()).ok_or_else(|| wrong("a quote is not closed"))?;
            let (kind, name) = kind_of(name.trim(), kind);
            if name.is_empty() || name.contains(['\0', ' ']) || value.contains('\0') {
                return Err(wrong("it has no name, or one that cannot be"));
            }
            if matches!(kind, Kind::RequestHeader | Kind::ResponseHeader) {
                super::config::check_header(name, &value).map_err(|why| wrong(&why))?;
            }
            self.0.push((kind, name.into(), value));
        }
        Ok(())
    }
}

/// What a name is, by its prefix or else its file; and the name without the prefix.
fn kind_of(name: &str, file: Option<Kind>) -> (Kind, &str) {
    let mut kinds = KINDS.iter().filter(|(kind, ..)| file.is_none_or(|file| file == *kind));
    let prefixed = kinds.find_map(|(kind, _, prefix)| Some((*kind, name.strip_prefix(prefix)?)));
    prefixed.unwrap_or((file.unwrap_or(Kind::Variable), name))
}

/// A value without its quotes, or without the comment behind it.
fn unquote(value: &str) -> Option<String> {
    if let Some(rest) = value.strip_prefix('\'') {
        return Some(rest[..rest.find('\'')?].into());
    }
    let Some(rest) = value.strip_prefix('"') else {
        let end = value.find(" #").unwrap_or(value.len());
        return Some(value[..end].trim_end().into());
    };
    let mut text = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some(text),
            '\\' => match chars.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, kind: Option<Kind>) -> Result<AppSpec, String> {
        let mut found = Dotenv::default();
        found.parse(text, kind)?;
        let mut app = AppSpec::new("a", "a");
        found.add_to(&mut app);
        Ok(app)
    }

    #[test]
    fn kinds_are_told_by_prefix_or_file() {
        let app = parse(
            "# all\nA=1\nexport B = two words # not this\nFASTEDGE_VAR_SECRET_K='a b'\n\
             FASTEDGE_VAR_REQ_HEADER_X-A=\"q\\\"\\n\"\n\nFASTEDGE_VAR_KV_STORE_s=redis://h",
            None,
        );
        // A header's value has no line break.
        assert!(app.unwrap_err().contains("line 5"));
        let app = parse("A=1\nFASTEDGE_VAR_SECRET_K='a b'\nFASTEDGE_VAR_KV_STORE_s=r#h", None).unwrap();
        assert_eq!(app.env, [("A".into(), "1".into())]);
        assert_eq!(app.secrets[0].values, [(0, "a b".into())]);
        assert_eq!(app.kv, [("s".into(), "r#h".into())]);
        let app = parse("X-B=1\nFASTEDGE_VAR_RSP_HEADER_X-C=2", Some(Kind::ResponseHeader)).unwrap();
        assert_eq!(app.response_headers.len(), 2);
        assert_eq!(app.response_headers[1], ("X-C".into(), "2".into()));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for text in ["\nA", "\n=1", "\nA=\"1", "\nA='", "\nA=\"\\"] {
            assert!(parse(text, None).unwrap_err().starts_with("line 2"), "{text}");
        }
    }
}
