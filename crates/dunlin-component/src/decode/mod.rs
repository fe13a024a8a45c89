//! Bytes → a validated description of a component.
//!
//! 1. The validator is given every section first, so that what is decoded here is valid: indices are in bounds, names
//!    are there, types agree.
//! 2. Components nest; a stack of those that are open replaces recursion.
//! 3. Core modules are loaded from their part of the bytes by the engine, which validates their bodies: the validator
//!    here is given all of a module but these.
//!
//! Types come from the validator, which has resolved aliases; [`types`] makes ours of them.

mod canon;
mod items;
mod types;

#[cfg(feature = "optimize")]
pub(crate) use canon::ASYNC_NAMES;

use crate::template::{Captured, Def, ItemType, Source, Template};
use crate::types::TypeTable;
use dunlin::{Error, Module, Parts, Result};
use items::Open;
use std::ops::Range;
use std::sync::Arc;
use types::Types;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// What a component's bytes say.
pub(crate) struct Decoded {
    /// All components; the last is the outermost.
    pub(crate) templates: Vec<Arc<Template>>,
    /// All core modules.
    pub(crate) modules: Vec<Module>,
    pub(crate) types: TypeTable,
    pub(crate) imports: Vec<(Arc<str>, ItemType)>,
    pub(crate) exports: Vec<(Arc<str>, ItemType)>,
}

/// The features that components are validated with. What core modules may use is the engine's to say.
fn features() -> WasmFeatures {
    WasmFeatures::default()
        | WasmFeatures::WIDE_ARITHMETIC
        | WasmFeatures::LEGACY_EXCEPTIONS
        | WasmFeatures::CUSTOM_PAGE_SIZES
        | WasmFeatures::COMPACT_IMPORTS
        | WasmFeatures::CM_ASYNC
        | WasmFeatures::CM_ASYNC_STACKFUL
        | WasmFeatures::CM_MORE_ASYNC_BUILTINS
        | WasmFeatures::CM_THREADING
        | WasmFeatures::CM_FIXED_LENGTH_LISTS
        | WasmFeatures::CM_MAP
        | WasmFeatures::CM_IMPLEMENTS
}

/// When bodies of core functions are validated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bodies {
    /// As the engine's configuration says.
    AsConfigured,
    Now,
}

/// Decodes and validates a component.
pub(crate) fn decode(parts: &Parts, bodies: Bodies) -> Result<Decoded> {
    let mut decoder = Decoder {
        parts,
        bodies,
        validator: Validator::new_with_features(features()),
        types: Types::default(),
        templates: Vec::new(),
        modules: Vec::new(),
        open: Vec::new(),
        in_module: false,
        outermost: None,
    };
    for payload in Parser::new(0).parse_all(parts.bytes()) {
        decoder.payload(&payload.map_err(invalid)?)?;
    }
    let (imports, exports) =
        decoder.outermost.ok_or_else(|| Error::invalid_at("no component", 0))?;
    let (templates, modules) = (decoder.templates, decoder.modules);
    Ok(Decoded { templates, modules, types: decoder.types.table, imports, exports })
}

type Items = Vec<(Arc<str>, ItemType)>;

/// The state of decoding.
struct Decoder<'a> {
    parts: &'a Parts,
    bodies: Bodies,
    validator: Validator,
    types: Types,
    templates: Vec<Arc<Template>>,
    modules: Vec<Module>,
    /// The components that have begun and not ended, the innermost last.
    open: Vec<Open>,
    /// Whether a core module has begun and not ended.
    in_module: bool,
    /// What the outermost component imports and exports, once it has ended.
    outermost: Option<(Items, Items)>,
}

impl Decoder<'_> {
    fn payload(&mut self, payload: &Payload<'_>) -> Result<()> {
        self.validator.payload(payload).map_err(invalid)?;
        if self.in_module {
            self.in_module = !matches!(payload, Payload::End(_));
            return Ok(());
        }
        match payload {
            Payload::Version { .. } => self.open.push(Open::default()),
            Payload::ModuleSection { unchecked_range, .. } => {
                self.module(unchecked_range.clone())?;
            }
            Payload::End(_) => self.end()?,
            _ => self.section(payload)?,
        }
        Ok(())
    }

    /// A core module begins.
    fn module(&mut self, range: Range<u64>) -> Result<()> {
        self.in_module = true;
        let part = range.start as usize..range.end as usize;
        let bytes = self.parts.bytes();
        if bytes.get(part.clone()).is_none() {
            // The section says more bytes than there are.
            return Err(Error::invalid_at("unexpected end of a core module", bytes.len() as u64));
        }
        // Its offsets count from the module's beginning.
        let moved = |error: Error| match error.offset() {
            Some(offset) => error.with_offset(range.start + offset),
            None => error,
        };
        if self.bodies == Bodies::Now {
            Module::validate(self.parts.engine(), &bytes[part.clone()]).map_err(moved)?;
        }
        let module = self.parts.module(part).map_err(moved)?;
        let index = self.modules.len() as u32;
        self.modules.push(module);
        self.top().def(Def::Module(index));
        self.top().modules += 1;
        Ok(())
    }

    /// The innermost component ends.
    fn end(&mut self) -> Result<()> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let index = self.templates.len() as u32;
        self.templates.push(Arc::new(open.template));
        match self.open.last_mut() {
            Some(outer) => {
                outer.def(Def::Component(index));
                outer.components += 1;
            }
            None => self.outermost = Some((open.imports, open.exports)),
        }
        Ok(())
    }

    fn top(&mut self) -> &mut Open {
        self.open.last_mut().expect("a component is open")
    }

    /// Makes what a component some levels out has, or captures, known to the innermost: the index of its capture.
    fn capture(&mut self, what: Captured, levels: u32, index: u32) -> u32 {
        let depth = self.open.len() - 1;
        let mut source = Source::Local(index);
        let mut place = 0;
        for level in (0..levels as usize).rev() {
            let open = &mut self.open[depth - level];
            place = open.capture(what, source);
            source = Source::Captured(place);
        }
        place
    }
}

/// The validator's error as ours.
fn invalid(error: wasmparser::Error) -> Error {
    Error::invalid_at(error.message(), error.offset())
}

/// A component that is valid but uses what this engine lacks.
fn unsupported(what: impl std::fmt::Display) -> Error {
    Error::invalid_at(format_args!("{what} is not supported"), 0)
}
