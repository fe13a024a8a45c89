//! The side table: where each branch of a function goes, so that its original bytes can be executed.
//!
//! A table is a sequence of 64-bit words. The interpreter keeps a pointer into it beside its
//! instruction pointer; both advance together. Words, in program order of the operators that own them:
//!
//! * **branch** (`br`, `br_if`, each target of `br_table`, `if`, `else`, `catch`, `return`): [`Branch`], packed as
//!   `dip:i32 | dstp:i16 | pops:u8 | vals:6 bits | 0 | 0`. `dip` is relative to the byte after the opcode,
//!   `dstp` to the word itself. `vals` slots on top are kept, the `pops` slots below them dropped.
//!   A word with `vals` and `pops` both zero moves nothing, which is one comparison in the hot path.
//! * **escape**: `pops` = [`ESCAPE_POPS`]; `dip` then counts words from the escape to a *wide* record of
//!   three words at the table's end: absolute address of the target, `dstp` relative to the record,
//!   `pops << 32 | vals`. Functions of megabytes and branches with hundreds of values need it.
//! * **counted branch**: [`COUNTED`] is set, and what it does is counted. `dip` then counts words from it to a record
//!   behind the table: the branch's own word, and what counts. A publisher of tables writes them ([`counted`]); it is
//!   replaced by the branch's own word when there is nothing to count any more.
//! * **end** (two words, owned by the function's last `end`): [`END_BIT`] `|` address of the byte after
//!   that `end`, then the slots of the results. No other word has [`END_BIT`], so the handler of `end`
//!   tells the last one from a block's by one comparison.
//! * **tail call** (`return_call`, `return_call_indirect`): slots of the caller's locals.
//! * **throw** (`throw`): slots of what the exception carries.
//! * **kept exception** (`rethrow`): the slot of the locals that keeps what is thrown again.
//! * **wide local** (`local.*` of a function with `v128` locals): the local's first slot.
//!
//! Words that hold an address are listed in [`Prepared::relocations`]; until they are relocated they
//! count bytes from the first byte of the body.
//!
//! The idea of a side table beside the original bytes is Ben Titzer's (Wizard, arXiv 2205.01183).

use crate::handlers::Handlers;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Marks a word as the address of a function's last `end`.
pub const END_BIT: u64 = 1 << 63;

/// Marks the word of a branch that is counted. The bits of a branch that drops nothing are then not all zero, so that
/// the quick way does not take it.
pub const COUNTED: u64 = 1 << 62;

/// Words of the record of a counted branch.
pub const COUNTED_WORDS: usize = 2;

/// Slots that a branch keeps at most without a wide record.
const VALS_MAX: u32 = 63;

/// The value of a branch's `pops` that marks an escape to a wide record.
pub const ESCAPE_POPS: u64 = 0xFF;

/// Words of a wide record.
pub const WIDE_WORDS: usize = 3;

/// Slots of the frame record that stands between a function's locals and its operands:
/// return address, caller's frame, caller's side-table position, caller's instance, and one slot of
/// padding that takes the spill of an empty operand stack.
pub const FRAME_RECORD_SLOTS: u32 = 5;

/// Where a branch goes and which slots it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Bytes from the byte after the opcode to the target.
    pub dip: i32,
    /// Words from this word to the side-table position at the target.
    pub dstp: i16,
    /// Slots dropped below the kept ones.
    pub pops: u8,
    /// Slots kept.
    pub vals: u8,
}

impl Branch {
    /// The packed form, or `None` where a field needs a wide record.
    #[must_use]
    pub fn pack(dip: i64, dstp: i64, pops: u32, vals: u32) -> Option<u64> {
        let dip = i32::try_from(dip).ok()?;
        let dstp = i16::try_from(dstp).ok()?;
        if u64::from(pops) >= ESCAPE_POPS || vals > VALS_MAX {
            return None;
        }
        // Nothing moves when nothing is dropped, whatever is kept.
        let vals = if pops == 0 { 0 } else { vals };
        Some(
            u64::from(dip as u32)
                | u64::from(dstp as u16) << 32
                | u64::from(pops) << 48
                | u64::from(vals) << 56,
        )
    }

    /// The fields of a packed word.
    #[must_use]
    pub const fn unpack(word: u64) -> Self {
        Self {
            dip: word as i32,
            dstp: (word >> 32) as i16,
            pops: (word >> 48) as u8,
            vals: (word >> 56) as u8 & 0x3F,
        }
    }
}

/// The word of a counted branch whose record is `words` after it.
#[must_use]
pub fn counted(words: i32) -> u64 {
    u64::from(words as u32) | COUNTED
}

/// An escape word whose wide record is `words` after it.
#[must_use]
pub fn escape(words: i32) -> u64 {
    u64::from(words as u32) | ESCAPE_POPS << 48
}

/// Whether the type of a block is this byte and no more. Indices of types may be longer, and the types of
/// references to something certain have a heap type behind their first byte.
#[must_use]
#[inline(always)]
pub const fn is_short_block_type(first: u8) -> bool {
    first < 0x80 && !is_reference_prefix(first)
}

/// Whether a block type or value type with this first byte has a heap type behind it.
#[must_use]
#[inline(always)]
pub const fn is_reference_prefix(first: u8) -> bool {
    matches!(first, 0x63 | 0x64)
}

/// A validated function, ready to be executed in place.
#[derive(Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Offset in the module of the first byte after the body's local declarations.
    pub code_offset: u32,
    /// The side table.
    pub words: Vec<u64>,
    /// Indices of the words that hold an address, now relative to the start of the body.
    pub relocations: Vec<u32>,
    /// Indices of the words of branches that go backwards, to loops.
    pub loops: Vec<u32>,
    /// Slots of the parameters.
    pub params: u32,
    /// Slots of all locals, parameters included.
    pub locals: u32,
    /// Slots of the results.
    pub results: u32,
    /// Slots that an activation needs: locals, frame record, and the highest operand stack.
    pub frame: u32,
    /// A copy of the body with some opcodes replaced: where common sequences of operators begin, and in
    /// functions that handle `v128` values. See [`pseudo`]. It has the body's length and offsets.
    pub patched: Option<Box<[u8]>>,
    /// What it catches.
    pub handlers: Handlers,
}

/// Opcodes that exist only in patched copies of bodies; no valid module contains them.
///
/// A `v128` takes two slots. A local's slot is then not its index, and `drop`, `select`, `global.get`
/// and `global.set` do not say how many slots they move; so functions with `v128` values run on a copy
/// in which those opcodes are replaced. The codes of fused sequences are in the rows of
/// [`for_each_fused_operator`](dunlin_core::for_each_fused_operator).
pub mod pseudo {
    /// `local.get` of a one-slot local; owns a word with its slot.
    pub const LOCAL_GET: u8 = 0xE0;
    /// `local.set` of a one-slot local; owns a word with its slot.
    pub const LOCAL_SET: u8 = 0xE1;
    /// `local.tee` of a one-slot local; owns a word with its slot.
    pub const LOCAL_TEE: u8 = 0xE2;
    /// `local.get` of a `v128` local; owns a word with its slot.
    pub const LOCAL_GET_V128: u8 = 0xE3;
    /// `local.set` of a `v128` local; owns a word with its slot.
    pub const LOCAL_SET_V128: u8 = 0xE4;
    /// `local.tee` of a `v128` local; owns a word with its slot.
    pub const LOCAL_TEE_V128: u8 = 0xE5;
    /// `drop` of a `v128`.
    pub const DROP_V128: u8 = 0xE6;
    /// `select` without type of two `v128`.
    pub const SELECT_V128: u8 = 0xE7;
    /// `select` with the type `v128`.
    pub const SELECT_T_V128: u8 = 0xE8;
    /// `global.get` of a `v128` global.
    pub const GLOBAL_GET_V128: u8 = 0xE9;
    /// `global.set` of a `v128` global.
    pub const GLOBAL_SET_V128: u8 = 0xEA;
    /// Enters a function's native code, in place of its body. No body has this opcode, `delegate`, where it is
    /// executed: in the private copy, there is nothing in its place.
    pub const NATIVE: u8 = 0x18;
    /// Leaves the interpreter: the return address of a frame that the host called. Before a byte that is not 0 it is
    /// where the record of a function leads whose executions are counted: all other codes are taken.
    pub const EXIT: u8 = 0xFF;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_every_field() {
        for (dip, dstp, pops, vals) in
            [(0, 0, 0, 0), (-1, -1, 1, 1), (i32::MAX, i16::MIN, 254, 63), (i32::MIN, 5, 3, 0)]
        {
            let word = Branch::pack(dip.into(), dstp.into(), pops, vals).expect("it fits");
            assert_eq!(word & (END_BIT | COUNTED), 0, "a branch is never taken for another word");
            let branch = Branch::unpack(word);
            assert_eq!((branch.dip, branch.dstp), (dip, dstp));
            assert_eq!((branch.pops.into(), branch.vals.into()), (pops, vals));
        }
    }

    #[test]
    fn what_does_not_fit_escapes() {
        assert_eq!(Branch::pack(0, 40_000, 0, 0), None);
        assert_eq!(Branch::pack(0, 0, 255, 0), None);
        assert_eq!(Branch::pack(0, 0, 1, 64), None);
        assert_eq!(Branch::unpack(escape(-7)).dip, -7);
        assert_eq!(u64::from(Branch::unpack(escape(1)).pops), ESCAPE_POPS);
    }

    #[test]
    fn kept_values_need_no_move_when_nothing_is_dropped() {
        assert_eq!(Branch::pack(1, 1, 0, 9).map(|word| word >> 48), Some(0));
    }
}
