//! Operators of a body as text, for reports: the text format's spelling, with indices for names.
//!
//! It reads what is there and believes nothing: a body that does not decode is an error, whether or not
//! it has been validated.

use crate::side::is_reference_prefix;
use crate::{Invalid, Module};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dunlin_core::{Immediate, Operator};
use wasmparser::BinaryReader;

/// Characters of a function's name that are shown behind its index.
const NAME_CHARS_MAX: usize = 64;

/// An operator of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorText {
    /// Where it stands in the module.
    pub offset: usize,
    /// Bytes of it, immediates included.
    pub bytes: usize,
    /// In how many blocks it stands.
    pub depth: usize,
    /// What it is. Names in it are the module's, and may be anything.
    pub text: String,
}

impl Module {
    /// The operators of a function's body, in order.
    ///
    /// # Errors
    ///
    /// If the body does not decode, or the function has none.
    pub fn operators(&self, func: u32) -> Result<Vec<OperatorText>, Invalid> {
        let body = self.body(func).ok_or_else(|| Invalid::new("function has no body", 0))?;
        let names = self.func_names();
        let mut reader = body.get_operators_reader()?;
        let (mut found, mut depth) = (Vec::new(), 0_usize);
        while !reader.eof() {
            let offset = reader.original_position() as usize;
            reader.read()?;
            let end = reader.original_position() as usize;
            let mut bytes = BinaryReader::new(&self.bytes()[offset..end], offset as u64);
            let operator = operator(&mut bytes)?;
            use Operator as O;
            let between = matches!(operator, Some(O::Else | O::Catch | O::CatchAll));
            let closes = between || matches!(operator, Some(O::End | O::Delegate));
            let opens = between
                || matches!(operator, Some(O::Block | O::Loop | O::If | O::Try | O::TryTable));
            depth -= usize::from(closes && depth > 0);
            let text = match operator {
                Some(operator) => spell(operator, &mut bytes, &names)?,
                None => "unknown".to_string(),
            };
            found.push(OperatorText { offset, bytes: end - offset, depth, text });
            depth += usize::from(opens);
        }
        Ok(found)
    }
}

/// The operator whose code is next.
fn operator(bytes: &mut BinaryReader<'_>) -> wasmparser::Result<Option<Operator>> {
    let first = bytes.read_u8()?;
    Ok(match Operator::from_code(None, first.into()) {
        Some(operator) => Some(operator),
        None => Operator::from_code(Some(first), bytes.read_var_u32()?),
    })
}

fn spell(
    operator: Operator,
    bytes: &mut BinaryReader<'_>,
    names: &BTreeMap<u32, &str>,
) -> wasmparser::Result<String> {
    let mut text = operator.mnemonic().to_string();
    for immediate in operator.immediates() {
        let spelled = match immediate {
            Immediate::BlockType => match bytes.clone().read_u8()? {
                first if is_reference_prefix(first) => result_type(bytes)?,
                _ => block_type(bytes.read_var_s33()?),
            },
            Immediate::LabelTable => {
                let count = bytes.read_var_u32()?;
                list(bytes, u64::from(count) + 1, |bytes| {
                    Ok(format!(" {}", bytes.read_var_u32()?))
                })?
            }
            Immediate::Func => func(bytes.read_var_u32()?, names),
            Immediate::Type => format!(" (type {})", bytes.read_var_u32()?),
            Immediate::ValTypes => {
                let count = bytes.read_var_u32()?;
                list(bytes, count.into(), result_type)?
            }
            Immediate::NonNull => format!(" (ref{})", heap_type(bytes.read_var_s33()?)),
            Immediate::Nullable => format!(" (ref null{})", heap_type(bytes.read_var_s33()?)),
            Immediate::Cast => cast(bytes)?,
            Immediate::HeapType => heap_type(bytes.read_var_s33()?),
            Immediate::Catches => {
                let count = bytes.read_var_u32()?;
                list(bytes, count.into(), catch)?
            }
            Immediate::Table | Immediate::Memory => {
                let index = bytes.read_var_u32()?;
                let is_one_of_two = operator.immediates() == [*immediate; 2];
                // Where there is only one, nobody names it.
                if index == 0 && !is_one_of_two { String::new() } else { format!(" {index}") }
            }
            Immediate::Label
            | Immediate::Field
            | Immediate::Count
            | Immediate::Data
            | Immediate::Element
            | Immediate::Local
            | Immediate::Tag
            | Immediate::Global => format!(" {}", bytes.read_var_u32()?),
            Immediate::ConstI32 => format!(" {}", bytes.read_var_i32()?),
            Immediate::ConstI64 => format!(" {}", bytes.read_var_i64()?),
            Immediate::ConstF32 => {
                let bits = bytes.read_f32()?.bits();
                float(f32::from_bits(bits).into(), bits.into())
            }
            Immediate::ConstF64 => {
                let bits = bytes.read_f64()?.bits();
                float(f64::from_bits(bits), bits)
            }
            Immediate::ConstV128 | Immediate::Shuffle => sixteen_bytes(bytes)?,
            Immediate::MemoryArgument => memory_argument(operator, bytes)?,
            Immediate::Reserved => {
                bytes.read_u8()?;
                String::new()
            }
            Immediate::Lane => format!(" {}", bytes.read_u8()?),
        };
        text.push_str(&spelled);
    }
    Ok(text)
}

fn shortened(name: &str) -> String {
    let mut short: String = name.chars().take(NAME_CHARS_MAX).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    short
}

/// A block type: nothing, a type of values, or the index of a function type.
fn block_type(code: i64) -> String {
    let name = match code {
        0.. => return format!(" (type {code})"),
        -0x40 => return String::new(),
        -0x01 => "i32",
        -0x02 => "i64",
        -0x03 => "f32",
        -0x04 => "f64",
        -0x05 => "v128",
        other => return format!(" (result {}ref)", abstract_type(other)),
    };
    format!(" (result {name})")
}

/// So many items, one behind the other.
fn list(
    bytes: &mut BinaryReader<'_>,
    count: u64,
    item: impl Fn(&mut BinaryReader<'_>) -> wasmparser::Result<String>,
) -> wasmparser::Result<String> {
    (0..count).map(|_| item(bytes)).collect()
}

/// A function, with its name if it has one.
fn func(func: u32, names: &BTreeMap<u32, &str>) -> String {
    match names.get(&func) {
        Some(name) => format!(" {func} <{}>", shortened(name)),
        None => format!(" {func}"),
    }
}

fn sixteen_bytes(bytes: &mut BinaryReader<'_>) -> wasmparser::Result<String> {
    let mut number = [0; 16];
    number.copy_from_slice(bytes.read_bytes(16)?);
    Ok(format!(" {:#034x}", u128::from_le_bytes(number)))
}

fn result_type(bytes: &mut BinaryReader<'_>) -> wasmparser::Result<String> {
    Ok(format!(" (result {})", bytes.read::<wasmparser::ValType>()?))
}

/// A clause of a `try_table`.
fn catch(bytes: &mut BinaryReader<'_>) -> wasmparser::Result<String> {
    Ok(match bytes.read::<wasmparser::Catch>()? {
        wasmparser::Catch::One { tag, label } => format!(" (catch {tag} {label})"),
        wasmparser::Catch::OneRef { tag, label } => format!(" (catch_ref {tag} {label})"),
        wasmparser::Catch::All { label } => format!(" (catch_all {label})"),
        wasmparser::Catch::AllRef { label } => format!(" (catch_all_ref {label})"),
    })
}

fn heap_type(code: i64) -> String {
    match code {
        0.. => format!(" {code}"),
        other => format!(" {}", abstract_type(other)),
    }
}

/// A label and two reference types, which flags before them say whether they have null.
fn cast(bytes: &mut BinaryReader<'_>) -> wasmparser::Result<String> {
    let flags = bytes.read_u8()?;
    let label = bytes.read_var_u32()?;
    let mut text = format!(" {label}");
    for bit in [1, 2] {
        let null = if flags & bit == 0 { "" } else { " null" };
        text.push_str(&format!(" (ref{null}{})", heap_type(bytes.read_var_s33()?)));
    }
    Ok(text)
}

/// The name of the abstract heap type with this code.
fn abstract_type(code: i64) -> &'static str {
    match code {
        -0x0C => "noexn",
        -0x0D => "nofunc",
        -0x0E => "noextern",
        -0x0F => "none",
        -0x10 => "func",
        -0x11 => "extern",
        -0x12 => "any",
        -0x13 => "eq",
        -0x14 => "i31",
        -0x15 => "struct",
        -0x16 => "array",
        -0x17 => "exn",
        _ => "…",
    }
}

fn float(number: f64, bits: u64) -> String {
    if number.is_nan() { format!(" nan:{bits:#x}") } else { format!(" {number:?}") }
}

/// What is not what everybody expects: an offset, another memory, an unusual alignment.
fn memory_argument(operator: Operator, bytes: &mut BinaryReader<'_>) -> wasmparser::Result<String> {
    const HAS_MEMORY: u32 = 1 << 6;
    let flags = bytes.read_var_u32()?;
    let memory = if flags & HAS_MEMORY == 0 { 0 } else { bytes.read_var_u32()? };
    let offset = bytes.read_var_u64()?;
    let mut text = String::new();
    if memory != 0 {
        text.push_str(&format!(" {memory}"));
    }
    if offset != 0 {
        text.push_str(&format!(" offset={offset}"));
    }
    let align = 1_u64.checked_shl(flags & !HAS_MEMORY).unwrap_or(0);
    if Some(align) != operator.access_bytes().map(u64::from) {
        text.push_str(&format!(" align={align}"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Features;
    use alloc::sync::Arc;

    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        let text = format!(
            r#"(module (memory 1) (memory 1) (table 1 funcref) (table 1 funcref) (data "") (elem func)
                (type $t (func (param i32) (result i32))) (tag (param i32)) (func $callee) (func {body}))"#
        );
        let module = wat::parse_str(text).expect("a valid text");
        let module = Module::parse(Arc::new(module), Features::default()).expect("an index");
        let found = module.operators(1).expect("operators");
        let lines: Vec<String> = found
            .iter()
            .map(|found| format!("{}{}", " ".repeat(found.depth), found.text))
            .collect();
        assert_eq!(lines, expected);
        let range = module.body_range(1).expect("a body");
        assert!(found.windows(2).all(|pair| pair[0].offset + pair[0].bytes == pair[1].offset));
        let last = found.last().expect("an end");
        assert_eq!(last.offset + last.bytes, range.end);
    }

    #[test]
    fn what_catches_is_spelled_in_its_depth() {
        check(
            "block (result i32) try_table (catch 0 0) (catch_all 1) end throw 0 end drop \
             try catch 0 drop rethrow 0 catch_all end try delegate 0",
            &[
                "block (result i32)",
                " try_table (catch 0 0) (catch_all 1)",
                " end",
                " throw 0",
                "end",
                "drop",
                "try",
                "catch 0",
                " drop",
                " rethrow 0",
                "catch_all",
                "end",
                "try",
                "delegate 0",
                "end",
            ],
        );
    }

    #[test]
    fn every_kind_of_immediate_is_spelled() {
        check(
            "(block (loop (br 1) (br_if 0) (br_table 1 0 2)) (if (result i32) (then) (else)))",
            &[
                "block",
                " loop",
                "  br 1",
                "  br_if 0",
                "  br_table 1 0 2",
                " end",
                " if (result i32)",
                " else",
                " end",
                "end",
                "end",
            ],
        );
        check(
            "call $callee call_indirect (type $t) call_indirect 1 (type $t) ref.func 0 drop \
             ref.null extern select (result i64) block (type $t) end",
            &[
                "call 0 <callee>",
                "call_indirect (type 0)",
                "call_indirect (type 0) 1",
                "ref.func 0 <callee>",
                "drop",
                "ref.null extern",
                "select (result i64)",
                "block (type 0)",
                "end",
                "end",
            ],
        );
        check(
            "(local v128) i32.const -1 i64.const 5 f32.const 1.5 f64.const -1e300 f64.const nan \
             v128.const i64x2 1 2 i8x16.extract_lane_s 3 local.get 0 v128.load8_lane offset=4 1",
            &[
                "i32.const -1",
                "i64.const 5",
                "f32.const 1.5",
                "f64.const -1e300",
                "f64.const nan:0x7ff8000000000000",
                "v128.const 0x00000000000000020000000000000001",
                "i8x16.extract_lane_s 3",
                "local.get 0",
                "v128.load8_lane offset=4 1",
                "end",
            ],
        );
        check(
            "i32.load i32.load offset=8 align=1 i64.store8 1 offset=4 memory.size 1 memory.copy 1 0 \
             memory.init 0 table.init 1 0 data.drop 0 elem.drop 0 table.copy 0 1",
            &[
                "i32.load",
                "i32.load offset=8 align=1",
                "i64.store8 1 offset=4",
                "memory.size 1",
                "memory.copy 1 0",
                "memory.init 0",
                "table.init 0 1",
                "data.drop 0",
                "elem.drop 0",
                "table.copy 0 1",
                "end",
            ],
        );
    }

    #[test]
    fn atomic_operators_are_spelled() {
        check(
            "atomic.fence i32.atomic.load i64.atomic.rmw8.add_u offset=3 memory.atomic.wait64 1",
            &[
                "atomic.fence",
                "i32.atomic.load",
                "i64.atomic.rmw8.add_u offset=3",
                "memory.atomic.wait64 1",
                "end",
            ],
        );
    }
}
