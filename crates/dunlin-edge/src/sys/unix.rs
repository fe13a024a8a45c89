//! Unix: descriptors, watched by the runtime.

use std::os::fd::OwnedFd;

use dunlin_wasi::preview2::{HostStream, Waiting};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;

/// Is ready when a stream is; `None` for what cannot be watched, such as files.
pub(crate) fn ready(runtime: &Handle, stream: HostStream, interest: Interest) -> Option<Waiting> {
    watch(runtime, stream.into(), interest)
}

fn watch(runtime: &Handle, descriptor: OwnedFd, interest: Interest) -> Option<Waiting> {
    let _within = runtime.enter();
    #[allow(
        deprecated,
        reason = "it is unsound for types that do not own a descriptor, which this does"
    )]
    let descriptor = AsyncFd::with_interest(descriptor, interest).ok()?;
    Some(Box::pin(async move {
        drop(descriptor.ready(interest).await);
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::time::{Duration, Instant};

    #[test]
    fn pipes_are_watched_and_files_are_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let ready = watch(runtime.handle(), reader.into(), Interest::READABLE);
        let ready = ready.expect("a pipe can be watched");
        let begun = Instant::now();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            writer.write_all(b"x").expect("a reader");
            writer
        });
        runtime.block_on(ready);
        assert!(begun.elapsed() >= Duration::from_millis(20));
        drop(thread.join());
        let file = std::fs::File::open(std::env::current_exe().expect("it")).expect("a file");
        assert!(watch(runtime.handle(), file.into(), Interest::READABLE).is_none());
    }
}
