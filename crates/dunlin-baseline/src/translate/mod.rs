//! WebAssembly to machine code: one pass over a body that has been validated.
//!
//! 1. [`scan`] looks at the body once and gives locals their homes.
//! 2. The [`visitor`] is given each operator. Where code cannot be reached it passes on only those that open and
//!    close blocks.
//! 3. Each operator has one short method of [`Translator`], named as `wasmparser` names it, in the file of its
//!    family; those on vectors are in a folder of their own, [`vector`]. It takes its operands from the stack of
//!    [`stack`] and pushes its results.

mod access;
mod atomic;
mod bulk;
mod call;
mod control;
mod convert;
mod counting;
mod decode;
mod exceptions;
mod float;
mod frame;
mod integer;
mod locals;
mod moves;
mod objects;
mod scan;
mod stack;
mod table;
mod tail;
mod traps;
mod vector;
mod visitor;
mod wide;

use crate::isa::x64::abi::Places;
use crate::isa::x64::asm::{Asm, Label};
use crate::isa::x64::regs::{Gpr, Set};
use crate::{limits, tuning};
use control::Frame;
use dunlin_core::{FuncType, TrapCode, ValType};
use dunlin_module::compile::{CallHandler, Relocation};
use dunlin_module::{CompileError, CompiledFunction, Module, Settings, StaticTables, Unit};
use locals::Local;
use stack::Entry;
use std::collections::{BTreeSet, HashMap};

pub(crate) use frame::context_offset;
pub(crate) use moves::{Move, Source as MoveSource, moves};
pub(crate) use traps::call_builtin;

/// What functions are translated from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'m> {
    pub(crate) module: &'m Module,
    pub(crate) tables: &'m StaticTables,
    pub(crate) settings: &'m Settings,
    /// Whether the code counts what it executes.
    pub(crate) counts: bool,
}

/// Memory that is used for one function after the other.
#[derive(Default)]
pub(crate) struct Kept {
    asm: Asm,
    struct_places: HashMap<u32, objects::Places>,
}

/// Code that stands behind the function's, because it is seldom executed.
struct Late {
    label: Label,
    what: LateCode,
    /// The operator that it is of.
    operator: u32,
}

/// What such code does.
enum LateCode {
    /// Traps.
    Trap(TrapCode),
    /// Leaves compiled code.
    Unwind,
    /// Traps, for an element whose reference is in the register: null, or of another type.
    NoMatch(Gpr),
    /// Looks whether the type of the record in `rax` is below the one of this index; goes on there, or traps.
    Subtype { ty: u32, next: Label },
    /// Says that the function's budget has run out.
    RanOut(counting::Site),
    /// Calls the way out for functions without code; where to go on, and where what is thrown is looked at.
    WayOut { ty: u32, next: Label, map: Vec<u32>, pad: Option<Label> },
    /// Leaves the function for that way out.
    TailWayOut { ty: u32 },
    /// Asks the VM for an object.
    Make(Box<objects::Make>),
}

/// The state of the pass.
struct Translator<'m> {
    asm: Asm,
    module: &'m Module,
    tables: &'m StaticTables,
    settings: &'m Settings,
    /// The function's index.
    index: u32,
    counts: bool,
    func_type: &'m FuncType,
    /// Where the function's own arguments and results are.
    places: Places,
    locals: Vec<Local>,
    /// Locals whose homes calls change, and those that are references which the collector follows.
    lost_locals: Vec<u32>,
    traced_locals: Vec<u32>,
    /// In a function that catches, those whose homes calls leave alone: whoever throws does not.
    kept_locals: Vec<u32>,
    /// Operands.
    stack: Vec<Entry>,
    /// Slots of locals and operands so far, and the most that there have been.
    slots: u32,
    slots_max: u32,
    /// Registers that operands may be in.
    temps: Set,
    vector_temps: Set,
    /// Those that operands are in, and those that the operator at hand uses.
    taken: Set,
    vectors_taken: Set,
    held: Set,
    vectors_held: Set,
    /// Operands below are in no register.
    settled: usize,
    frames: Vec<Frame>,
    layout: frame::Layout,
    /// The register that holds memory 0's base, where that never moves.
    memory_base: Option<Gpr>,
    /// Registers of the caller's that the function uses.
    kept: Set,
    /// Where the function is left.
    exit: Label,
    /// Where the size of the frame is to be written.
    frame_sizes: Vec<u32>,
    late: Vec<Late>,
    /// Whether the operator at hand can be reached.
    live: bool,
    /// Where the operator at hand stands in the module, and where the next one does.
    operator: u32,
    /// Where the operator behind the one at hand stands.
    next_operator: u32,
    /// The bytes behind the operator at hand.
    ahead: &'m [u8],
    /// What operators so far cost and has not been charged.
    charge: i32,
    /// Values that calls and blocks have moved.
    moved: usize,
    mapped: usize,
    relocations: Vec<Relocation>,
    traps: Vec<(u32, TrapCode)>,
    source: Vec<(u32, u32)>,
    maps: Vec<(u32, Box<[u32]>)>,
    /// Whether loops can be entered; those that can, and the ways into them.
    has_ways_in: bool,
    headers: Vec<counting::Header>,
    loops: Vec<(u32, u32)>,
    /// Where calls return to behind which exceptions are looked at, and where.
    handlers: Vec<(u32, Label)>,
    pads: Vec<exceptions::Pad>,
    catching: Vec<exceptions::Catching>,
    /// Entries of branch tables.
    table_entries: Vec<(u32, Label, u32)>,
    /// Constants of 128 bits.
    pool: vector::Pool,
    /// Units that the code relies on.
    needs: BTreeSet<Unit>,
    /// Where the fields of structures are, by type.
    struct_places: HashMap<u32, objects::Places>,
    failed: Option<CompileError>,
}

/// Translates the body of the function with this index.
///
/// # Errors
///
/// If the body does not decode, or contains what this tier does not know.
pub(crate) fn function(
    source: &Source<'_>,
    index: u32,
    kept: &mut Kept,
) -> Result<CompiledFunction, CompileError> {
    let Some(body) = source.module.body(index) else {
        return Err(CompileError::new("the function has no body"));
    };
    if body.as_bytes().len() > limits::BODY_BYTES_MAX {
        return Err(CompileError::new("the function's body is too large for this tier"));
    }
    let mut asm = core::mem::take(&mut kept.asm);
    asm.clear();
    let mut translator = Translator::new(source, index, asm);
    translator.struct_places = core::mem::take(&mut kept.struct_places);
    let done = translator.run(&body);
    let made = done.map(|()| translator.finish());
    kept.asm = translator.asm;
    kept.struct_places = translator.struct_places;
    made
}

impl<'m> Translator<'m> {
    fn new(source: &Source<'m>, index: u32, mut asm: Asm) -> Self {
        let Source { module, tables, settings, counts } = *source;
        let func_type = module.func_type(index);
        let exit = asm.label();
        Self {
            asm,
            module,
            tables,
            settings,
            index,
            counts,
            func_type,
            places: Places::of(func_type.params(), func_type.results()),
            locals: Vec::new(),
            lost_locals: Vec::new(),
            traced_locals: Vec::new(),
            kept_locals: Vec::new(),
            stack: Vec::new(),
            slots: 0,
            slots_max: 0,
            temps: Set::default(),
            vector_temps: Set::default(),
            taken: Set::default(),
            vectors_taken: Set::default(),
            held: Set::default(),
            vectors_held: Set::default(),
            settled: 0,
            frames: Vec::new(),
            layout: frame::Layout::default(),
            memory_base: None,
            kept: Set::default(),
            exit,
            frame_sizes: Vec::new(),
            late: Vec::new(),
            live: true,
            operator: u32::MAX,
            next_operator: 0,
            ahead: &[],
            charge: 0,
            moved: 0,
            mapped: 0,
            relocations: Vec::new(),
            traps: Vec::new(),
            source: Vec::new(),
            maps: Vec::new(),
            handlers: Vec::new(),
            has_ways_in: false,
            headers: Vec::new(),
            loops: Vec::new(),
            pads: Vec::new(),
            catching: Vec::new(),
            table_entries: Vec::new(),
            pool: vector::Pool::default(),
            needs: BTreeSet::new(),
            struct_places: HashMap::new(),
            failed: None,
        }
    }

    fn run(&mut self, body: &wasmparser::FunctionBody<'m>) -> Result<(), CompileError> {
        let scanned = scan::scan(body, self.func_type.params().len())?;
        self.declare_locals(body)?;
        self.assign_homes(&scanned);
        self.has_ways_in = self.counts;
        self.enter(&scanned);
        self.open_body();
        let (bytes, end) = (self.module.bytes(), body.range().end as usize);
        if scanned.catches_early {
            self.read_all(body)?;
        } else {
            let mut at = body.get_operators_reader()?.original_position() as usize;
            while at < end {
                let (operator, next) = match decode::usual(&bytes[at..end]) {
                    Some((operator, len)) => (operator, at + len),
                    None => decode::any(&bytes[..end], at)?,
                };
                self.operator(operator, at, next, end)?;
                at = next;
            }
        }
        self.leave();
        self.enter_loops();
        self.emit_late();
        self.emit_constants();
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Translates operators as the decoder reads them that knows which blocks are open: of a body with early blocks that
    /// catch.
    fn read_all(&mut self, body: &wasmparser::FunctionBody<'m>) -> Result<(), CompileError> {
        let mut reader = body.get_operators_reader()?;
        let end = body.range().end as usize;
        while !reader.eof() {
            let at = reader.original_position() as usize;
            let operator = reader.read()?;
            self.operator(operator, at, reader.original_position() as usize, end)?;
        }
        Ok(())
    }

    /// Translates an operator; where it stands in the module, the next one, and the body's end.
    #[inline(always)]
    fn operator(
        &mut self,
        operator: wasmparser::Operator<'_>,
        at: usize,
        next: usize,
        end: usize,
    ) -> Result<(), CompileError> {
        self.operator = at as u32;
        self.held = Set::default();
        self.vectors_held = Set::default();
        self.next_operator = next as u32;
        self.ahead = &self.module.bytes()[next..end];
        visitor::visit(self, operator);
        self.check_frame();
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Refuses a frame that is too large, before what is known of its operands takes memory.
    fn check_frame(&mut self) {
        if self.slots_max > limits::SLOTS_MAX {
            self.refuse("the function's frame is too large for this tier");
        }
    }

    /// What has been made, as plain data.
    fn finish(&mut self) -> CompiledFunction {
        let frame_bytes = self.frame_bytes();
        for at in core::mem::take(&mut self.frame_sizes) {
            self.asm.patch32(at, frame_bytes as i32);
        }
        let handlers = core::mem::take(&mut self.handlers);
        let handler = |(returns_to, pad)| CallHandler {
            returns_to,
            handler: self.asm.place_of(pad),
            frame_bytes,
        };
        let handlers = handlers.into_iter().map(handler).collect();
        self.asm.link();
        for (at, label, table) in core::mem::take(&mut self.table_entries) {
            let distance = self.asm.place_of(label).wrapping_sub(table);
            self.asm.patch32(at, distance as i32);
        }
        CompiledFunction {
            code: self.asm.code.clone(),
            alignment: tuning::FUNCTION_ALIGNMENT,
            relocations: core::mem::take(&mut self.relocations),
            traps: core::mem::take(&mut self.traps),
            source: core::mem::take(&mut self.source),
            maps: core::mem::take(&mut self.maps),
            handlers,
            inlined: Vec::new(),
            needs: core::mem::take(&mut self.needs).into_iter().collect(),
            loops: core::mem::take(&mut self.loops),
        }
    }

    /// Whether values of a type are references that the collector follows.
    fn is_traced(&self, ty: ValType) -> bool {
        let is_func = |ty: u32| self.module.types()[ty as usize].composite.as_func().is_some();
        matches!(ty, ValType::Ref(ty) if ty.is_traced(is_func))
    }

    #[cold]
    fn unsupported(&mut self, operator: &str) {
        self.failed = Some(CompileError::new(format_args!("`{operator}` is not supported")));
    }

    #[cold]
    fn refuse(&mut self, why: &str) {
        self.failed = Some(CompileError::new(why));
    }

    /// Counts values that are moved or looked at: where many stand on the stack, each operator may look at all.
    fn count_moved(&mut self, count: usize) {
        self.moved += count;
        if self.moved > limits::VALUES_MAX {
            self.refuse("the function moves too many values for this tier");
        }
    }
}
