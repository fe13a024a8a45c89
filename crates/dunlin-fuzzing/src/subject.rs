//! What an engine must offer to be compared, and what both engines' hosts do.

use crate::random::{Random, mix};
use crate::value::{Ending, Kind, Value};

/// Bytes that any one memory may have.
pub const MEMORY_BYTES_MAX: usize = 4 << 20;

/// Elements that any one table may have.
pub const TABLE_ELEMENTS_MAX: usize = 20_000;

/// Fuel of a call where an engine counts it. Both charge about one for an operator.
pub const FUEL_PER_CALL: u64 = 20_000;

/// Host calls of one step; then the host fails, so that a loop around an import ends.
const HOST_CALLS_MAX: u64 = 2_000;

/// One host call in so many fails.
const HOST_FAILS_ONCE_IN: u64 = 40;

/// How guests are kept from running forever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metering {
    /// The generator put a counter into the module.
    Module,
    /// Both engines count.
    Fuel,
}

/// What a run is decided by.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Decides what imports are and answer.
    pub seed: u64,
    /// How guests end.
    pub metering: Metering,
}

/// An exported function.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// The types of its parameters.
    pub params: Vec<Kind>,
    /// How many results it has.
    pub results: usize,
}

/// Everything of an instance that can be seen from outside.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct State {
    /// Exported globals.
    pub globals: Vec<Value>,
    /// Exported memories: pages and a hash of the contents.
    pub memories: Vec<(u64, u64)>,
    /// Exported tables: elements and a hash of them.
    pub tables: Vec<(u64, u64)>,
    /// What host functions saw.
    pub host: u64,
}

/// An engine's instance.
pub trait Subject: Sized {
    /// A module of the engine.
    type Module;

    /// Loads a module with all function bodies validated.
    ///
    /// # Errors
    ///
    /// The engine's words, if it is not valid to it.
    fn compile(bytes: &[u8], plan: &Plan) -> Result<Self::Module, String>;

    /// The exported functions, in order.
    fn exports(module: &Self::Module) -> Vec<Export>;

    /// Makes an instance. It is `None` where that failed.
    fn instantiate(module: &Self::Module, plan: &Plan) -> (Option<Self>, Ending);

    /// Calls an exported function.
    fn call(&mut self, export: &Export, arguments: &[Value]) -> Ending;

    /// What can be seen.
    fn state(&mut self) -> State;

    /// What came to light of an engine that ran beside this one.
    fn defect(_module: &Self::Module) -> Option<String> {
        None
    }
}

/// What both hosts remember.
#[derive(Clone, Debug)]
pub struct Host {
    /// Decides its answers.
    pub seed: u64,
    calls: u64,
    /// A hash of every call, its arguments included.
    pub log: u64,
}

impl Host {
    /// A host whose answers `seed` decides.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, calls: 0, log: 0 }
    }

    /// A new step begins.
    pub fn rearm(&mut self) {
        self.calls = 0;
    }

    /// What the import with this number answers; `None` if it fails.
    pub fn answer(
        &mut self,
        import: usize,
        arguments: &[Value],
        results: &[Kind],
    ) -> Option<Vec<Value>> {
        self.calls += 1;
        let call = arguments.iter().fold(import as u64, |hash, argument| {
            mix(hash.rotate_left(9) ^ argument.fingerprint())
        });
        self.log = mix(self.log.rotate_left(1) ^ call);
        let mut random = Random::of(self.seed, self.log);
        if self.calls > HOST_CALLS_MAX || random.once_in(HOST_FAILS_ONCE_IN) {
            return None;
        }
        Some(results.iter().map(|kind| Value::random(*kind, &mut random)).collect())
    }
}
