//! Which headers an app sees, sends and answers with.
//!
//! Names are compared without their case. What a connection speaks with (`connection`, `transfer-encoding`, …) is between
//! two ends of it, and never an app's to set; no name or value may end a line, so that none becomes two.

use super::limits::{HEADER_BYTES_MAX, HEADERS_MAX};
use super::types::{Headers, Response};

/// Headers in which a request says where it comes from, as apps find them; platforms set them, clients may not.
pub const GEO: &[&str] = &[
    "pop-lat",
    "pop-long",
    "pop-reg",
    "pop-city",
    "pop-continent",
    "pop-country-code",
    "pop-country-name",
];

/// What connections speak with, and what says how long a body is.
const CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What an app's requests may not say, besides: to whom they go, which the URL says, and which way they have come.
const PLATFORM: &[&str] = &["host", "cdn-loop"];

/// Beginnings of names that are the platform's.
const PLATFORM_PREFIXES: &[&str] = &["fastedge-", "fastedge_"];

/// The header that says to whom a request goes that has reached the platform.
const REAL_HOST: &str = "x-cdn-real-host";

/// The header by which requests are traced, whose value is the request's name in logs.
pub const TRACE: &str = "traceparent";

/// The headers of a request as an app sees them: those of the client, and those that are set for it, each of which takes the
/// place of all that the client has sent of its name. Where a request comes from a client does not say.
#[must_use]
pub fn incoming<'h>(
    client: impl IntoIterator<Item = (&'h str, &'h str)>,
    set: &[(String, String)],
) -> Headers {
    let is_set = |name: &str| set.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let seen = client.into_iter().filter(|(name, _)| !is_set(name) && !is_one_of(name, GEO));
    let seen = seen.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let set = set.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    seen.chain(set).collect()
}

/// The URI of a request as an app sees it: a whole URL where a header says to whom it goes.
#[must_use]
pub fn uri<'h>(
    path_and_query: &str,
    client: impl IntoIterator<Item = (&'h str, &'h str)>,
) -> String {
    let host = client.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(REAL_HOST));
    match host {
        Some((_, host)) if path_and_query.starts_with('/') && is_host(host) => {
            format!("http://{host}{path_and_query}")
        }
        _ => path_and_query.into(),
    }
}

fn is_host(text: &str) -> bool {
    let is = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    !text.is_empty() && text.bytes().all(is)
}

/// The headers of a request that its app's own requests are to have.
pub(super) fn propagated<'h>(
    names: &[String],
    incoming: impl IntoIterator<Item = (&'h str, &'h str)>,
) -> Headers {
    let wanted = |name: &str| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    let found = incoming.into_iter().filter(|(name, _)| wanted(name) && may_send(name));
    found.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect()
}

/// The headers of a request that an app sends: its own but for those that are not its to set, and those that are
/// sent on, whose names `propagate` has.
///
/// # Errors
///
/// Why a header is none, or that there are too many.
pub fn outgoing(
    own: Headers,
    propagate: &[String],
    propagated: &[(String, String)],
) -> Result<Headers, String> {
    let is_propagated = |name: &str| propagate.iter().any(|other| other.eq_ignore_ascii_case(name));
    let mut headers = checked(own)?;
    headers.retain(|(name, _)| may_send(name) && !is_propagated(name));
    headers.extend(propagated.iter().cloned());
    Ok(headers)
}

/// Whether a header is an app's to set in its requests.
fn may_send(name: &str) -> bool {
    let begins = |prefix: &&str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    !is_one_of(name, CONNECTION)
        && !is_one_of(name, PLATFORM)
        && !PLATFORM_PREFIXES.iter().any(begins)
}

/// An app's answer as it goes to the client: its headers but for those that connections speak with, and those that are
/// configured, each in place of all the app's of its name. An empty value configures nothing.
///
/// # Errors
///
/// Why the answer is none: its status, a header, or too many of them.
pub fn response(
    mut response: Response,
    configured: &[(String, String)],
) -> Result<Response, String> {
    if !(200..=999).contains(&response.status) {
        return Err(format!("{} is no status of an answer", response.status));
    }
    let mut headers = checked(response.headers.unwrap_or_default())?;
    headers.retain(|(name, _)| !is_one_of(name, CONNECTION));
    configure(&mut headers, configured);
    response.headers = Some(headers);
    Ok(response)
}

/// Sets configured headers, each in place of all others of its name: in answers that are errors too.
pub fn configure(headers: &mut Headers, configured: &[(String, String)]) {
    let set = configured.iter().filter(|(name, value)| {
        !value.is_empty() && is_name(name) && is_value(value) && !is_one_of(name, CONNECTION)
    });
    for (name, value) in set {
        headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        headers.push((name.to_ascii_lowercase(), value.clone()));
    }
}

/// Headers with their names in small letters.
fn checked(headers: Headers) -> Result<Headers, String> {
    if headers.len() > HEADERS_MAX {
        return Err(format!("{} headers, and {HEADERS_MAX} at most", headers.len()));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > HEADER_BYTES_MAX {
        return Err(format!("headers of {bytes} bytes, and {HEADER_BYTES_MAX} at most"));
    }
    let lower = |(mut name, value): (String, String)| {
        if !is_name(&name) {
            return Err(format!("{name:?} is no name of a header"));
        }
        if !is_value(&value) {
            return Err(format!("the header `{name}` has a value that is none"));
        }
        name.make_ascii_lowercase();
        Ok((name, value))
    };
    headers.into_iter().map(lower).collect()
}

/// Whether a text is a token (RFC 9110, section 5.6.2).
fn is_name(text: &str) -> bool {
    let is = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is)
}

/// Whether a text is a value of a header's (RFC 9110, section 5.5): no controls but the tabulator.
fn is_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(headers: &[(&str, &str)]) -> Headers {
        headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn apps_see_what_clients_send_and_what_is_set_for_them() {
        let client = [
            ("Accept", "a"),
            ("accept", "b"),
            ("PoP-City", "forged"),
            ("X-Set", "theirs"),
            ("server_name", "app.example"),
        ];
        let set = owned(&[("x-set", "ours"), ("Pop-Lat", "47.0"), ("X-New", "n")]);
        let expected = owned(&[
            ("accept", "a"),
            ("accept", "b"),
            ("server_name", "app.example"),
            ("x-set", "ours"),
            ("pop-lat", "47.0"),
            ("x-new", "n"),
        ]);
        assert_eq!(incoming(client, &set), expected);
    }

    #[test]
    fn a_real_host_makes_urls_whole() {
        for (path, headers, expected) in [
            ("/a?b", vec![], "/a?b"),
            ("/a?b", vec![("X-CDN-Real-Host", "h.example:81")], "http://h.example:81/a?b"),
            ("/", vec![("x-cdn-real-host", "[::1]:1")], "http://[::1]:1/"),
            ("/a", vec![("x-cdn-real-host", "h/evil@")], "/a"),
            ("/a", vec![("x-cdn-real-host", "")], "/a"),
            ("http://x/a", vec![("x-cdn-real-host", "h")], "http://x/a"),
            ("*", vec![("x-cdn-real-host", "h")], "*"),
        ] {
            assert_eq!(uri(path, headers), expected);
        }
    }

    #[test]
    fn apps_send_no_header_that_is_not_theirs() {
        let own = owned(&[
            ("Accept", "a"),
            ("Host", "other"),
            ("Content-Length", "5"),
            ("TRANSFER-ENCODING", "chunked"),
            ("Connection", "upgrade"),
            ("FastEdge-Hostname", "x"),
            ("fastedge_app_id", "7"),
            ("fastedge", "mine"),
            ("cdn-loop", "x"),
            ("traceparent", "forged"),
            ("x-own", "ü"),
        ]);
        let names = ["TraceParent".to_owned(), "host".to_owned()];
        let client = [("traceparent", "real"), ("host", "app"), ("x-other", "no")];
        let propagated = propagated(&names, client);
        assert_eq!(propagated, owned(&[("traceparent", "real")]));
        let expected =
            [("accept", "a"), ("fastedge", "mine"), ("x-own", "ü"), ("traceparent", "real")];
        assert_eq!(outgoing(own, &names, &propagated), Ok(owned(&expected)));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for (name, value) in [
            ("", "a"),
            ("a b", "a"),
            ("a:", "a"),
            ("ä", "a"),
            ("a\r\nb", "c"),
            ("a", "b\r\nc: d"),
            ("a", "b\n"),
            ("a", "\0"),
            ("a", "\u{7f}"),
        ] {
            assert!(outgoing(owned(&[(name, value)]), &[], &[]).is_err(), "{name:?}: {value:?}");
        }
        let many = vec![("a".to_owned(), String::new()); HEADERS_MAX + 1];
        assert!(outgoing(many, &[], &[]).is_err());
        let large = vec![("a".to_owned(), "b".repeat(HEADER_BYTES_MAX))];
        assert!(outgoing(large, &[], &[]).is_err());
    }

    #[test]
    fn configured_headers_are_in_every_answer() {
        let configured =
            owned(&[("X-Own", "set"), ("empty", ""), ("bad name", "x"), ("b", "x\ny")]);
        let answer = Response {
            status: 204,
            headers: Some(owned(&[
                ("x-own", "a"),
                ("X-OWN", "b"),
                ("Content-Length", "9"),
                ("e", ""),
            ])),
            body: None,
        };
        let answer = response(answer, &configured).expect("an answer");
        assert_eq!(answer.headers, Some(owned(&[("e", ""), ("x-own", "set")])));
        for status in [0, 100, 101, 199, 1000, u16::MAX] {
            let answer = Response { status, headers: None, body: None };
            assert!(response(answer, &[]).is_err(), "{status}");
        }
    }
}
