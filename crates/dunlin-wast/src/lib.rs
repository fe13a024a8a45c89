//! Runs WebAssembly's test scripts (`.wast`), of core modules and of components, on any tier of the engine.
//!
//! A script is a list of *directives*: define this module, call that export, expect this result.
//! [`Runner::run_text`] executes them in order against one fresh store and returns a [`Report`] that
//! counts the directives that did what they say and locates those that did not.
//!
//! # Invariants
//!
//! 1. One failing directive never ends the script: the next one runs.
//! 2. A panic inside a directive is caught and reported as a failure with the word `bug`.
//! 3. A module that fails to instantiate leaves no current instance, so that later directives fail
//!    too instead of running on the wrong module.
//! 4. Proposals that the engine lacks are plain failures with a reason, never silently skipped.
//!
//! # What this crate does not know
//!
//! WASI, the command line, and where suites of scripts are kept (its tests know that).
//!
//! # Examples
//!
//! ```
//! use dunlin_wast::{Config, Runner};
//!
//! let runner = Runner::new(Config::default())?;
//! let report = runner.run_text(
//!     "add.wast",
//!     r#"
//!         (module (func (export "add") (param i32 i32) (result i32)
//!             (i32.add (local.get 0) (local.get 1))))
//!         (assert_return (invoke "add" (i32.const 2) (i32.const 3)) (i32.const 5))
//!         (assert_return (invoke "add" (i32.const 2) (i32.const 3)) (i32.const 6))
//!     "#,
//! );
//! assert_eq!(report.passed, 2);
//! assert_eq!(report.failures.len(), 1);
//! assert_eq!(report.failures[0].line, 5);
//! # Ok::<(), dunlin::Error>(())
//! ```

#![forbid(unsafe_code)]

mod components;
mod host;
mod legacy;
mod matching;
mod report;
mod runner;
mod session;

pub use report::{Failure, Report};
pub use runner::{Config, Runner};
