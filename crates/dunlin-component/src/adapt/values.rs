//! Steps of a [`Program`] as operators: values among locals, and values in memory.
//!
//! What a function's signature passes flat is in locals, on both sides; all else is in memory on both. So a step is written
//! for one or the other, and the two meet only in strings and lists, which lead from either to memory.

use super::End;
use super::body::{Body, Bytes, Local, place};
use super::helpers::{Helper, Why};
use super::module::is_checked_here;
use crate::abi::program::{At, Block, Choice, Elements, Program, Step};
use crate::types::Var;
use wasm_encoder::{BlockType, ValType};

/// Bytes that are copied by operators of their own, eight at a time; more are copied at once.
const MOVED_BYTES_MAX: u32 = 32;

/// Values that are in locals.
pub(super) struct Flat<'v> {
    types: &'v [ValType],
    from: &'v [Local],
    /// The locals that they become, as far as there are some.
    to: Vec<Option<Local>>,
    /// Where the values of the block begin.
    base: u32,
    /// Whether what is written here happens always.
    always: bool,
}

impl<'v> Flat<'v> {
    /// Values of these types, in these locals.
    pub(super) fn new(types: &'v [ValType], from: &'v [Local]) -> Self {
        Self { types, from, to: vec![None; types.len()], base: 0, always: true }
    }
}

/// A value in memory: locals with the address on both sides, and how far after these it lies.
#[derive(Clone, Copy)]
pub(super) struct InMemory {
    pub(super) from: Local,
    pub(super) to: Local,
    pub(super) offset: u32,
}

/// Writes how values pass from one side to the other.
pub(super) struct Passing<'p, 'm> {
    pub(super) body: &'p mut Body<'m>,
    pub(super) program: &'p Program,
    /// Where values come from, and where they go.
    pub(super) ends: (&'p End, &'p End),
    /// What the host knows this passing by.
    pub(super) number: u32,
    /// The local with the call for whose duration handles are lent.
    pub(super) scope: Option<Local>,
}

impl Passing<'_, '_> {
    /// Passes values that are in locals; the locals that they become.
    pub(super) fn flat(&mut self, mut flat: Flat<'_>) -> Option<Vec<Local>> {
        self.flat_block(&mut flat, 0)?;
        let to = std::mem::take(&mut flat.to).into_iter().zip(flat.types);
        Some(to.map(|(local, ty)| local.unwrap_or_else(|| self.body.local(*ty))).collect())
    }

    fn flat_block(&mut self, flat: &mut Flat<'_>, block: Block) -> Option<()> {
        let program = self.program;
        for step in &program.blocks[block as usize] {
            if self.body.is_too_long() {
                return None;
            }
            self.flat_step(flat, step)?;
        }
        Some(())
    }

    fn flat_step(&mut self, flat: &mut Flat<'_>, step: &Step) -> Option<()> {
        match step {
            Step::Bits(at, bytes) => self.flat_bits(flat, *at, *bytes),
            Step::Signed(at, bytes) => {
                self.get(flat, *at);
                match bytes {
                    1 => self.body.op().i32_extend8_s(),
                    _ => self.body.op().i32_extend16_s(),
                };
                self.set(flat, *at);
            }
            Step::Bool(at) => {
                self.get(flat, *at);
                self.body.op().i32_const(0).i32_ne();
                self.set(flat, *at);
            }
            Step::Char(at) => {
                self.get(flat, *at);
                self.char();
                self.set(flat, *at);
            }
            Step::Enum(at, _, cases) => {
                self.get(flat, *at);
                self.case(*cases);
                self.set(flat, *at);
            }
            Step::Flags(at, _, mask) => {
                self.get(flat, *at);
                self.body.op().i32_const(mask.cast_signed()).i32_and();
                self.set(flat, *at);
            }
            Step::String(at) | Step::List(at, _) => {
                let second = At { slot: at.slot + 1, ..*at };
                let (pointer, len) = (self.get_new(flat, *at), self.get_new(flat, second));
                let (pointer, len) = self.range((pointer, len), step)?;
                self.set_from(flat, *at, pointer);
                self.set_from(flat, second, len);
            }
            Step::Repeat(at, elements, count) => {
                let before = flat.base;
                flat.base += at.slot;
                for _ in 0..*count {
                    self.flat_block(flat, elements.block)?;
                    flat.base += elements.slots;
                }
                flat.base = before;
            }
            Step::Variant(at, choice) => self.flat_variant(flat, *at, choice)?,
            Step::Own(at, var) | Step::Borrow(at, var) => {
                self.get(flat, *at);
                self.handle(*var, matches!(step, Step::Borrow(..)))?;
                self.set(flat, *at);
            }
            Step::Async(_) => return None,
        }
        Some(())
    }

    /// Bits as they are.
    fn flat_bits(&mut self, flat: &mut Flat<'_>, at: At, bytes: u32) {
        let is_whole = self.is_whole(flat, at, bytes);
        if is_whole && flat.always {
            // The value is what it was.
            let slot = (flat.base + at.slot) as usize;
            flat.to[slot] = Some(flat.from[slot]);
        } else if is_whole {
            let (source, target) = (self.source(flat, at), self.target(flat, at));
            self.body.op().local_get(source).local_set(target);
        } else {
            self.get(flat, at);
            if bytes < 4 {
                self.body.op().i32_const((1 << (8 * bytes)) - 1).i32_and();
            }
            self.set(flat, at);
        }
    }

    fn flat_variant(&mut self, flat: &mut Flat<'_>, at: At, choice: &Choice) -> Option<()> {
        self.get(flat, at);
        self.case(choice.cases.len() as u32);
        let case = self.body.set_new(ValType::I32);
        self.set_from(flat, at, case);
        // Locals of what not every case has begin as zero.
        let always = std::mem::replace(&mut flat.always, false);
        self.switch(case, choice, |passing, block| passing.flat_block(flat, block))?;
        flat.always = always;
        Some(())
    }

    fn source(&self, flat: &Flat<'_>, at: At) -> Local {
        flat.from[(flat.base + at.slot) as usize]
    }

    fn target(&mut self, flat: &mut Flat<'_>, at: At) -> Local {
        let slot = (flat.base + at.slot) as usize;
        *flat.to[slot].get_or_insert_with(|| self.body.local(flat.types[slot]))
    }

    fn ty(&self, flat: &Flat<'_>, at: At) -> ValType {
        flat.types[(flat.base + at.slot) as usize]
    }

    /// Whether so many bytes fill a flat value.
    fn is_whole(&self, flat: &Flat<'_>, at: At, bytes: u32) -> bool {
        matches!(
            (self.ty(flat, at), bytes),
            (ValType::I32 | ValType::F32, 4) | (ValType::I64 | ValType::F64, 8)
        )
    }

    /// Puts the lower half of a value on the stack.
    fn get(&mut self, flat: &Flat<'_>, at: At) {
        let source = self.source(flat, at);
        self.body.op().local_get(source);
        if self.ty(flat, at) == ValType::I64 {
            self.body.op().i32_wrap_i64();
        }
    }

    fn get_new(&mut self, flat: &Flat<'_>, at: At) -> Local {
        self.get(flat, at);
        self.body.set_new(ValType::I32)
    }

    /// Makes a value of the number of 32 bits on the stack.
    fn set(&mut self, flat: &mut Flat<'_>, at: At) {
        let target = self.target(flat, at);
        if self.ty(flat, at) == ValType::I64 {
            self.body.op().i64_extend_i32_u();
        }
        self.body.op().local_set(target);
    }

    fn set_from(&mut self, flat: &mut Flat<'_>, at: At, local: Local) {
        self.body.op().local_get(local);
        self.set(flat, at);
    }
}

/// Values in memory.
impl Passing<'_, '_> {
    /// Passes a value in memory, whose places have been checked.
    pub(super) fn memory(&mut self, place: InMemory, block: Block) -> Option<()> {
        let program = self.program;
        for step in &program.blocks[block as usize] {
            if self.body.is_too_long() {
                return None;
            }
            self.step(place, step)?;
        }
        Some(())
    }

    fn step(&mut self, place: InMemory, step: &Step) -> Option<()> {
        match step {
            Step::Bits(at, bytes) | Step::Signed(at, bytes) => self.bits(place, *at, *bytes),
            Step::Bool(at) => self.change(place, *at, 1, |passing| {
                passing.body.op().i32_const(0).i32_ne();
            }),
            Step::Char(at) => self.change(place, *at, 4, Self::char),
            Step::Enum(at, bytes, cases) => {
                self.change(place, *at, *bytes, |passing| passing.case(*cases));
            }
            Step::Flags(at, bytes, mask) => self.change(place, *at, *bytes, |passing| {
                passing.body.op().i32_const(mask.cast_signed()).i32_and();
            }),
            Step::String(at) | Step::List(at, _) => {
                let second = At { offset: at.offset + 4, ..*at };
                let (pointer, len) = (self.load_new(place, *at), self.load_new(place, second));
                let (pointer, len) = self.range((pointer, len), step)?;
                self.store_from(place, *at, pointer);
                self.store_from(place, second, len);
            }
            Step::Repeat(at, elements, count) => {
                let (from, to) =
                    (self.moved(place.from, place, *at), self.moved(place.to, place, *at));
                self.body.op().local_get(from);
                self.body.op().i32_const((elements.size * count).cast_signed()).i32_add();
                let end = self.body.set_new(ValType::I32);
                self.elements((from, to), end, elements)?;
            }
            Step::Variant(at, choice) => {
                let case = self.load_case(place, *at, choice.bytes);
                self.body.op().local_get(case);
                self.case(choice.cases.len() as u32);
                self.body.op().local_set(case);
                self.put(place, *at, choice.bytes, |passing| {
                    passing.body.op().local_get(case);
                });
                self.switch(case, choice, |passing, block| passing.memory(place, block))?;
            }
            Step::Own(at, var) | Step::Borrow(at, var) => {
                self.load(place, *at, 4);
                self.handle(*var, matches!(step, Step::Borrow(..)))?;
                let handle = self.body.set_new(ValType::I32);
                self.store_from(place, *at, handle);
            }
            Step::Async(_) => return None,
        }
        Some(())
    }

    /// Bits as they are.
    fn bits(&mut self, place: InMemory, at: At, bytes: u32) {
        if bytes > MOVED_BYTES_MAX {
            let (from, to) = (self.moved(place.from, place, at), self.moved(place.to, place, at));
            self.body.op().i64_const(bytes.into());
            let bytes = self.body.set_new(ValType::I64);
            let ends = self.ends;
            return self.body.copy(ends, from, to, bytes);
        }
        let mut done = 0;
        while done < bytes {
            let at = At { offset: at.offset + done, ..at };
            let size = [8, 4, 2, 1].into_iter().find(|size| done + size <= bytes).unwrap_or(1);
            self.put(place, at, size, |passing| passing.load(place, at, size));
            done += size;
        }
    }

    /// Loads a number of so many bytes, changes it and stores it.
    fn change(&mut self, place: InMemory, at: At, bytes: u32, change: impl FnOnce(&mut Self)) {
        self.put(place, at, bytes, |passing| {
            passing.load(place, at, bytes);
            change(passing);
        });
    }

    /// A local with an address that lies so far after another.
    fn moved(&mut self, address: Local, place: InMemory, at: At) -> Local {
        let by = place.offset + at.offset;
        self.body.op().local_get(address).i32_const(by.cast_signed()).i32_add();
        self.body.set_new(ValType::I32)
    }

    /// Puts a number of so many bytes on the stack; one of eight as one of 64 bits.
    fn load(&mut self, from: InMemory, at: At, bytes: u32) {
        let place = place(from.offset + at.offset, self.ends.0.memory);
        let mut op = self.body.op();
        op.local_get(from.from);
        match bytes {
            1 => op.i32_load8_u(place),
            2 => op.i32_load16_u(place),
            4 => op.i32_load(place),
            _ => op.i64_load(place),
        };
    }

    fn load_new(&mut self, from: InMemory, at: At) -> Local {
        self.load(from, at, 4);
        self.body.set_new(ValType::I32)
    }

    fn load_case(&mut self, from: InMemory, at: At, bytes: u32) -> Local {
        self.load(from, at, bytes);
        self.body.set_new(ValType::I32)
    }

    /// Stores the number of so many bytes that is put on the stack.
    fn put(&mut self, to: InMemory, at: At, bytes: u32, value: impl FnOnce(&mut Self)) {
        self.body.op().local_get(to.to);
        value(self);
        let place = place(to.offset + at.offset, self.ends.1.memory);
        let mut op = self.body.op();
        match bytes {
            1 => op.i32_store8(place),
            2 => op.i32_store16(place),
            4 => op.i32_store(place),
            _ => op.i64_store(place),
        };
    }

    fn store_from(&mut self, to: InMemory, at: At, local: Local) {
        self.put(to, at, 4, |passing| {
            passing.body.op().local_get(local);
        });
    }

    /// Passes elements from one address to another, up to this address.
    fn elements(
        &mut self,
        (from, to): (Local, Local),
        end: Local,
        elements: &Elements,
    ) -> Option<()> {
        let size = elements.size.cast_signed();
        self.body.op().block(BlockType::Empty).loop_(BlockType::Empty);
        self.body.op().local_get(from).local_get(end).i32_eq().br_if(1);
        self.memory(InMemory { from, to, offset: 0 }, elements.block)?;
        let mut op = self.body.op();
        op.local_get(from).i32_const(size).i32_add().local_set(from);
        op.local_get(to).i32_const(size).i32_add().local_set(to).br(0).end().end();
        Some(())
    }
}

/// What is the same for both.
impl Passing<'_, '_> {
    /// Passes a string or list; where it is then, and its length.
    fn range(&mut self, (pointer, len): (Local, Local), step: &Step) -> Option<(Local, Local)> {
        match step {
            Step::List(_, elements) => Some((self.list((pointer, len), elements)?, len)),
            _ => Some(self.string((pointer, len))),
        }
    }

    fn string(&mut self, (pointer, len): (Local, Local)) -> (Local, Local) {
        let (from, to) = self.ends;
        if !is_checked_here(from.encoding, to.encoding) {
            self.body.number(self.number);
            self.body.op().local_get(pointer).local_get(len);
            self.body.call(Helper::Text);
            let len = self.body.set_new(ValType::I32);
            return (self.body.set_new(ValType::I32), len);
        }
        self.body.op().local_get(len).i64_extend_i32_u();
        let bytes = self.body.set_new(ValType::I64);
        self.body.check_range((pointer, Bytes::Local(bytes)), 1, from, Why::String);
        self.body.check_utf8((pointer, len), from, self.number);
        let target = self.body.allocate(Bytes::Local(bytes), 1, to, Why::String);
        self.body.copy((from, to), pointer, target, bytes);
        (target, len)
    }

    fn list(&mut self, (pointer, len): (Local, Local), elements: &Elements) -> Option<Local> {
        let (from, to) = self.ends;
        let Elements { size, align, .. } = *elements;
        let mut op = self.body.op();
        op.local_get(len).i64_extend_i32_u().i64_const(size.into()).i64_mul();
        let bytes = self.body.set_new(ValType::I64);
        self.body.check_range((pointer, Bytes::Local(bytes)), align, from, Why::List);
        let target = self.body.allocate(Bytes::Local(bytes), align, to, Why::List);
        if elements.plain {
            self.body.copy((from, to), pointer, target, bytes);
            return Some(target);
        }
        self.body.op().local_get(pointer);
        let source = self.body.set_new(ValType::I32);
        self.body.op().local_get(target);
        let place = self.body.set_new(ValType::I32);
        self.body.op().local_get(pointer).local_get(bytes).i32_wrap_i64().i32_add();
        let end = self.body.set_new(ValType::I32);
        self.elements((source, place), end, elements)?;
        Some(target)
    }

    /// Passes a handle, by what the host knows of both sides.
    fn handle(&mut self, var: Var, is_lent: bool) -> Option<()> {
        let index = self.body.set_new(ValType::I32);
        self.body.number(self.number);
        self.body.op().i32_const(var.0.cast_signed()).local_get(index);
        if is_lent {
            self.body.op().local_get(self.scope?);
            self.body.call(Helper::Borrow);
        } else {
            self.body.call(Helper::Own);
        }
        Some(())
    }

    /// Checks that the number on the stack is a character's, and leaves it there.
    fn char(&mut self) {
        let value = self.body.local(ValType::I32);
        let mut op = self.body.op();
        // This makes what is no character the greatest numbers: surrogates, and what was too great before.
        op.local_tee(value).i32_const(0xd800).i32_xor().i32_const(0x800).i32_sub();
        op.i32_const(0x10_f800).i32_ge_u();
        self.body.fail_if(Why::Char);
        self.body.op().local_get(value);
    }

    /// Checks that the number on the stack is below the number of cases, and leaves it there.
    fn case(&mut self, cases: u32) {
        let value = self.body.local(ValType::I32);
        self.body.op().local_tee(value).i32_const(cases.cast_signed()).i32_ge_u();
        self.body.fail_if(Why::Case);
        self.body.op().local_get(value);
    }

    /// Writes what happens in each case that has something to pass.
    fn switch(
        &mut self,
        case: Local,
        choice: &Choice,
        mut write: impl FnMut(&mut Self, Block) -> Option<()>,
    ) -> Option<()> {
        let blocks = &self.program.blocks;
        let has_steps = |block: &Block| !blocks[*block as usize].is_empty();
        let cases: Vec<_> = choice.cases.iter().map(|block| block.filter(has_steps)).collect();
        let full: Vec<_> =
            (0_u32..).zip(&cases).filter_map(|(at, block)| Some((at, (*block)?))).collect();
        if let [(at, block)] = full[..] {
            self.body.op().local_get(case).i32_const(at.cast_signed()).i32_eq();
            self.body.op().if_(BlockType::Empty);
            write(self, block)?;
            self.body.op().end();
            return Some(());
        }
        if full.is_empty() {
            return Some(());
        }
        // The outermost block is the end of all; then the last case's, and so on.
        for _ in 0..=full.len() {
            self.body.op().block(BlockType::Empty);
        }
        let mut next = 0;
        let labels: Vec<u32> = cases
            .iter()
            .map(|block| {
                let label = if block.is_some() { next } else { full.len() as u32 };
                next += u32::from(block.is_some());
                label
            })
            .collect();
        self.body.op().local_get(case).br_table(labels, full.len() as u32).end();
        for (left, (_, block)) in (0..full.len() as u32).rev().zip(&full) {
            write(self, *block)?;
            self.body.op().br(left).end();
        }
        Some(())
    }
}
