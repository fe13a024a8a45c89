//! What has been compiled of a module: when, by which tier, how long it took, and what became of it.

use crate::config::Tier;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use dunlin_module::{CompileError, CompiledFunction, Unit};
use dunlin_vm::ModuleCode;

/// Single functions that an engine keeps of all its modules; sums go on.
pub const FUNCTION_STATS_MAX: usize = 10_000;

/// Functions in the place of calls that are kept of each: no more are read by anybody.
const INLINED_MAX: usize = 32;

/// Bytes of the reason that a function was refused for.
const REASON_BYTES_MAX: usize = 200;

/// When a function was compiled, from its guests' point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Occasion {
    /// When the module was made, before anything ran.
    AtOnce,
    /// Beside the guests, because they executed it often.
    Background,
    /// While a guest waited, which executed it often.
    Waited,
    /// Because somebody asked for it: [`Module::optimize`](crate::Module::optimize), or an artifact.
    Asked,
}

/// What has been compiled of a module; see [`Module::compile_stats`](crate::Module::compile_stats).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompileStats {
    /// What the baseline compiler did.
    pub baseline: TierStats,
    /// What the optimising compiler did.
    pub optimize: TierStats,
    /// What the cache had of it.
    pub cache: CacheUse,
    /// Functions whose code has been put into the cache.
    pub kept: u64,
    /// How often the module's code has been dropped to make room: see
    /// [`Config::max_code_bytes`](crate::Config::max_code_bytes).
    pub dropped: u64,
    /// Bytes of the module's machine code that is in memory, wherever it is from.
    pub code_memory: usize,
    /// Bytes of machine code that has been freed while the module stayed, because better code had replaced it.
    pub code_freed: u64,
    /// The functions, in the order in which they were compiled or refused: the first
    /// [`FUNCTION_STATS_MAX`] of all of the engine's modules.
    pub functions: Vec<FunctionStats>,
}

/// What a compiler did for a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TierStats {
    /// Functions that have been compiled.
    pub functions: u64,
    /// Ways into loops of functions that have been compiled: code of its own for activations that were in one.
    pub loops: u64,
    /// Functions that it refused, which stay as they were.
    pub refused: u64,
    /// Bytes of the compiled functions' bodies.
    pub wasm_bytes: u64,
    /// Bytes of their machine code.
    pub code_bytes: u64,
    /// How long it all took, refusals included; of all threads together.
    pub time: Duration,
}

/// A function that has been compiled, or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionStats {
    /// Its index, imports first.
    pub index: u32,
    /// The loop that the code leads into, if it is not the function's own: the offset in the module of its first
    /// operator.
    pub in_loop: Option<u32>,
    /// By which compiler: [`Tier::Baseline`] or [`Tier::Optimize`].
    pub tier: Tier,
    /// On which occasion.
    pub occasion: Occasion,
    /// When that began, since the engine was made.
    pub begun: Duration,
    /// How long it took.
    pub took: Duration,
    /// Bytes of its body.
    pub wasm_bytes: u64,
    /// Bytes of its machine code; 0 if it was refused.
    pub code_bytes: u64,
    /// Functions whose bodies stand in place of calls, ascending and each once; the first few dozen.
    pub inlined: Vec<u32>,
    /// Why it was refused, if it was.
    pub refused: Option<String>,
}

/// What the cache had of a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheUse {
    /// Nobody has looked: there is no cache, or the module is too small for it.
    #[default]
    Unused,
    /// Nothing.
    Miss,
    /// Code of all functions that could be compiled.
    Whole(CacheHit),
    /// Code of the functions that were executed often in earlier runs.
    Part(CacheHit),
}

/// Code that has been found in the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheHit {
    /// Functions that had code.
    pub functions: u64,
    /// Bytes of the code.
    pub code_bytes: u64,
    /// How long it took to look for, check and place it.
    pub took: Duration,
}

/// What is known of the memory for a module's code.
#[derive(Clone, Copy, Default)]
pub(crate) struct CodeMemory {
    pub(crate) bytes: usize,
    pub(crate) freed: u64,
}

/// What is kept of a module.
#[derive(Default)]
pub(crate) struct ModuleStats {
    baseline: TierStats,
    optimize: TierStats,
    pub(crate) cache: CacheUse,
    pub(crate) kept: u64,
    pub(crate) dropped: u64,
    functions: Vec<FunctionStats>,
}

impl ModuleStats {
    /// Notes a function; `keep` says whether there is room for it by itself.
    pub(crate) fn note(&mut self, function: FunctionStats, keep: bool) {
        let of = match function.tier {
            Tier::Baseline => &mut self.baseline,
            _ => &mut self.optimize,
        };
        of.time += function.took;
        if function.refused.is_some() {
            of.refused += 1;
        } else {
            match function.in_loop {
                Some(_) => of.loops += 1,
                None => of.functions += 1,
            }
            of.wasm_bytes += function.wasm_bytes;
            of.code_bytes += function.code_bytes;
        }
        if keep {
            self.functions.push(function);
        }
    }

    /// How many functions are kept by themselves.
    pub(crate) fn single(&self) -> usize {
        self.functions.len()
    }

    pub(crate) fn show(&self, memory: CodeMemory) -> CompileStats {
        CompileStats {
            baseline: self.baseline,
            optimize: self.optimize,
            cache: self.cache,
            kept: self.kept,
            dropped: self.dropped,
            code_memory: memory.bytes,
            code_freed: memory.freed,
            functions: self.functions.clone(),
        }
    }
}

impl FunctionStats {
    /// What became of a function.
    pub(crate) fn new(
        code: &ModuleCode,
        unit: Unit,
        (tier, occasion): (Tier, Occasion),
        [begun, took]: [Duration; 2],
        compiled: Result<&CompiledFunction, &CompileError>,
    ) -> Self {
        let mut inlined = Vec::new();
        if let Ok(compiled) = compiled {
            inlined.extend(compiled.inlined.iter().map(|call| call.func));
            inlined.sort_unstable();
            inlined.dedup();
            inlined.truncate(INLINED_MAX);
            inlined.shrink_to_fit();
        }
        let (index, in_loop) = match unit {
            Unit::Loop(func, at) => (func, Some(at)),
            Unit::Func(func) | Unit::LeaveFunc(func) => (func, None),
            Unit::Enter(_) | Unit::LeaveRef(_) | Unit::Tables => (0, None),
        };
        Self {
            index,
            in_loop,
            tier,
            occasion,
            begun,
            took,
            wasm_bytes: code.module().body_range(index).map_or(0, |body| body.len() as u64),
            code_bytes: compiled.map_or(0, |compiled| compiled.code.len() as u64),
            inlined,
            refused: compiled.err().map(reason),
        }
    }
}

/// The reason, of a bounded length.
fn reason(error: &CompileError) -> String {
    let mut text = alloc::format!("{error}");
    let end = text.floor_char_boundary(REASON_BYTES_MAX);
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(tier: Tier, refused: Option<&str>) -> FunctionStats {
        FunctionStats {
            index: 1,
            in_loop: None,
            tier,
            occasion: Occasion::Background,
            begun: Duration::ZERO,
            took: Duration::from_millis(2),
            wasm_bytes: 10,
            code_bytes: if refused.is_some() { 0 } else { 30 },
            inlined: Vec::new(),
            refused: refused.map(Into::into),
        }
    }

    #[test]
    fn sums_go_on_when_there_is_no_room_for_single_ones() {
        let mut stats = ModuleStats::default();
        stats.note(function(Tier::Baseline, None), true);
        stats.note(function(Tier::Optimize, None), false);
        stats.note(function(Tier::Optimize, Some("too large")), false);
        let shown = stats.show(CodeMemory { bytes: 7, freed: 3 });
        assert_eq!((shown.functions.len(), shown.code_memory, shown.code_freed), (1, 7, 3));
        let sums = |of: TierStats| (of.functions, of.refused, of.wasm_bytes, of.code_bytes);
        assert_eq!(sums(shown.baseline), (1, 0, 10, 30));
        assert_eq!(sums(shown.optimize), (1, 1, 10, 30));
        assert_eq!(shown.optimize.time, Duration::from_millis(4));
    }

    #[test]
    fn reasons_are_cut_between_letters() {
        let cut = reason(&CompileError::new("ü".repeat(1000)));
        assert_eq!(cut.len(), REASON_BYTES_MAX);
        assert_eq!(reason(&CompileError::new("no")), "no");
    }
}
