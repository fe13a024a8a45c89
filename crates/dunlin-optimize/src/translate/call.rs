//! Calls. Every one goes through a pointer that the VM can replace with one store.
//!
//! * A function of the module: `code[index]`, with the same context.
//! * An imported one: the import's record has the address of a code pointer, and a context.
//! * Through a table that never changes: a pointer for each element that all instances share, in a row for functions of
//!   the type; or the element's type and function stand in a copy, then as a function of the module.
//! * By reference otherwise: the function's record has those too; where there is no code, the reference goes to the
//!   type's way out of compiled code, which is behind the module's functions in `code`.

use super::Translator;
use super::environment::{POINTER_BYTES, Region};
use super::guided::Guess;
use crate::stubs::leave_ref_signature;
use crate::tuning;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, MemFlagsData, SigRef, Value, types};
use dunlin_core::{TrapCode, canon};
use dunlin_module::layout::{
    LINE_PLACES_MIN, func_record, import_call, store_context, type_record, vm_context,
};
use dunlin_module::{STATIC_ELEMENT_BYTES, TargetView, Unit};

/// What a call needs.
struct Callee {
    signature: SigRef,
    code: Value,
    cx: Value,
}

/// What an indirect call has found.
struct Referred {
    reference: Value,
    callee: Callee,
}

/// An element of a table that never changes.
#[derive(Clone, Copy)]
struct StaticElement {
    /// The module's array of code.
    array: Value,
    /// Where it is, so many bytes behind.
    element: Value,
    at: i32,
}

impl Translator<'_, '_> {
    fn signature(&mut self, ty: u32) -> SigRef {
        let made = self.signatures.get(&ty).copied();
        made.unwrap_or_else(|| {
            let signature = super::signature(self.module.func_type_at(ty));
            let signature = self.env.b.import_signature(signature);
            self.signatures.insert(ty, signature);
            signature
        })
    }

    /// Pops the arguments of a call, behind the context.
    fn arguments(&mut self, cx: Value, ty: u32) -> Vec<Value> {
        let count = self.module.func_type_at(ty).params().len();
        let mut args = vec![cx];
        args.extend(self.stack.drain(self.stack.len() - count..));
        args
    }

    fn callee(&mut self, func: u32) -> Callee {
        let signature = self.signature(self.module.func_type_index(func));
        self.needs.insert(Unit::LeaveFunc(func));
        if func < self.module.func_imports() {
            let record = self.env.context_pointer(vm_context::IMPORT_CALLS);
            let at = func as usize * import_call::BYTES;
            let slot = self.env.constant(types::I64, record, at + import_call::CODE);
            let cx = self.env.constant(types::I64, record, at + import_call::CX);
            let code = self.env.field(types::I64, slot, 0);
            return Callee { signature, code, cx };
        }
        let code = self.code_at(func as usize);
        Callee { signature, code, cx: self.env.cx }
    }

    /// A pointer of the module's array of code.
    fn code_at(&mut self, index: usize) -> Value {
        let array = self.env.context_pointer(vm_context::CODE);
        self.env.field(types::I64, array, index * POINTER_BYTES)
    }

    pub(super) fn visit_call(&mut self, func: u32) {
        self.flush_charge();
        if let Some(body) = self.inlined_body(func) {
            if let Err(error) = self.inline(func, &body) {
                self.failed = Some(error);
            }
            return;
        }
        let callee = self.callee(func);
        self.call(&callee, self.module.func_type_index(func));
    }

    /// Calls with the arguments on top, and pushes the results.
    fn call(&mut self, callee: &Callee, ty: u32) {
        let args = self.arguments(callee.cx, ty);
        self.note_call();
        let results = self.call_code(callee.signature, callee.code, &args);
        for (value, ty) in results.into_iter().zip(self.module.func_type_at(ty).results()) {
            self.push_of(value, *ty);
        }
    }

    pub(super) fn visit_return_call(&mut self, func: u32) {
        self.flush_charge();
        let callee = self.callee(func);
        self.return_call(&callee, self.module.func_type_index(func));
    }

    /// Leaves the function for another, with the arguments on top.
    fn return_call(&mut self, callee: &Callee, ty: u32) {
        let args = self.arguments(callee.cx, ty);
        self.env.b.ins().return_call_indirect(callee.signature, callee.code, &args);
        self.end_of_path();
    }

    /// Pops an index, and finds what it refers to: the reference, and the record.
    fn indexed(&mut self, table: u32) -> (Value, Value) {
        let index = self.pop_index(table);
        let element = self.element(table, index, TrapCode::UndefinedElement);
        let flags = self.env.flags(Region::Table).with_aligned();
        let reference = self.env.b.ins().load(types::I32, flags, element, 0);
        (reference, self.func_record(reference))
    }

    /// Finds what the index on top refers to, and checks its type.
    fn referred(&mut self, ty: u32, table: u32) -> Referred {
        let found = self.indexed(table);
        self.of_type(ty, found)
    }

    /// Checks the type of what a reference stands for, given its record.
    fn of_type(&mut self, ty: u32, (reference, record): (Value, Value)) -> Referred {
        let ids = self.env.context_pointer(vm_context::TYPE_IDS);
        let expected = self.env.constant(types::I32, ids, ty as usize * 4);
        let found = self.env.field(types::I32, record, func_record::TYPE_ID);
        let other = self.env.b.ins().icmp(IntCC::NotEqual, found, expected);
        // Null's record has a number that no type has.
        if self.module.types()[ty as usize].is_final {
            self.check_type(other, (reference, 0));
        } else {
            self.check_subtype(ty, (found, expected), reference);
        }
        self.referred_by(reference, record, ty)
    }

    /// The record of what a reference stands for.
    pub(super) fn func_record(&mut self, reference: Value) -> Value {
        let store = self.env.context_pointer(vm_context::STORE);
        let records = self.env.field(types::I64, store, store_context::FUNCS);
        let wide = self.env.b.ins().uextend(types::I64, reference);
        let offset = self.env.b.ins().imul_imm_s(wide, func_record::BYTES as i64);
        self.env.b.ins().iadd(records, offset)
    }

    /// What a reference to a function of this type calls.
    fn referred_by(&mut self, reference: Value, record: Value, ty: u32) -> Referred {
        let slot = self.env.field(types::I64, record, func_record::CODE);
        let cx = self.env.field(types::I64, record, func_record::CX);
        let code = self.env.field(types::I64, slot, 0);
        let signature = self.signature(ty);
        Referred { reference, callee: Callee { signature, code, cx } }
    }

    /// Traps if the type with the number `found` is not `expected` or below it, which is the one with the
    /// index `ty`.
    fn check_subtype(&mut self, ty: u32, (found, expected): (Value, Value), reference: Value) {
        let null = self.env.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        self.env.trap_if(null, TrapCode::UninitializedElement);
        let is_below = self.is_subtype(ty, found, expected);
        let other = self.env.b.ins().icmp_imm_s(IntCC::Equal, is_below, 0);
        self.env.trap_if(other, TrapCode::IndirectCallTypeMismatch);
    }

    /// Whether the type with the number `found` is `expected` or below it, which is the one with the index
    /// `ty`: 0 or 1. No type has the number of null's record.
    pub(super) fn is_subtype(&mut self, ty: u32, found: Value, expected: Value) -> Value {
        let (cold, done) = (self.env.b.create_block(), self.env.b.create_block());
        let is_below = self.env.b.append_block_param(done, types::I8);
        let same = self.env.b.ins().icmp(IntCC::Equal, found, expected);
        self.env.b.ins().brif(same, done, &[BlockArg::Value(same)], cold, &[]);
        self.env.b.switch_to_block(cold);
        self.env.b.seal_block(cold);
        let store = self.env.context_pointer(vm_context::STORE);
        let records = self.env.field(types::I64, store, store_context::TYPES);
        let place = self.env.b.ins().band_imm_u(found, !i64::from(canon::KIND_MASK) as u32 as i64);
        let place = self.env.b.ins().uextend(types::I64, place);
        // A processor that runs ahead may have read something else than a number.
        let count = self.env.field(types::I64, store, store_context::TYPE_COUNT);
        let outside = self.env.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, place, count);
        let place = self.masked_index(outside, place);
        let offset = self.env.b.ins().imul_imm_s(place, type_record::BYTES as i64);
        let record = self.env.b.ins().iadd(records, offset);
        let line = self.env.field(types::I64, record, type_record::LINE);
        let depth = self.type_depth(ty);
        let at_place = if depth < LINE_PLACES_MIN {
            self.env.field(types::I32, line, depth * 4)
        } else {
            let len = self.env.field(types::I64, record, type_record::LEN);
            let depth = self.env.b.ins().iconst(types::I64, depth as i64);
            let is_short = self.env.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, len, depth);
            let zero = self.env.b.ins().iconst(types::I64, 0);
            // The first place is the outermost type's, which is not the one that is asked for.
            let depth = self.env.b.ins().select_spectre_guard(is_short, zero, depth);
            let offset = self.env.b.ins().imul_imm_s(depth, 4);
            let at = self.env.b.ins().iadd(line, offset);
            self.env.field(types::I32, at, 0)
        };
        let is_there = self.env.b.ins().icmp(IntCC::Equal, at_place, expected);
        self.env.b.ins().jump(done, &[BlockArg::Value(is_there)]);
        self.env.b.switch_to_block(done);
        self.env.b.seal_block(done);
        is_below
    }

    /// How many types are above a type of the module's.
    fn type_depth(&self, ty: u32) -> usize {
        let above = |ty: &u32| self.module.types()[*ty as usize].supertype;
        core::iter::successors(above(&ty), above).count()
    }

    /// Traps if the type is another one; the element is null where the first of `null` is the second.
    fn check_type(&mut self, other: Value, null: (Value, i64)) {
        let (cold, next) = (self.env.b.create_block(), self.env.b.create_block());
        self.env.b.set_cold_block(cold);
        self.env.b.ins().brif(other, cold, &[], next, &[]);
        self.env.b.switch_to_block(cold);
        self.env.b.seal_block(cold);
        let null = self.env.b.ins().icmp_imm_s(IntCC::Equal, null.0, null.1);
        self.env.trap_if(null, TrapCode::UninitializedElement);
        self.env.trap(TrapCode::IndirectCallTypeMismatch);
        self.env.b.switch_to_block(next);
        self.env.b.seal_block(next);
    }

    /// Traps if an index is not one of so many elements of a table that never changes; whether it is not.
    fn check_static(&mut self, index: Value, count: u32) -> Value {
        let count = self.env.b.ins().iconst(types::I64, i64::from(count));
        let outside = self.env.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, count);
        self.env.trap_if(outside, TrapCode::UndefinedElement);
        outside
    }

    /// What an index calls in a view of a table that never changes: of `count` elements. No type is asked for: what is of
    /// another one leads to a trap.
    fn viewed_callee(&mut self, ty: u32, view: TargetView, (index, count): (Value, u32)) -> Callee {
        self.check_static(index, count);
        // Within the view for a processor that runs ahead of the check.
        let index = self.env.b.ins().band_imm_u(index, i64::from(view.mask));
        let array = self.env.context_pointer(vm_context::CODE);
        let targets = self.static_tables_cell() + 1;
        let targets = self.env.constant(types::I64, array, targets * POINTER_BYTES);
        let offset = self.env.b.ins().imul_imm_s(index, POINTER_BYTES as i64);
        let target = self.env.b.ins().iadd(targets, offset);
        let flags = self.env.flags(Region::Target).with_aligned();
        let at = view.first as i32 * POINTER_BYTES as i32;
        let code = self.env.b.ins().load(types::I64, flags, target, at);
        Callee { signature: self.signature(ty), code, cx: self.env.cx }
    }

    /// Which of the module's pointers to code leads to the elements of tables that never change.
    fn static_tables_cell(&self) -> usize {
        self.module.func_count() as usize + self.module.types().len()
    }

    /// What leads to an index's element of a table that never changes: `count` of them begin at `start`.
    fn static_element(&mut self, index: Value, (start, count): (u32, u32)) -> StaticElement {
        let outside = self.check_static(index, count);
        let index = self.masked_index(outside, index);
        let array = self.env.context_pointer(vm_context::CODE);
        let tables = self.static_tables_cell();
        let elements = self.env.constant(types::I64, array, tables * POINTER_BYTES);
        let offset = self.env.b.ins().imul_imm_s(index, STATIC_ELEMENT_BYTES as i64);
        let element = self.env.b.ins().iadd(elements, offset);
        let at = (start as usize * STATIC_ELEMENT_BYTES) as i32;
        StaticElement { array, element, at }
    }

    /// What an element of a table that never changes calls.
    fn static_code(&mut self, ty: u32, element: StaticElement) -> Callee {
        let StaticElement { array, element, at } = element;
        let flags = MemFlagsData::trusted().with_readonly();
        let found = self.env.b.ins().load(types::I32, flags, element, at);
        let expected = i64::from(self.tables.type_number(ty));
        let other = self.env.b.ins().icmp_imm_s(IntCC::NotEqual, found, expected);
        // Null has all bits set there.
        self.check_type(other, (found, -1));
        let func = self.env.b.ins().uload32(flags, element, at + 4);
        let offset = self.env.b.ins().imul_imm_s(func, POINTER_BYTES as i64);
        let slot = self.env.b.ins().iadd(array, offset);
        let code = self.env.field(types::I64, slot, 0);
        Callee { signature: self.signature(ty), code, cx: self.env.cx }
    }

    /// The index; zero for a processor that runs ahead of the check.
    fn masked_index(&mut self, outside: Value, index: Value) -> Value {
        if !tuning::SPECTRE_MASKS {
            return index;
        }
        let zero = self.env.b.ins().iconst(types::I64, 0);
        self.env.b.ins().select_spectre_guard(outside, zero, index)
    }

    /// The place of a table that never changes, if this is one.
    fn static_table(&self, table: u32) -> Option<(u32, u32)> {
        self.tables.table(table).filter(|_| tuning::STATIC_TABLES)
    }

    /// The way out for functions of a type that have no code.
    fn way_out(&mut self, ty: u32) -> Callee {
        self.needs.insert(Unit::LeaveRef(ty));
        let signature = leave_ref_signature(self.module.func_type_at(ty));
        let signature = self.env.b.import_signature(signature);
        let code = self.code_at(self.module.func_count() as usize + ty as usize);
        Callee { signature, code, cx: self.env.cx }
    }

    pub(super) fn visit_call_indirect(&mut self, ty: u32, table: u32) {
        self.flush_charge();
        let guess = self.guess(ty);
        if let Some(place) = self.static_table(table) {
            return self.static_call((ty, table), place, guess);
        }
        let found = self.indexed(table);
        let other = |this: &mut Self| {
            let referred = this.of_type(ty, found);
            this.call_referred(referred, ty);
        };
        let Some(guess) = guess else { return other(self) };
        let is_it = self.is_record_of(found.1, guess.func);
        self.guarded(ty, guess, is_it, other);
    }

    /// Calls through a table that never changes.
    fn static_call(&mut self, (ty, table): (u32, u32), place: (u32, u32), guess: Option<Guess>) {
        self.needs.insert(Unit::Tables);
        let index = self.pop_index(table);
        let view = self.tables.view(table, ty).filter(|_| tuning::TARGET_VIEWS);
        let other = |this: &mut Self| {
            let callee = match view {
                Some(view) => this.viewed_callee(ty, view, (index, place.1)),
                None => {
                    let element = this.static_element(index, place);
                    this.static_code(ty, element)
                }
            };
            this.call(&callee, ty);
        };
        // Where the function stands in one place only, the index says whether it is that.
        let only =
            guess.and_then(|guess| Some((guess, self.tables.only_place(table, guess.func)?)));
        let Some((guess, at)) = only else { return other(self) };
        let is_it = self.env.b.ins().icmp_imm_s(IntCC::Equal, index, i64::from(at));
        self.guarded(ty, guess, is_it, other);
    }

    pub(super) fn visit_call_ref(&mut self, ty: u32) {
        self.flush_charge();
        let Some(guess) = self.guess(ty) else {
            let referred = self.popped_reference(ty);
            return self.call_referred(referred, ty);
        };
        let reference = self.pop();
        // Null's record is of no function.
        let record = self.func_record(reference);
        let is_it = self.is_record_of(record, guess.func);
        self.guarded(ty, guess, is_it, |this| {
            this.push(reference);
            let referred = this.popped_reference(ty);
            this.call_referred(referred, ty);
        });
    }

    pub(super) fn visit_return_call_ref(&mut self, ty: u32) {
        self.flush_charge();
        let referred = self.popped_reference(ty);
        self.return_call_referred(referred, ty);
    }

    /// Pops a reference, which must not be null.
    fn popped_reference(&mut self, ty: u32) -> Referred {
        let reference = self.pop();
        let null = self.env.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        self.env.trap_if(null, TrapCode::NullFunctionReference);
        let record = self.func_record(reference);
        self.referred_by(reference, record, ty)
    }

    fn call_referred(&mut self, Referred { reference, callee }: Referred, ty: u32) {
        let mut args = self.arguments(callee.cx, ty);
        let (cold, direct) = (self.env.b.create_block(), self.env.b.create_block());
        self.note_call();
        let done = self.block_with(self.module.func_type_at(ty).results());
        self.env.b.set_cold_block(cold);
        self.env.b.ins().brif(callee.code, direct, &[], cold, &[]);
        self.env.b.switch_to_block(direct);
        self.env.b.seal_block(direct);
        self.call_code_and_jump(callee.signature, callee.code, &args, done);
        self.env.b.switch_to_block(cold);
        self.env.b.seal_block(cold);
        let out = self.way_out(ty);
        args[0] = out.cx;
        args.push(reference);
        self.call_code_and_jump(out.signature, out.code, &args, done);
        self.env.b.seal_block(done);
        let height = self.stack.len();
        self.go_on_at(done, height);
    }

    pub(super) fn visit_return_call_indirect(&mut self, ty: u32, table: u32) {
        self.flush_charge();
        if let Some(place) = self.static_table(table) {
            // What traps in the callee's place needs a caller.
            self.needs.insert(Unit::Tables);
            let index = self.pop_index(table);
            let element = self.static_element(index, place);
            let callee = self.static_code(ty, element);
            return self.return_call(&callee, ty);
        }
        let referred = self.referred(ty, table);
        self.return_call_referred(referred, ty);
    }

    fn return_call_referred(&mut self, Referred { reference, callee }: Referred, ty: u32) {
        let mut args = self.arguments(callee.cx, ty);
        let (cold, direct) = (self.env.b.create_block(), self.env.b.create_block());
        self.env.b.set_cold_block(cold);
        self.env.b.ins().brif(callee.code, direct, &[], cold, &[]);
        self.env.b.switch_to_block(direct);
        self.env.b.seal_block(direct);
        self.env.b.ins().return_call_indirect(callee.signature, callee.code, &args);
        self.env.b.switch_to_block(cold);
        self.env.b.seal_block(cold);
        let out = self.way_out(ty);
        args[0] = out.cx;
        args.push(reference);
        self.env.b.ins().return_call_indirect(out.signature, out.code, &args);
        self.end_of_path();
    }
}
