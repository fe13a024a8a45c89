//! What an app is, as whoever runs the server says it.

use std::fmt;
use std::path::PathBuf;

use super::limits::Limits;
use crate::fastedge::dotenv::Dotenv;

/// A secret: its values, each with the second since 1970 from which it holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// Its values, the oldest first.
    pub values: Vec<(u32, String)>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values stand in no log.
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An app: a component or module, where its requests come from, what it may reach and use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppSpec {
    /// Its name: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The file with its component or module.
    pub path: PathBuf,
    /// The hosts whose requests it is given: names, or `*.` and a name. None are all.
    pub hosts: Vec<String>,
    /// The beginning of the paths whose requests it is given, whole segments.
    pub prefix: Option<String>,
    /// Whether that beginning is taken off before the app sees a path.
    pub strip_prefix: bool,
    /// Its environment variables, which are its dictionary too.
    pub env: Vec<(String, String)>,
    /// Its secrets.
    pub secrets: Vec<Secret>,
    /// Its key-value stores: names, and what stands behind them.
    pub kv: Vec<(String, String)>,
    /// The hosts that it may ask, as `outgoing` reads them.
    pub allow_hosts: Vec<String>,
    /// Headers that are added to each of its requests.
    pub request_headers: Vec<(String, String)>,
    /// Headers that are set on each of its responses, those of errors included.
    pub response_headers: Vec<(String, String)>,
    /// Headers of a request that go on with the app's own requests.
    pub propagate_headers: Vec<String>,
    /// How many requests an instance serves, one after another.
    pub reuse: u32,
    /// What each request may use.
    pub limits: Limits,
}

impl AppSpec {
    /// An app that is given all requests, and may reach nothing.
    #[must_use]
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            hosts: Vec::new(),
            prefix: None,
            strip_prefix: false,
            env: Vec::new(),
            secrets: Vec::new(),
            kv: Vec::new(),
            allow_hosts: Vec::new(),
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            propagate_headers: Vec::new(),
            reuse: 1,
            limits: Limits::default(),
        }
    }

    /// Sets an environment variable, in place of one of the same name.
    pub fn set_env(&mut self, name: &str, value: &str) {
        put(&mut self.env, name, value);
    }

    /// Sets a secret that has one value.
    pub fn set_secret(&mut self, name: &str, value: &str) {
        let secret = Secret { name: name.into(), values: vec![(0, value.into())] };
        match self.secrets.iter_mut().find(|known| known.name == name) {
            Some(known) => *known = secret,
            None => self.secrets.push(secret),
        }
    }

    /// Gives it what dotenv files say.
    pub fn add_dotenv(&mut self, files: &Dotenv) {
        files.env.iter().for_each(|(name, value)| self.set_env(name, value));
        files.secrets.iter().for_each(|(name, value)| self.set_secret(name, value));
        files.kv_stores.iter().for_each(|(name, value)| self.set_kv(name, value));
        for (name, value) in &files.req_headers {
            put(&mut self.request_headers, name, value);
        }
        for (name, value) in &files.rsp_headers {
            put(&mut self.response_headers, name, value);
        }
    }

    /// Names a key-value store.
    pub fn set_kv(&mut self, name: &str, behind: &str) {
        put(&mut self.kv, name, behind);
    }
}

/// Sets a pair, in place of one of the same name.
pub(crate) fn put(pairs: &mut Vec<(String, String)>, name: &str, value: &str) {
    match pairs.iter_mut().find(|(known, _)| known == name) {
        Some(pair) => pair.1 = value.into(),
        None => pairs.push((name.into(), value.into())),
    }
}

/// Whether this can be an app's name: it stands in paths, hosts, logs and metrics.
///
/// # Errors
///
/// Says why it cannot.
pub fn check_name(name: &str) -> Result<(), String> {
    /// As long as a label of a host name.
    const CHARS_MAX: usize = 63;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > CHARS_MAX || !name.chars().all(is_plain) {
        return Err(format!("expected up to {CHARS_MAX} letters, digits, `-`, `_` and `.`"));
    }
    Ok(())
}
