//! What an app is: its component, what it may reach, its limits.
//!
//! [`AppSpec`] says it; [`Config`] reads it from `dunlin.toml`; `route` finds the app of a request.

pub mod config;
pub mod limits;
pub(crate) mod route;
pub mod spec;
pub mod values;

pub use config::{Config, ConfigError};
pub use limits::{Keyed, Limits, ServerLimits};
pub use spec::{AppSpec, Secret, check_name};
