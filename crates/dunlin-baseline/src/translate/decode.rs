//! Decoding the operators that most are, faster than by the decoder that knows all.
//!
//! What is read has been validated. Whatever is longer than usual is left to the other decoder, which also says what is
//! wrong if anything is.

use wasmparser::{
    BinaryReader, BlockType, Ieee32, Ieee64, MemArg, MemArgTarget, OperatorsReader, ValType,
    VisitOperator,
};

/// A number of the binary format that has 32 bits, of at most five bytes, and how many bytes it has. Offsets in memories
/// with 64-bit addresses may have more.
#[inline(always)]
fn unsigned(bytes: &[u8]) -> Option<(u32, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((first.into(), 1));
    }
    long_unsigned(bytes)
}

fn long_unsigned(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
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
fn signed(bytes: &[u8]) -> Option<(i64, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((i64::from(first) << 57 >> 57, 1));
    }
    long_signed(bytes)
}

fn long_signed(bytes: &[u8]) -> Option<(i64, usize)> {
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

/// What is given operators.
pub(super) trait Sink<'a>: VisitOperator<'a, Output = ()> {
    /// Says where the next operator stands, before the one at hand is given.
    fn next(&mut self, at: usize);
}

/// What is done with an operator without immediates, and with an access.
type Plain<S> = fn(&mut S);
type Access<S> = fn(&mut S, MemArg);

/// Notes in tables by opcode what is done with an operator.
macro_rules! note {
    (plain $table:ident $sink:ident @mvp $op:ident => $visit:ident) => {
        note!(put $table $sink $op $visit)
    };
    (plain $table:ident $sink:ident @sign_extension $op:ident => $visit:ident) => {
        note!(put $table $sink $op $visit)
    };
    (access $table:ident $sink:ident @mvp $op:ident memarg => $visit:ident) => {
        note!(put $table $sink $op $visit)
    };
    (put $table:ident $sink:ident $op:ident $visit:ident) => {
        $table[dunlin_core::Operator::$op.code() as usize] = Some($sink::$visit)
    };
    ($($rest:tt)*) => {};
}

macro_rules! define_plain {
    ($(
        @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($notes:tt)*)
    )*) => {
        /// By opcode: operators of one byte.
        const fn plain<'a, S: Sink<'a>>() -> [Option<Plain<S>>; 256] {
            let mut table: [Option<Plain<S>>; 256] = [None; 256];
            $(note!(plain table S @$proposal $op $($($arg)*)? => $visit);)*
            table
        }
    };
}

wasmparser::for_each_operator!(define_plain);

macro_rules! define_accesses {
    ($(
        @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($notes:tt)*)
    )*) => {
        /// By opcode: accesses of memory.
        const fn accesses<'a, S: Sink<'a>>() -> [Option<Access<S>>; 256] {
            let mut table: [Option<Access<S>>; 256] = [None; 256];
            $(note!(access table S @$proposal $op $($($arg)*)? => $visit);)*
            table
        }
    };
}

wasmparser::for_each_operator!(define_accesses);

/// A number at a place, and where it ends.
#[inline(always)]
pub(super) fn unsigned_at(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let (number, len) = unsigned(bytes.get(at..)?)?;
    Some((number, at + len))
}

/// The same, with a sign.
#[inline(always)]
fn signed_at(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let (number, len) = signed(bytes.get(at..)?)?;
    Some((number, at + len))
}

/// The immediates of an access of memory 0, and where they end.
#[inline(always)]
fn memarg_at(bytes: &[u8], at: usize) -> Option<(MemArg, usize)> {
    // From the sixth bit on it says more than an alignment.
    let align = *bytes.get(at).filter(|flags| **flags < 0x20)?;
    let (offset, next) = unsigned_at(bytes, at + 1)?;
    let target = MemArgTarget::Memory(0);
    Some((MemArg { align, max_align: align, offset: offset.into(), target, ordering: None }, next))
}

/// Gives the operator at a place, if it is one that this decoder knows; where the next one stands.
#[inline(always)]
pub(super) fn usual<'a, S: Sink<'a>>(sink: &mut S, bytes: &[u8], at: usize) -> Option<usize> {
    let opcode = *bytes.get(at)?;
    let rest = at + 1;
    macro_rules! give {
        ($visit:ident: $immediate:expr) => {{
            let (immediate, next) = $immediate?;
            sink.next(next);
            sink.$visit(immediate);
            next
        }};
        ($visit:ident) => {{
            sink.next(rest);
            sink.$visit();
            rest
        }};
    }
    let block = || Some((block_type(*bytes.get(rest)?)?, rest + 1));
    Some(match opcode {
        0x20 => give!(visit_local_get: unsigned_at(bytes, rest)),
        0x21 => give!(visit_local_set: unsigned_at(bytes, rest)),
        0x22 => give!(visit_local_tee: unsigned_at(bytes, rest)),
        0x41 => {
            give!(visit_i32_const: signed_at(bytes, rest).map(|(value, next)| (value as i32, next)))
        }
        0x28..=0x3e => {
            let (memarg, next) = memarg_at(bytes, rest)?;
            let access = const { &accesses::<S>() }[usize::from(opcode)]?;
            sink.next(next);
            access(sink, memarg);
            next
        }
        0x45..=0xc4 => {
            let plain = const { &plain::<S>() }[usize::from(opcode)]?;
            sink.next(rest);
            plain(sink);
            rest
        }
        0x0b => give!(visit_end),
        0x02 => give!(visit_block: block()),
        0x03 => give!(visit_loop: block()),
        0x04 => give!(visit_if: block()),
        0x05 => give!(visit_else),
        0x0c => give!(visit_br: unsigned_at(bytes, rest)),
        0x0d => give!(visit_br_if: unsigned_at(bytes, rest)),
        0x0f => give!(visit_return),
        0x10 => give!(visit_call: unsigned_at(bytes, rest)),
        0x11 => {
            let (ty, at) = unsigned_at(bytes, rest)?;
            let (table, next) = unsigned_at(bytes, at)?;
            sink.next(next);
            sink.visit_call_indirect(ty, table);
            next
        }
        0x1a => give!(visit_drop),
        0x1b => give!(visit_select),
        0x23 => give!(visit_global_get: unsigned_at(bytes, rest)),
        0x24 => give!(visit_global_set: unsigned_at(bytes, rest)),
        0x42 => give!(visit_i64_const: signed_at(bytes, rest)),
        0x43 => give!(visit_f32_const: bytes.get(rest..)?.first_chunk().map(|bits| {
            (Ieee32::from(f32::from_bits(u32::from_le_bytes(*bits))), rest + 4)
        })),
        0x44 => give!(visit_f64_const: bytes.get(rest..)?.first_chunk().map(|bits| {
            (Ieee64::from(f64::from_bits(u64::from_le_bytes(*bits))), rest + 8)
        })),
        _ => return None,
    })
}

/// Gives the operator at a place, any but those that open and close early blocks that catch; where the next one stands.
///
/// # Errors
///
/// If it does not decode.
#[cold]
#[inline(never)]
pub(super) fn any<'a, S: Sink<'a>>(
    sink: &mut S,
    bytes: &'a [u8],
    at: usize,
) -> Result<usize, wasmparser::Error> {
    let mut reader = OperatorsReader::new(BinaryReader::new(&bytes[at..], at as u64));
    let mut ahead = reader.clone();
    ahead.read()?;
    let next = ahead.original_position() as usize;
    sink.next(next);
    reader.visit_operator(sink)?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::{Sink, any, usual};
    use wasmparser::{Operator, VisitOperator, VisitSimdOperator};

    /// Keeps what it is given, as text, and where the next operator stands.
    #[derive(Default)]
    struct Given {
        operator: Option<String>,
        next: usize,
    }

    macro_rules! define {
        ($(
            @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($notes:tt)*)
        )*) => {$(
            fn $visit(&mut self $($(, $arg: $ty)*)?) {
                self.operator = Some(plain(&Operator::$op $({ $($arg),* })?));
            }
        )*};
    }

    impl<'a> VisitOperator<'a> for Given {
        type Output = ();

        fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = ()>> {
            Some(self)
        }

        wasmparser::for_each_visit_operator!(define);
    }

    impl<'a> VisitSimdOperator<'a> for Given {
        wasmparser::for_each_visit_simd_operator!(define);
    }

    impl Sink<'_> for Given {
        fn next(&mut self, at: usize) {
            self.next = at;
        }
    }

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
                let mut given = Given::default();
                let Some(next) = usual(&mut given, &bytes, 0) else { continue };
                assert_eq!(next, given.next, "{bytes:02x?}");
                // It would say that nothing is open.
                if opcode == 0x05 {
                    continue;
                }
                let mut other = Given::default();
                match any(&mut other, &bytes, 0) {
                    Ok(end) => {
                        known += 1;
                        assert_eq!(next, end, "{bytes:02x?}");
                        assert_eq!(given.operator, other.operator, "{bytes:02x?}");
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
