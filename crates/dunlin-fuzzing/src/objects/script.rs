//! What is called, with which numbers, and how what became of it is told: in lines of text, the same in all
//! engines.
//!
//! The first step instantiates. `ENDING<TAB>STATE` tells a step:
//!
//! - `v N…`: it returned these numbers.
//! - `t KIND`: the guest trapped.
//! - `x TAG N…`: an exception was not caught; `_` stands for what is no number.
//! - `l WHY`: a limit of the engine's own ended it.
//! - `? WHY`: nothing that should happen.
//!
//! The state is a hash of what the host was told, what the module's own function saw of globals and tables, and
//! a hash of each memory. After an own limit, or an `unreachable` (the counter in the module may be used up), the
//! next call gets a fresh instance.

use super::close::{Call, Closed};
use super::generate::hex;
use crate::random::Random;
use crate::value::{Kind, Value};
use wasm_encoder::ValType;

/// Calls of one module.
const CALLS_MAX: usize = 20;

/// Fresh instances of one module.
pub const INSTANCES_MAX: u32 = 8;

/// A call with its numbers.
#[derive(Clone, Debug)]
pub struct Step {
    /// The name of the export.
    pub name: String,
    /// The numbers.
    pub values: Vec<u64>,
}

/// The calls of a module.
#[must_use]
pub fn steps(seed: u64, calls: &[Call]) -> Vec<Step> {
    let mut random = Random::of(seed, 23);
    let count = (calls.len() * 2).min(CALLS_MAX);
    let step = |call: &Call| Step {
        name: call.name.clone(),
        values: call.params.iter().map(|ty| number(*ty, &mut random)).collect(),
    };
    calls.iter().cycle().take(count).map(step).collect()
}

fn number(ty: ValType, random: &mut Random) -> u64 {
    let kind = match ty {
        ValType::I32 => Kind::I32,
        ValType::F32 => Kind::F32,
        ValType::F64 => Kind::F64,
        ValType::I64 | ValType::V128 => Kind::I64,
        ValType::Ref(_) => return random.below(64),
    };
    match Value::random(kind, random) {
        Value::I32(bits) | Value::F32(bits) => u64::from(bits),
        Value::I64(bits) | Value::F64(bits) => bits,
        Value::V128(_) | Value::Func(_) | Value::Extern(_) => 0,
    }
}

/// All that another process must know.
#[must_use]
pub fn request(closed: &Closed, steps: &[Step]) -> String {
    let list = |parts: Vec<String>, between: &str| {
        if parts.is_empty() { "-".to_owned() } else { parts.join(between) }
    };
    let tags = closed.tags.iter().map(|tag| format!("t{tag}")).collect();
    let calls = steps.iter().map(|step| {
        let values = step.values.iter().map(|value| format!(",{value:x}"));
        format!("{}{}", step.name, values.collect::<String>())
    });
    format!(
        "{} {} {} {}",
        hex(&closed.bytes),
        closed.memories,
        list(tags, ","),
        list(calls.collect(), ";")
    )
}

/// A hash of a memory's bytes, which are whole pages.
#[must_use]
pub fn hash(bytes: &[u8]) -> u32 {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().fold(words.len() as u32, |all, word| {
        (all.rotate_left(5) ^ u32::from_le_bytes(*word)).wrapping_mul(0x9E37_79B1)
    })
}

/// What the host keeps of all it is told, and answers.
#[must_use]
pub fn told(log: &mut u64, number: u64) -> u64 {
    *log = (log.rotate_left(5) ^ number).wrapping_mul(0x517C_C1B7_2722_0A95);
    *log ^ (*log >> 29)
}
