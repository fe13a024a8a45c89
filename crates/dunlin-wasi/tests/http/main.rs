//! A guest that handles requests, as an embedder sees it: what it answers, how its bodies stream, and what becomes of lies.
//!
//! The guest is `guest/src/lib.rs`; `guest/guest.wasm` was made of it. It runs on a thread of its own, where its waits
//! hold that thread, and the tests stand on the other side.

mod answers;
mod bodies;
mod embedder;
mod outgoing;
mod versions;
