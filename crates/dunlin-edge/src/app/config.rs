//! `dunlin.toml`: the server, what holds for all apps, and the apps.
//!
//! ```toml
//! [server]
//! addr = "127.0.0.1:8080"
//! admin = "127.0.0.1:9090"
//! store = "store.redb"             # key-value stores and caches; in memory, unless set
//! drain = "10s"                    # and the other bounds of the server
//!
//! [limits]                         # of every app
//! memory = "64MiB"
//!
//! [[app]]
//! name = "hello"
//! path = "hello.wasm"              # from the folder of this file
//! hosts = ["hello.example", "*.hello.example"]
//! prefix = "/greet"
//! env = { LANG = "C" }
//! secrets = { KEY = "…" }
//! kv = { visits = "visits" }
//! allow-hosts = ["api.example"]
//! limits = { cpu = "200ms" }
//! ```
//!
//! A key that is not known is an error, which says where it stands.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::limits::{Keyed, Limits, ServerLimits};
use super::spec::{AppSpec, Secret, check_name};
use crate::fastedge::dotenv::Dotenv;

/// Bytes of the file: a thousand apps with all that can be said of them have less.
const CONFIG_BYTES_MAX: u64 = 16 << 20;

/// Apps of a server. Routes and metrics of so many fit into some megabytes.
pub const APPS_MAX: usize = 10_000;

/// What a `dunlin.toml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Where apps are served.
    pub addr: Option<SocketAddr>,
    /// Where health and metrics are.
    pub admin: Option<SocketAddr>,
    /// The file of the embedded store.
    pub store: Option<PathBuf>,
    /// Threads that serve.
    pub workers: Option<usize>,
    /// The bounds of the server.
    pub server: ServerLimits,
    /// The bounds of apps that say nothing else.
    pub limits: Limits,
    /// The apps.
    pub apps: Vec<AppSpec>,
}

/// Why a configuration cannot be used: what is wrong, and in which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong.
    pub what: String,
    /// The line, from 1, if it is one.
    pub line: Option<usize>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for ConfigError {}

/// What is wrong, and where in the text.
struct Wrong(String, Range<usize>);

type Parsed<T> = Result<T, Wrong>;
type Value<'i> = Spanned<DeValue<'i>>;

impl Config {
    /// Reads a file; paths in it are from its folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or says something that cannot be.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let unread = |what: String| ConfigError { what, line: None };
        let data = std::fs::metadata(path).map_err(|error| unread(error.to_string()))?;
        if data.len() > CONFIG_BYTES_MAX {
            return Err(unread(format!("it has more than {CONFIG_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unread(error.to_string()))?;
        Self::parse(&text, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads a text; paths in it are from `folder`.
    ///
    /// # Errors
    ///
    /// When it says something that cannot be.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, ConfigError> {
        let at = |Wrong(what, span): Wrong| {
            let before = text.get(..span.start).unwrap_or(text);
            ConfigError { what, line: Some(before.matches('\n').count() + 1) }
        };
        let table = DeTable::parse(text)
            .map_err(|error| at(Wrong(error.message().to_owned(), error.span().unwrap_or(0..0))))?;
        let mut config = Self::default();
        let mut apps = None;
        for (key, value) in table.get_ref() {
            match key.get_ref().as_ref() {
                "server" => config.set_server(value, folder).map_err(at)?,
                "limits" => set_limits(&mut config.limits, value).map_err(at)?,
                "app" => apps = Some(value),
                other => {
                    let what = format!("unknown key `{other}`: expected server, limits, app");
                    return Err(at(Wrong(what, key.span())));
                }
            }
        }
        // Apps come last, whatever the order: what holds for all of them holds before.
        if let Some(apps) = apps {
            config.set_apps(apps, folder).map_err(at)?;
        }
        Ok(config)
    }

    fn set_server(&mut self, value: &Value<'_>, folder: &Path) -> Parsed<()> {
        for (key, value) in table(value)? {
            match key.get_ref().as_ref() {
                "addr" => self.addr = Some(address(value)?),
                "admin" => self.admin = Some(address(value)?),
                "store" => {
                    self.store = Some(folder.join(scalar(value)?));
                }
                "workers" => {
                    let workers = super::values::count(&scalar(value)?, 1024);
                    self.workers =
                        Some(workers.map_err(|why| Wrong(why, value.span()))?.max(1) as usize);
                }
                other => {
                    let text = scalar(value)?;
                    self.server.set(other, &text).map_err(|why| Wrong(why, key.span()))?;
                }
            }
        }
        Ok(())
    }

    fn set_apps(&mut self, value: &Value<'_>, folder: &Path) -> Parsed<()> {
        let DeValue::Array(list) = value.get_ref() else {
            return Err(Wrong("expected `[[app]]`".into(), value.span()));
        };
        if list.len() > APPS_MAX {
            return Err(Wrong(format!("more than {APPS_MAX} apps"), value.span()));
        }
        for value in list {
            let app = self.app(value, folder)?;
            self.apps.push(app);
        }
        Ok(())
    }

    fn app(&self, value: &Value<'_>, folder: &Path) -> Parsed<AppSpec> {
        let table = table(value)?;
        let mut app = AppSpec::new("", "");
        app.limits = self.limits.clone();
        // What stands in the file comes before what stands in others that it names.
        let is_dotenv = |key: &str| key == "dotenv";
        for (key, value) in table.iter().filter(|(key, _)| is_dotenv(key.get_ref())) {
            let from = folder.join(scalar(value)?);
            let read = Dotenv::read(&from).map_err(|why| {
                Wrong(format!("cannot read the files in `{}`: {why}", from.display()), key.span())
            })?;
            app.add_dotenv(&read);
        }
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let row = KEYS.iter().find(|row| row.0 == name);
            match row {
                Some((_, set)) => set(&mut app, value, folder)?,
                None if is_dotenv(name) => {}
                None => {
                    let known: Vec<_> = KEYS.iter().map(|row| row.0).collect();
                    let what =
                        format!("unknown key `{name}` of an app: expected {}", known.join(", "));
                    return Err(Wrong(what, key.span()));
                }
            }
        }
        if app.path.as_os_str().is_empty() {
            return Err(Wrong("an app needs a `path`".into(), value.span()));
        }
        if app.name.is_empty() {
            app.name = name_of(&app.path);
        }
        check_name(&app.name).map_err(|why| {
            Wrong(format!("`{}` cannot be an app's name: {why}", app.name), value.span())
        })?;
        Ok(app)
    }
}

/// The name of an app that says none: its file's, as far as it can be one.
#[must_use]
pub fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = stem.chars().take(63).map(plain).collect();
    if name.is_empty() { "app".into() } else { name }
}

type SetKey = fn(&mut AppSpec, &Value<'_>, &Path) -> Parsed<()>;

/// What can be said of an app.
const KEYS: &[(&str, SetKey)] = &[
    ("name", |app, value, _| scalar(value).map(|name| app.name = name)),
    ("path", |app, value, folder| scalar(value).map(|path| app.path = join(folder, &path))),
    ("hosts", |app, value, _| list(value).map(|hosts| app.hosts = hosts)),
    ("prefix", |app, value, _| prefix(value).map(|prefix| app.prefix = Some(prefix))),
    ("strip-prefix", |app, value, _| boolean(value).map(|strip| app.strip_prefix = strip)),
    ("env", |app, value, _| {
        for (name, value) in pairs(value)? {
            app.set_env(&name, &value);
        }
        Ok(())
    }),
    ("secrets", |app, value, _| {
        for (name, value) in table(value)? {
            set_secret(app, name.get_ref(), value)?;
        }
        Ok(())
    }),
    ("kv", |app, value, folder| {
        for (name, value) in pairs(value)? {
            match value.ends_with(".json") {
                true => app.set_kv(&name, &folder.join(value).to_string_lossy()),
                false => app.set_kv(&name, &value),
            }
        }
        Ok(())
    }),
    ("allow-hosts", |app, value, _| list(value).map(|hosts| app.allow_hosts = hosts)),
    ("request-headers", |app, value, _| headers(value, &mut app.request_headers)),
    ("response-headers", |app, value, _| headers(value, &mut app.response_headers)),
    ("propagate-headers", |app, value, _| list(value).map(|names| app.propagate_headers = names)),
    ("reuse", |app, value, _| {
        let count = super::values::count(&scalar(value)?, u64::from(u32::MAX));
        count.map(|count| app.reuse = count.max(1) as u32).map_err(|why| Wrong(why, value.span()))
    }),
    ("limits", |app, value, _| set_limits(&mut app.limits, value)),
    // How it is built is the business of whoever builds it.
    ("build", |_, value, _| table(value).map(drop)),
];

fn join(folder: &Path, path: &str) -> PathBuf {
    folder.join(path)
}

fn set_limits(limits: &mut Limits, value: &Value<'_>) -> Parsed<()> {
    for (key, value) in table(value)? {
        let text = scalar(value)?;
        limits.set(key.get_ref(), &text).map_err(|why| Wrong(why, key.span()))?;
    }
    Ok(())
}

/// A secret: one value, or a table of values by the second from which they hold.
fn set_secret(app: &mut AppSpec, name: &str, value: &Value<'_>) -> Parsed<()> {
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        app.set_secret(name, &scalar(value)?);
        return Ok(());
    }
    let mut values = Vec::new();
    for (from, value) in table(value)? {
        let second = from.get_ref().parse().map_err(|_| {
            Wrong("expected the second since 1970 from which it holds".into(), from.span())
        })?;
        values.push((second, scalar(value)?));
    }
    values.sort();
    app.secrets.retain(|known| known.name != name);
    app.secrets.push(Secret { name: name.into(), values });
    Ok(())
}

fn headers(value: &Value<'_>, into: &mut Vec<(String, String)>) -> Parsed<()> {
    for (name, text) in pairs(value)? {
        check_header(&name, &text).map_err(|why| Wrong(why, value.span()))?;
        super::spec::put(into, &name, &text);
    }
    Ok(())
}

/// Whether these can be a header.
///
/// # Errors
///
/// Says why they cannot.
pub fn check_header(name: &str, value: &str) -> Result<(), String> {
    http::HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{name}` cannot be the name of a header"))?;
    http::HeaderValue::from_str(value)
        .map_err(|_| format!("`{value}` cannot be the value of a header"))?;
    Ok(())
}

fn prefix(value: &Value<'_>) -> Parsed<String> {
    let text = scalar(value)?;
    if text.starts_with('/') && !text.contains(['?', '#']) {
        return Ok(text);
    }
    Err(Wrong("expected a path that begins with `/`".into(), value.span()))
}

fn address(value: &Value<'_>) -> Parsed<SocketAddr> {
    let text = scalar(value)?;
    text.parse().map_err(|_| {
        let what = format!("`{text}` is no address: expected one such as `127.0.0.1:8080`");
        Wrong(what, value.span())
    })
}

fn table<'v, 'i>(value: &'v Value<'i>) -> Parsed<&'v DeTable<'i>> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => Err(Wrong("expected a table".into(), value.span())),
    }
}

/// A text or number, as text.
fn scalar(value: &Value<'_>) -> Parsed<String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        _ => Err(Wrong("expected a text or a number".into(), value.span())),
    }
}

fn boolean(value: &Value<'_>) -> Parsed<bool> {
    match value.get_ref() {
        DeValue::Boolean(boolean) => Ok(*boolean),
        _ => Err(Wrong("expected true or false".into(), value.span())),
    }
}

fn list(value: &Value<'_>) -> Parsed<Vec<String>> {
    match value.get_ref() {
        DeValue::Array(values) => values.iter().map(scalar).collect(),
        _ => Err(Wrong("expected a list of texts".into(), value.span())),
    }
}

fn pairs(value: &Value<'_>) -> Parsed<Vec<(String, String)>> {
    let table = table(value)?.iter();
    table.map(|(key, value)| Ok((key.get_ref().to_string(), scalar(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("/folder"))
    }

    #[test]
    fn all_that_can_be_said_is_understood() {
        let config = parse(
            r#"
            [server]
            addr = "[::1]:80"
            admin = "127.0.0.1:9090"
            store = "kept/store.redb"
            workers = 3
            drain = "1s"
            [[app]]
            path = "../a b.wasm"
            [[app]]
            name = "two"
            path = "/two.wasm"
            hosts = ["x.example"]
            prefix = "/p"
            strip-prefix = true
            env = { A = "1", B = 2 }
            secrets = { S = "s", R = { 100 = "new", 0 = "old" } }
            kv = { k = "redis://h/0" }
            allow-hosts = ["y.example"]
            request-headers = { X-A = "1" }
            response-headers = { X-B = "2" }
            propagate-headers = ["X-C"]
            reuse = 5
            [app.limits]
            cpu = "1s"
            [limits]
            memory = "1MiB"
            "#,
        )
        .expect("a configuration");
        assert_eq!(config.addr, Some("[::1]:80".parse().unwrap()));
        assert_eq!((config.workers, config.server.drain), (Some(3), Duration::from_secs(1)));
        assert_eq!(config.store.as_deref(), Some(Path::new("/folder/kept/store.redb")));
        let [one, two] = &config.apps[..] else { panic!("{:?}", config.apps) };
        assert_eq!(
            (one.name.as_str(), one.path.as_path()),
            ("a-b", Path::new("/folder/../a b.wasm"))
        );
        assert_eq!((one.limits.memory_bytes, two.limits.memory_bytes), (1 << 20, 1 << 20));
        assert_eq!((two.limits.cpu, two.reuse), (Duration::from_secs(1), 5));
        assert_eq!(two.path, Path::new("/two.wasm"));
        assert_eq!(two.env, [("A".into(), "1".into()), ("B".into(), "2".into())]);
        let rotating = two.secrets.iter().find(|secret| secret.name == "R").unwrap();
        assert_eq!(rotating.values, [(0, "old".into()), (100, "new".into())]);
        assert!(two.strip_prefix);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line, what) in [
            ("\nx = 1", 2, "unknown key `x`"),
            ("[server]\nadr = \"1\"", 2, "there is no limit `adr`"),
            ("[server]\naddr = \"80\"", 2, "is no address"),
            ("[limits]\nmemory = \"much\"", 2, "`memory` cannot be `much`"),
            ("[limits]\n\nmemory = 1.5", 3, "expected a text or a number"),
            ("[[app]]\nname = \"a\"", 1, "an app needs a `path`"),
            ("[[app]]\npath = \"a\"\nhost = \"b\"", 3, "unknown key `host` of an app"),
            ("[[app]]\npath = \"a\"\nname = \"a/b\"", 1, "cannot be an app's name"),
            ("[[app]]\npath = \"a\"\nprefix = \"b\"", 3, "begins with `/`"),
            (
                "[[app]]\npath = \"a\"\nresponse-headers = { \"a b\" = \"c\" }",
                3,
                "name of a header",
            ),
            ("app = 1", 1, "expected `[[app]]`"),
            ("[server", 1, ""),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.line, Some(line), "{text}: {error}");
            assert!(error.what.contains(what), "{text}: {error}");
        }
    }
}
