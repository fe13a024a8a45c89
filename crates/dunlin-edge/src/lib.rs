//! The multi-tenant server: HTTP apps, with a fresh, isolated instance for each request.
//!
//! [`app`] says what is served: from `dunlin.toml` or by [`app::AppSpec`]. [`server`] serves it: [`server::Server::start`].
//!
//! Invariants:
//! 1. Guests and clients are hostile: what either can make the server hold, do or wait for has a bound, on by default.
//! 2. An app reaches what its configuration names, and nothing of another's.
//!
//! Does **not** know: the terminal, how arguments are parsed, how the engine executes.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod app;
pub mod fastedge;
pub mod outgoing;
pub mod reactor;
pub mod server;
pub mod stores;
mod sys;
