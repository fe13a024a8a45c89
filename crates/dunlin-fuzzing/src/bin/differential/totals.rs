//! What all modules together gave.

use crate::worker::Message;
use std::fmt;

/// Sums over modules.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) modules: u64,
    pub(crate) calls: u64,
    pub(crate) returned: u64,
    pub(crate) inconclusive: u64,
    pub(crate) inconclusive_calls: u64,
    pub(crate) peer_failures: u64,
    pub(crate) peer_defects: u64,
    pub(crate) differences: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, message: &Message) {
        self.modules += 1;
        self.calls += message.calls;
        self.returned += message.returned;
        self.inconclusive_calls += message.inconclusive;
        self.inconclusive += u64::from(message.inconclusive > 0);
        self.peer_failures += message.peer_failures;
        self.peer_defects += message.peer_defects;
        self.differences += message.differences;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} modules, {} calls agreed ({} returned, the others trapped), {} calls in {} modules \
             inconclusive, {} panics or crashes of the second engine, {} modules that it alone got wrong, \
             {} differences",
            self.modules,
            self.calls,
            self.returned,
            self.inconclusive_calls,
            self.inconclusive,
            self.peer_failures,
            self.peer_defects,
            self.differences
        )
    }
}
