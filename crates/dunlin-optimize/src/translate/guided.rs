//! Code that follows a profile: what was called most is called, or stands in place of the call, where that is what is to
//! be called; what control never got to is rarely executed.
//!
//! A *guard* asks whether an element or a reference is the function that the call has called most, of this instance. That
//! is one comparison of a number in place of a check of types, and behind it the function is known. Any other goes
//! the way that it would have gone without. Where a profile is wrong the code is slower, and does the same.

use super::Translator;
use super::environment::Region;
use super::frames::Kind;
use crate::tuning;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, types};
use dunlin_module::layout::{func_record, vm_context};

/// What a call is guessed to call.
#[derive(Clone, Copy)]
pub(super) struct Guess {
    /// The function.
    pub(super) func: u32,
    /// Whether others are so few that what they need is put out of the way.
    is_sure: bool,
}

impl Translator<'_, '_> {
    /// Whether control has ever got to the place of the operator at hand, or may have.
    pub(super) fn is_reached(&self) -> bool {
        let (func, operator) = (self.scope.func, self.operator as u32);
        self.source.profile.is_none_or(|profile| profile.is_reached(func, operator))
    }

    /// Whether the function around the call at hand owes much of its time to calls of this one.
    pub(super) fn is_called_often(&self, func: u32) -> bool {
        let calls = |func| self.source.profile.map_or(0, |profile| profile.calls(func));
        let around = calls(self.own_func());
        around > 0 && calls(func) >= around / tuning::HOT_CALLS_SHARE
    }

    /// The function that the call at hand has called most, if it may call that as a function of type `ty`, and it is
    /// worth asking for it.
    pub(super) fn guess(&self, ty: u32) -> Option<Guess> {
        if !tuning::GUARDED_CALLS || self.cold {
            return None;
        }
        let target = self.source.profile?.target(self.operator as u32)?;
        let module = self.module;
        // Anybody may have written the profile.
        let has_body = (module.func_imports()..module.func_count()).contains(&target.func);
        if !has_body || target.percent < tuning::GUARDED_PERCENT_MIN {
            return None;
        }
        let is_sure = target.percent >= tuning::SURE_PERCENT_MIN;
        let is_of_type = self.is_declared_below(module.func_type_index(target.func), ty);
        is_of_type.then_some(Guess { func: target.func, is_sure })
    }

    /// The type below `ty` that the test or cast at hand has met most.
    pub(super) fn guessed_type(&self, ty: u32) -> Option<u32> {
        if !tuning::GUARDED_CASTS || self.cold {
            return None;
        }
        let types = self.module.types();
        let met = self.source.profile?.cast(self.operator as u32)?;
        // Anybody may have written the profile.
        let is_type = (met.ty as usize) < types.len() && met.ty != ty;
        if !is_type || met.percent < tuning::GUARDED_PERCENT_MIN {
            return None;
        }
        // Of one that is not declared to be below it may still be equal to one that is.
        self.is_declared_below(met.ty, ty).then_some(met.ty)
    }

    /// Whether a type is another one, or below it as the types between them say.
    fn is_declared_below(&self, sub: u32, sup: u32) -> bool {
        let above = |ty: &u32| self.module.types()[*ty as usize].supertype;
        core::iter::successors(Some(sub), above).any(|of| of == sup)
    }

    /// Whether the type with the number `found` is the one with the index `ty` and the number `expected`, or below it;
    /// it is asked first whether it is the one that has been guessed.
    pub(super) fn is_guessed_type(
        &mut self,
        (ty, expected): (u32, Value),
        guess: u32,
        found: Value,
    ) -> Value {
        let done = self.env.b.create_block();
        let outcome = self.env.b.append_block_param(done, types::I8);
        let ids = self.env.context_pointer(vm_context::TYPE_IDS);
        let number = self.env.constant(types::I32, ids, guess as usize * 4);
        let is_guess = self.env.b.ins().icmp(IntCC::Equal, found, number);
        let other = self.env.b.create_block();
        self.env.b.ins().brif(is_guess, done, &[BlockArg::Value(is_guess)], other, &[]);
        self.env.b.switch_to_block(other);
        self.env.b.seal_block(other);
        let is = self.is_subtype(ty, found, expected);
        self.env.b.ins().jump(done, &[BlockArg::Value(is)]);
        self.env.b.switch_to_block(done);
        self.env.b.seal_block(done);
        outcome
    }

    /// Whether a record is of a function of this instance.
    pub(super) fn is_record_of(&mut self, record: Value, func: u32) -> Value {
        let flags = self.env.flags(Region::Vm);
        let index = self.env.b.ins().load(types::I32, flags, record, func_record::INDEX as i32);
        let cx = self.env.field(types::I64, record, func_record::CX);
        let is_func = self.env.b.ins().icmp_imm_s(IntCC::Equal, index, i64::from(func));
        let is_here = self.env.b.ins().icmp(IntCC::Equal, cx, self.env.cx);
        self.env.b.ins().band(is_func, is_here)
    }

    /// Calls the function that has been guessed where `is_it` is not zero, with the arguments on top; otherwise goes the
    /// other way, which does the same.
    pub(super) fn guarded(
        &mut self,
        ty: u32,
        guess: Guess,
        is_it: Value,
        otherwise: impl FnOnce(&mut Self),
    ) {
        let of = self.module.func_type_at(ty);
        let (params, results) = (of.params().len(), of.results().len());
        let (then, other) = (self.env.b.create_block(), self.env.b.create_block());
        let end = self.block_with(of.results());
        self.count_branch();
        self.env.b.ins().brif(is_it, then, &[], other, &[]);
        self.env.b.seal_block(then);
        let values = self.top(params).to_vec();
        let kind = Kind::If { otherwise: other, params: values, end, reached: false };
        self.open(kind, params, results);
        if let Some(frame) = self.frames.last_mut() {
            frame.is_guard = true;
            frame.hint = guess.is_sure.then_some(true);
        }
        self.begin(then);
        self.visit_call(guess.func);
        self.visit_else();
        otherwise(self);
        self.visit_end();
    }
}
