//! Takes away what a module or component does not need to run: names, who made it, what debuggers read.
//!
//! Both binary formats are a list of sections, each a number, a length and bytes; a component's sections may be modules and
//! components, which are looked into. All sections but the custom ones that are taken away stay as they are.
//! Sections that are not known stay: whoever put them there may want them.

use crate::limits::NESTED_MAX;
use dunlin::{Error, Result};

/// The magic number and the version.
const HEADER: usize = 8;
/// Custom sections, in modules and components.
const CUSTOM: u8 = 0;
/// A component's core modules.
const CORE_MODULE: u8 = 1;
/// A component's components.
const COMPONENT: u8 = 4;

/// The module or component without custom sections that are only there to be read by people and debuggers.
///
/// # Errors
///
/// If its sections are malformed; [`Error::offset`] says where.
pub fn strip(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(wasm.len());
    sections(wasm, 0, NESTED_MAX, &mut out)?;
    Ok(out)
}

fn sections(wasm: &[u8], base: usize, deep: usize, out: &mut Vec<u8>) -> Result<()> {
    let header = wasm.get(..HEADER).filter(|header| header.starts_with(b"\0asm"));
    out.extend_from_slice(header.ok_or_else(|| malformed(base))?);
    let is_component = wasm[6] == 1;
    let mut at = HEADER;
    while at < wasm.len() {
        let start = at;
        let id = wasm[at];
        at += 1;
        let len = number(wasm, &mut at).ok_or_else(|| malformed(base + at))?;
        let body = wasm.get(at..).and_then(|rest| rest.get(..len));
        let body = body.ok_or_else(|| malformed(base + at))?;
        let inside = base + at;
        at += len;
        match id {
            CUSTOM if is_dropped(body).ok_or_else(|| malformed(inside))? => {}
            CORE_MODULE | COMPONENT if is_component => {
                let deep = deep.checked_sub(1).ok_or_else(|| malformed(inside))?;
                let mut kept = Vec::with_capacity(len);
                sections(body, inside, deep, &mut kept)?;
                out.push(id);
                put_number(kept.len(), out);
                out.extend_from_slice(&kept);
            }
            _ => out.extend_from_slice(&wasm[start..at]),
        }
    }
    Ok(())
}

/// Whether a custom section is one that nothing needs that runs it.
fn is_dropped(body: &[u8]) -> Option<bool> {
    let mut at = 0;
    let len = number(body, &mut at)?;
    let name = body.get(at..)?.get(..len)?;
    let readable: [&[u8]; 6] = [
        b"name",
        b"producers",
        b"component-name",
        b"target_features",
        b"sourceMappingURL",
        b"external_debug_info",
    ];
    Some(readable.contains(&name) || name.starts_with(b".debug_"))
}

/// A number of up to 32 bits, in LEB128.
fn number(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0_u64;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(u32::try_from(value).ok()?).ok();
        }
    }
    None
}

fn put_number(mut value: usize, out: &mut Vec<u8>) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

#[cold]
fn malformed(offset: usize) -> Error {
    Error::invalid_at("malformed section", offset as u64)
}

#[cfg(test)]
mod tests {
    use super::{number, put_number, strip};
    use dunlin::Engine;
    use dunlin_component::Component;

    fn custom(name: &str, bytes: usize) -> String {
        format!(r#"(@custom "{name}" "{}")"#, "x".repeat(bytes))
    }

    #[test]
    fn sections_that_are_for_people_go_and_others_stay() {
        let readable = custom("producers", 300) + &custom(".debug_info", 5000);
        let kept = custom("mine", 10);
        let module = |extra: &str| {
            format!(
                r#"(core module $m {extra} (func $named (export "f") (result i32) (i32.const 1)))"#
            )
        };
        let text = |extra: &str| {
            format!(
                r#"(component {extra} {} (component $c {}) (core instance $i (instantiate $m))
                    (func (export "f") (result u32) (canon lift (core func $i "f"))))"#,
                module(extra),
                module(extra)
            )
        };
        let whole = wat::parse_str(text(&(readable + &kept))).expect("valid");
        let stripped = strip(&whole).expect("well formed");
        let contains =
            |bytes: &[u8], name: &[u8]| bytes.windows(name.len()).any(|part| part == name);
        for name in [b"producers".as_slice(), b".debug_info", b"component-name", b"named"] {
            assert!(contains(&whole, name) && !contains(&stripped, name));
        }
        assert!(contains(&stripped, b"mine"));
        Component::validate(&Engine::default(), &stripped).expect("as valid as before");
        assert_eq!(strip(&stripped).expect("well formed"), stripped);
    }

    #[test]
    fn damaged_bytes_are_refused_with_their_place() {
        let whole = wat::parse_str(r#"(component (core module (func $f)))"#).expect("valid");
        for len in 0..whole.len() {
            // A cut between two sections cannot be seen.
            if let Err(error) = strip(&whole[..len]) {
                assert!(error.offset().is_some_and(|at| at <= len as u64), "{error}");
            }
        }
        strip(b"").expect_err("nothing");
        strip(b"\0asm\x01\0\0\0\x00\xff\xff\xff\xff\xff").expect_err("too long a number");
        strip(b"\0asm\x01\0\0\0\x00\xff\xff\xff\xff\x0f").expect_err("too long a section");
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for value in [0, 1, 127, 128, 16_384, u32::MAX as usize] {
            let mut bytes = Vec::new();
            put_number(value, &mut bytes);
            assert_eq!(number(&bytes, &mut 0), Some(value));
        }
    }
}
