//! What a compiler is to the rest of the engine: something that makes machine code of *units*.
//!
//! A compiler knows the layout of the VM ([`crate::layout`]), never its memory. What it returns is
//! plain data: bytes, relocations to the VM's [`Builtin`]s, and tables by which the VM finds out where a
//! program counter stands. Code of one unit never refers to that of another; calls go through the
//! module's array of code pointers.

use crate::{Invalid, Module, Profile, StaticTables};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use dunlin_core::TrapCode;

/// One piece of code of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// The body of the function of this index, imports first.
    Func(u32),
    /// The way in: calls code of the function type of this index with arguments from slots.
    ///
    /// In compiled code's convention, with its arguments where the platform's C convention has them:
    /// `fn(code, cx, slots)`.
    Enter(u32),
    /// The way out to the function of this index, which is imported or not compiled: writes its
    /// arguments to slots and calls what the import's record says, or [`Builtin::CallFunc`].
    LeaveFunc(u32),
    /// The way out to a function of the type of this index whose reference is the last argument:
    /// writes the others to slots and calls [`Builtin::CallRef`].
    LeaveRef(u32),
    /// The elements of the module's tables that never change, as [`StaticTables`] writes them: no code,
    /// but what code reads. With them the VM makes the pointers to code that [`targets`](crate::targets) describes.
    Tables,
    /// The way into a loop of a function, in the middle of an activation: the function's index, and the offset in
    /// the module of the first operator in the loop, or of the one behind the blocks that the loop begins with
    /// ([`behind_blocks`](crate::behind_blocks)).
    ///
    /// It is called as the function is, takes what its locals and operands hold from where the store's context says
    /// (`layout::store_context::LOOP_SLOTS`) and not from its arguments, goes on in the loop, and returns the
    /// function's results.
    Loop(u32, u32),
}

impl Unit {
    /// All units that a module's native code consists of, given whether it has tables that never change
    /// (see [`StaticTables`]). A [`Func`](Self::Func) may be replaced by its
    /// [`LeaveFunc`](Self::LeaveFunc).
    #[must_use]
    pub fn all_of(module: &Module, has_static_tables: bool) -> Vec<Self> {
        let imports = module.func_imports();
        let ways_out = (0..imports).map(Self::LeaveFunc);
        let functions = (imports..module.func_count()).map(Self::Func);
        // Whoever is called from outside has the type of a function; by reference any type may be called.
        let mut is_entered = alloc::vec![false; module.types().len()];
        for func in imports..module.func_count() {
            is_entered[module.func_type_index(func) as usize] = true;
        }
        let entered = (0..).zip(is_entered).filter_map(|(ty, is)| is.then_some(Self::Enter(ty)));
        let referred = module.func_types().map(|(ty, _)| Self::LeaveRef(ty));
        let tables = has_static_tables.then_some(Self::Tables);
        ways_out.chain(functions).chain(entered).chain(referred).chain(tables).collect()
    }
}

macro_rules! builtins {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        /// What compiled code asks of the VM, each in the platform's C convention.
        ///
        /// A *status* is a 32-bit number: 0, or 1 where the guest must end; then compiled code calls
        /// [`Builtin::Unwind`]. Each says so somehow: even what cannot fail may meet a defect of ours. All take the running instance's context first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Builtin { $($(#[$doc])* $name = $number,)* }

        impl Builtin {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

builtins! {
    /// `(cx, memory: u32, delta: u64) -> u64`: the result of `memory.grow`, or [`GROW_FAILED`].
    MemoryGrow = 0;
    /// `(cx, memory: u32, dst: u64, value: u32, len: u64) -> status`
    MemoryFill = 1;
    /// `(cx, to: u32, dst: u64, from: u32, src: u64, len: u64) -> status`
    MemoryCopy = 2;
    /// `(cx, memory: u32, data: u32, dst: u64, src: u64, len: u64) -> status`
    MemoryInit = 3;
    /// `(cx, data: u32) -> status`
    DataDrop = 4;
    /// `(cx, table: u32, delta: u64, init: u32) -> u64`: the result of `table.grow`, or [`GROW_FAILED`].
    TableGrow = 5;
    /// `(cx, table: u32, start: u64, value: u32, len: u64) -> status`
    TableFill = 6;
    /// `(cx, to: u32, dst: u64, from: u32, src: u64, len: u64) -> status`
    TableCopy = 7;
    /// `(cx, table: u32, element: u32, dst: u64, src: u64, len: u64) -> status`
    TableInit = 8;
    /// `(cx, element: u32) -> status`
    ElemDrop = 9;
    /// `(cx, func: u32) -> u32`: a reference, or [`REF_FAILED`].
    RefFunc = 10;
    /// `(cx, func: u32, slots: *mut u64) -> status`: calls a function that the instance's module defines
    /// outside compiled code. For ways out only, as the next.
    CallFunc = 11;
    /// `(cx, reference: u32, slots: *mut u64) -> status`: calls a function outside compiled code.
    CallRef = 12;
    /// `(cx)`: leaves compiled code for its innermost entry, or for what catches the exception that travels. Does
    /// not return.
    Unwind = 13;
    /// `(cx, memory: u32, address: u64, count: u32) -> u64`: the result of `memory.atomic.notify`, or
    /// [`GROW_FAILED`].
    MemoryNotify = 14;
    /// `(cx, memory: u32, bytes: u32, address: u64, expected: u64, timeout: i64) -> u64`: the result of
    /// `memory.atomic.wait32` or, for 8 bytes, `wait64`, or [`GROW_FAILED`].
    MemoryWait = 15;
    /// `(cx, tag: u32) -> u32`: a new exception with this tag of the module's, or [`NO_OBJECT`]. It may
    /// collect, as those do that make objects.
    NewException = 16;
    /// `(cx, exception: u32) -> u32`: the tag of an exception, as the store's index. Cannot fail.
    ExceptionTag = 17;
    /// `(cx, exception: u32) -> *const u64`: an exception has been caught; where what it carries can be read until
    /// compiled code calls something again. Null where the engine failed.
    CatchException = 18;
    /// `(cx, exception: u32)`: throws an exception to whatever catches it outside of the calling function. Does
    /// not return.
    ThrowException = 19;
    /// `(cx, exception: u32, payload: *const u64, slots: u32) -> status`: writes what a new exception carries.
    FillException = 20;
    /// `(cx, ty: u32) -> u32`: a structure of zeros, or [`NO_OBJECT`]. This one and the next three may
    /// collect: references that live on are in the frame's map.
    NewStruct = 21;
    /// `(cx, ty: u32, len: u32) -> u32`: an array of zeros, or [`NO_OBJECT`].
    NewArray = 22;
    /// `(cx, ty: u32, data: u32, src: u32, len: u32) -> u32`: an array, or [`NO_OBJECT`].
    ArrayNewData = 23;
    /// `(cx, ty: u32, element: u32, src: u32, len: u32) -> u32`: an array, or [`NO_OBJECT`].
    ArrayNewElem = 24;
    /// `(cx, ty: u32, array: u32, index: u32, low: u64, high: u64, len: u32) -> status`
    ArrayFill = 25;
    /// `(cx, ty: u32, to: u32, to_index: u32, from: u32, from_index: u32, len: u32) -> status`
    ArrayCopy = 26;
    /// `(cx, ty: u32, data: u32, array: u32, index: u32, src: u32, len: u32) -> status`
    ArrayInitData = 27;
    /// `(cx, ty: u32, element: u32, array: u32, index: u32, src: u32, len: u32) -> status`
    ArrayInitElem = 28;
    /// `(cx, func: u32, loop: u32, slots: u64, counts: u64) -> u64`: the budget of a function of this tier has run
    /// out. In a loop, whose first operator is at that offset and not at 0, it returns the address of a way into it
    /// (see [`Unit::Loop`]) that is to be called instead of going on, or 0. What that finds is taken from the
    /// address of the first of the function's slots, which descend, unless it is 0: `counts` is those of the locals
    /// in its upper half, those of operands in its lower one.
    RanOut = 29;
}

/// What [`Builtin::MemoryGrow`] and [`Builtin::TableGrow`] return where the host failed, and the builtins of
/// waits where the guest must end.
pub const GROW_FAILED: u64 = u64::MAX - 1;

/// What [`Builtin::RefFunc`] returns where the engine failed; no reference is that large.
pub const REF_FAILED: u32 = u32::MAX;

/// What builtins that make objects return where the guest must end.
pub const NO_OBJECT: u32 = 0;

/// A place in the code where the absolute address of a builtin belongs, 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Offset in the unit's code.
    pub offset: u32,
    /// Whose address.
    pub builtin: Builtin,
    /// What is added to it.
    pub addend: i64,
}

/// A call behind which an exception may be caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallHandler {
    /// Offset that the call returns to.
    pub returns_to: u32,
    /// Offset of the code that looks at the exception: of a reference in the first register of results, whose
    /// tag, the store's index, is in the second. All other registers are lost but for frame and stack pointer.
    pub handler: u32,
    /// How far the stack pointer is below the frame pointer there.
    pub frame_bytes: u32,
}

/// Machine code of a unit, as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompiledFunction {
    /// The code, constants included.
    pub code: Vec<u8>,
    /// What its first byte must be aligned to: a power of two.
    pub alignment: u32,
    /// Addresses to fill in.
    pub relocations: Vec<Relocation>,
    /// Offsets of instructions that trap by faulting, ascending, and why they do.
    pub traps: Vec<(u32, TrapCode)>,
    /// Offsets from which on code is of the operator at an offset of the module, ascending. Code before
    /// the first, and of offset `u32::MAX`, is of none. From [`InlinedCall::FIRST_WORD`] on, a word is of an
    /// operator in one of `inlined`.
    pub source: Vec<(u32, u32)>,
    /// Where references stand while a call has not returned yet that may collect: the offset behind the
    /// call, ascending, and how many bytes below the frame pointer each of them is.
    pub maps: Vec<(u32, Box<[u32]>)>,
    /// Calls behind which exceptions may be caught, by where they return to.
    pub handlers: Vec<CallHandler>,
    /// Calls in whose place the code of other functions' bodies stands, by their words.
    pub inlined: Vec<InlinedCall>,
    /// Units that must be where the module's array of code says before this code runs, ascending and each once: a
    /// [`Unit::LeaveFunc`] for each function that it calls by index, in whose place the function's own code may
    /// be; a [`Unit::LeaveRef`] for each type that it calls by reference; [`Unit::Tables`] if it reads them, and
    /// then every function in them must have code or a way out too.
    pub needs: Vec<Unit>,
    /// Ways into the function's loops, as [`Unit::Loop`] is one: where each is in the code, and the offset in the
    /// module of the first operator in the loop.
    pub loops: Vec<(u32, u32)>,
}

/// A call in whose place the called function's body stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InlinedCall {
    /// The word that stands for the body's first byte in tables of sources; those that follow stand for the
    /// bytes behind it. Words of different calls are different.
    pub word: u32,
    /// The function that is called.
    pub func: u32,
    /// Offset of its body in the module.
    pub body: u32,
    /// The word of the call itself: an offset in the module, or of an operator in the place of another call, which
    /// is less than `word`.
    pub caller: u32,
}

impl InlinedCall {
    /// The least word that is no offset in a module: those are smaller than modules may be large.
    pub const FIRST_WORD: u32 = 1 << 31;

    /// Stands in tables of sources for code whose frame is none of its function's activations: another frame stands
    /// for the same one.
    pub const NO_FRAME: u32 = u32::MAX - 1;

    /// The operators that a word of a table of sources stands for, from the innermost one outwards: functions, and
    /// offsets in the module. `func` is the function whose code it is, and `inlined` ascends by words. None for
    /// `u32::MAX`.
    pub fn operators(word: u32, func: u32, inlined: &[Self]) -> impl Iterator<Item = (u32, u32)> {
        let mut next = (word != u32::MAX).then_some(word);
        core::iter::from_fn(move || {
            let word = next.take()?;
            if word < Self::FIRST_WORD {
                return Some((func, word));
            }
            let after = inlined.partition_point(|call| call.word <= word);
            let call = &inlined[after.checked_sub(1)?];
            // Words lead outwards, or nowhere.
            next = (call.caller < word).then_some(call.caller);
            Some((call.func, call.body.saturating_add(word.saturating_sub(call.word))))
        })
    }
}

/// Why a unit could not be compiled. Its functions still run elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError(String);

impl CompileError {
    /// An error with this text.
    #[cold]
    #[must_use]
    pub fn new(message: impl fmt::Display) -> Self {
        Self(alloc::format!("{message}"))
    }
}

impl From<Invalid> for CompileError {
    #[cold]
    fn from(error: Invalid) -> Self {
        Self::new(error)
    }
}

impl From<wasmparser::Error> for CompileError {
    #[cold]
    fn from(error: wasmparser::Error) -> Self {
        Self::new(error)
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for CompileError {}

/// Makes machine code.
pub trait Compiler: Send + Sync {
    /// What compiling a function may take, in units of about a microsecond: an estimate that depends on the
    /// module's bytes alone. 0 for one that the compiler does not take on; its body need not be valid.
    fn work(&self, module: &Module, func: u32) -> u64;

    /// A worker for one thread. All threads are given the same tables.
    fn worker<'m>(&'m self, module: &'m Module, tables: &'m StaticTables) -> Box<dyn Worker + 'm>;

    /// The same, for one that takes or makes notes of how the module has run.
    fn guided_worker<'m>(
        &'m self,
        module: &'m Module,
        tables: &'m StaticTables,
        profile: &'m dyn Profile,
    ) -> Box<dyn Worker + 'm>;
}

/// Compiles units of one module, one after the other.
pub trait Worker {
    /// Compiles a unit. A function's body must have been accepted by [`Module::prepare`] or
    /// [`Module::validate`].
    ///
    /// # Errors
    ///
    /// If the compiler cannot: the function is too large for it, say.
    fn compile(&mut self, unit: Unit) -> Result<CompiledFunction, CompileError>;
}
