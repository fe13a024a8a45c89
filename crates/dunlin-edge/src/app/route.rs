//! Which app a request is for.
//!
//! In this order: the header `fastedge_app_id` names an app; else the first label of the header `server_name`; else
//! the app whose hosts have the request's host, the most exact first, and whose prefix begins its path, the longest
//! first; else the first segment of the path, if it is the name of an app that has neither hosts nor a prefix.

use std::collections::HashMap;

use http::{HeaderMap, Uri, header};

use super::spec::AppSpec;

/// The header that names an app.
const APP_ID: &str = "fastedge_app_id";
/// The header whose value's first label names an app.
const SERVER_NAME: &str = "server_name";

/// Finds apps by their number in a list.
#[derive(Debug, Default)]
pub(crate) struct Router {
    names: HashMap<String, usize>,
    exact: HashMap<String, Prefixes>,
    /// Suffixes with their dot, the longest first.
    wild: Vec<(String, Prefixes)>,
    any: Prefixes,
    /// Apps that are found by the first segment of a path.
    segments: HashMap<String, usize>,
}

/// Apps by the beginning of their paths, the longest first.
type Prefixes = Vec<(String, usize)>;

impl Router {
    /// A router for these apps. One that is alone and says nothing of hosts and paths is given all requests.
    ///
    /// # Errors
    ///
    /// Says which two apps want the same requests.
    pub(crate) fn new(apps: &[AppSpec]) -> Result<Self, String> {
        let mut router = Self::default();
        for (index, app) in apps.iter().enumerate() {
            if let Some(other) = router.names.insert(app.name.clone(), index) {
                let paths = (apps[other].path.display(), app.path.display());
                return Err(format!(
                    "`{}` and `{}` are both called `{}`",
                    paths.0, paths.1, app.name
                ));
            }
            let prefix = app.prefix.as_deref().map_or("", |prefix| prefix.trim_end_matches('/'));
            if app.hosts.is_empty() && app.prefix.is_none() && apps.len() > 1 {
                router.segments.insert(app.name.replace('-', "_"), index);
                continue;
            }
            if app.hosts.is_empty() {
                add(&mut router.any, prefix, index, apps)?;
            }
            for host in &app.hosts {
                let host = host.to_ascii_lowercase();
                match host.strip_prefix('*') {
                    Some(suffix) => {
                        add(router.wild_prefixes(suffix), prefix, index, apps)?;
                    }
                    None => add(router.exact.entry(host).or_default(), prefix, index, apps)?,
                }
            }
        }
        router.wild.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        Ok(router)
    }

    fn wild_prefixes(&mut self, suffix: &str) -> &mut Prefixes {
        let found = self.wild.iter().position(|(known, _)| known == suffix);
        let index = found.unwrap_or_else(|| {
            self.wild.push((suffix.into(), Prefixes::new()));
            self.wild.len() - 1
        });
        &mut self.wild[index].1
    }

    /// The app that a request is for.
    pub(crate) fn find(&self, uri: &Uri, headers: &HeaderMap) -> Option<usize> {
        if let Some(id) = headers.get(APP_ID) {
            return self.names.get(id.to_str().ok()?).copied();
        }
        if let Some(name) = headers.get(SERVER_NAME) {
            let label = name.to_str().ok()?.split('.').next()?;
            if label != "www"
                && let Some(app) = self.names.get(label)
            {
                return Some(*app);
            }
        }
        let path = uri.path();
        if !self.exact.is_empty() || !self.wild.is_empty() {
            let host = uri.host().or_else(|| {
                let host = headers.get(header::HOST)?.to_str().ok()?;
                Some(without_port(host))
            });
            if let Some(host) = host
                && let Some(app) = self.by_host(host, path)
            {
                return Some(app);
            }
        }
        prefixed(&self.any, path).or_else(|| {
            let segment = path.strip_prefix('/')?.split('/').next()?;
            if self.segments.is_empty() || segment.is_empty() {
                return None;
            }
            self.segments.get(&segment.replace('-', "_")).copied()
        })
    }

    fn by_host(&self, host: &str, path: &str) -> Option<usize> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let exact = self.exact.get(&host).and_then(|prefixes| prefixed(prefixes, path));
        exact.or_else(|| {
            let mut wild = self.wild.iter();
            wild.find_map(|(suffix, prefixes)| match host.strip_suffix(suffix.as_str()) {
                Some(rest) if !rest.is_empty() => prefixed(prefixes, path),
                _ => None,
            })
        })
    }
}

/// The host without the port behind it; addresses of IPv6 stand in brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn add(prefixes: &mut Prefixes, prefix: &str, app: usize, apps: &[AppSpec]) -> Result<(), String> {
    if let Some((_, other)) = prefixes.iter().find(|(known, _)| known == prefix) {
        let names = (&apps[*other].name, &apps[app].name);
        return Err(format!("`{}` and `{}` want the same hosts and paths", names.0, names.1));
    }
    let at = prefixes.partition_point(|(known, _)| known.len() >= prefix.len());
    prefixes.insert(at, (prefix.into(), app));
    Ok(())
}

/// The app with the longest prefix of whole segments.
fn prefixed(prefixes: &Prefixes, path: &str) -> Option<usize> {
    let begins = |prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            || prefix.is_empty()
    };
    prefixes.iter().find(|(prefix, _)| begins(prefix)).map(|(_, app)| *app)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn app(name: &str, hosts: &[&str], prefix: Option<&str>) -> AppSpec {
        let mut app = AppSpec::new(name, format!("{name}.wasm"));
        app.hosts = hosts.iter().map(|host| (*host).into()).collect();
        app.prefix = prefix.map(Into::into);
        app
    }

    fn find(apps: &[AppSpec], uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        let router = Router::new(apps).expect("a router");
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let found = router.find(&uri.parse().unwrap(), &map);
        found.map(|index| apps[index].name.clone())
    }

    #[test]
    fn an_app_that_is_alone_is_given_all() {
        let apps = [app("a", &[], None)];
        assert_eq!(find(&apps, "/x/y", &[]).as_deref(), Some("a"));
        assert_eq!(find(&apps, "*", &[("host", "b.example:80")]).as_deref(), Some("a"));
    }

    #[test]
    fn the_most_exact_host_and_the_longest_prefix_win() {
        let apps = [
            app("root", &[], Some("/")),
            app("api", &[], Some("/api")),
            app("v2", &[], Some("/api/v2/")),
            app("exact", &["a.example"], None),
            app("wild", &["*.example"], None),
            app("deep", &["*.b.example"], Some("/x")),
        ];
        for (uri, host, expected) in [
            ("/", "other", "root"),
            ("/api", "other", "api"),
            ("/apis", "other", "root"),
            ("/api/v2", "other", "v2"),
            ("/api/v2/z", "other:8080", "v2"),
            ("/api", "A.example:80", "exact"),
            ("/", "a.example.", "exact"),
            ("/", "c.example", "wild"),
            ("/x", "c.b.example", "deep"),
            ("/y", "c.b.example", "wild"),
            ("/", ".example", "root"),
            ("http://a.example/api", "other", "exact"),
        ] {
            let found = find(&apps, uri, &[("host", host)]);
            assert_eq!(found.as_deref(), Some(expected), "{uri} {host}");
        }
    }

    #[test]
    fn headers_of_a_front_server_name_apps() {
        let apps = [app("one", &["h"], None), app("two-x", &[], None)];
        for (headers, uri, expected) in [
            (&[("fastedge_app_id", "two-x")][..], "/", Some("two-x")),
            (&[("fastedge_app_id", "none"), ("host", "h")], "/", None),
            (&[("server_name", "one.cdn.example")], "/", Some("one")),
            (&[("server_name", "www.one"), ("host", "h")], "/", Some("one")),
            (&[], "/two-x/y", Some("two-x")),
            (&[], "/two_x", Some("two-x")),
            (&[], "/", None),
        ] {
            assert_eq!(find(&apps, uri, headers).as_deref(), expected, "{headers:?} {uri}");
        }
    }

    #[test]
    fn two_apps_cannot_want_the_same() {
        for apps in [
            [app("a", &[], None), app("a", &["x"], None)],
            [app("a", &["x"], None), app("b", &["X"], Some("/"))],
            [app("a", &[], Some("/x")), app("b", &[], Some("/x/"))],
        ] {
            assert!(Router::new(&apps).is_err(), "{apps:?}");
        }
    }
}
