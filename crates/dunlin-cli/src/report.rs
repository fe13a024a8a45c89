//! Errors as people read them, and the exit codes that follow from their kind.
//!
//! A report says what failed with the value in backticks, then its causes, indented, then (after a
//! blank line) a hint that can be pasted:
//!
//! ```text
//! error: cannot read `missing.wasm`
//!   No such file or directory (os error 2)
//!
//! hint: `dunlin run --help` shows how to name a module
//! ```

use std::fmt::{self, Display};
use std::io;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};

/// What went wrong decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The reader of our output left; there is nobody to tell.
    Quiet = 0,
    /// A module is invalid or cannot be had, linked, or given what it needs.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The engine broke one of its own promises (`EX_SOFTWARE` of `sysexits.h`).
    Bug = 70,
    /// The guest trapped: 128 + `SIGABRT`, as native programs that abort.
    Trap = 134,
}

/// An error with its causes, its hint and its exit code; one word.
#[derive(Debug)]
pub(crate) struct Report(Box<Parts>);

#[derive(Debug)]
struct Parts {
    exit: Exit,
    what: String,
    causes: Vec<String>,
    hint: Option<String>,
}

const _: () = assert!(size_of::<Report>() == size_of::<usize>());

impl Report {
    #[cold]
    fn new(exit: Exit, what: String) -> Self {
        Self(Box::new(Parts { exit, what, causes: Vec::new(), hint: None }))
    }

    /// Something that the world or a module is to blame for.
    #[cold]
    pub(crate) fn failure(what: impl Into<String>) -> Self {
        Self::new(Exit::Failure, what.into())
    }

    /// Something that the command line is to blame for.
    #[cold]
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what.into())
    }

    /// A guest that trapped.
    #[cold]
    pub(crate) fn trap(what: impl Into<String>) -> Self {
        Self::new(Exit::Trap, what.into())
    }

    /// A guest that ended with an error: a trap, unless the error is our own fault. What caused the
    /// error follows; its own text is for the caller to place.
    #[cold]
    pub(crate) fn ended(what: impl Into<String>, error: &dunlin::Error) -> Self {
        let exit = match error.kind() {
            dunlin::ErrorKind::Bug => Exit::Bug,
            _ => Exit::Trap,
        };
        let report = Self::new(exit, what.into());
        match std::error::Error::source(error) {
            Some(source) => report.cause_chain(source),
            None => report,
        }
    }

    /// A failed write to standard output: no news when the reader has left.
    #[cold]
    pub(crate) fn output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Quiet, String::new());
        }
        Self::failure("cannot write to standard output").cause(error)
    }

    /// An engine's error: its kind decides the exit code, its sources become causes.
    #[cold]
    pub(crate) fn engine(what: impl Into<String>, error: &dunlin::Error) -> Self {
        let exit = match error.kind() {
            dunlin::ErrorKind::Trap | dunlin::ErrorKind::Exception => Exit::Trap,
            dunlin::ErrorKind::Bug => Exit::Bug,
            dunlin::ErrorKind::Usage => Exit::Usage,
            _ => Exit::Failure,
        };
        Self::new(exit, what.into()).cause_chain(error)
    }

    /// An app that cannot be made or built.
    #[cold]
    pub(crate) fn building(error: dunlin_build::Error) -> Self {
        let report = error.causes().fold(Self::failure(error.what()), Self::cause);
        match error.hint_text() {
            Some(hint) => report.hint(hint),
            None => report,
        }
    }

    /// Adds a cause below the ones there are.
    pub(crate) fn cause(mut self, cause: impl Display) -> Self {
        self.0.causes.push(cause.to_string());
        self
    }

    /// Adds an error and everything that it says caused it.
    pub(crate) fn cause_chain(mut self, error: &dyn std::error::Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Wrappers often repeat the text of what they wrap; once is enough.
            if !self.0.causes.last().is_some_and(|last| last.ends_with(&text)) {
                self.0.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Says what can be done; backticks surround what can be pasted.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Writes the report to standard error, coloured where that is a terminal, and returns the exit
    /// code.
    pub(crate) fn print(&self) -> i32 {
        if self.0.exit != Exit::Quiet {
            // Nobody can be told that standard error is closed.
            let _ = write!(anstream::stderr(), "{self}");
        }
        self.0.exit as i32
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let cyan = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        writeln!(f, "{red}error:{red:#} {}", Clean(&self.0.what))?;
        for line in self.0.causes.iter().flat_map(|cause| cause.lines()) {
            writeln!(f, "  {}", Clean(line))?;
        }
        if let Some(hint) = &self.0.hint {
            writeln!(f, "\n{cyan}hint:{cyan:#} {}", Clean(hint))?;
        }
        Ok(())
    }
}

/// Prints a line of talk that is not an error, such as a warning, to standard error.
pub(crate) fn warn(text: &str) {
    let yellow = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
    // Nobody can be told that standard error is closed.
    let _ = writeln!(anstream::stderr(), "{yellow}warning:{yellow:#} {}", Clean(text));
}

/// Prints a line of talk to standard error.
pub(crate) fn say(text: &str) {
    // Nobody can be told that standard error is closed.
    let _ = writeln!(anstream::stderr(), "{}", Clean(text));
}

/// Text with its control characters escaped: names come from modules and servers that nobody has
/// vouched for, and must not drive the terminal.
pub(crate) struct Clean<'a>(pub(crate) &'a str);

impl Display for Clean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.0.split_inclusive(char::is_control) {
            let kept = piece.trim_end_matches(char::is_control);
            f.write_str(kept)?;
            for control in piece[kept.len()..].chars() {
                write!(f, "{}", control.escape_default())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(report: &Report) -> String {
        anstream::adapter::strip_str(&report.to_string()).to_string()
    }

    #[test]
    fn a_report_has_causes_below_and_the_hint_after_a_blank_line() {
        let report = Report::failure("cannot read `a.wasm`").cause("one\ntwo").hint("`ls`");
        assert_eq!(plain(&report), "error: cannot read `a.wasm`\n  one\n  two\n\nhint: `ls`\n");
    }

    #[test]
    fn names_cannot_drive_the_terminal() {
        let report = Report::failure("bad `\u{1b}[2J\u{7}x`").cause("tab\there");
        assert_eq!(plain(&report), "error: bad `\\u{1b}[2J\\u{7}x`\n  tab\\there\n");
    }

    #[test]
    fn a_closed_pipe_is_no_news() {
        let closed = Report::output(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(closed.print(), 0);
        assert_eq!(Report::output(io::Error::other("full")).0.exit, Exit::Failure);
    }
}
