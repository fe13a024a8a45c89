//! Modules with their machine code as bytes: made once, loaded in a moment.
//!
//! An artifact holds the original module, since names, segments and the interpreter need it, and its
//! code laid out but at no address ([`format`]). Two things stand between bytes and executing them:
//!
//! 1. **A seal.** Machine code does what it likes, so who may write an artifact may do what the process
//!    may. Artifacts are sealed with a secret key; one that is damaged, or that was sealed with another
//!    key, is refused before anything in it is believed. So loading is safe, and not an unsafe function
//!    whose caller promises what it cannot know.
//! 2. **An identity.** The engine's build, the machine, the extensions of its processor, the settings
//!    and the features must be such that the code means here what it meant there.

mod cached;
mod format;
mod info;

pub(crate) use cached::{Cached, name_start};
pub use info::ArtifactInfo;

pub(crate) use format::{Artifact, Holds, write};

use crate::compile::{NativeCompiler, validate_eagerly};
use crate::config::{Config, ValidateMode};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::hot::HotFunctions;
use crate::learning;
use crate::module::{self, Module};
use crate::validate::Keep;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use dunlin_vm::ModuleCode;
use dunlin_vm::native::{CodeImage, NativeCode};
use std::path::Path;

/// Bytes of a key, a hash and a seal.
pub(crate) const HASH_BYTES: usize = 32;

/// The secret with which artifacts are sealed; see [`Config::artifact_key`].
///
/// Whoever knows it can make artifacts that an engine with it executes: native code, with all that
/// the process may do. Keep it as you would the program itself.
#[derive(Clone, PartialEq, Eq)]
pub struct ArtifactKey([u8; HASH_BYTES]);

impl ArtifactKey {
    /// The key of these bytes, which must be random.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key that a secret of any length stands for: a file's contents, say. It must be as hard to
    /// guess as 32 random bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::ArtifactKey;
    ///
    /// let secret = [7; 64];
    /// assert!(ArtifactKey::from_secret(&secret) == ArtifactKey::from_secret(&secret));
    /// ```
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        Self(blake3::derive_key("dunlin artifact key 1", secret))
    }

    pub(crate) fn bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

impl fmt::Debug for ArtifactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArtifactKey(…)")
    }
}

/// What code is made for; equal texts mean equal code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Versions of the engine and the code generator, and the build.
    pub(crate) engine: String,
    /// The machine and its operating system.
    pub(crate) target: String,
    /// Names of the processor's extensions that the code may use.
    pub(crate) extensions: Vec<String>,
    /// The compiler's settings.
    pub(crate) settings: String,
    /// Names of the features with which the module was validated.
    pub(crate) features: Vec<String>,
}

impl Identity {
    /// The identity of the code that a compiler makes for an engine of this configuration.
    pub(crate) fn new(optimizer: &dunlin_optimize::Optimizer, config: &Config) -> Self {
        let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
        let versions = dunlin_optimize::Optimizer::version();
        Self {
            engine: alloc::format!(
                "{} {versions} {}",
                env!("CARGO_PKG_VERSION"),
                env!("DUNLIN_BUILD")
            ),
            target: alloc::format!("{arch} {os}"),
            extensions: optimizer.extensions().iter().map(|name| (*name).into()).collect(),
            // Whatever field is added to the settings shows here by itself.
            settings: alloc::format!("{:?}", optimizer.settings()),
            features: config.features.iter().map(|feature| feature.to_string()).collect(),
        }
    }

    /// Holds what an artifact was made for against what is here.
    ///
    /// # Errors
    ///
    /// What differs.
    fn accept(&self, made_for: &Self) -> core::result::Result<(), String> {
        let rows = [
            ("by the engine", &made_for.engine, &self.engine),
            ("for the machine", &made_for.target, &self.target),
            ("with the settings", &made_for.settings, &self.settings),
        ];
        for (what, theirs, ours) in rows {
            if theirs != ours {
                return Err(alloc::format!("it was made {what} `{theirs}`, and here is `{ours}`"));
            }
        }
        let lacks = |theirs: &[String], ours: &[String]| {
            theirs.iter().find(|name| !ours.contains(name)).cloned()
        };
        if let Some(name) = lacks(&made_for.extensions, &self.extensions) {
            return Err(alloc::format!("it needs a processor with `{name}`"));
        }
        if let Some(name) = lacks(&made_for.features, &self.features) {
            return Err(alloc::format!(
                "its module may use the feature `{name}`, which is off here"
            ));
        }
        Ok(())
    }
}

impl Module {
    /// The module and its machine code as an artifact, for [`Module::deserialize`] in this or another
    /// process with the same key.
    ///
    /// # Errors
    ///
    /// Of kind [`Usage`](crate::ErrorKind::Usage), if the engine has no
    /// [`artifact_key`](Config::artifact_key) or does not compile.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{ArtifactKey, Config, Engine, Module, Tier};
    ///
    /// let mut config = Config::new();
    /// config.tier(Tier::Optimize).artifact_key(ArtifactKey::from_secret(b"a secret of this test"));
    /// # let Ok(engine) = Engine::new(&config) else { return Ok(()) };
    /// # let _ = stringify! {
    /// let engine = Engine::new(&config)?;
    /// # };
    /// let artifact = Module::new(&engine, r#"(module (func (export "f")))"#)?.serialize()?;
    ///
    /// // Later, without compiling:
    /// let module = Module::deserialize(&engine, &artifact)?;
    /// assert!(module.get_export("f").is_some());
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn serialize(&self) -> Result<Vec<u8>> {
        let (native, key) = doors(self.engine())?;
        let code = self.code();
        let Some(image) = code.native().map(NativeCode::image) else {
            return Err(Error::usage("the module has no machine code"));
        };
        let original = code.module().pinned_bytes();
        Ok(write(&native.identity, key, Holds::Module(original), &image))
    }

    /// The module and the machine code of some of its functions, those that a profile names, as an artifact for
    /// [`Module::deserialize`]. They are compiled for it, whatever has been compiled. An engine that loads it compiles
    /// others when they are executed often: it must be one with [`Tier::Auto`](crate::Tier::Auto).
    ///
    /// # Errors
    ///
    /// As [`Module::serialize`]; and of kind [`Usage`](crate::ErrorKind::Usage) if the profile is of another module.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{ArtifactKey, Config, Engine, Module};
    ///
    /// let mut config = Config::new();
    /// config.artifact_key(ArtifactKey::from_secret(b"a secret of this test"));
    /// let engine = Engine::new(&config)?;
    /// let module = Module::new(&engine, r#"(module (func (export "f")))"#)?;
    /// // … its instances run for a while …
    /// let artifact = module.serialize_hot(&module.hot_functions());
    /// # let Ok(artifact) = artifact else { return Ok(()) };
    /// # let _ = stringify! {
    /// let artifact = artifact?;
    /// # };
    /// assert!(Module::deserialize(&engine, &artifact)?.get_export("f").is_some());
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn serialize_hot(&self, hot: &HotFunctions) -> Result<Vec<u8>> {
        let (native, key) = doors(self.engine())?;
        hot.check(self)?;
        let (config, noted) =
            (self.engine().config(), (self.code(), &*self.engine().compiler().notes));
        let image = native.compile_part(config, noted, (hot.functions(), hot))?;
        let original = self.code().module().pinned_bytes();
        Ok(write(&native.identity, key, Holds::Module(original), &image))
    }

    /// Loads a module from an artifact of [`Module::serialize`] or [`Module::serialize_hot`].
    ///
    /// The seal shows that a holder of the engine's key made it, so its machine code is executed as it is:
    /// see [`ArtifactKey`].
    ///
    /// # Errors
    ///
    /// Of kind [`Artifact`](crate::ErrorKind::Artifact), if it is damaged or incomplete, sealed with
    /// another key, or made by another version of the engine, for another machine, or with other settings.
    /// Of kind [`Usage`](crate::ErrorKind::Usage), if the engine has no key or does not compile.
    pub fn deserialize(engine: &Engine, artifact: impl AsRef<[u8]>) -> Result<Self> {
        let (native, key) = doors(engine)?;
        let artifact =
            Artifact::read(artifact.as_ref(), &native.identity, key).map_err(Error::artifact)?;
        let Some(original) = artifact.module else {
            return Err(Error::artifact("it holds no module"));
        };
        let module = module::parse(engine, Arc::new(original.to_vec()))?;
        let code = module::new_code(engine, module);
        match artifact.image.needs {
            None => adopt(engine.config(), native, &code, artifact.image)?,
            Some(_) => adopt_part(engine, native, &code, artifact.image)?,
        }
        Ok(Self::from_code(engine, code))
    }

    /// Loads a module from the file of an artifact, as [`Module::deserialize`] does.
    ///
    /// # Errors
    ///
    /// As [`Module::deserialize`], and if the file cannot be read; the kind is then
    /// [`Host`](crate::ErrorKind::Host), with the [`io::Error`](std::io::Error).
    pub fn deserialize_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Self> {
        // Not mapped: whoever could change the file between the check and the use would be obeyed.
        Self::deserialize(engine, std::fs::read(path)?)
    }

    /// Whether bytes, or a file's first ones, begin as an artifact does.
    #[must_use]
    pub fn is_artifact(bytes: &[u8]) -> bool {
        bytes.starts_with(module::ARTIFACT_MAGIC)
    }
}

/// What artifacts need of an engine.
fn doors(engine: &Engine) -> Result<(&NativeCompiler, &[u8; HASH_BYTES])> {
    let Some(native) = engine.compiler().late_native() else {
        return Err(Error::usage("artifacts are for engines that compile"));
    };
    match &engine.config().artifact_key {
        Some(key) => Ok((native, key.bytes())),
        None => Err(Error::usage("artifacts need a key: `Config::artifact_key`")),
    }
}

/// Gives a module the code of an artifact or an entry of the cache.
///
/// # Errors
///
/// If the code is not the module's, there is no memory for it, or a function that has none is not valid
/// and validation is eager.
pub(crate) fn adopt(
    config: &Config,
    compiler: &NativeCompiler,
    code: &ModuleCode,
    image: CodeImage<'_>,
) -> Result<()> {
    let module = code.module();
    if image.needs.is_some() {
        return Err(Error::artifact("it has code of some functions only"));
    }
    image.check(module).map_err(Error::artifact)?;
    let native = NativeCode::load(module, image).ok_or_else(no_memory)?;
    if config.validate == ValidateMode::Eager {
        // Those with code have been validated before they were compiled.
        let without = |func: &u32| !native.has_body(*func);
        for func in (module.func_imports()..module.func_count()).filter(without) {
            code.prepare(func).map_err(Error::invalid)?;
        }
    }
    compiler.install(code, native)
}

/// Gives a module the code of some of its functions.
///
/// # Errors
///
/// If the engine interprets nothing else, the code is not the module's, there is no memory for it, or a function is not
/// valid and validation is eager.
fn adopt_part(
    engine: &Engine,
    compiler: &NativeCompiler,
    code: &Arc<ModuleCode>,
    image: CodeImage<'_>,
) -> Result<()> {
    let Some(limit) = engine.compiler().limit() else {
        return Err(Error::usage(
            "it has code of some functions only, and is for engines that interpret the others",
        ));
    };
    image.check(code.module()).map_err(Error::artifact)?;
    let hot: Vec<u32> = learning::functions(&image).collect();
    if !learning::place(compiler, code, (&engine.compiler().notes, limit), image) {
        return Err(no_memory());
    }
    engine.compiler().notes.with(code, |of| of.learned.begin_with(hot));
    validate_eagerly(engine.config(), code, Keep::Tables)
}

#[cold]
pub(crate) fn no_memory() -> Error {
    Error::resource("memory for the module's machine code is not to be had")
}
