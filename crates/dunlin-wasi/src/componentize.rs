//! Core modules for WASI 0.1 as components.
//!
//! A module whose source used interfaces of WIT carries their types in custom sections (`component-type…`). Such a module
//! becomes a component that imports and exports those interfaces; the functions of WASI 0.1 that it imports become
//! an *adapter*, a small core module that implements them by WASI 0.2 in the memory of the first. Without such sections a
//! module that exports `_start` becomes a command of WASI 0.2.
//!
//! 1. The sections are walked once, to see what it is and to refuse what is none, with its offset;
//! 2. the encoder of `wit-component` validates the module's imports and exports against the types, and encodes;
//! 3. whoever loads the component validates it as any other: what is wrong in function bodies is found there.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dunlin::{Error, ErrorKind, Result};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{ExternalKind, Parser, Payload};
use wit_component::ComponentEncoder;

use crate::limits::{COMPONENT_TYPE_BYTES_MAX, COMPONENTIZED_BYTES_MAX};

/// How the custom sections begin that have types of interfaces.
const TYPES: &str = "component-type";

/// What a core module is, as far as components are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleKind {
    /// It was made to become a component: it has types of interfaces.
    Interfaces {
        /// Whether it is a program too, which exports `_start`.
        command: bool,
    },
    /// A program, which exports `_start`.
    Command,
    /// Neither.
    Other,
}

/// What a core module is.
///
/// # Errors
///
/// If the bytes are no core module, or malformed; [`Error::offset`] says where.
///
/// # Examples
///
/// ```
/// use dunlin_wasi::{ModuleKind, module_kind};
///
/// assert_eq!(module_kind(b"\0asm\x01\0\0\0")?, ModuleKind::Other);
/// assert!(module_kind(b"\0asm\x0d\0\x01\0").is_err(), "this is a component");
/// # Ok::<(), dunlin::Error>(())
/// ```
pub fn module_kind(module: &[u8]) -> Result<ModuleKind> {
    let (mut types_bytes, mut command) = (0, false);
    let mut has_types = false;
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(invalid)? {
            Payload::Version { encoding: wasmparser::Encoding::Component, .. } => {
                return Err(Error::invalid_at("this is a component, and no core module", 0));
            }
            Payload::CustomSection(section) if section.name().starts_with(TYPES) => {
                has_types = true;
                types_bytes += section.data().len();
                if types_bytes > COMPONENT_TYPE_BYTES_MAX {
                    let offset = section.data_offset();
                    let what = format!(
                        "types of interfaces of more than {COMPONENT_TYPE_BYTES_MAX} bytes"
                    );
                    return Err(Error::invalid_at(what, offset));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export.map_err(invalid)?;
                    command |= export.name == "_start" && export.kind == ExternalKind::Func;
                }
            }
            _ => {}
        }
    }
    Ok(match (has_types, command) {
        (true, command) => ModuleKind::Interfaces { command },
        (false, true) => ModuleKind::Command,
        (false, false) => ModuleKind::Other,
    })
}

/// Makes a component of a core module for WASI 0.1.
///
/// # Errors
///
/// If the bytes are no core module, malformed (with the offset) or too large, or it neither has types of interfaces nor
/// exports `_start`; if what it imports or exports is not what its types say.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>> {
    if module.len() > COMPONENTIZED_BYTES_MAX {
        let (bytes, bytes_max) = (module.len(), COMPONENTIZED_BYTES_MAX);
        let what = format_args!("a module of {bytes} bytes, and {bytes_max} at most");
        return Err(Error::new_of(ErrorKind::Invalid, what));
    }
    let adapter = match module_kind(module)? {
        ModuleKind::Interfaces { command: true } | ModuleKind::Command => {
            WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER
        }
        ModuleKind::Interfaces { command: false } => WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
        ModuleKind::Other => {
            let why = "the module says nothing of interfaces, and is no program: it cannot become a component";
            return Err(Error::new_of(ErrorKind::Invalid, why));
        }
    };
    // The encoder is given what nobody has validated: should it have a defect, one module is refused for it.
    catch_unwind(AssertUnwindSafe(|| encode(module, adapter))).unwrap_or_else(|_| {
        Err(Error::new_of(ErrorKind::Invalid, "the module cannot become a component"))
    })
}

fn encode(module: &[u8], adapter: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = ComponentEncoder::default();
    let encoded = encoder
        .module(module)
        .and_then(|encoder| encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter))
        .and_then(ComponentEncoder::encode);
    encoded.map_err(|error| {
        let what = format!("the module cannot become a component: {error:#}");
        match error.downcast_ref::<wasmparser::BinaryReaderError>() {
            Some(decoding) => Error::invalid_at(what, decoding.offset()),
            None => Error::new_of(ErrorKind::Invalid, what),
        }
    })
}

#[cold]
fn invalid(error: wasmparser::BinaryReaderError) -> Error {
    Error::invalid_at(error.message(), error.offset())
}
