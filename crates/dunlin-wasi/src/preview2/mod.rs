//! WASI 0.2 for components: cli, io, clocks, random, filesystem, sockets and http, over the same sandbox as WASI 0.1.
//!
//! A [`ComponentCtx`] holds what one component was granted and the resources that it holds; [`add_to_linker`] defines the
//! interfaces. Descriptors are those of the [`WasiCtx`](crate::WasiCtx), with its rights and bounds: a resource of
//! `wasi:filesystem` is the number of one.
//!
//! Invariants:
//! 1. What a guest can hold is bounded: resources by [`Limits::resources_max`](crate::Limits), what is behind them by the
//!    bounds of WASI 0.1, and what one read or write moves by [`STREAM_BYTES_MAX`](crate::limits::STREAM_BYTES_MAX).
//! 2. A stream or pollable knows itself what it reads, writes or waits for; it does not matter which resource goes first.
//! 3. Functions that cannot fail, and whose bounds are exceeded, trap.
//!
//! Host calls that wait for futures, such as bodies and responses of [`http`], wait by [`dunlin::stacks::wait`]: a guest on
//! a stack of its own is suspended and holds no thread. With a [`Reactor`] all waits do, also those for a disk and for
//! whoever resolves a name. Without one, waits for clocks, files, pipes and sockets alone block the thread that the guest runs
//! on, in slices, between which the embedder's interrupt is seen; it ends the guest with a trap. A disk and a name are then
//! waited for in place.
//!
//! Nothing is reached by sockets unless the context was granted a [`Network`](crate::Network).

mod cli;
mod clocks;
mod error_code;
mod filesystem;
mod filesystem_types;
pub mod http;
mod link;
mod names;
mod network;
mod poll;
mod preopens;
mod random;
mod state;
mod streams;
mod tcp;
mod timer;
mod udp;
mod waits;

pub use crate::reactor::{Job, Reactor, Waiting};
pub use link::add_to_linker;
pub use state::ComponentCtx;

pub use crate::sys::HostStream;
