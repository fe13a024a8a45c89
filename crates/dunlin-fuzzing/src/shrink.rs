//! Makes a finding smaller: the same seed with fewer decisions.
//!
//! The generator takes its decisions from a string of bytes. Cutting pieces out of it gives smaller
//! modules, valid like all it makes; what still shows the finding is kept, as in Zeller's delta
//! debugging.

use crate::generate::{self, Generated};

/// Modules tried at most.
const ATTEMPTS_MAX: u32 = 3_000;

/// The smallest module found that `shows` the finding of `seed`.
pub fn shrink(seed: u64, mut shows: impl FnMut(&Generated) -> bool) -> Option<Generated> {
    let mut entropy = generate::entropy(seed);
    let mut best = generate::from_entropy(seed, &entropy)?;
    let mut attempts = 0;
    let mut piece = entropy.len() / 2;
    while piece > 0 {
        let mut start = 0;
        while start < entropy.len() {
            attempts += 1;
            if attempts > ATTEMPTS_MAX {
                return Some(best);
            }
            let end = (start + piece).min(entropy.len());
            let shorter = [&entropy[..start], &entropy[end..]].concat();
            match generate::from_entropy(seed, &shorter) {
                Some(smaller) if smaller.bytes.len() <= best.bytes.len() && shows(&smaller) => {
                    best = smaller;
                    entropy = shorter;
                }
                _ => start = end,
            }
        }
        piece /= 2;
    }
    Some(best)
}

/// The module as text; a comment if it cannot be printed.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    wasmprinter::print_bytes(bytes).unwrap_or_else(|error| format!(";; {error}\n"))
}
