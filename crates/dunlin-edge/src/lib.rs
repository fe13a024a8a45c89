//! The multi-tenant server: HTTP apps, with a fresh, isolated instance for each request.
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
