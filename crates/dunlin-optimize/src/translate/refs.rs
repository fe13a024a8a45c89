//! References that the collector follows: which values are, and what is known of them.
//!
//! A collection moves objects. So a reference that is live across a call is in a word of the frame that the
//! frame's map names, and is read from there behind the call: Cranelift's frontend does both for every value that
//! is declared to it. What is computed from a reference, an address above all, is never used behind a call.
//!
//! What is known of a value is noted where it is defined, and true wherever it is used. A local's value that has
//! not been defined by an operator is one that several values of the local's type have come together to.

use super::facts::{Fact, Facts};
use super::{Region, Translator};
use crate::{limits, tuning};
use cranelift_codegen::ir::Value;
use cranelift_frontend::FunctionBuilder;
use dunlin_core::{HeapType, RefType, ValType};
use std::collections::HashMap;

/// What is known of a function's references.
#[derive(Default)]
pub(super) struct Refs {
    /// Types of the values that are followed.
    types: HashMap<Value, RefType>,
    /// Locals that are followed.
    pub(super) locals: usize,
    /// References that are live across calls so far, at most.
    mapped: usize,
}

impl Refs {
    /// Whether a value is followed.
    pub(super) fn is_followed(&self, value: Value) -> bool {
        self.types.contains_key(&value)
    }

    /// Notes that a value is of another's type.
    pub(super) fn note_as(&mut self, other: Value, value: Value) {
        if let Some(ty) = self.types.get(&other).copied() {
            self.types.entry(value).or_insert(ty);
        }
    }

    /// Whether half of what may be live across calls is.
    pub(super) fn is_nearly_full(&self) -> bool {
        2 * self.mapped > limits::MAPPED_MAX
    }
}

/// Gives what the frontend writes to the frame a region of its own.
pub(super) fn keep_spills_apart(builder: &mut FunctionBuilder<'_>) {
    builder.make_stack_map_alias_region(Box::new(|regions, _, _, _| {
        Some(regions.insert(Region::Spill.data()))
    }));
}

impl Translator<'_, '_> {
    /// Whether values of a type are references that the collector follows.
    pub(super) fn is_traced(&self, ty: ValType) -> bool {
        let is_func = |ty: u32| self.module.types()[ty as usize].composite.as_func().is_some();
        matches!(ty, ValType::Ref(ty) if ty.is_traced(is_func))
    }

    /// Notes the type of a value.
    pub(super) fn note(&mut self, value: Value, ty: ValType) {
        if let ValType::Ref(reference) = ty
            && self.is_traced(ty)
        {
            self.env.b.declare_value_needs_stack_map(value);
            self.refs.types.entry(value).or_insert(reference);
        }
    }

    /// Pushes a value of a type.
    pub(super) fn push_of(&mut self, value: Value, ty: ValType) {
        self.note(value, ty);
        self.push(value);
    }

    /// Whether a value may be null, as far as is known.
    pub(super) fn may_be_null(&mut self, value: Value) -> bool {
        let is_nullable = self.refs.types.get(&value).is_none_or(|ty| ty.nullable);
        is_nullable && self.known(Fact::NotNull(value)).is_none()
    }

    /// Notes that a value is not null from here on.
    pub(super) fn is_not_null(&mut self, value: Value) {
        if self.may_be_null(value) {
            self.learn(Fact::NotNull(value), value);
        }
    }

    /// What is known, brought up to date.
    pub(super) fn facts(&mut self) -> &mut Facts {
        if self.calls_seen != self.env.calls {
            self.calls_seen = self.env.calls;
            self.facts.call();
        }
        &mut self.facts
    }

    /// What a fact is about, if it is known.
    pub(super) fn known(&mut self, fact: Fact) -> Option<Value> {
        let fact = self.resolved(fact);
        self.facts().get(fact).filter(|_| tuning::FACTS)
    }

    /// Learns a fact.
    pub(super) fn learn(&mut self, fact: Fact, value: Value) {
        let fact = self.resolved(fact);
        self.facts().learn(fact, value);
    }

    /// The fact, about values that are no others' aliases.
    fn resolved(&self, fact: Fact) -> Fact {
        let of = |value| self.env.b.func.dfg.resolve_aliases(value);
        match fact {
            Fact::Field(value, place, extension) => Fact::Field(of(value), place, extension),
            Fact::Length(value) => Fact::Length(of(value)),
            Fact::Element(array, index) => Fact::Element(of(array), of(index)),
            Fact::Pointer(_) => fact,
            Fact::NotNull(value) => Fact::NotNull(of(value)),
            Fact::Is(value, ty) => Fact::Is(of(value), ty),
        }
    }

    /// Whether a value is known to be null or an object: no small integer, and no value of the host.
    pub(super) fn is_object_or_null(&self, value: Value) -> bool {
        let heap = self.refs.types.get(&value).map(|ty| ty.heap);
        matches!(heap, Some(HeapType::Struct | HeapType::Array | HeapType::Concrete(_)))
    }

    /// A type that stands in a body.
    pub(super) fn parsed_type(&mut self, ty: wasmparser::ValType) -> Option<ValType> {
        match dunlin_module::val_type(ty, self.operator) {
            Ok(ty) => Some(ty),
            Err(error) => {
                self.failed = Some(error.into());
                None
            }
        }
    }

    /// Counts what is live across a call, before the call.
    pub(super) fn note_call(&mut self) {
        let live = self.refs.types.len().min(self.refs.locals + self.stack.len());
        self.facts().call();
        self.refs.mapped = self.refs.mapped.saturating_add(live);
        if self.refs.mapped > limits::MAPPED_MAX {
            self.refuse("the function keeps too many references across calls for this tier");
        }
    }
}
