//! Tests of the heap: a store in small, and graphs of objects that are mirrored in Rust.

mod exhaustion;
mod graphs;
mod model;
mod world;
