//! The functions of a module that its runs executed often, and how, as people keep them: text that says of which module.
//!
//! ```text
//! dunlin profile 2
//! module 2310 6c3e…               bytes, and their hash
//! func 12 20412                   a function that got hot, and how often it was called
//! call 2204 17 98                 its call at offset 2204: function 17 in 98 of a hundred cases
//! cast 2251 5 100                 its cast at offset 2251: type 5
//! reached 2190 2214 2260          offsets of operators to whose places control got
//! warm 17 311                     another function that was called
//! ```

use crate::error::{Error, Result};
use crate::module::Module;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use dunlin_module::{CallTarget, CastType, FunctionProfile, Profile};
use std::collections::{BTreeMap, BTreeSet};

/// What the text begins with; the number is that of its form.
const HEAD: &str = "dunlin profile 2";

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
    /// How functions have run, those that got hot and others.
    profiles: BTreeMap<u32, FunctionProfile>,
    /// The functions that have operators of which something is known, by the operators' offsets.
    owners: BTreeMap<u32, u32>,
}

impl HotFunctions {
    pub(crate) fn new(module: &Module, functions: impl IntoIterator<Item = u32>) -> Self {
        let code = module.code();
        let bytes = code.module().pinned_bytes();
        let mut seen = BTreeSet::new();
        let functions = functions.into_iter().filter(|func| seen.insert(*func)).collect();
        let defined = code.module().func_imports()..code.module().func_count();
        let profile = |func| Some((func, code.function_profile(func)?));
        let profiles = defined.filter_map(profile).collect();
        let (bytes, hash) = (bytes.len() as u64, blake3::hash(bytes).into());
        Self { bytes, hash, functions, profiles, owners: BTreeMap::new() }.with_owners()
    }

    fn with_owners(mut self) -> Self {
        for (func, profile) in &self.profiles {
            let operators = profile.targets.keys().chain(profile.casts.keys());
            self.owners.extend(operators.map(|offset| (*offset, *func)));
        }
        self
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
        let hot: BTreeSet<u32> = self.functions.iter().copied().collect();
        let warm = self.profiles.keys().filter(|func| !hot.contains(func));
        let all = self.functions.iter().map(|func| ("func", func));
        for (word, func) in all.chain(warm.map(|func| ("warm", func))) {
            let profile = self.profiles.get(func);
            let calls = profile.map_or(0, |profile| profile.calls);
            let _ = writeln!(text, "{word} {func} {calls}");
            if let Some(profile) = profile {
                write_profile(&mut text, profile);
            }
        }
        text
    }

    /// Reads a text of [`to_text`](Self::to_text). Anybody may have written it: it says which functions to compile, and
    /// how fast their code is depends on it, but not what that does.
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
        let (functions, profiles) = (Vec::new(), BTreeMap::new());
        let mut read = Self { bytes, hash, functions, profiles, owners: BTreeMap::new() };
        let mut latest = None;
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            if read.profiles.len() == FUNCTIONS_MAX {
                return Err(Error::usage(format_args!(
                    "it names more than {FUNCTIONS_MAX} functions"
                )));
            }
            let is_read = match line.split_once(' ').unwrap_or((line, "")) {
                (word @ ("func" | "warm"), rest) => {
                    latest = read.begin(word == "func", rest);
                    latest.is_some()
                }
                (word, rest) => {
                    let profile = latest.and_then(|func| read.profiles.get_mut(&func));
                    profile.is_some_and(|profile| read_line(profile, word, rest).is_some())
                }
            };
            if !is_read {
                return Err(Error::usage(format_args!(
                    "its line {number} is none of a profile, or names a function a second time"
                )));
            }
        }
        Ok(read.with_owners())
    }

    /// Reads what begins a function's lines: its index, unless there are such lines already.
    fn begin(&mut self, is_hot: bool, rest: &str) -> Option<u32> {
        let (func, calls) = rest.split_once(' ')?;
        let (func, calls) = (func.parse().ok()?, calls.parse().ok()?);
        let profile = FunctionProfile { calls, ..FunctionProfile::default() };
        let is_new = self.profiles.insert(func, profile).is_none();
        if is_new && is_hot {
            self.functions.push(func);
        }
        is_new.then_some(func)
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

impl Profile for HotFunctions {
    fn calls(&self, func: u32) -> u32 {
        self.profiles.get(&func).map_or(0, |of| of.calls)
    }

    fn is_reached(&self, func: u32, offset: u32) -> bool {
        self.profiles.get(&func).is_none_or(|of| of.is_reached(offset))
    }

    fn target(&self, offset: u32) -> Option<CallTarget> {
        self.profiles.get(self.owners.get(&offset)?)?.targets.get(&offset).copied()
    }

    fn cast(&self, offset: u32) -> Option<CastType> {
        self.profiles.get(self.owners.get(&offset)?)?.casts.get(&offset).copied()
    }

    fn cell(&self, _offset: u32) -> Option<i32> {
        None
    }
}

fn write_profile(text: &mut String, profile: &FunctionProfile) {
    for (offset, CallTarget { func, percent }) in &profile.targets {
        let _ = writeln!(text, "call {offset} {func} {percent}");
    }
    for (offset, CastType { ty, percent }) in &profile.casts {
        let _ = writeln!(text, "cast {offset} {ty} {percent}");
    }
    if let Some(reached) = &profile.reached {
        text.push_str("reached");
        for offset in reached {
            let _ = write!(text, " {offset}");
        }
        text.push('\n');
    }
}

/// Reads a line of a function's that begins with this word.
fn read_line(profile: &mut FunctionProfile, word: &str, rest: &str) -> Option<()> {
    let numbers = rest.split(' ').filter(|number| !number.is_empty());
    let numbers = numbers.map(|number| number.parse::<u32>().ok());
    if word == "reached" {
        profile.reached = Some(numbers.collect::<Option<_>>()?);
        return Some(());
    }
    let numbers: Vec<u32> = numbers.collect::<Option<_>>()?;
    let [offset, seen, percent] = *numbers else { return None };
    match word {
        "call" => profile.targets.insert(offset, CallTarget { func: seen, percent }).is_none(),
        "cast" => profile.casts.insert(offset, CastType { ty: seen, percent }).is_none(),
        _ => false,
    }
    .then_some(())
}

/// What `module LENGTH HASH` names.
fn module_of(line: &str) -> Option<(u64, [u8; 32])> {
    let (bytes, hash) = line.strip_prefix("module ")?.split_once(' ')?;
    Some((bytes.parse().ok()?, blake3::Hash::from_hex(hash).ok()?.into()))
}
