//! WebAssembly to CLIF: one pass over a body that has been validated.
//!
//! 1. The [`visitor`] is given each operator. Where code cannot be reached it passes on only those that
//!    open and close blocks; the rest become nothing.
//! 2. Each operator has one short method of [`Translator`], named as `wasmparser` names it, in the file
//!    of its family. It takes its operands from a stack of CLIF values and pushes its results.
//! 3. Locals are variables of Cranelift's frontend, which makes values of them.
//!
//! Values: `i32` and references are `I32`, `v128` is `I8X16` whatever its lanes; operators of other
//! shapes cast, which costs nothing in the end. References that the collector follows are declared to
//! Cranelift's frontend (`refs.rs`), which keeps them in the frame across calls.

mod access;
mod atomic;
mod bulk;
mod call;
mod conditions;
mod control;
mod convert;
mod environment;
mod exceptions;
mod facts;
mod frames;
mod guided;
mod inline;
mod into_loop;
mod locals;
mod numeric;
mod objects;
mod refs;
mod rotate;
mod simd;
mod survey;
mod table;
mod visitor;
mod wide;

use crate::limits;
use crate::settings::Settings;
use conditions::Condition;
use cranelift_codegen::ir::{self, Function, InstBuilder, SigRef, Type, Value, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use dunlin_core::ValType;
use dunlin_module::{BranchHints, CompileError, InlinedCall, Module, Profile, StaticTables, Unit};
use exceptions::Pad;
use frames::Frame;
use inline::Scope;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

pub(crate) use environment::{Environment, POINTER_BYTES, Region, import, signature};
pub(crate) use inline::{Candidates, small_bytes};

/// The state of the pass.
struct Translator<'a, 'm> {
    env: Environment<'a>,
    module: &'m Module,
    tables: &'m StaticTables,
    settings: &'m Settings,
    source: Source<'m>,
    /// The body at hand, and those around it.
    scope: Scope<'m>,
    outer: Vec<Scope<'m>>,
    /// Calls in whose place bodies stand, the word that the next one begins with, and how many bytes more may
    /// follow.
    inlined: Vec<InlinedCall>,
    /// What must be in the module's array of code: see [`dunlin_module::CompiledFunction::needs`].
    needs: BTreeSet<Unit>,
    next_word: u32,
    inlined_left: usize,
    /// Where the operator at hand stands in the module.
    operator: u64,
    /// Whether what is translated is rarely executed, as hints say.
    cold: bool,
    /// Operands.
    stack: Vec<Value>,
    frames: Vec<Frame>,
    /// Locals of all bodies so far.
    local_count: usize,
    refs: refs::Refs,
    facts: facts::Facts,
    /// Where fields are, by types.
    struct_places: HashMap<u32, Rc<(Vec<u32>, u32)>>,
    /// What values ask, that conditions are.
    conditions: HashMap<Value, Condition>,
    /// Calls of builtins when facts were last asked for.
    calls_seen: u32,
    /// Whether the operator at hand can be reached.
    live: bool,
    signatures: HashMap<u32, SigRef>,
    /// Sites so far that read the poll page.
    poll_sites: u32,
    /// Cost of operators that has not been charged yet.
    charge: i64,
    /// The loop that the code leads into, if it does.
    into_loop: Option<into_loop::IntoLoop>,
    /// Where exceptions of blocks go.
    pads: Vec<Pad>,
    /// Where the function puts what its exceptions carry.
    payload_slot: Option<ir::StackSlot>,
    /// Blocks that are sealed where a loop around them ends.
    sealed_late: HashSet<ir::Block>,
    /// Blocks that have been opened.
    blocks: usize,
    /// Branches so far, those of branch tables apart.
    branches: usize,
    /// What could not be translated.
    failed: Option<CompileError>,
}

/// What functions are translated from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'m> {
    pub(crate) module: &'m Module,
    pub(crate) tables: &'m StaticTables,
    /// Hints at branches.
    pub(crate) hints: &'m BranchHints,
    /// How the module has run, where that is known.
    pub(crate) profile: Option<&'m dyn Profile>,
    /// What is known of functions that are called.
    pub(crate) candidates: &'m RefCell<Candidates>,
}

/// What is known of a function that has been translated.
#[derive(Default)]
pub(crate) struct Translated {
    /// The calls in whose place other bodies stand.
    pub(crate) inlined: Vec<InlinedCall>,
    /// See [`dunlin_module::CompiledFunction::needs`].
    pub(crate) needs: Vec<Unit>,
    /// Whether there is code that nothing leads to.
    pub(crate) has_dead_code: bool,
}

/// What is translated.
#[derive(Clone, Copy)]
pub(crate) struct What {
    /// The function's index.
    pub(crate) func: u32,
    /// Where the loop's first operator stands in the module that the code leads into; `None` for the function's own
    /// code.
    pub(crate) into_loop: Option<u32>,
    /// Bytes that bodies in place of calls may have together.
    pub(crate) inlined_bytes: usize,
}

/// Translates the body of a function.
///
/// # Errors
///
/// If the body does not decode, or contains what this tier does not know.
pub(crate) fn function(
    source: &Source<'_>,
    what: What,
    settings: &Settings,
    config: TargetFrontendConfig,
    func: &mut Function,
    builder: &mut FunctionBuilderContext,
) -> Result<Translated, CompileError> {
    let Source { module, tables, .. } = *source;
    let index = what.func;
    let Some(body) = module.body(index) else {
        return Err(CompileError::new("the function has no body"));
    };
    if body.as_bytes().len() > limits::BODY_BYTES_MAX {
        return Err(CompileError::new("the function's body is too large for this tier"));
    }
    func.signature = signature(module.func_type(index));
    let mut builder = FunctionBuilder::new(func, builder);
    refs::keep_spills_apart(&mut builder);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    builder.seal_block(entry);
    let mut translator = Translator {
        env: Environment::new(builder, entry),
        module,
        tables,
        settings,
        source: *source,
        scope: Scope::new(source, index, &body)?,
        outer: Vec::new(),
        inlined: Vec::new(),
        needs: BTreeSet::new(),
        next_word: InlinedCall::FIRST_WORD,
        inlined_left: what.inlined_bytes,
        operator: 0,
        cold: false,
        stack: Vec::new(),
        frames: Vec::new(),
        local_count: 0,
        refs: refs::Refs::default(),
        facts: facts::Facts::default(),
        struct_places: HashMap::new(),
        conditions: HashMap::new(),
        calls_seen: 0,
        live: true,
        signatures: HashMap::new(),
        poll_sites: 0,
        charge: 0,
        into_loop: None,
        pads: Vec::new(),
        payload_slot: None,
        sealed_late: HashSet::new(),
        blocks: 0,
        branches: 0,
        failed: None,
    };
    translator.whole(&body, entry, what.into_loop)?;
    translator.env.b.finalize(config);
    Ok(Translated {
        inlined: translator.inlined,
        needs: translator.needs.into_iter().collect(),
        has_dead_code: what.into_loop.is_some(),
    })
}

impl Translator<'_, '_> {
    /// A function's code, or that which leads into one of its loops.
    fn whole(
        &mut self,
        body: &wasmparser::FunctionBody<'_>,
        entry: ir::Block,
        into_loop: Option<u32>,
    ) -> Result<(), CompileError> {
        self.enter(entry);
        self.declare_locals(body)?;
        if let Some(at) = into_loop {
            self.enter_loop(body, at)?;
        }
        self.body(body)?;
        self.way_into_loop(body)
    }

    /// The function's entry: parameters become locals, the stack is limited, the first poll stands.
    fn enter(&mut self, entry: ir::Block) {
        self.env.limit_stack();
        let params = self.env.b.block_params(entry)[1..].to_vec();
        for (value, ty) in params.into_iter().zip(self.scope.func_type.params()) {
            self.note(value, *ty);
            self.add_local(*ty, value);
        }
    }

    fn declare_locals(&mut self, body: &wasmparser::FunctionBody<'_>) -> Result<(), CompileError> {
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            if self.local_count + count as usize > limits::LOCALS_MAX {
                return Err(CompileError::new("the function has too many locals for this tier"));
            }
            let ty = dunlin_module::val_type(ty, 0)?;
            let zero = self.zero(clif_type(ty));
            for _ in 0..count {
                self.add_local(ty, zero);
            }
        }
        Ok(())
    }

    fn add_local(&mut self, ty: ValType, value: Value) {
        let local = self.env.b.declare_var(clif_type(ty));
        if self.is_traced(ty) {
            self.env.b.declare_var_needs_stack_map(local);
            self.refs.locals += 1;
        }
        self.env.b.def_var(local, value);
        self.scope.locals.push(local);
        self.scope.local_types.push(ty);
        self.local_count += 1;
    }

    fn body(&mut self, body: &wasmparser::FunctionBody<'_>) -> Result<(), CompileError> {
        self.open_body();
        self.poll_entry();
        self.operators(body)
    }

    /// Translates the operators of the body at hand.
    fn operators(&mut self, body: &wasmparser::FunctionBody<'_>) -> Result<(), CompileError> {
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            self.operator = reader.original_position();
            self.set_source(self.operator);
            reader.visit_operator(&mut visitor::Visitor(self))?;
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
        }
        Ok(())
    }

    /// The default value of a type.
    fn zero(&mut self, ty: Type) -> Value {
        match ty {
            types::F32 => self.env.b.ins().f32const(0.0),
            types::F64 => self.env.b.ins().f64const(0.0),
            types::I8X16 => self.env.vector_const([0; 16], types::I8X16),
            ty => self.env.b.ins().iconst(ty, 0),
        }
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    /// The topmost operand. Validated: there is one.
    fn pop(&mut self) -> Value {
        self.stack.pop().expect("a validated body's operand")
    }

    /// The two topmost operands, the lower first.
    fn pop2(&mut self) -> (Value, Value) {
        let right = self.pop();
        (self.pop(), right)
    }

    /// The three topmost operands, the lowest first.
    fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    /// The `count` topmost operands, which stay.
    fn top(&self, count: usize) -> &[Value] {
        &self.stack[self.stack.len() - count..]
    }

    #[cold]
    fn unsupported(&mut self, operator: &str) {
        self.failed = Some(CompileError::new(format_args!("`{operator}` is not supported")));
    }
}

/// The CLIF type of a value.
pub(crate) fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I64 => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
        _ => types::I32,
    }
}
