//! A little assembler for modules that the text format cannot write, or not in reasonable size.

use std::fmt::Write as _;

/// A number in as few bytes as it needs.
pub(crate) fn unsigned(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// A number padded to this many bytes, as the format allows up to the type's longest encoding.
pub(crate) fn padded(value: u64, bytes: usize) -> Vec<u8> {
    let last = bytes - 1;
    (0..bytes)
        .map(|i| {
            let seven = (value.checked_shr(7 * i as u32).unwrap_or(0) & 0x7f) as u8;
            if i < last { seven | 0x80 } else { seven }
        })
        .collect()
}

/// A signed number padded to this many bytes.
pub(crate) fn padded_signed(value: i64, bytes: usize) -> Vec<u8> {
    let last = bytes - 1;
    (0..bytes)
        .map(|i| {
            let seven = ((value >> (7 * i).min(63)) & 0x7f) as u8;
            if i < last { seven | 0x80 } else { seven }
        })
        .collect()
}

/// A signed number in as few bytes as it needs.
pub(crate) fn signed(value: i64) -> Vec<u8> {
    let fits = |bytes: usize| {
        let bits = 7 * bytes - 1;
        value >> bits == 0 || value >> bits == -1
    };
    let bytes = (1..10).find(|bytes| fits(*bytes)).unwrap_or(10);
    padded_signed(value, bytes)
}

/// A vector: its length, then its items.
pub(crate) fn vector(items: &[Vec<u8>]) -> Vec<u8> {
    [unsigned(items.len() as u64), items.concat()].concat()
}

/// The type of a function, from the bytes of its value types.
pub(crate) fn func_type(params: &[u8], results: &[u8]) -> Vec<u8> {
    let list = |types: &[u8]| [unsigned(types.len() as u64), types.to_vec()].concat();
    [vec![0x60], list(params), list(results)].concat()
}

/// A function: its type's index, the name it is exported under, its locals and its instructions
/// without the last `end`.
pub(crate) struct Function {
    pub(crate) type_index: u8,
    pub(crate) name: &'static str,
    /// The vector of local declarations, encoded.
    pub(crate) locals: Vec<u8>,
    pub(crate) code: Vec<u8>,
}

/// A section with its size in five bytes, which every decoder has to accept.
pub(crate) fn section(id: u8, contents: Vec<u8>) -> Vec<u8> {
    [vec![id], padded(contents.len() as u64, 5), contents].concat()
}

/// A module of these types and functions, with further sections between those of functions and
/// exports (tables, memories, globals) and around that of code (elements and data).
pub(crate) fn module(
    types: &[Vec<u8>],
    functions: &[Function],
    definitions: &[u8],
    before_code: &[u8],
    after_code: &[u8],
) -> Vec<u8> {
    let indices: Vec<_> = functions.iter().map(|f| vec![f.type_index]).collect();
    let export = |(index, f): (usize, &Function)| {
        let name = [unsigned(f.name.len() as u64), f.name.as_bytes().to_vec()].concat();
        [name, vec![0], unsigned(index as u64)].concat()
    };
    let exports: Vec<_> = functions.iter().enumerate().map(export).collect();
    let body = |f: &Function| {
        let body = [f.locals.clone(), f.code.clone(), vec![0x0b]].concat();
        [padded(body.len() as u64, 5), body].concat()
    };
    let bodies: Vec<_> = functions.iter().map(body).collect();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, vector(types)),
        section(3, vector(&indices)),
        definitions.to_vec(),
        section(7, vector(&exports)),
        before_code.to_vec(),
        section(10, vector(&bodies)),
        after_code.to_vec(),
    ]
    .concat()
}

/// The module as a directive of a script.
pub(crate) fn directive(module: &[u8]) -> String {
    let mut text = String::with_capacity(module.len() * 3 + 32);
    text.push_str("(module binary \"");
    for byte in module {
        // Writing to a string cannot fail.
        let _ = write!(text, "\\{byte:02x}");
    }
    text.push_str("\")\n");
    text
}
