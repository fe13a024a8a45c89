//! What guests write to their standard output and error: lines of the log, bounded for each request and each app.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::log::{Level, Log};

/// Bytes of a line; a longer one is written as several.
const LINE_BYTES_MAX: usize = 4 << 10;

/// What an app may write in a second, of all its requests together. Clones of the [`Arc`] share it.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// The second, counted by the server's clock, in the high half, and the bytes written in it in the low one.
    window: AtomicU64,
    /// Bytes that were left out.
    dropped: AtomicU64,
}

impl Rate {
    /// Takes as many bytes as may be written at this second, or counts them as left out.
    fn take(&self, bytes: u64, second: u64, most: u64) -> bool {
        let taken = self.window.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |window| {
            let used = if window >> 32 == second & 0xffff_ffff { window & 0xffff_ffff } else { 0 };
            let used = used.saturating_add(bytes);
            (used <= most.min(0xffff_ffff)).then_some((second & 0xffff_ffff) << 32 | used)
        });
        if taken.is_err() {
            self.dropped.fetch_add(bytes, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// Bytes that were left out since this was last asked.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

/// Whose lines these are, and what bounds them.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) log: Log,
    pub(crate) app: Arc<str>,
    pub(crate) rate: Arc<Rate>,
    pub(crate) rate_max: u64,
    pub(crate) bytes_max: u64,
    /// The server's clock, in milliseconds.
    pub(crate) clock: Arc<AtomicU64>,
}

/// One stream of one request. Bytes become lines; what is not UTF-8 is replaced.
pub(crate) struct GuestLog {
    source: Arc<Source>,
    stream: &'static str,
    /// Shared by the streams of a request.
    used: Arc<AtomicU64>,
    line: Vec<u8>,
}

impl GuestLog {
    pub(crate) fn new(source: Arc<Source>, stream: &'static str, used: Arc<AtomicU64>) -> Self {
        Self { source, stream, used, line: Vec::new() }
    }

    fn end_line(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let source = &*self.source;
        if !source.log.is_on() {
            return;
        }
        let bytes = line.len() as u64;
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        let second = source.clock.load(Ordering::Relaxed) / 1000;
        if used.saturating_add(bytes) > source.bytes_max {
            // Of the whole request, that is said once.
            if used <= source.bytes_max {
                source
                    .log
                    .line(Level::Warn, "the request writes more than its log may have")
                    .text("app", &source.app);
            }
            return;
        }
        if source.rate.take(bytes, second, source.rate_max) {
            let text = String::from_utf8_lossy(&line);
            source
                .log
                .line(Level::Info, text.trim_end_matches('\r'))
                .text("app", &source.app)
                .text("stream", self.stream);
        }
    }
}

impl Write for GuestLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, ends) = match piece.split_last() {
                Some((b'\n', piece)) => (piece, true),
                _ => (piece, false),
            };
            for part in piece.chunks(LINE_BYTES_MAX) {
                if self.line.len() + part.len() > LINE_BYTES_MAX {
                    self.end_line();
                }
                self.line.extend_from_slice(part);
            }
            if ends {
                self.end_line();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for GuestLog {
    fn drop(&mut self) {
        self.end_line();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::log::LogFormat;
    use crate::server::log::tests::Shared;

    fn source(out: &Shared, bytes_max: u64, rate_max: u64) -> Arc<Source> {
        Arc::new(Source {
            log: Log::new(LogFormat::Text, out.clone()),
            app: "a".into(),
            rate: Arc::default(),
            rate_max,
            bytes_max,
            clock: Arc::default(),
        })
    }

    fn written(pieces: &[&[u8]], bytes_max: u64, rate_max: u64) -> Vec<String> {
        let out = Shared::default();
        let source = source(&out, bytes_max, rate_max);
        let mut log = GuestLog::new(source, "stdout", Arc::default());
        for piece in pieces {
            log.write_all(piece).unwrap();
        }
        drop(log);
        out.text_of_tests().lines().map(|line| line[31..].to_owned()).collect()
    }

    #[test]
    fn pieces_become_lines() {
        let lines = written(&[b"a", b"b\r\nc\n\n", b"\xff", b"d"], 100, 100);
        let expected =
            ["ab app=a stream=stdout", "c app=a stream=stdout", "\u{fffd}d app=a stream=stdout"];
        assert_eq!(lines, expected);
        assert_eq!(written(&[&[b'x'; 3 * LINE_BYTES_MAX - 1]], 1 << 20, 1 << 20).len(), 3);
    }

    #[test]
    fn a_request_writes_no_more_than_it_may() {
        let lines = written(&[b"12345\n12345\n12345\n12345\n"], 12, 100);
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[2].contains("more than its log may have"));
    }

    #[test]
    fn an_app_writes_no_more_in_a_second_than_it_may() {
        let rate = Rate::default();
        assert!(rate.take(60, 7, 100) && !rate.take(60, 7, 100) && rate.take(40, 7, 100));
        assert!(rate.take(100, 8, 100) && !rate.take(1, 8, 100));
        assert_eq!((rate.take_dropped(), rate.take_dropped()), (61, 0));
    }
}
