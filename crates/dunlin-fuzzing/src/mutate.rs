//! Damaged modules: what is said about their validity, and that nothing panics.
//!
//! The first judge is the validator of the whole module, in one pass, with the same features. Dunlin
//! walks sections and bodies itself and asks the validator piece by piece, so each piece forgotten is
//! a module that one takes and the other refuses.

use crate::lockstep::message;
use crate::random::Random;
use crate::subject::{Plan, Subject};
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmparser::{Validator, WasmFeatures};

/// The features that Dunlin has on by default, in the validator's words.
pub const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES)
    .union(WasmFeatures::COMPACT_IMPORTS)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::GC)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::LEGACY_EXCEPTIONS)
    .union(WasmFeatures::THREADS)
    .union(WasmFeatures::GC_TYPES);

/// A copy of `bytes` with damage that `random` decides.
#[must_use]
pub fn damage(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << random.below(8),
            2 => bytes[at] = random.bits() as u8,
            // A number in LEB128 that is as large as can be.
            3 => drop(bytes.splice(at..=at, [0xff, 0xff, 0xff, 0xff, 0x0f])),
            4 => bytes.insert(at, random.bits() as u8),
            5 => drop(bytes.remove(at)),
            6 => {
                let from = random.below(bytes.len() as u64) as usize;
                let piece = bytes[from..(from + 8).min(bytes.len())].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            _ => bytes[at] = [0, 1, 0x0b, 0x40, 0x7f, 0x80, 0xfc, 0xfd][random.below(8) as usize],
        }
    }
    bytes
}

/// What the validator says of the module as a whole.
///
/// # Errors
///
/// Its words, if the module is not valid.
pub fn verdict(bytes: &[u8]) -> Result<(), String> {
    match Validator::new_with_features(FEATURES).validate_all(bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// What an engine says of it; a panic is its own kind of answer.
///
/// # Errors
///
/// The outer error is a panic, the inner one the engine's words.
pub fn opinion<S: Subject>(bytes: &[u8], plan: &Plan) -> Result<Result<(), String>, String> {
    catch_unwind(AssertUnwindSafe(|| S::compile(bytes, plan).map(drop)))
        .map_err(|panic| message(&*panic))
}
