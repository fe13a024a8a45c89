//! Requests of guests to other servers: an HTTP client with a policy, which is what stands behind `wasi:http/outgoing-handler`.
//!
//! One [`Client`] is one app's. A request takes these steps:
//!
//! 1. Its scheme, host and port are looked at: only what a pattern of the [`Policy`] names is requested.
//! 2. A connection of before is used if there is one; else the name is resolved, and addresses that are not public are left
//!    out, unless they were allowed. What was looked at is what is connected to: no name is resolved twice for a connection.
//! 3. With TLS, ALPN says whether HTTP/2 is spoken, whose one connection is shared; connections of HTTP/1.1 are used by one
//!    request at a time and go back to the pool when the response has been read.
//! 4. The guest reads the response while it comes. Nobody reads ahead of the guest but the buffers of the connection.
//!
//! Invariants: everything that a server may send is bounded, in time and size; whatever goes wrong is an [`ErrorCode`] of
//! `wasi:http`; a request whose guest does not want it any more is given up.
//!
//! [`ErrorCode`]: dunlin_wasi::preview2::http::ErrorCode

mod body;
mod client;
mod connect;
mod errors;
mod limits;
mod policy;
mod pool;

pub(crate) use client::roots;
pub use client::{Client, Settings};
pub use connect::{Resolve, Resolved, SystemResolver};
pub use errors::error_code;
pub(crate) use limits::LOOKUPS_MAX;
pub use policy::{BadPattern, Policy};
