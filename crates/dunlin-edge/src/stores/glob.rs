//! Patterns as Redis has them: `*` any bytes, `?` any byte, `[abc]`, `[a-z]`, `[^a]` one of a set, `\` the next byte as it is.
//!
//! A pattern becomes a list of tokens. Matching remembers one place to go back to, the last `*` that was passed: what
//! stood before it has matched, and an earlier `*` that took more could only leave less. So it takes at most as many steps as
//! the pattern has tokens, times the bytes of the text; recursion at each `*` would take that to the power of the stars.

use super::StoreError;
use super::limits::{
    PATTERN_BYTES_MAX, SCAN_SLICE_STEPS_MAX, SCAN_STEPS_MAX, VISIT_STEPS, VISITED_MAX,
};

/// A pattern.
///
/// # Examples
///
/// ```
/// use dunlin_edge::stores::glob::Glob;
///
/// let glob = Glob::new("user:[0-9]*:na?e")?;
/// assert!(glob.matches(b"user:12:name"));
/// assert!(!glob.matches(b"user:x:name"));
/// assert_eq!(glob.prefix(), b"user:");
/// # Ok::<(), dunlin_edge::stores::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Glob {
    tokens: Vec<Token>,
    prefix: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Token {
    Byte(u8),
    Any,
    Set(Box<[u64; 4]>),
    Star,
}

impl Token {
    fn takes(&self, byte: u8) -> bool {
        match self {
            Self::Byte(wanted) => *wanted == byte,
            Self::Any => true,
            Self::Set(set) => set[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1,
            Self::Star => false,
        }
    }
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] for a pattern that is too long. Every other text is a pattern: a set without an end has its
    /// end where the pattern has, as in Redis.
    pub fn new(pattern: &str) -> Result<Self, StoreError> {
        if pattern.len() > PATTERN_BYTES_MAX {
            let (bytes, bytes_max) = (pattern.len(), PATTERN_BYTES_MAX);
            return Err(StoreError::refused(format_args!(
                "the pattern has {bytes} bytes, and {bytes_max} at most"
            )));
        }
        let mut tokens = Vec::new();
        let mut rest = pattern.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            rest = after;
            let token = match (first, after.split_first()) {
                (b'*', _) => Token::Star,
                (b'?', _) => Token::Any,
                (b'[', _) => {
                    let (set, after) = set(after);
                    rest = after;
                    Token::Set(Box::new(set))
                }
                (b'\\', Some((escaped, after))) => {
                    rest = after;
                    Token::Byte(*escaped)
                }
                (byte, _) => Token::Byte(*byte),
            };
            // Two stars are one.
            if !matches!((&token, tokens.last()), (Token::Star, Some(Token::Star))) {
                tokens.push(token);
            }
        }
        let bytes = tokens.iter().map_while(|token| match token {
            Token::Byte(byte) => Some(*byte),
            _ => None,
        });
        let prefix = bytes.collect();
        Ok(Self { tokens, prefix })
    }

    /// What everything that matches begins with.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Whether all of a text matches.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        self.matches_counting(text).0
    }

    /// Whether all of a text matches, and how many steps it took to know.
    fn matches_counting(&self, text: &[u8]) -> (bool, usize) {
        let (mut token, mut at, mut steps) = (0, 0, 0);
        // Where to go on after the last star, and what it has taken up to.
        let mut star: Option<(usize, usize)> = None;
        loop {
            steps += 1;
            match (self.tokens.get(token), text.get(at)) {
                (Some(Token::Star), _) => {
                    token += 1;
                    // A star at the end takes all that there is.
                    if token == self.tokens.len() {
                        return (true, steps);
                    }
                    star = Some((token, at));
                }
                (Some(wanted), Some(byte)) if wanted.takes(*byte) => {
                    (token, at) = (token + 1, at + 1);
                }
                (None, None) => return (true, steps),
                // The text is at its end: a star that takes more leaves less still.
                (_, None) => return (false, steps),
                _ => match &mut star {
                    None => return (false, steps),
                    Some((after, taken)) => {
                        *taken += 1;
                        (token, at) = (*after, *taken);
                    }
                },
            }
        }
    }
}

/// The bytes of a set, which begins after its bracket, and what follows it.
fn set(mut rest: &[u8]) -> ([u64; 4], &[u8]) {
    let mut set = [0_u64; 4];
    let inverted = rest.first() == Some(&b'^');
    rest = &rest[usize::from(inverted)..];
    loop {
        let (from, to) = match rest {
            [] => break,
            [b']', after @ ..] => {
                rest = after;
                break;
            }
            [b'\\', byte, after @ ..] => {
                rest = after;
                (*byte, *byte)
            }
            [from, b'-', to, after @ ..] => {
                rest = after;
                (*from.min(to), *from.max(to))
            }
            [byte, after @ ..] => {
                rest = after;
                (*byte, *byte)
            }
        };
        for byte in from..=to {
            set[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
    }
    if inverted {
        set = set.map(|bits| !bits);
    }
    (set, rest)
}

/// One scan with a pattern, which ends when it has looked at too much, and says when it is time to let others on.
pub(crate) struct Scan {
    glob: Glob,
    visited: usize,
    steps: usize,
    /// Steps and visits until others get their turn.
    slice: usize,
}

impl Scan {
    pub(crate) fn new(pattern: &str) -> Result<Self, StoreError> {
        Ok(Self { glob: Glob::new(pattern)?, visited: 0, steps: 0, slice: SCAN_SLICE_STEPS_MAX })
    }

    /// A scan that wants everything.
    pub(crate) fn of_all() -> Self {
        let glob = Glob { tokens: vec![Token::Star], prefix: Vec::new() };
        Self { glob, visited: 0, steps: 0, slice: SCAN_SLICE_STEPS_MAX }
    }

    pub(crate) fn prefix(&self) -> &[u8] {
        self.glob.prefix()
    }

    /// Whether a text matches.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] when the scan has looked at too much.
    pub(crate) fn matches(&mut self, text: &[u8]) -> Result<bool, StoreError> {
        let (matches, steps) = self.glob.matches_counting(text);
        self.visited += 1;
        self.steps += steps;
        self.slice = self.slice.saturating_sub(steps + VISIT_STEPS);
        if self.visited > VISITED_MAX || self.steps > SCAN_STEPS_MAX {
            return Err(StoreError::refused("the pattern is compared with too much"));
        }
        Ok(matches)
    }

    /// Whether it is time to let others on; the next slice begins.
    pub(crate) fn is_due(&mut self) -> bool {
        let is_due = self.slice == 0;
        if is_due {
            self.slice = SCAN_SLICE_STEPS_MAX;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_those_of_redis_do() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("", &[""], &["a"]),
            ("*", &["", "a", "a/b"], &[]),
            ("***", &["", "abc"], &[]),
            ("h?llo", &["hello", "h.llo"], &["hllo", "heello"]),
            ("h*llo", &["hllo", "heeeello", "hllollo"], &["hello!"]),
            ("h[ae]llo", &["hello", "hallo"], &["hillo", "hllo"]),
            ("h[^e]llo", &["hallo", "hbllo"], &["hello"]),
            ("h[a-b]llo", &["hallo", "hbllo"], &["hcllo"]),
            ("h[b-a]llo", &["hallo", "hbllo"], &["hcllo"]),
            ("h\\*llo", &["h*llo"], &["hello"]),
            ("a\\", &["a\\"], &["a"]),
            ("[", &[], &["[", ""]),
            ("[]", &[], &["[]", "", "a"]),
            ("[^]", &["a"], &[""]),
            ("[abc", &["a", "c"], &["d", "[abc"]),
            ("[\\]]", &["]"], &["\\"]),
            // The range from `]` to `a`, and no end.
            ("[a-]", &["a", "]", "^"], &["b", "-"]),
            ("a*b*c", &["abc", "aXbYc", "abbcc", "abcbc"], &["acb", "abcd"]),
            ("*a", &["a", "aa", "ba"], &["ab", ""]),
            ("*ab*ab", &["abab", "ababab", "xabyab"], &["ab", "aab"]),
            ("?", &["a"], &["", "ab"]),
            ("grü*", &["grüße"], &["gru"]),
        ];
        for (pattern, matching, others) in table {
            let glob = Glob::new(pattern).expect("short");
            for text in *matching {
                assert!(glob.matches(text.as_bytes()), "`{pattern}` and `{text}`");
            }
            for text in *others {
                assert!(!glob.matches(text.as_bytes()), "`{pattern}` and `{text}`");
            }
        }
    }

    #[test]
    fn prefixes_end_at_what_is_no_byte() {
        for (pattern, prefix) in
            [("a:*", "a:"), ("a\\*b?", "a*b"), ("*", ""), ("abc", "abc"), ("a[b]", "a")]
        {
            assert_eq!(Glob::new(pattern).expect("short").prefix(), prefix.as_bytes());
        }
    }

    #[test]
    fn no_pattern_takes_more_steps_than_its_length_times_the_texts() {
        let text = "a".repeat(8192);
        for pattern in
            ["*a".repeat(500), "a*".repeat(500), "*?".repeat(500), "*aaaaaaaaaaaaaaab".repeat(60)]
        {
            let glob = Glob::new(&(pattern.clone() + "b")).expect("short");
            let (matches, steps) = glob.matches_counting(text.as_bytes());
            assert!(!matches);
            assert!(steps <= (pattern.len() + 2) * (text.len() + 2), "{pattern}: {steps}");
        }
    }

    #[test]
    fn a_scan_ends_when_it_has_looked_at_too_much() {
        assert!(Glob::new(&"a".repeat(PATTERN_BYTES_MAX + 1)).is_err());
        let mut scan = Scan::new(&("*".to_owned() + &"a".repeat(1000) + "b")).expect("short");
        let text = "a".repeat(8192);
        let ended = (0..VISITED_MAX).find(|_| scan.matches(text.as_bytes()).is_err());
        assert!(ended.is_some_and(|after| after < 100), "{ended:?}");
        let mut scan = Scan::of_all();
        let due =
            (0..100_000).filter(|_| scan.matches(b"key") == Ok(true) && scan.is_due()).count();
        assert!((10..1_000).contains(&due), "{due}");
    }
}
