//! Decoding the operators that most are, faster than by the decoder that knows all.
//!
//! What is read has been validated. Whatever is longer than usual is left to the other decoder, which also says what is
//! wrong if anything is.

use wasmparser::{
    BinaryReader, BlockType, Ieee32, Ieee64, MemArg, MemArgTarget, Operator, OperatorsReader,
    ValType,
};

/// A number of the binary format that has 32 bits, of at most five bytes, and how many bytes it has. Offsets in memories
/// with 64-bit addresses may have more.
#[inline(always)]
pub(super) fn unsigned(bytes: &[u8]) -> Option<(u32, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((first.into(), 1));
    }
    let mut value = u32::from(first & 0x7f);
    for (at, byte) in bytes.iter().enumerate().take(5).skip(1) {
        if at == 4 && *byte > 0x0f {
            return None;
        }
        value |= u32::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return Some((value, at + 1));
        }
    }
    None
}

/// The same, with a sign, of at most ten bytes.
#[inline(always)]
pub(super) fn signed(bytes: &[u8]) -> Option<(i64, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        let shift = 7 * at as u32;
        value |= i64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            let unused = 64_u32.saturating_sub(shift + 7);
            return Some((value << unused >> unused, at + 1));
        }
    }
    None
}

/// A block type of one byte.
#[inline(always)]
pub(super) fn block_type(byte: u8) -> Option<BlockType> {
    Some(match byte {
        0x40 => BlockType::Empty,
        0x7f => BlockType::Type(ValType::I32),
        0x7e => BlockType::Type(ValType::I64),
        0x7d => BlockType::Type(ValType::F32),
        0x7c => BlockType::Type(ValType::F64),
        _ => return None,
    })
}

macro_rules! define_numeric {
    ($(
        $code:literal $name:ident $text:literal $function:ident ($($arg:ident),*) -> $result:ident $($note:ident)?;
    )*) => {
        /// An operator on numbers, which has no immediates.
        #[inline(always)]
        fn numeric<'a>(opcode: u8) -> Option<Operator<'a>> {
            Some(match opcode {
                $($code => Operator::$name,)*
                _ => return None,
            })
        }
    };
}

dunlin_core::for_each_numeric_operator!(define_numeric);

macro_rules! define_load {
    ($(
        $code:literal $name:ident $text:literal $function:ident ($($arg:ident),*) -> $result:ident bytes $bytes:literal;
    )*) => {
        #[inline(always)]
        fn load<'a>(opcode: u8, memarg: MemArg) -> Option<Operator<'a>> {
            Some(match opcode {
                $($code => Operator::$name { memarg },)*
                _ => return None,
            })
        }
    };
}

dunlin_core::for_each_load_operator!(define_load);

macro_rules! define_store {
    ($(
        $code:literal $name:ident $text:literal $function:ident ($($arg:ident),*) -> $result:ident bytes $bytes:literal;
    )*) => {
        #[inline(always)]
        fn store<'a>(opcode: u8, memarg: MemArg) -> Option<Operator<'a>> {
            Some(match opcode {
                $($code => Operator::$name { memarg },)*
                _ => return None,
            })
        }
    };
}

dunlin_core::for_each_store_operator!(define_store);

/// An access of memory 0, and how many bytes its immediates have.
#[inline(always)]
fn access<'a>(opcode: u8, rest: &[u8]) -> Option<(Operator<'a>, usize)> {
    // From the sixth bit on it says more than an alignment.
    let align = *rest.first().filter(|flags| **flags < 0x20)?;
    let (offset, bytes) = unsigned(&rest[1..])?;
    let target = MemArgTarget::Memory(0);
    let memarg = MemArg { align, max_align: align, offset: offset.into(), target, ordering: None };
    let operator = if opcode < 0x36 { load(opcode, memarg) } else { store(opcode, memarg) };
    Some((operator?, 1 + bytes))
}

/// The first operator of these bytes and how many bytes it has, if it is one that this decoder knows.
#[inline(always)]
pub(super) fn usual<'a>(bytes: &[u8]) -> Option<(Operator<'a>, usize)> {
    let (opcode, rest) = bytes.split_first()?;
    let index = |make: fn(u32) -> Operator<'a>| {
        let (index, bytes) = unsigned(rest)?;
        Some((make(index), 1 + bytes))
    };
    let block = |make: fn(BlockType) -> Operator<'a>| Some((make(block_type(*rest.first()?)?), 2));
    match *opcode {
        0x20 => index(|local_index| Operator::LocalGet { local_index }),
        0x21 => index(|local_index| Operator::LocalSet { local_index }),
        0x22 => index(|local_index| Operator::LocalTee { local_index }),
        0x23 => index(|global_index| Operator::GlobalGet { global_index }),
        0x24 => index(|global_index| Operator::GlobalSet { global_index }),
        0x28..=0x3e => access(*opcode, rest).map(|(operator, bytes)| (operator, 1 + bytes)),
        0x41 => signed(rest)
            .map(|(value, bytes)| (Operator::I32Const { value: value as i32 }, 1 + bytes)),
        0x42 => signed(rest).map(|(value, bytes)| (Operator::I64Const { value }, 1 + bytes)),
        0x43 => {
            let bits = u32::from_le_bytes(*rest.first_chunk()?);
            Some((Operator::F32Const { value: Ieee32::from(f32::from_bits(bits)) }, 5))
        }
        0x44 => {
            let bits = u64::from_le_bytes(*rest.first_chunk()?);
            Some((Operator::F64Const { value: Ieee64::from(f64::from_bits(bits)) }, 9))
        }
        0x45..=0xc4 => Some((numeric(*opcode)?, 1)),
        0x02 => block(|blockty| Operator::Block { blockty }),
        0x03 => block(|blockty| Operator::Loop { blockty }),
        0x04 => block(|blockty| Operator::If { blockty }),
        0x05 => Some((Operator::Else, 1)),
        0x0b => Some((Operator::End, 1)),
        0x0c => index(|relative_depth| Operator::Br { relative_depth }),
        0x0d => index(|relative_depth| Operator::BrIf { relative_depth }),
        0x0f => Some((Operator::Return, 1)),
        0x10 => index(|function_index| Operator::Call { function_index }),
        0x1a => Some((Operator::Drop, 1)),
        0x1b => Some((Operator::Select, 1)),
        _ => None,
    }
}

/// The first operator of `bytes[at..end]`, any but those that open and close early blocks that catch, and where the
/// next one begins.
///
/// # Errors
///
/// If it does not decode.
#[cold]
#[inline(never)]
pub(super) fn any(bytes: &[u8], at: usize) -> Result<(Operator<'_>, usize), wasmparser::Error> {
    let mut reader = OperatorsReader::new(BinaryReader::new(&bytes[at..], at as u64));
    let operator = reader.read()?;
    Ok((operator, reader.original_position() as usize))
}

#[cfg(test)]
mod tests {
    use super::{any, usual};
    use wasmparser::Operator;

    /// Every first byte, with immediates of all lengths behind it: where this decoder says something, it is what the
    /// other one says.
    #[test]
    fn both_decoders_say_the_same() {
        let immediates: [&[u8]; 11] = [
            &[3, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0, 0],
            &[3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0, 0],
            &[0; 12],
            &[0x40, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x7f, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x80, 0x7f, 0x80, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0],
            &[0x80, 0x80, 0x80, 0x80, 0x78, 0, 0, 0, 0, 0],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f, 0, 0],
            &[2, 0x80, 0x80, 0x04, 9, 9, 9, 9, 9, 9],
            &[3, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3, 4],
        ];
        let mut known = 0;
        for opcode in 0..=0xff_u8 {
            for rest in immediates {
                let bytes = [&[opcode], rest].concat();
                let Some((operator, len)) = usual(&bytes) else { continue };
                // It would say that nothing is open.
                if let Operator::Else = operator {
                    continue;
                }
                match any(&bytes, 0) {
                    Ok((other, end)) => {
                        known += 1;
                        assert_eq!(len, end, "{bytes:02x?}");
                        assert_eq!(plain(&operator), plain(&other), "{bytes:02x?}");
                    }
                    // Validated bodies have no number that is too large for its type.
                    Err(_) => assert!(rest[0] >= 0x80 || rest[1] >= 0x80, "{bytes:02x?}"),
                }
            }
        }
        assert!(known > 1000, "{known}");
    }

    /// An operator as text, but for what only one of the decoders knows of accesses.
    fn plain(operator: &Operator<'_>) -> String {
        let text = format!("{operator:?}");
        let Some((before, rest)) = text.split_once("max_align: ") else { return text };
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{before}{after}")
    }
}
