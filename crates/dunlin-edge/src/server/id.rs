//! Numbers of requests: by which a client's error is found in the log; and of the traces that they are parts of.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// The number of a request, 64 bits that are not used twice and that nobody can guess from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RequestId(u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The number of a trace, as whoever asks has it: 32 hexadecimal digits, which are no number of ours, since anybody may say
/// them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceId([u8; 32]);

impl TraceId {
    /// The number in a header of Trace Context: `VERSION-TRACE-PARENT-FLAGS`, with more only in versions to come.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (head, rest) = text.split_at_checked(55)?;
        let digits = |range: std::ops::Range<usize>| {
            let digits = head.get(range)?;
            let are = digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            are.then_some(digits)
        };
        let is_delimited = [2, 35, 52].iter().all(|at| head[*at] == b'-');
        let (version, trace, parent) = (digits(0..2)?, digits(3..35)?, digits(36..52)?);
        digits(53..55)?;
        let is_whole = rest.is_empty() || version != b"00" && rest[0] == b'-';
        let is_one = |digits: &[u8]| digits.iter().any(|digit| *digit != b'0');
        let is_valid =
            is_delimited && is_whole && version != b"ff" && is_one(trace) && is_one(parent);
        if is_valid { trace.try_into().ok().map(Self) } else { None }
    }

    pub(crate) fn as_str(&self) -> &str {
        // They are digits.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Makes numbers, for one thread.
pub(crate) struct Ids {
    keys: RandomState,
    next: Cell<u64>,
}

impl Ids {
    /// Numbers that differ from those of every other such maker: the keys are random.
    pub(crate) fn new() -> Self {
        Self { keys: RandomState::new(), next: Cell::new(0) }
    }

    pub(crate) fn next(&self) -> RequestId {
        let next = self.next.get();
        self.next.set(next.wrapping_add(1));
        RequestId(self.keys.hash_one(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_differ() {
        let (a, b) = (Ids::new(), Ids::new());
        let all: HashSet<_> = (0..1000).flat_map(|_| [a.next(), b.next()]).collect();
        assert_eq!(all.len(), 2000);
        assert_eq!(a.next().to_string().len(), 16);
    }

    #[test]
    fn traces_are_those_of_valid_headers() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let whole = format!("00-{trace}-00f067aa0ba902b7-01");
        for text in [whole.clone(), format!("cc{}-what-is-to-come", &whole[2..])] {
            assert_eq!(TraceId::parse(text.as_bytes()).as_ref().map(TraceId::as_str), Some(trace));
        }
        let zeros = |count: usize| "0".repeat(count);
        for text in [
            String::new(),
            whole[..54].into(),
            format!("{whole}-"),
            format!("{whole}x"),
            format!("ff{}", &whole[2..]),
            format!("cc{}x", &whole[2..]),
            whole.to_uppercase(),
            whole.replace('-', "_"),
            whole.replace('7', "\n"),
            whole.replace("00f067aa0ba902b7", &zeros(16)),
            whole.replace(trace, &zeros(32)),
            "\u{e9}".repeat(40),
        ] {
            assert!(TraceId::parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
