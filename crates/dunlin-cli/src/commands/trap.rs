//! How a guest's early end is reported: what happened, where, by which way it got there, and which
//! flag would have let it go on.

use std::time::Duration;

use dunlin::{Backtrace, Error, TrapCode};

use crate::flags::RunOptions;
use crate::report::Report;
use crate::values::show_duration;

/// Frames shown from either end of a backtrace; what is between them is a recursion.
const FRAMES_SHOWN_MAX: usize = 16;

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

/// The report of a guest that did not stop when it was interrupted.
#[cold]
pub(super) fn stuck(shown: &str, span: Duration) -> Report {
    Report::trap(format!("`{shown}` trapped: {}", TrapCode::Interrupted))
        .cause(format!("its {} are over, and it waits in a host call", show_duration(span)))
        .hint(longer(span))
}

fn lines(backtrace: &Backtrace) -> Vec<String> {
    let frames = backtrace.frames();
    let mut lines = Vec::new();
    if let Some(innermost) = frames.first() {
        let offset = innermost.module_offset();
        lines.push(format!("in {}, at module offset {offset:#x}", function(innermost)));
    }
    if frames.len() > 1 {
        lines.push("backtrace, innermost first:".to_owned());
    } else {
        return lines;
    }
    for (i, frame) in frames.iter().enumerate() {
        let hidden = FRAMES_SHOWN_MAX..frames.len().saturating_sub(FRAMES_SHOWN_MAX);
        if hidden.contains(&i) {
            if i == hidden.start {
                lines.push(format!("  … {} more …", hidden.len()));
            }
            continue;
        }
        lines.push(format!("  {i:>3}: {:#8x}  {}", frame.module_offset(), function(frame)));
    }
    lines
}

fn function(frame: &dunlin::Frame) -> String {
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
