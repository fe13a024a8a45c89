//! The stack of calls, from a function's type: the convention that `isa/x64/abi.rs` describes, once more.

use dunlin_core::{FuncType, ValType};

/// Bytes of what does not fit registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Of arguments, which the called function takes off.
    pub(crate) stack_bytes: u32,
    /// Of results.
    pub(crate) area_bytes: u32,
}

/// Bytes of what does not fit so many general registers and eight of vectors.
fn spilled(types: impl Iterator<Item = ValType>, generals: u32) -> u32 {
    let (mut general, mut vector, mut bytes) = (generals, 8_u32, 0_u32);
    for ty in types {
        let is_vector = matches!(ty, ValType::F32 | ValType::F64 | ValType::V128);
        let left = if is_vector { &mut vector } else { &mut general };
        if *left > 0 {
            *left -= 1;
            continue;
        }
        let size = if ty == ValType::V128 { 16 } else { 8 };
        bytes = bytes.next_multiple_of(size) + size;
    }
    bytes.next_multiple_of(16)
}

impl Shape {
    /// That of a type, with a reference behind the arguments or without.
    pub(crate) fn of(ty: &FuncType, refers: bool) -> Self {
        let area_bytes = spilled(ty.results().iter().copied(), 8);
        let more = refers.then_some(ValType::I32);
        // The context has a register, and so has the pointer to where results go.
        let generals = if area_bytes > 0 { 4 } else { 5 };
        let stack_bytes = spilled(ty.params().iter().copied().chain(more), generals);
        Self { stack_bytes, area_bytes }
    }

    /// The number of the context's register.
    pub(crate) fn context(self) -> usize {
        if self.area_bytes > 0 { 6 } else { 7 }
    }
}
