//! Functions that call nothing and keep nothing on the stack run without a frame.
//!
//! The code generator makes one for every function: four instructions, of which two access memory. Of small functions
//! that are called through tables that is half of all. Here they are taken out of finished code:
//!
//! 1. A function is left alone if it calls anything, or if it tests the stack's limit, which it does unless it needs no
//!    more of the stack than what links its frame. Whatever the frame pointer says is then the caller's frame, and the
//!    address that is returned to lies where the stack pointer is, from the first instruction to the last. Whoever
//!    looks for callers from within such code knows by its first byte that it has no frame (`dunlin-vm`).
//! 2. It must return in one place, which can be reached: the code generator ends the frame there and nowhere else, with
//!    bytes that are always the same. They must be found once. So they are those, and not a constant that a guest has
//!    made to look so.
//! 3. Bytes are written over and none moves: offsets in tables stay what they are.

use crate::tuning;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{Function, Opcode};
use dunlin_core::TrapCode;

/// `push rbp; mov rbp, rsp`.
const BEGIN: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];

/// `mov rsp, rbp; pop rbp; ret`.
const END: [u8; 5] = [0x48, 0x89, 0xec, 0x5d, 0xc3];

/// One instruction that does nothing.
const NOTHING: [u8; 4] = [0x0f, 0x1f, 0x40, 0x00];

/// `ret`, and what is never executed.
const RETURN: [u8; 5] = [0xc3, 0xcc, 0xcc, 0xcc, 0xcc];

/// Whether a function calls nothing and asks for nothing of its frame.
pub(crate) fn is_leaf(func: &Function) -> bool {
    let insts = func.layout.blocks().flat_map(|block| func.layout.block_insts(block));
    insts.map(|inst| func.dfg.insts[inst].opcode()).all(|opcode| {
        let asks = [Opcode::GetFramePointer, Opcode::GetStackPointer, Opcode::GetReturnAddress];
        !opcode.is_call() && !asks.contains(&opcode)
    })
}

/// Takes the frame out of a function's code, if it needs none.
pub(crate) fn leave_out_frame(
    code: &mut [u8],
    traps: &[(u32, TrapCode)],
    func: &Function,
    domtree: &DominatorTree,
) {
    let is_leaf = is_leaf(func);
    let tests_stack = traps.iter().any(|(_, code)| *code == TrapCode::StackOverflow);
    let is_known = func.stack_limit.is_some() && func.sized_stack_slots.is_empty();
    if !tuning::LEAVES_WITHOUT_FRAMES || !is_leaf || tests_stack || !is_known {
        return;
    }
    if !code.starts_with(&BEGIN) || !returns_once(func, domtree) {
        return;
    }
    let mut ends = code.windows(END.len()).enumerate().filter(|(_, bytes)| **bytes == END);
    let (Some((end, _)), None) = (ends.next(), ends.next()) else { return };
    code[..BEGIN.len()].copy_from_slice(&NOTHING);
    code[end..][..END.len()].copy_from_slice(&RETURN);
}

/// Whether a function returns in one place, which can be reached.
fn returns_once(func: &Function, domtree: &DominatorTree) -> bool {
    let last = |block| func.layout.last_inst(block).map(|inst| func.dfg.insts[inst].opcode());
    let mut returns = func.layout.blocks().filter(|block| last(*block) == Some(Opcode::Return));
    let only = returns.next().filter(|_| returns.next().is_none());
    only.is_some_and(|block| domtree.is_reachable(block))
}
