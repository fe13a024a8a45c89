//! Modules: loaded, indexed, validated, and asked about.

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::listing::{Listing, OperatorText};
#[cfg(feature = "optimize")]
use crate::{hot::HotFunctions, parts::Part, stats::CompileStats};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use dunlin_core::{ExternType, MemoryType, TableType};
use dunlin_module::{Bytes, ExternIdx, Feature, Invalid, Scratch};
use dunlin_vm::ModuleCode;

/// The first bytes of the binary format.
const MAGIC: &[u8] = b"\0asm";

/// The first bytes of an artifact. The first is no text's, and no module's.
#[cfg(any(feature = "wat", feature = "optimize"))]
pub(crate) const ARTIFACT_MAGIC: &[u8] = b"\x7fDUNLIN\n";

/// A WebAssembly module, ready to be instantiated in any store of its engine. Cloning it gives another
/// handle to the same.
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, ErrorKind, Module};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, b"\0asm\x01\0\0\0")?;
/// assert_eq!(module.exports().len(), 0);
///
/// // The text format is told apart by its first bytes.
/// let module = Module::new(&engine, r#"(module $greeter (memory (export "memory") 1))"#)?;
/// assert_eq!(module.name(), Some("greeter"));
/// assert_eq!(module.exports().next().unwrap().name(), "memory");
///
/// let error = Module::new(&engine, b"\0asm\x01\0\0\0\xff").unwrap_err();
/// assert_eq!((error.kind(), error.offset()), (ErrorKind::Invalid, Some(8)));
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone)]
pub struct Module {
    engine: Engine,
    code: Arc<ModuleCode>,
}

impl Module {
    /// Loads a module: in the binary format, or in the text format if the feature `wat` is on.
    ///
    /// All function bodies are validated, unless the configuration says
    /// [`ValidateMode::Lazy`](crate::ValidateMode::Lazy). Nothing is compiled, unless it says
    /// [`Tier::Optimize`](crate::Tier::Optimize).
    ///
    /// # Errors
    ///
    /// If the bytes are malformed or invalid; [`Error::offset`] says where.
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Self> {
        let bytes = bytes.as_ref();
        let binary = text(bytes)?.unwrap_or_else(|| bytes.to_vec());
        Self::from_bytes(engine, Arc::new(binary))
    }

    /// Loads a module as [`Module::new`] does, and keeps the bytes without copying them if they are binary.
    ///
    /// # Errors
    ///
    /// As [`Module::new`].
    pub fn from_vec(engine: &Engine, bytes: Vec<u8>) -> Result<Self> {
        let binary = text(&bytes)?.unwrap_or(bytes);
        Self::from_bytes(engine, Arc::new(binary))
    }

    /// A module whose declarations are valid, and of which some functions have been prepared before.
    #[cfg(feature = "optimize")]
    pub(crate) fn known(
        engine: &Engine,
        bytes: Arc<Part>,
        kept: (Arc<Vec<u8>>, Range<usize>),
    ) -> Result<Self> {
        let config = engine.config();
        let parsed = dunlin_module::Module::parse_again(bytes.clone(), config.features);
        let Ok(module) = parsed else { return Self::from_bytes(engine, bytes) };
        let module = has_room(engine, module)?.with_fusing(config.fuses);
        let Some(known) = dunlin_module::Known::read(kept.0, kept.1, &module) else {
            return Self::from_bytes(engine, bytes);
        };
        Self::from_parsed(engine, module.with_known(known))
    }

    /// Whether functions have been made ready to be executed that were not known to be.
    #[cfg(feature = "optimize")]
    pub(crate) fn has_more_prepared(&self) -> bool {
        let known = self.code.module().known();
        self.code.prepared().any(|func| known.is_none_or(|known| !known.has(func)))
    }

    /// The functions that have been made ready to be executed, here or before, as an entry for [`Module::known`].
    #[cfg(feature = "optimize")]
    pub(crate) fn known_functions(&self) -> Vec<u8> {
        let module = self.code.module();
        let mut functions: Vec<u32> = self.code.prepared().collect();
        functions.extend(module.known().into_iter().flat_map(dunlin_module::Known::functions));
        functions.sort_unstable();
        functions.dedup();
        module.write_known(&functions)
    }

    /// Loads a module from a file, which is mapped rather than read if it is large.
    ///
    /// Bytes of the file that the module uses are made its own before they are looked at: writing to
    /// the file meanwhile does no harm. Shortening it makes the process fault, as it does any program
    /// that runs from a mapped file.
    ///
    /// # Errors
    ///
    /// As [`Module::new`], and if the file cannot be read; the kind is then
    /// [`Host`](crate::ErrorKind::Host), with the [`io::Error`](std::io::Error).
    #[cfg(feature = "std")]
    pub fn from_file(engine: &Engine, path: impl AsRef<std::path::Path>) -> Result<Self> {
        let file = dunlin_vm::sys::MappedFile::open(path.as_ref())?;
        match text(file.bytes())? {
            Some(binary) => Self::from_bytes(engine, Arc::new(binary)),
            None => Self::from_bytes(engine, Arc::new(file)),
        }
    }

    /// Validates a module, bodies included, and keeps nothing.
    ///
    /// # Errors
    ///
    /// As [`Module::new`].
    pub fn validate(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<()> {
        let bytes = bytes.as_ref();
        let binary = text(bytes)?.unwrap_or_else(|| bytes.to_vec());
        let module = parse(engine, Arc::new(binary))?;
        let mut scratch = Scratch::default();
        for func in module.func_imports()..module.func_count() {
            module.prepare(func, &mut scratch).map_err(Error::invalid)?;
        }
        Ok(())
    }

    /// Compiles the module by the optimising tier, in this thread and others, unless it has been. Guests that
    /// run meanwhile go on, and call compiled functions as soon as all are there; what has been called
    /// before ends as it began. Says whether there is compiled code now: where the tier is
    /// [`Interp`](crate::Tier::Interp), or code cannot be had on this machine, there is none, and nothing
    /// else is amiss.
    ///
    /// Meant for another thread than the guest's, once that has proved to be worth it.
    ///
    /// # Errors
    ///
    /// If there is no memory for the code.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Instance, Module, Store};
    ///
    /// let engine = Engine::default();
    /// let text = r#"(module (func (export "f") (result i32) (i32.const 1)))"#;
    /// let module = Module::new(&engine, text)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Instance::new(&mut store, &module, &[])?;
    /// let f = instance.get_typed_func::<(), i32>(&mut store, "f")?;
    /// assert_eq!(f.call(&mut store, ())?, 1, "by the interpreter");
    /// module.optimize()?;
    /// assert_eq!(f.call(&mut store, ())?, 1, "by compiled code");
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    #[cfg(feature = "optimize")]
    pub fn optimize(&self) -> Result<bool> {
        self.engine.compiler().optimize(self.engine.config(), &self.code)
    }

    /// Whether the module has code of the optimising tier: from [`optimize`](Self::optimize), the
    /// [`cache`](crate::Config::cache), or because all modules of its engine have.
    #[cfg(feature = "optimize")]
    #[must_use]
    pub fn is_optimized(&self) -> bool {
        self.code.native().is_some()
    }

    /// How many of the module's functions have been compiled because they are executed often: see
    /// [`Config::tier_up`](crate::Config::tier_up).
    #[cfg(feature = "optimize")]
    #[must_use]
    pub fn compiled_functions(&self) -> usize {
        self.code.added_functions()
    }

    /// How often an activation of the module's functions has gone on in better code in the middle of a loop: from the
    /// interpreter, or from code of the baseline compiler.
    #[cfg(feature = "optimize")]
    #[must_use]
    pub fn loops_entered(&self) -> usize {
        self.code.loops_entered()
    }

    /// What has been compiled of the module, when, by which tier and what became of it. A copy, of a bounded size.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Module};
    ///
    /// let module = Module::new(&Engine::default(), "(module (func))")?;
    /// module.optimize()?;
    /// let stats = module.compile_stats();
    /// for function in &stats.functions {
    ///     println!("{}: {} bytes in {:?}", function.index, function.code_bytes, function.took);
    /// }
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    #[cfg(feature = "optimize")]
    #[must_use]
    pub fn compile_stats(&self) -> CompileStats {
        self.engine.compiler().notes.stats(&self.code)
    }

    /// The functions that have been found to be executed often, by its runs in this engine and those with whose
    /// code the module began, from the [`cache`](crate::Config::cache) or an artifact. There are none where all of the module is compiled from
    /// the start, or nothing ever is: nobody counts then.
    #[cfg(feature = "optimize")]
    #[must_use]
    pub fn hot_functions(&self) -> HotFunctions {
        HotFunctions::new(self, self.engine.compiler().hot(&self.code))
    }

    /// Keeps the code of what has been found to be executed often in the [`cache`](crate::Config::cache), so that the
    /// next engine begins with it; says how many functions are new there. The engine does so by itself once
    /// there has been nothing to compile for two seconds: this is for hosts that end sooner.
    #[cfg(feature = "optimize")]
    pub fn keep_learned(&self) -> u64 {
        self.engine.compiler().keep_learned(self.engine.config(), &self.code)
    }

    pub(crate) fn from_bytes(engine: &Engine, bytes: Arc<dyn Bytes>) -> Result<Self> {
        Self::from_parsed(engine, parse(engine, bytes)?)
    }

    fn from_parsed(engine: &Engine, module: dunlin_module::Module) -> Result<Self> {
        let code = new_code(engine, module);
        engine.compiler().make_ready(engine.config(), &code)?;
        Ok(Self::from_code(engine, code))
    }

    pub(crate) fn from_code(engine: &Engine, code: Arc<ModuleCode>) -> Self {
        Self { engine: engine.clone(), code }
    }

    pub(crate) fn code(&self) -> &Arc<ModuleCode> {
        &self.code
    }

    /// The module's engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The module's name, from its `name` section.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.code.module().name()
    }

    /// Its imports, in order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        let module = self.code.module();
        module.imports().iter().map(move |import| {
            let (from, name) = module.import_names(import);
            ImportType { module: from, name, ty: self.code.import_type(import) }
        })
    }

    /// Its exports, in order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> {
        let module = self.code.module();
        module.exports().iter().map(move |export| ExportType {
            name: module.export_name(export),
            ty: self.code.extern_type(export.item),
        })
    }

    /// The type of what is exported under `name`.
    #[must_use]
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        self.code.module().export(name).map(|item| self.code.extern_type(item))
    }

    /// What is exported under `name`, to be asked for in many instances.
    #[must_use]
    pub fn get_export_index(&self, name: &str) -> Option<ModuleExport> {
        let item = self.code.module().export(name)?;
        Some(ModuleExport { code: self.code.clone(), item })
    }

    /// What the module consists of, for reports.
    #[must_use]
    pub fn info(&self) -> ModuleInfo<'_> {
        ModuleInfo { module: self.code.module() }
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// The code of a module, of which nothing is ready; who watches it is told what is executed often.
pub(crate) fn new_code(engine: &Engine, module: dunlin_module::Module) -> Arc<ModuleCode> {
    let watch = engine.compiler().watch(engine.config(), &module);
    let code = ModuleCode::new(module, engine.types().clone());
    Arc::new(match watch {
        Some(watch) => code.watched_by(watch),
        None => code,
    })
}

pub(crate) fn parse(engine: &Engine, bytes: Arc<dyn Bytes>) -> Result<dunlin_module::Module> {
    refuse_component(bytes.bytes())?;
    let config = engine.config();
    let module = dunlin_module::Module::parse(bytes, config.features).map_err(Error::invalid)?;
    Ok(has_room(engine, module)?.with_fusing(config.fuses))
}

/// The module, if the engine has room for its types.
fn has_room(engine: &Engine, module: dunlin_module::Module) -> Result<dunlin_module::Module> {
    let config = engine.config();
    let (kept, more) = (engine.types().count(), module.types().len());
    if more > 0 && kept.saturating_add(more) > config.types_max {
        return Err(Error::resource(format_args!(
            "the engine keeps {kept} types, and has no room for the module's {more}: drop what uses others, or see \
             Config::max_types"
        )));
    }
    Ok(module)
}

/// A component has the module's magic number, and a layer where a module's version ends.
fn refuse_component(bytes: &[u8]) -> Result<()> {
    if bytes.starts_with(MAGIC) && bytes.get(6..8) == Some(&[1, 0]) {
        return Err(Error::invalid(Invalid::new("this is a component, not a core module", 6)));
    }
    Ok(())
}

/// The binary that a text stands for; `None` if it is binary already.
#[cfg(feature = "wat")]
fn text(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    // A beginning of the magic number is a truncated binary, not a text.
    if bytes.starts_with(MAGIC) || MAGIC.starts_with(bytes) {
        return Ok(None);
    }
    if bytes.starts_with(ARTIFACT_MAGIC) {
        let message = "this is a compiled module, not one to be compiled";
        return Err(Error::invalid(Invalid::new(message, 0)));
    }
    if core::str::from_utf8(bytes).is_err() {
        let message = "neither a binary module (no magic number) nor text (not UTF-8)";
        return Err(Error::invalid(Invalid::new(message, 0)));
    }
    match wat::parse_bytes(bytes) {
        Ok(binary) => Ok(Some(binary.into_owned())),
        Err(error) => Err(Error::message(crate::ErrorKind::Invalid, error)),
    }
}

/// Texts are not understood: what is not binary is refused by the parser.
#[cfg(not(feature = "wat"))]
#[allow(clippy::unnecessary_wraps, reason = "the same shape as with the text format")]
fn text(_bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    Ok(None)
}

/// An import that a module asks for.
#[derive(Clone, Debug)]
pub struct ImportType<'m> {
    module: &'m str,
    name: &'m str,
    ty: ExternType,
}

impl<'m> ImportType<'m> {
    /// The first of its two names: whose it is.
    #[must_use]
    pub fn module(&self) -> &'m str {
        self.module
    }

    /// The second of its two names.
    #[must_use]
    pub fn name(&self) -> &'m str {
        self.name
    }

    /// What it must be.
    #[must_use]
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

/// An export that a module's instances have.
#[derive(Clone, Debug)]
pub struct ExportType<'m> {
    name: &'m str,
    ty: ExternType,
}

impl<'m> ExportType<'m> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'m str {
        self.name
    }

    /// What it is.
    #[must_use]
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

/// An export of a module, found once for all of its instances; see [`Instance::get_module_export`](crate::Instance::get_module_export).
#[derive(Clone)]
pub struct ModuleExport {
    pub(crate) code: Arc<ModuleCode>,
    pub(crate) item: ExternIdx,
}

impl fmt::Debug for ModuleExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModuleExport({:?})", self.item)
    }
}

/// What a module consists of; see [`Module::info`].
///
/// # Examples
///
/// ```
/// use dunlin::{Engine, Module};
///
/// let module = Module::new(&Engine::default(), r#"(module (memory 1) (func $f nop))"#)?;
/// let info = module.info();
/// assert_eq!(info.functions()[0].name.as_deref(), Some("f"));
/// assert!(info.sections().iter().any(|section| section.name == "code"));
/// assert_eq!(info.memories()[0].min, 1);
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ModuleInfo<'m> {
    module: &'m dunlin_module::Module,
}

/// A section of a module's binary.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModuleSection {
    /// Its number in the binary format; 0 for custom sections.
    pub id: u8,
    /// The custom section's name, or the specification's word for the section.
    pub name: String,
    /// Where its contents stand in the module.
    pub range: Range<usize>,
}

/// A function of a module that has a body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModuleFunction {
    /// Its index, imports first.
    pub index: u32,
    /// Its name, from the `name` section, else that of an export.
    pub name: Option<String>,
    /// Where its body stands in the module, local declarations included.
    pub offset: usize,
    /// Bytes of its body.
    pub bytes: usize,
}

impl<'m> ModuleInfo<'m> {
    /// The binary.
    #[must_use]
    pub fn bytes(&self) -> &'m [u8] {
        self.module.bytes()
    }

    /// The index of the function that is exported under `name`.
    #[must_use]
    pub fn exported_func(&self, name: &str) -> Option<u32> {
        match self.module.export(name) {
            Some(dunlin_module::ExternIdx::Func(func)) => Some(func),
            _ => None,
        }
    }

    /// The sections, in order.
    #[must_use]
    pub fn sections(&self) -> Vec<ModuleSection> {
        let section = |section: dunlin_module::SectionInfo| ModuleSection {
            id: section.id,
            name: section.name,
            range: section.range,
        };
        self.module.sections().map(section).collect()
    }

    /// The functions that have bodies, in order.
    #[must_use]
    pub fn functions(&self) -> Vec<ModuleFunction> {
        let names = self.module.func_names();
        let function = |function: dunlin_module::FunctionInfo| ModuleFunction {
            index: function.index,
            name: names.get(&function.index).map(|name| (*name).to_owned()),
            offset: function.offset,
            bytes: function.bytes,
        };
        self.module.functions().map(function).collect()
    }

    /// The operators of a function's body, as text; it need not be valid.
    ///
    /// # Errors
    ///
    /// If the body does not decode, or the function has none.
    pub fn operators(&self, func: u32) -> Result<Vec<OperatorText>> {
        self.module.operators(func).map_err(Error::invalid)
    }

    /// What the interpreter executes of a function: its operators, what replaces them in the private
    /// copy, and the side table.
    ///
    /// # Errors
    ///
    /// If the body is not valid, or the function has none.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin::{Engine, Module};
    ///
    /// let text = "(module (func (param i32) (result i32) (i32.clz (local.get 0))))";
    /// let module = Module::new(&Engine::default(), text)?;
    /// let listing = module.info().listing(0)?;
    /// let texts: Vec<&str> = listing.steps.iter().map(|step| &*step.operator.text).collect();
    /// assert_eq!(texts, ["local.get 0", "i32.clz", "end"]);
    /// # Ok::<(), dunlin::Error>(())
    /// ```
    pub fn listing(&self, func: u32) -> Result<Listing> {
        self.module.listing(func).map_err(Error::invalid)
    }

    /// The types of its memories, imports first.
    #[must_use]
    pub fn memories(&self) -> Vec<MemoryType> {
        self.module.memories().to_vec()
    }

    /// The types of the tables that it defines.
    #[must_use]
    pub fn tables(&self) -> Vec<TableType> {
        self.module.tables().iter().map(|table| table.ty).collect()
    }

    /// How many tags it defines.
    #[must_use]
    pub fn tags(&self) -> usize {
        self.module.tags().len() - self.module.tag_imports()
    }

    /// How many globals it defines.
    #[must_use]
    pub fn globals(&self) -> usize {
        self.module.globals().len()
    }

    /// Whether it has a start function.
    #[must_use]
    pub fn has_start(&self) -> bool {
        self.module.start().is_some()
    }

    /// The features without which the module is not valid; empty if it is not valid with all of them.
    ///
    /// It validates the module once for each feature.
    #[must_use]
    pub fn features_used(&self) -> Vec<Feature> {
        self.module.features_used().map_or_else(|_| Vec::new(), |used| used.iter().collect())
    }

    /// Checks the custom section `metadata.code.branch_hint`, which says which way branches are likely to go.
    /// What is wrong with it changes nothing: hints that make no sense are ignored.
    ///
    /// # Errors
    ///
    /// If a hint is at no `if` or `br_if`, hints are out of order, or the section is malformed, stands behind
    /// the code, or is there twice.
    pub fn check_branch_hints(&self) -> Result<()> {
        self.module.check_branch_hints().map_err(Error::invalid)
    }

    /// Bytes of its binary.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.module.bytes().len()
    }
}
