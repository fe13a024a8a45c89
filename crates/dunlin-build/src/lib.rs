//! New apps from templates, and apps from their sources by the languages' own tools.
//!
//! 1. [`create`] writes an app's folder from a template: sources, and a `dunlin.toml` that says how it is built.
//! 2. [`Project::read`] reads that file: which apps are built, and in which language.
//! 3. [`build`] runs the language's own tools, makes a component of what they made if it is none, checks that it is
//!    valid, takes away what it does not need to run, and writes it where `dunlin.toml` says that the app is.
//!
//! The server reads the same `dunlin.toml`; what is said of building, it passes over.
//!
//! Invariants: nothing is written outside the app's folder, but by the languages' own tools; a file that is there is not
//! written over by a template; a tool that is missing is an error that says the command which installs it.
//!
//! Does **not** know: the server, HTTP, the command line.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod build;
mod error;
mod languages;
mod limits;
mod project;
mod strip;
mod template;
mod tools;

pub use build::{Built, build};
pub use error::Error;
pub use project::{Language, Project, Recipe};
pub use strip::strip;
pub use template::{Created, Template, create};
