//! Which kind of app a component is, and calling those of FastEdge's own.

use super::types::{Request, Response};
use dunlin::{AsContextMut, Error, ErrorKind, Result};
use dunlin_component::{Component, Instance};

/// What an app of the first kind exports, and what of that is called.
const HANDLER: &str = "gcore:fastedge/http-handler";
const PROCESS: &str = "process";

/// What an app of the second kind exports, without the version.
const WASI_HANDLER: &str = "wasi:http/incoming-handler@";

/// How an app is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppKind {
    /// By `gcore:fastedge/http-handler`, with requests that are whole.
    FastEdge,
    /// By `wasi:http/incoming-handler`, with requests that are streams.
    WasiHttp,
}

impl AppKind {
    /// The kind of a component, if it is an app.
    #[must_use]
    pub fn of(component: &Component) -> Option<Self> {
        let mut exports = component.exports().map(|(name, _)| name);
        exports.find_map(|name| match name {
            HANDLER => Some(Self::FastEdge),
            name if name.starts_with(WASI_HANDLER) => Some(Self::WasiHttp),
            _ => None,
        })
    }
}

/// Asks an app of the first kind.
///
/// The answer is as the app gave it: [`headers::response`](super::headers::response) makes it one for the client.
///
/// # Errors
///
/// If the app is none of the first kind, traps, or ends; [`Failure::of`](super::Failure::of) says what that is to the client.
pub fn process(
    mut store: impl AsContextMut,
    instance: &Instance,
    request: Request,
) -> Result<Response> {
    let handler = instance.get_instance(&mut store, HANDLER);
    let handler = handler.ok_or_else(|| {
        Error::new_of(ErrorKind::Link, format_args!("the app exports no `{HANDLER}`"))
    })?;
    let process = handler.get_typed_func::<(Request,), Response>(&mut store, PROCESS)?;
    process.call(&mut store, (request,))
}
