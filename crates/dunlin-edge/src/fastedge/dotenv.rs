//! Dotenv files: what an app is granted, as lines of text in files beside it.
//!
//! | file | what stands in it |
//! |---|---|
//! | `.env` | variables; and what begins with `FASTEDGE_VAR_ENV_`, `…SECRET_`, `…REQ_HEADER_`, `…RSP_HEADER_`, `…KV_STORE_` |
//! | `.env.variables`, `.env.secrets`, `.env.req_headers`, `.env.rsp_headers`, `.env.kv_stores` | those alone |
//!
//! A line is `NAME=VALUE`; either may stand in quotes. What begins with `#`, at the beginning or after a space, is a comment,
//! unless it stands in quotes. Lines without `=` say nothing.

use super::limits::DOTENV_BYTES_MAX;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// What the files say, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dotenv {
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// Secrets.
    pub secrets: BTreeMap<String, String>,
    /// Headers that requests have for the app.
    pub req_headers: BTreeMap<String, String>,
    /// Headers that answers have.
    pub rsp_headers: BTreeMap<String, String>,
    /// Key-value stores, and where what is in them comes from.
    pub kv_stores: BTreeMap<String, String>,
}

/// What begins the names of everything that is for an app.
const PREFIX: &str = "FASTEDGE_VAR_";

impl Dotenv {
    /// Reads the files of a folder. Those that are not there say nothing; what `.env` says counts before what the others
    /// do.
    ///
    /// # Errors
    ///
    /// If a file is there and cannot be read, or is too large.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut all = Self::default();
        for (name, value) in parse(&text(&folder.join(".env"))?) {
            all.add_general(&name, value);
        }
        for (file, values) in [
            (".env.variables", &mut all.env),
            (".env.secrets", &mut all.secrets),
            (".env.req_headers", &mut all.req_headers),
            (".env.rsp_headers", &mut all.rsp_headers),
            (".env.kv_stores", &mut all.kv_stores),
        ] {
            for (name, value) in parse(&text(&folder.join(file))?) {
                // Such names are for the file of everything.
                if !name.starts_with(PREFIX) {
                    values.entry(name).or_insert(value);
                }
            }
        }
        Ok(all)
    }

    /// Adds a line of `.env`; of a name that is there twice the last counts.
    fn add_general(&mut self, name: &str, value: String) {
        let Some(rest) = name.strip_prefix(PREFIX) else {
            self.env.insert(name.into(), value);
            return;
        };
        for (kind, values) in [
            ("ENV_", &mut self.env),
            ("SECRET_", &mut self.secrets),
            ("REQ_HEADER_", &mut self.req_headers),
            ("RSP_HEADER_", &mut self.rsp_headers),
            ("KV_STORE_", &mut self.kv_stores),
        ] {
            if let Some(name) = rest.strip_prefix(kind).filter(|name| !name.is_empty()) {
                values.insert(name.into(), value);
                return;
            }
        }
    }
}

/// The text of a file; nothing if there is none.
fn text(path: &Path) -> io::Result<String> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("cannot read `{}`: {error}", path.display()))
    };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(named(error)),
        Ok(known) if known.len() > DOTENV_BYTES_MAX => {
            let why = format!("it has {} bytes, and {DOTENV_BYTES_MAX} at most", known.len());
            return Err(named(io::Error::new(io::ErrorKind::FileTooLarge, why)));
        }
        Ok(_) => {}
    }
    std::fs::read_to_string(path).map_err(named)
}

/// The names and values that the lines of a text have.
///
/// # Examples
///
/// ```
/// use dunlin_edge::fastedge::dotenv::parse;
///
/// let lines = parse("A=1 # one\n\n'B' = \"x # y\"\nnothing\n");
/// assert_eq!(lines, [("A".into(), "1".into()), ("B".into(), "x # y".into())]);
/// ```
#[must_use]
pub fn parse(text: &str) -> Vec<(String, String)> {
    let parsed = text.lines().filter_map(|line| {
        let (name, value) = without_comment(line).split_once('=')?;
        let name = name.trim();
        let name = name.strip_prefix("export ").unwrap_or(name);
        let name = unquoted(name);
        (!name.is_empty()).then(|| (name.into(), unquoted(value).into()))
    });
    parsed.collect()
}

/// A line up to its comment.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut before) = (None, b' ');
    for (at, byte) in line.bytes().enumerate() {
        match (quote, byte) {
            (None, b'#') if before.is_ascii_whitespace() => return &line[..at],
            // Quotes within a word are characters of it: an apostrophe begins nothing.
            (None, b'"' | b'\'') if before.is_ascii_whitespace() || before == b'=' => {
                // What is never closed is no quote either.
                quote = line.as_bytes()[at + 1..].contains(&byte).then_some(byte);
            }
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
        before = byte;
    }
    line
}

/// A text without the spaces and the quotes around it.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner =
        ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    inner.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn lines_are_names_and_values() {
        for (line, name, value) in [
            ("KEY1=value1", "KEY1", "value1"),
            ("  KEY = value  ", "KEY", "value"),
            ("KEY3==value3", "KEY3", "=value3"),
            ("KEY=\"some value\"", "KEY", "some value"),
            ("'KEY5'='value5'", "KEY5", "value5"),
            (
                "KEY=\"an \"edge\" case with = and `quotes`\"",
                "KEY",
                "an \"edge\" case with = and `quotes`",
            ),
            ("KEY=value # a comment", "KEY", "value"),
            ("KEY=value#no comment", "KEY", "value#no comment"),
            ("KEY=\"a # b\" # c", "KEY", "a # b"),
            ("KEY='it''s'", "KEY", "it''s"),
            ("KEY=it's # c", "KEY", "it's"),
            ("KEY=\"open # c", "KEY", "\"open"),
            ("KEY=", "KEY", ""),
            ("export KEY=v", "KEY", "v"),
            ("KEY=grüße", "KEY", "grüße"),
            ("KEY=\"\"", "KEY", ""),
            ("KEY=\"", "KEY", "\""),
        ] {
            assert_eq!(parse(line), [(name.to_owned(), value.to_owned())], "{line}");
        }
        for line in ["", "# KEY=value", "   # KEY=v", "no value", "=value", "''=v", "#"] {
            assert_eq!(parse(line), [], "{line}");
        }
        assert_eq!(parse("A=1\r\nB=2\r\n").len(), 2);
    }

    #[test]
    fn files_are_merged_by_what_they_are_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let write =
            |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
        assert_eq!(Dotenv::read(folder.path()).expect("nothing"), Dotenv::default());
        write(
            ".env",
            "A=env\nFASTEDGE_VAR_ENV_B=env\nFASTEDGE_VAR_SECRET_S=env\nFASTEDGE_VAR_REQ_HEADER_Q=env\n\
             FASTEDGE_VAR_RSP_HEADER_R=env\nFASTEDGE_VAR_KV_STORE_K=env\nFASTEDGE_VAR_OTHER_X=env\n\
             FASTEDGE_VAR_ENV_=env\n",
        );
        write(".env.variables", "A=own\nC=own\nFASTEDGE_VAR_ENV_D=own\n");
        write(".env.secrets", "S=own\nT=own\nFASTEDGE_VAR_SECRET_U=own\n");
        write(".env.kv_stores", "L=redis://h\n");
        let all = Dotenv::read(folder.path()).expect("files");
        let text = |values: &BTreeMap<String, String>| {
            values.iter().map(|(name, value)| format!("{name}={value} ")).collect::<String>()
        };
        assert_eq!(text(&all.env), "A=env B=env C=own ");
        assert_eq!(text(&all.secrets), "S=env T=own ");
        assert_eq!(text(&all.req_headers), "Q=env ");
        assert_eq!(text(&all.rsp_headers), "R=env ");
        assert_eq!(text(&all.kv_stores), "K=env L=redis://h ");
        write(".env.secrets", &"x".repeat(DOTENV_BYTES_MAX as usize + 1));
        assert!(Dotenv::read(folder.path()).is_err());
        fs::write(folder.path().join(".env.secrets"), [0xff, 0xfe]).expect("a file");
        let error = Dotenv::read(folder.path()).expect_err("no text");
        assert!(error.to_string().contains(".env.secrets"), "{error}");
    }
}
