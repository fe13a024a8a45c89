//! What `dunlin run --stats` says at the end: where the time went, and what was compiled when; on one screen for people,
//! on one line of JSON for programs.
//!
//! [`Stats`] is gathered from the engine's; the two renderings know only it.

use std::collections::BTreeMap;
use std::time::Duration;

use dunlin::{
    CacheHit, CacheUse, CompileStats, FunctionStats, HeapStats, Module, Occasion, TierStats,
};

use super::inspect::{object, quote};
use crate::report::say;
use crate::values::{show_duration, show_size};

/// Compilations that the screen shows, those that took longest first; JSON has all that are kept.
const LONGEST_SHOWN_MAX: usize = 10;
/// Refusals that it shows.
const REFUSED_SHOWN_MAX: usize = 3;
/// Functions in place of calls that it shows of each.
const INLINED_SHOWN_MAX: usize = 2;
/// Characters of a name that it shows.
const NAME_CHARS_MAX: usize = 28;

/// When what happened.
pub(super) struct Times {
    pub(super) load: Duration,
    pub(super) link: Duration,
    pub(super) run: Duration,
    /// From the beginning until the guest's first instruction, if it came to that.
    pub(super) first: Option<Duration>,
}

/// What a run says of itself.
pub(super) struct Stats {
    pub(super) times: Times,
    pub(super) fuel: Option<u64>,
    /// How the module was executed.
    pub(super) how: &'static str,
    pub(super) heap: HeapStats,
    modules: Vec<OfModule>,
}

/// What became of a module.
struct OfModule {
    /// Under which name it was preloaded; the main module has none.
    preloaded: Option<String>,
    compiled: CompileStats,
    names: BTreeMap<u32, String>,
}

impl OfModule {
    fn of(preloaded: Option<&str>, module: &Module) -> Self {
        let compiled = module.compile_stats();
        // Names take a pass over the module: only where there is somebody to be named.
        let mut names = BTreeMap::new();
        if !compiled.functions.is_empty() {
            let named = |function: dunlin::ModuleFunction| Some((function.index, function.name?));
            names.extend(module.info().functions().into_iter().filter_map(named));
        }
        Self { preloaded: preloaded.map(str::to_owned), compiled, names }
    }

    fn name(&self, func: u32) -> String {
        match self.names.get(&func) {
            Some(name) => name.clone(),
            None => format!("[{func}]"),
        }
    }

    /// A name of bounded length, and whose it is.
    fn short_name(&self, func: u32) -> String {
        let name = match &self.preloaded {
            Some(module) => format!("{module}::{}", self.name(func)),
            None => self.name(func),
        };
        if name.chars().count() <= NAME_CHARS_MAX {
            return name;
        }
        let kept: String = name.chars().take(NAME_CHARS_MAX - 1).collect();
        format!("{kept}…")
    }

    fn inlined(&self, function: &FunctionStats) -> String {
        let shown = function.inlined.iter().take(INLINED_SHOWN_MAX);
        let mut names: Vec<String> = shown.map(|func| self.short_name(*func)).collect();
        if let Some(more) = function.inlined.len().checked_sub(INLINED_SHOWN_MAX + 1) {
            names.push(format!("+{}", more + 1));
        }
        names.join(" ")
    }
}

impl Stats {
    /// What became of a run of these modules, the main one first.
    pub(super) fn of<'m>(
        (times, how): (Times, &'static str),
        (fuel, heap): (Option<u64>, HeapStats),
        modules: impl Iterator<Item = (Option<&'m str>, &'m Module)>,
    ) -> Self {
        let modules = modules.map(|(name, module)| OfModule::of(name, module)).collect();
        Self { times, fuel, how, heap, modules }
    }

    /// Says it on standard error.
    pub(super) fn say(&self, as_json: bool) {
        if as_json {
            return say(&self.json());
        }
        for line in self.lines() {
            say(&line);
        }
    }

    fn lines(&self) -> Vec<String> {
        let [load, link, run] =
            [self.times.load, self.times.link, self.times.run].map(show_duration);
        let fuel = self.fuel.map_or(String::new(), |fuel| format!(", fuel {fuel}"));
        let mut lines =
            vec![format!("stats: load {load}, link {link}, run {run}{fuel}, {}", self.how)];
        if let Some(first) = self.times.first {
            let memory =
                show_size(self.modules.iter().map(|of| of.compiled.code_memory as u64).sum());
            let first = show_duration(first);
            let freed = match self.freed() {
                0 => String::new(),
                freed => format!(", and {} have been freed", show_size(freed)),
            };
            lines.push(format!(
                "  first instruction after {first}; machine code has {memory} of memory{freed}"
            ));
        }
        lines.extend(self.modules.iter().filter_map(cache_line));
        lines.extend(heap_line(&self.heap));
        self.push_tiers(&mut lines);
        self.push_longest(&mut lines);
        self.push_refused(&mut lines);
        lines
    }

    /// Sums by tier, of those that compiled something.
    fn push_tiers(&self, lines: &mut Vec<String>) {
        let rows: Vec<_> = self
            .tiers()
            .into_iter()
            .filter(|(_, of)| of.functions + of.loops + of.refused > 0)
            .collect();
        if !rows.is_empty() {
            lines.push(row([
                "compiled by",
                "functions",
                "loops",
                "refused",
                "bytes in",
                "bytes out",
                "time",
            ]));
        }
        for (name, of) in rows {
            let [functions, loops, refused] =
                [of.functions, of.loops, of.refused].map(|count| count.to_string());
            let [bytes_in, bytes_out] = [of.wasm_bytes, of.code_bytes].map(show_size);
            let time = show_duration(of.time);
            lines.push(row([name, &functions, &loops, &refused, &bytes_in, &bytes_out, &time]));
        }
    }

    fn push_longest(&self, lines: &mut Vec<String>) {
        let mut all: Vec<_> = self.functions().filter(|(_, of)| of.refused.is_none()).collect();
        all.sort_by_key(|(_, of)| std::cmp::Reverse(of.took));
        all.truncate(LONGEST_SHOWN_MAX);
        if !all.is_empty() {
            lines.push(wide_row([
                "longest",
                "by",
                "began at",
                "took",
                "in",
                "out",
                "in place of calls",
            ]));
        }
        for (module, of) in all {
            let mut name = module.short_name(of.index);
            if of.in_loop.is_some() {
                name = format!("{name}, a loop");
            }
            let [begun, took] = [of.begun, of.took].map(show_duration);
            let [bytes_in, bytes_out] = [of.wasm_bytes, of.code_bytes].map(show_size);
            let by = tier_and_occasion(of);
            let inlined = module.inlined(of);
            lines.push(wide_row([&name, &by, &begun, &took, &bytes_in, &bytes_out, &inlined]));
        }
    }

    fn push_refused(&self, lines: &mut Vec<String>) {
        let refused =
            self.functions().filter_map(|(module, of)| Some((module, of, of.refused.as_ref()?)));
        for (module, of, why) in refused.take(REFUSED_SHOWN_MAX) {
            lines.push(format!("  refused: {} ({why})", module.short_name(of.index)));
        }
    }

    fn functions(&self) -> impl Iterator<Item = (&OfModule, &FunctionStats)> {
        self.modules
            .iter()
            .flat_map(|module| module.compiled.functions.iter().map(move |of| (module, of)))
    }

    fn tiers(&self) -> [(&'static str, TierStats); 2] {
        let sum = |of: fn(&CompileStats) -> TierStats| {
            let mut sum = TierStats::default();
            for of in self.modules.iter().map(|module| of(&module.compiled)) {
                sum.functions += of.functions;
                sum.loops += of.loops;
                sum.refused += of.refused;
                sum.wasm_bytes += of.wasm_bytes;
                sum.code_bytes += of.code_bytes;
                sum.time += of.time;
            }
            sum
        };
        [("baseline", sum(|of| of.baseline)), ("optimize", sum(|of| of.optimize))]
    }
}

/// A row of sums.
fn row([name, functions, loops, refused, bytes_in, bytes_out, time]: [&str; 7]) -> String {
    format!(
        "  {name:<20} {functions:>9} {loops:>7} {refused:>8} {bytes_in:>10} {bytes_out:>10} {time:>10}"
    )
}

/// A row of a function.
fn wide_row([name, by, begun, took, bytes_in, bytes_out, inlined]: [&str; 7]) -> String {
    let line = format!(
        "  {name:<NAME_CHARS_MAX$} {by:<19} {begun:>10} {took:>10} {bytes_in:>10} {bytes_out:>10}  {inlined}"
    );
    line.trim_end().to_owned()
}

fn tier_and_occasion(of: &FunctionStats) -> String {
    let tier = if of.tier == dunlin::Tier::Baseline { "baseline" } else { "optimize" };
    format!("{tier} {}", occasion(of.occasion))
}

fn occasion(of: Occasion) -> &'static str {
    match of {
        Occasion::AtOnce => "at once",
        Occasion::Background => "beside",
        Occasion::Waited => "waited",
        _ => "asked",
    }
}

/// What the cache had of a module and has now, if anybody looked.
fn cache_line(of: &OfModule) -> Option<String> {
    let found = |hit: &CacheHit| {
        let (size, took) = (show_size(hit.code_bytes), show_duration(hit.took));
        format!("{} functions, {size} in {took}", hit.functions)
    };
    let text = match &of.compiled.cache {
        CacheUse::Miss => "nothing".to_owned(),
        CacheUse::Whole(hit) => format!("all that compiles, {}", found(hit)),
        CacheUse::Part(hit) => format!("what was hot, {}", found(hit)),
        _ if of.compiled.kept == 0 => return None,
        _ => "nothing".to_owned(),
    };
    let whose = of.preloaded.as_ref().map_or(String::new(), |name| format!(" of `{name}`"));
    let kept = match of.compiled.kept {
        0 => String::new(),
        kept => format!("; {kept} more are kept for next time"),
    };
    Some(format!("  the cache had{whose}: {text}{kept}"))
}

/// What became of objects, if there were any.
fn heap_line(heap: &HeapStats) -> Option<String> {
    if heap.heap_bytes == 0 {
        return None;
    }
    let [allocated, size] = [heap.allocated_bytes, heap.heap_bytes].map(show_size);
    let (minor, major) = (heap.minor_collections, heap.major_collections);
    let [all, longest] = [heap.pause_nanos, heap.pause_nanos_max]
        .map(|nanos| show_duration(Duration::from_nanos(nanos)));
    Some(format!(
        "  objects: {allocated} allocated, heap {size}; {minor} minor and {major} major collections, \
         {all} in all, the longest {longest}"
    ))
}

impl Stats {
    /// Bytes of code that has been freed because better code had replaced it.
    fn freed(&self) -> u64 {
        self.modules.iter().map(|of| of.compiled.code_freed).sum()
    }

    /// The same for programs, with every function: one line.
    fn json(&self) -> String {
        let Times { load, link, run, first } = self.times;
        let optional = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
        let sum: usize = self.modules.iter().map(|of| of.compiled.code_memory).sum();
        let tiers = self.tiers().map(|(name, of)| (name, tier_json(&of)));
        let modules: Vec<String> = self.modules.iter().map(OfModule::json).collect();
        object(&[
            ("load_seconds", seconds(load)),
            ("link_seconds", seconds(link)),
            ("run_seconds", seconds(run)),
            ("first_instruction_seconds", optional(first.map(seconds))),
            ("fuel", optional(self.fuel.map(|fuel| fuel.to_string()))),
            ("how", quote(self.how)),
            ("code_memory_bytes", sum.to_string()),
            ("code_freed_bytes", self.freed().to_string()),
            ("objects", heap_json(&self.heap)),
            ("tiers", object(&tiers)),
            ("modules", format!("[{}]", modules.join(", "))),
        ])
    }
}

impl OfModule {
    fn json(&self) -> String {
        let functions: Vec<String> =
            self.compiled.functions.iter().map(|of| self.function_json(of)).collect();
        let preloaded = self.preloaded.as_deref().map_or_else(|| "null".to_owned(), quote);
        object(&[
            ("preloaded", preloaded),
            ("cache", cache_json(&self.compiled.cache)),
            ("kept", self.compiled.kept.to_string()),
            ("dropped", self.compiled.dropped.to_string()),
            ("functions", format!("[{}]", functions.join(", "))),
        ])
    }

    fn function_json(&self, of: &FunctionStats) -> String {
        let inlined: Vec<String> = of.inlined.iter().map(u32::to_string).collect();
        object(&[
            ("index", of.index.to_string()),
            (
                "name",
                self.names.get(&of.index).map_or_else(|| "null".to_owned(), |name| quote(name)),
            ),
            ("in_loop", of.in_loop.map_or_else(|| "null".to_owned(), |at| at.to_string())),
            (
                "tier",
                quote(if of.tier == dunlin::Tier::Baseline { "baseline" } else { "optimize" }),
            ),
            ("occasion", quote(occasion(of.occasion))),
            ("begun_seconds", seconds(of.begun)),
            ("took_seconds", seconds(of.took)),
            ("wasm_bytes", of.wasm_bytes.to_string()),
            ("code_bytes", of.code_bytes.to_string()),
            ("inlined", format!("[{}]", inlined.join(", "))),
            ("refused", of.refused.as_deref().map_or_else(|| "null".to_owned(), quote)),
        ])
    }
}

fn seconds(span: Duration) -> String {
    format!("{:.6}", span.as_secs_f64())
}

fn tier_json(of: &TierStats) -> String {
    object(&[
        ("functions", of.functions.to_string()),
        ("loops", of.loops.to_string()),
        ("refused", of.refused.to_string()),
        ("wasm_bytes", of.wasm_bytes.to_string()),
        ("code_bytes", of.code_bytes.to_string()),
        ("took_seconds", seconds(of.time)),
    ])
}

fn cache_json(of: &CacheUse) -> String {
    let (found, hit) = match of {
        CacheUse::Miss => ("nothing", None),
        CacheUse::Whole(hit) => ("all", Some(hit)),
        CacheUse::Part(hit) => ("hot", Some(hit)),
        _ => return "null".to_owned(),
    };
    let hit = hit.copied().unwrap_or_default();
    object(&[
        ("had", quote(found)),
        ("functions", hit.functions.to_string()),
        ("code_bytes", hit.code_bytes.to_string()),
        ("took_seconds", seconds(hit.took)),
    ])
}

fn heap_json(heap: &HeapStats) -> String {
    if heap.heap_bytes == 0 {
        return "null".to_owned();
    }
    object(&[
        ("allocated_bytes", heap.allocated_bytes.to_string()),
        ("heap_bytes", heap.heap_bytes.to_string()),
        ("minor_collections", heap.minor_collections.to_string()),
        ("major_collections", heap.major_collections.to_string()),
        ("pause_seconds", seconds(Duration::from_nanos(heap.pause_nanos))),
        ("longest_pause_seconds", seconds(Duration::from_nanos(heap.pause_nanos_max))),
    ])
}
