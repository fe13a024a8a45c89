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
use dunlin_module::{
    CompileError, CompiledFunction, Module, Profile, Settings, StaticTables, Unit,
};
use locals::Local;
use stack::Entry;
use std::collections::HashMap;
use std::rc::Rc;

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
    /// Whether it notes where control gets.
    pub(crate) observes: bool,
    /// Whose notes it takes, if it does.
    pub(crate) profile: Option<&'m dyn Profile>,
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
    /// Notes something else than what has been seen most; where to go on.
    SeenOther(counting::Seen, Label),
    /// Calls the way out for functions without code; where to go on, and where what is thrown is looked at.
    WayOut { ty: u32, next: Label, map: Vec<u32>, pad: Option<Label> },
    /// Leaves the function for that way out.
    TailWayOut { ty: u32 },
    /// Asks the VM for an object.
    Make(Box<objects::Make>),
}

/// The state of the pass, whose memory one function leaves to the next.
pub(crate) struct Translator<'m> {
    asm: Asm,
    module: &'m Module,
    tables: &'m StaticTables,
    settings: &'m Settings,
    /// The function's index.
    index: u32,
    counts: bool,
    observes: bool,
    profile: Option<&'m dyn Profile>,
    /// Where the function's own arguments and results are.
    places: Rc<Places>,
    /// The same by type, of those that have been asked for.
    places_of: Vec<Option<Rc<Places>>>,
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
    /// The module's bytes up to the end of the body.
    bytes: &'m [u8],
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
    /// Units that the code relies on, some more than once.
    needs: Vec<Unit>,
    /// Where the fields of structures are, by type.
    struct_places: HashMap<u32, objects::Places>,
    failed: Option<CompileError>,
    /// Memory for operands that have been popped, and for values that are moved.
    popped: Vec<Entry>,
    moving: Vec<Move>,
}

impl<'m> Translator<'m> {
    pub(crate) fn new(source: &Source<'m>) -> Self {
        let Source { module, tables, settings, counts, observes, profile } = *source;
        let observes = observes && profile.is_some();
        let mut asm = Asm::default();
        let exit = asm.label();
        Self {
            asm,
            module,
            tables,
            settings,
            index: 0,
            counts,
            observes,
            profile,
            places: Rc::default(),
            places_of: Vec::new(),
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
            bytes: &[],
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
            needs: Vec::new(),
            struct_places: HashMap::new(),
            failed: None,
            popped: Vec::new(),
            moving: Vec::new(),
        }
    }

    /// Begins with another function: nothing is left of the one before but memory and what is known of types.
    fn begin_function(&mut self, index: u32) {
        self.asm.clear();
        self.exit = self.asm.label();
        self.index = index;
        self.places = self.places_of(self.module.func_type_index(index));
        for of in [&mut self.lost_locals, &mut self.traced_locals, &mut self.kept_locals] {
            of.clear();
        }
        self.locals.clear();
        self.stack.clear();
        self.frames.clear();
        self.frame_sizes.clear();
        self.late.clear();
        self.relocations.clear();
        self.traps.clear();
        self.source.clear();
        self.maps.clear();
        self.handlers.clear();
        self.headers.clear();
        self.loops.clear();
        self.pads.clear();
        self.catching.clear();
        self.table_entries.clear();
        self.needs.clear();
        self.pool.clear();
        self.layout = frame::Layout::default();
        (self.taken, self.vectors_taken, self.kept) = Default::default();
        (self.held, self.vectors_held) = Default::default();
        (self.slots, self.slots_max, self.settled, self.charge) = (0, 0, 0, 0);
        (self.moved, self.mapped) = (0, 0);
        (self.operator, self.next_operator, self.live) = (u32::MAX, 0, true);
        self.memory_base = None;
        self.failed = None;
    }

    /// Where the arguments and results of a function type are.
    fn places_of(&mut self, ty: u32) -> Rc<Places> {
        let (at, of) = (ty as usize, self.module.func_type_at(ty));
        let look = || Rc::new(Places::of(of.params(), of.results()));
        if at >= tuning::PLACES_KEPT_MAX {
            return look();
        }
        if self.places_of.len() <= at {
            self.places_of.resize(at + 1, None);
        }
        self.places_of[at].get_or_insert_with(look).clone()
    }

    /// Translates the body of the function with this index.
    ///
    /// # Errors
    ///
    /// If the body does not decode, or contains what this tier does not know.
    pub(crate) fn function(&mut self, index: u32) -> Result<CompiledFunction, CompileError> {
        let Some(body) = self.module.body(index) else {
            return Err(CompileError::new("the function has no body"));
        };
        if body.as_bytes().len() > limits::BODY_BYTES_MAX {
            return Err(CompileError::new("the function's body is too large for this tier"));
        }
        self.begin_function(index);
        self.run(&body)?;
        Ok(self.finish())
    }

    fn run(&mut self, body: &wasmparser::FunctionBody<'m>) -> Result<(), CompileError> {
        let scanned = scan::scan(body, self.func_type().params().len())?;
        self.declare_locals(body)?;
        self.assign_homes(&scanned);
        self.has_ways_in = self.counts;
        self.enter(&scanned);
        self.open_body();
        let end = body.range().end as usize;
        self.bytes = &self.module.bytes()[..end];
        if scanned.catches_early {
            self.read_all(body)?;
        } else {
            let mut at = body.get_operators_reader()?.original_position() as usize;
            let bytes = self.bytes;
            while at < end {
                self.operator = at as u32;
                self.held = Set::default();
                self.vectors_held = Set::default();
                at = match decode::usual(self, bytes, at) {
                    Some(next) => next,
                    None => decode::any(self, bytes, at)?,
                };
                self.check()?;
            }
        }
        self.leave();
        self.enter_loops();
        self.emit_late();
        self.emit_constants();
        self.check()
    }

    /// The function's type.
    fn func_type(&self) -> &'m FuncType {
        self.module.func_type(self.index)
    }

    /// Translates operators as the decoder reads them that knows which blocks are open: of a body with early blocks that
    /// catch.
    fn read_all(&mut self, body: &wasmparser::FunctionBody<'m>) -> Result<(), CompileError> {
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            self.operator = reader.original_position() as u32;
            self.held = Set::default();
            self.vectors_held = Set::default();
            let mut ahead = reader.clone();
            ahead.read()?;
            self.next_operator = ahead.original_position() as u32;
            reader.visit_operator(self)?;
            self.check()?;
        }
        Ok(())
    }

    /// Whether the operator at hand has been translated; refuses a frame that is too large, before what is known of its
    /// operands takes memory.
    #[inline(always)]
    fn check(&mut self) -> Result<(), CompileError> {
        if self.slots_max > limits::SLOTS_MAX {
            self.refuse("the function's frame is too large for this tier");
        }
        if self.failed.is_some() { self.failed.take().map_or(Ok(()), Err) } else { Ok(()) }
    }

    /// What has been made, as plain data.
    fn finish(&mut self) -> CompiledFunction {
        let frame_bytes = self.frame_bytes();
        for at in &self.frame_sizes {
            self.asm.patch32(*at, frame_bytes as i32);
        }
        let handler = |(returns_to, pad): &(u32, Label)| CallHandler {
            returns_to: *returns_to,
            handler: self.asm.place_of(*pad),
            frame_bytes,
        };
        let handlers = self.handlers.iter().map(handler).collect();
        self.asm.link();
        for (at, label, table) in &self.table_entries {
            let distance = self.asm.place_of(*label).wrapping_sub(*table);
            self.asm.patch32(*at, distance as i32);
        }
        self.needs.sort_unstable();
        self.needs.dedup();
        CompiledFunction {
            code: self.asm.code().to_vec(),
            alignment: tuning::FUNCTION_ALIGNMENT,
            relocations: self.relocations.clone(),
            traps: self.traps.clone(),
            source: self.source.clone(),
            maps: core::mem::take(&mut self.maps),
            handlers,
            inlined: Vec::new(),
            needs: self.needs.clone(),
            loops: self.loops.clone(),
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
