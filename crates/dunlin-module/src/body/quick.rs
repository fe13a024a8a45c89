//! Validating the functions that most functions are, faster: the same answer as the pass over the validator's
//! visitor, or none.
//!
//! 1. It knows the operators of WebAssembly 1.0 and a few more, on numbers alone: a value's type is one byte, so that
//!    operands and locals are strings of bytes. Types of numeric operators and accesses come from the rows.
//! 2. It accepts a function only if it has understood all of it and found it valid; then what it has built is what the
//!    other pass would have built, to the last word.
//! 3. Whatever it does not know, and whatever is wrong, is not its business: it gives up, and the other pass reads the
//!    body from its start and says what is wrong. So it may be strict where that is simpler, and never lax.
//!
//! Who only wants to know whether a function is valid gets a pass that builds nothing (`TABLE` is false).
//!
//! Behind an operator that never goes on it expects the end of the block, as compilers emit it.

use super::{Scratch, behind_blocks};
use crate::builder::{Builder, Label, Site, Target};
use crate::fuse::fuse;
use crate::handlers::Handlers;
use crate::side::{FRAME_RECORD_SLOTS, Prepared};
use crate::{Feature, Module};
use alloc::boxed::Box;
use alloc::vec::Vec;
use dunlin_core::{FuncType, Mutability, Operator, RefType, ValType};

/// Features whose operators it takes for granted.
const FEATURES: [Feature; 4] = [
    Feature::SignExtension,
    Feature::SaturatingFloatToInt,
    Feature::BulkMemory,
    Feature::ReferenceTypes,
];

/// Locals of a function at most, and targets of a `br_table`: below the other pass's bounds.
const COUNT_MAX: u32 = 1 << 14;

/// Open blocks at most.
const DEPTH_MAX: usize = 1000;

/// Types of values as it knows them; 0 is no value, or one of a type that it does not know.
const NONE: u8 = 0;
const I32: u8 = 1;
const I64: u8 = 2;
const F32: u8 = 3;
const F64: u8 = 4;

/// The type's number, or `None` for one that it does not know.
fn number(ty: ValType) -> Option<u8> {
    match ty {
        ValType::I32 => Some(I32),
        ValType::I64 => Some(I64),
        ValType::F32 => Some(F32),
        ValType::F64 => Some(F64),
        ValType::V128 | ValType::Ref(_) => None,
    }
}

/// The type's number as the binary format spells types.
fn spelled(byte: u8) -> Option<u8> {
    // They count downwards from 0x7F.
    (0x7C..=0x7F).contains(&byte).then(|| 0x80 - byte)
}

/// What an operator takes and gives: the types of its operands, the last one on top, and of its result.
#[derive(Clone, Copy)]
struct Row {
    operands: [u8; 2],
    result: u8,
    /// Bytes that it accesses of a memory.
    bytes: u8,
}

const UNKNOWN: Row = Row { operands: [NONE; 2], result: NONE, bytes: 0 };

macro_rules! number {
    (i32) => {
        I32
    };
    (i64) => {
        I64
    };
    (f32) => {
        F32
    };
    (f64) => {
        F64
    };
}

macro_rules! operands {
    ($one:ident) => {
        [NONE, number!($one)]
    };
    ($one:ident, $two:ident) => {
        [number!($one), number!($two)]
    };
}

macro_rules! numeric_rows {
    ($into:ident $($code:literal $name:ident $text:literal $function:ident
        ($($operand:ident),*) -> $result:ident $($traps:ident)?;)*) => {
        $($into[$code] = Row { operands: operands!($($operand),*), result: number!($result), bytes: 0 };)*
    };
}

macro_rules! load_rows {
    ($into:ident $($code:literal $name:ident $text:literal $function:ident
        ($raw:ident) -> $result:ident bytes $bytes:literal;)*) => {
        $($into[$code] = Row { operands: [NONE, I32], result: number!($result), bytes: $bytes };)*
    };
}

macro_rules! store_rows {
    ($into:ident $($code:literal $name:ident $text:literal $function:ident
        ($value:ident) -> $raw:ident bytes $bytes:literal;)*) => {
        $($into[$code] = Row { operands: [I32, number!($value)], result: NONE, bytes: $bytes };)*
    };
}

/// Operators behind no prefix that only move numbers.
static ROWS: [Row; 256] = {
    let mut rows = [UNKNOWN; 256];
    dunlin_core::for_each_numeric_operator!(numeric_rows, rows);
    dunlin_core::for_each_load_operator!(load_rows, rows);
    dunlin_core::for_each_store_operator!(store_rows, rows);
    rows
};

/// The saturating truncations, behind their prefix.
static SATURATING: [Row; 8] = {
    let mut rows = [UNKNOWN; 8];
    dunlin_core::for_each_saturating_operator!(numeric_rows, rows);
    rows
};

/// The prefix of those and of the bulk operators.
const PREFIX_FC: u8 = 0xFC;

macro_rules! codes {
    ($($constant:ident $name:ident;)*) => {
        $(const $constant: u8 = Operator::$name.code() as u8;)*
    };
}

codes! {
    UNREACHABLE Unreachable;
    NOP Nop;
    BLOCK Block;
    LOOP Loop;
    IF If;
    ELSE Else;
    END End;
    BR Br;
    BR_IF BrIf;
    BR_TABLE BrTable;
    RETURN Return;
    CALL Call;
    CALL_INDIRECT CallIndirect;
    DROP Drop;
    SELECT Select;
    LOCAL_GET LocalGet;
    LOCAL_SET LocalSet;
    LOCAL_TEE LocalTee;
    GLOBAL_GET GlobalGet;
    GLOBAL_SET GlobalSet;
    MEMORY_SIZE MemorySize;
    MEMORY_GROW MemoryGrow;
    I32_CONST I32Const;
    I64_CONST I64Const;
    F32_CONST F32Const;
    F64_CONST F64Const;
    MEMORY_COPY MemoryCopy;
    MEMORY_FILL MemoryFill;
}

/// Memory that one function leaves to the next.
#[derive(Default)]
pub(super) struct Buffers {
    stack: Vec<u8>,
    locals: Vec<u8>,
    frames: Vec<Frame>,
}

/// A block that is open.
struct Frame {
    label: Label,
    /// The type of its result.
    result: u8,
    /// The type that a branch to it carries.
    carries: u8,
    /// Whether it is an `if` without its `else`.
    is_if: bool,
}

/// The state of the pass.
struct Quick<'m, const TABLE: bool> {
    module: &'m Module,
    bytes: &'m [u8],
    /// Where the next byte is read, and where the operator at hand begins.
    at: usize,
    operator: usize,
    /// Operands below the innermost block's.
    base: usize,
    stack: Vec<u8>,
    /// Operands at most so far.
    highest: usize,
    locals: Vec<u8>,
    frames: Vec<Frame>,
    /// Whether the operator at hand can be reached.
    live: bool,
    has_memory: bool,
    builder: Builder,
    patched: Option<Box<[u8]>>,
    fused_end: usize,
}

impl Module {
    /// The function, whose body is pinned, as the other pass would prepare it; `None` if that is to be asked.
    pub(super) fn prepare_quickly(&self, func: u32, scratch: &mut Scratch) -> Option<Prepared> {
        self.read_quickly::<true, _>(func, scratch, |quick, start| {
            let code_offset = start + behind_blocks(quick.bytes, quick.at);
            quick.run()?;
            Some(quick.finish(self.func_type(func), code_offset))
        })
    }

    /// Whether the function, whose body is pinned, is valid; `None` if the other pass is to be asked.
    pub(super) fn validate_quickly(&self, func: u32, scratch: &mut Scratch) -> Option<()> {
        self.read_quickly::<false, _>(func, scratch, |quick, _| quick.run())
    }

    fn read_quickly<const TABLE: bool, T>(
        &self,
        func: u32,
        scratch: &mut Scratch,
        read: impl FnOnce(&mut Quick<'_, TABLE>, u32) -> Option<T>,
    ) -> Option<T> {
        if !FEATURES.iter().all(|feature| self.feature_set.contains(*feature)) {
            return None;
        }
        let range = self.body_range(func)?;
        let buffers = core::mem::take(&mut scratch.quick);
        let mut quick = Quick::<TABLE>::new(self, &self.bytes()[range.clone()], buffers);
        let begun = quick.begin(self.func_type(func));
        let found = begun.and_then(|()| read(&mut quick, range.start as u32));
        let Quick { stack, locals, frames, .. } = quick;
        scratch.quick = Buffers { stack, locals, frames };
        found
    }
}

impl<'m, const TABLE: bool> Quick<'m, TABLE> {
    fn new(module: &'m Module, bytes: &'m [u8], buffers: Buffers) -> Self {
        let Buffers { mut stack, mut locals, mut frames } = buffers;
        stack.clear();
        locals.clear();
        frames.clear();
        Self {
            module,
            bytes,
            at: 0,
            operator: 0,
            base: 0,
            stack,
            highest: 0,
            locals,
            frames,
            live: true,
            has_memory: module.memories().first().is_some_and(|memory| !memory.memory64),
            builder: Builder::default(),
            patched: (TABLE && module.fuses).then(|| bytes.into()),
            fused_end: 0,
        }
    }

    /// Reads what stands before the operators.
    fn begin(&mut self, ty: &FuncType) -> Option<()> {
        let result = match ty.results() {
            [] => NONE,
            [result] => number(*result)?,
            _ => return None,
        };
        for param in ty.params() {
            self.locals.push(number(*param)?);
        }
        self.declarations()?;
        self.open(Label::new(0, u32::from(result != NONE), true), result, result, false);
        Some(())
    }

    fn run(&mut self) -> Option<()> {
        while !self.frames.is_empty() {
            self.operator = self.at;
            self.fuse();
            let opcode = self.byte()?;
            self.step(opcode)?;
        }
        // Behind the last `end` there is nothing.
        (self.at == self.bytes.len()).then_some(())
    }

    fn finish(&mut self, ty: &FuncType, code_offset: u32) -> Prepared {
        let (words, relocations, loops) = core::mem::take(&mut self.builder).finish();
        let locals = self.locals.len() as u32;
        Prepared {
            code_offset,
            words,
            relocations,
            loops,
            params: ty.param_slots(),
            locals,
            results: ty.result_slots(),
            frame: locals + FRAME_RECORD_SLOTS + self.highest as u32,
            patched: self.patched.take(),
            handlers: Handlers::default(),
        }
    }

    /// Reads the declarations of locals.
    fn declarations(&mut self) -> Option<()> {
        for _ in 0..self.leb()? {
            let count = self.leb()?;
            let ty = spelled(self.byte()?)?;
            let len = self.locals.len().checked_add(count as usize)?;
            if len > COUNT_MAX as usize {
                return None;
            }
            self.locals.resize(len, ty);
        }
        Some(())
    }

    /// Replaces the opcode at hand where it begins a sequence that has one.
    #[inline(always)]
    fn fuse(&mut self) {
        if !TABLE || self.operator < self.fused_end {
            return;
        }
        let Some(copy) = &mut self.patched else { return };
        if let Some(bytes) = self.bytes.get(self.operator..)
            && let Some(fused) = fuse(bytes, |_| true)
        {
            self.fused_end = self.operator + fused.bytes;
            copy[self.operator] = fused.code;
        }
    }

    /// The operator at hand, whose opcode has been read.
    #[inline(always)]
    fn step(&mut self, opcode: u8) -> Option<()> {
        if !self.live && !matches!(opcode, END | ELSE) {
            return None;
        }
        match opcode {
            LOCAL_GET => self.local_get(),
            LOCAL_SET => self.local_set(),
            LOCAL_TEE => self.local_tee(),
            I32_CONST => self.constant::<5>(I32),
            I64_CONST => self.constant::<10>(I64),
            F32_CONST => self.float(4, F32),
            F64_CONST => self.float(8, F64),
            BLOCK => self.block(),
            LOOP => self.begin_loop(),
            IF => self.begin_if(),
            ELSE => self.begin_else(),
            END => self.end(),
            BR => self.br(),
            BR_IF => self.br_if(),
            BR_TABLE => self.br_table(),
            RETURN => self.branch_out(0),
            CALL => self.call(),
            CALL_INDIRECT => self.call_indirect(),
            GLOBAL_GET => self.global_get(),
            GLOBAL_SET => self.global_set(),
            DROP => self.pop_any().map(drop),
            SELECT => self.select(),
            MEMORY_SIZE => self.memory_size(),
            MEMORY_GROW => self.memory_grow(),
            UNREACHABLE => self.dead_end(),
            NOP => Some(()),
            PREFIX_FC => self.prefixed(),
            _ => self.by_row(ROWS[usize::from(opcode)]),
        }
    }
}

/// Operators without control.
impl<const TABLE: bool> Quick<'_, TABLE> {
    /// An operator whose row says all; the row of none gives up.
    #[inline(always)]
    fn by_row(&mut self, row: Row) -> Option<()> {
        if row.bytes != 0 {
            self.memory_argument(row.bytes)?;
        }
        let [second, first] = row.operands;
        // Every row that is one has an operand, and nothing on the stack is of no type.
        self.pop(first)?;
        if second != NONE {
            self.pop(second)?;
        }
        if row.result != NONE {
            self.push(row.result);
        }
        Some(())
    }

    /// An alignment up to the access's own, and an offset.
    #[inline(always)]
    fn memory_argument(&mut self, bytes: u8) -> Option<()> {
        let align = self.byte()?;
        let natural = bytes.trailing_zeros();
        if !self.has_memory || u32::from(align) > natural {
            return None;
        }
        self.leb().map(drop)
    }

    fn prefixed(&mut self) -> Option<()> {
        let code = self.byte()?;
        match code {
            0..8 => self.by_row(SATURATING[usize::from(code)]),
            MEMORY_COPY => self.bulk(2),
            MEMORY_FILL => self.bulk(1),
            _ => None,
        }
    }

    /// `memory.copy` and `memory.fill`, whose memories are all the first.
    fn bulk(&mut self, memories: usize) -> Option<()> {
        for _ in 0..memories {
            self.first_memory()?;
        }
        self.pop(I32)?;
        self.pop(I32)?;
        self.pop(I32)
    }

    fn memory_size(&mut self) -> Option<()> {
        self.first_memory()?;
        self.push(I32);
        Some(())
    }

    fn memory_grow(&mut self) -> Option<()> {
        self.first_memory()?;
        self.pop(I32)?;
        self.push(I32);
        Some(())
    }

    /// The index of a memory, which must be that of the first.
    fn first_memory(&mut self) -> Option<()> {
        (self.byte()? == 0 && self.has_memory).then_some(())
    }

    #[inline(always)]
    fn local(&mut self) -> Option<u8> {
        let local = self.leb()?;
        self.locals.get(local as usize).copied()
    }

    #[inline(always)]
    fn local_get(&mut self) -> Option<()> {
        let ty = self.local()?;
        self.push(ty);
        Some(())
    }

    #[inline(always)]
    fn local_set(&mut self) -> Option<()> {
        let ty = self.local()?;
        self.pop(ty)
    }

    #[inline(always)]
    fn local_tee(&mut self) -> Option<()> {
        let ty = self.local()?;
        self.carry(ty)
    }

    fn global_get(&mut self) -> Option<()> {
        let (ty, _) = self.global()?;
        self.push(ty);
        Some(())
    }

    fn global_set(&mut self) -> Option<()> {
        let (ty, is_mutable) = self.global()?;
        if !is_mutable {
            return None;
        }
        self.pop(ty)
    }

    /// A global's type, and whether it may be set.
    fn global(&mut self) -> Option<(u8, bool)> {
        let index = self.leb()? as usize;
        if index >= self.module.global_imports() + self.module.globals().len() {
            return None;
        }
        let ty = self.module.global_type(index as u32);
        Some((number(ty.content)?, ty.mutability == Mutability::Var))
    }

    fn select(&mut self) -> Option<()> {
        self.pop(I32)?;
        let ty = self.pop_any()?;
        self.pop(ty)?;
        self.push(ty);
        Some(())
    }

    /// A constant of at most `BYTES` bytes of seven bits each, of which the last has the sign in all that are too many.
    #[inline(always)]
    fn constant<const BYTES: usize>(&mut self, ty: u8) -> Option<()> {
        // Bits of the last byte that must be alike: 32 bits end in the fifth byte's fourth, 64 in the tenth's first.
        let alike = if BYTES == 5 { 0x78 } else { 0x7F };
        for byte in 1..=BYTES {
            let bits = self.byte()?;
            if bits < 0x80 {
                if byte == BYTES && bits & alike != 0 && bits & alike != alike {
                    return None;
                }
                self.push(ty);
                return Some(());
            }
        }
        None
    }

    fn float(&mut self, bytes: usize, ty: u8) -> Option<()> {
        self.at += bytes;
        self.push(ty);
        (self.at <= self.bytes.len()).then_some(())
    }
}

/// Control.
impl<const TABLE: bool> Quick<'_, TABLE> {
    fn open(&mut self, label: Label, result: u8, carries: u8, is_if: bool) {
        self.base = label.base as usize;
        self.frames.push(Frame { label, result, carries, is_if });
    }

    /// The result of a block that opens, which has no parameters and at most one result. What is known of a block is
    /// many times its bytes: there are only so many open at a time.
    #[inline(always)]
    fn block_type(&mut self) -> Option<u8> {
        const EMPTY: u8 = 0x40;
        if self.frames.len() > DEPTH_MAX {
            return None;
        }
        match self.byte()? {
            EMPTY => Some(NONE),
            byte => spelled(byte),
        }
    }

    fn block(&mut self) -> Option<()> {
        let result = self.block_type()?;
        let label = Label::new(self.stack.len() as u32, u32::from(result != NONE), true);
        self.open(label, result, result, false);
        Some(())
    }

    fn begin_loop(&mut self) -> Option<()> {
        let result = self.block_type()?;
        let mut label = Label::new(self.stack.len() as u32, 0, true);
        if TABLE {
            label.start = Some(self.behind());
        }
        self.open(label, result, NONE, false);
        Some(())
    }

    fn begin_if(&mut self) -> Option<()> {
        let result = self.block_type()?;
        self.pop(I32)?;
        let mut label = Label::new(self.stack.len() as u32, u32::from(result != NONE), true);
        if TABLE {
            label.otherwise = Some(self.builder.if_word(self.here()));
        }
        self.open(label, result, result, true);
        Some(())
    }

    fn begin_else(&mut self) -> Option<()> {
        self.check_end()?;
        let here = self.here();
        let frame = self.frames.last_mut().filter(|frame| frame.is_if)?;
        frame.is_if = false;
        if TABLE {
            if self.live {
                let site = self.builder.site(here);
                self.builder.branch(site, &mut frame.label);
            }
            let at = behind_blocks(self.bytes, self.at);
            let target = Target { at, word: self.builder.next() };
            if let Some(index) = frame.label.otherwise.take() {
                self.builder.otherwise(index, target);
            }
        }
        self.live = true;
        self.stack.truncate(self.base);
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        self.check_end()?;
        let frame = self.frames.pop()?;
        let mut label = frame.label;
        if frame.is_if && frame.result != NONE {
            // What if the condition is false?
            return None;
        }
        let Some(outer) = self.frames.last() else {
            if TABLE {
                let target = Target { at: self.operator as u32, word: self.builder.next() };
                self.builder.settle_all(&mut label, target);
                self.builder.end(self.at as u32, label.arity);
            }
            return Some(());
        };
        self.base = outer.label.base as usize;
        if TABLE {
            let target = self.behind();
            self.builder.settle_all(&mut label, target);
            if let Some(index) = label.otherwise {
                self.builder.otherwise(index, target);
            }
        }
        self.live = true;
        self.stack.truncate(label.base as usize);
        if frame.result != NONE {
            self.push(frame.result);
        }
        Some(())
    }

    /// Whether the innermost block's operands are its result, if its end can be reached.
    fn check_end(&mut self) -> Option<()> {
        let result = self.frames.last()?.result;
        if !self.live {
            return Some(());
        }
        self.carry(result)?;
        (self.stack.len() == self.base + usize::from(result != NONE)).then_some(())
    }

    /// Where the operator at hand branches from.
    fn here(&self) -> Site {
        Site { at: self.operator as u32 + 1, height: self.stack.len() as u32 }
    }

    /// The number of that place.
    fn site(&mut self) -> u32 {
        if TABLE { self.builder.site(self.here()) } else { 0 }
    }

    /// What stands behind the operator at hand and the blocks that begin there.
    fn behind(&self) -> Target {
        Target { at: behind_blocks(self.bytes, self.at), word: self.builder.next() }
    }

    /// Branches from a site to the block that is so many blocks out.
    #[inline(always)]
    fn branch(&mut self, site: u32, depth: u32) -> Option<()> {
        let index = self.frames.len().checked_sub(depth as usize + 1)?;
        let carries = self.frames[index].carries;
        self.carry(carries)?;
        if TABLE {
            self.builder.branch(site, &mut self.frames[index].label);
        }
        Some(())
    }

    fn br(&mut self) -> Option<()> {
        let depth = self.leb()?;
        let outermost = self.frames.len() as u32 - 1;
        self.branch_out(outermost.checked_sub(depth)?)
    }

    /// Branches to the block with this number, the function's being 0, and does not go on.
    fn branch_out(&mut self, block: u32) -> Option<()> {
        let depth = self.frames.len() as u32 - 1 - block;
        let site = self.site();
        self.branch(site, depth)?;
        self.dead_end()
    }

    #[inline(always)]
    fn br_if(&mut self) -> Option<()> {
        let depth = self.leb()?;
        self.pop(I32)?;
        let site = self.site();
        self.branch(site, depth)
    }

    fn br_table(&mut self) -> Option<()> {
        self.pop(I32)?;
        let site = self.site();
        let count = self.leb()?;
        if count > COUNT_MAX {
            return None;
        }
        let mut carries = None;
        for _ in 0..=count {
            let depth = self.leb()?;
            let index = self.frames.len().checked_sub(depth as usize + 1)?;
            let here = self.frames[index].carries;
            if *carries.get_or_insert(here) != here {
                return None;
            }
            self.branch(site, depth)?;
        }
        self.dead_end()
    }

    fn dead_end(&mut self) -> Option<()> {
        self.live = false;
        Some(())
    }

    fn call(&mut self) -> Option<()> {
        let func = self.leb()?;
        if func >= self.module.func_count() {
            return None;
        }
        self.signature(self.module.func_type(func))
    }

    fn call_indirect(&mut self) -> Option<()> {
        let (ty, table) = (self.leb()?, self.leb()?);
        let ty = self.module.types().get(ty as usize)?.composite.as_func()?;
        let table = self.module.tables.get(table as usize)?.ty;
        if table.element != RefType::FUNCREF || table.table64 {
            return None;
        }
        self.pop(I32)?;
        self.signature(ty)
    }

    /// Takes what a function takes, and gives what it returns.
    fn signature(&mut self, ty: &FuncType) -> Option<()> {
        for param in ty.params().iter().rev() {
            self.pop(number(*param)?)?;
        }
        for result in ty.results() {
            self.push(number(*result)?);
        }
        Some(())
    }
}

/// Operands and bytes.
impl<const TABLE: bool> Quick<'_, TABLE> {
    #[inline(always)]
    fn push(&mut self, ty: u8) {
        self.stack.push(ty);
        self.highest = self.highest.max(self.stack.len());
    }

    #[inline(always)]
    fn pop_any(&mut self) -> Option<u8> {
        if self.stack.len() <= self.base {
            return None;
        }
        self.stack.pop()
    }

    #[inline(always)]
    fn pop(&mut self, ty: u8) -> Option<()> {
        (self.pop_any()? == ty).then_some(())
    }

    /// Whether the value on top is of this type, if it is one.
    #[inline(always)]
    fn carry(&self, ty: u8) -> Option<()> {
        let has = self.stack.len() > self.base && self.stack.last() == Some(&ty);
        (ty == NONE || has).then_some(())
    }

    #[inline(always)]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// An unsigned number of 32 bits.
    #[inline(always)]
    fn leb(&mut self) -> Option<u32> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(first.into());
        }
        self.long_leb(first)
    }

    fn long_leb(&mut self, first: u8) -> Option<u32> {
        let mut value = u32::from(first & 0x7F);
        for shift in [7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                // Of the fifth byte four bits are left.
                return (shift < 28 || byte < 0x10).then_some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Scratch;
    use crate::{Features, Module};
    use alloc::string::String;
    use alloc::sync::Arc;
    use alloc::vec::Vec;
    use core::fmt::Write as _;
    use dunlin_core::ValType;

    fn parse(bytes: &[u8]) -> Option<Module> {
        Module::parse(Arc::new(bytes.to_vec()), Features::default()).ok()
    }

    /// Compares both passes on a function; says whether this one has understood it.
    fn compare(module: &Module, func: u32) -> bool {
        let scratch = &mut Scratch::default();
        let prepared = module.prepare_quickly(func, scratch);
        assert_eq!(
            prepared.is_some(),
            module.validate_quickly(func, scratch).is_some(),
            "function {func} is understood or not, whatever is built"
        );
        let Some(quick) = prepared else { return false };
        match module.prepare_and_tell(func, scratch, |_, _| ()) {
            Ok(other) => assert_eq!(quick, other, "function {func}"),
            Err(error) => panic!("function {func} is invalid: {error}"),
        }
        true
    }

    fn functions(module: &Module) -> core::ops::Range<u32> {
        module.func_imports()..module.func_count()
    }

    /// A function for each row: operands of its types, and its result as the function's.
    fn rows() -> String {
        let mut text = String::new();
        macro_rules! numeric {
            ($($code:literal $name:ident $text:literal $function:ident
                ($($operand:ident),*) -> $result:ident $($traps:ident)?;)*) => {$(
                let _ = write!(text, "(func (result {})", stringify!($result));
                $(let _ = write!(text, "({}.const 1)", stringify!($operand));)*
                let _ = writeln!(text, "{})", $text);
            )*};
        }
        macro_rules! loads {
            ($($code:literal $name:ident $text:literal $function:ident
                ($raw:ident) -> $result:ident bytes $bytes:literal;)*) => {$(
                let result = stringify!($result);
                let _ = writeln!(text, "(func (result {result}) ({} offset=300 (i32.const -1)))", $text);
            )*};
        }
        macro_rules! stores {
            ($($code:literal $name:ident $text:literal $function:ident
                ($value:ident) -> $raw:ident bytes $bytes:literal;)*) => {$(
                let value = stringify!($value);
                let _ = writeln!(text, "(func ({} align=1 (i32.const -1) ({value}.const 7)))", $text);
            )*};
        }
        dunlin_core::for_each_numeric_operator!(numeric);
        dunlin_core::for_each_saturating_operator!(numeric);
        dunlin_core::for_each_load_operator!(loads);
        dunlin_core::for_each_store_operator!(stores);
        text
    }

    /// Everything else that the pass knows, and functions whose mutations go wrong in many ways.
    const CONTROL: &str = r#"
        (func (param i32 i64) (result i64) (local f32 f64)
            (block (result i64)
                (loop (result i64)
                    (br_if 0 (i32.eqz (local.tee 0 (i32.add (local.get 0) (i32.const -70000)))))
                    (br_if 1 (i64.const 0x7fffffffffffffff) (local.get 0))
                    (drop)
                    (if (result i64) (local.get 0)
                        (then (br 2 (local.get 1)))
                        (else (i64.add (local.get 1) (i64.const -1))))))
            (local.set 2 (f32.const 1.5)) (local.set 3 (f64.const -2.5)))
        (func (param i32) (result i32)
            (block (block (block (br_table 2 0 1 2 (local.get 0))) (return (i32.const 1)))
                (if (local.get 0) (then (unreachable)) (else (nop)))
                (br 0))
            (if (global.get 0) (then (global.set 1 (f64.const 3))))
            (select (i32.const 1) (i32.const 2) (local.get 0)))
        (func (param i32)
            (drop (memory.grow (memory.size)))
            (memory.fill (i32.const 0) (i32.const 1) (local.get 0))
            (memory.copy (i32.const 0) (i32.const 1) (local.get 0))
            (call 0 (i32.const 5))
            (drop (call_indirect (type $t) (i32.const 1) (i64.const 2) (local.get 0))))
        (func (result i32)
            (loop (result i32) (block (br_if 1 (i32.const 1))) (br 0)))
        (func (result f64) (block (result f64) (br_table 0 0 (f64.const 1) (i32.const 0))))
    "#;

    fn module(functions: &str) -> Vec<u8> {
        let mut text = String::new();
        let _ = write!(
            text,
            r#"(module (type $t (func (param i32 i64) (result i64))) (import "m" "f" (func (param i32)))
            (import "m" "g" (global i32)) (global (mut f64) (f64.const 0)) (memory 1) (table 4 funcref)
            {functions})"#
        );
        wat::parse_str(text).expect("a text")
    }

    #[test]
    fn what_it_knows_is_what_the_other_pass_says() {
        for text in [rows(), CONTROL.into()] {
            let module = parse(&module(&text)).expect("valid");
            for func in functions(&module) {
                assert!(compare(&module, func), "function {func} is understood");
            }
        }
    }

    #[test]
    fn what_it_accepts_is_valid_whatever_the_bytes() {
        let bytes = module(&[&*rows(), CONTROL].concat());
        let bodies = parse(&bytes).expect("valid");
        let (mut accepted, mut refused) = (0, 0);
        for func in functions(&bodies) {
            let range = bodies.body_range(func).expect("a body");
            for at in range {
                for value in [
                    0, 1, 2, 0x0B, 0x0C, 0x0F, 0x1A, 0x20, 0x40, 0x41, 0x6A, 0x7E, 0x7F, 0x80, 0xFF,
                ] {
                    let mut changed = bytes.clone();
                    changed[at] = value;
                    match parse(&changed) {
                        Some(module) if compare(&module, func) => accepted += 1,
                        _ => refused += 1,
                    }
                }
            }
        }
        assert!(accepted > 1000 && refused > 10_000, "{accepted} accepted, {refused} not");
    }

    #[test]
    fn what_it_does_not_know_is_the_other_pass_business() {
        for function in [
            "(func (param funcref))",
            "(func (local v128))",
            "(func (result i32 i32) (i32.const 1) (i32.const 2))",
            "(func (br 0) (drop (i32.const 1)))",
            "(func (drop (ref.null func)))",
            "(func (return_call 1))",
        ] {
            let module = parse(&module(function)).expect("valid");
            let scratch = &mut Scratch::default();
            assert!(module.prepare_quickly(1, scratch).is_none(), "{function}");
            module.prepare(1, scratch).expect("the other pass knows it");
        }
    }

    #[test]
    fn types_are_spelled_as_the_binary_format_does() {
        for (byte, ty) in
            [(0x7F, ValType::I32), (0x7E, ValType::I64), (0x7D, ValType::F32), (0x7C, ValType::F64)]
        {
            assert_eq!(super::spelled(byte), super::number(ty));
        }
        assert_eq!(super::spelled(0x7B), None);
    }
}
