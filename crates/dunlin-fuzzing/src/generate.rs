//! From a seed to a module: wasm-smith, set up differently for each seed.
//!
//! Features are drawn per seed ("swarm testing", by Groce and others): a module that may use everything
//! rarely uses much of anything.

use crate::canonical::canonical;
use crate::random::Random;
use crate::subject::{Metering, Plan};
use arbitrary::Unstructured;
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices};

/// Loop iterations and calls until the counter in the module ends it.
const MODULE_FUEL: u32 = 2_000;

/// Bytes of a page of memory.
const PAGE_BYTES: u64 = 65_536;

/// A generated module and how to run it.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The module, in the binary format. It is valid.
    pub bytes: Vec<u8>,
    /// How to run it.
    pub plan: Plan,
}

/// The plan that belongs to a seed.
#[must_use]
pub fn plan(seed: u64) -> Plan {
    let fuel = Random::of(seed, 2).once_in(2);
    Plan { seed, metering: if fuel { Metering::Fuel } else { Metering::Module } }
}

/// The bytes that the generator takes its decisions from.
#[must_use]
pub fn entropy(seed: u64) -> Vec<u8> {
    let mut random = Random::of(seed, 3);
    let count = match random.below(8) {
        0 => 500,
        1..=5 => 4_000,
        _ => 20_000,
    };
    let count = count / 2 + random.below(count);
    random.bytes(count as usize)
}

/// The module of a seed; `None` if the generator made none of these bytes.
#[must_use]
pub fn module(seed: u64) -> Option<Generated> {
    from_entropy(seed, &entropy(seed))
}

/// The module of a seed with other decisions, for making findings smaller.
#[must_use]
pub fn from_entropy(seed: u64, entropy: &[u8]) -> Option<Generated> {
    let plan = plan(seed);
    let mut entropy = Unstructured::new(entropy);
    let mut module = wasm_smith::Module::new(config(seed), &mut entropy).ok()?;
    if plan.metering == Metering::Module {
        module.ensure_termination(MODULE_FUEL).ok()?;
    }
    let bytes = module.to_bytes();
    let bytes = if newest(seed) { canonical(&bytes).ok()? } else { bytes };
    Some(Generated { bytes, plan })
}

/// Whether the module of a seed may use relaxed SIMD, wide arithmetic, small pages and compact imports.
fn newest(seed: u64) -> bool {
    Random::of(seed, 8).once_in(3)
}

/// What the module of a seed may contain.
fn config(seed: u64) -> Config {
    let mut random = Random::of(seed, 4);
    let mut config = Config {
        export_everything: true,
        canonicalize_nans: true,
        min_types: 2 + random.below(4) as usize,
        min_funcs: 1 + random.below(8) as usize,
        min_globals: random.below(4) as usize,
        min_tables: u32::from(!random.once_in(4)),
        min_memories: u32::from(!random.once_in(4)),
        min_uleb_size: 1,
        max_types: 12,
        max_imports: 6,
        max_globals: 8,
        max_funcs: 8 + random.below(8) as usize,
        max_data_segments: 6,
        max_element_segments: 6,
        max_elements: 12,
        max_tables: 1 + random.below(4) as usize,
        max_memories: 1 + random.below(3) as usize,
        max_instructions: [60, 200, 800][random.below(3) as usize],
        max_nesting_depth: 2 + random.below(9) as usize,
        max_table_elements: [10, 100, 5_000, 1_000_000][random.below(4) as usize],
        disallow_traps: random.once_in(2),
        memory_offset_choices: MemoryOffsetChoices(90, 9, 1),
        // What is newest is drawn apart, so that other seeds stay what they were.
        relaxed_simd_enabled: newest(seed),
        wide_arithmetic_enabled: newest(seed),
        custom_page_sizes_enabled: newest(seed),
        compact_imports_enabled: newest(seed),
        // Later work, for both engines.
        gc_enabled: false,
        exceptions_enabled: false,
        threads_enabled: false,
        ..Config::default()
    };
    memories(&mut config, &mut random);
    swarm(&mut config, &mut random);
    config
}

/// Most memories are small, so that comparing them is cheap; some are larger than the limits allow, and
/// some are as large as can be declared.
fn memories(config: &mut Config, random: &mut Random) {
    let pages = [1, 4, 16, 100][random.below(4) as usize];
    config.max_memory32_bytes = pages * PAGE_BYTES;
    config.max_memory64_bytes = u128::from(pages * PAGE_BYTES);
    config.memory_max_size_required = random.once_in(3);
    if random.once_in(20) {
        config.max_memory32_bytes = 1 << 32;
        config.max_memory64_bytes = 1 << 64;
    }
}

/// In every second module each feature is off once in three times.
fn swarm(config: &mut Config, random: &mut Random) {
    if random.once_in(2) {
        return;
    }
    let mut on = || !random.once_in(3);
    config.bulk_memory_enabled = on();
    config.reference_types_enabled = on();
    config.simd_enabled = on();
    config.multi_value_enabled = on();
    config.saturating_float_to_int_enabled = on();
    config.sign_extension_ops_enabled = on();
    config.tail_call_enabled = on();
    config.memory64_enabled = on();
    config.extended_const_enabled = on();
    config.allow_floats = on();
    let kinds = [
        InstructionKind::NumericInt,
        InstructionKind::VectorInt,
        InstructionKind::Reference,
        InstructionKind::Parametric,
        InstructionKind::Variable,
        InstructionKind::Table,
        InstructionKind::Memory,
        InstructionKind::Control,
        InstructionKind::Aggregate,
    ];
    let kinds: Vec<InstructionKind> = kinds.into_iter().filter(|_| on()).collect();
    config.allowed_instructions = InstructionKinds::new(&kinds);
    if config.allow_floats {
        config.allowed_instructions = InstructionKinds::new(
            &[&kinds[..], &[InstructionKind::Numeric, InstructionKind::Vector]].concat(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::module;

    #[test]
    fn a_seed_always_gives_the_same_module() {
        for seed in 0..20 {
            let (first, second) = (module(seed), module(seed));
            assert_eq!(first.map(|m| m.bytes), second.map(|m| m.bytes));
        }
    }
}
