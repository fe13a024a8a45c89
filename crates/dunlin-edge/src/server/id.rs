//! Numbers of requests: by which a client's error is found in the log.

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
}
