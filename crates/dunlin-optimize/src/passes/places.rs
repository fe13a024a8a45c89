//! What a load becomes part of, gets the load's place in the module.
//!
//! The machine adds what lies in memory, compares it, and writes it back in one instruction, and the code
//! generator calls it the place of the addition, the comparison or the store. If the load traps, the trap has to
//! be at the load. What else is in such an instruction cannot trap: arithmetic that can is left alone, and a store
//! to where a load has just read from does not trap where that did not.

use cranelift_codegen::ir::{Block, Function, Inst, InstructionData, Opcode, Value};
use std::collections::HashMap;

/// Gives instructions the places of loads.
pub(super) fn run(func: &mut Function) {
    let blocks: Vec<Block> = func.layout.blocks().collect();
    let mut carried: HashMap<Value, Inst> = HashMap::new();
    for block in blocks {
        carried.clear();
        let mut next = func.layout.first_inst(block);
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
            place(func, inst, &mut carried);
        }
    }
}

/// Looks at one instruction, given which loads values have come from in its block.
fn place(func: &mut Function, inst: Inst, carried: &mut HashMap<Value, Inst>) {
    let data = func.dfg.insts[inst];
    let opcode = data.opcode();
    if let InstructionData::Load { .. } = data {
        if data.memflags_data(&func.dfg).is_some_and(|flags| flags.trap_code().is_some()) {
            carried.insert(func.dfg.first_result(inst), inst);
        }
        return;
    }
    let args = func.dfg.inst_args(inst);
    // The latest load is the one that can be part of this.
    let loads = args.iter().filter_map(|arg| carried.get(arg).copied());
    let Some(load) = loads.max_by_key(|load| load.as_u32()) else { return };
    if let InstructionData::Store { args: [_, address], offset, .. } = data {
        let is_there = match func.dfg.insts[load] {
            InstructionData::Load { arg, offset: other, .. } => arg == address && other == offset,
            _ => false,
        };
        if !is_there || width(func, load) < width(func, inst) {
            return;
        }
    } else if opcode.is_call() || opcode.can_trap() || opcode.can_load() || opcode.can_store() {
        return;
    }
    let at = func.srcloc(load);
    func.set_srcloc(inst, at);
    let results = func.dfg.inst_results(inst).to_vec();
    carried.extend(results.into_iter().map(|result| (result, load)));
}

/// Bytes that a load reads or a store writes.
fn width(func: &Function, inst: Inst) -> u32 {
    match func.dfg.insts[inst].opcode() {
        Opcode::Uload8 | Opcode::Sload8 | Opcode::Istore8 => 1,
        Opcode::Uload16 | Opcode::Sload16 | Opcode::Istore16 => 2,
        Opcode::Uload32 | Opcode::Sload32 | Opcode::Istore32 => 4,
        Opcode::Store => func.dfg.value_type(func.dfg.inst_args(inst)[0]).bytes(),
        _ => func.dfg.value_type(func.dfg.first_result(inst)).bytes(),
    }
}
