//! What the tests of threads share: every engine that executes differently.

use dunlin::{Config, Engine, MemoryStrategy, Tier};

/// An engine for each tier and each way in which memories lie.
pub(crate) fn engines(set: impl Fn(&mut Config)) -> Vec<(String, Engine)> {
    let tiers: &[Tier] =
        if cfg!(feature = "optimize") { &[Tier::Interp, Tier::Optimize] } else { &[Tier::Interp] };
    let mut engines = Vec::new();
    for tier in tiers {
        for strategy in [MemoryStrategy::Guarded, MemoryStrategy::Dense] {
            let mut config = Config::new();
            config.tier(*tier).memory_strategy(strategy);
            set(&mut config);
            // Some machines cannot guard.
            if let Ok(engine) = Engine::new(&config) {
                engines.push((format!("{tier:?}, {strategy:?}"), engine));
            }
        }
    }
    assert!(!engines.is_empty());
    engines
}
