//! One GET over HTTP(S), with the redirects that are safe to follow.
//!
//! Redirects are followed here and not by the library, because a redirect from `https` to `http`
//! gives a stranger on the way the choice of what we execute, and is refused.

use std::io::Read;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Uri, header};

use crate::report::Report;

/// Redirects followed for one URL; browsers stop at 20, and honest chains are shorter than this.
const REDIRECTS_MAX: u32 = 10;
/// A server that has not accepted a connection by then is not there.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(15);
/// A server that has not begun to answer by then will not.
const RESPONSE_TIME_MAX: Duration = Duration::from_secs(60);
/// A connection without a byte for so long is dead. There is no bound on the whole body, since slow
/// lines are honest; the bound on its bytes is `--max-download`.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(30);
/// The largest tag worth sending back; servers make them of some tens of bytes.
const ETAG_BYTES_MAX: usize = 1024;

/// The protocols that a URL may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// The protocol of a URL, or nothing if it is none of ours.
    pub(super) fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let known = match () {
            () if scheme.eq_ignore_ascii_case("http") => Self::Http,
            () if scheme.eq_ignore_ascii_case("https") => Self::Https,
            () => return None,
        };
        (!rest.is_empty()).then_some(known)
    }
}

/// What a server answered, the body still on the wire.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) etag: Option<String>,
    pub(super) length: Option<u64>,
    pub(super) body: Box<dyn Read>,
}

/// Asks for a URL; with a tag, only if its contents have changed.
///
/// # Errors
///
/// When no answer can be had, or a redirect is not to be followed.
pub(super) fn get(url: &str, etag: Option<&str>) -> Result<Response, Report> {
    let agent = agent();
    let mut at = url.to_owned();
    for _ in 0..=REDIRECTS_MAX {
        let mut request = agent.get(&at);
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let response = request.call().map_err(|error| no_answer(url, &at, &error))?;
        let (parts, body) = response.into_parts();
        let status = parts.status.as_u16();
        if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            let etag = text(&parts.headers, header::ETAG).filter(|tag| tag.len() <= ETAG_BYTES_MAX);
            let length = body.content_length();
            let body = Box::new(body.into_reader());
            return Ok(Response { status, etag, length, body });
        }
        at = redirect(url, &at, text(&parts.headers, header::LOCATION).as_deref())?;
    }
    Err(Report::failure(format!("cannot download `{url}`"))
        .cause(format!("more than {REDIRECTS_MAX} redirects, the last one to `{at}`")))
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // A server may close a connection that it seemed to keep, as the next request goes out.
        .max_idle_connections(0)
        .timeout_connect(Some(CONNECT_TIME_MAX))
        .timeout_recv_response(Some(RESPONSE_TIME_MAX))
        .timeout_per_read(Some(SILENCE_TIME_MAX))
        .user_agent(concat!("dunlin/", env!("CARGO_PKG_VERSION")))
        .accept("application/wasm, */*")
        .build()
        .into()
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Where a redirect leads, if it may be followed.
fn redirect(url: &str, from: &str, location: Option<&str>) -> Result<String, Report> {
    let report = || Report::failure(format!("cannot download `{url}`"));
    let Some(location) = location else {
        return Err(report().cause("the server redirects, but does not say where to"));
    };
    let to = resolve(from, location)
        .ok_or_else(|| report().cause(format!("it redirects to `{location}`, which is no URL")))?;
    if Scheme::of(from) == Some(Scheme::Https) && Scheme::of(&to) != Some(Scheme::Https) {
        return Err(report()
            .cause(format!("it redirects to `{to}`, which anyone on the way could replace"))
            .hint(format!("if you trust the network: `dunlin run {to}`")));
    }
    Ok(to)
}

/// A redirect's target as an absolute URL (RFC 3986, section 5.2, without the folding of dots, which
/// is the server's business).
fn resolve(base: &str, location: &str) -> Option<String> {
    let location = location.split('#').next()?;
    if location.contains("://") {
        return Scheme::of(location).map(|_| location.to_owned());
    }
    let base: Uri = base.parse().ok()?;
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    if let Some(rest) = location.strip_prefix("//") {
        return Some(format!("{scheme}://{rest}"));
    }
    if location.starts_with('/') {
        return Some(format!("{scheme}://{authority}{location}"));
    }
    let folder = match location.starts_with('?') {
        true => base.path(),
        false => base.path().rsplit_once('/').map_or("/", |(folder, _)| folder),
    };
    let separator = if location.starts_with('?') { "" } else { "/" };
    Some(format!("{scheme}://{authority}{}{separator}{location}", folder.trim_end_matches('/')))
}

#[cold]
fn no_answer(url: &str, at: &str, error: &ureq::Error) -> Report {
    let mut report = Report::failure(format!("cannot download `{url}`"));
    if at != url {
        report = report.cause(format!("it redirects to `{at}`"));
    }
    match error {
        ureq::Error::HostNotFound => report.cause("no host of that name is known"),
        ureq::Error::Timeout(_) => report.cause("the server did not answer in time"),
        ureq::Error::Io(error) => report.cause(error),
        other => report.cause_chain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_is_a_url() {
        assert_eq!(Scheme::of("http://a"), Some(Scheme::Http));
        assert_eq!(Scheme::of("HTTPS://a/b"), Some(Scheme::Https));
        for no in ["ftp://a", "http:/a", "http://", "a.wasm", "C:\\a", "file:///a", ""] {
            assert_eq!(Scheme::of(no), None, "{no}");
        }
    }

    #[test]
    fn redirects_resolve() {
        let base = "https://a.example:8443/x/y.wasm?q";
        for (location, expected) in [
            ("http://b/z", Some("http://b/z")),
            ("//b/z", Some("https://b/z")),
            ("/z", Some("https://a.example:8443/z")),
            ("z", Some("https://a.example:8443/x/z")),
            ("?r", Some("https://a.example:8443/x/y.wasm?r")),
            ("/z#part", Some("https://a.example:8443/z")),
            ("file:///etc/passwd", None),
        ] {
            assert_eq!(resolve(base, location).as_deref(), expected, "{location}");
        }
        assert_eq!(resolve("http://a", "z").as_deref(), Some("http://a/z"));
    }

    #[test]
    fn https_is_never_left() {
        let ask = |from: &str, to| redirect(from, from, Some(to));
        assert!(ask("https://a/x", "http://a/x").is_err());
        assert!(ask("https://a/x", "HTTP://a/x").is_err());
        assert_eq!(ask("https://a/x", "//b/x").ok().as_deref(), Some("https://b/x"));
        assert_eq!(ask("http://a/x", "https://b/x").ok().as_deref(), Some("https://b/x"));
        assert!(redirect("http://a", "http://a", None).is_err());
    }
}
