//! The types of the package `gcore:fastedge`, as its WIT has them.

use dunlin_component::{enumeration, record, variant};

/// Headers by name, in order; names may be there several times.
pub type Headers = Vec<(String, String)>;

enumeration! {
    /// The methods that apps of the first kind know.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Method {
        /// `GET`
        Get => "get",
        /// `POST`
        Post => "post",
        /// `PUT`
        Put => "put",
        /// `DELETE`
        Delete => "delete",
        /// `HEAD`
        Head => "head",
        /// `PATCH`
        Patch => "patch",
        /// `OPTIONS`
        Options => "options",
    }
}

/// Methods as they are written in requests.
const METHODS: [(Method, &str); 7] = [
    (Method::Get, "GET"),
    (Method::Post, "POST"),
    (Method::Put, "PUT"),
    (Method::Delete, "DELETE"),
    (Method::Head, "HEAD"),
    (Method::Patch, "PATCH"),
    (Method::Options, "OPTIONS"),
];

impl Method {
    /// The method of this name, as requests write it; those that apps do not know are none.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin_edge::fastedge::Method;
    ///
    /// assert_eq!(Method::parse("PATCH"), Some(Method::Patch));
    /// assert_eq!(Method::parse("TRACE"), None);
    /// ```
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        METHODS.iter().find(|(_, text)| *text == name).map(|(method, _)| *method)
    }

    /// The method's name, as requests write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        METHODS.iter().find(|(method, _)| *method == self).map_or("GET", |(_, text)| text)
    }
}

record! {
    /// A request: a client's to an app, or an app's to another server.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Request {
        /// What is to be done.
        pub method: Method => "method",
        /// With what: a path with its query, or a whole URL.
        pub uri: String => "uri",
        /// Its headers.
        pub headers: Headers => "headers",
        /// Its body, all of it.
        pub body: Option<Vec<u8>> => "body",
    }
}

record! {
    /// An answer to a request.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Response {
        /// The status.
        pub status: u16 => "status",
        /// Its headers.
        pub headers: Option<Headers> => "headers",
        /// Its body, all of it.
        pub body: Option<Vec<u8>> => "body",
    }
}

enumeration! {
    /// Why a request of an app's was not answered.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum HttpError {
        /// Nothing is wrong. It is never given.
        Success => "success",
        /// The app may not send requests there.
        DestinationNotAllowed => "destination-not-allowed",
        /// The URL is none.
        InvalidUrl => "invalid-url",
        /// The request could not be made, or sent, or its answer not be received.
        RequestError => "request-error",
        /// The host failed.
        RuntimeError => "runtime-error",
        /// The app has sent as many requests as it may.
        TooManyRequests => "too-many-requests",
    }
}

variant! {
    /// Why a secret was not given.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum SecretError {
        /// The app may not have it.
        AccessDenied => "access-denied",
        /// It cannot be read.
        DecryptError => "decrypt-error",
        /// Something else, in words.
        Other(String) => "other",
    }
}

variant! {
    /// Why a key-value store did not answer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum KeyValueError {
        /// There is no store of this name.
        NoSuchStore => "no-such-store",
        /// The app may not use it.
        AccessDenied => "access-denied",
        /// The host failed.
        InternalError => "internal-error",
        /// Something else, in words.
        Other(String) => "other",
    }
}

variant! {
    /// Why a cache did not answer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum CacheError {
        /// The app has no cache.
        AccessDenied => "access-denied",
        /// The host failed.
        InternalError => "internal-error",
        /// Something else, in words.
        Other(String) => "other",
    }
}
