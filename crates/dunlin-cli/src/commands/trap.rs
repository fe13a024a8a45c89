//! How a guest's early end is reported: what happened, where, by which way it got there, and which
//! flag would have let it go on.

use std::time::Duration;

use dunlin::{Backtrace, BacktraceFrame, Error, TrapCode};

use crate::flags::RunOptions;
use crate::report::Report;
use crate::values::show_duration;

/// Lines of a backtrace shown from either end; what is between them is a recursion.
const LINES_SHOWN_MAX: usize = 10;

/// The report of a guest that ended with an error.
#[cold]
pub(super) fn report(shown: &str, error: &Error, options: &RunOptions) -> Report {
    let mut report = Report::ended(format!("`{shown}` trapped: {error}"), error);
    if let Some(backtrace) = error.backtrace() {
        for line in lines(backtrace) {
            report = report.cause(line);
        }
    }
    match error.trap_code().and_then(|code| hint(code, shown, options)) {
        Some(hint) => report.hint(hint),
        None => report,
    }
}

/// The report of a guest that had not ended when its time was over, although nothing stopped it: it
/// waited in a host call, or ended as soon as its wait was cut short.
#[cold]
pub(super) fn late(shown: &str, span: Duration) -> Report {
    Report::trap(format!("`{shown}` trapped: {}", TrapCode::Interrupted))
        .cause(format!("its {} are over, and it was waiting in a host call", show_duration(span)))
        .hint(longer(span))
}

fn lines(backtrace: &Backtrace) -> Vec<String> {
    let frames = backtrace.frames();
    let Some(innermost) = frames.first() else { return Vec::new() };
    let offset = innermost.module_offset();
    let mut lines = vec![format!("in {}, at module offset {offset:#x}", function(innermost))];
    if frames.len() == 1 {
        return lines;
    }
    lines.push("backtrace, innermost first:".to_owned());
    let mut calls = Vec::new();
    let mut number = 0;
    // Deep recursions are mostly one call, over and over: that is one line.
    for same in frames.chunk_by(|a, b| place(a) == place(b)) {
        let times = if same.len() > 1 { format!(", {} times", same.len()) } else { String::new() };
        let (offset, name) = (same[0].module_offset(), function(&same[0]));
        calls.push(format!("{number:>5}: {offset:#8x}  {name}{times}"));
        number += same.len();
    }
    let hidden = LINES_SHOWN_MAX..calls.len().saturating_sub(LINES_SHOWN_MAX);
    if !hidden.is_empty() {
        let more = format!("       … {} more …", hidden.len());
        calls.splice(hidden, [more]);
    }
    lines.append(&mut calls);
    if frames.len() == dunlin::BACKTRACE_FRAMES_MAX {
        lines.push("       … and what called them".to_owned());
    }
    lines
}

fn place(frame: &BacktraceFrame) -> (u32, usize, Option<&str>) {
    (frame.func_index(), frame.module_offset(), frame.module_name())
}

fn function(frame: &BacktraceFrame) -> String {
    let name = match frame.func_name() {
        Some(name) => format!("`{name}`"),
        None => format!("function {}", frame.func_index()),
    };
    match frame.module_name() {
        Some(module) => format!("{name} of `{module}`"),
        None => name,
    }
}

/// Which flag moves the limit that was hit; the limits that nobody set have no hint.
fn hint(code: TrapCode, shown: &str, options: &RunOptions) -> Option<String> {
    match code {
        TrapCode::OutOfFuel => {
            let more = options.fuel?.max(1).saturating_mul(2);
            Some(format!("`--fuel {more}` gives it twice as much"))
        }
        TrapCode::Interrupted => Some(longer(options.timeout?)),
        TrapCode::StackOverflow => {
            let bytes = options.max_stack.unwrap_or(dunlin::VALUE_STACK_BYTES_DEFAULT);
            let more = bytes.saturating_mul(2).div_ceil(1 << 10);
            Some(format!("if the recursion is meant to end: `--max-stack {more}KiB`"))
        }
        TrapCode::OutOfHeap => {
            let more = options.max_heap?.max(1 << 10).saturating_mul(2).div_ceil(1 << 10);
            Some(format!("`--max-heap {more}KiB` gives objects twice as much"))
        }
        TrapCode::InvalidFunction => {
            Some(format!("`dunlin validate {shown}` checks every function"))
        }
        _ => None,
    }
}

fn longer(span: Duration) -> String {
    format!("`--timeout {}ms` gives it twice as long", span.saturating_mul(2).as_millis().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_the_flag_that_moves_the_limit() {
        let options = RunOptions {
            fuel: Some(100),
            timeout: Some(Duration::from_secs(2)),
            max_stack: Some(1 << 20),
            ..RunOptions::default()
        };
        let check = |code, expected: Option<&str>| {
            assert_eq!(hint(code, "a.wasm", &options).as_deref(), expected);
        };
        check(TrapCode::OutOfFuel, Some("`--fuel 200` gives it twice as much"));
        check(TrapCode::Interrupted, Some("`--timeout 4000ms` gives it twice as long"));
        check(
            TrapCode::StackOverflow,
            Some("if the recursion is meant to end: `--max-stack 2048KiB`"),
        );
        check(TrapCode::Unreachable, None);
        assert_eq!(hint(TrapCode::OutOfFuel, "a.wasm", &RunOptions::default()), None);
    }
}
