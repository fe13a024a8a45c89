//! The body of one adapter: operators, locals, and what is said again and again: checks, allocation, flags.

use super::End;
use super::helpers::{Helper, Why};
use super::module::Indices;
use crate::limits::{ADAPTER_BYTES_MAX, CHECKED_BYTES_MAX, RANGE_BYTES_MAX};
use crate::state;
use wasm_encoder::{BlockType, Catch, Function, InstructionSink, MemArg, MemArgTarget, ValType};

const RUNNING: i32 = state::RUNNING.cast_signed();
const IDLE: i32 = state::IDLE.cast_signed();
const BOUND: i32 = state::BOUND.cast_signed();

/// A local, by its index.
pub(super) type Local = u32;

/// So many bytes, known or not.
#[derive(Clone, Copy)]
pub(super) enum Bytes {
    Known(u32),
    /// In a local of 64 bits.
    Local(Local),
}

/// The body of a function while it is written.
pub(super) struct Body<'m> {
    pub(super) indices: &'m Indices,
    bytes: Vec<u8>,
    params: u32,
    locals: Vec<ValType>,
}

impl<'m> Body<'m> {
    pub(super) fn new(indices: &'m Indices, params: u32) -> Self {
        Self { indices, bytes: Vec::new(), params, locals: Vec::new() }
    }

    /// The function, unless it is too long.
    pub(super) fn finish(mut self) -> Option<Function> {
        self.op().end();
        if self.is_too_long() {
            return None;
        }
        let mut function = Function::new_with_locals_types(self.locals);
        function.raw(self.bytes);
        Some(function)
    }

    /// What follows may call what throws.
    pub(super) fn begin_catching(&mut self) {
        self.op().block(BlockType::Empty).try_table(BlockType::Empty, [Catch::All { label: 0 }]);
    }

    /// The results are on the stack; exceptions of what has been called are traps.
    pub(super) fn end_catching(&mut self) {
        self.op().return_().end().end().i32_const(Why::Thrown as i32);
        self.call(Helper::Fail);
        self.op().unreachable();
    }

    /// Whether it is not worth going on.
    pub(super) fn is_too_long(&self) -> bool {
        self.bytes.len() > ADAPTER_BYTES_MAX
    }

    /// Where operators are added.
    pub(super) fn op(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.bytes)
    }

    /// A new local, which is zero.
    pub(super) fn local(&mut self, ty: ValType) -> Local {
        self.locals.push(ty);
        self.params + self.locals.len() as u32 - 1
    }

    /// A new local with the value on the stack.
    pub(super) fn set_new(&mut self, ty: ValType) -> Local {
        let local = self.local(ty);
        self.op().local_set(local);
        local
    }

    /// Puts a local's value on the stack.
    pub(super) fn get(&mut self, local: Local) {
        self.op().local_get(local);
    }

    pub(super) fn call(&mut self, helper: Helper) {
        let index = self.indices.helper(helper);
        self.op().call(index);
    }

    /// Traps if the number on the stack is not zero.
    pub(super) fn fail_if(&mut self, why: Why) {
        self.op().if_(BlockType::Empty).i32_const(why as i32);
        self.call(Helper::Fail);
        self.op().unreachable().end();
    }

    /// Puts what the host knows this passing by on the stack.
    pub(super) fn number(&mut self, number: u32) {
        let base = self.indices.base();
        self.op().global_get(base).i32_const(number as i32).i32_add();
    }

    /// Traps unless the instance may call.
    pub(super) fn check_leave(&mut self, flags: u32) {
        self.op().global_get(flags).i32_const(RUNNING).i32_and().i32_eqz();
        self.fail_if(Why::Leave);
    }

    /// Enters instances, all of which must be idle.
    pub(super) fn enter(&mut self, set: &[u32]) {
        for flags in set {
            self.op().global_get(*flags).i32_const(IDLE).i32_ne();
            self.fail_if(Why::Enter);
        }
        set.iter().for_each(|flags| self.set_flags(*flags, RUNNING));
    }

    pub(super) fn leave(&mut self, set: &[u32]) {
        set.iter().for_each(|flags| self.set_flags(*flags, IDLE));
    }

    /// Writes something during which an instance that runs may not call.
    pub(super) fn bound(&mut self, flags: u32, write: impl FnOnce(&mut Self)) {
        self.set_flags(flags, BOUND);
        write(self);
        self.set_flags(flags, RUNNING);
    }

    fn set_flags(&mut self, flags: u32, value: i32) {
        self.op().i32_const(value).global_set(flags);
    }

    /// Puts so many bytes on the stack, as a number of 64 bits.
    fn long(&mut self, bytes: Bytes) {
        match bytes {
            Bytes::Known(bytes) => self.op().i64_const(bytes.into()),
            Bytes::Local(local) => self.op().local_get(local),
        };
    }

    /// Traps unless a pointer has this alignment.
    fn check_alignment(&mut self, pointer: Local, align: u32) {
        if align > 1 {
            self.op().local_get(pointer).i32_const(align as i32 - 1).i32_and();
            self.fail_if(Why::Unaligned);
        }
    }

    /// Traps unless so many bytes from a pointer on are in the memory.
    fn check_bounds(&mut self, pointer: Local, bytes: Bytes, memory: u32, why: Why) {
        self.op().local_get(pointer).i64_extend_i32_u();
        self.long(bytes);
        let mut op = self.op();
        op.i64_add().memory_size(memory).i64_extend_i32_u().i64_const(16).i64_shl().i64_gt_u();
        self.fail_if(why);
    }

    /// Checks what is about to be read.
    pub(super) fn check_range(
        &mut self,
        (pointer, bytes): (Local, Bytes),
        align: u32,
        end: &End,
        why: Why,
    ) {
        if let Bytes::Local(bytes) = bytes {
            self.op().local_get(bytes).i64_const(RANGE_BYTES_MAX.cast_signed()).i64_gt_u();
            self.fail_if(why);
        }
        self.check_lowered((pointer, bytes), align, end, why);
    }

    /// Checks what is about to be written.
    pub(super) fn check_lowered(
        &mut self,
        (pointer, bytes): (Local, Bytes),
        align: u32,
        end: &End,
        why: Why,
    ) {
        self.check_alignment(pointer, align);
        // The validator says that a side has a memory whose values need one.
        self.check_bounds(pointer, bytes, end.memory.unwrap_or(0), why);
    }

    /// New bytes from a side's allocator, whose answer is checked.
    pub(super) fn allocate(&mut self, bytes: Bytes, align: u32, end: &End, why: Why) -> Local {
        let pointer = self.local(ValType::I32);
        let realloc = end.realloc.unwrap_or(0);
        self.bound(end.flags, |body| {
            body.op().i32_const(0).i32_const(0).i32_const(align as i32);
            match bytes {
                Bytes::Known(bytes) => body.op().i32_const(bytes as i32),
                Bytes::Local(local) => body.op().local_get(local).i32_wrap_i64(),
            };
            body.op().call(realloc).local_set(pointer);
        });
        self.check_lowered((pointer, bytes), align, end, why);
        pointer
    }

    /// Copies bytes as they are.
    pub(super) fn copy(
        &mut self,
        (from, to): (&End, &End),
        source: Local,
        target: Local,
        bytes: Local,
    ) {
        let (from, to) = (from.memory.unwrap_or(0), to.memory.unwrap_or(0));
        let mut op = self.op();
        op.local_get(target).local_get(source).local_get(bytes).i32_wrap_i64();
        op.memory_copy(to, from);
    }

    /// Checks that a string's bytes are UTF-8: short ones are looked at here, of which most are ASCII.
    pub(super) fn check_utf8(&mut self, (pointer, len): (Local, Local), end: &End, number: u32) {
        let ascii = self.indices.ascii(end.memory.unwrap_or(0));
        let mut op = self.op();
        op.local_get(len).i32_const(CHECKED_BYTES_MAX as i32).i32_gt_u();
        op.if_(BlockType::Result(ValType::I32)).i32_const(1).else_();
        op.local_get(pointer).local_get(len).call(ascii).end();
        op.if_(BlockType::Empty);
        self.number(number);
        self.op().local_get(pointer).local_get(len);
        self.call(Helper::Utf8);
        self.op().end();
    }
}

/// Where so many bytes are, that lie `offset` after an address.
pub(super) fn place(offset: u32, memory: Option<u32>) -> MemArg {
    let target = MemArgTarget::Memory(memory.unwrap_or(0));
    MemArg { offset: offset.into(), align: 0, target, ordering: None }
}

/// A function that looks at so many bytes of a memory: zero if all of them are ASCII.
pub(super) fn ascii(memory: u32) -> Function {
    // Parameters: where the bytes are, and how many. Then: what has been seen, and the end of whole words.
    let (at, len, seen, end) = (0, 1, 2, 3);
    let mut function = Function::new([(1, ValType::I64), (1, ValType::I32)]);
    let mut op = function.instructions();
    op.local_get(at).local_get(len).i32_const(-8).i32_and().i32_add().local_set(end);
    op.block(BlockType::Empty).loop_(BlockType::Empty);
    op.local_get(at).local_get(end).i32_eq().br_if(1);
    op.local_get(seen).local_get(at).i64_load(place(0, Some(memory))).i64_or().local_set(seen);
    op.local_get(at).i32_const(8).i32_add().local_set(at).br(0).end().end();
    op.local_get(at).local_get(len).i32_const(7).i32_and().i32_add().local_set(end);
    op.block(BlockType::Empty).loop_(BlockType::Empty);
    op.local_get(at).local_get(end).i32_eq().br_if(1);
    op.local_get(seen).local_get(at).i64_load8_s(place(0, Some(memory))).i64_or().local_set(seen);
    op.local_get(at).i32_const(1).i32_add().local_set(at).br(0).end().end();
    op.local_get(seen).i64_const(0x8080_8080_8080_8080_u64.cast_signed()).i64_and();
    op.i64_const(0).i64_ne().end();
    function
}
