//! The tier that a test's engines run: `DUNLIN_TIER` chooses it, as for the specification's suite.

use dunlin::Tier;

/// The tier that the environment asks for; the default is the engine's.
pub(crate) fn tier() -> Tier {
    match std::env::var("DUNLIN_TIER").as_deref() {
        Ok("interp") => Tier::Interp,
        Ok("optimize") => Tier::Optimize,
        Ok("auto") | Err(_) => Tier::Auto,
        Ok(other) => panic!("DUNLIN_TIER is `{other}`, expected `auto`, `interp` or `optimize`"),
    }
}
