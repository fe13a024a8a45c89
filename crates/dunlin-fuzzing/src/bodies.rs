//! Damaged bodies: that Dunlin's faster validation never takes what is not valid, and never makes another side table
//! than the slower one.
//!
//! Sections and sizes stay what they were, so that all damage is within functions, one at a time. Three judges say what
//! they think of each function of the module: Dunlin's two passes, and the validator itself, which is asked for
//! the whole module.
//!
//! This looks into a crate of Dunlin's, `dunlin-module`: from outside nobody can tell which pass has answered.

use crate::mutate::FEATURES;
use crate::random::Random;
use dunlin_module::{Features, Module, Scratch};
use std::ops::Range;
use std::sync::Arc;
use wasmparser::{FuncValidatorAllocations, Parser, Payload, ValidPayload, Validator};

/// What was found out about bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Functions that were judged.
    pub functions: u64,
    /// Those that are valid.
    pub valid: u64,
    /// Those that the faster pass took.
    pub quick: u64,
}

impl Totals {
    /// Adds others.
    pub fn add(&mut self, other: Self) {
        self.functions += other.functions;
        self.valid += other.valid;
        self.quick += other.quick;
    }
}

/// Where the bodies of a valid module lie, without their sizes.
#[must_use]
pub fn ranges(bytes: &[u8]) -> Vec<Range<usize>> {
    let body = |payload| match payload {
        Ok(Payload::CodeSectionEntry(body)) => {
            Some(body.range().start as usize..body.range().end as usize)
        }
        _ => None,
    };
    Parser::new(0).parse_all(bytes).filter_map(body).collect()
}

/// Opcodes that often make something else of what follows.
const OPCODES: [u8; 24] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x1a, 0x1b, 0x20,
    0x21, 0x22, 0x28, 0x36, 0x41, 0x42, 0x6a, 0xfc,
];

/// Damages a body in place: its length stays.
pub fn damage(body: &mut [u8], random: &mut Random) {
    if body.is_empty() {
        return;
    }
    let len = body.len() as u64;
    for _ in 0..=random.below(2) {
        let at = random.below(len) as usize;
        match random.below(8) {
            0 => body[at] ^= 1 << random.below(8),
            1 => body[at] = random.bits() as u8,
            2 => body[at] = OPCODES[random.below(OPCODES.len() as u64) as usize],
            3 => {
                body[at] =
                    [0x40, 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x80][random.below(8) as usize]
            }
            4 => body[at] = random.below(6) as u8,
            5 => body[at] = body[at].wrapping_add([1, 255][random.below(2) as usize]),
            6 => body.swap(at, random.below(len) as usize),
            _ => {
                let (from, most) = (random.below(len) as usize, 1 + random.below(8) as usize);
                let count = most.min(body.len() - from.max(at));
                body.copy_within(from..from + count, at);
            }
        }
    }
}

/// What the validator says of functions of a module whose other sections are valid: of that with this body, or of all.
fn verdicts(bytes: &[u8], only: Option<usize>) -> Option<Vec<Option<bool>>> {
    let mut validator = Validator::new_with_features(FEATURES);
    let mut verdicts = Vec::new();
    let mut memory = FuncValidatorAllocations::default();
    for payload in Parser::new(0).parse_all(bytes) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload.ok()?).ok()? {
            let mut function = function.into_validator(core::mem::take(&mut memory));
            let is_asked = only.is_none_or(|only| only == verdicts.len());
            verdicts.push(is_asked.then(|| function.validate(&body).is_ok()));
            memory = function.into_allocations();
        }
    }
    Some(verdicts)
}

/// Judges functions of a module whose other sections are valid: that with this body, or all.
///
/// # Errors
///
/// What the judges do not agree on.
pub fn judge(bytes: &[u8], body: Option<usize>) -> Result<Totals, String> {
    let verdicts = verdicts(bytes, body).ok_or("the validator refuses the module itself")?;
    let module = Module::parse(Arc::new(bytes.to_vec()), Features::default())
        .map_err(|error| format!("Dunlin refuses the module itself: {error}"))?;
    let mut totals = Totals::default();
    let mut scratch = Scratch::default();
    for (func, is_valid) in (module.func_imports()..).zip(verdicts) {
        let Some(is_valid) = is_valid else { continue };
        let (quick, slow) = module.prepare_both_ways(func, &mut scratch);
        totals.functions += 1;
        totals.valid += u64::from(is_valid);
        totals.quick += u64::from(quick.is_some());
        if slow.is_ok() != is_valid {
            return Err(format!("function {func}: {slow:?}, and valid: {is_valid}"));
        }
        match (quick, slow) {
            (Some(quick), Ok(slow)) if quick != slow => {
                return Err(format!(
                    "function {func}: {quick:?} in one way, {slow:?} in the other"
                ));
            }
            (Some(_), Err(error)) => {
                return Err(format!("function {func} was taken, and is not valid: {error}"));
            }
            _ => {}
        }
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{generate, plain};

    #[test]
    fn damage_stays_within_a_body_and_is_found_by_all() {
        let mut totals = Totals::default();
        for seed in 0..40 {
            let bytes = plain::module(seed);
            assert_eq!(judge(&bytes, None).map(|of| of.functions), Ok(6));
            let mut random = Random::of(seed, 22);
            for (body, range) in ranges(&bytes).into_iter().enumerate() {
                let mut damaged = bytes.clone();
                damage(&mut damaged[range], &mut random);
                totals.add(judge(&damaged, Some(body)).expect("agreement"));
            }
        }
        // Damage does what it is for, and not only that.
        assert!(totals.quick > totals.functions / 20, "{totals:?}");
        assert!(totals.valid < totals.functions * 9 / 10, "{totals:?}");
    }

    #[test]
    fn generated_modules_are_judged_too() {
        let generated = (0..20).filter_map(generate::module);
        let judged = generated.map(|of| judge(&of.bytes, None).expect("agreement"));
        assert!(judged.map(|of| of.functions).sum::<u64>() > 20);
    }
}
