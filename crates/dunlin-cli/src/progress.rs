//! The progress of a download or a compilation: one line on a terminal, nothing elsewhere.
//!
//! It is ours because of what a progress library costs those who download nothing: its one call of
//! `pow` made every start of the program load the mathematical library of the system.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dunlin::{CompileProgress, Config};

use crate::values::show_size;

/// How often the line is written anew: often enough to look alive, and no more.
const REDRAW_TIME: Duration = Duration::from_millis(100);
/// A compilation that takes less than this is not worth a line.
const COMPILE_TIME_MIN: Duration = Duration::from_secs(1);
/// Cells of the bar. The whole line stays below 80 columns, so that it is never wrapped.
const BAR_CELLS: u64 = 30;

/// A line on the terminal that goes when it is dropped, whatever became of the work.
pub(crate) struct Progress {
    /// Bytes that are expected, if the server said.
    length: Option<u64>,
    bytes: u64,
    begun: Instant,
    /// How long nothing is written at first.
    quiet: Duration,
    /// When the line was last written; nothing is ever written where there is no terminal.
    drawn: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// A line for a body of this length, on standard error if that is a terminal.
    pub(crate) fn new(length: Option<u64>) -> Self {
        let terminal = io::stderr().is_terminal();
        let begun = Instant::now();
        Self { length, bytes: 0, begun, quiet: REDRAW_TIME, drawn: None, terminal }
    }

    /// Says that more bytes came.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        let due = match self.drawn {
            Some(drawn) => drawn.elapsed() >= REDRAW_TIME,
            None => self.begun.elapsed() >= self.quiet,
        };
        if self.terminal && due {
            self.drawn = Some(Instant::now());
            write_over(&line(self.bytes, self.length, self.begun.elapsed()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            write_over("");
        }
    }
}

/// Lets an engine of this configuration show how far its compilations are, if standard error is a
/// terminal. Without one, compilations are not watched at all.
pub(crate) fn watch_compilation(config: &mut Config) {
    if !io::stderr().is_terminal() {
        return;
    }
    let shown: Mutex<Option<Progress>> = Mutex::new(None);
    config.compile_progress(move |at: CompileProgress| {
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        let line = shown.get_or_insert_with(|| Progress {
            quiet: COMPILE_TIME_MIN,
            ..Progress::new(Some(at.total))
        });
        // Threads report in any order.
        line.add(at.done.saturating_sub(line.bytes));
        if at.done == at.total {
            *shown = None;
        }
    });
}

/// Writes a line over the one before: back to its begin, the text, then clear to its end.
fn write_over(text: &str) {
    // A terminal that is gone needs no progress.
    let _ = write!(io::stderr(), "\r{text}\x1b[K").and_then(|()| io::stderr().flush());
}

fn line(bytes: u64, length: Option<u64>, elapsed: Duration) -> String {
    let rate = show_size((bytes as f64 / elapsed.as_secs_f64().max(0.001)) as u64);
    let Some(length) = length else { return format!("{}, {rate}/s", show_size(bytes)) };
    // A server may send more than it said; the bar is full then.
    let done = bytes.min(length).saturating_mul(BAR_CELLS).checked_div(length).unwrap_or(BAR_CELLS);
    let bar = "#".repeat(done as usize);
    let rest = ".".repeat((BAR_CELLS - done) as usize);
    format!("[{bar}{rest}] {} of {}, {rate}/s", show_size(bytes), show_size(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_a_terminal() {
        let second = Duration::from_secs(1);
        assert_eq!(
            line(1 << 20, Some(3 << 20), second),
            "[##########....................] 1.0 MiB of 3.0 MiB, 1.0 MiB/s"
        );
        assert_eq!(line(1 << 20, None, second * 2), "1.0 MiB, 512.0 KiB/s");
        assert!(line(5, Some(0), second).starts_with(&format!("[{}]", "#".repeat(30))));
        assert!(line(u64::MAX, Some(1), Duration::ZERO).starts_with("[###"));
        let widest = line((1 << 30) - 1, Some((1 << 30) - 1), Duration::from_millis(1));
        assert!(widest.len() < 80, "{widest}");
    }
}
