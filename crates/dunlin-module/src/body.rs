//! Validating one function and building its side table, in one pass over its bytes.
//!
//! A visitor passes each operator to the validator first and looks at it afterwards, when its
//! immediates are known to be good. Most operators only move the operand stack's height, which the
//! validator knows; control operators own words of the side table.
//!
//! Functions are first read in *narrow* mode, in which every value is one slot. When a `v128` turns
//! up, the pass starts again in *wide* mode, which tracks where `v128` operands lie and patches a copy
//! of the body where an opcode does not say how many slots it moves (see [`crate::side::pseudo`]).
//!
//! Most functions are understood by a faster pass first, which says nothing of those that it does not know ([`quick`]).

mod catching;
mod quick;

use crate::builder::{Builder, Label, Site, Target};
use crate::fuse::fuse;
use crate::handlers::{Handlers, NONE};
use crate::side::{FRAME_RECORD_SLOTS, Prepared, is_short_block_type, pseudo};
use crate::{Invalid, Module};
use alloc::boxed::Box;
use alloc::vec::Vec;
use dunlin_core::{FuncType, ValType};
use wasmparser::{
    BinaryReader, BlockType, BrTable, CompositeInnerType, FrameKind, FrameStack, FuncToValidate,
    FuncValidator, FuncValidatorAllocations, HeapType, Operator, OperatorsReader, UnpackedIndex,
    ValidatorResources, VisitOperator, VisitSimdOperator, WasmModuleResources,
};

/// Memory that preparing one function leaves to the next.
#[derive(Default)]
pub struct Scratch {
    validator: FuncValidatorAllocations,
    quick: quick::Buffers,
}

impl Module {
    /// Validates a function and builds its side table.
    ///
    /// # Errors
    ///
    /// If the body is malformed or invalid, or `func` has none.
    pub fn prepare(&self, func: u32, scratch: &mut Scratch) -> Result<Prepared, Invalid> {
        let Some(range) = self.body_range(func) else {
            return Err(Invalid::new("function has no body", 0));
        };
        self.bytes.pin(range);
        if let Some(prepared) = self.known.as_ref().and_then(|known| known.get(func)) {
            return Ok(prepared);
        }
        match self.prepare_quickly(func, scratch) {
            Some(prepared) => {
                debug_assert_eq!(
                    Some(&prepared),
                    self.prepare_and_tell(func, scratch, |_, _| ()).ok().as_ref(),
                    "both passes say the same of function {func}"
                );
                Ok(prepared)
            }
            None => self.prepare_and_tell(func, scratch, |_, _| ()),
        }
    }

    /// Validates a function, as [`Module::prepare`] does, and builds nothing.
    ///
    /// # Errors
    ///
    /// As for [`Module::prepare`].
    pub fn validate(&self, func: u32, scratch: &mut Scratch) -> Result<(), Invalid> {
        let Some(range) = self.body_range(func) else {
            return Err(Invalid::new("function has no body", 0));
        };
        self.bytes.pin(range);
        if self.known.as_ref().is_some_and(|known| known.has(func)) {
            return Ok(());
        }
        match self.validate_quickly(func, scratch) {
            Some(()) => Ok(()),
            None => self.prepare_and_tell(func, scratch, |_, _| ()).map(drop),
        }
    }

    /// What either pass says of a function, for whoever compares them: the faster one, which may say nothing, and the
    /// other. [`Module::prepare`] takes the first answer if there is one.
    ///
    /// # Errors
    ///
    /// In the second place: as [`Module::prepare`].
    pub fn prepare_both_ways(
        &self,
        func: u32,
        scratch: &mut Scratch,
    ) -> (Option<Prepared>, Result<Prepared, Invalid>) {
        if let Some(range) = self.body_range(func) {
            self.bytes.pin(range);
        }
        let quickly = self.prepare_quickly(func, scratch);
        (quickly, self.prepare_and_tell(func, scratch, |_, _| ()))
    }

    /// [`Module::prepare`], which tells of each operator before it looks at it: the offset in the module,
    /// and the index of the next word of the side table. It may begin again.
    pub(crate) fn prepare_and_tell(
        &self,
        func: u32,
        scratch: &mut Scratch,
        mut tell: impl FnMut(u32, u32),
    ) -> Result<Prepared, Invalid> {
        let Some(range) = self.body_range(func) else {
            return Err(Invalid::new("function has no body", 0));
        };
        self.bytes.pin(range);
        let mut wide = self.has_v128_types;
        loop {
            let validator = self.validator(func, scratch)?;
            let mut body = Body::new(self, validator, func, wide);
            let done = body.run(&mut tell)?;
            if let Done::NeedsWide = done {
                wide = true;
                scratch.validator = body.validator.into_allocations();
                continue;
            }
            return Ok(body.finish(scratch));
        }
    }
}

impl Module {
    /// Which slots of an activation hold references that the store's collector follows, while the operator
    /// that holds the byte at `offset` of a valid function is executed: counted from the first local, in
    /// ascending order. Its operands are among them unless it is a call, whose arguments belong to whom it
    /// calls. `locals` are the slots of all locals, as [`Prepared::locals`] says.
    ///
    /// # Errors
    ///
    /// If the function is not valid.
    pub fn ref_map(&self, func: u32, offset: usize, locals: u32) -> Result<Vec<u32>, Invalid> {
        let at = self.operator_start(func, offset) as u64;
        let mut scratch = Scratch::default();
        let mut wide = self.has_v128_types;
        loop {
            let validator = self.validator(func, &mut scratch)?;
            let mut body = Body::new(self, validator, func, wide);
            body.patched = None;
            if let Some(map) = body.ref_map(at, locals)? {
                return Ok(map);
            }
            wide = true;
        }
    }

    fn validator(
        &self,
        func: u32,
        scratch: &mut Scratch,
    ) -> Result<FuncValidator<ValidatorResources>, Invalid> {
        let Some(resources) = self.resources() else {
            return Err(Invalid::new("function has no body", 0));
        };
        let function = FuncToValidate {
            resources: resources.clone(),
            index: func,
            ty: self.func_type_index(func),
            features: self.features,
        };
        Ok(function.into_validator(core::mem::take(&mut scratch.validator)))
    }
}

enum Done {
    Whole,
    NeedsWide,
}

/// The state of the pass.
struct Body<'m> {
    module: &'m Module,
    validator: FuncValidator<ValidatorResources>,
    bytes: &'m [u8],
    func: u32,
    /// Offset of the body in the module.
    start: u64,
    /// Offset in the module of the operator at hand.
    offset: u64,
    code_offset: u32,
    builder: Builder,
    labels: Vec<Label>,
    /// Values on the operand stack before the operator at hand.
    height: u32,
    /// Slots of the highest operand stack so far.
    slots_max: u32,
    /// Whether the operator at hand can be reached.
    live: bool,
    wide: bool,
    needs_wide: bool,
    /// Indices of the `v128` values on the operand stack, ascending. Wide mode only.
    v128s: Vec<u32>,
    /// First slot of each local. Wide mode only.
    local_slots: Vec<u32>,
    patched: Option<Box<[u8]>>,
    handlers: Handlers,
    /// Words that are the slots of all locals.
    tail_words: Vec<u32>,
    /// Slots that keep what a `try` has caught, behind the locals.
    kept_slots: u32,
    /// Behind the latest sequence of operators that was fused, from the body's start.
    fused_end: usize,
}

impl<'m> Body<'m> {
    fn new(
        module: &'m Module,
        validator: FuncValidator<ValidatorResources>,
        func: u32,
        wide: bool,
    ) -> Self {
        let range = module.body_range(func).unwrap_or(0..0);
        Self {
            module,
            validator,
            bytes: &module.bytes()[range.clone()],
            func,
            start: range.start as u64,
            offset: range.start as u64,
            code_offset: 0,
            builder: Builder::default(),
            labels: Vec::new(),
            height: 0,
            slots_max: 0,
            live: true,
            wide,
            needs_wide: false,
            v128s: Vec::new(),
            local_slots: Vec::new(),
            patched: module.fuses.then(|| module.bytes()[range].into()),
            handlers: Handlers::default(),
            tail_words: Vec::new(),
            kept_slots: 0,
            fused_end: 0,
        }
    }

    #[inline]
    fn run(&mut self, tell: &mut impl FnMut(u32, u32)) -> Result<Done, Invalid> {
        let mut reader = BinaryReader::new(self.bytes, self.start);
        reader.set_features(self.module.features);
        self.locals(&mut reader)?;
        let at = (reader.original_position() - self.start) as usize;
        self.code_offset = self.start as u32 + behind_blocks(self.bytes, at);
        self.open(Label::new(0, self.ty().result_slots(), true));
        while !reader.eof() {
            if self.needs_wide {
                return Ok(Done::NeedsWide);
            }
            self.offset = reader.original_position();
            tell(self.offset as u32, self.builder.next());
            self.fuse();
            reader.visit_operator(self)??;
            if let Some(Label { start: Some(target), .. }) = self.labels.last_mut() {
                // A loop that has just begun: its body starts behind its immediates.
                if target.at == 0 {
                    let at = (reader.original_position() - self.start) as usize;
                    target.at = behind_blocks(self.bytes, at);
                }
            }
        }
        reader.finish_expression(self)?;
        Ok(if self.needs_wide { Done::NeedsWide } else { Done::Whole })
    }

    /// See [`Module::ref_map`]; `at` is where the operator begins. `None` if the function has vectors and
    /// is not read as one that has.
    fn ref_map(&mut self, at: u64, record: u32) -> Result<Option<Vec<u32>>, Invalid> {
        let mut reader = BinaryReader::new(self.bytes, self.start);
        reader.set_features(self.module.features);
        self.locals(&mut reader)?;
        self.open(Label::new(0, self.ty().result_slots(), true));
        while reader.original_position() < at && !reader.eof() && !self.needs_wide {
            self.offset = reader.original_position();
            reader.visit_operator(self)??;
        }
        if self.needs_wide {
            return Ok(None);
        }
        let taken = match OperatorsReader::new(reader.clone()).read()? {
            Operator::Call { function_index } => {
                self.module.func_type(function_index).params().len()
            }
            Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
                self.module.func_type_at(type_index).params().len() + 1
            }
            _ => 0,
        };
        let mut map = Vec::new();
        let locals = self.validator.len_locals();
        for local in 0..locals {
            if self.validator.get_local_type(local).is_some_and(|ty| self.is_traced(ty)) {
                map.push(self.local_slots.get(local as usize).copied().unwrap_or(local));
            }
        }
        // What is kept for a `rethrow` is a reference, or null.
        map.extend(self.locals_len()..record);
        let height = self.validator.operand_stack_height();
        for value in 0..height.saturating_sub(taken as u32) {
            let depth = (height - 1 - value) as usize;
            let ty = self.validator.get_operand_type(depth).flatten();
            if ty.is_some_and(|ty| self.is_traced(ty)) {
                map.push(record + FRAME_RECORD_SLOTS + self.slots(value));
            }
        }
        Ok(Some(map))
    }

    /// Whether values of this type are references that the collector follows.
    fn is_traced(&self, ty: wasmparser::ValType) -> bool {
        use wasmparser::AbstractHeapType::{Func, NoFunc};
        let wasmparser::ValType::Ref(ty) = ty else { return false };
        match ty.heap_type() {
            HeapType::Abstract { ty, .. } => !matches!(ty, Func | NoFunc),
            HeapType::Concrete(UnpackedIndex::Module(index)) => {
                self.module.types()[index as usize].composite.as_func().is_none()
            }
            HeapType::Concrete(index) | HeapType::Exact(index) => {
                let Some(id) = index.as_core_type_id() else { return true };
                let ty = self.validator.resources().sub_type_at_id(id);
                !matches!(ty.composite_type.inner, CompositeInnerType::Func(_))
            }
        }
    }

    /// Replaces the opcode at hand where it begins a sequence that has one.
    #[inline(always)]
    fn fuse(&mut self) {
        let at = (self.offset - self.start) as usize;
        if at < self.fused_end || !self.module.fuses {
            return;
        }
        let plain = |local: u8| !self.wide || self.is_plain_local(local);
        let found = self.bytes.get(at..).and_then(|bytes| fuse(bytes, plain));
        if let Some(fused) = found {
            self.fused_end = at + fused.bytes;
            self.patch(fused.code);
        }
    }

    /// Whether a local takes one slot, which has its index. Wide mode only.
    fn is_plain_local(&self, local: u8) -> bool {
        let slot = self.local_slots.get(usize::from(local));
        slot == Some(&local.into()) && !self.is_v128_local(local.into())
    }

    fn finish(self, scratch: &mut Scratch) -> Prepared {
        let locals = self.locals_len() + self.kept_slots;
        let (params, results) = (self.ty().param_slots(), self.ty().result_slots());
        let (mut words, relocations, loops) = self.builder.finish();
        for index in self.tail_words {
            words[index as usize] = locals.into();
        }
        scratch.validator = self.validator.into_allocations();
        Prepared {
            code_offset: self.code_offset,
            words,
            relocations,
            loops,
            params,
            locals,
            results,
            frame: locals + FRAME_RECORD_SLOTS + self.slots_max,
            patched: self.patched,
            handlers: self.handlers,
        }
    }

    /// Slots of the locals.
    fn locals_len(&self) -> u32 {
        match self.local_slots.last() {
            Some(slots) if self.wide => *slots,
            _ => self.validator.len_locals(),
        }
    }

    fn ty(&self) -> &'m FuncType {
        self.module.func_type(self.func)
    }

    /// Reads the declarations of locals; in wide mode, lays them out.
    fn locals(&mut self, reader: &mut BinaryReader<'_>) -> Result<(), Invalid> {
        for _ in 0..reader.read_var_u32()? {
            let offset = reader.original_position();
            let count = reader.read()?;
            let ty = reader.read::<wasmparser::ValType>()?;
            self.validator.define_locals(offset, count, ty)?;
            self.needs_wide |= !self.wide && ty == wasmparser::ValType::V128;
        }
        if self.wide {
            let mut slot = 0;
            for local in 0..self.validator.len_locals() {
                self.local_slots.push(slot);
                slot += if self.is_v128_local(local) { 2 } else { 1 };
            }
            // One more, so that the last entry is the total.
            self.local_slots.push(slot);
        }
        Ok(())
    }

    fn is_v128_local(&self, local: u32) -> bool {
        self.validator.get_local_type(local) == Some(wasmparser::ValType::V128)
    }

    /// Slots of the lowest `values` operands.
    fn slots(&self, values: u32) -> u32 {
        values + self.v128s.partition_point(|index| *index < values) as u32
    }

    /// Follows the operand stack after an operator that pushed `pushed` values.
    #[inline(always)]
    fn after(&mut self, pushed: u32) -> wasmparser::Result<()> {
        let height = self.validator.operand_stack_height();
        if self.wide {
            self.track_v128s(height, pushed);
        }
        self.height = height;
        self.slots_max = self.slots_max.max(height + self.v128s.len() as u32);
        Ok(())
    }

    fn track_v128s(&mut self, height: u32, pushed: u32) {
        let unchanged = height.saturating_sub(pushed);
        while self.v128s.last().is_some_and(|index| *index >= unchanged) {
            self.v128s.pop();
        }
        for index in unchanged..height {
            let depth = (height - 1 - index) as usize;
            let ty = self.validator.get_operand_type(depth);
            if ty == Some(Some(wasmparser::ValType::V128)) {
                self.v128s.push(index);
            }
        }
    }

    fn after_simd(&mut self, pushed: u32) -> wasmparser::Result<()> {
        self.needs_wide |= !self.wide;
        self.after(pushed)
    }

    /// Values and slots of a block type's parameters and results.
    fn block_arity(&self, ty: BlockType) -> Arity {
        match ty {
            BlockType::Empty => Arity::default(),
            BlockType::Type(ty) => {
                let slots = if ty == wasmparser::ValType::V128 { 2 } else { 1 };
                Arity { result_slots: slots, ..Arity::default() }
            }
            BlockType::FuncType(index) => Arity::of(self.module.func_type_at(index)),
        }
    }

    /// Opens a block.
    fn open(&mut self, mut label: Label) {
        let outer = self.labels.last().map_or((NONE, 0), |outer| (outer.region, outer.tries));
        (label.region, label.tries) = outer;
        self.labels.push(label);
    }

    fn after_block(&mut self, ty: BlockType, is_loop: bool) -> wasmparser::Result<()> {
        let arity = self.block_arity(ty);
        let base = self.slots(self.height.saturating_sub(arity.params));
        let kept = if is_loop { arity.param_slots } else { arity.result_slots };
        let mut label = Label::new(base, kept, self.live);
        // `at` is 0 until the operator's immediates have been read; no loop's body starts there.
        label.start = is_loop.then(|| Target { at: 0, word: self.builder.next() });
        self.open(label);
        self.after(arity.params)
    }

    fn after_if(&mut self, ty: BlockType) -> wasmparser::Result<()> {
        let arity = self.block_arity(ty);
        let below = self.height.saturating_sub(1);
        let base = self.slots(below.saturating_sub(arity.params));
        let mut label = Label::new(base, arity.result_slots, self.live);
        if self.live {
            let site = Site { at: self.after_opcode(), height: self.slots(below) };
            label.otherwise = Some(self.builder.if_word(site));
        }
        self.open(label);
        self.after(arity.params)
    }

    fn after_else(&mut self) -> wasmparser::Result<()> {
        let site = Site { at: self.after_opcode(), height: self.slots(self.height) };
        if let Some(label) = self.labels.last_mut() {
            if self.live {
                let site = self.builder.site(site);
                self.builder.branch(site, label);
            }
            let at = behind_blocks(self.bytes, site.at as usize);
            let target = Target { at, word: self.builder.next() };
            if let Some(index) = label.otherwise.take() {
                self.builder.otherwise(index, target);
            }
            self.live = label.live;
        }
        // The parameters of the `if` are on the stack again.
        let frame = self.validator.get_control_frame(0);
        let ty = frame.map_or(BlockType::Empty, |frame| frame.block_type);
        self.after(self.block_arity(ty).params)
    }

    fn after_end(&mut self) -> wasmparser::Result<()> {
        self.end_region(self.after_opcode() - 1);
        let Some(label) = self.labels.pop() else { return Ok(()) };
        self.close(label, self.after_opcode())
    }

    /// Goes on behind a block, at `after`.
    fn close(&mut self, mut label: Label, after: u32) -> wasmparser::Result<()> {
        if self.labels.is_empty() {
            let target = Target { at: after - 1, word: self.builder.next() };
            self.builder.settle_all(&mut label, target);
            self.settle_clauses(label.catching, target);
            self.builder.end(after, label.arity);
            return Ok(());
        }
        let at = behind_blocks(self.bytes, after as usize);
        let target = Target { at, word: self.builder.next() };
        self.builder.settle_all(&mut label, target);
        self.settle_clauses(label.catching, target);
        if let Some(index) = label.otherwise {
            self.builder.otherwise(index, target);
        }
        self.live = label.live;
        // How many values the block left is not known here, but no more than its slots.
        let left = self.validator.operand_stack_height();
        self.after(label.arity.min(left))
    }

    fn branch_to(&mut self, site: u32, depth: u32) {
        let index = self.labels.len().checked_sub(depth as usize + 1);
        if let Some(label) = index.and_then(|index| self.labels.get_mut(index)) {
            self.builder.branch(site, label);
        }
    }

    fn branch_site(&mut self, conditions: u32) -> u32 {
        let height = self.slots(self.height.saturating_sub(conditions));
        let at = self.after_opcode();
        self.builder.site(Site { at, height })
    }

    fn after_br(&mut self, depth: u32) -> wasmparser::Result<()> {
        if self.live {
            let site = self.branch_site(0);
            self.branch_to(site, depth);
        }
        self.after_dead_end()
    }

    fn after_br_if(&mut self, depth: u32) -> wasmparser::Result<()> {
        if self.live {
            let site = self.branch_site(1);
            self.branch_to(site, depth);
        }
        let index = self.labels.len().saturating_sub(depth as usize + 1);
        let kept = self.labels.get(index).map_or(0, |label| label.arity);
        let height = self.validator.operand_stack_height();
        self.after(kept.min(height))
    }

    /// `br_on_null`, `br_on_non_null` and their like: a branch keeps all but `taken` operands, and whatever
    /// goes on has the label's values below it.
    fn after_br_on(&mut self, depth: u32, taken: u32) -> wasmparser::Result<()> {
        if self.live {
            let site = self.branch_site(taken);
            self.branch_to(site, depth);
        }
        let index = self.labels.len().saturating_sub(depth as usize + 1);
        let kept = self.labels.get(index).map_or(0, |label| label.arity);
        let height = self.validator.operand_stack_height();
        self.after((kept + 1).min(height))
    }

    /// `br_on_cast` and `br_on_cast_fail`, whose handlers count from behind a code of two bytes or more.
    fn after_br_on_cast(&mut self, depth: u32) -> wasmparser::Result<()> {
        if self.live {
            let mut at = self.after_opcode() as usize;
            while self.bytes.get(at).is_some_and(|byte| *byte >= 0x80) {
                at += 1;
            }
            let height = self.slots(self.height);
            let site = self.builder.site(Site { at: at as u32 + 1, height });
            self.branch_to(site, depth);
        }
        let index = self.labels.len().saturating_sub(depth as usize + 1);
        let kept = self.labels.get(index).map_or(0, |label| label.arity);
        let height = self.validator.operand_stack_height();
        self.after(kept.min(height))
    }

    fn after_br_table(&mut self, targets: &BrTable<'_>) -> wasmparser::Result<()> {
        if self.live {
            let site = self.branch_site(1);
            for depth in targets.targets() {
                self.branch_to(site, depth?);
            }
            self.branch_to(site, targets.default());
        }
        self.after_dead_end()
    }

    fn after_return(&mut self) -> wasmparser::Result<()> {
        let outermost = self.labels.len().saturating_sub(1) as u32;
        self.after_br(outermost)
    }

    fn after_return_call(&mut self) -> wasmparser::Result<()> {
        if self.live {
            self.tail_words.push(self.builder.next());
            self.builder.plain(0);
        }
        self.after_dead_end()
    }

    fn after_dead_end(&mut self) -> wasmparser::Result<()> {
        self.live = false;
        self.after(0)
    }

    fn after_call(&mut self, func: u32) -> wasmparser::Result<()> {
        self.after(self.module.func_type(func).results().len() as u32)
    }

    fn after_call_indirect(&mut self, ty: u32) -> wasmparser::Result<()> {
        self.after(self.module.func_type_at(ty).results().len() as u32)
    }

    fn after_local(&mut self, local: u32, pushed: u32, ops: [u8; 2]) -> wasmparser::Result<()> {
        if self.wide && self.live {
            let slot = self.local_slots.get(local as usize).copied().unwrap_or(0);
            if self.is_v128_local(local) {
                self.patch(ops[1]);
                self.builder.plain(slot);
            } else if slot != local {
                self.patch(ops[0]);
                self.builder.plain(slot);
            }
        }
        self.after(pushed)
    }

    fn after_global(&mut self, global: u32, pushed: u32, op: u8) -> wasmparser::Result<()> {
        if self.wide && self.live && self.module.global_type(global).content == ValType::V128 {
            self.patch(op);
        }
        self.after(pushed)
    }

    /// `drop` and `select`: what the operand at `depth` was decides.
    fn after_untyped(&mut self, depth: u32, pushed: u32, op: u8) -> wasmparser::Result<()> {
        if self.wide && self.live {
            let index = self.height.wrapping_sub(depth + 1);
            if self.v128s.binary_search(&index).is_ok() {
                self.patch(op);
            }
        }
        self.after(pushed)
    }

    /// Replaces the opcode of the operator at hand in the body's private copy.
    fn patch(&mut self, opcode: u8) {
        let bytes = self.bytes;
        let copy = self.patched.get_or_insert_with(|| bytes.into());
        if let Some(byte) = copy.get_mut((self.offset - self.start) as usize) {
            *byte = opcode;
        }
    }

    /// The byte after a one-byte opcode, from the body's start.
    fn after_opcode(&self) -> u32 {
        (self.offset - self.start) as u32 + 1
    }
}

/// Where execution goes on at `at`, an operator's start: blocks do nothing but open labels, so whoever
/// jumps there may as well jump behind them.
#[must_use]
pub fn behind_blocks(bytes: &[u8], mut at: usize) -> u32 {
    const BLOCK: u8 = 0x02;
    while let Some([BLOCK, ty]) = bytes.get(at..at + 2)
        && is_short_block_type(*ty)
    {
        at += 2;
    }
    at as u32
}

#[derive(Default)]
struct Arity {
    params: u32,
    param_slots: u32,
    result_slots: u32,
}

impl Arity {
    fn of(ty: &FuncType) -> Self {
        Self {
            params: ty.params().len() as u32,
            param_slots: ty.param_slots(),
            result_slots: ty.result_slots(),
        }
    }
}

impl FrameStack for Body<'_> {
    fn current_frame(&self) -> Option<FrameKind> {
        self.validator.get_control_frame(0).map(|frame| frame.kind)
    }
}

/// What follows validation, by operator; what has no row of its own only moves the stack.
macro_rules! after {
    ($s:ident Block $ann:tt $ty:ident) => {
        $s.after_block($ty, false)
    };
    ($s:ident Loop $ann:tt $ty:ident) => {
        $s.after_block($ty, true)
    };
    ($s:ident If $ann:tt $ty:ident) => {
        $s.after_if($ty)
    };
    ($s:ident Else $ann:tt) => {
        $s.after_else()
    };
    ($s:ident End $ann:tt) => {
        $s.after_end()
    };
    ($s:ident Br $ann:tt $depth:ident) => {
        $s.after_br($depth)
    };
    ($s:ident BrIf $ann:tt $depth:ident) => {
        $s.after_br_if($depth)
    };
    ($s:ident BrTable $ann:tt $targets:ident) => {
        $s.after_br_table(&$targets)
    };
    ($s:ident Return $ann:tt) => {
        $s.after_return()
    };
    ($s:ident Unreachable $ann:tt) => {
        $s.after_dead_end()
    };
    ($s:ident Call $ann:tt $func:ident) => {
        $s.after_call($func)
    };
    ($s:ident CallIndirect $ann:tt $ty:ident $table:ident) => {
        $s.after_call_indirect($ty)
    };
    ($s:ident ReturnCall $ann:tt $func:ident) => {
        $s.after_return_call()
    };
    ($s:ident ReturnCallIndirect $ann:tt $ty:ident $table:ident) => {
        $s.after_return_call()
    };
    ($s:ident CallRef $ann:tt $ty:ident) => {
        $s.after_call_indirect($ty)
    };
    ($s:ident ReturnCallRef $ann:tt $ty:ident) => {
        $s.after_return_call()
    };
    ($s:ident BrOnNull $ann:tt $depth:ident) => {
        $s.after_br_on($depth, 1)
    };
    ($s:ident BrOnNonNull $ann:tt $depth:ident) => {
        $s.after_br_on($depth, 0)
    };
    ($s:ident TryTable $ann:tt $table:ident) => {
        $s.after_try_table(&$table)
    };
    ($s:ident Throw $ann:tt $tag:ident) => {
        $s.after_throw($tag)
    };
    ($s:ident ThrowRef $ann:tt) => {
        $s.after_dead_end()
    };
    ($s:ident Try $ann:tt $ty:ident) => {
        $s.after_try($ty)
    };
    ($s:ident Catch $ann:tt $tag:ident) => {
        $s.after_catch(Some($tag))
    };
    ($s:ident CatchAll $ann:tt) => {
        $s.after_catch(None)
    };
    ($s:ident Rethrow $ann:tt $depth:ident) => {
        $s.after_rethrow($depth)
    };
    ($s:ident Delegate $ann:tt $depth:ident) => {
        $s.after_delegate($depth)
    };
    ($s:ident BrOnCast $ann:tt $depth:ident $from:ident $to:ident) => {
        $s.after_br_on_cast($depth)
    };
    ($s:ident BrOnCastFail $ann:tt $depth:ident $from:ident $to:ident) => {
        $s.after_br_on_cast($depth)
    };
    ($s:ident StructNew $ann:tt $ty:ident) => {
        $s.after(1)
    };
    ($s:ident ArrayNewFixed $ann:tt $ty:ident $count:ident) => {
        $s.after(1)
    };
    ($s:ident LocalGet $ann:tt $local:ident) => {
        $s.after_local($local, 1, [pseudo::LOCAL_GET, pseudo::LOCAL_GET_V128])
    };
    ($s:ident LocalSet $ann:tt $local:ident) => {
        $s.after_local($local, 0, [pseudo::LOCAL_SET, pseudo::LOCAL_SET_V128])
    };
    ($s:ident LocalTee $ann:tt $local:ident) => {
        $s.after_local($local, 1, [pseudo::LOCAL_TEE, pseudo::LOCAL_TEE_V128])
    };
    ($s:ident GlobalGet $ann:tt $global:ident) => {
        $s.after_global($global, 1, pseudo::GLOBAL_GET_V128)
    };
    ($s:ident GlobalSet $ann:tt $global:ident) => {
        $s.after_global($global, 0, pseudo::GLOBAL_SET_V128)
    };
    ($s:ident Drop $ann:tt) => {
        $s.after_untyped(0, 0, pseudo::DROP_V128)
    };
    ($s:ident Select $ann:tt) => {
        $s.after_untyped(1, 1, pseudo::SELECT_V128)
    };
    ($s:ident TypedSelect $ann:tt $ty:ident) => {
        $s.after_untyped(1, 1, pseudo::SELECT_T_V128)
    };
    ($s:ident $op:ident (arity $pops:literal -> $pushes:literal) $($arg:ident)*) => {
        $s.after($pushes)
    };
    ($s:ident $op:ident (arity memarg $pops:literal -> $pushes:literal) $($arg:ident)*) => {
        $s.after($pushes)
    };
    // Operators of features that are off: the validator has refused them.
    ($s:ident $op:ident (arity custom) $($arg:ident)*) => {
        $s.after(0)
    };
}

macro_rules! visit_operators {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident $ann:tt)*) => {
        $(
            #[inline(always)]
            fn $visit(&mut self $($(, $arg: $ty)*)?) -> Self::Output {
                self.validator.visitor(self.offset).$visit($($($arg.clone()),*)?)?;
                after!(self $op $ann $($($arg)*)?)
            }
        )*
    };
}

macro_rules! visit_simd_operators {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident $ann:tt)*) => {
        $(
            fn $visit(&mut self $($(, $arg: $ty)*)?) -> Self::Output {
                self.validator.simd_visitor(self.offset).$visit($($($arg),*)?)?;
                after_simd!(self $ann)
            }
        )*
    };
}

macro_rules! after_simd {
    ($s:ident (arity $pops:literal -> $pushes:literal)) => {
        $s.after_simd($pushes)
    };
    ($s:ident (arity memarg $pops:literal -> $pushes:literal)) => {
        $s.after_simd($pushes)
    };
}

impl<'a> VisitOperator<'a> for Body<'_> {
    type Output = wasmparser::Result<()>;

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = Self::Output>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(visit_operators);
}

impl<'a> VisitSimdOperator<'a> for Body<'_> {
    wasmparser::for_each_visit_simd_operator!(visit_simd_operators);
}
