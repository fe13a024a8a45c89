//! What an artifact says of itself, for reports: read, and neither believed nor executed.

use super::format::Artifact;
use crate::error::{Error, Result};
use crate::listing::FunctionCode;
use alloc::string::String;
use alloc::vec::Vec;
use dunlin_module::Unit;

/// What an artifact says of itself; see [`ArtifactInfo::read`].
#[derive(Debug)]
#[non_exhaustive]
pub struct ArtifactInfo<'a> {
    /// Versions of the engine and its code generator, and the build.
    pub engine: String,
    /// The machine and its operating system.
    pub target: String,
    /// Extensions of the processor that the code may use.
    pub extensions: Vec<String>,
    /// The compiler's settings.
    pub settings: String,
    /// Features that the module may use.
    pub features: Vec<String>,
    /// The module that it was made of, if it is here.
    pub module: Option<&'a [u8]>,
    /// Functions that have machine code; others are for the interpreter.
    pub functions: usize,
    /// Bytes of machine code, and of what lies between.
    pub code_bytes: usize,
    /// Addresses of the VM that loading fills in.
    pub relocations: usize,
    /// Instructions that trap by faulting.
    pub traps: usize,
    artifact: Artifact<'a>,
}

impl<'a> ArtifactInfo<'a> {
    /// Reads what an artifact says, whoever made it and whatever for: without a key, it cannot be known
    /// whether any of it is true. Its checksum shows that it is not damaged.
    ///
    /// # Errors
    ///
    /// Of kind [`Artifact`](crate::ErrorKind::Artifact), if it is damaged or of another format.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::ArtifactInfo;
    ///
    /// let error = ArtifactInfo::read(b"\x7fDUNLIN\n").unwrap_err();
    /// assert_eq!(error.to_string(), "the artifact is refused: it ends in its beginning");
    /// ```
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let (identity, artifact) = Artifact::describe(bytes).map_err(Error::artifact)?;
        let is_function = |unit: &Unit| matches!(unit, Unit::Func(_));
        let units = artifact.image.units.iter().map(|(.., unit)| unit);
        Ok(Self {
            engine: identity.engine,
            target: identity.target,
            extensions: identity.extensions,
            settings: identity.settings,
            features: identity.features,
            module: artifact.module,
            functions: units.filter(|unit| is_function(unit)).count(),
            code_bytes: artifact.image.code.len(),
            relocations: artifact.image.relocations.len(),
            traps: artifact.image.traps.len(),
            artifact,
        })
    }

    /// The machine code that the artifact has for a function; `None` if it has none.
    #[must_use]
    pub fn function_code(&self, func: u32) -> Option<FunctionCode> {
        FunctionCode::of_image(&self.artifact.image, func)
    }
}
