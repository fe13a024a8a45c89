//! Where a Redis server is: `redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`, or `rediss://…[?ca=FILE.pem]` with TLS.

use crate::stores::StoreError;
use std::fmt;
use std::path::PathBuf;

/// The port that servers have.
const PORT: u16 = 6379;

/// Where a Redis server is, and as whom it is asked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RedisUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: u32,
    pub(super) tls: Option<Trust>,
}

/// Whose certificates a server with TLS may have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Trust {
    /// Those of whom browsers trust.
    Public,
    /// Those of the authorities in a file, and no others.
    File(PathBuf),
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RedisUrl {
    /// Without the password, since it stands in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        write!(f, "{scheme}://{host}:{}/{}", self.port, self.database)
    }
}

impl RedisUrl {
    /// Reads a URL. A name or password has `%40` for `@`, and so on.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] if it is none.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        // The text itself may have a password.
        let refused = |why: &str| StoreError::refused(format_args!("a URL of Redis's {why}"));
        let (has_tls, rest) = match text.split_once("://") {
            Some(("redis", rest)) => (false, rest),
            Some(("rediss", rest)) => (true, rest),
            _ => return Err(refused("begins with `redis://` or `rediss://`")),
        };
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(a, b)| (a, Some(b)));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, address) = match authority.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, authority),
        };
        let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => {
                (host, Some(port.strip_prefix(':').ok_or_else(|| refused("has a port after `:`"))?))
            }
            None => match address.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (address, None),
            },
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(refused("names a host"));
        }
        let port =
            port.map_or(Ok(PORT), str::parse).map_err(|_| refused("has a number as port"))?;
        let database = if path.is_empty() { Ok(0) } else { path.parse() };
        let database = database.map_err(|_| refused("ends with the number of a database"))?;
        let decode = |text: &str| decoded(text).ok_or_else(|| refused("has `%` before two digits"));
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, "")))
        {
            None => (None, None),
            Some((user, password)) => (Some(decode(user)?), Some(decode(password)?)),
        };
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (user, password) = (given(user), given(password));
        let tls = match query.map(|query| query.split_once('=')) {
            None => has_tls.then_some(Trust::Public),
            Some(Some(("ca", file))) if has_tls && !file.is_empty() => {
                Some(Trust::File(decode(file)?.into()))
            }
            Some(_) => return Err(refused("with TLS, and no other, may end with `?ca=FILE.pem`")),
        };
        Ok(Self { host: host.into(), port, user, password, database, tls })
    }
}

/// A text whose `%40` are `@`, and so on.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let [high, low, after @ ..] = rest else { return None };
        bytes.push((digit(*high)? * 16 + digit(*low)?) as u8);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_where_and_as_whom() {
        let own = |text: &str| Some(text.to_owned());
        for (text, host, port, user, password, database) in [
            ("redis://h", "h", 6379, None, None, 0),
            ("redis://h:1/", "h", 1, None, None, 0),
            ("redis://127.0.0.1:6380/3", "127.0.0.1", 6380, None, None, 3),
            ("redis://[::1]:7/1", "::1", 7, None, None, 1),
            ("redis://[::1]", "::1", 6379, None, None, 0),
            ("redis://:p%40ss@h", "h", 6379, None, own("p@ss"), 0),
            ("redis://u:p@@h", "h", 6379, own("u"), own("p@"), 0),
            ("redis://u@h", "h", 6379, own("u"), None, 0),
        ] {
            let url = RedisUrl::parse(text).expect(text);
            assert_eq!((&*url.host, url.port, url.database), (host, port, database), "{text}");
            assert_eq!((url.user, url.password), (user, password), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_its_password() {
        for text in [
            "",
            "h",
            "redis:h",
            "redis://",
            "redis://:1",
            "redis://h:",
            "redis://h:x",
            "redis://h:65536",
            "redis://h/x",
            "redis://h/-1",
            "redis://u:%zz@h",
            "redis://u:%2@h",
            "redis://h h",
            "redis://h?ca=x",
            "rediss://h?ca=",
            "rediss://h?key=x",
            "rediss://",
            "redis://[::1]x",
            "http://h",
            "redis://u:secret@h/x",
            "redis://u:secret@",
        ] {
            let error = RedisUrl::parse(text).expect_err(text).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let url = RedisUrl::parse("rediss://u:secret@h/2").expect("valid");
        assert_eq!(
            (url.to_string().as_str(), &url.tls),
            ("rediss://h:6379/2", &Some(Trust::Public))
        );
        let url = RedisUrl::parse("rediss://h?ca=/etc/ca%20x.pem").expect("valid");
        assert_eq!(url.tls, Some(Trust::File("/etc/ca x.pem".into())));
        let url = RedisUrl::parse("redis://u:secret@h").expect("valid");
        assert_eq!(format!("{url:?} {url}"), "redis://h:6379/0 redis://h:6379/0");
    }
}
