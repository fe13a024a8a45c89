//! Traps, sources, and calls of the VM.

use super::stack::{Entry, Loc};
use super::{Late, LateCode, Move, MoveSource, Translator, moves};
use crate::isa::x64::abi::ARGUMENTS;
use crate::isa::x64::asm::{Alu, Asm, Cc, Mem, Width};
use crate::isa::x64::regs::{Gpr, R11, R14, RAX, RDI};
use crate::translate::frame::bytes_of;
use crate::translate::moves::Target;
use dunlin_core::TrapCode;
use dunlin_core::limits::BULK_PER_FUEL_UNIT;
use dunlin_module::compile::{GROW_FAILED, Relocation};
use dunlin_module::layout::{interrupts, vm_context};
use dunlin_module::{Builtin, Polls};

/// Calls a builtin whose arguments are in their registers.
pub(crate) fn call_builtin(asm: &mut Asm, relocations: &mut Vec<Relocation>, builtin: Builtin) {
    asm.mov_imm64(RAX, 0);
    relocations.push(Relocation { offset: asm.here() - 8, builtin, addend: 0 });
    asm.call(RAX.into());
}

impl Translator<'_> {
    /// Says that code from here on is of the operator at hand.
    pub(super) fn mark(&mut self) {
        if self.source.last().is_none_or(|(_, operator)| *operator != self.operator) {
            self.source.push((self.asm.here(), self.operator));
        }
    }

    /// Notes that the next instruction traps if it faults.
    pub(super) fn faults(&mut self, code: TrapCode) {
        self.mark();
        self.traps.push((self.asm.here(), code));
    }

    /// Traps.
    pub(super) fn trap_here(&mut self, code: TrapCode) {
        self.faults(code);
        self.asm.ud2();
    }

    /// Code that is rare, for the operator at hand.
    pub(super) fn late(&mut self, what: LateCode) -> crate::isa::x64::asm::Label {
        let label = self.asm.label();
        self.late.push(Late { label, what, operator: self.operator });
        label
    }

    /// Traps if a condition holds.
    pub(super) fn trap_if(&mut self, cc: Cc, code: TrapCode) {
        let label = self.late(LateCode::Trap(code));
        self.asm.jcc(cc, label);
    }

    /// Leaves compiled code if a condition holds.
    pub(super) fn unwind_if(&mut self, cc: Cc) {
        let label = self.late(LateCode::Unwind);
        self.asm.jcc(cc, label);
    }

    pub(super) fn unwind_here(&mut self) {
        self.mark();
        self.asm.mov(Width::W64, RDI, R14);
        call_builtin(&mut self.asm, &mut self.relocations, Builtin::Unwind);
        self.trap_here(TrapCode::Unreachable);
    }

    /// Where a value comes from when it is moved.
    pub(super) fn source_of(&self, entry: Entry) -> MoveSource {
        if let Some(slot) = self.slot_of(entry) {
            return MoveSource::Mem(slot);
        }
        match entry.loc {
            Loc::Gpr(reg) => MoveSource::Gpr(reg),
            Loc::Xmm(reg) => MoveSource::Xmm(reg),
            Loc::Local(local) => match self.locals[local as usize].home {
                Some(Loc::Xmm(reg)) => MoveSource::Xmm(reg),
                Some(Loc::Gpr(reg)) => MoveSource::Gpr(reg),
                _ => MoveSource::Const(0),
            },
            Loc::Const(bits) => MoveSource::Const(bits),
            Loc::Vector(index) => MoveSource::Code(self.pool.label(index)),
            Loc::Slot | Loc::Cond(_) => MoveSource::Const(0),
        }
    }

    /// Prepares a call: whatever is in a register that it changes goes to its slot. Operands of the call have
    /// been popped.
    pub(super) fn before_call(&mut self) {
        self.spill_below(self.stack.len());
        self.save_locals();
    }

    /// Goes on behind a call.
    pub(super) fn after_call(&mut self) {
        self.restore_locals();
    }

    /// Slots of references that the collector follows, as a map has them.
    pub(super) fn frame_map(&mut self) -> Vec<u32> {
        self.map_of(|loc| loc == Loc::Slot)
    }

    /// The same for late code, which has written operands that are in registers to their slots.
    pub(super) fn late_map(&mut self) -> Vec<u32> {
        let map = self.map_of(|loc| matches!(loc, Loc::Slot | Loc::Gpr(_)));
        self.count_mapped(map.len());
        map
    }

    fn map_of(&mut self, is_in_slot: impl Fn(Loc) -> bool) -> Vec<u32> {
        use super::stack::Kind;
        self.count_moved(self.stack.len());
        let locals = self.traced_locals.iter().map(|index| {
            let local = self.locals[*index as usize];
            (local.kind, local.slot, true)
        });
        let operands =
            self.stack.iter().map(|entry| (entry.kind, entry.slot, is_in_slot(entry.loc)));
        let traced = locals
            .chain(operands)
            .filter(|(kind, _, is_there)| *kind == Kind::Ref(true) && *is_there);
        traced.map(|(_, slot, _)| self.below(slot)).collect()
    }

    /// Notes where references are at the call that returns here.
    pub(super) fn note_map(&mut self, map: Vec<u32>) {
        if map.is_empty() {
            return;
        }
        self.count_mapped(map.len());
        self.maps.push((self.asm.here(), map.into()));
    }

    fn count_mapped(&mut self, count: usize) {
        self.mapped += count;
        if self.mapped > crate::limits::MAPPED_MAX {
            self.refuse("the function keeps too many references across calls for this tier");
        }
    }

    /// Calls a builtin with the context, constants, and operands that have been popped. The result, if it has
    /// one, is in `rax`.
    pub(super) fn builtin(&mut self, builtin: Builtin, constants: &[u64], operands: &[Entry]) {
        self.before_call();
        self.mark();
        let sources = constants.iter().map(|constant| (MoveSource::Const(*constant), 8));
        let operands = operands.iter().map(|of| (self.source_of(*of), bytes_of(of.kind)));
        let sources: Vec<(MoveSource, u8)> = sources.chain(operands).collect();
        let mut all = core::mem::take(&mut self.moving);
        all.clear();
        all.push(Move { to: Target::Gpr(RDI), from: MoveSource::Gpr(R14), bytes: 8 });
        let count = sources.len();
        let spread = (count + 1).saturating_sub(ARGUMENTS.len());
        let pushed = (8 * spread as i32 + 15) & !15;
        if pushed > 0 {
            self.asm.alu_imm(Alu::Sub, Width::W64, crate::isa::x64::regs::RSP.into(), pushed);
        }
        for (at, (from, bytes)) in sources.into_iter().enumerate() {
            let to = match ARGUMENTS.get(at + 1) {
                Some(reg) => Target::Gpr(*reg),
                None => {
                    let place = 8 * (at + 1 - ARGUMENTS.len()) as i32;
                    Target::Mem(Mem::at(crate::isa::x64::regs::RSP, place))
                }
            };
            all.push(Move { to, from, bytes });
        }
        moves(&mut self.asm, &all);
        self.moving = all;
        call_builtin(&mut self.asm, &mut self.relocations, builtin);
        let map = self.frame_map();
        self.note_map(map);
        if pushed > 0 {
            self.asm.alu_imm(Alu::Add, Width::W64, crate::isa::x64::regs::RSP.into(), pushed);
        }
        self.held.add(RAX.0);
    }

    /// As [`builtin`](Self::builtin), of one whose result is a status.
    pub(super) fn builtin_status(
        &mut self,
        builtin: Builtin,
        constants: &[u64],
        operands: &[Entry],
    ) {
        self.builtin(builtin, constants, operands);
        self.asm.test(Width::W32, RAX, RAX);
        self.unwind_if(Cc::Ne);
        self.after_call();
    }

    /// As [`builtin`](Self::builtin), of one that returns a number, which is in the register that is returned.
    pub(super) fn builtin_result(
        &mut self,
        builtin: Builtin,
        constants: &[u64],
        operands: &[Entry],
    ) -> Gpr {
        self.builtin(builtin, constants, operands);
        self.after_call();
        RAX
    }

    /// Leaves compiled code if a growth or wait says that the host failed.
    pub(super) fn unwind_if_failed(&mut self, result: Gpr) {
        self.asm.alu_imm(Alu::Cmp, Width::W64, result.into(), GROW_FAILED as i64 as i32);
        self.unwind_if(Cc::E);
    }

    /// Lets the guest be stopped here.
    pub(super) fn poll(&mut self) {
        match self.settings.polls {
            Polls::Off => {}
            Polls::Flag => {
                self.asm.load(Width::W64, R11, super::locals::context_mem(vm_context::INTERRUPTS));
                let limit = Mem::at(R11, interrupts::LIMIT as i32);
                self.asm.alu_imm(Alu::Cmp, Width::W64, limit.into(), 0);
                self.trap_if(Cc::E, TrapCode::Interrupted);
            }
            Polls::DeadLoad => {
                self.asm.load(Width::W64, R11, super::locals::context_mem(vm_context::POLL_PAGE));
                self.faults(TrapCode::Interrupted);
                self.asm.movzx8(R11, Mem::at(R11, 0).into());
            }
        }
    }

    /// Charges what the operators so far cost, before control goes elsewhere. Flags change.
    pub(super) fn flush_charge(&mut self) {
        let charge = core::mem::take(&mut self.charge);
        if !self.settings.fuel || charge == 0 {
            return;
        }
        // The register counts used fuel, and keeps what it has if there is no more.
        self.asm.mov(Width::W64, R11, crate::isa::x64::regs::R15);
        self.asm.alu_imm(Alu::Add, Width::W64, R11.into(), charge);
        self.trap_if(Cc::B, TrapCode::OutOfFuel);
        self.asm.mov(Width::W64, crate::isa::x64::regs::R15, R11);
    }

    /// Charges a bulk operation of so many bytes or elements on something of the size in `size`, unless it is
    /// longer and will trap.
    pub(super) fn charge_bulk(&mut self, len: Entry, size: impl FnOnce(&mut Self, Gpr)) {
        if !self.settings.fuel {
            return;
        }
        self.flush_charge();
        let reg = self.alloc();
        self.load_gpr(len, reg);
        size(self, R11);
        self.asm.alu(Alu::Cmp, Width::W64, reg, R11.into());
        self.asm.mov_imm(R11, 0);
        self.asm.cmov(Cc::A, Width::W64, reg, R11.into());
        let shift = BULK_PER_FUEL_UNIT.trailing_zeros() as u8;
        self.asm.shift_imm(crate::isa::x64::asm::Shift::Shr, Width::W64, reg, shift);
        self.asm.alu(Alu::Add, Width::W64, reg, crate::isa::x64::regs::R15.into());
        self.trap_if(Cc::B, TrapCode::OutOfFuel);
        self.asm.mov(Width::W64, crate::isa::x64::regs::R15, reg);
        self.held.remove(reg.0);
    }

    /// The address of the store's context.
    pub(super) fn store_context(&mut self, to: Gpr) {
        self.asm.load(Width::W64, to, super::locals::context_mem(vm_context::STORE));
    }
}
