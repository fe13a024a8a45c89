//! Whose request it is.

/// What a request calls its app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppName {
    /// Its number.
    Id(u64),
    /// Its name.
    Name(String),
}

impl AppName {
    /// The app that a request is for: the number in `fastedge_app_id`; else the first label of `server_name`, unless that is
    /// `www` or the name has but one; else the first segment of the path, with `_` for each `-`.
    ///
    /// Nothing if the request does not say.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin_edge::fastedge::AppName;
    ///
    /// let name = AppName::of("/ignored", [("server_name", "shop.example.com")]);
    /// assert_eq!(name, Some(AppName::Name("shop".into())));
    /// assert_eq!(AppName::of("/my-app/x?y", []), Some(AppName::Name("my_app".into())));
    /// ```
    #[must_use]
    pub fn of<'h>(
        path: &str,
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    ) -> Option<Self> {
        let (mut id, mut server) = (None, None);
        for (name, value) in headers {
            if name.eq_ignore_ascii_case("fastedge_app_id") {
                id = id.or(Some(value));
            } else if name.eq_ignore_ascii_case("server_name") {
                server = server.or(Some(value));
            }
        }
        if let Some(id) = id {
            // A number that is none is nobody's.
            return id.parse().ok().map(Self::Id);
        }
        let label = server.and_then(|server| server.split_once('.')).map(|(label, _)| label);
        if let Some(label) = label.filter(|label| !label.is_empty() && *label != "www") {
            return Some(Self::Name(label.into()));
        }
        let path = path.split(['?', '#']).next()?.strip_prefix('/')?;
        let segment = path.split('/').next().filter(|segment| !segment.is_empty())?;
        Some(Self::Name(segment.replace('-', "_")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_say_whose_they_are() {
        let id = |id| Some(AppName::Id(id));
        let name = |name: &str| Some(AppName::Name(name.into()));
        let server = |server| vec![("server_name", server)];
        for (path, headers, expected) in [
            ("/", vec![("fastedge_app_id", "42")], id(42)),
            ("/", vec![("Server_Name", "a.b"), ("FastEdge_App_Id", "7")], id(7)),
            ("/app", vec![("fastedge_app_id", "x")], None),
            ("/app", vec![("fastedge_app_id", "-1")], None),
            ("/app", vec![("fastedge_app_id", "18446744073709551616")], None),
            ("/app", server("shop.example"), name("shop")),
            ("/app", server("www.example"), name("app")),
            ("/app", server("localhost"), name("app")),
            ("/app", server(".example"), name("app")),
            ("/my-app/a-b", vec![], name("my_app")),
            ("/app?x=/y", vec![], name("app")),
            ("/", vec![], None),
            ("//app", vec![], None),
            ("", vec![], None),
            ("*", vec![], None),
        ] {
            assert_eq!(AppName::of(path, headers.clone()), expected, "{path} {headers:?}");
        }
    }
}
