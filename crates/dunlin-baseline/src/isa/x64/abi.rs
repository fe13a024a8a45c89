//! Compiled code's convention: Cranelift's `tail`, in which the optimising tier's code is as well.
//!
//! The first argument is the context. Integers and references are in `rdi rsi rdx rcx r8 r9`, floats and vectors in
//! `xmm0` to `xmm7`, what is left on the stack, aligned, in an area of a multiple of 16 bytes that the called
//! function takes off. Results are in `rax rcx rdx rsi rdi r8 r9 r10` and `xmm0` to `xmm7`; what is left is written
//! where a pointer says that comes before all arguments. `rbx`, `rbp` and `r12` to `r15` are the caller's, but for
//! `r15` where that counts fuel. The upper half of a 32-bit value's register is anything.

use super::regs::{Gpr, R8, R9, R10, RAX, RCX, RDI, RDX, RSI, Xmm};
use dunlin_core::ValType;

/// Registers of integer arguments.
pub(crate) const ARGUMENTS: [Gpr; 6] = [RDI, RSI, RDX, RCX, R8, R9];

/// Registers of integer results.
const RESULTS: [Gpr; 8] = [RAX, RCX, RDX, RSI, RDI, R8, R9, R10];

/// How many vector registers hold arguments or results.
const VECTORS: u8 = 8;

/// Where an argument or result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Gpr(Gpr),
    Xmm(Xmm),
    /// At an offset of the area on the stack, or of the area for results.
    Stack(i32),
}

/// Where a call's values are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// The arguments, without the context.
    pub(crate) args: Vec<Place>,
    pub(crate) results: Vec<Place>,
    /// The register of the context.
    pub(crate) context: Option<Gpr>,
    /// Bytes of arguments on the stack, a multiple of 16.
    pub(crate) stack_bytes: u32,
    /// Bytes of the area for results, a multiple of 16; 0 if there is none.
    pub(crate) area_bytes: u32,
}

fn is_vector(ty: ValType) -> bool {
    matches!(ty, ValType::F32 | ValType::F64 | ValType::V128)
}

fn assign(types: &[ValType], registers: &[Gpr], places: &mut Vec<Place>) -> u32 {
    let (mut ints, mut vectors, mut stack) = (0, 0, 0_u32);
    for ty in types {
        let register = if is_vector(*ty) {
            vectors += 1;
            (vectors <= VECTORS).then(|| Place::Xmm(Xmm(vectors - 1)))
        } else {
            ints += 1;
            registers.get(ints - 1).map(|reg| Place::Gpr(*reg))
        };
        // Beyond the last register the counts stay there.
        vectors = vectors.min(VECTORS);
        places.push(register.unwrap_or_else(|| {
            let bytes = 8 * ty.slots();
            let at = stack.next_multiple_of(bytes);
            stack = at + bytes;
            Place::Stack(at as i32)
        }));
    }
    stack.next_multiple_of(16)
}

impl Places {
    /// The places of a function's values.
    pub(crate) fn of(params: &[ValType], results: &[ValType]) -> Self {
        let mut places = Self::default();
        places.area_bytes = assign(results, &RESULTS, &mut places.results);
        let first = usize::from(places.area_bytes > 0);
        places.context = Some(ARGUMENTS[first]);
        places.stack_bytes = assign(params, &ARGUMENTS[first + 1..], &mut places.args);
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_registers_is_on_the_stack() {
        let places = Places::of(&[ValType::I32; 7], &[ValType::F64]);
        assert_eq!(places.args[4], Place::Gpr(R9));
        assert_eq!(places.args[5..], [Place::Stack(0), Place::Stack(8)]);
        assert_eq!((places.stack_bytes, places.area_bytes), (16, 0));
        assert_eq!(places.results, [Place::Xmm(Xmm(0))]);
        let many = Places::of(&[ValType::I64, ValType::V128], &[ValType::I32; 9]);
        assert_eq!((many.context, many.args[0]), (Some(RSI), Place::Gpr(RDX)));
        assert_eq!((many.results[8], many.area_bytes), (Place::Stack(0), 16));
    }
}
