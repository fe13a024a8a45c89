//! Calls. Every one goes through a pointer that the VM can replace with one store, as the optimising tier's do.

use super::frame::bytes_of;
use super::locals::context_mem;
use super::stack::{Entry, Kind, Loc, SCRATCH};
use super::{LateCode, Move, MoveSource, Translator, moves};
use crate::isa::x64::abi::{Place, Places};
use crate::isa::x64::asm::{Alu, Cc, Label, Mem, Width};
use crate::isa::x64::regs::{Gpr, R11, R14, RAX, RBP, RCX, RDI, RDX, RSP};
use crate::translate::moves::Target;
use dunlin_core::{TrapCode, ValType, canon};
use dunlin_module::Unit;
use dunlin_module::layout::{
    LINE_PLACES_MIN, func_record, import_call, store_context, table_def, type_record, vm_context,
};

/// What is called.
#[derive(Clone, Copy)]
pub(super) enum Callee {
    /// A function of the module's array of code, with the same context.
    Code(usize),
    Import(u32),
    /// What the record in `rax` says; its reference is in the scratch word.
    Record,
    /// The code whose pointer is at the address in `rax`, with the same context.
    Slot,
}

impl Translator<'_> {
    pub(super) fn visit_call(&mut self, func: u32) {
        self.flush_charge();
        self.call(self.module.func_type_index(func), self.direct_callee(func));
    }

    /// The function of this index as what is called.
    pub(super) fn direct_callee(&self, func: u32) -> Callee {
        let is_imported = func < self.module.func_imports();
        if is_imported { Callee::Import(func) } else { Callee::Code(func as usize) }
    }

    /// Calls with the arguments on top, and pushes the results.
    fn call(&mut self, ty: u32, callee: Callee) {
        let of = self.module.func_type_at(ty);
        let places = self.places_of(ty);
        self.count_moved(of.results().len());
        let args = self.pop_arguments(of.params().len());
        self.before_call();
        self.mark();
        self.place_arguments(&places, &args, callee);
        self.popped = args;
        let map = self.frame_map();
        self.call_code(ty, callee, &places, map);
        self.take_results(of.results(), &places);
    }

    /// Pops so many operands, the first one first. Their memory belongs to `popped` once they have been used.
    pub(super) fn pop_arguments(&mut self, count: usize) -> Vec<Entry> {
        self.count_moved(count);
        let mut args = core::mem::take(&mut self.popped);
        args.clear();
        args.extend_from_slice(&self.stack[self.stack.len() - count..]);
        for _ in 0..count {
            self.pop();
        }
        args
    }

    fn place_arguments(&mut self, places: &Places, args: &[Entry], callee: Callee) {
        let area = MoveSource::Address(Mem::at(RSP, places.stack_bytes as i32));
        self.move_arguments(places, args, callee, (places.area_bytes, area));
    }

    /// As for a call, with this function's own area for results.
    pub(super) fn stage_arguments(&mut self, places: &Places, args: &[Entry], callee: Callee) {
        let area = MoveSource::Mem(Mem::at(RBP, self.layout.area));
        self.move_arguments(places, args, callee, (0, area));
    }

    /// Moves arguments to their places, those of the stack below the frame and an area of so many bytes; the
    /// address of the area for results comes from where the last one says.
    fn move_arguments(
        &mut self,
        places: &Places,
        args: &[Entry],
        callee: Callee,
        (area_bytes, area): (u32, MoveSource),
    ) {
        let room = places.stack_bytes + area_bytes;
        if room > 0 {
            self.asm.alu_imm(Alu::Sub, Width::W64, RSP.into(), room as i32);
        }
        let mut all = core::mem::take(&mut self.moving);
        all.clear();
        for (entry, place) in args.iter().zip(&places.args) {
            let to = match *place {
                Place::Gpr(reg) => Target::Gpr(reg),
                Place::Xmm(reg) => Target::Xmm(reg),
                Place::Stack(at) => Target::Mem(Mem::at(RSP, at)),
            };
            all.push(Move { to, from: self.source_of(*entry), bytes: bytes_of(entry.kind) });
        }
        if places.area_bytes > 0 {
            all.push(Move { to: Target::Gpr(RDI), from: area, bytes: 8 });
        }
        if let (Callee::Code(_) | Callee::Slot, Some(context)) = (callee, places.context) {
            all.push(Move { to: Target::Gpr(context), from: MoveSource::Gpr(R14), bytes: 8 });
        }
        moves(&mut self.asm, &all);
        self.moving = all;
    }

    fn call_code(&mut self, ty: u32, callee: Callee, places: &Places, map: Vec<u32>) {
        let pad = self.reach_pad();
        let context = places.context.unwrap_or(RDI);
        match callee {
            Callee::Code(index) => {
                self.needs.push(Unit::LeaveFunc(index as u32));
                self.asm.load(Width::W64, R11, context_mem(vm_context::CODE));
                self.asm.call(Mem::at(R11, 8 * index as i32).into());
            }
            Callee::Import(index) => {
                self.needs.push(Unit::LeaveFunc(index));
                let record = (index as usize * import_call::BYTES) as i32;
                self.asm.load(Width::W64, R11, context_mem(vm_context::IMPORT_CALLS));
                self.asm.load(Width::W64, context, Mem::at(R11, record + import_call::CX as i32));
                self.asm.load(Width::W64, R11, Mem::at(R11, record + import_call::CODE as i32));
                self.asm.call(Mem::at(R11, 0).into());
            }
            Callee::Slot => self.asm.call(Mem::at(RAX, 0).into()),
            Callee::Record => {
                self.needs.push(Unit::LeaveRef(ty));
                self.asm.load(Width::W64, context, Mem::at(RAX, func_record::CX as i32));
                self.asm.load(Width::W64, RAX, Mem::at(RAX, func_record::CODE as i32));
                self.asm.load(Width::W64, RAX, Mem::at(RAX, 0));
                self.asm.test(Width::W64, RAX, RAX);
                let next = self.asm.label();
                let out = self.late(LateCode::WayOut { ty, next, map: map.clone(), pad });
                self.asm.jcc(Cc::E, out);
                self.asm.call(RAX.into());
                self.note_map(map);
                self.note_handler(pad);
                return self.asm.bind(next);
            }
        }
        self.note_map(map);
        self.note_handler(pad);
    }

    /// Pushes a call's results, and puts locals back.
    fn take_results(&mut self, types: &[ValType], places: &Places) {
        if let ([ty], [place]) = (types, &places.results[..]) {
            let kind = self.kind(*ty);
            match *place {
                Place::Gpr(reg) => {
                    if kind.width() == Width::W32 {
                        self.asm.mov(Width::W32, reg, reg);
                    }
                    self.push_gpr(kind, reg);
                }
                Place::Xmm(reg) => self.push_xmm(kind, reg),
                Place::Stack(_) => {}
            }
            return self.after_call();
        }
        for (ty, place) in types.iter().zip(&places.results) {
            let kind = self.kind(*ty);
            self.push(kind, Loc::Slot);
            let entry = self.stack[self.stack.len() - 1];
            let to = self.slot(entry.slot, kind);
            match *place {
                Place::Gpr(reg) => {
                    if kind.width() == Width::W32 {
                        self.asm.mov(Width::W32, reg, reg);
                    }
                    self.asm.store(Width::W64, to, reg);
                }
                Place::Xmm(reg) => self.store_vector(kind, to, reg),
                Place::Stack(at) => {
                    let from = Mem::at(RSP, at);
                    self.load_vector(
                        if kind == Kind::V128 { kind } else { Kind::F64 },
                        SCRATCH,
                        from,
                    );
                    let wide = if kind == Kind::V128 { kind } else { Kind::F64 };
                    self.store_vector(wide, to, SCRATCH);
                }
            }
        }
        if places.area_bytes > 0 {
            self.asm.alu_imm(Alu::Add, Width::W64, RSP.into(), places.area_bytes as i32);
        }
        self.after_call();
    }

    /// Pops an index of a table, and makes `rax` the address of its element; traps where there is none. A
    /// processor that runs ahead reads at address zero.
    pub(super) fn element(&mut self, table: u32, index: Entry, code: TrapCode) {
        let index = self.gpr(index);
        self.alloc_fixed_or_held(RAX, index);
        self.asm.load(Width::W64, R11, context_mem(vm_context::TABLES));
        self.asm.load(Width::W64, R11, Mem::at(R11, 8 * table as i32));
        self.asm.alu(Alu::Cmp, Width::W64, index, Mem::at(R11, table_def::LEN as i32).into());
        self.trap_if(Cc::Ae, code);
        self.asm.load(Width::W64, R11, Mem::at(R11, table_def::BASE as i32));
        self.asm.lea(Width::W64, RAX, Mem { base: R11, index: Some((index, 2)), disp: 0 });
        self.asm.mov_imm(R11, 0);
        self.asm.cmov(Cc::Ae, Width::W64, RAX, R11.into());
    }

    /// Makes a register free, unless it is the one that holds what is given.
    fn alloc_fixed_or_held(&mut self, reg: Gpr, held: Gpr) {
        if held != reg && !self.held.contains(reg.0) {
            self.alloc_fixed(reg);
        }
    }

    pub(super) fn visit_call_indirect(&mut self, ty: u32, table: u32) {
        self.flush_charge();
        let callee = self.indirect_callee(ty, table);
        if let Callee::Record = callee {
            self.note_target();
        }
        self.call(ty, callee);
    }

    /// Pops an index of a table, finds what it refers to, and checks its type.
    pub(super) fn indirect_callee(&mut self, ty: u32, table: u32) -> Callee {
        if let Some((start, count)) = self.tables.table(table) {
            self.static_callee(ty, table, (start, count));
            return Callee::Slot;
        }
        let index = self.pop();
        self.element(table, index, TrapCode::UndefinedElement);
        self.asm.load(Width::W32, RAX, Mem::at(RAX, 0));
        self.asm.store(Width::W64, Mem::at(RBP, self.layout.reference), RAX);
        self.func_record();
        self.asm.load(Width::W64, R11, context_mem(vm_context::TYPE_IDS));
        self.asm.load(Width::W32, R11, Mem::at(R11, 4 * ty as i32));
        self.asm.alu(Alu::Cmp, Width::W32, R11, Mem::at(RAX, func_record::TYPE_ID as i32).into());
        let next = self.asm.label();
        let what = if self.module.types()[ty as usize].is_final {
            LateCode::NoMatch(RAX)
        } else {
            LateCode::Subtype { ty, next }
        };
        let late = self.late(what);
        self.asm.jcc(Cc::Ne, late);
        self.asm.bind(next);
        Callee::Record
    }

    /// Makes `rax`, a reference, the address of its record.
    fn func_record(&mut self) {
        self.asm.imul_imm(Width::W64, RAX, RAX.into(), func_record::BYTES as i32);
        self.store_context(R11);
        self.asm.alu(Alu::Add, Width::W64, RAX, Mem::at(R11, store_context::FUNCS as i32).into());
    }

    /// Makes `rax` the address of the pointer to the code of an element of a table that never changes.
    fn static_callee(&mut self, ty: u32, table: u32, (start, count): (u32, u32)) {
        self.needs.push(Unit::Tables);
        let index = self.pop();
        let reg = self.owned(index);
        self.alloc_fixed_or_held(RAX, reg);
        let width = if self.module.table_type(table).table64 { Width::W64 } else { Width::W32 };
        self.asm.alu_imm(Alu::Cmp, width, reg.into(), count as i32);
        self.trap_if(Cc::Ae, TrapCode::UndefinedElement);
        self.asm.mov_imm(R11, 0);
        self.asm.cmov(Cc::Ae, Width::W64, reg, R11.into());
        let tables = self.module.func_count() as usize + self.module.types().len();
        self.asm.load(Width::W64, R11, context_mem(vm_context::CODE));
        self.asm.load(Width::W64, R11, Mem::at(R11, 8 * tables as i32));
        let at = Mem { base: R11, index: Some((reg, 3)), disp: 8 * start as i32 };
        self.asm.lea(Width::W64, RAX, at);
        let number = self.tables.type_number(ty);
        self.asm.load(Width::W32, R11, Mem::at(RAX, 0));
        self.asm.load(Width::W32, RAX, Mem::at(RAX, 4));
        self.asm.alu_imm(Alu::Cmp, Width::W32, R11.into(), number as i32);
        // Null's type has all bits set: one more is null where traps look for it.
        let other = self.late(LateCode::NoMatch(R11));
        let fine = self.asm.label();
        self.asm.jcc(Cc::E, fine);
        self.asm.alu_imm(Alu::Add, Width::W32, R11.into(), 1);
        self.asm.jmp(other);
        self.asm.bind(fine);
        self.asm.load(Width::W64, R11, context_mem(vm_context::CODE));
        self.asm.lea(Width::W64, RAX, Mem { base: R11, index: Some((RAX, 3)), disp: 0 });
    }

    pub(super) fn visit_call_ref(&mut self, ty: u32) {
        self.flush_charge();
        self.referred_callee();
        self.note_target();
        self.call(ty, Callee::Record);
    }

    /// Pops a reference to a function, and makes `rax` the address of its record.
    pub(super) fn referred_callee(&mut self) {
        let reference = self.pop();
        if reference.loc != Loc::Gpr(RAX) {
            self.alloc_fixed(RAX);
        }
        self.load_gpr(reference, RAX);
        self.asm.test(Width::W32, RAX, RAX);
        self.trap_if(Cc::E, TrapCode::NullFunctionReference);
        self.asm.store(Width::W64, Mem::at(RBP, self.layout.reference), RAX);
        self.func_record();
    }

    /// Calls the way out for functions of a type that have no code; all but the reference is in its place.
    pub(super) fn way_out(&mut self, ty: u32, next: Label, map: Vec<u32>, pad: Option<Label>) {
        self.append_reference(ty);
        self.mark();
        let index = self.way_out_index(ty);
        self.asm.load(Width::W64, R11, context_mem(vm_context::CODE));
        self.asm.call(Mem::at(R11, 8 * index).into());
        self.note_map(map);
        self.note_handler(pad);
        self.asm.jmp(next);
    }

    /// The number of a type's way out in the array of code.
    pub(super) fn way_out_index(&self, ty: u32) -> i32 {
        self.module.func_count() as i32 + ty as i32
    }

    /// Makes the arguments of a call by reference those of its way out: the reference behind them, and the context
    /// of this instance.
    pub(super) fn append_reference(&mut self, ty: u32) -> Places {
        let of = self.module.func_type_at(ty);
        let before = Places::of(of.params(), of.results());
        let mut params = of.params().to_vec();
        params.push(ValType::I32);
        let places = Places::of(&params, of.results());
        let (more, reference) = (places.stack_bytes - before.stack_bytes, places.args.last());
        match reference {
            Some(Place::Gpr(reg)) => {
                self.asm.load(Width::W32, *reg, Mem::at(RBP, self.layout.reference));
            }
            Some(Place::Stack(at)) => {
                self.asm.alu_imm(Alu::Sub, Width::W64, RSP.into(), more as i32);
                for word in (0..before.stack_bytes as i32).step_by(8).filter(|_| more > 0) {
                    self.asm.load(Width::W64, R11, Mem::at(RSP, word + more as i32));
                    self.asm.store(Width::W64, Mem::at(RSP, word), R11);
                }
                self.asm.load(Width::W32, R11, Mem::at(RBP, self.layout.reference));
                self.asm.store(Width::W64, Mem::at(RSP, *at), R11);
            }
            _ => {}
        }
        self.asm.mov(Width::W64, places.context.unwrap_or(RDI), R14);
        places
    }

    /// How many types are above a type of the module's.
    pub(super) fn type_depth(&self, ty: u32) -> usize {
        let above = |ty: &u32| self.module.types()[*ty as usize].supertype;
        core::iter::successors(above(&ty), above).count()
    }

    /// Looks whether the type of the record in `rax` is below the one of this index.
    pub(super) fn subtype(&mut self, ty: u32, next: Label) {
        let fail = self.asm.label();
        let null = self.asm.label();
        self.asm.push(RCX);
        self.asm.push(RDX);
        self.asm.alu_imm(Alu::Cmp, Width::W64, Mem::at(RBP, self.layout.reference).into(), 0);
        self.asm.jcc(Cc::E, null);
        self.asm.load(Width::W32, RCX, Mem::at(RAX, func_record::TYPE_ID as i32));
        self.asm.alu_imm(Alu::And, Width::W32, RCX.into(), !canon::KIND_MASK as i32);
        self.store_context(R11);
        self.asm.mov_imm(RDX, 0);
        self.asm.alu(
            Alu::Cmp,
            Width::W64,
            RCX,
            Mem::at(R11, store_context::TYPE_COUNT as i32).into(),
        );
        self.asm.cmov(Cc::Ae, Width::W64, RCX, RDX.into());
        self.asm.load(Width::W64, R11, Mem::at(R11, store_context::TYPES as i32));
        self.asm.imul_imm(Width::W64, RCX, RCX.into(), type_record::BYTES as i32);
        self.asm.alu(Alu::Add, Width::W64, RCX, R11.into());
        let (line, depth) = (Mem::at(RCX, type_record::LINE as i32), self.type_depth(ty));
        if depth >= LINE_PLACES_MIN {
            let len = Mem::at(RCX, type_record::LEN as i32);
            self.asm.alu_imm(Alu::Cmp, Width::W64, len.into(), depth as i32);
            self.asm.jcc(Cc::Be, fail);
            // `rdx` is zero: where the line is shorter, a processor that runs ahead reads there.
            self.asm.cmov(Cc::A, Width::W64, RDX, line.into());
        } else {
            self.asm.load(Width::W64, RDX, line);
        }
        self.asm.load(Width::W64, R11, context_mem(vm_context::TYPE_IDS));
        self.asm.load(Width::W32, R11, Mem::at(R11, 4 * ty as i32));
        self.asm.alu(Alu::Cmp, Width::W32, R11, Mem::at(RDX, 4 * depth as i32).into());
        self.asm.pop(RDX);
        self.asm.pop(RCX);
        self.asm.jcc(Cc::E, next);
        self.trap_here(TrapCode::IndirectCallTypeMismatch);
        self.asm.bind(fail);
        self.trap_here(TrapCode::IndirectCallTypeMismatch);
        self.asm.bind(null);
        self.trap_here(TrapCode::UninitializedElement);
    }
}
