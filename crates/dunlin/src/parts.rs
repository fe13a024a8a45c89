//! Modules that are parts of some bytes, as the core modules of a component are; and what the engine's cache has of them.
//!
//! The bytes are hashed once, whoever asks for what is kept of them. What is known of the modules is one entry: where each
//! stands, which says that its declarations are valid, and which of its functions have been prepared
//! (`dunlin_module::Known`). It is in the engine's own place, since what it says is executed.

use crate::engine::Engine;
use crate::error::{Error, Result};
#[cfg(feature = "optimize")]
use crate::kept::Kept;
use crate::module::Module;
#[cfg(feature = "optimize")]
use crate::tuning;
use alloc::sync::Arc;
#[cfg(feature = "optimize")]
use alloc::vec::Vec;
use core::ops::Range;
use dunlin_module::Bytes;
#[cfg(feature = "optimize")]
use std::sync::OnceLock;

/// Bytes of which modules are parts, for one engine.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Parts};
///
/// let parts = Parts::new(&Engine::default(), b"before\0asm\x01\0\0\0after"[..].into());
/// let module = parts.module(6..14)?;
/// assert_eq!(module.info().bytes_len(), 8);
/// # Ok::<(), dunlin::Error>(())
/// ```
pub struct Parts {
    engine: Engine,
    bytes: Arc<[u8]>,
    #[cfg(feature = "optimize")]
    hash: OnceLock<blake3::Hash>,
    #[cfg(feature = "optimize")]
    known: OnceLock<Entry>,
}

/// What the cache has of the modules.
#[cfg(feature = "optimize")]
#[derive(Default)]
struct Entry {
    bytes: Arc<Vec<u8>>,
    /// Where each module stands, and where in the entry its known functions.
    modules: Vec<(Range<usize>, Range<usize>)>,
}

impl Parts {
    /// These bytes.
    #[must_use]
    pub fn new(engine: &Engine, bytes: Arc<[u8]>) -> Self {
        Self {
            engine: engine.clone(),
            bytes,
            #[cfg(feature = "optimize")]
            hash: OnceLock::new(),
            #[cfg(feature = "optimize")]
            known: OnceLock::new(),
        }
    }

    /// The engine whose modules they are.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Loads the module that is this part, in the binary format, without copying it.
    ///
    /// # Errors
    ///
    /// As [`Module::new`], with offsets from the part's beginning; and if the part is not within the bytes.
    pub fn module(&self, part: Range<usize>) -> Result<Module> {
        if self.bytes.get(part.clone()).is_none() {
            return Err(Error::usage("the part of a module is not within the bytes"));
        }
        #[cfg(feature = "optimize")]
        let known = self.known().of(&part);
        let bytes = Arc::new(Part { bytes: self.bytes.clone(), part });
        #[cfg(feature = "optimize")]
        if let Some(known) = known {
            return Module::known(&self.engine, bytes, known);
        }
        Module::from_bytes(&self.engine, bytes)
    }
}

#[cfg(feature = "optimize")]
impl Parts {
    /// The place in the engine's cache of what somebody makes of all the bytes: as [`Engine::kept`].
    #[must_use]
    pub fn kept(&self, what: &str) -> Option<Kept<'_>> {
        self.engine.config().cache.as_ref()?;
        self.engine.place("others", what, self.hash())
    }

    /// Whether there is anything new to keep of these modules: see [`keep_prepared`](Self::keep_prepared). This takes
    /// microseconds, and that may take a millisecond.
    #[must_use]
    pub fn has_more_prepared(&self, modules: &[Module]) -> bool {
        self.place().is_some()
            && modules.iter().any(|module| {
                self.part_of(module).is_some_and(|part| {
                    self.known().of(&part).is_none() || module.has_more_prepared()
                })
            })
    }

    /// Keeps in the [`cache`](crate::Config::cache) that these modules' declarations are valid, which of their functions have
    /// been made ready to be executed, and what that takes, so that the next engine need not validate them. For bytes of a
    /// size for which that pays; says whether there was anything new to keep. Modules that are not parts of the bytes, or
    /// another engine's, are left out.
    pub fn keep_prepared(&self, modules: &[Module]) -> bool {
        if !self.has_more_prepared(modules) {
            return false;
        }
        let Some(place) = self.place() else { return false };
        let mut entry = Vec::new();
        for module in modules {
            let Some(part) = self.part_of(module) else { continue };
            let known = module.known_functions();
            for number in [part.start, part.end, known.len()] {
                entry.extend((number as u32).to_le_bytes());
            }
            entry.extend(known);
        }
        let fits = entry.len() <= tuning::PREPARED_ENTRY_BYTES_MAX;
        if fits {
            place.put(&entry);
        }
        fits
    }

    /// Where a module stands, if its bytes are among these and it was validated by this engine.
    fn part_of(&self, module: &Module) -> Option<Range<usize>> {
        let bytes = module.code().module().pinned_bytes();
        // Both live, so that bytes at an address among ours are ours.
        let start = (bytes.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize)?;
        let end = start.checked_add(bytes.len()).filter(|end| *end <= self.bytes.len())?;
        Engine::same(module.engine(), &self.engine).then_some(start..end)
    }

    fn hash(&self) -> &blake3::Hash {
        self.hash.get_or_init(|| blake3::hash(&self.bytes))
    }

    /// Where the entry is; `None` if there is no cache, or it does not pay.
    fn place(&self) -> Option<Kept<'_>> {
        let config = self.engine.config();
        config.cache.as_ref()?;
        if !tuning::PREPARED_BYTES.contains(&self.bytes.len()) {
            return None;
        }
        // The copies of bodies differ by it.
        let what = if config.fuses { "prepared parts" } else { "prepared parts, unfused" };
        self.engine.place("own", what, self.hash())
    }

    fn known(&self) -> &Entry {
        self.known.get_or_init(|| {
            let Some(place) = self.place() else { return Entry::default() };
            let Some(bytes) = place.get() else { return Entry::default() };
            Entry::read(bytes).unwrap_or_else(|| {
                place.remove();
                Entry::default()
            })
        })
    }
}

#[cfg(feature = "optimize")]
impl Entry {
    /// Reads what stands where; `None` if it makes no sense.
    fn read(bytes: Vec<u8>) -> Option<Self> {
        let (mut modules, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let head: &[u8; 12] = bytes[at..].first_chunk()?;
            let [start, end, len] = [0, 4, 8].map(|at| {
                let number = [head[at], head[at + 1], head[at + 2], head[at + 3]];
                u32::from_le_bytes(number) as usize
            });
            at += head.len();
            let functions = at..at.checked_add(len).filter(|end| *end <= bytes.len())?;
            at = functions.end;
            modules.push((start..end, functions));
        }
        Some(Self { bytes: Arc::new(bytes), modules })
    }

    /// What is known of the module of this part.
    fn of(&self, part: &Range<usize>) -> Option<(Arc<Vec<u8>>, Range<usize>)> {
        let (_, functions) = self.modules.iter().find(|module| module.0 == *part)?;
        Some((self.bytes.clone(), functions.clone()))
    }
}

impl core::fmt::Debug for Parts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Parts").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// A part of bytes that nobody changes.
pub(crate) struct Part {
    bytes: Arc<[u8]>,
    part: Range<usize>,
}

impl Bytes for Part {
    fn bytes(&self) -> &[u8] {
        &self.bytes[self.part.clone()]
    }

    fn pin(&self, _range: Range<usize>) {}
}

#[cfg(all(test, feature = "optimize", feature = "wat"))]
mod tests {
    use super::Entry;
    use crate::{
        Cache, Config, Engine, Feature, Features, Instance, Module, Parts, Store, ValidateMode,
    };
    use alloc::sync::Arc;
    use alloc::vec::Vec;
    use core::ops::Range;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// Two modules behind so many other bytes that it pays.
    fn bytes() -> (Arc<[u8]>, [Range<usize>; 2]) {
        let one = r#"(module (func (export "f") (param i32) (result i32)
            (if (result i32) (local.get 0) (then (i32.const 7)) (else (i32.const 8)))))"#;
        let other =
            r#"(module (import "" "g" (func)) (memory 1) (func (export "f") (unreachable)))"#;
        let mut bytes = alloc::vec![0; 20 << 10];
        let parts = [one, other].map(|text| {
            let start = bytes.len();
            bytes.extend(wat::parse_str(text).expect("a text"));
            start..bytes.len()
        });
        (bytes.into(), parts)
    }

    fn config(folder: &Path) -> Config {
        let mut config = Config::new();
        config.cache(Cache::open(folder).expect("a cache")).validate(ValidateMode::Lazy);
        config
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("dunlin-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    fn call(engine: &Engine, module: &Module) -> i32 {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, module, &[]).expect("an instance");
        let func = instance.get_typed_func::<i32, i32>(&mut store, "f").expect("a function");
        func.call(&mut store, 1).expect("a number")
    }

    #[test]
    #[cfg_attr(miri, ignore = "the file system is not there")]
    fn the_next_engine_knows_what_was_prepared_of_each_part() {
        let folder = folder("parts");
        let (bytes, ranges) = bytes();
        for round in 0..3 {
            let engine = Engine::new(&config(&folder)).expect("an engine");
            let parts = Parts::new(&engine, bytes.clone());
            let modules: Vec<Module> =
                ranges.iter().map(|part| parts.module(part.clone()).expect("valid")).collect();
            let known = |index: usize| {
                let known = modules[index].code().module().known();
                known.map(|known| known.functions().collect::<Vec<_>>())
            };
            let expected =
                if round == 0 { [None, None] } else { [Some(alloc::vec![0]), Some(alloc::vec![])] };
            assert_eq!([known(0), known(1)], expected, "{round}");
            assert_eq!(call(&engine, &modules[0]), 7);
            assert_eq!(parts.keep_prepared(&modules), round == 0);
        }
        fs::remove_dir_all(&folder).expect("a folder");
    }

    #[test]
    #[cfg_attr(miri, ignore = "the file system is not there")]
    fn what_another_engine_has_validated_is_not_kept_for_this_one() {
        let folder = folder("parts-other");
        let (bytes, [part, _]) = bytes();
        let engine = Engine::new(&config(&folder)).expect("an engine");
        let mut more = config(&folder);
        more.features(Features::default().with(Feature::LegacyExceptions, false));
        let other = Engine::new(&more).expect("an engine");
        let theirs = Parts::new(&other, bytes.clone()).module(part.clone()).expect("valid");
        let elsewhere = Module::new(&engine, &bytes[part]).expect("valid");
        let parts = Parts::new(&engine, bytes);
        assert!(!parts.keep_prepared(&[theirs, elsewhere]));
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
        fs::remove_dir_all(&folder).expect("a folder");
    }

    #[test]
    fn damage_is_refused_or_leads_nowhere() {
        let entry: Vec<u8> =
            [1_u32, 9, 4, 5, 9, 20, 4, 7].iter().flat_map(|number| number.to_le_bytes()).collect();
        let read = |entry: &[u8]| Entry::read(entry.into());
        let whole = read(&entry).expect("it is whole");
        assert_eq!(whole.of(&(9..20)).map(|found| found.1), Some(28..32));
        for at in 0..entry.len() {
            let cut = read(&entry[..at]);
            assert!(at == 0 || at == 16 || cut.is_none(), "{at}");
            let mut damaged = entry.clone();
            damaged[at] ^= 0xff;
            let modules = read(&damaged).map(|read| read.modules).unwrap_or_default();
            assert!(modules.iter().all(|module| module.1.end <= entry.len()), "{at}");
        }
    }
}
