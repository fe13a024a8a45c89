//! x86-64: its registers and instructions, and where compiled code's convention puts values.

pub(crate) mod abi;
pub(crate) mod asm;
pub(crate) mod regs;
pub(crate) mod vector;
