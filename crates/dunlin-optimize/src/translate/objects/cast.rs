//! Tests and casts of references: by the bits of the reference, by the number that an object begins with, or by
//! the line of that type.

use super::super::Translator;
use super::super::conditions::Condition;
use super::super::environment::Region;
use super::super::facts::Fact;
use crate::worker::clif_trap;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Value, types};
use dunlin_core::canon::{KIND_ARRAY, KIND_MASK, KIND_STRUCT};
use dunlin_core::{HeapType, RefType, TrapCode};
use dunlin_module::layout::{func_record, object, store_context, vm_context};

/// What an object must be.
#[derive(Clone, Copy)]
enum Wanted {
    /// Of this kind.
    Kind(u32),
    /// Of the type with this index, or below it.
    Type(u32),
}

impl Translator<'_, '_> {
    /// A type that an operator names.
    fn heap_type(&mut self, ty: wasmparser::HeapType) -> HeapType {
        match dunlin_module::heap_type(ty, self.operator) {
            Ok(ty) => ty,
            Err(error) => {
                self.failed = Some(error.into());
                HeapType::None
            }
        }
    }

    fn is_func_type(&self, ty: u32) -> bool {
        self.module.types()[ty as usize].composite.as_func().is_some()
    }

    fn truth(&mut self, value: bool) -> Value {
        self.env.b.ins().iconst(types::I8, i64::from(value))
    }

    /// Whether a reference is of a type: 0 or 1.
    fn is_of(&mut self, reference: Value, ty: RefType) -> Value {
        if let HeapType::Concrete(index) = ty.heap
            && self.known(Fact::Is(reference, index)).is_some()
        {
            return self.truth(true);
        }
        match ty.heap {
            HeapType::Any | HeapType::Extern | HeapType::Func | HeapType::Exn => {
                if ty.nullable {
                    return self.truth(true);
                }
                self.env.b.ins().icmp_imm_s(IntCC::NotEqual, reference, 0)
            }
            HeapType::None | HeapType::NoExtern | HeapType::NoFunc | HeapType::NoExn => {
                if !ty.nullable {
                    return self.truth(false);
                }
                self.env.b.ins().icmp_imm_s(IntCC::Equal, reference, 0)
            }
            HeapType::I31 => {
                let bit = self.env.b.ins().band_imm_s(reference, 1);
                let is_small = self.env.b.ins().icmp_imm_s(IntCC::NotEqual, bit, 0);
                self.or_null(is_small, reference, ty.nullable)
            }
            HeapType::Eq => {
                let tag = self.env.b.ins().band_imm_s(reference, i64::from(object::TAG_MASK));
                let host = i64::from(object::TAG_HOST);
                let is_eq = self.env.b.ins().icmp_imm_s(IntCC::NotEqual, tag, host);
                if ty.nullable {
                    return is_eq;
                }
                let some = self.env.b.ins().icmp_imm_s(IntCC::NotEqual, reference, 0);
                self.env.b.ins().band(is_eq, some)
            }
            HeapType::Concrete(index) if self.is_func_type(index) => {
                self.is_func_of(reference, index, ty.nullable)
            }
            HeapType::Concrete(index) => {
                self.is_object_of(reference, Wanted::Type(index), ty.nullable)
            }
            HeapType::Struct => {
                self.is_object_of(reference, Wanted::Kind(KIND_STRUCT), ty.nullable)
            }
            HeapType::Array => self.is_object_of(reference, Wanted::Kind(KIND_ARRAY), ty.nullable),
        }
    }

    fn or_null(&mut self, condition: Value, reference: Value, nullable: bool) -> Value {
        if !nullable {
            return condition;
        }
        let null = self.env.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        self.env.b.ins().bor(condition, null)
    }

    /// Goes to `done` with `outcome` if the condition holds.
    fn leave_if(&mut self, condition: Value, done: Block, outcome: bool) {
        let outcome = self.truth(outcome);
        let next = self.env.b.create_block();
        self.env.b.ins().brif(condition, done, &[BlockArg::Value(outcome)], next, &[]);
        self.env.b.switch_to_block(next);
        self.env.b.seal_block(next);
    }

    /// Goes on at `done`, with what is found there.
    fn join(&mut self, done: Block, outcome: Value) {
        self.env.b.ins().jump(done, &[BlockArg::Value(outcome)]);
        self.env.b.switch_to_block(done);
        self.env.b.seal_block(done);
    }

    fn is_object_of(&mut self, reference: Value, wanted: Wanted, nullable: bool) -> Value {
        // Read where all ways have come by, it is known on each of them and behind.
        self.heap_pointer(store_context::HEAP_BASE);
        let done = self.env.b.create_block();
        let outcome = self.env.b.append_block_param(done, types::I8);
        if self.may_be_null(reference) {
            let null = self.env.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
            self.leave_if(null, done, nullable);
        }
        if !self.is_object_or_null(reference) {
            let tag = self.env.b.ins().band_imm_s(reference, i64::from(object::TAG_MASK));
            self.leave_if(tag, done, false);
        }
        let found = self.type_number(reference, None);
        let is = self.is_wanted(found, wanted);
        self.join(done, is);
        outcome
    }

    /// The number that an object begins with; traps with `null` if the reference may be that.
    fn type_number(&mut self, reference: Value, null: Option<TrapCode>) -> Value {
        let flags = self.env.flags(Region::Header).with_aligned();
        let flags = flags.with_trap_code(null.map(clif_trap));
        let flags = if null.is_none() { flags.with_notrap() } else { flags };
        let at = self.env.b.ins().uextend(types::I64, reference);
        let address = self.heap_address(at);
        self.env.b.ins().load(types::I32, flags, address, object::TYPE as i32)
    }

    fn is_wanted(&mut self, found: Value, wanted: Wanted) -> Value {
        match wanted {
            Wanted::Kind(kind) => {
                let found = self.env.b.ins().band_imm_u(found, i64::from(KIND_MASK));
                self.env.b.ins().icmp_imm_u(IntCC::Equal, found, i64::from(kind))
            }
            Wanted::Type(ty) => self.is_type(found, ty),
        }
    }

    /// Whether the type with the number `found` is the one with the index `ty`, or below it.
    fn is_type(&mut self, found: Value, ty: u32) -> Value {
        let ids = self.env.context_pointer(vm_context::TYPE_IDS);
        let expected = self.env.constant(types::I32, ids, ty as usize * 4);
        if self.module.types()[ty as usize].is_final {
            return self.env.b.ins().icmp(IntCC::Equal, found, expected);
        }
        match self.guessed_type(ty) {
            Some(guess) => self.is_guessed_type((ty, expected), guess, found),
            None => self.is_subtype(ty, found, expected),
        }
    }

    fn is_func_of(&mut self, reference: Value, ty: u32, nullable: bool) -> Value {
        let done = self.env.b.create_block();
        let outcome = self.env.b.append_block_param(done, types::I8);
        let null = self.env.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        self.leave_if(null, done, nullable);
        let record = self.func_record(reference);
        let found = self.env.field(types::I32, record, func_record::TYPE_ID);
        let is = self.is_type(found, ty);
        self.join(done, is);
        outcome
    }

    fn ref_test(&mut self, ty: wasmparser::HeapType, nullable: bool) {
        let heap = self.heap_type(ty);
        let reference = self.pop();
        let ty = RefType { nullable, heap };
        let is = self.is_of(reference, ty);
        let is = self.env.b.ins().uextend(types::I32, is);
        self.conditions.insert(is, Condition::Is(reference, ty));
        self.push(is);
    }

    pub(in super::super) fn visit_ref_test_non_null(&mut self, ty: wasmparser::HeapType) {
        self.ref_test(ty, false);
    }

    pub(in super::super) fn visit_ref_test_nullable(&mut self, ty: wasmparser::HeapType) {
        self.ref_test(ty, true);
    }

    fn ref_cast(&mut self, ty: wasmparser::HeapType, nullable: bool) {
        let heap = self.heap_type(ty);
        let reference = self.top(1)[0];
        let fact = match heap {
            HeapType::Concrete(index) if !nullable => Some(Fact::Is(reference, index)),
            _ => None,
        };
        if fact.is_some_and(|fact| self.known(fact).is_some()) {
            return;
        }
        match heap {
            HeapType::Concrete(index) if !self.is_func_type(index) => {
                self.cast_object(reference, index, nullable);
            }
            _ => {
                let is = self.is_of(reference, RefType { nullable, heap });
                let other = self.env.b.ins().icmp_imm_s(IntCC::Equal, is, 0);
                self.env.trap_if(other, TrapCode::CastFailure);
            }
        }
        if !nullable {
            self.is_not_null(reference);
        }
        if let Some(fact) = fact {
            self.learn(fact, reference);
        }
    }

    /// Traps if a reference is not to an object of this type.
    fn cast_object(&mut self, reference: Value, ty: u32, nullable: bool) {
        self.heap_pointer(store_context::HEAP_BASE);
        let done = (nullable && self.may_be_null(reference)).then(|| {
            let (some, done) = (self.env.b.create_block(), self.env.b.create_block());
            self.env.b.ins().brif(reference, some, &[], done, &[]);
            self.env.b.switch_to_block(some);
            self.env.b.seal_block(some);
            done
        });
        if !self.is_object_or_null(reference) {
            let tag = self.env.b.ins().band_imm_s(reference, i64::from(object::TAG_MASK));
            self.env.trap_if(tag, TrapCode::CastFailure);
        }
        // Null's fault is the cast's trap.
        let may_fault = done.is_none() && self.may_be_null(reference);
        let found = self.type_number(reference, may_fault.then_some(TrapCode::CastFailure));
        let is = self.is_type(found, ty);
        let other = self.env.b.ins().icmp_imm_s(IntCC::Equal, is, 0);
        self.env.trap_if(other, TrapCode::CastFailure);
        if let Some(done) = done {
            self.env.b.ins().jump(done, &[]);
            self.env.b.switch_to_block(done);
            self.env.b.seal_block(done);
        }
    }

    pub(in super::super) fn visit_ref_cast_non_null(&mut self, ty: wasmparser::HeapType) {
        self.ref_cast(ty, false);
    }

    pub(in super::super) fn visit_ref_cast_nullable(&mut self, ty: wasmparser::HeapType) {
        self.ref_cast(ty, true);
    }

    /// Branches if the reference on top, which stays, is of the type or is not.
    fn branch_on(&mut self, depth: u32, to: wasmparser::RefType, outcome: bool) {
        let heap = self.heap_type(to.heap_type());
        let reference = self.top(1)[0];
        let ty = RefType { nullable: to.is_nullable(), heap };
        let is = self.is_of(reference, ty);
        let condition = if outcome { is } else { self.env.b.ins().icmp_imm_s(IntCC::Equal, is, 0) };
        let known = Condition::Is(reference, ty);
        self.conditions.insert(condition, if outcome { known } else { known.not() });
        self.push(condition);
        self.visit_br_if(depth);
    }

    pub(in super::super) fn visit_br_on_cast(
        &mut self,
        depth: u32,
        _from: wasmparser::RefType,
        to: wasmparser::RefType,
    ) {
        self.branch_on(depth, to, true);
    }

    pub(in super::super) fn visit_br_on_cast_fail(
        &mut self,
        depth: u32,
        _from: wasmparser::RefType,
        to: wasmparser::RefType,
    ) {
        self.branch_on(depth, to, false);
    }
}
