//! Calls of small functions, in whose place their bodies are translated.
//!
//! Compilers of languages with classes leave it to the engine to put small functions into those that call them:
//! an element of Kotlin's arrays takes two calls. A body that is put in place of a call is a block of the one that
//! calls: its parameters are locals of its own, its results what the block leaves, and `return` a branch to its end.
//!
//! 1. *Which*: bodies of few bytes, without loops, blocks that catch, or calls in tail position. What makes sure that
//!    guests can be stopped stays as it is: what runs without end still repeats a loop, or enters functions that call.
//! 2. *How many*: a function grows by a multiple of its own bytes, and bodies are put into one another a few deep,
//!    never into themselves.
//! 3. *Validated*: a body that nobody has called yet may be invalid. It is looked at once, and called if it is.
//! 4. *Seen*: code of such a body says which function it is of, and whose call it stands in place of, so that
//!    backtraces are what they would be ([`InlinedCall`]).

use super::frames::{Frame, Kind};
use super::survey::Survey;
use super::{Source, Translator};
use crate::{limits, tuning};
use cranelift_codegen::ir::SourceLoc;
use cranelift_frontend::Variable;
use dunlin_core::{FuncType, ValType};
use dunlin_module::{BranchHint, CompileError, InlinedCall, Module, Scratch};
use std::collections::HashMap;
use wasmparser::{BlockType, FunctionBody, Operator};

/// A body that is being translated: the function's own, or one in place of a call.
pub(super) struct Scope<'m> {
    /// The function that it is of, imports first.
    pub(super) func: u32,
    pub(super) func_type: &'m FuncType,
    /// Its bytes, and where they stand in the module.
    pub(super) body: &'m [u8],
    pub(super) body_start: u64,
    pub(super) hints: &'m [BranchHint],
    pub(super) survey: Survey,
    pub(super) locals: Vec<Variable>,
    pub(super) local_types: Vec<ValType>,
    /// Open blocks around it.
    pub(super) frames: usize,
    /// The word of its first byte, if it stands in place of a call.
    word: Option<u32>,
}

impl<'m> Scope<'m> {
    /// # Errors
    ///
    /// If the body does not decode.
    pub(super) fn new(
        source: &Source<'m>,
        func: u32,
        body: &FunctionBody<'m>,
    ) -> Result<Self, CompileError> {
        Ok(Self {
            func,
            func_type: source.module.func_type(func),
            body: body.as_bytes(),
            body_start: body.range().start,
            hints: source.hints.of(func),
            survey: Survey::of(body)?,
            locals: Vec::new(),
            local_types: Vec::new(),
            frames: 0,
            word: None,
        })
    }

    /// The word by which code says that it is of the operator at an offset of the module.
    fn word_of(&self, offset: u64) -> u32 {
        match self.word {
            Some(word) => word + (offset - self.body_start) as u32,
            None => offset as u32,
        }
    }
}

/// What is known of functions that are called.
#[derive(Default)]
pub(crate) struct Candidates {
    /// Whether their bodies may stand in place of a call, whatever their sizes are.
    known: HashMap<u32, bool>,
    scratch: Scratch,
}

impl Candidates {
    /// Whether a function's body may stand in place of calls.
    fn has(&mut self, module: &Module, func: u32) -> bool {
        if let Some(known) = self.known.get(&func) {
            return *known;
        }
        let known = is_plain(module, func, &mut self.scratch).unwrap_or(false);
        self.known.insert(func, known);
        known
    }
}

/// Bytes of a function's body that may stand in place of calls, as far as their number says.
pub(crate) fn small_bytes(module: &Module, func: u32) -> Option<usize> {
    let range = module.body_range(func).filter(|_| tuning::INLINE)?;
    if range.len() <= tuning::INLINED_BODY_BYTES_MAX {
        return Some(range.len());
    }
    let is_small =
        module.has_object_types() && range.len() <= tuning::INLINED_BODY_BYTES_MAX_OBJECTS;
    is_small.then_some(range.len())
}

/// Whether functions of a type take and leave few values: a call of two bytes may leave a thousand.
fn has_few_values(module: &Module, ty: u32) -> bool {
    let ty = module.func_type_at(ty);
    ty.params().len() + ty.results().len() <= limits::INLINED_VALUES_MAX
}

/// Bytes of a function's body if it is worth to be looked at: no profile makes it stand in place of a call otherwise.
fn hot_bytes(module: &Module, func: u32) -> Option<usize> {
    let bytes = module.body_range(func)?.len();
    (bytes <= tuning::INLINED_BODY_BYTES_MAX_HOT).then_some(bytes)
}

/// Whether a body is valid, and has nothing that a block cannot have.
fn is_plain(
    module: &Module,
    func: u32,
    scratch: &mut Scratch,
) -> Result<bool, wasmparser::BinaryReaderError> {
    let Some(body) = hot_bytes(module, func).and_then(|_| module.body(func)) else {
        return Ok(false);
    };
    let mut locals = 0_usize;
    for local in body.get_locals_reader()? {
        locals = locals.saturating_add(local?.0 as usize);
    }
    if locals > tuning::INLINED_LOCALS_MAX
        || !has_few_values(module, module.func_type_index(func))
        || module.prepare(func, scratch).is_err()
    {
        return Ok(false);
    }
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        match reader.read()? {
            Operator::Loop { .. }
            | Operator::BrTable { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => return Ok(false),
            Operator::Block { blockty: BlockType::FuncType(ty) }
            | Operator::If { blockty: BlockType::FuncType(ty) }
            | Operator::CallIndirect { type_index: ty, .. }
            | Operator::CallRef { type_index: ty }
                if !has_few_values(module, ty) =>
            {
                return Ok(false);
            }
            Operator::Call { function_index: func }
                if !has_few_values(module, module.func_type_index(func)) =>
            {
                return Ok(false);
            }
            _ => {}
        }
    }
    Ok(true)
}

impl<'m> Translator<'_, 'm> {
    /// What the function's own body does: none that stands in place of a call is in one without calls.
    pub(super) fn own_survey(&self) -> &Survey {
        &self.outer.first().unwrap_or(&self.scope).survey
    }

    /// The function whose code is made.
    pub(super) fn own_func(&self) -> u32 {
        self.outer.first().unwrap_or(&self.scope).func
    }

    /// Says that code which follows is of the operator at an offset of the module.
    pub(super) fn set_source(&mut self, offset: u64) {
        let word = self.scope.word_of(offset);
        self.env.b.set_srcloc(SourceLoc::new(word));
    }

    /// The body of a function, if it is to stand in place of the call at hand.
    pub(super) fn inlined_body(&mut self, func: u32) -> Option<FunctionBody<'m>> {
        if !(tuning::INLINE && self.settings.inline) || self.cold || self.is_nearly_too_large() {
            return None;
        }
        let hot = || hot_bytes(self.module, func).filter(|_| self.is_called_often(func));
        let bytes = small_bytes(self.module, func).or_else(hot)?;
        let too_deep = self.outer.len() >= limits::INLINED_DEPTH_MAX;
        let around = self.outer.iter().chain([&self.scope]).filter(|scope| scope.func == func);
        let times = if self.source.profile.is_some() { tuning::INLINED_RECURSION_MAX } else { 0 };
        if too_deep || around.count() > times || bytes > self.inlined_left {
            return None;
        }
        self.source.candidates.borrow_mut().has(self.module, func).then_some(())?;
        self.inlined_left -= bytes;
        self.module.body(func)
    }

    /// Whether the function has half of what this tier takes on: bodies in place of calls must not be why it is
    /// refused.
    fn is_nearly_too_large(&self) -> bool {
        2 * self.blocks > limits::BLOCKS_MAX
            || 2 * self.branches > limits::BRANCHES_MAX
            || 2 * self.local_count > limits::LOCALS_MAX
            || 2 * self.blocks * self.local_count > limits::BLOCKS_TIMES_LOCALS_MAX
            || self.refs.is_nearly_full()
    }

    /// Translates a body in place of the call at hand.
    ///
    /// # Errors
    ///
    /// If the body does not decode, or contains what this tier does not know.
    pub(super) fn inline(
        &mut self,
        func: u32,
        body: &FunctionBody<'m>,
    ) -> Result<(), CompileError> {
        let (operator, locals) = (self.operator, self.refs.locals);
        let mut scope = Scope::new(&self.source, func, body)?;
        scope.frames = self.frames.len();
        scope.word = Some(self.inlined_call(func, body));
        let outer = std::mem::replace(&mut self.scope, scope);
        self.outer.push(outer);
        self.open_inlined();
        self.declare_locals(body)?;
        self.operators(body)?;
        if let Some(outer) = self.outer.pop() {
            self.scope = outer;
        }
        self.operator = operator;
        self.refs.locals = locals;
        self.set_source(operator);
        Ok(())
    }

    /// Notes a call in whose place a body stands; the word of the body's first byte.
    fn inlined_call(&mut self, func: u32, body: &FunctionBody<'m>) -> u32 {
        let word = self.next_word;
        self.next_word += body.as_bytes().len() as u32;
        let caller = self.scope.word_of(self.operator);
        let body = body.range().start as u32;
        self.inlined.push(InlinedCall { word, func, body, caller });
        word
    }

    /// Opens the block that a body becomes; the arguments become its locals.
    fn open_inlined(&mut self) {
        self.count_block();
        let ty = self.scope.func_type;
        let args = self.stack.split_off(self.stack.len() - ty.params().len());
        let end = self.block_with(ty.results());
        let kind = Kind::Block { end, reached: false };
        let pad = self.frames.last().and_then(|outer| outer.pad);
        let (height, facts) = (self.stack.len(), self.facts.count());
        let frame = Frame::new(kind, height, ty.results().len(), self.cold, pad, facts);
        self.frames.push(frame);
        for (value, ty) in args.into_iter().zip(ty.params()) {
            self.add_local(*ty, value);
        }
    }

    /// Leaves a body that stands in place of a call; whether it is one.
    pub(super) fn return_inlined(&mut self) -> bool {
        if self.outer.is_empty() {
            return false;
        }
        let depth = self.frames.len() - 1 - self.scope.frames;
        let body_end = self.scope.body_start + self.scope.body.len() as u64;
        if depth == 0 && self.operator + 2 == body_end {
            // The body ends here in any case, with no more than its results on the stack.
            let frame = &self.frames[self.scope.frames];
            let results = self.stack.split_off(self.stack.len() - frame.results);
            self.stack.truncate(frame.height);
            self.stack.extend(results);
            return true;
        }
        self.count_branch();
        let (block, count) = self.target(depth as u32);
        self.jump_with_top(block, count);
        self.end_of_path();
        true
    }
}
