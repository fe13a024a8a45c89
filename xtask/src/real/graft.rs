//! Adds one exported function to a compiled module, everything else left byte for byte; cuts components into sections.
//!
//! Some programs are published as *reactors*: modules that an embedder calls, without a `_start`.
//! To run one from a command line, a function that does the embedder's calls is added to it:
//!
//! 1. cut the module into its sections, and read its imports' and exports' names;
//! 2. hand the exports to the caller, who writes a body that calls them by index;
//! 3. append a type, a function, an export and that body to the four sections that hold them.
//!
//! Nothing before the new function moves, so no index in the old code changes. Does **not** know:
//! validation; an engine that loads the result checks it.

use std::collections::HashMap;

use crate::error::Error;

const TYPE: u8 = 1;
const IMPORT: u8 = 2;
const FUNCTION: u8 = 3;
const EXPORT: u8 = 7;
const CODE: u8 = 10;

/// Magic and version.
const HEADER_BYTES: usize = 8;

/// The type `[] → []` in the binary format.
const TYPE_NOTHING: [u8; 3] = [0x60, 0, 0];

/// The numbers of sections, and what is in them.
pub type Sections<'m> = Vec<(u8, &'m [u8])>;

/// The exported functions of a module, by name.
pub struct Exports(HashMap<String, u32>);

impl Exports {
    /// The index of the exported function that has this name up to a first `:`.
    ///
    /// # Errors
    ///
    /// When no function has the name.
    pub fn function(&self, name: &str) -> Result<u32, Error> {
        let start = format!("{name}:");
        let found = self.0.iter().find(|(full, _)| *full == name || full.starts_with(&start));
        found
            .map(|(_, &index)| index)
            .ok_or_else(|| Error::new(format!("the module exports no function `{name}`")))
    }
}

/// Returns the module with a function `[] → []` more, exported under `name`; `body` writes its
/// locals and instructions, without the final `end`.
///
/// # Errors
///
/// When the bytes are not a module that has these sections, or `body` fails.
pub fn add_function(
    module: &[u8],
    name: &str,
    body: impl FnOnce(&Exports) -> Result<Vec<u8>, Error>,
) -> Result<Vec<u8>, Error> {
    let sections = sections(module)?;
    let imported = section(&sections, IMPORT).map_or(Ok(0), imported_functions)?;
    section(&sections, CODE)?;
    let types = first_number(section(&sections, TYPE)?)?;
    let function = imported + first_number(section(&sections, FUNCTION)?)?;
    let exports = Exports(exported_functions(section(&sections, EXPORT)?)?);
    let mut code = body(&exports)?;
    code.push(0x0b);
    let mut export = encoded(name.len() as u32);
    export.extend(name.as_bytes());
    export.push(0);
    export.extend(encoded(function));

    let mut out = module[..HEADER_BYTES].to_vec();
    for (id, contents) in sections {
        let entry = match id {
            TYPE => TYPE_NOTHING.to_vec(),
            FUNCTION => encoded(types),
            EXPORT => export.clone(),
            CODE => [encoded(code.len() as u32), code.clone()].concat(),
            _ => Vec::new(),
        };
        out.push(id);
        if entry.is_empty() {
            out.extend(encoded(contents.len() as u32));
            out.extend(contents);
            continue;
        }
        let mut reader = Reader { bytes: contents, at: 0 };
        let mut longer = encoded(reader.number()? + 1);
        longer.extend(&contents[reader.at..]);
        longer.extend(entry);
        out.extend(encoded(longer.len() as u32));
        out.extend(longer);
    }
    Ok(out)
}

/// A number as the binary format writes it (unsigned LEB128).
pub fn encoded(mut number: u32) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            out.push(low);
            return out;
        }
        out.push(low | 0x80);
    }
}

fn sections(module: &[u8]) -> Result<Sections<'_>, Error> {
    if !module.starts_with(b"\0asm\x01\0\0\0") {
        return Err(Error::new("these bytes are no core module"));
    }
    sections_of(module)
}

/// A component's header, and its sections: their numbers and what is in them.
///
/// # Errors
///
/// When the bytes are not a component's.
pub fn component_sections(component: &[u8]) -> Result<(&[u8], Sections<'_>), Error> {
    if !component.starts_with(b"\0asm\x0d\0\x01\0") {
        return Err(Error::new("these bytes are no component"));
    }
    Ok((&component[..HEADER_BYTES], sections_of(component)?))
}

fn sections_of(module: &[u8]) -> Result<Sections<'_>, Error> {
    let mut reader = Reader { bytes: module, at: HEADER_BYTES };
    let mut found = Vec::new();
    while reader.at < module.len() {
        let id = reader.byte()?;
        let length = reader.number()? as usize;
        found.push((id, reader.take(length)?));
    }
    Ok(found)
}

fn section<'a>(sections: &[(u8, &'a [u8])], id: u8) -> Result<&'a [u8], Error> {
    let found = sections.iter().find(|(other, _)| *other == id);
    found
        .map(|(_, contents)| *contents)
        .ok_or_else(|| Error::new(format!("the module has no section {id}")))
}

fn first_number(contents: &[u8]) -> Result<u32, Error> {
    Reader { bytes: contents, at: 0 }.number()
}

fn imported_functions(contents: &[u8]) -> Result<u32, Error> {
    let mut reader = Reader { bytes: contents, at: 0 };
    let mut functions = 0;
    for _ in 0..reader.number()? {
        reader.name()?;
        reader.name()?;
        match reader.byte()? {
            0 => {
                reader.number()?;
                functions += 1;
            }
            1 => {
                reader.byte()?;
                reader.limits()?;
            }
            2 => reader.limits()?,
            3 => {
                reader.byte()?;
                reader.byte()?;
            }
            kind => return Err(Error::new(format!("an import of unknown kind {kind}"))),
        }
    }
    Ok(functions)
}

fn exported_functions(contents: &[u8]) -> Result<HashMap<String, u32>, Error> {
    let mut reader = Reader { bytes: contents, at: 0 };
    let mut found = HashMap::new();
    for _ in 0..reader.number()? {
        let name = reader.name()?;
        let kind = reader.byte()?;
        let index = reader.number()?;
        if kind == 0 {
            found.insert(name, index);
        }
    }
    Ok(found)
}

/// Reads the binary format from front to back.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(length);
        let piece = end.and_then(|end| self.bytes.get(self.at..end));
        self.at = self.at.saturating_add(length);
        piece.ok_or_else(|| Error::new("the module ends within a section"))
    }

    fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u32, Error> {
        let mut number = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(number).map_err(|_| Error::new("a number beyond 32 bits"));
            }
        }
        Err(Error::new("a number of more than five bytes"))
    }

    fn name(&mut self) -> Result<String, Error> {
        let length = self.number()? as usize;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    fn limits(&mut self) -> Result<(), Error> {
        let bounded = self.byte()? & 1 == 1;
        self.number()?;
        if bounded {
            self.number()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{add_function, encoded};

    /// One imported and one defined function of type 0, the second exported as `f: x`.
    const SMALL: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x07\x01\x01a\x01b\0\0\
        \x03\x02\x01\0\x07\x08\x01\x04f: x\0\x01\x0a\x04\x01\x02\0\x0b";

    #[test]
    fn the_new_function_follows_the_others_in_all_four_sections() {
        let grown = add_function(SMALL, "g", |exports| {
            assert!(exports.function("h").is_err());
            Ok([vec![0, 0x10], encoded(exports.function("f")?)].concat())
        });
        let expected: &[u8] = b"\0asm\x01\0\0\0\x01\x07\x02\x60\0\0\x60\0\0\
            \x02\x07\x01\x01a\x01b\0\0\x03\x03\x02\0\x01\
            \x07\x0c\x02\x04f: x\0\x01\x01g\0\x02\x0a\x09\x02\x02\0\x0b\x04\0\x10\x01\x0b";
        assert_eq!(grown.expect("a module"), expected);
    }

    #[test]
    fn cut_bytes_are_refused() {
        for length in 0..SMALL.len() {
            assert!(add_function(&SMALL[..length], "g", |_| Ok(vec![0])).is_err(), "{length}");
        }
    }
}
