//! The interfaces of FastEdge: what apps built with its SDKs import and export (package `gcore:fastedge`).
//!
//! Two kinds of app import them: those that export `gcore:fastedge/http-handler`, which are core modules for WASI 0.1 made
//! [components](dunlin_wasi::componentize) when they are loaded, and those that export `wasi:http/incoming-handler`.
//! [`AppKind`] tells them apart. [`Grants`] says what an app may reach, [`FastEdgeCtx`] is that of one request, and
//! [`add_to_linker`] defines the interfaces over it. [`process`] calls an app of the first kind.
//!
//! Around the call there are rules, as functions of plain values: whose request it is ([`AppName`]), which headers an app
//! sees, sends and answers with ([`headers`]), and what a failure is to the client ([`Failure`]).
//!
//! Invariants:
//! 1. An app reads what it was granted, and has no way to tell what others have.
//! 2. What it sends is a request of its own: no header that connections or the platform speak with is an app's to set.
//! 3. What a guest makes the host hold is bounded (`limits.rs`); calls that wait suspend the guest.
//!
//! Does **not** know: connections, sockets, which server serves.

mod cache_sync;
mod ctx;
pub mod dotenv;
mod failure;
mod handler;
pub mod headers;
mod http_client;
mod key_value;
pub mod limits;
mod link;
mod routing;
mod secrets;
mod types;
mod wasi_client;

pub use ctx::{FastEdgeCtx, Grants};
pub use failure::{Failure, Limit};
pub use handler::{AppKind, process};
pub use http_client::{HttpClient, Sending};
pub use key_value::OpenStore;
pub use link::{add_to_linker, define_optional, imports_optional};
pub use routing::AppName;
pub use secrets::{Secrets, Slot};
pub use types::{
    CacheError, Headers, HttpError, KeyValueError, Method, Request, Response, SecretError,
};
pub use wasi_client::WasiClient;
