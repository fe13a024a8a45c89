//! The functions of WASI 0.1, one short function each, named as the specification names them.
//!
//! Every function has one shape: the context, the guest's memory, then the parameters in the order of
//! the ABI, pointers to results last. Failure is an [`Errno`](crate::Errno); results are written to
//! memory only on success, and where a call changes something, the place of its result is checked
//! before. Four functions differ between the two revisions of the ABI and take an
//! [`Abi`](crate::types::Abi) first.

mod args;
mod clock;
mod environ;
mod fd;
mod fd_dir;
mod fd_io;
mod path;
mod path_open;
mod poll;
mod proc;
mod random;
mod sched;
mod sock;

pub use args::*;
pub use clock::*;
pub use environ::*;
pub use fd::*;
pub use fd_dir::*;
pub use fd_io::*;
pub use path::*;
pub use path_open::*;
pub use poll::*;
pub use proc::*;
pub use random::*;
pub use sched::*;
pub use sock::*;

/// What every function answers.
type Result<T = ()> = std::result::Result<T, crate::errno::Errno>;
