//! Telling profilers of compiled code; see [`Profile`].

use crate::error::Error;
use crate::{Config, Result, Tier};
use dunlin_vm::native::{PlacedCode, ProfileError, ProfileFiles, Profiler};
use std::path::PathBuf;

/// Which files tell profilers where compiled code is, and what it is called; see [`Config::profile`].
///
/// Functions are called `module::function` by the module's `name` section, else by their exports, else
/// `wasm-function[N]`. The files are of the process: engines that ask for the same continue them.
///
/// # Examples
///
/// ```no_run
/// use dunlin::{Config, Engine, Profile, Tier};
///
/// let mut config = Config::new();
/// // For `perf record -k mono`, and then `perf inject --jit`.
/// config.tier(Tier::Optimize).profile(Profile::new().jit_dump("."));
/// let engine = Engine::new(&config)?;
/// # let _ = engine;
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    perf_map: bool,
    jit_dump: Option<PathBuf>,
}

impl Profile {
    /// No files yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `/tmp/perf-PID.map`, where `perf report` looks for names while the process's number is its own.
    /// It says nothing of code that has been replaced by other code.
    #[must_use]
    pub fn perf_map(mut self) -> Self {
        self.perf_map = true;
        self
    }

    /// `jit-PID.dump` in a folder, for `perf inject --jit`: names, machine code, and of which operator
    /// each instruction is. What it calls lines are offsets in the module.
    #[must_use]
    pub fn jit_dump(mut self, folder: impl Into<PathBuf>) -> Self {
        self.jit_dump = Some(folder.into());
        self
    }
}

impl From<ProfileError> for Error {
    #[cold]
    fn from(error: ProfileError) -> Self {
        Self::msg(error)
    }
}

/// What an engine's configuration asks for.
///
/// # Errors
///
/// If there is nothing to profile, or a file cannot be created.
pub(crate) fn open(config: &Config) -> Result<Option<Profiler>> {
    let Some(profile) = &config.profile else { return Ok(None) };
    if !matches!(config.tier, Tier::Optimize | Tier::Baseline) {
        return Err(Error::usage("profiles are of compiled code: they need `Tier::Optimize`"));
    }
    let files = ProfileFiles { perf_map: profile.perf_map, jit_dump: profile.jit_dump.as_deref() };
    Ok(Some(Profiler::open(files)?))
}

/// Tells of a module's code.
pub(crate) fn tell(
    profiler: Option<&Profiler>,
    module: &dunlin_module::Module,
    code: PlacedCode<'_>,
) -> Result<()> {
    profiler.map_or(Ok(()), |profiler| Ok(profiler.add(module, code)?))
}
