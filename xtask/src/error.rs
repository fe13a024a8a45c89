//! Errors as people read them: what failed, the causes, a blank line, a hint that can be pasted.

use std::fmt;

/// Why a command failed: one word, since every result carries it.
#[derive(Debug)]
pub struct Error(Box<Story>);

/// What an error tells; empty when it was told already.
#[derive(Debug)]
struct Story {
    what: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Error {
    /// An error whose first line is `what`; values in it stand in backticks.
    pub fn new(what: impl Into<String>) -> Self {
        Self(Box::new(Story { what: what.into(), causes: Vec::new(), hint: None }))
    }

    /// An error whose story the command has printed already.
    pub fn told() -> Self {
        Self::new("")
    }

    /// Whether there is nothing left to print.
    pub fn is_told(&self) -> bool {
        self.0.what.is_empty()
    }

    /// Adds a cause, the nearest first.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.0.causes.push(cause.to_string());
        self
    }

    /// Says what to do about it, best as a command that can be pasted.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.0.what)?;
        for cause in &self.0.causes {
            write!(f, "\n  because: {cause}")?;
        }
        if let Some(hint) = &self.0.hint {
            write!(f, "\n\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn an_error_shows_what_failed_then_causes_then_the_hint_apart() {
        let error = Error::new("cannot read `a`").cause("no such file").hint("touch a");
        assert_eq!(
            error.to_string(),
            "error: cannot read `a`\n  because: no such file\n\nhint: touch a"
        );
    }
}
