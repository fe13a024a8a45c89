//! Where there are no descriptors: nothing can be watched.

use dunlin_wasi::preview2::{HostStream, Waiting};
use tokio::io::Interest;
use tokio::runtime::Handle;

/// Nothing can be watched here.
pub(crate) fn ready(_: &Handle, stream: HostStream, _: Interest) -> Option<Waiting> {
    match stream {}
}
