//! The functions of a module that its runs executed often, as people keep them: text that says of which module.

use crate::error::{Error, Result};
use crate::module::Module;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use std::collections::BTreeSet;

/// What the text begins with; the number is that of its form.
const HEAD: &str = "dunlin profile 1";

/// Functions that a text may name: as many as engines agree that a module may have.
const FUNCTIONS_MAX: usize = 1_000_000;

/// The functions of a module that its guests executed often: a *profile*; see
/// [`Module::hot_functions`](crate::Module::hot_functions).
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, HotFunctions, Module};
///
/// let module = Module::new(&Engine::default(), "(module (func))")?;
/// // … instances of it run for a while …
/// let text = module.hot_functions().to_text();
/// let hot = HotFunctions::from_text(&text)?;
/// assert_eq!(hot, module.hot_functions());
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotFunctions {
    bytes: u64,
    hash: [u8; 32],
    functions: Vec<u32>,
}

impl HotFunctions {
    pub(crate) fn new(module: &Module, functions: impl IntoIterator<Item = u32>) -> Self {
        let bytes = module.code().module().pinned_bytes();
        let mut seen = BTreeSet::new();
        let functions = functions.into_iter().filter(|func| seen.insert(*func)).collect();
        Self { bytes: bytes.len() as u64, hash: blake3::hash(bytes).into(), functions }
    }

    /// Their indices, imports first, in the order in which they got hot.
    #[must_use]
    pub fn functions(&self) -> &[u32] {
        &self.functions
    }

    /// A text that [`from_text`](Self::from_text) reads.
    #[must_use]
    pub fn to_text(&self) -> String {
        let hash = blake3::Hash::from(self.hash).to_hex();
        let mut text = alloc::format!("{HEAD}\nmodule {} {hash}\n", self.bytes);
        for func in &self.functions {
            let _ = writeln!(text, "func {func}");
        }
        text
    }

    /// Reads a text of [`to_text`](Self::to_text). Anybody may have written it: it says which functions to compile, and
    /// nothing else depends on it.
    ///
    /// # Errors
    ///
    /// If it is not such a text; of kind [`Usage`](crate::ErrorKind::Usage).
    pub fn from_text(text: &str) -> Result<Self> {
        let mut lines = (1..).zip(text.lines());
        if lines.next().map(|(_, line)| line) != Some(HEAD) {
            return Err(Error::usage(format_args!("it does not begin with `{HEAD}`")));
        }
        let of = lines.next().and_then(|(_, line)| module_of(line));
        let Some((bytes, hash)) = of else {
            return Err(Error::usage("its second line does not name a module"));
        };
        let (mut functions, mut seen) = (Vec::new(), BTreeSet::new());
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let func = line.strip_prefix("func ").and_then(|index| index.parse().ok());
            if functions.len() == FUNCTIONS_MAX {
                return Err(Error::usage(format_args!(
                    "it names more than {FUNCTIONS_MAX} functions"
                )));
            }
            match func.filter(|func| seen.insert(*func)) {
                Some(func) => functions.push(func),
                None => {
                    return Err(Error::usage(format_args!(
                        "its line {number} names no function, or one a second time"
                    )));
                }
            }
        }
        Ok(Self { bytes, hash, functions })
    }

    /// Holds it against a module.
    ///
    /// # Errors
    ///
    /// If it is of another one, or names functions that have no bodies.
    pub(crate) fn check(&self, module: &Module) -> Result<()> {
        let of = module.code().module();
        let bytes = of.pinned_bytes();
        if self.bytes != bytes.len() as u64 || blake3::hash(bytes) != self.hash {
            return Err(Error::usage("the profile is of another module"));
        }
        let has_body = |func: &u32| (of.func_imports()..of.func_count()).contains(func);
        match self.functions.iter().find(|func| !has_body(func)) {
            Some(func) => Err(Error::usage(format_args!(
                "the profile names function {func}, and the module has no body for it"
            ))),
            None => Ok(()),
        }
    }
}

/// What `module LENGTH HASH` names.
fn module_of(line: &str) -> Option<(u64, [u8; 32])> {
    let (bytes, hash) = line.strip_prefix("module ")?.split_once(' ')?;
    Some((bytes.parse().ok()?, blake3::Hash::from_hex(hash).ok()?.into()))
}
