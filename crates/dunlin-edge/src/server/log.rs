//! The log: lines of JSON or text, written by one thread, so that nobody who serves waits for a disk or a terminal.
//!
//! What is written is bounded: lines that wait for the writer by [`WAITING_MAX`], a line by [`LINE_BYTES_MAX`]. What
//! does not fit is counted, and the count is written once there is room.

use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Lines that wait for the writer. Of the longest, so many are some MiB; usual ones, some hundred KiB.
const WAITING_MAX: usize = 4096;

/// Bytes of a text within a line; what is longer is cut. Backtraces have some KiB.
pub(crate) const LINE_BYTES_MAX: usize = 16 << 10;

/// How long the writer waits for more lines before it hands on what it has.
const LINGER: Duration = Duration::from_millis(20);

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: an object in each line.
    Json,
}

/// How much matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Where lines go. Clones are the same log.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    format: LogFormat,
    sender: Option<SyncSender<String>>,
    dropped: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("format", &self.0.format).finish_non_exhaustive()
    }
}

impl Log {
    /// A log that is written there.
    #[must_use]
    pub fn new(format: LogFormat, out: impl Write + Send + 'static) -> Self {
        let (sender, lines) = sync_channel(WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = dropped.clone();
        let body = move || write_lines(&lines, out, &counted, format);
        let writer = std::thread::Builder::new().name("dunlin-log".into()).spawn(body).ok();
        let sender = writer.is_some().then_some(sender);
        Self(Arc::new(Inner { format, sender, dropped, writer: Mutex::new(writer) }))
    }

    /// A log that forgets all.
    #[must_use]
    pub fn none() -> Self {
        let dropped = Arc::default();
        Self(Arc::new(Inner {
            format: LogFormat::Text,
            sender: None,
            dropped,
            writer: Mutex::new(None),
        }))
    }

    /// Whether anybody reads it.
    pub(crate) fn is_on(&self) -> bool {
        self.0.sender.is_some()
    }

    /// Begins a line.
    pub(crate) fn line(&self, level: Level, what: &str) -> Line<'_> {
        let format = self.0.format;
        let mut line = Line { log: self, format, text: String::with_capacity(160) };
        line.begin(level, what);
        line
    }

    fn send(&self, mut text: String) {
        text.push('\n');
        let Some(sender) = &self.0.sender else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = sender.try_send(text) {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many lines there was no room for, and nobody has been told of yet.
    #[cfg(test)]
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.sender = None;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // It ends with the last line; that it panicked has nobody to be told to.
            let _ = writer.join();
        }
    }
}

/// Writes lines until nobody can send any more. What cannot be written is lost: there is nobody to tell.
fn write_lines(
    lines: &Receiver<String>,
    mut out: impl Write,
    dropped: &AtomicU64,
    format: LogFormat,
) {
    let mut batch = Vec::new();
    loop {
        let first = if batch.is_empty() {
            lines.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            lines.recv_timeout(LINGER)
        };
        if let Ok(line) = &first {
            batch.extend_from_slice(line.as_bytes());
        }
        let is_full = batch.len() >= 64 << 10;
        if first.is_err() || is_full {
            let missing = dropped.swap(0, Ordering::Relaxed);
            if missing > 0 {
                let mut line = Line::detached(format);
                line.begin(Level::Warn, "lines of the log are missing");
                line.number("lines", missing);
                batch.extend_from_slice(line.text.as_bytes());
                batch.extend_from_slice(line.end().as_bytes());
            }
            let _ = out.write_all(&batch);
            let _ = out.flush();
            batch.clear();
        }
        if first == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// A line that is being made; it is written when it goes.
pub(crate) struct Line<'l> {
    log: &'l Log,
    format: LogFormat,
    text: String,
}

impl Line<'_> {
    fn detached(format: LogFormat) -> Line<'static> {
        static NONE: std::sync::OnceLock<Log> = std::sync::OnceLock::new();
        Line { log: NONE.get_or_init(Log::none), format, text: String::new() }
    }

    fn begin(&mut self, level: Level, what: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        match self.format {
            LogFormat::Json => {
                self.text.push_str("{\"time\":\"");
                push_time(&mut self.text, now);
                let _ = write!(self.text, "\",\"level\":\"{}\",\"message\":", level.name());
                push_json(&mut self.text, what);
            }
            LogFormat::Text => {
                push_time(&mut self.text, now);
                let _ = write!(self.text, " {:5} ", level.name());
                push_clean(&mut self.text, what);
            }
        }
    }

    /// What closes the line.
    fn end(&self) -> &'static str {
        match self.format {
            LogFormat::Json => "}\n",
            LogFormat::Text => "\n",
        }
    }

    /// Adds a text.
    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        let value = cut(value);
        match self.format {
            LogFormat::Json => {
                let _ = write!(self.text, ",\"{name}\":");
                push_json(&mut self.text, value);
            }
            LogFormat::Text => {
                let _ = write!(self.text, " {name}=");
                let is_word = !value.is_empty() && !value.contains([' ', '"', '=']);
                if is_word {
                    push_clean(&mut self.text, value);
                } else {
                    self.text.push('"');
                    push_clean(&mut self.text, value);
                    self.text.push('"');
                }
            }
        }
        self
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, name: &str, value: u64) -> &mut Self {
        let _ = match self.format {
            LogFormat::Json => write!(self.text, ",\"{name}\":{value}"),
            LogFormat::Text => write!(self.text, " {name}={value}"),
        };
        self
    }

    /// Adds a time span, in milliseconds.
    pub(crate) fn span(&mut self, name: &str, value: Duration) -> &mut Self {
        let value = value.as_secs_f64() * 1e3;
        let _ = match self.format {
            LogFormat::Json => write!(self.text, ",\"{name}\":{value:.3}"),
            LogFormat::Text => write!(self.text, " {name}={value:.3}"),
        };
        self
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if self.log.is_on() {
            let mut text = std::mem::take(&mut self.text);
            if self.format == LogFormat::Json {
                text.push('}');
            }
            self.log.send(text);
        }
    }
}

/// The beginning of a text that is too long, at a character's border.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LINE_BYTES_MAX.min(text.len()))]
}

/// Text as JSON has it.
pub(crate) fn push_json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Text whose control characters are escaped: guests and clients write some of it, and must neither drive a terminal
/// nor forge a line.
fn push_clean(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' => out.push('\''),
            c if c.is_control() => {
                let _ = write!(out, "{}", c.escape_default());
            }
            c => out.push(c),
        }
    }
}

/// A moment as RFC 3339 has it, in UTC, with milliseconds.
fn push_time(out: &mut String, since_1970: Duration) {
    let seconds = since_1970.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days count from the first of March of the year 0, so that a leap day is the last of its year; eras have 400
    // years.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let milliseconds = since_1970.subsec_millis();
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z"
    );
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Something to write to that the test reads.
    #[derive(Clone, Default)]
    pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Shared {
        pub(crate) fn text_of_tests(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn time(seconds: u64) -> String {
        let mut text = String::new();
        push_time(&mut text, Duration::from_secs(seconds));
        text
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(951_782_399), "2000-02-28T23:59:59.000Z");
        assert_eq!(time(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(time(1_709_251_199), "2024-02-29T23:59:59.000Z");
        assert_eq!(time(4_107_542_400), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn lines_cannot_be_forged() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let out = Shared::default();
            let log = Log::new(format, out.clone());
            log.line(Level::Error, "a\nb").text("name", "x\n\u{1b}[2J\" y").number("n", 1);
            log.line(Level::Info, "second").span("ms", Duration::from_micros(1500));
            drop(log);
            let text = out.text_of_tests();
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(!text.contains('\u{1b}') && text.contains("1.500"), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        struct Slow(Arc<Mutex<()>>, Shared);
        impl Write for Slow {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let _held = self.0.lock().unwrap();
                self.1.write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (gate, out) = (Arc::new(Mutex::new(())), Shared::default());
        let log = Log::new(LogFormat::Json, Slow(gate.clone(), out.clone()));
        let held = gate.lock().unwrap();
        for _ in 0..3 * WAITING_MAX {
            log.line(Level::Info, "flood");
        }
        assert!(log.dropped() > 0);
        drop(held);
        drop(log);
        assert!(out.text_of_tests().contains("\"lines of the log are missing\",\"lines\":"));
    }
}
