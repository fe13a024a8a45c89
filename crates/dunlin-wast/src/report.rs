//! What became of a script: how many directives held, and where the others stand.

use std::fmt;

/// What became of one script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The name that the script was run under, usually its path.
    pub name: String,
    /// Directives that did what they say.
    pub passed: usize,
    /// Directives that did not, in the order of the script.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Whether every directive did what it says.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failures.is_empty()
    }

    /// How many directives did not do what they say.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failures.len()
    }
}

impl fmt::Display for Report {
    /// One line for each failure, `name:line:column: what`, then the counts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "{}:{failure}", self.name)?;
        }
        write!(f, "{}: {} passed, {} failed", self.name, self.passed, self.failed())
    }
}

/// A directive that did not do what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The directive's line, from 1; 0 when the script could not be read at all.
    pub line: usize,
    /// The directive's column, from 1; 0 when the script could not be read at all.
    pub column: usize,
    /// What was expected and what came instead.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_printed_as_editors_read_them() {
        let failure = Failure { line: 3, column: 7, what: "expected 1, got 2".into() };
        let report = Report { name: "a/b.wast".into(), passed: 4, failures: vec![failure] };
        assert_eq!(
            report.to_string(),
            "a/b.wast:3:7: expected 1, got 2\na/b.wast: 4 passed, 1 failed"
        );
        assert!(!report.is_success());
    }
}
