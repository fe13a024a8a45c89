//! Frames: how they are made and left, and where in them things are.
//!
//! ```text
//! rbp →  [caller's rbp]
//!        [registers of the caller's][where results go][a word for calls by reference][the context]
//!        [slot 0][slot 1] …                              ← rsp
//! ```
//!
//! Each of the second line only where it is needed. Slots lie one below the other, so that their places are known before it is known how many there are. `r14` is
//! the context throughout.

use super::scan::Scanned;
use super::stack::{Kind, Loc};
use super::{LateCode, Move, MoveSource, Translator, moves};
use crate::isa::x64::abi::Place;
use crate::isa::x64::asm::{Alu, Cc, Mem, Width};
use crate::isa::x64::regs::{Gpr, R11, R12, R13, R14, R15, RBP, RBX, RDI, RSP};
use crate::translate::moves::Target;
use crate::tuning;
use dunlin_core::TrapCode;
use dunlin_module::layout::{interrupts, vm_context};

/// Registers that are the caller's.
const KEPT: [Gpr; 5] = [R14, R15, RBX, R12, R13];

/// Where in a frame what is not slots is.
#[derive(Default)]
pub(super) struct Layout {
    /// Registers of the caller's, and where they are kept.
    kept: Vec<(Gpr, i32)>,
    /// Where it stands where the function's results go.
    pub(super) area: i32,
    /// What calls by reference keep their reference in.
    pub(super) reference: i32,
    /// Where the context is read from when an exception has been thrown.
    pub(super) context: i32,
    /// Bytes of all that.
    bytes: u32,
}

/// The offset of a pointer of the context.
pub(crate) const fn context_offset(pointer: usize) -> i32 {
    8 * pointer as i32
}

impl Translator<'_> {
    /// Where a slot is, or the two of a vector.
    pub(super) fn slot(&self, slot: u32, kind: Kind) -> Mem {
        Mem::at(RBP, -(self.below(slot + kind.slots() - 1) as i32))
    }

    /// How far a slot is below the frame pointer.
    pub(super) fn below(&self, slot: u32) -> u32 {
        self.layout.bytes + 8 * (slot + 1)
    }

    /// Bytes between frame and stack pointer.
    pub(super) fn frame_bytes(&self) -> u32 {
        (self.layout.bytes + 8 * self.slots_max).next_multiple_of(16)
    }

    fn lay_out(&mut self, scanned: &Scanned) {
        self.kept.add(R14.0);
        if scanned.catches {
            // Whoever throws does not restore them.
            let counts_fuel = |reg: &Gpr| self.settings.fuel && *reg == R15;
            let all = KEPT.into_iter().filter(|reg| !counts_fuel(reg));
            self.kept = all.fold(self.kept, |all, reg| all.with(reg.0));
        }
        let mut below = 0;
        let mut word = || {
            below -= 8;
            below
        };
        let kept = KEPT.into_iter().filter(|reg| self.kept.contains(reg.0));
        self.layout.kept = kept.map(|reg| (reg, word())).collect();
        if self.places.area_bytes > 0 {
            self.layout.area = word();
        }
        if scanned.refers {
            self.layout.reference = word();
        }
        if scanned.catches {
            self.layout.context = word();
        }
        self.layout.bytes = -below as u32;
    }

    /// The function's entry: its frame, its parameters at home, zeros in the other locals.
    pub(super) fn enter(&mut self, scanned: &Scanned) {
        self.lay_out(scanned);
        self.make_frame();
        self.take_parameters();
        self.zero_locals();
        if let Some(reg) = self.memory_base {
            self.load_memory_base(reg);
        }
        self.count_entry();
        if scanned.calls || scanned.loops {
            self.poll();
        }
    }

    /// Makes the frame; `rax`, and whatever arguments are in, stay.
    pub(super) fn make_frame(&mut self) {
        let context = self.places.context.unwrap_or(RDI);
        self.asm.push(RBP);
        self.asm.mov(Width::W64, RBP, RSP);
        self.asm.load(Width::W64, R11, Mem::at(context, context_offset(vm_context::INTERRUPTS)));
        self.asm.load(Width::W64, R11, Mem::at(R11, interrupts::NATIVE_LIMIT as i32));
        let at = self.asm.alu_imm_patched(Alu::Add, Width::W64, R11.into());
        self.frame_sizes.push(at);
        self.asm.alu(Alu::Cmp, Width::W64, RSP, R11.into());
        self.trap_if(Cc::B, TrapCode::StackOverflow);
        let at = self.asm.alu_imm_patched(Alu::Sub, Width::W64, RSP.into());
        self.frame_sizes.push(at);
        for (reg, at) in &self.layout.kept {
            self.asm.store(Width::W64, Mem::at(RBP, *at), *reg);
        }
        self.asm.mov(Width::W64, R14, context);
        if self.layout.context != 0 {
            self.asm.store(Width::W64, Mem::at(RBP, self.layout.context), R14);
        }
        if self.places.area_bytes > 0 {
            self.asm.store(Width::W64, Mem::at(RBP, self.layout.area), RDI);
        }
    }

    pub(super) fn load_memory_base(&mut self, reg: Gpr) {
        let at = context_offset(vm_context::MEMORY0_BASE);
        self.asm.load(Width::W64, reg, Mem::at(R14, at));
    }

    fn take_parameters(&mut self) {
        let mut all = core::mem::take(&mut self.moving);
        all.clear();
        for (local, place) in self.locals.iter().zip(&self.places.args) {
            let to = match local.home {
                Some(Loc::Gpr(reg)) => Target::Gpr(reg),
                Some(Loc::Xmm(reg)) => Target::Xmm(reg),
                _ => Target::Mem(self.slot(local.slot, local.kind)),
            };
            let from = match *place {
                Place::Gpr(reg) => MoveSource::Gpr(reg),
                Place::Xmm(reg) => MoveSource::Xmm(reg),
                Place::Stack(at) => MoveSource::Mem(Mem::at(RBP, 16 + at)),
            };
            all.push(Move { to, from, bytes: bytes_of(local.kind) });
        }
        moves(&mut self.asm, &all);
        self.moving = all;
    }

    fn zero_locals(&mut self) {
        let params = self.func_type().params().len();
        let first = self.locals.get(params).map_or(self.slots, |local| local.slot);
        let by_loop = self.slots - first >= tuning::ZEROED_BY_LOOP_MIN;
        for index in params..self.locals.len() {
            let local = self.locals[index];
            match local.home {
                Some(Loc::Gpr(reg)) => self.asm.zero(reg),
                Some(Loc::Xmm(reg)) => self.xor_xmm(reg),
                _ if by_loop => {}
                _ => {
                    for slot in local.slot..local.slot + local.kind.slots() {
                        let at = self.slot(slot, Kind::I64);
                        self.asm.store_imm(Width::W64, at, 0);
                    }
                }
            }
        }
        if by_loop {
            self.zero_slots(first, self.slots);
        }
    }

    /// Writes zeros to slots, by a loop.
    fn zero_slots(&mut self, first: u32, end: u32) {
        let lowest = self.slot(end - 1, Kind::I64);
        // From the lowest address on, up to the one above the first slot's.
        let count = end - first;
        self.asm.lea(Width::W64, R11, lowest);
        let counter = self.alloc();
        self.asm.mov_imm(counter, u64::from(count));
        let next = self.asm.label();
        self.asm.bind(next);
        self.asm.store_imm(Width::W64, Mem::at(R11, 0), 0);
        self.asm.alu_imm(Alu::Add, Width::W64, R11.into(), 8);
        self.asm.alu_imm(Alu::Sub, Width::W32, counter.into(), 1);
        self.asm.jcc(Cc::Ne, next);
        self.held = Default::default();
    }

    /// The function's end: results are in their places.
    pub(super) fn leave(&mut self) {
        let exit = self.exit;
        self.asm.bind(exit);
        self.restore_kept();
        self.asm.byte(0xc9);
        // At most eight bytes for each of a thousand parameters.
        self.asm.ret(self.places.stack_bytes as u16);
    }

    pub(super) fn restore_kept(&mut self) {
        for (reg, at) in &self.layout.kept {
            self.asm.load(Width::W64, *reg, Mem::at(RBP, *at));
        }
    }

    /// Code for what is rare.
    pub(super) fn emit_late(&mut self) {
        // Late code has no late code of its own but traps.
        while let Some(late) = self.late.pop() {
            self.operator = late.operator;
            self.asm.bind(late.label);
            match late.what {
                LateCode::Trap(code) => self.trap_here(code),
                LateCode::Unwind => self.unwind_here(),
                LateCode::NoMatch(reg) => self.no_match(reg),
                LateCode::Subtype { ty, next } => self.subtype(ty, next),
                LateCode::WayOut { ty, next, map, pad } => self.way_out(ty, next, map, pad),
                LateCode::TailWayOut { ty } => self.tail_way_out(ty),
                LateCode::Make(make) => self.make(*make),
                LateCode::RanOut(site) => self.ran_out(&site),
                LateCode::SeenOther(seen, next) => self.seen_other(seen, next),
            }
        }
    }
}

/// Bytes of a value that is moved.
pub(super) fn bytes_of(kind: Kind) -> u8 {
    match kind {
        Kind::I32 | Kind::F32 | Kind::Ref(_) => 4,
        Kind::I64 | Kind::F64 => 8,
        Kind::V128 => 16,
    }
}
