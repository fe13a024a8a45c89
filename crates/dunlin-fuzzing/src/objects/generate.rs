//! From a seed to a module: wasm-smith or binaryen's generator, set up differently for each seed.

use super::peer::Peer;
use crate::random::Random;
use arbitrary::Unstructured;
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices};

/// Loop iterations and calls until the counter in the module ends it.
const MODULE_FUEL: u32 = 1_000;

/// Bytes of a page of memory.
const PAGE_BYTES: u64 = 65_536;

/// Features that binaryen's generator may use and both engines have.
const BINARYEN_FEATURES: [&str; 15] = [
    "mutable-globals",
    "reference-types",
    "gc",
    "exception-handling",
    "bulk-memory",
    "bulk-memory-opt",
    "multivalue",
    "tail-call",
    "sign-ext",
    "nontrapping-float-to-int",
    "extended-const",
    "threads",
    "simd",
    "memory64",
    "multimemory",
];

/// How many of these are always on: without them there are no objects.
const BINARYEN_ALWAYS: usize = 3;

/// Whose generator makes a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// wasm-smith, a part of this program.
    Smith,
    /// `wasm-opt --translate-to-fuzz`.
    Binaryen,
}

/// The bytes that a generator takes its decisions from.
#[must_use]
pub fn entropy(source: Source, seed: u64) -> Vec<u8> {
    let mut random = Random::of(seed, 20);
    let count = match (source, random.below(8)) {
        (Source::Smith, 0) => 500,
        (Source::Smith, 1..=5) => 4_000,
        (Source::Smith, _) => 16_000,
        (Source::Binaryen, 0..=6) => 800,
        (Source::Binaryen, _) => 6_000,
    };
    let count = count / 2 + random.below(count);
    random.bytes(count as usize)
}

/// The module that wasm-smith makes of these decisions; `None` if it makes none.
#[must_use]
pub fn smith(seed: u64, entropy: &[u8]) -> Option<Vec<u8>> {
    let mut entropy = Unstructured::new(entropy);
    let mut module = wasm_smith::Module::new(config(seed), &mut entropy).ok()?;
    module.ensure_termination(MODULE_FUEL).ok()?;
    Some(module.to_bytes())
}

/// The module that binaryen's generator makes of these decisions; `None` if it makes none.
///
/// # Errors
///
/// If the generator's process ends.
pub fn binaryen(ttf: &mut Peer, seed: u64, entropy: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut random = Random::of(seed, 21);
    let mut words = String::from("--mvp-features --denan");
    let swarm = random.once_in(2);
    for (index, feature) in BINARYEN_FEATURES.iter().enumerate() {
        if index < BINARYEN_ALWAYS || !swarm || !random.once_in(4) {
            words.push_str(&format!(" --enable-{feature}"));
        }
    }
    // The generator catches exceptions in the early way.
    if !random.once_in(4) {
        words.push_str(" --emit-exnref");
    }
    if random.once_in(3) {
        words.push_str(" --no-fuzz-oob");
    }
    if random.once_in(3) {
        words.push_str(["", " -O1", " -O3", " --fuzz-passes"][random.below(4) as usize]);
    }
    let lines = ttf.ask(&format!("{} {words}", hex(entropy)))?;
    Ok(lines.first().and_then(|line| unhex(line)))
}

/// What a module of wasm-smith may contain.
fn config(seed: u64) -> Config {
    let mut random = Random::of(seed, 22);
    let pages = [1, 2, 8][random.below(3) as usize];
    let mut config = Config {
        export_everything: true,
        canonicalize_nans: true,
        gc_enabled: true,
        exceptions_enabled: true,
        threads_enabled: random.once_in(2),
        min_types: 3 + random.below(8) as usize,
        min_funcs: 1 + random.below(6) as usize,
        min_globals: random.below(5) as usize,
        min_tags: random.below(3) as usize,
        min_tables: u32::from(!random.once_in(3)),
        min_memories: u32::from(!random.once_in(3)),
        max_types: 20,
        max_imports: [0, 4, 8][random.below(3) as usize],
        max_globals: 10,
        max_funcs: 6 + random.below(8) as usize,
        max_tags: 5,
        max_data_segments: 4,
        max_element_segments: 5,
        max_elements: 10,
        max_tables: 1 + random.below(3) as usize,
        max_memories: 1 + random.below(2) as usize,
        max_memory32_bytes: pages * PAGE_BYTES,
        max_memory64_bytes: u128::from(pages * PAGE_BYTES),
        max_table_elements: 40,
        max_instructions: [60, 200, 600][random.below(3) as usize],
        max_nesting_depth: 2 + random.below(9) as usize,
        disallow_traps: random.once_in(2),
        limit_arrays_in_const_exprs: true,
        memory_offset_choices: MemoryOffsetChoices(90, 9, 1),
        simd_enabled: random.once_in(4),
        // The second engine has it under another number, or gives other results, or not at all.
        relaxed_simd_enabled: false,
        wide_arithmetic_enabled: false,
        custom_page_sizes_enabled: false,
        compact_imports_enabled: false,
        ..Config::default()
    };
    swarm(&mut config, &mut random);
    config
}

/// In every second module each feature is off once in three times.
fn swarm(config: &mut Config, random: &mut Random) {
    if random.once_in(2) {
        return;
    }
    let mut on = || !random.once_in(3);
    config.exceptions_enabled = on();
    config.bulk_memory_enabled = on();
    config.multi_value_enabled = on();
    config.tail_call_enabled = on();
    config.memory64_enabled = on();
    config.extended_const_enabled = on();
    config.allow_floats = on();
    let kinds = [
        InstructionKind::NumericInt,
        InstructionKind::Parametric,
        InstructionKind::Variable,
        InstructionKind::Table,
        InstructionKind::Memory,
        InstructionKind::Control,
    ];
    let mut kinds: Vec<InstructionKind> = kinds.into_iter().filter(|_| on()).collect();
    // What this search is about is never off.
    kinds.extend([InstructionKind::Aggregate, InstructionKind::Reference]);
    if config.simd_enabled {
        kinds.push(InstructionKind::VectorInt);
    }
    if config.allow_floats {
        kinds.push(InstructionKind::Numeric);
        kinds.extend(config.simd_enabled.then_some(InstructionKind::Vector));
    }
    config.allowed_instructions = InstructionKinds::new(&kinds);
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| DIGITS[usize::from(digit)] as char).collect()
}

/// Hexadecimal digits as bytes.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |digit: u8| (digit as char).to_digit(16).map(|digit| digit as u8);
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    rest.is_empty().then(|| bytes.collect()).flatten()
}
