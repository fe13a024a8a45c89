//! Our own passes, before the code generator's optimiser and between that and its lowering.
//!
//! 0. [`thread`]: branches on what others have decided are taken there.
//! 1. [`hoist`]: bounds of memories are read outside of loops that cannot change them.
//! 2. [`streams`]: loops whose accesses run evenly over memory get a second form, which checks the whole
//!    range before it begins.
//! 3. [`unroll`]: small loops that have none make several turns before they jump back.
//! 4. [`widen`]: numbers that are extended are read so.
//! 5. [`places`]: what a load becomes part of, gets its place, so that traps are at the load.
//!
//! Each looks at a function a bounded number of times (`limits.rs`), and has a switch in `tuning.rs`. None
//! changes what a guest can observe: what traps, traps at the same operator with the same memory.

mod affine;
mod counted;
mod hoist;
mod places;
mod streams;
mod thread;
mod unroll;
mod widen;

use crate::settings::{Bounds, Settings};
use crate::translate::Region;
use crate::tuning;
use crate::worker::clif_trap;
use cranelift_codegen::Context;
use cranelift_codegen::ir::{
    Block, Function, Inst, InstructionData, MemFlagsData, Opcode, Value, ValueDef,
};
use dunlin_core::TrapCode;
use std::collections::HashSet;

/// Runs all passes; whether any changed the function. The control-flow graph and the dominator tree are
/// those of what is left.
pub(crate) fn run(context: &mut Context, settings: &Settings) -> bool {
    let mut changed = false;
    if tuning::PASSES && context.func.layout.blocks().count() > 1 {
        changed = loops(context, settings);
    }
    if tuning::PASSES && tuning::WIDE_LOADS {
        changed |= widen::run(&mut context.func);
    }
    places::run(&mut context.func);
    changed
}

/// Runs those that come before the code generator's optimiser.
pub(crate) fn prepare(func: &mut Function) {
    if tuning::PASSES && tuning::THREAD_BRANCHES && func.layout.blocks().count() > 1 {
        thread::run(func);
    }
}

/// The passes over loops.
fn loops(context: &mut Context, settings: &Settings) -> bool {
    let mut changed = false;
    if tuning::HOIST_BOUNDS {
        context.compute_loop_analysis();
        changed |= hoist::run(&mut context.func, &context.loop_analysis);
    }
    let mut done = HashSet::new();
    let mut rebuilt = false;
    if tuning::STREAMS && (tuning::STREAMS_GUARDED || settings.bounds == Bounds::Explicit) {
        rebuilt |= streams::run(&mut context.func, &mut context.cfg, &mut done);
    }
    if tuning::PLAIN_UNROLL {
        rebuilt |= unroll::run(&mut context.func, &done);
    }
    if rebuilt {
        context.compute_cfg();
        context.compute_domtree();
    }
    changed |= rebuilt;
    changed
}

/// The block that defines a value.
fn home(func: &Function, value: Value) -> Option<Block> {
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => func.layout.inst_block(inst),
        ValueDef::Param(block, _) => Some(block),
        ValueDef::Union(..) => None,
    }
}

/// The instruction that a value is the result of.
fn definition(func: &Function, value: Value) -> Option<(Inst, InstructionData)> {
    let inst = func.dfg.value_def(value).inst()?;
    Some((inst, func.dfg.insts[inst]))
}

/// The number that a value always is, with its sign.
fn constant(func: &Function, value: Value) -> Option<i64> {
    let (_, InstructionData::UnaryImm { opcode, imm }) = definition(func, value)? else {
        return None;
    };
    if opcode != Opcode::Iconst {
        return None;
    }
    let unused = 64 - func.dfg.value_type(value).bits();
    Some(imm.bits() << unused >> unused)
}

/// Whether an instruction only asks whether to stop.
fn is_poll(func: &Function, inst: Inst) -> bool {
    let data = func.dfg.insts[inst];
    if let InstructionData::CondTrap { code, .. } = data {
        return code == clif_trap(TrapCode::Interrupted);
    }
    let region = data.memflags_data(&func.dfg).and_then(MemFlagsData::alias_region);
    data.opcode().can_load()
        && region.is_some_and(|region| Region::Poll.is(func.dfg.alias_regions[region].user_id))
}

/// Whether an instruction reads or writes the register that counts fuel.
fn is_payment(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::GetPinnedReg | Opcode::SetPinnedReg)
}

/// Whether an instruction computes one value and does nothing else.
fn is_pure(func: &Function, inst: Inst) -> bool {
    let opcode = func.dfg.insts[inst].opcode();
    func.dfg.inst_results(inst).len() == 1
        && !(opcode.can_load()
            || opcode.can_store()
            || opcode.can_trap()
            || opcode.is_call()
            || opcode.is_terminator()
            || opcode.other_side_effects())
}
