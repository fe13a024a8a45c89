//! Components: loaded, validated, and asked about.

use crate::decode::{Bodies, Decoded, decode};
use crate::template::{ItemType, Template};
use crate::types::TypeTable;
use dunlin::{Engine, Error, Module, Parts, Result};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The first bytes of a component's binary: the magic number, a version, and the layer in which modules have 0.
const MAGIC: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// A component, ready to be instantiated in any store of its engine. Cloning it gives another handle to the same.
///
/// # Examples
///
/// ```
/// use dunlin::Engine;
/// use dunlin_component::{Component, ItemKind};
///
/// let component = Component::new(&Engine::default(), r#"
///     (component
///         (import "log" (func (param "text" string)))
///         (core module $m (func (export "one") (result i32) (i32.const 1)))
///         (core instance $i (instantiate $m))
///         (func (export "one") (result u32) (canon lift (core func $i "one"))))
/// "#)?;
/// assert_eq!(component.imports().collect::<Vec<_>>(), [("log", ItemKind::Func)]);
/// assert_eq!(component.exports().collect::<Vec<_>>(), [("one", ItemKind::Func)]);
/// # Ok::<(), dunlin::Error>(())
/// ```
#[derive(Clone)]
pub struct Component {
    engine: Engine,
    pub(crate) inner: Arc<Inner>,
}

/// What a component is.
pub(crate) struct Inner {
    pub(crate) templates: Vec<Arc<Template>>,
    pub(crate) modules: Vec<Module>,
    pub(crate) types: Arc<TypeTable>,
    pub(crate) imports: Vec<(Arc<str>, ItemType)>,
    pub(crate) exports: Vec<(Arc<str>, ItemType)>,
    /// Whether core modules come from outside, of which not all has been validated.
    pub(crate) imports_modules: bool,
    /// Whether each core instance is of the same module in all instances of the component.
    pub(crate) has_own_modules: bool,
    /// Whether it was found in the engine's cache what its bytes say.
    is_kept: bool,
    /// Its bytes.
    parts: Parts,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

/// What can be imported and exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ItemKind {
    /// A core module.
    Module,
    /// A function.
    Func,
    /// A type that is no resource type.
    Type,
    /// A resource type.
    Resource,
    /// A component.
    Component,
    /// An instance, which is usually an interface's.
    Instance,
    /// A value.
    Value,
}

impl From<&ItemType> for ItemKind {
    fn from(ty: &ItemType) -> Self {
        match ty {
            ItemType::Module => Self::Module,
            ItemType::Func => Self::Func,
            ItemType::Type(Some(_)) => Self::Resource,
            ItemType::Type(None) => Self::Type,
            ItemType::Component => Self::Component,
            ItemType::Instance(_) => Self::Instance,
            ItemType::Value => Self::Value,
        }
    }
}

impl Component {
    /// Loads a component: in the binary format, or in the text format if the feature `wat` is on.
    ///
    /// All of it is validated; bodies of core functions as the engine's configuration says. What has been found valid before is
    /// found in the engine's [`cache`](dunlin::Config::cache), if it has one.
    ///
    /// # Errors
    ///
    /// If the bytes are malformed or invalid, or use what this engine lacks; [`Error::offset`] says where.
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Self> {
        let bytes = bytes.as_ref();
        match text(bytes)? {
            Some(binary) => Self::from_shared(engine, binary.into()),
            None => Self::from_shared(engine, bytes.into()),
        }
    }

    /// Loads a component in the binary format, of whose bytes its modules remain parts.
    ///
    /// # Errors
    ///
    /// As [`Component::new`].
    pub fn from_shared(engine: &Engine, bytes: Arc<[u8]>) -> Result<Self> {
        if !Self::is_component(&bytes) {
            return Err(Error::invalid_at("this is not a component", 0));
        }
        let parts = Parts::new(engine, bytes);
        let (decoded, is_kept) = load(&parts)?;
        Ok(Self::from_decoded(parts, decoded, is_kept))
    }

    /// The component that these bytes are, if it is small and the engine's cache has what they say: then it takes some tenths
    /// of a millisecond. Otherwise [`Component::from_shared`] may take much longer.
    #[cfg(feature = "optimize")]
    #[must_use]
    pub fn find_kept(engine: &Engine, bytes: &Arc<[u8]>) -> Option<Self> {
        if !Self::is_component(bytes) {
            return None;
        }
        let parts = Parts::new(engine, bytes.clone());
        let decoded = crate::kept::Place::of(&parts)?.find()?;
        Some(Self::from_decoded(parts, decoded, true))
    }

    pub(crate) fn from_decoded(parts: Parts, decoded: Decoded, is_kept: bool) -> Self {
        let Decoded { templates, modules, mut types, imports, exports } = decoded;
        let imports_modules = imports.iter().any(|(_, ty)| has_modules(ty));
        types.adaptable = !imports_modules && !templates.iter().any(|it| it.has_contexts());
        types.throws = modules.iter().any(|module| module.info().tags() > 0);
        let types = Arc::new(types);
        let has_own_modules = templates.iter().all(|template| template.has_own_modules());
        let inner = Inner {
            templates,
            modules,
            types,
            imports,
            exports,
            imports_modules,
            has_own_modules,
            is_kept,
            parts,
        };
        Self { engine: inner.parts.engine().clone(), inner: Arc::new(inner) }
    }

    /// Loads a component from a file.
    ///
    /// # Errors
    ///
    /// As [`Component::new`], and if the file cannot be read; the kind is then
    /// [`Host`](dunlin::ErrorKind::Host), with the [`io::Error`](std::io::Error).
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Self> {
        Self::new(engine, std::fs::read(path)?)
    }

    /// Validates a component, bodies of core functions included, and keeps nothing.
    ///
    /// # Errors
    ///
    /// As [`Component::new`].
    pub fn validate(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<()> {
        let bytes = bytes.as_ref();
        let binary = text(bytes)?.map_or_else(|| bytes.into(), Arc::from);
        if !Self::is_component(&binary) {
            return Err(Error::invalid_at("this is not a component", 0));
        }
        decode(&Parts::new(engine, binary), Bodies::Now).map(drop)
    }

    /// Whether these bytes begin as a component's binary does, which a module's does not.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin_component::Component;
    ///
    /// assert!(Component::is_component(b"\0asm\x0d\0\x01\0"));
    /// assert!(!Component::is_component(b"\0asm\x01\0\0\0"));
    /// ```
    #[must_use]
    pub fn is_component(bytes: &[u8]) -> bool {
        bytes.len() >= MAGIC.len() && bytes[..4] == MAGIC[..4] && bytes[6..8] == MAGIC[6..]
    }

    /// The binary of a component's text.
    ///
    /// # Errors
    ///
    /// If the text is malformed.
    #[cfg(feature = "wat")]
    pub fn text_to_binary(bytes: &[u8]) -> Result<Vec<u8>> {
        text(bytes).map(|binary| binary.unwrap_or_else(|| bytes.into()))
    }

    /// Whether these bytes begin as the text of a component does: with `(component`, after spaces and comments.
    ///
    /// # Examples
    ///
    /// ```
    /// use dunlin_component::Component;
    ///
    /// assert!(Component::is_text(b" ;; a comment\n (; another ;) (component $c"));
    /// assert!(!Component::is_text(b"(module)"));
    /// assert!(!Component::is_text(b"(components"));
    /// ```
    #[must_use]
    pub fn is_text(bytes: &[u8]) -> bool {
        let Some(rest) = after_comments(bytes).strip_prefix(b"(") else { return false };
        let Some(rest) = after_comments(rest).strip_prefix(b"component") else { return false };
        rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-')
    }

    /// The component's engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How many core modules have been made so far of calls between its components, and of these with others: one for
    /// each list of functions that is lowered at once.
    #[must_use]
    pub fn adapter_modules(&self) -> usize {
        self.inner.templates.iter().map(|template| template.adapter_modules()).sum()
    }

    /// Whether the engine's cache had what its bytes say, so that they were not validated again: see
    /// [`Config::cache`](dunlin::Config::cache). Its core modules are valid in any case.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.inner.is_kept
    }

    /// Whether there is anything that [`keep_prepared`](Self::keep_prepared) would keep. This takes microseconds.
    #[cfg(feature = "optimize")]
    #[must_use]
    pub fn has_more_prepared(&self) -> bool {
        self.inner.parts.has_more_prepared(&self.inner.modules)
    }

    /// Keeps in the engine's cache what has been found of its core modules: see
    /// [`Parts::keep_prepared`](dunlin::Parts::keep_prepared). Worth it once an instance has done what instances do first.
    #[cfg(feature = "optimize")]
    pub fn keep_prepared(&self) -> bool {
        self.inner.parts.keep_prepared(&self.inner.modules)
    }

    /// What it imports, in order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = (&str, ItemKind)> {
        self.inner.imports.iter().map(|(name, ty)| (name.as_ref(), ty.into()))
    }

    /// What it exports, in order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = (&str, ItemKind)> {
        self.inner.exports.iter().map(|(name, ty)| (name.as_ref(), ty.into()))
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component").finish_non_exhaustive()
    }
}

/// What a component's bytes say, and whether the engine's cache had it.
#[cfg(feature = "optimize")]
fn load(parts: &Parts) -> Result<(Decoded, bool)> {
    let Some(place) = crate::kept::Place::of(parts) else {
        return Ok((decode(parts, Bodies::AsConfigured)?, false));
    };
    if let Some(decoded) = place.find() {
        return Ok((decoded, true));
    }
    let decoded = decode(parts, Bodies::AsConfigured)?;
    place.keep(&decoded);
    Ok((decoded, false))
}

/// What a component's bytes say; there is no cache.
#[cfg(not(feature = "optimize"))]
fn load(parts: &Parts) -> Result<(Decoded, bool)> {
    Ok((decode(parts, Bodies::AsConfigured)?, false))
}

/// What follows spaces and comments, which may nest.
fn after_comments(mut bytes: &[u8]) -> &[u8] {
    loop {
        bytes = bytes.trim_ascii_start();
        if bytes.starts_with(b";;") {
            let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
            bytes = &bytes[end..];
        } else if bytes.starts_with(b"(;") {
            let mut deep = 0_usize;
            loop {
                match bytes {
                    [b'(', b';', rest @ ..] => (deep, bytes) = (deep + 1, rest),
                    [b';', b')', rest @ ..] => (deep, bytes) = (deep - 1, rest),
                    [_, rest @ ..] => bytes = rest,
                    [] => return bytes,
                }
                if deep == 0 {
                    break;
                }
            }
        } else {
            return bytes;
        }
    }
}

fn has_modules(ty: &ItemType) -> bool {
    match ty {
        ItemType::Module | ItemType::Component => true,
        ItemType::Instance(items) => items.iter().any(|(_, ty)| has_modules(ty)),
        _ => false,
    }
}

/// The binary that a text stands for; `None` if it is binary already.
#[cfg(feature = "wat")]
fn text(bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    // A beginning of the magic number is a truncated binary, not a text.
    if bytes.starts_with(&MAGIC[..4]) || MAGIC.starts_with(bytes) {
        return Ok(None);
    }
    match wat::parse_bytes(bytes) {
        Ok(binary) => Ok(Some(binary.into_owned())),
        Err(error) => Err(Error::new_of(dunlin::ErrorKind::Invalid, error)),
    }
}

/// Texts are not understood: what is not binary is refused.
#[cfg(not(feature = "wat"))]
#[allow(clippy::unnecessary_wraps, reason = "the same shape as with the text format")]
fn text(_bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    Ok(None)
}
