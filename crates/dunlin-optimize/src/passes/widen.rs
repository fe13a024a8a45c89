//! Addresses are 64 bits wide, and what guests read to use as one has 32. A load of 32 bits clears the upper half of the
//! register that it writes, so that there is nothing left to extend; but the code generator knows that only of a load of
//! 64 bits that are extended. Where a number that has been read is extended, it is read like that.

use super::definition;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Function, Inst, InstBuilder, InstructionData, Opcode, Value, types};
use std::collections::HashMap;

/// Lets extended numbers be read as what they are extended to; whether there were any.
pub(super) fn run(func: &mut Function) -> bool {
    let mut wide: HashMap<Inst, Value> = HashMap::new();
    let extensions = extensions(func);
    let changed = !extensions.is_empty();
    for (inst, load) in extensions {
        let wide = *wide.entry(load).or_insert_with(|| read_wide(func, load));
        let extended = func.dfg.first_result(inst);
        func.dfg.clear_results(inst);
        func.dfg.change_to_alias(extended, wide);
        func.layout.remove_inst(inst);
    }
    if changed {
        // Nothing that comes later knows of two names of one value.
        func.dfg.resolve_all_aliases();
    }
    changed
}

/// Instructions that extend what a load has read, and the loads.
fn extensions(func: &Function) -> Vec<(Inst, Inst)> {
    let mut found = Vec::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            let InstructionData::Unary { opcode: Opcode::Uextend, arg } = func.dfg.insts[inst]
            else {
                continue;
            };
            let is_wide = func.dfg.value_type(func.dfg.first_result(inst)) == types::I64;
            let read = definition(func, func.dfg.resolve_aliases(arg));
            let Some((load, InstructionData::Load { opcode: Opcode::Load, .. })) = read else {
                continue;
            };
            let is_narrow = func.dfg.value_type(func.dfg.first_result(load)) == types::I32;
            if is_wide && is_narrow && func.layout.inst_block(load).is_some() {
                found.push((inst, load));
            }
        }
    }
    found
}

/// Makes a load one of 64 bits, of which the number that it was of is the lower half; those.
fn read_wide(func: &mut Function, load: Inst) -> Value {
    let InstructionData::Load { flags, arg, offset, .. } = func.dfg.insts[load] else {
        unreachable!("a load");
    };
    let source = func.srcloc(load);
    let mut cursor = FuncCursor::new(func).at_inst(load).with_srcloc(source);
    let (inst, dfg) = cursor.ins().Load(Opcode::Uload32, types::I64, flags, offset, arg);
    let wide = dfg.first_result(inst);
    let lower = cursor.ins().ireduce(types::I32, wide);
    let narrow = func.dfg.first_result(load);
    func.dfg.clear_results(load);
    func.dfg.change_to_alias(narrow, lower);
    func.layout.remove_inst(load);
    wide
}
