//! The tier that a test's engines run: `DUNLIN_TIER` chooses it, as for the specification's suite.

use dunlin::{Config, Tier};

/// Which functions are compiled where both tiers run together, by the bits of their indices: no pattern.
const SOME: u64 = 0x9E37_79B9_7F4A_7C15;

/// The tier that the environment asks for; the default is the engine's.
pub(crate) fn tier() -> Tier {
    match std::env::var("DUNLIN_TIER").as_deref() {
        Ok("interp") => Tier::Interp,
        Ok("optimize" | "mixed") => Tier::Optimize,
        Ok("baseline") => Tier::Baseline,
        Ok("auto") | Err(_) => Tier::Auto,
        Ok(other) => {
            panic!(
                "DUNLIN_TIER is `{other}`, expected `auto`, `interp`, `baseline`, `optimize` or `mixed`"
            )
        }
    }
}

/// Configures what the environment asks for.
pub(crate) fn choose(config: &mut Config) -> &mut Config {
    if std::env::var("DUNLIN_TIER").is_ok_and(|tier| tier == "mixed") {
        config.mix_tiers(SOME);
    }
    config.tier(tier())
}
