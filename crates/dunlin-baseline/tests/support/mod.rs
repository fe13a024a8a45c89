//! What tests of the baseline tier share.

#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod script;
pub(crate) mod verifier;

use dunlin_baseline::Baseline;
use dunlin_module::{
    Bounds, CallTarget, CastType, Compiler, Features, Module, Polls, Profile, Scratch, Settings,
    StaticTables, Unit,
};
use std::sync::Arc;
use verifier::{Subject, Violation, verify};

/// Bounds that the machine looks after.
pub(crate) const GUARDED: Bounds =
    Bounds::Guarded { reserved_bytes: 1 << 32, guard_bytes: 1 << 31 };

/// From where on cells of notes are: each operator's as many cells behind as its offset is.
pub(crate) const CELLS: usize = 1 << 30;

/// A profile that nobody has written to.
struct Cells;

impl Profile for Cells {
    fn calls(&self, _func: u32) -> u32 {
        0
    }

    fn is_reached(&self, _func: u32, _offset: u32) -> bool {
        true
    }

    fn target(&self, _offset: u32) -> Option<CallTarget> {
        None
    }

    fn cast(&self, _offset: u32) -> Option<CastType> {
        None
    }

    fn cell(&self, offset: u32) -> Option<i32> {
        i32::try_from(CELLS + offset as usize * dunlin_module::layout::cell::BYTES).ok()
    }
}

/// Settings of all kinds that change how code touches memory.
fn all_settings() -> Vec<Settings> {
    let with = |bounds, polls, fuel| Settings { bounds, polls, fuel, ..Settings::default() };
    vec![
        with(GUARDED, Polls::Flag, false),
        with(GUARDED, Polls::DeadLoad, true),
        with(Bounds::Explicit, Polls::DeadLoad, false),
        with(Bounds::Explicit, Polls::Off, true),
    ]
}

/// What a verifier has been given, and what it says.
#[derive(Default)]
pub(crate) struct Checked {
    pub(crate) functions: usize,
    pub(crate) violations: Vec<Violation>,
}

impl Checked {
    /// Compiles all functions of a module, and verifies their code.
    pub(crate) fn check(
        &mut self,
        module: &Module,
        tables: &StaticTables,
        settings: &Settings,
        counts: bool,
    ) {
        let Ok(baseline) = Baseline::new(settings.clone()) else { return };
        // All that code may note.
        let baseline = if counts { baseline.observing() } else { baseline };
        let mut worker = baseline.guided_worker(module, tables, &Cells);
        for func in module.func_imports()..module.func_count() {
            // What is not valid, or refused, is not run either.
            if module.prepare(func, &mut Scratch::default()).is_err() {
                continue;
            }
            let Ok(code) = worker.compile(Unit::Func(func)) else { continue };
            self.functions += 1;
            self.violations.extend(verify(Subject { module, tables, settings, func }, &code));
        }
    }

    /// The same with all settings, with tables that never change and without.
    pub(crate) fn check_all(&mut self, module: &Module) {
        let tables = [StaticTables::default(), StaticTables::of(module)];
        let tables = &tables[..if tables[1].is_empty() { 1 } else { 2 }];
        for settings in all_settings() {
            for counts in [false, true] {
                for tables in tables {
                    self.check(module, tables, &settings, counts);
                }
            }
        }
    }

    /// The same with half of all that, for many modules: each setting with code that counts, or that does not.
    pub(crate) fn check_half(&mut self, module: &Module) {
        let tables = StaticTables::of(module);
        for (at, settings) in all_settings().iter().enumerate() {
            self.check(module, &tables, settings, at % 3 == 0);
        }
    }

    /// Something has been looked at, where there is code for the machine, and is fine.
    pub(crate) fn assert_fine(&self) {
        assert!(self.functions > 0 || !dunlin_baseline::is_supported());
        let (some, count) = (self.violations.iter().take(20), self.violations.len());
        assert!(count == 0, "{count} of {}: {:#?}", self.functions, some.collect::<Vec<_>>());
    }
}

/// A module that is valid.
pub(crate) fn module(text: &str) -> Module {
    let bytes = wat::parse_str(text).expect("it is text");
    Module::parse(Arc::new(bytes), Features::default()).expect("it is valid")
}

/// A module's code is fine, whatever the settings are.
pub(crate) fn assert_fine(module: &Module) {
    let mut checked = Checked::default();
    checked.check_all(module);
    checked.assert_fine();
}
