//! A first look at a body: how often locals are used, and what else decides how the frame is made.

use super::decode;
use crate::{limits, tuning};
use dunlin_module::CompileError;
use wasmparser::{BinaryReader, OperatorsReader, VisitOperator, VisitSimdOperator};

/// What a body does.
#[derive(Default)]
pub(super) struct Scanned {
    /// By local: how often it is used, loops weighing more.
    pub(super) weights: Vec<u64>,
    /// The same for calls, and what else changes registers.
    pub(super) call_weight: u64,
    /// Whether it calls anything of a guest's or the host's, or has a loop.
    pub(super) calls: bool,
    pub(super) loops: bool,
    /// How often memory 0 is accessed.
    pub(super) memory_weight: u64,
    /// Whether it calls by reference.
    pub(super) refers: bool,
    /// Whether it has a block that catches.
    pub(super) catches: bool,
    /// Whether that is of the early form, which keeps exceptions where interpreter and compilers do each as it likes.
    pub(super) catches_early: bool,
}

struct Scan {
    found: Scanned,
    /// Blocks that are open: whether each is a loop.
    blocks: Vec<bool>,
    /// Loops that are open, and what an operator weighs in them.
    depth: u32,
    weight: u64,
}

/// Looks at a body with so many parameters.
pub(super) fn scan(
    body: &wasmparser::FunctionBody<'_>,
    params: usize,
) -> Result<Scanned, CompileError> {
    let mut locals = params;
    for local in body.get_locals_reader()? {
        locals += local?.0 as usize;
        if locals > limits::LOCALS_MAX {
            return Err(CompileError::new("the function has too many locals for this tier"));
        }
    }
    let mut scan = Scan::new(locals);
    let mut reader = body.get_operators_reader()?;
    let start = (reader.original_position() - body.range().start) as usize;
    if !scan.quickly(&body.as_bytes()[start..])? {
        scan = Scan::new(locals);
        while !reader.eof() {
            reader.visit_operator(&mut scan)?;
        }
    }
    Ok(scan.found)
}

impl Scan {
    fn new(locals: usize) -> Self {
        let found = Scanned { weights: vec![0; locals], ..Scanned::default() };
        Self { found, blocks: Vec::new(), depth: 0, weight: 1 }
    }

    /// Looks at operators; not at all if there are early blocks that catch: only a reader that knows which blocks are
    /// open reads those.
    fn quickly(&mut self, bytes: &[u8]) -> Result<bool, CompileError> {
        let mut at = 0;
        while at < bytes.len() {
            if let Some(next) = self.usual(bytes, at) {
                at = next;
                continue;
            }
            if matches!(bytes[at], 0x06 | 0x07 | 0x09 | 0x18 | 0x19) {
                return Ok(false);
            }
            let mut reader = OperatorsReader::new(BinaryReader::new(&bytes[at..], at as u64));
            reader.visit_operator(self)?;
            at = reader.original_position() as usize;
        }
        Ok(true)
    }

    /// Looks at the operator at a place if it is one that most are; where the next one stands.
    #[inline(always)]
    fn usual(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let opcode = *bytes.get(at)?;
        let rest = at + 1;
        match opcode {
            0x20..=0x22 => {
                let (local, next) = decode::unsigned_at(bytes, rest)?;
                self.uses(local);
                Some(next)
            }
            0x28..=0x3e if *bytes.get(rest)? < 0x20 => {
                self.access(0);
                behind_number(bytes, rest + 1)
            }
            0x0c | 0x0d | 0x23 | 0x24 | 0x41 | 0x42 => behind_number(bytes, rest),
            0x45..=0xc4 | 0x00 | 0x01 | 0x05 | 0x0f | 0x1a | 0x1b => Some(rest),
            0x02..=0x04 => {
                decode::block_type(*bytes.get(rest)?)?;
                self.open(opcode == 0x03);
                Some(rest + 1)
            }
            0x0b => {
                self.close();
                Some(rest)
            }
            0x10 => {
                let next = behind_number(bytes, rest)?;
                self.call();
                Some(next)
            }
            0x11 => {
                let next = behind_number(bytes, behind_number(bytes, rest)?)?;
                self.refer();
                Some(next)
            }
            _ => None,
        }
    }

    fn open(&mut self, is_loop: bool) {
        self.blocks.push(is_loop);
        if is_loop {
            self.found.loops = true;
            self.set_depth(self.depth + 1);
        }
    }

    fn close(&mut self) {
        if self.blocks.pop() == Some(true) {
            self.set_depth(self.depth - 1);
        }
    }

    fn set_depth(&mut self, depth: u32) {
        self.depth = depth;
        self.weight = 1 << (depth.min(tuning::LOOP_WEIGHT_DEPTH_MAX) * tuning::LOOP_WEIGHT_LOG2);
    }

    #[inline(always)]
    fn uses(&mut self, local: u32) {
        if let Some(sum) = self.found.weights.get_mut(local as usize) {
            *sum += self.weight;
        }
    }

    fn call(&mut self) {
        self.found.calls = true;
        self.found.call_weight += self.weight;
    }

    fn refer(&mut self) {
        self.found.refers = true;
        self.call();
    }

    /// A call in tail position changes no register of this function's.
    fn tail_call(&mut self, refers: bool) {
        self.found.calls = true;
        self.found.refers |= refers;
    }

    /// A block that catches. What throws, and what the pad does, is seldom executed and weighs nothing.
    fn catch(&mut self) {
        self.found.catches = true;
        self.open(false);
    }

    fn builtin(&mut self) {
        self.found.call_weight += self.weight;
    }

    fn access(&mut self, memory: u32) {
        if memory == 0 {
            self.found.memory_weight += self.weight;
        }
    }
}

/// Where a number ends.
#[inline(always)]
fn behind_number(bytes: &[u8], at: usize) -> Option<usize> {
    let len = bytes.get(at..)?.iter().position(|byte| *byte < 0x80)?;
    Some(at + len + 1)
}

macro_rules! note {
    (@mvp LocalGet $self:ident $index:ident) => { $self.uses($index) };
    (@mvp LocalSet $self:ident $index:ident) => { $self.uses($index) };
    (@mvp LocalTee $self:ident $index:ident) => { $self.uses($index) };
    (@mvp Block $self:ident $ty:ident) => {{ let _ = $ty; $self.open(false) }};
    (@mvp If $self:ident $ty:ident) => {{ let _ = $ty; $self.open(false) }};
    (@mvp Loop $self:ident $ty:ident) => {{ let _ = $ty; $self.open(true) }};
    (@mvp End $self:ident) => { $self.close() };
    (@mvp Call $self:ident $func:ident) => {{ let _ = $func; $self.call() }};
    (@mvp CallIndirect $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.refer() }};
    (@mvp MemoryGrow $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.builtin() }};
    (@mvp $op:ident $self:ident $memarg:ident) => { note!(@access $op $self $memarg) };
    (@access I32Const $self:ident $arg:ident) => {{ let _ = $arg; }};
    (@access I64Const $self:ident $arg:ident) => {{ let _ = $arg; }};
    (@access F32Const $self:ident $arg:ident) => {{ let _ = $arg; }};
    (@access F64Const $self:ident $arg:ident) => {{ let _ = $arg; }};
    (@access $op:ident $self:ident $arg:ident) => { Accesses::note(&$arg, $self) };
    (@function_references CallRef $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.refer() }};
    (@tail_call ReturnCall $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.tail_call(false) }};
    (@tail_call $op:ident $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.tail_call(true) }};
    (@function_references ReturnCallRef $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.tail_call(true) }};
    (@bulk_memory $op:ident $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.builtin() }};
    (@gc ArrayNew $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.builtin() }};
    (@gc ArrayNewData $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.builtin() }};
    (@gc ArrayNewElem $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.builtin() }};
    (@gc ArrayFill $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.builtin() }};
    (@gc ArrayCopy $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.builtin() }};
    (@gc ArrayInitData $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.builtin() }};
    (@gc ArrayInitElem $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.builtin() }};
    (@threads MemoryAtomicNotify $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.builtin() }};
    (@threads MemoryAtomicWait32 $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.builtin() }};
    (@threads MemoryAtomicWait64 $self:ident $($arg:ident)*) => {{ $(let _ = $arg;)* $self.builtin() }};
    (@threads AtomicFence $self:ident $arg:ident) => {{ let _ = $arg; }};
    (@threads $op:ident $self:ident $memarg:ident) => { Accesses::note(&$memarg, $self) };
    (@exceptions TryTable $self:ident $($arg:ident)*) => {{
        $(let _ = $arg;)*
        $self.catch()
    }};
    (@legacy_exceptions Try $self:ident $($arg:ident)*) => {{
        $(let _ = $arg;)*
        $self.found.catches_early = true;
        $self.catch()
    }};
    (@legacy_exceptions Delegate $self:ident $($arg:ident)*) => {{
        $(let _ = $arg;)*
        $self.close()
    }};
    (@simd $op:ident $self:ident $memarg:ident) => { Accesses::note(&$memarg, $self) };
    (@simd $op:ident $self:ident $memarg:ident $lane:ident) => {{
        let _ = $lane;
        Accesses::note(&$memarg, $self);
    }};
    (@$proposal:ident $op:ident $self:ident $($arg:ident)*) => {{ let _ = &$self; $(let _ = $arg;)* }};
}

/// Arguments of operators of one argument: those of accesses name a memory.
trait Accesses {
    fn note(&self, scan: &mut Scan);
}

impl Accesses for wasmparser::MemArg {
    fn note(&self, scan: &mut Scan) {
        let (wasmparser::MemArgTarget::Memory(memory) | wasmparser::MemArgTarget::Array(memory)) =
            self.target;
        scan.access(memory);
    }
}

macro_rules! no_access {
    ($($ty:ty)*) => {$(
        impl Accesses for $ty {
            fn note(&self, _: &mut Scan) {}
        }
    )*};
}

no_access! { u8 u32 wasmparser::BrTable<'_> wasmparser::V128 [u8; 16] }

macro_rules! define {
    ($(
        @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($notes:tt)*)
    )*) => {$(
        fn $visit(&mut self $($(, $arg: $ty)*)?) {
            note!(@$proposal $op self $($($arg)*)?)
        }
    )*};
}

impl<'a> VisitOperator<'a> for Scan {
    type Output = ();

    fn simd_visitor(&mut self) -> Option<&mut dyn VisitSimdOperator<'a, Output = ()>> {
        Some(self)
    }

    wasmparser::for_each_visit_operator!(define);
}

impl<'a> VisitSimdOperator<'a> for Scan {
    wasmparser::for_each_visit_simd_operator!(define);
}
