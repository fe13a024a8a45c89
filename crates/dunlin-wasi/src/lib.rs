//! WASI 0.1 and 0.2 for the Dunlin engine: the 46 functions of `wasi_snapshot_preview1`, the same under
//! the older name `wasi_unstable`, and the interfaces of components, over one sandbox of capabilities.
//!
//! What it does: [`WasiCtx`] holds what one guest was granted; [`preview1`] holds one short function
//! for each WASI function, over a [`WasiCtx`] and the guest's memory alone; [`add_to_linker`] makes
//! host functions of them from one table of rows. [`preview2`] does the same for components.
//!
//! Invariants:
//! 1. Nothing is granted unless asked for, and no path leads out of a granted directory: every name
//!    is resolved by `cap-std` beneath an open directory, links included.
//! 2. Nothing under a read-only directory is changed, also not by way of another directory.
//! 3. No argument of a guest panics, allocates beyond what its memory justifies, or keeps the host's
//!    thread longer than one slice of a wait after the embedder's interrupt. The exceptions are the
//!    streams an embedder brings along ([`Input::Reader`], [`Output::Writer`]) and inherited streams on
//!    systems without a readiness call, which wait as long as they wait; and, for a guest that cannot be
//!    suspended, a slow disk and whoever resolves a name.
//! 4. Nothing is reached over the network but what a [`Network`] allows.
//!
//! Calls that wait hold the thread that the guest runs on, unless it runs on a stack of its own and its embedder has given a
//! [`Reactor`]: then it is suspended, also while a disk is waited for.
//!
//! [`Threads`] runs programs of several threads, which share one [`SharedCtx`].
//!
//! What it does not know: servers and clients of HTTP, which embedders bring to [`preview2::http`]; sockets of WASI 0.1
//! (every `sock_*` says so); the command line.
#![forbid(unsafe_code)]

pub mod clocks;
#[cfg(feature = "componentize")]
mod componentize;
mod ctx;
pub mod errno;
mod exit;
pub mod limits;
mod link;
pub mod memory;
mod network;
mod open;
mod paths;
pub mod preview1;
pub mod preview2;
pub mod random;
mod reactor;
pub mod stdio;
mod streams;
mod sys;
mod table;
mod threads;
mod times;
pub mod types;
mod waiting;
mod waits;

#[cfg(feature = "componentize")]
pub use componentize::{ModuleKind, componentize, module_kind};
pub use ctx::{BuildError, DirRights, WasiCtx, WasiCtxBuilder};
pub use errno::Errno;
pub use exit::ExitCode;
pub use limits::Limits;
pub use link::{Lent, add_imports_to_linker, add_imports_to_linker_with, add_to_linker};
pub use memory::GuestMemory;
pub use network::{Network, SocketUse, is_public};
pub use reactor::{Job, Reactor, Waiting};
pub use stdio::{Input, InputPipe, Output, OutputPipe};
pub use sys::HostStream;
pub use threads::{SharedCtx, THREADS_DEFAULT_MAX, Threads};
