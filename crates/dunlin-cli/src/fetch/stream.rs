//! Validates a module while its bytes arrive, so that a bad one stops its own download.
//!
//! 1. The first bytes decide: `\0asm` is a module, `(` or `;` after white space may be the text
//!    format, which cannot be checked in pieces and is left to the loader; anything else is refused
//!    (most often a web page that a server sends instead of an error).
//! 2. Whole sections and function bodies are parsed off the front of a buffer and validated; what is
//!    left waits for more. The buffer therefore holds at most one section or body, and bytes that
//!    were looked at are not looked at again.

use std::fmt;

use wasmparser::{
    Chunk, FuncValidatorAllocations, Parser, Payload, ValidPayload, Validator, WasmFeatures,
};

use crate::values::show_offset;

/// What the engine executes (its feature table's defaults): anything else would fail at loading.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::GC)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::LEGACY_EXCEPTIONS)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES)
    .union(WasmFeatures::COMPACT_IMPORTS)
    .union(WasmFeatures::THREADS);

/// White space before the text format's first parenthesis that is skipped in search of it.
const TEXT_BLANK_BYTES_MAX: usize = 4096;

/// Why the bytes are no module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    message: String,
    offset: Option<u64>,
    /// Whether more bytes might have come.
    pub(super) early: bool,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.offset {
            Some(offset) => write!(f, " ({})", show_offset(offset)),
            None => Ok(()),
        }
    }
}

/// What the bytes so far have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unknown,
    Binary,
    Text,
}

/// A validator that is fed with pieces of any size.
pub(super) struct StreamValidator {
    kind: Kind,
    parser: Parser,
    validator: Validator,
    allocations: FuncValidatorAllocations,
    /// Bytes that came and are not yet parsed.
    waiting: Vec<u8>,
    /// Bytes that must wait before another attempt can succeed.
    needed: usize,
    ended: bool,
}

impl StreamValidator {
    /// A validator that has seen nothing.
    pub(super) fn new() -> Self {
        Self {
            kind: Kind::Unknown,
            parser: Parser::new(0),
            validator: Validator::new_with_features(FEATURES),
            allocations: FuncValidatorAllocations::default(),
            waiting: Vec::new(),
            needed: 0,
            ended: false,
        }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    ///
    /// As soon as the bytes so far cannot begin a valid module.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Invalid> {
        if self.kind == Kind::Text {
            return Ok(());
        }
        self.waiting.extend_from_slice(bytes);
        if self.kind == Kind::Unknown {
            self.kind = guess(&self.waiting, false)?;
        }
        match self.kind {
            Kind::Binary if self.waiting.len() >= self.needed => self.advance(false),
            Kind::Text => {
                self.waiting = Vec::new();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Says that there are no more bytes.
    ///
    /// # Errors
    ///
    /// When the module is not complete.
    pub(super) fn finish(mut self) -> Result<(), Invalid> {
        if self.kind == Kind::Unknown {
            self.kind = guess(&self.waiting, true)?;
        }
        if self.kind == Kind::Text { Ok(()) } else { self.advance(true) }
    }

    fn advance(&mut self, no_more: bool) -> Result<(), Invalid> {
        let mut consumed_total = 0;
        let early = !no_more;
        let invalid = |error: wasmparser::BinaryReaderError| Invalid {
            message: error.message().to_owned(),
            offset: Some(error.offset()),
            early,
        };
        while !self.ended {
            let rest = &self.waiting[consumed_total..];
            match self.parser.parse(rest, no_more).map_err(invalid)? {
                Chunk::NeedMoreData(hint) => {
                    self.needed = rest.len().saturating_add(hint);
                    break;
                }
                Chunk::Parsed { consumed, payload } => {
                    consumed_total += consumed;
                    self.ended = matches!(payload, Payload::End(_));
                    let checked = self.validator.payload(&payload).map_err(invalid)?;
                    if let ValidPayload::Func(function, body) = checked {
                        let allocations = std::mem::take(&mut self.allocations);
                        let mut function = function.into_validator(allocations);
                        function.validate(&body).map_err(invalid)?;
                        self.allocations = function.into_allocations();
                    }
                }
            }
        }
        self.waiting.drain(..consumed_total);
        Ok(())
    }
}

fn guess(bytes: &[u8], no_more: bool) -> Result<Kind, Invalid> {
    const MAGIC: &[u8] = b"\0asm";
    let shared = bytes.len().min(MAGIC.len());
    if bytes[..shared] == MAGIC[..shared] && (shared == MAGIC.len() || !no_more) {
        return Ok(if shared == MAGIC.len() { Kind::Binary } else { Kind::Unknown });
    }
    let blank = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    match bytes.get(blank) {
        Some(b'(' | b';') => Ok(Kind::Text),
        None if !no_more && blank <= TEXT_BLANK_BYTES_MAX => Ok(Kind::Unknown),
        None if bytes.is_empty() => {
            Err(Invalid { message: "it is empty".to_owned(), offset: None, early: false })
        }
        _ => {
            let start: String = String::from_utf8_lossy(&bytes[blank..]).chars().take(12).collect();
            let message = format!("neither binary nor text WebAssembly begins with `{start}`");
            Err(Invalid { message, offset: None, early: !no_more })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"\0asm\x01\0\0\0";

    /// A module of one function `() -> i32` with these operators.
    fn module(operators: &[u8]) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        bytes.extend([1, 5, 1, 0x60, 0, 1, 0x7f]);
        bytes.extend([3, 2, 1, 0]);
        let body = operators.len() as u8 + 2;
        bytes.extend([10, body + 2, 1, body, 0]);
        bytes.extend_from_slice(operators);
        bytes.push(0x0b);
        bytes
    }

    fn check(bytes: &[u8], pieces: usize) -> Result<usize, (Invalid, usize)> {
        let mut validator = StreamValidator::new();
        let mut fed = 0;
        for piece in bytes.chunks(pieces) {
            fed += piece.len();
            validator.push(piece).map_err(|invalid| (invalid, fed))?;
        }
        validator.finish().map_err(|invalid| (invalid, fed))?;
        Ok(fed)
    }

    /// The engine's table is the truth; when it gains a default, `FEATURES` must too.
    #[test]
    fn downloads_may_use_what_the_engine_runs() {
        let flag = |name: &str| match name {
            "mutable-global" => WasmFeatures::MUTABLE_GLOBAL,
            "sign-extension" => WasmFeatures::SIGN_EXTENSION,
            "saturating-float-to-int" => WasmFeatures::SATURATING_FLOAT_TO_INT,
            "multi-value" => WasmFeatures::MULTI_VALUE,
            "reference-types" => WasmFeatures::REFERENCE_TYPES,
            "bulk-memory" => WasmFeatures::BULK_MEMORY,
            "simd" => WasmFeatures::SIMD,
            "extended-const" => WasmFeatures::EXTENDED_CONST,
            "multi-memory" => WasmFeatures::MULTI_MEMORY,
            "tail-call" => WasmFeatures::TAIL_CALL,
            "memory64" => WasmFeatures::MEMORY64,
            "function-references" => WasmFeatures::FUNCTION_REFERENCES,
            "gc" => WasmFeatures::GC,
            "exceptions" => WasmFeatures::EXCEPTIONS,
            "legacy-exceptions" => WasmFeatures::LEGACY_EXCEPTIONS,
            "relaxed-simd" => WasmFeatures::RELAXED_SIMD,
            "wide-arithmetic" => WasmFeatures::WIDE_ARITHMETIC,
            "custom-page-sizes" => WasmFeatures::CUSTOM_PAGE_SIZES,
            "compact-imports" => WasmFeatures::COMPACT_IMPORTS,
            "threads" => WasmFeatures::THREADS,
            other => panic!("`{other}` is new: downloads must accept it too"),
        };
        let base = WasmFeatures::FLOATS | WasmFeatures::GC_TYPES;
        let engine = dunlin::Features::default().iter().fold(base, |all, f| all | flag(f.name()));
        assert_eq!(FEATURES, engine);
    }

    #[test]
    fn valid_modules_pass_in_pieces_of_any_size() {
        let bytes = module(&[0x41, 7]);
        for pieces in 1..=bytes.len() {
            assert_eq!(check(&bytes, pieces), Ok(bytes.len()), "{pieces}");
        }
    }

    #[test]
    fn an_invalid_body_stops_at_once_with_its_offset() {
        // `i64.const 7` where an i32 is expected, then bytes that must never be asked for.
        let mut bytes = module(&[0x42, 7]);
        let bad = bytes.len();
        bytes.extend([0; 1000]);
        let (invalid, fed) = check(&bytes, 1).unwrap_err();
        assert_eq!(fed, bad);
        assert_eq!(invalid.offset, Some(bad as u64 - 1));
        assert!(invalid.early && invalid.message.contains("type mismatch"), "{invalid}");
    }

    #[test]
    fn every_truncation_is_noticed() {
        let bytes = module(&[0x41, 7]);
        for length in 0..bytes.len() {
            // A module may end after its header: sections are optional. After the functions'
            // declarations the code is missing.
            let complete = length == HEADER.len() || length == HEADER.len() + 7;
            assert_eq!(check(&bytes[..length], 3).is_ok(), complete, "{length}");
        }
    }

    #[test]
    fn web_pages_are_refused_and_text_is_left_to_the_loader() {
        let page = b"<!DOCTYPE html><html>";
        let (invalid, fed) = check(page, 1).unwrap_err();
        assert_eq!((invalid.offset, fed), (None, 1));
        assert_eq!(check(b" \n(module)", 1), Ok(10));
        assert_eq!(check(b";; c\n(module)", 4), Ok(13));
        assert!(check(b"", 1).is_err() && check(b"   ", 1).is_err());
        assert!(check(&[b' '; TEXT_BLANK_BYTES_MAX + 2], 1).unwrap_err().0.early);
    }
}
