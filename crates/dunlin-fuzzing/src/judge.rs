//! Judges a module on all engines: the interpreter beside the second engine, the optimising tier beside
//! the interpreter; a third engine, if there is one, where the second says something else than the interpreter.

use crate::generate::Generated;
use crate::lockstep::{Report, run};
use crate::ours::{Optimizer, Ours};
use crate::peer::Peer;
use crate::referee::settle;
use crate::third::{self, Third};

/// Runs `generated` on all engines. What differs first is what the report says; of the comparison that
/// found it, or of the first one, are its numbers.
#[must_use]
pub fn judge(generated: &Generated) -> Report {
    let mut report = run::<Ours, Peer>(generated);
    if third::is_at_hand() {
        report = settle::<Ours, Peer, Third>(report, generated);
    }
    if report.difference.is_none() {
        let tiers = alone(generated);
        report.difference = tiers.difference;
    }
    report
}

/// Runs `generated` on Dunlin's tiers only.
#[must_use]
pub fn alone(generated: &Generated) -> Report {
    let mut report = run::<Ours<Optimizer>, Ours>(generated);
    let tiers = |difference| format!("the optimising tier beside the interpreter: {difference}");
    // A panic of the interpreter is ours too.
    let panic = report.peer_panic.take();
    report.difference = report.difference.or(panic).map(tiers);
    report
}
