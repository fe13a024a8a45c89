//! Judges the module of a seed: all of Dunlin's configurations beside a second engine.

use super::close::{Closed, close};
use super::generate::{Source, binaryen, entropy, smith};
use super::ours::{Way, compare};
use super::peer::Peer;
use super::script::{request, steps};
use crate::lockstep::message;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Attempts at making a finding smaller.
const ATTEMPTS_MAX: u32 = 1_500;

/// The processes of a search.
#[derive(Debug)]
pub struct Peers {
    /// Engines to compare with.
    pub engines: Vec<Peer>,
    /// Binaryen's generator.
    pub ttf: Option<Peer>,
}

/// What judging a module gave.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Calls, of all configurations together, that both engines made and agreed about.
    pub calls: u64,
    /// Those among them that returned.
    pub returned: u64,
    /// Steps that an engine's own limit ended.
    pub inconclusive: u64,
    /// Exported functions that are not called.
    pub skipped: u64,
    /// Processes that crashed or hung.
    pub peer_failures: u64,
    /// The first difference, for people.
    pub difference: Option<String>,
}

/// The module of a seed from other decisions; `None` if there is none of them.
///
/// # Errors
///
/// If the generator's process ends, or the module cannot be closed.
pub fn module(
    peers: &mut Peers,
    source: Source,
    seed: u64,
    entropy: &[u8],
) -> Result<Option<Closed>, String> {
    let bytes = match (source, &mut peers.ttf) {
        (Source::Smith, _) => smith(seed, entropy),
        (Source::Binaryen, Some(ttf)) => binaryen(ttf, seed, entropy)?,
        (Source::Binaryen, None) => None,
    };
    bytes.map(|bytes| close(&bytes)).transpose()
}

/// Runs a module everywhere.
#[must_use]
pub fn judge(peers: &mut Peers, seed: u64, closed: &Closed) -> Report {
    let mut report = Report { skipped: closed.skipped as u64, ..Report::default() };
    let steps = steps(seed, &closed.calls);
    let request = request(closed, &steps);
    for engine in &mut peers.engines {
        let said = match engine.ask(&request) {
            Ok(said) => said,
            Err(_) => {
                report.peer_failures += 1;
                continue;
            }
        };
        if said.first().is_some_and(|verdict| verdict == "refused") {
            report.inconclusive += 1;
            continue;
        }
        for way in Way::ALL {
            let compared =
                catch_unwind(AssertUnwindSafe(|| compare(way, seed, closed, &steps, &said)));
            match compared {
                Ok(compared) => {
                    report.calls += compared.calls;
                    report.returned += compared.returned;
                    report.inconclusive += compared.inconclusive;
                    report.difference = compared.difference;
                }
                Err(panic) => {
                    report.difference = Some(format!("{way:?}: PANIC: {}", message(&*panic)));
                }
            }
            if report.difference.is_some() {
                return report;
            }
        }
    }
    report
}

/// The smallest module found that differs as that of a seed does.
pub fn shrink(peers: &mut Peers, source: Source, seed: u64) -> Option<(Closed, String)> {
    let mut decisions = entropy(source, seed);
    let mut best = None;
    let mut attempts = 0;
    let mut piece = decisions.len();
    while piece > 0 && attempts < ATTEMPTS_MAX {
        let mut start = 0;
        while start < decisions.len() && attempts < ATTEMPTS_MAX {
            attempts += 1;
            let end = (start + piece).min(decisions.len());
            // The first attempt is the whole.
            let end = if best.is_none() { start } else { end };
            let shorter = [&decisions[..start], &decisions[end..]].concat();
            match smaller(peers, source, seed, &shorter, best.as_ref()) {
                Some(found) => {
                    best = Some(found);
                    decisions = shorter;
                }
                None if best.is_none() => return None,
                None => start = end,
            }
        }
        piece /= 2;
    }
    best
}

fn smaller(
    peers: &mut Peers,
    source: Source,
    seed: u64,
    decisions: &[u8],
    best: Option<&(Closed, String)>,
) -> Option<(Closed, String)> {
    let closed = module(peers, source, seed, decisions).ok()??;
    if best.is_some_and(|(best, _)| closed.bytes.len() > best.bytes.len()) {
        return None;
    }
    let difference = judge(peers, seed, &closed).difference?;
    Some((closed, difference))
}
