//! How an engine is set up.

use dunlin_core::limits::VALUE_STACK_BYTES_DEFAULT;
use dunlin_module::Features;

/// When function bodies are validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ValidateMode {
    /// All of them when the module is made: an invalid one is an error of `Module::new`.
    #[default]
    Eager,
    /// Each at its first call: an invalid one traps whenever it is called. Opening a module then costs
    /// next to nothing, whatever its size.
    Lazy,
}

/// Which part of the engine executes guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Tier {
    /// The best that there is for each function as it gets warm.
    #[default]
    Auto,
    /// The interpreter alone.
    Interp,
    /// The optimising compiler: every function when its module is made, whatever that takes.
    ///
    /// It needs the crate's feature `optimize` and a machine that the compiler knows; elsewhere
    /// [`Engine::new`](crate::Engine::new) fails.
    Optimize,
}

/// How compiled code notices that it is asked to stop. The interpreter always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Interruption {
    /// It does not: neither epochs nor handles stop a guest in compiled code. For guests that are
    /// trusted to end.
    Off,
    /// It looks at a word of the store's, at every function's entry and where loops begin.
    Flag,
    /// It reads a page of the store's at the same places, which a request makes unreadable: the cheapest
    /// way, where faults can be handled.
    #[default]
    Page,
}

/// How an [`Engine`](crate::Engine) is set up; a builder.
///
/// # Examples
///
/// ```
/// use dunlin::{Config, Engine, Feature, Features, ValidateMode};
///
/// let mut features = Features::default();
/// features.set(Feature::Simd, false);
///
/// let mut config = Config::new();
/// config.consume_fuel(true).validate(ValidateMode::Lazy).features(features);
/// let engine = Engine::new(&config)?;
/// # let _ = engine;
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) fuel: bool,
    pub(crate) epochs: bool,
    pub(crate) validate: ValidateMode,
    pub(crate) stack_bytes: usize,
    pub(crate) tier: Tier,
    pub(crate) interruption: Interruption,
    pub(crate) features: Features,
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// The default: no fuel, no epochs, eager validation, all supported standard features.
    #[must_use]
    pub fn new() -> Self {
        Self {
            fuel: false,
            epochs: false,
            validate: ValidateMode::default(),
            stack_bytes: VALUE_STACK_BYTES_DEFAULT,
            tier: Tier::default(),
            interruption: Interruption::default(),
            features: Features::default(),
        }
    }

    /// Whether guests consume fuel: a deterministic charge for each operator. A store begins with none;
    /// [`Store::set_fuel`](crate::Store::set_fuel) gives it some.
    pub fn consume_fuel(&mut self, enable: bool) -> &mut Self {
        self.fuel = enable;
        self
    }

    /// Whether [`Engine::increment_epoch`](crate::Engine::increment_epoch) interrupts guests whose
    /// deadline has passed. A store begins with a deadline that has: set one with
    /// [`Store::set_epoch_deadline`](crate::Store::set_epoch_deadline) before it runs anything.
    ///
    /// It costs running guests nothing.
    pub fn epoch_interruption(&mut self, enable: bool) -> &mut Self {
        self.epochs = enable;
        self
    }

    /// When function bodies are validated.
    pub fn validate(&mut self, mode: ValidateMode) -> &mut Self {
        self.validate = mode;
        self
    }

    /// Bytes of a store's value stack: how deep guests may recurse before they trap. It is separate
    /// from the native stack, reserved at a store's first call and committed where it is touched.
    pub fn max_stack_bytes(&mut self, bytes: usize) -> &mut Self {
        self.stack_bytes = bytes;
        self
    }

    /// Which part of the engine executes guests.
    pub fn tier(&mut self, tier: Tier) -> &mut Self {
        self.tier = tier;
        self
    }

    /// How compiled code notices that it is asked to stop.
    pub fn interruption(&mut self, how: Interruption) -> &mut Self {
        self.interruption = how;
        self
    }

    /// Which features of WebAssembly modules may use.
    pub fn features(&mut self, features: Features) -> &mut Self {
        self.features = features;
        self
    }
}
