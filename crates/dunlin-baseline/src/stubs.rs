//! The ways into and out of compiled code: between arguments in their places and arguments in slots.

use crate::isa::x64::abi::{Place, Places};
use crate::isa::x64::asm::{Alu, Asm, Cc, Mem, Width};
use crate::isa::x64::regs::{Gpr, R11, R12, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP};
use crate::translate::{call_builtin, context_offset};
use crate::tuning;
use dunlin_core::{FuncType, TrapCode, ValType};
use dunlin_module::compile::Relocation;
use dunlin_module::layout::{SLOT_BYTES, import_call, interrupts, store_context, vm_context};
use dunlin_module::{Builtin, CompiledFunction, Settings};

/// Where a way out leads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// To an imported function, of which the import's record says what to call.
    Import(u32),
    /// To a function that the module defines.
    Func(u32),
    /// To a function whose reference is the last argument.
    Ref,
}

/// A stub under construction.
#[derive(Default)]
struct Stub {
    asm: Asm,
    relocations: Vec<Relocation>,
    traps: Vec<(u32, TrapCode)>,
}

/// Where each value's first slot is, in bytes.
fn offsets(types: &[ValType]) -> impl Iterator<Item = i32> {
    types.iter().scan(0, |at, ty| {
        let here = *at;
        *at += (ty.slots() as usize * SLOT_BYTES) as i32;
        Some(here)
    })
}

/// Loads a value from a slot to its place, or to the stack at `base`.
fn load(asm: &mut Asm, ty: ValType, from: Mem, to: Place, base: Gpr) {
    match to {
        Place::Gpr(reg) => asm.load(Width::W64, reg, from),
        Place::Xmm(reg) if ty == ValType::V128 => asm.load_v128(reg, from),
        Place::Xmm(reg) => asm.load_f64(reg, from),
        Place::Stack(at) => {
            for word in 0..ty.slots() as i32 {
                asm.load(Width::W64, R11, Mem { disp: from.disp + 8 * word, ..from });
                asm.store(Width::W64, Mem::at(base, at + 8 * word), R11);
            }
        }
    }
}

/// Stores a value from its place, or from the stack at `base`, to a slot: 32-bit ones with zeros above.
fn store(asm: &mut Asm, ty: ValType, from: Place, to: Mem, base: Mem) {
    let is_narrow = !matches!(ty, ValType::I64 | ValType::F64 | ValType::V128);
    match from {
        Place::Gpr(reg) => {
            if is_narrow {
                asm.mov(Width::W32, reg, reg);
            }
            asm.store(Width::W64, to, reg);
        }
        Place::Xmm(reg) if ty == ValType::V128 => asm.store_v128(to, reg),
        Place::Xmm(reg) if ty == ValType::F32 => {
            asm.store_f32(to, reg);
            asm.store_imm(Width::W32, Mem { disp: to.disp + 4, ..to }, 0);
        }
        Place::Xmm(reg) => asm.store_f64(to, reg),
        Place::Stack(at) => {
            for word in 0..ty.slots() as i32 {
                let from = Mem { disp: base.disp + at + 8 * word, ..base };
                let width = if is_narrow { Width::W32 } else { Width::W64 };
                asm.load(width, R11, from);
                asm.store(Width::W64, Mem { disp: to.disp + 8 * word, ..to }, R11);
            }
        }
    }
}

impl Stub {
    /// Traps where the stack has no room for so many bytes. The context is in a register.
    fn limit_stack(&mut self, context: Gpr, bytes: u32) {
        self.asm.load(Width::W64, R11, Mem::at(context, context_offset(vm_context::INTERRUPTS)));
        self.asm.load(Width::W64, R11, Mem::at(R11, interrupts::NATIVE_LIMIT as i32));
        self.asm.alu_imm(Alu::Add, Width::W64, R11.into(), bytes as i32);
        self.asm.alu(Alu::Cmp, Width::W64, RSP, R11.into());
        let fits = self.asm.label();
        self.asm.jcc(Cc::Ae, fits);
        self.traps.push((self.asm.here(), TrapCode::StackOverflow));
        self.asm.ud2();
        self.asm.bind(fits);
    }

    /// Reads the store's fuel into its register, or writes it back; the context is in `rbx`.
    fn fuel(&mut self, takes: bool) {
        self.asm.load(Width::W64, R11, Mem::at(RBX, context_offset(vm_context::STORE)));
        let place = Mem::at(R11, store_context::FUEL as i32);
        if takes {
            self.asm.load(Width::W64, R15, place);
            self.asm.unary(crate::isa::x64::asm::Unary::Not, Width::W64, R15.into());
        } else {
            self.asm.unary(crate::isa::x64::asm::Unary::Not, Width::W64, R15.into());
            self.asm.store(Width::W64, place, R15);
            self.asm.unary(crate::isa::x64::asm::Unary::Not, Width::W64, R15.into());
        }
    }

    fn finish(mut self) -> CompiledFunction {
        self.asm.link();
        CompiledFunction {
            code: self.asm.code().to_vec(),
            alignment: tuning::FUNCTION_ALIGNMENT,
            relocations: self.relocations,
            traps: self.traps,
            ..CompiledFunction::default()
        }
    }
}

/// The way in: `fn(code, cx, slots)`.
pub(crate) fn enter(ty: &FuncType, settings: &Settings) -> CompiledFunction {
    let places = Places::of(ty.params(), ty.results());
    let mut stub = Stub::default();
    let asm = &mut stub.asm;
    asm.push(RBP);
    asm.mov(Width::W64, RBP, RSP);
    asm.push(RBX);
    asm.push(R12);
    let room = places.stack_bytes + places.area_bytes;
    stub.limit_stack(RSI, room + 64);
    let asm = &mut stub.asm;
    asm.alu_imm(Alu::Sub, Width::W64, RSP.into(), room as i32);
    asm.mov(Width::W64, RBX, RSI);
    asm.mov(Width::W64, R12, RDX);
    asm.mov(Width::W64, RAX, RDI);
    if settings.fuel {
        stub.fuel(true);
    }
    let asm = &mut stub.asm;
    for ((param, place), at) in ty.params().iter().zip(&places.args).zip(offsets(ty.params())) {
        load(asm, *param, Mem::at(R12, at), *place, RSP);
    }
    if places.area_bytes > 0 {
        asm.lea(Width::W64, RDI, Mem::at(RSP, places.stack_bytes as i32));
    }
    asm.mov(Width::W64, places.context.unwrap_or(RDI), RBX);
    asm.call(RAX.into());
    for ((result, place), at) in ty.results().iter().zip(&places.results).zip(offsets(ty.results()))
    {
        store(asm, *result, *place, Mem::at(R12, at), Mem::at(RSP, 0));
    }
    if settings.fuel {
        stub.fuel(false);
    }
    let asm = &mut stub.asm;
    asm.load(Width::W64, R12, Mem::at(RBP, -16));
    asm.load(Width::W64, RBX, Mem::at(RBP, -8));
    asm.byte(0xc9);
    asm.ret(0);
    stub.finish()
}

/// The way out to functions of a type: writes the arguments to slots, calls what leads there, reads results.
pub(crate) fn leave(ty: &FuncType, to: Leave, settings: &Settings) -> CompiledFunction {
    let mut params = ty.params().to_vec();
    if to == Leave::Ref {
        params.push(ValType::I32);
    }
    let places = Places::of(&params, ty.results());
    let slots = (ty.param_slots().max(ty.result_slots()) as usize * SLOT_BYTES) as i32;
    let slots_at = -32 - ((slots + 15) & !15);
    let context = places.context.unwrap_or(RDI);
    let mut stub = Stub::default();
    stub.asm.push(RBP);
    stub.asm.mov(Width::W64, RBP, RSP);
    stub.limit_stack(context, (64 - slots_at) as u32);
    let asm = &mut stub.asm;
    asm.alu_imm(Alu::Sub, Width::W64, RSP.into(), -slots_at);
    asm.store(Width::W64, Mem::at(RBP, -8), RBX);
    if places.area_bytes > 0 {
        asm.store(Width::W64, Mem::at(RBP, -16), RDI);
    }
    asm.mov(Width::W64, RBX, context);
    for ((param, place), at) in ty.params().iter().zip(&places.args).zip(offsets(ty.params())) {
        store(asm, *param, *place, Mem::at(RBP, slots_at + at), Mem::at(RBP, 16));
    }
    if let (Leave::Ref, Some(place)) = (to, places.args.last()) {
        match *place {
            Place::Stack(at) => asm.load(Width::W32, RSI, Mem::at(RBP, 16 + at)),
            Place::Gpr(reg) => asm.mov(Width::W32, RSI, reg),
            Place::Xmm(_) => {}
        }
    }
    asm.load(Width::W64, R11, Mem::at(RBX, context_offset(vm_context::STORE)));
    asm.store(Width::W64, Mem::at(R11, store_context::LEFT_FP as i32), RBP);
    if settings.fuel {
        stub.fuel(false);
    }
    call_out(&mut stub, to, slots_at);
    if settings.fuel {
        // Also where the call failed: the host may have changed it.
        stub.fuel(true);
    }
    unwind_if_failed(&mut stub);
    let asm = &mut stub.asm;
    read_results(asm, ty, &places, slots_at);
    asm.load(Width::W64, RBX, Mem::at(RBP, -8));
    asm.byte(0xc9);
    asm.ret(places.stack_bytes as u16);
    stub.finish()
}

fn call_out(stub: &mut Stub, to: Leave, slots_at: i32) {
    let asm = &mut stub.asm;
    match to {
        Leave::Import(index) => {
            let record = index as i32 * import_call::BYTES as i32;
            asm.load(Width::W64, R11, Mem::at(RBX, context_offset(vm_context::IMPORT_CALLS)));
            asm.load(Width::W64, RDI, Mem::at(R11, record + import_call::DATA as i32));
            asm.load(Width::W64, RSI, Mem::at(RBX, context_offset(vm_context::STORE)));
            asm.mov(Width::W64, RDX, RBX);
            asm.lea(Width::W64, RCX, Mem::at(RBP, slots_at));
            asm.call(Mem::at(R11, record + import_call::HOST as i32).into());
        }
        Leave::Func(index) => {
            asm.mov_imm(RSI, index.into());
            asm.mov(Width::W64, RDI, RBX);
            asm.lea(Width::W64, RDX, Mem::at(RBP, slots_at));
            call_builtin(asm, &mut stub.relocations, Builtin::CallFunc);
        }
        Leave::Ref => {
            asm.mov(Width::W64, RDI, RBX);
            asm.lea(Width::W64, RDX, Mem::at(RBP, slots_at));
            call_builtin(asm, &mut stub.relocations, Builtin::CallRef);
        }
    }
}

fn unwind_if_failed(stub: &mut Stub) {
    let fine = stub.asm.label();
    stub.asm.test(Width::W32, RAX, RAX);
    stub.asm.jcc(Cc::E, fine);
    stub.asm.mov(Width::W64, RDI, RBX);
    call_builtin(&mut stub.asm, &mut stub.relocations, Builtin::Unwind);
    stub.traps.push((stub.asm.here(), TrapCode::Unreachable));
    stub.asm.ud2();
    stub.asm.bind(fine);
}

/// Reads results from slots: those of the area first, whose register is needed for a result.
fn read_results(asm: &mut Asm, ty: &FuncType, places: &Places, slots_at: i32) {
    let all = || ty.results().iter().zip(&places.results).zip(offsets(ty.results()));
    if places.area_bytes > 0 {
        asm.load(Width::W64, RAX, Mem::at(RBP, -16));
        for ((result, place), at) in all() {
            if matches!(place, Place::Stack(_)) {
                load(asm, *result, Mem::at(RBP, slots_at + at), *place, RAX);
            }
        }
    }
    for ((result, place), at) in all() {
        if !matches!(place, Place::Stack(_)) {
            load(asm, *result, Mem::at(RBP, slots_at + at), *place, RAX);
        }
    }
}
