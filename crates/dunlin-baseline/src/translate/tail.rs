//! Calls in tail position: the called function takes the place of this one's frame.
//!
//! 1. Arguments go to their registers; those of the stack go below this frame, where nothing is in the way.
//! 2. The caller's registers are read back from the frame.
//! 3. What has been put below the frame goes to where this function's own arguments on the stack end: the address
//!    that is returned to moves by as much as the two areas differ, and lies where it would if the caller had
//!    called. So a chain of such calls needs the stack of its largest function.

use super::call::Callee;
use super::locals::context_mem;
use super::{LateCode, Translator};
use crate::isa::x64::asm::{Cc, Mem, Width};
use crate::isa::x64::regs::{R10, R11, RAX, RBP, RDI, RSP, Xmm};
use dunlin_module::Unit;
use dunlin_module::layout::{func_record, import_call, vm_context};

/// A vector register that is no argument's.
const SCRATCH: Xmm = Xmm(15);

impl Translator<'_> {
    pub(super) fn visit_return_call(&mut self, func: u32) {
        self.flush_charge();
        self.return_call(self.module.func_type_index(func), self.direct_callee(func));
    }

    pub(super) fn visit_return_call_indirect(&mut self, ty: u32, table: u32) {
        self.flush_charge();
        let callee = self.indirect_callee(ty, table);
        self.return_call(ty, callee);
    }

    pub(super) fn visit_return_call_ref(&mut self, ty: u32) {
        self.flush_charge();
        self.referred_callee();
        self.return_call(ty, Callee::Record);
    }

    /// Leaves the function for another, with the arguments on top.
    fn return_call(&mut self, ty: u32, callee: Callee) {
        let of = self.module.func_type_at(ty);
        let places = self.places_of(ty);
        let args = self.pop_arguments(of.params().len());
        self.mark();
        self.stage_arguments(&places, &args, callee);
        self.popped = args;
        let context = places.context.unwrap_or(RDI);
        match callee {
            Callee::Code(index) => {
                self.needs.push(Unit::LeaveFunc(index as u32));
                self.asm.load(Width::W64, R11, context_mem(vm_context::CODE));
                self.asm.load(Width::W64, RAX, Mem::at(R11, 8 * index as i32));
            }
            Callee::Import(index) => {
                self.needs.push(Unit::LeaveFunc(index));
                let record = (index as usize * import_call::BYTES) as i32;
                self.asm.load(Width::W64, R11, context_mem(vm_context::IMPORT_CALLS));
                self.asm.load(Width::W64, context, Mem::at(R11, record + import_call::CX as i32));
                self.asm.load(Width::W64, R11, Mem::at(R11, record + import_call::CODE as i32));
                self.asm.load(Width::W64, RAX, Mem::at(R11, 0));
            }
            Callee::Slot => self.asm.load(Width::W64, RAX, Mem::at(RAX, 0)),
            Callee::Record => {
                self.needs.push(Unit::LeaveRef(ty));
                self.asm.load(Width::W64, context, Mem::at(RAX, func_record::CX as i32));
                self.asm.load(Width::W64, RAX, Mem::at(RAX, func_record::CODE as i32));
                self.asm.load(Width::W64, RAX, Mem::at(RAX, 0));
                self.asm.test(Width::W64, RAX, RAX);
                let out = self.late(LateCode::TailWayOut { ty });
                self.asm.jcc(Cc::E, out);
            }
        }
        self.replace_frame(places.stack_bytes);
        self.end_of_path();
    }

    /// Jumps to the code whose address is in `rax`, with so many bytes of arguments below the frame.
    fn replace_frame(&mut self, stack_bytes: u32) {
        self.restore_kept();
        let shift = self.places.stack_bytes as i32 - stack_bytes as i32;
        if stack_bytes == 0 && shift == 0 {
            self.asm.byte(0xc9);
            return self.asm.jmp_to(RAX.into());
        }
        self.asm.load(Width::W64, R10, Mem::at(RBP, 8));
        self.asm.load(Width::W64, R11, Mem::at(RBP, 0));
        // From the highest on: where this frame is smaller than the arguments, the areas overlap.
        for at in (0..stack_bytes as i32).step_by(16).rev() {
            self.asm.load_v128(SCRATCH, Mem::at(RSP, at));
            self.asm.store_v128(Mem::at(RBP, 16 + shift + at), SCRATCH);
        }
        self.asm.store(Width::W64, Mem::at(RBP, 8 + shift), R10);
        self.asm.lea(Width::W64, RSP, Mem::at(RBP, 8 + shift));
        self.asm.mov(Width::W64, RBP, R11);
        self.asm.jmp_to(RAX.into());
    }

    /// As [`way_out`](Self::way_out), in tail position.
    pub(super) fn tail_way_out(&mut self, ty: u32) {
        let places = self.append_reference(ty);
        self.mark();
        let index = self.way_out_index(ty);
        self.asm.load(Width::W64, R11, context_mem(vm_context::CODE));
        self.asm.load(Width::W64, RAX, Mem::at(R11, 8 * index));
        self.replace_frame(places.stack_bytes);
    }
}
