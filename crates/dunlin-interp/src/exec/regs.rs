//! The interpreter's registers, and all that handlers do with raw pointers.
//!
//! Six words: instruction pointer, stack pointer, locals, side table, context, and the top of the
//! operand stack, which is kept out of memory. `sp` points at the slot that belongs to the top; the
//! slot's contents are stale until the top is spilled. When the operand stack is empty, `sp` points at
//! the frame record's padding slot and `top` is of no meaning.
//!
//! # Safety
//!
//! Whoever makes a `Regs` promises that it describes an activation of a prepared function at an operator
//! boundary, on the stack of an entered store. Validation then makes the methods sound for the handler
//! of the operator at `ip`: immediates are well-formed, operands are on the stack, locals and indices
//! exist, the side table's word is the operator's. Only `exec/` can call them, and each handler uses
//! them as its operator's rule says. That is the whole argument of the `SAFETY` comments below which
//! say *validated*.
//!
//! Long because all that is unsafe about handlers stands in one place.

use super::counting::CountedBranch;
use super::exception::Search;
use super::{Exit, Mode, Op, Step, handler};
use core::sync::atomic::Ordering;
use dunlin_core::numeric::Relaxed;
use dunlin_core::{HeapType, TrapCode, V128};
use dunlin_module::side::{
    Branch, COUNTED, END_BIT, ESCAPE_POPS, FRAME_RECORD_SLOTS, is_reference_prefix,
};
use dunlin_vm::context::{
    FuncEntry, FuncRecord, Landing, MemoryDef, StoreContext, TableDef, VmContext,
};
use dunlin_vm::counting::{self, Counted};
use dunlin_vm::crossing::NativeEntry;
use dunlin_vm::gc::CARD_SHIFT;
use dunlin_vm::object_ops;
use dunlin_vm::ops::{self, Stop};
use dunlin_vm::roots;
use dunlin_vm::walk::record;

/// The registers. See the module's head.
#[derive(Clone, Copy)]
pub(crate) struct Regs {
    ip: *const u8,
    sp: *mut u64,
    fp: *mut u64,
    stp: *const u64,
    cx: *mut VmContext,
    top: u64,
}

/// The registers as arguments.
#[cfg(dunlin_dispatch = "tail")]
pub(crate) type Parts = (*const u8, *mut u64, *mut u64, *const u64, *mut VmContext, u64);

/// Slots of a frame record, as an offset.
const RECORD: usize = FRAME_RECORD_SLOTS as usize;

/// Whether a frame of `slots` slots from `fp` on lies within the stack, when nothing wants to stop the
/// guest.
///
/// # Errors
///
/// [`TrapCode::StackOverflow`], or [`TrapCode::Interrupted`] if that has been requested.
#[inline]
pub(crate) fn check_frame(cx: *mut VmContext, fp: *mut u64, slots: u32) -> Result<(), Stop> {
    // SAFETY: `cx` is the context of an instance whose store is entered.
    let interrupts = unsafe { &*(*(*cx).store).interrupts };
    let end = (fp as usize).saturating_add(slots as usize * 8);
    if end < interrupts.limit() {
        return Ok(());
    }
    if interrupts.take_request() {
        return Err(Stop::Trap(TrapCode::Interrupted));
    }
    if interrupts.is_within(end) { Ok(()) } else { Err(Stop::Trap(TrapCode::StackOverflow)) }
}

/// A LEB128 number of up to five bytes.
#[derive(Clone, Copy)]
pub(crate) struct LongLeb {
    /// Its low 32 bits.
    pub(crate) value: u32,
    /// How many bytes it has; five also stands for more.
    pub(crate) bytes: usize,
    /// Its last byte, or the fifth one.
    pub(crate) last: u8,
}

/// An address in a memory, with as many bytes behind it as were asked for.
#[derive(Clone, Copy)]
pub(crate) struct Place(*mut u8);

impl Place {
    /// Where it is, for accesses that the bounds were checked for.
    #[inline(always)]
    pub(crate) fn pointer(self) -> *mut u8 {
        self.0
    }

    /// Reads `N` bytes, as many as the place was checked for.
    #[inline(always)]
    pub(crate) fn read<const N: usize>(self) -> [u8; N] {
        // SAFETY: `Regs::place` has checked the bounds for this operator's width.
        unsafe { self.0.cast::<[u8; N]>().read_unaligned() }
    }

    /// Writes `N` bytes, as many as the place was checked for.
    #[inline(always)]
    pub(crate) fn write<const N: usize>(self, bytes: [u8; N]) {
        // SAFETY: `Regs::place` has checked the bounds for this operator's width.
        unsafe { self.0.cast::<[u8; N]>().write_unaligned(bytes) }
    }
}

impl Regs {
    /// # Safety
    ///
    /// The parts describe an activation as the module's head says.
    #[cfg(dunlin_dispatch = "tail")]
    #[inline(always)]
    pub(crate) unsafe fn from_parts(
        ip: *const u8,
        sp: *mut u64,
        fp: *mut u64,
        stp: *const u64,
        cx: *mut VmContext,
        top: u64,
    ) -> Self {
        Self { ip, sp, fp, stp, cx, top }
    }

    /// The registers as arguments.
    #[cfg(dunlin_dispatch = "tail")]
    #[inline(always)]
    pub(crate) fn into_parts(self) -> Parts {
        (self.ip, self.sp, self.fp, self.stp, self.cx, self.top)
    }

    /// The registers at the first operator of a function that the host calls.
    ///
    /// # Safety
    ///
    /// The function is prepared, its frame lies within the stack of the entered store and begins with
    /// the arguments, and `exit` points at the exit operator.
    #[inline]
    pub(crate) unsafe fn from_host(
        entry: &FuncEntry,
        cx: *mut VmContext,
        fp: *mut u64,
        exit: *const u8,
    ) -> Self {
        let params = entry.params.load(Ordering::Relaxed) as usize;
        let (null, stp) = (core::ptr::null_mut(), core::ptr::null());
        let sp = fp.wrapping_add(params).wrapping_sub(1);
        // SAFETY: the caller's promise: the arguments are on the stack.
        let top = unsafe { sp.read() };
        let caller = Self { ip: exit, sp, fp: null, stp, cx, top };
        caller.enter(entry, cx)
    }

    // Instructions.

    /// Takes the byte at `ip`.
    #[inline(always)]
    pub(crate) fn fetch(&mut self) -> u8 {
        // SAFETY: validated: a body ends with `end`, and nothing falls through that.
        let byte = unsafe { self.ip.read() };
        self.skip(1);
        byte
    }

    /// The byte `offset` bytes behind `ip`, within the operator.
    #[inline(always)]
    pub(crate) fn peek(&self, offset: usize) -> u8 {
        // SAFETY: validated: handlers look at immediates only, and every operator but the last `end` has
        // another operator behind it.
        unsafe { self.ip.add(offset).read() }
    }

    /// The byte before `ip`.
    #[inline]
    pub(crate) fn peek_back(&self) -> u8 {
        // SAFETY: the handler has just taken that byte.
        unsafe { self.ip.sub(1).read() }
    }

    /// The two bytes at `ip`, the first in the low byte.
    #[inline(always)]
    pub(crate) fn peek2(&self) -> u16 {
        // SAFETY: validated: a memory argument has at least two bytes.
        u16::from_le_bytes(unsafe { self.ip.cast::<[u8; 2]>().read() })
    }

    /// Takes `N` bytes of an immediate.
    #[inline(always)]
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        // SAFETY: validated: the immediate has `N` bytes.
        let bytes = unsafe { self.ip.cast::<[u8; N]>().read() };
        self.skip(N);
        bytes
    }

    /// Moves `ip` over bytes of immediates.
    #[inline(always)]
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.ip = self.ip.wrapping_add(bytes);
    }

    /// Takes an index of one byte; `None` leaves a longer one to the slow handler.
    #[inline(always)]
    pub(crate) fn small(&mut self) -> Option<u32> {
        let byte = self.peek(0);
        if byte >= 0x80 {
            return None;
        }
        self.skip(1);
        Some(byte.into())
    }

    /// Takes an unsigned LEB128 number of any length.
    #[inline(always)]
    pub(crate) fn leb_u64(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.fetch();
            value |= u64::from(byte & 0x7F) << (shift & 63);
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }

    /// Takes an unsigned LEB128 number of at most 32 bits.
    #[inline(always)]
    pub(crate) fn leb_u32(&mut self) -> u32 {
        self.leb_u64() as u32
    }

    /// The LEB128 number of at most five bytes that begins `at` bytes behind `ip`, and its bytes. Linkers
    /// pad what they have relocated to five bytes, so that long numbers are not rare; this has no loop.
    /// Bits above the 32nd are left to `last`, the fifth byte.
    #[inline(always)]
    pub(crate) fn long_leb(&self, at: usize) -> LongLeb {
        let mut value = 0;
        let mut bytes = 0;
        let mut last = 0;
        while bytes < 5 {
            last = self.peek(at + bytes);
            value |= u32::from(last & 0x7F) << (7 * bytes);
            bytes += 1;
            if last < 0x80 {
                break;
            }
        }
        LongLeb { value, bytes, last }
    }

    /// Takes a signed LEB128 number of any length.
    #[inline(always)]
    pub(crate) fn leb_i64(&mut self) -> i64 {
        let (mut value, mut shift) = (0_i64, 0);
        loop {
            let byte = self.fetch();
            value |= i64::from(byte & 0x7F) << (shift & 63);
            shift += 7;
            if byte < 0x80 {
                let sign = byte & 0x40 != 0 && shift < 64;
                return if sign { value | (-1 << shift) } else { value };
            }
        }
    }

    /// Moves `ip` over a LEB128 number of any length.
    #[inline(always)]
    pub(crate) fn skip_leb(&mut self) {
        while self.fetch() >= 0x80 {}
    }

    /// Moves `ip` over the type of a block or of a value.
    #[inline(always)]
    pub(crate) fn skip_type(&mut self) {
        if is_reference_prefix(self.peek(0)) {
            self.skip(1);
        }
        self.skip_leb();
    }

    // Operands.

    /// The top of the operand stack.
    #[inline(always)]
    pub(crate) fn top(&self) -> u64 {
        self.top
    }

    /// Replaces the top.
    #[inline(always)]
    pub(crate) fn set_top(&mut self, value: u64) {
        self.top = value;
    }

    /// Pushes a slot.
    #[inline(always)]
    pub(crate) fn push(&mut self, value: u64) {
        self.spill();
        self.sp = self.sp.wrapping_add(1);
        self.top = value;
    }

    /// Pops a slot.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> u64 {
        let value = self.top;
        self.top = self.pop_below();
        value
    }

    /// Pops the slot below the top, and leaves the top.
    #[inline(always)]
    pub(crate) fn pop_below(&mut self) -> u64 {
        self.sp = self.sp.wrapping_sub(1);
        // SAFETY: validated: there is an operand, or the padding slot.
        unsafe { self.sp.read() }
    }

    /// The slot `depth` slots below the top.
    #[inline(always)]
    pub(crate) fn below(&self, depth: usize) -> u64 {
        // SAFETY: validated: there are that many operands.
        unsafe { self.sp.sub(depth).read() }
    }

    /// The slot `depth` slots below the top, which may be the top itself.
    #[inline(always)]
    pub(crate) fn under_top(&self, depth: usize) -> u64 {
        if depth == 0 { self.top } else { self.below(depth) }
    }

    /// Drops `slots` slots from the top on.
    #[inline(always)]
    pub(crate) fn drop_slots(&mut self, slots: usize) {
        self.sp = self.sp.wrapping_sub(slots);
        self.reload();
    }

    /// Pops a vector: two slots.
    ///
    /// The upper half of a vector in the top is in its slot as well: [`push_v128`](Self::push_v128) and
    /// whatever reads the top from memory see to that, and nothing else makes a vector the top.
    #[inline(always)]
    pub(crate) fn pop_v128(&mut self) -> V128 {
        // SAFETY: validated: a vector is on top. A `V128` may lie at any address.
        let value = unsafe { self.sp.sub(1).cast::<V128>().read() };
        self.drop_slots(2);
        value
    }

    /// Pushes a vector: two slots.
    #[inline(always)]
    pub(crate) fn push_v128(&mut self, value: V128) {
        self.spill();
        // SAFETY: validated: the frame has slots for every operand.
        unsafe { self.sp.add(1).cast::<V128>().write(value) };
        self.sp = self.sp.wrapping_add(2);
        self.reload();
    }

    /// Writes the top to its slot.
    #[inline(always)]
    pub(crate) fn spill(&mut self) {
        // SAFETY: validated: the frame has a slot for every operand and the padding slot.
        unsafe { self.sp.write(self.top) };
    }

    /// Pushes a vector from the locals.
    #[inline(always)]
    pub(crate) fn push_local_v128(&mut self, slot: u32) {
        self.spill();
        // SAFETY: validated: the local exists and has two slots, and the frame has slots for every operand.
        unsafe {
            let local = self.fp.add(slot as usize).cast::<V128>();
            core::ptr::copy_nonoverlapping(local, self.sp.add(1).cast::<V128>(), 1);
        }
        self.sp = self.sp.wrapping_add(2);
        self.reload();
    }

    /// Reads the top from its slot.
    #[inline(always)]
    pub(crate) fn reload(&mut self) {
        // SAFETY: as in `spill`.
        self.top = unsafe { self.sp.read() };
    }

    // Locals and globals.

    /// A slot of the locals.
    #[inline(always)]
    pub(crate) fn local(&self, slot: u32) -> u64 {
        // SAFETY: validated: the local exists.
        unsafe { self.fp.add(slot as usize).read() }
    }

    /// Writes a slot of the locals.
    #[inline(always)]
    pub(crate) fn set_local(&mut self, slot: u32, value: u64) {
        // SAFETY: validated: the local exists.
        unsafe { self.fp.add(slot as usize).write(value) };
    }

    /// The cell of a global.
    #[inline(always)]
    fn global_cell(&self, index: u32) -> *mut u64 {
        // SAFETY: validated: the global exists; the context is alive.
        unsafe { (*(*self.cx).globals.add(index as usize)).cast() }
    }

    /// The first slot of a global.
    #[inline(always)]
    pub(crate) fn global(&self, index: u32) -> u64 {
        // SAFETY: cells live as long as the store.
        unsafe { self.global_cell(index).read() }
    }

    /// Writes the first slot of a global.
    #[inline(always)]
    pub(crate) fn set_global(&mut self, index: u32, value: u64) {
        // SAFETY: as in `global`.
        unsafe { self.global_cell(index).write(value) };
    }

    /// Writes a vector in the locals.
    #[inline(always)]
    pub(crate) fn set_local_v128(&mut self, slot: u32, value: V128) {
        // SAFETY: validated: the local exists and has two slots.
        unsafe { self.fp.add(slot as usize).cast::<V128>().write(value) };
    }

    /// A global that holds a vector.
    #[inline]
    pub(crate) fn global_v128(&self, index: u32) -> V128 {
        // SAFETY: as in `global`; a cell has two slots.
        unsafe { self.global_cell(index).cast::<V128>().read() }
    }

    /// Writes a global that holds a vector.
    #[inline]
    pub(crate) fn set_global_v128(&mut self, index: u32, value: V128) {
        // SAFETY: as in `global_v128`.
        unsafe { self.global_cell(index).cast::<V128>().write(value) };
    }

    // Side table and branches.

    /// Takes the side table's next word.
    #[inline(always)]
    pub(crate) fn side_word(&mut self) -> u64 {
        let word = self.side_peek();
        self.stp = self.stp.wrapping_add(1);
        word
    }

    /// The side table's next word.
    #[inline(always)]
    pub(crate) fn side_peek(&self) -> u64 {
        // SAFETY: validated: the word is this operator's, or the function's `end` word.
        unsafe { counting::side_word(self.stp) }
    }

    /// Moves over words of the side table.
    #[inline(always)]
    pub(crate) fn side_skip(&mut self, words: usize) {
        self.stp = self.stp.wrapping_add(words);
    }

    /// Whether the `end` just fetched is the function's last one.
    #[inline(always)]
    pub(crate) fn is_last_end(&self) -> bool {
        self.side_peek() == self.ip as usize as u64 | END_BIT
    }

    /// Goes where the side table's next word says.
    #[inline(always)]
    pub(crate) fn branch<M: Mode>(mut self) -> Step<M> {
        let word = self.side_peek();
        if word >> 48 != 0 || self.must_stop(word) {
            return Step::Go(handler::<DroppingBranch, M>(), self);
        }
        let branch = Branch::unpack(word);
        self.ip = self.ip.wrapping_offset(branch.dip as isize);
        self.stp = self.stp.wrapping_offset(branch.dstp as isize);
        Step::Next(self)
    }

    /// A branch that keeps at most one slot and drops some, and whose word is no escape.
    #[inline(always)]
    fn branch_dropping<M: Mode>(mut self) -> Step<M> {
        let word = self.side_peek();
        let branch = Branch::unpack(word);
        // A word that drops nothing has just ceased to be counted: the top's slot is stale then, and not to be read.
        let is_other = word >> 48 == 0 || word & COUNTED != 0;
        let is_escape = u64::from(branch.pops) == ESCAPE_POPS;
        if branch.vals > 1 || is_escape || is_other || self.must_stop(word) {
            return Step::Go(handler::<MovingBranch, M>(), self);
        }
        self.ip = self.ip.wrapping_offset(branch.dip as isize);
        self.stp = self.stp.wrapping_offset(branch.dstp as isize);
        self.sp = self.sp.wrapping_sub(branch.pops.into());
        if branch.vals == 0 {
            self.reload();
        }
        Step::Next(self)
    }

    /// Whether a branch goes backwards and something wants the guest to stop.
    #[inline(always)]
    fn must_stop(&self, word: u64) -> bool {
        (word as i32) < 0 && self.is_beyond_limit()
    }

    /// Whether the stack is exhausted, or something wants the guest to stop.
    #[inline(always)]
    pub(crate) fn is_beyond_limit(&self) -> bool {
        // SAFETY: the context, its store's context and the store's interrupts are alive.
        let limit = unsafe { (*(*(*self.cx).store).interrupts).limit() };
        self.sp as usize >= limit
    }

    /// A counted branch; the budget of whose function has run out.
    #[inline]
    pub(crate) fn branch_counted(self) -> (Self, Option<&'static Counted>) {
        let word = self.side_peek();
        if word & COUNTED == 0 {
            // Another thread has just found that nothing is left.
            return (self.branch_moving(word).0, None);
        }
        let record = self.stp.wrapping_offset(word as i32 as isize);
        // SAFETY: a counted branch leads to a record of two words, which nobody writes.
        let [plain, counted] = unsafe { record.cast::<[u64; 2]>().read() };
        let counted = core::ptr::with_exposed_provenance::<Counted>(counted as usize);
        // SAFETY: the record says what counts, which lives as long as the module's code; the lifetime never leaves the
        // handler.
        let counted: &'static Counted = unsafe { &*counted };
        let (from, word) = (self.ip as usize, self.stp);
        let (r, _) = self.branch_moving(plain);
        if !counted.go_back(from.wrapping_sub(r.ip as usize)) {
            return (r, None);
        }
        if counted.is_over() {
            // SAFETY: the word is this branch's, which is counted.
            unsafe { counting::stop_counting(word, plain) };
        }
        (r, Some(counted))
    }

    /// Any branch, whose word this is; says whether it goes backwards.
    #[inline]
    fn branch_moving(mut self, word: u64) -> (Self, bool) {
        let branch = Branch::unpack(word);
        let (pops, vals): (usize, usize);
        let from = self.ip as usize;
        if u64::from(branch.pops) == ESCAPE_POPS {
            let wide = self.stp.wrapping_offset(branch.dip as isize);
            // SAFETY: an escape leads to a wide record of three words.
            let [ip, dstp, moved] = unsafe { wide.cast::<[u64; 3]>().read() };
            // The record holds the target's address; the pointer keeps this body's provenance.
            self.ip = self.ip.with_addr(ip as usize);
            self.stp = wide.wrapping_offset(dstp as isize);
            (pops, vals) = ((moved >> 32) as usize, moved as u32 as usize);
        } else {
            self.ip = self.ip.wrapping_offset(branch.dip as isize);
            self.stp = self.stp.wrapping_offset(branch.dstp as isize);
            (pops, vals) = (branch.pops.into(), branch.vals.into());
        }
        if pops > 0 {
            self.spill();
            let source = self.sp.wrapping_add(1).wrapping_sub(vals);
            // SAFETY: validated: the operand stack holds what is kept and what is dropped.
            unsafe { core::ptr::copy(source, source.sub(pops), vals) };
            self.drop_slots(pops);
        }
        (self, (self.ip as usize) < from)
    }

    // Memories and tables.

    /// `width` bytes of memory 0 from `address + offset` on; `None` if they are out of bounds. `offset`
    /// is below 2^32.
    #[inline(always)]
    pub(crate) fn place0(&self, address: u64, offset: u64, width: usize) -> Option<Place> {
        // SAFETY: the context is alive.
        let (base, len) = unsafe { ((*self.cx).memory0_base, (*self.cx).memory0_len) };
        place(base, len, address, offset, width)
    }

    /// As [`place0`](Self::place0), in any memory.
    #[inline(always)]
    pub(crate) fn place(
        &self,
        memory: u32,
        address: u64,
        offset: u64,
        width: usize,
    ) -> Option<Place> {
        // SAFETY: definitions live as long as the store.
        let MemoryDef { base, len, .. } = unsafe { MemoryDef::read(self.memory(memory)) };
        address.checked_add(offset).and_then(|address| place(base, len, address, 0, width))
    }

    #[inline(always)]
    fn memory(&self, index: u32) -> *mut MemoryDef {
        // SAFETY: validated: the memory exists; the context is alive.
        unsafe { *(*self.cx).memories.add(index as usize) }
    }

    /// The bytes of a memory.
    #[inline(always)]
    pub(crate) fn memory_len(&self, index: u32) -> u64 {
        // SAFETY: definitions live as long as the store.
        unsafe { MemoryDef::read(self.memory(index)) }.len as u64
    }

    /// Pages of a memory.
    pub(crate) fn memory_pages(&self, index: u32) -> u64 {
        // SAFETY: definitions live as long as the store.
        let def = unsafe { MemoryDef::read(self.memory(index)) };
        def.len as u64 >> def.page_size_log2
    }

    #[inline(always)]
    fn table(&self, index: u32) -> *mut TableDef {
        // SAFETY: validated: the table exists; the context is alive.
        unsafe { *(*self.cx).tables.add(index as usize) }
    }

    /// An element of a table; `None` beyond its end.
    #[inline(always)]
    pub(crate) fn element(&self, table: u32, index: u64) -> Option<u32> {
        let def = self.table(table);
        // SAFETY: definitions live as long as the store.
        let (base, len) = unsafe { ((*def).base, (*def).len) };
        if index >= len as u64 {
            return None;
        }
        // SAFETY: the index is below the table's length.
        Some(unsafe { base.add(index as usize).read() })
    }

    // Functions.

    /// The instance's context, for the slow paths of the VM.
    #[inline(always)]
    pub(crate) fn cx(&self) -> *mut VmContext {
        self.cx
    }

    /// What the store's engine has chosen for relaxed operators.
    #[inline(always)]
    pub(crate) fn relaxed(&self) -> Relaxed {
        // SAFETY: the store's context is alive, and nobody changes this.
        unsafe { (*self.store()).relaxed }
    }

    #[inline(always)]
    pub(crate) fn store(&self) -> *mut StoreContext {
        // SAFETY: the context is alive.
        unsafe { (*self.cx).store }
    }

    /// The record of a function of the instance's module.
    #[inline(always)]
    pub(crate) fn func_entry(&self, func: u32) -> &'static FuncEntry {
        // SAFETY: validated: the function exists. Records live as long as the module's code, which the
        // instance keeps; the lifetime never leaves the handler.
        unsafe { &*(*self.cx).funcs.add(func as usize) }
    }

    /// How many functions the instance's module imports.
    #[inline(always)]
    pub(crate) fn func_imports(&self) -> u32 {
        // SAFETY: the context is alive.
        unsafe { (*self.cx).func_imports }
    }

    /// The function reference of an imported function.
    #[inline(always)]
    pub(crate) fn import(&self, func: u32) -> u32 {
        // SAFETY: the caller has compared the index with `func_imports`.
        unsafe { (*self.cx).imports.add(func as usize).read() }
    }

    /// What a function reference stands for. It is not null.
    #[inline(always)]
    pub(crate) fn func(&self, reference: u32) -> FuncRecord {
        // SAFETY: references on the stack and in tables are of this store.
        unsafe { (*self.store()).funcs.add(reference as usize).read() }
    }

    /// The engine's number of the type of a function reference.
    #[inline(always)]
    pub(crate) fn func_type_id(&self, reference: u32) -> u32 {
        // SAFETY: references on the stack and in tables are of this store.
        unsafe { (*(*self.store()).funcs.add(reference as usize)).type_id }
    }

    /// The record and instance of a function reference that is not null; no record for the host's.
    #[inline(always)]
    pub(crate) fn func_target(
        &self,
        reference: u32,
    ) -> (Option<&'static FuncEntry>, *mut VmContext) {
        // SAFETY: references on the stack and in tables are of this store.
        let record = unsafe { &*(*self.store()).funcs.add(reference as usize) };
        // SAFETY: records live as long as their module's code, which the store keeps; the lifetime never
        // leaves the handler.
        (unsafe { record.entry.as_ref() }, record.cx)
    }

    /// The engine's number of a type of the instance's module.
    #[inline(always)]
    pub(crate) fn type_id(&self, ty: u32) -> u32 {
        // SAFETY: validated: the type exists; the context is alive.
        unsafe { (*self.cx).type_ids.add(ty as usize).read() }
    }

    /// Whether the type with the number `sub` is `sup` or below it.
    #[inline(always)]
    pub(crate) fn is_subtype(&self, sub: u32, sup: u32) -> bool {
        // SAFETY: both numbers are of types of the store's instances or host functions.
        sub == sup || unsafe { ops::is_subtype(self.store(), sub, sup) }
    }

    /// Whether a call of `entry` has room and nobody asks to stop. The quick answer; `false` leaves the
    /// case to [`check_call`](Self::check_call).
    #[inline(always)]
    pub(crate) fn has_room(&self, entry: &FuncEntry) -> bool {
        let end = self.sp as usize + entry.frame.load(Ordering::Relaxed) as usize * 8 + 8;
        // SAFETY: the context, its store's context and the store's interrupts are alive.
        end < unsafe { (*(*(*self.cx).store).interrupts).limit() }
    }

    /// Whether a call of `entry` has room and nobody asks to stop.
    ///
    /// # Errors
    ///
    /// See [`check_frame`].
    #[inline]
    pub(crate) fn check_call(&self, entry: &FuncEntry) -> Result<(), Stop> {
        let above = self.sp.wrapping_add(1);
        check_frame(self.cx, above, entry.frame.load(Ordering::Relaxed))
    }

    /// Begins an activation of a prepared function whose arguments are on the operand stack; there is
    /// room. `ip` is behind the call.
    #[inline(always)]
    pub(crate) fn enter(mut self, entry: &FuncEntry, cx: *mut VmContext) -> Self {
        self.spill();
        let params = entry.params.load(Ordering::Relaxed) as usize;
        let fp = self.sp.wrapping_add(1).wrapping_sub(params);
        let back = Back { ip: self.ip, fp: self.fp, stp: self.stp, cx: self.cx };
        self.begin(entry, cx, fp, params, back)
    }

    /// Replaces this activation, whose locals take `locals` slots, by one of a prepared function whose
    /// arguments are on the operand stack; there is room.
    #[inline]
    pub(crate) fn replace(mut self, entry: &FuncEntry, cx: *mut VmContext, locals: usize) -> Self {
        let params = entry.params.load(Ordering::Relaxed) as usize;
        let back = self.move_arguments(locals, params);
        self.begin(entry, cx, self.fp, params, back)
    }

    /// Moves `params` slots from the operand stack to where this activation's locals begin, and says to
    /// whom it returns.
    #[inline]
    pub(crate) fn move_arguments(&mut self, locals: usize, params: usize) -> Back {
        self.spill();
        let back = self.back(self.fp.wrapping_add(locals));
        let source = self.sp.wrapping_add(1).wrapping_sub(params);
        // SAFETY: validated: the arguments are on the operand stack, above the locals.
        unsafe { core::ptr::copy(source, self.fp, params) };
        back
    }

    /// Begins another activation where this one's locals begin, with these arguments; there is room.
    #[inline]
    pub(crate) fn begin_again(
        self,
        entry: &FuncEntry,
        cx: *mut VmContext,
        arguments: *const u64,
        back: Back,
    ) -> Self {
        let (fp, params) = (self.fp, entry.params.load(Ordering::Relaxed) as usize);
        // SAFETY: the arguments are as many as the function's parameters, and not on this stack.
        unsafe { core::ptr::copy_nonoverlapping(arguments, fp, params) };
        self.begin(entry, cx, fp, params, back)
    }

    #[inline(always)]
    fn begin(
        mut self,
        entry: &FuncEntry,
        cx: *mut VmContext,
        fp: *mut u64,
        params: usize,
        back: Back,
    ) -> Self {
        let mut slot = fp.wrapping_add(params);
        let record = slot.wrapping_add(entry.zeros.load(Ordering::Relaxed) as usize);
        while slot != record {
            // SAFETY: the caller has checked that the frame lies within the stack.
            unsafe { slot.write(0) };
            slot = opaque(slot.wrapping_add(1));
        }
        let words = [
            back.ip.expose_provenance() as u64,
            back.fp.expose_provenance() as u64,
            back.stp.expose_provenance() as u64,
            back.cx.expose_provenance() as u64,
        ];
        // SAFETY: as above: the record is part of the frame.
        unsafe { record.cast::<[u64; 4]>().write(words) };
        self.ip = entry.ip.load(Ordering::Acquire);
        self.stp = entry.side.load(Ordering::Relaxed);
        self.fp = fp;
        self.sp = record.wrapping_add(RECORD - 1);
        self.cx = cx;
        // The operand stack is empty. A value of its own frees the register that holds the top.
        self.top = 0;
        self
    }

    /// Reads a frame record.
    #[inline(always)]
    fn back(&self, at: *mut u64) -> Back {
        // SAFETY: `begin` has written a record here.
        let words = unsafe { at.cast::<[u64; 4]>().read() };
        let address = |index: usize| words[index] as usize;
        Back {
            ip: core::ptr::with_exposed_provenance(address(record::RETURN_IP)),
            fp: core::ptr::with_exposed_provenance_mut(address(record::CALLER_FP)),
            stp: core::ptr::with_exposed_provenance(address(record::CALLER_STP)),
            cx: core::ptr::with_exposed_provenance_mut(address(record::CALLER_CX)),
        }
    }

    /// Of the frame of a function with native code, which has just begun: to whom it returns, and the
    /// slots of its results.
    #[inline]
    pub(crate) fn native_frame(&self) -> (Back, usize) {
        let back = self.back(self.end_of_frame().wrapping_sub(RECORD));
        (back, self.native_entry().results as usize)
    }

    /// What follows the slots of an activation whose operand stack is empty.
    #[inline]
    pub(crate) fn end_of_frame(&self) -> *mut u64 {
        self.sp.wrapping_add(1)
    }

    /// The entry in which the operator just fetched stands.
    #[inline]
    pub(crate) fn native_entry(&self) -> &'static NativeEntry {
        // SAFETY: the pseudo-operator is the first byte of an entry, and stands nowhere else. Entries live
        // as long as the module's code, which the instance keeps; the lifetime never leaves the handler.
        unsafe { &*self.ip.sub(1).cast::<NativeEntry>() }
    }

    /// What counts the function that has just been entered, in which the operator just fetched stands.
    #[inline(always)]
    pub(crate) fn counted(&self) -> &'static Counted {
        // SAFETY: the operator with this byte behind it stands in what counts a function only, as its first byte. That
        // lives as long as the module's code, which the instance keeps; the lifetime never leaves the handler.
        unsafe { &*self.ip.sub(1).cast::<Counted>() }
    }

    /// Goes on at the first operator of the function that has just been entered.
    #[inline(always)]
    pub(crate) fn go_to(&mut self, ip: *const u8) {
        self.ip = ip;
    }

    /// Tells that a function's budget has run out at its call.
    #[inline]
    pub(crate) fn tell_of(&self, counted: &'static Counted) {
        // SAFETY: the instance is running, and the function is its module's.
        unsafe { ops::ran_out(self.cx, counted, None) };
    }

    /// Tells that the budget of the function that is executed has run out, where it goes on in a loop. If there is
    /// compiled code to go on in, says so: the frame is then that of a call of it which has just begun, and the
    /// operator at hand the one that enters it.
    #[inline]
    pub(crate) fn leave_loop(&mut self, counted: &'static Counted) -> bool {
        self.spill();
        // SAFETY: the instance is running, and the function is its module's.
        let Some(entry) = (unsafe { ops::ran_out(self.cx, counted, Some(self.ip)) }) else {
            return false;
        };
        let record = self.func_entry(counted.func);
        let locals = record.params.load(Ordering::Relaxed) + record.zeros.load(Ordering::Relaxed);
        let below = self.fp.wrapping_add(locals as usize + RECORD - 1);
        let operands = (self.sp as usize - below as usize) / size_of::<u64>();
        // SAFETY: the instance is running, the function is its module's, and these are the activation's slots.
        let slots = unsafe { ops::loop_slots(self.cx, counted.func, self.fp, locals, operands) };
        self.sp = below;
        self.ip = entry.cast::<u8>().wrapping_add(1);
        // SAFETY: the context and its store's context are alive.
        unsafe { (*(*self.cx).store).native.loop_slots = slots };
        true
    }

    /// Where the locals begin.
    #[inline]
    pub(crate) fn locals(&self) -> *mut u64 {
        self.fp
    }

    /// Ends the activation: the results are all that is on the operand stack.
    #[inline(always)]
    pub(crate) fn leave(mut self, results: usize) -> Self {
        let base = self.sp.wrapping_add(1).wrapping_sub(results);
        let back = self.back(base.wrapping_sub(RECORD));
        if results > 1 {
            self.spill();
            for i in 0..results {
                // SAFETY: results are on the operand stack, and the caller has room for them where the
                // arguments were. Volatile, so that the loop does not become a call of `memmove`.
                unsafe {
                    let value = base.add(i).read_volatile();
                    self.fp.add(i).write_volatile(value);
                }
            }
        }
        self.back_to(back, results)
    }

    /// Goes on in the caller, whose `results` lie where the arguments began; one result is in the top.
    #[inline(always)]
    pub(crate) fn back_to(mut self, back: Back, results: usize) -> Self {
        self.sp = self.fp.wrapping_add(results).wrapping_sub(1);
        if results != 1 {
            self.reload();
        }
        (self.ip, self.fp, self.stp, self.cx) = (back.ip, back.fp, back.stp, back.cx);
        self
    }

    /// The slots of a host call's arguments and results, from the `params` operands on top on, and the
    /// free stack behind them.
    #[inline]
    pub(crate) fn host_slots(&mut self, params: usize, results: usize) -> (*mut u64, *mut u64) {
        self.spill();
        let first = self.sp.wrapping_add(1).wrapping_sub(params);
        (first, first.wrapping_add(params.max(results)))
    }

    /// Where a host function's results lie after a tail call: at the locals.
    #[inline]
    pub(crate) fn host_slots_at_locals(
        &mut self,
        params: usize,
        results: usize,
    ) -> (*mut u64, *mut u64) {
        (self.fp, self.fp.wrapping_add(params.max(results)))
    }

    /// Notes where the interpreter is left, for whoever looks for references in its frames. The operands
    /// are in memory.
    #[inline(always)]
    pub(crate) fn note_place(&self) {
        // SAFETY: the store's context is alive.
        let context = unsafe { &mut *self.store() };
        context.place = roots::Place { ip: self.ip, fp: self.fp, cx: self.cx };
    }

    /// Notes that the interpreter is left in the frame that an activation which is over returns to.
    #[inline(always)]
    pub(crate) fn note_place_of(&self, back: Back) {
        // SAFETY: the store's context is alive.
        let context = unsafe { &mut *self.store() };
        context.place = if back.fp.is_null() {
            roots::Place::NONE
        } else {
            roots::Place { ip: back.ip, fp: back.fp, cx: back.cx }
        };
    }

    /// The slots of the topmost `count` operands, all of which are in memory.
    #[inline(always)]
    pub(crate) fn spilled(&mut self, count: usize) -> *mut u64 {
        self.spill();
        self.sp.wrapping_add(1).wrapping_sub(count)
    }

    /// Drops the topmost `count` slots, which are in memory, and pushes a value.
    #[inline(always)]
    pub(crate) fn replace_spilled(&mut self, count: usize, value: u64) {
        self.sp = self.sp.wrapping_add(1).wrapping_sub(count);
        self.top = value;
    }

    /// The address of a place in an object of the store's heap: added up in 32 bits, so that whatever the
    /// reference is, the place lies in what is reserved for the heap.
    #[inline(always)]
    pub(crate) fn object(&self, reference: u32, offset: u32) -> *mut u8 {
        // SAFETY: the store's context is alive.
        let base = unsafe { (*self.store()).heap.base };
        base.wrapping_add(reference.wrapping_add(offset) as usize)
    }

    /// Marks the card of a place in an object, to which a reference has been written.
    #[inline(always)]
    pub(crate) fn mark_card(&self, reference: u32, offset: u32) {
        let card = (reference.wrapping_add(offset) >> CARD_SHIFT) as usize;
        // SAFETY: the store's context is alive; the place is one of the heap, whose cards are open.
        unsafe { (*self.store()).heap.cards.add(card).write(1) };
    }

    /// Whether a reference that is not null is one of the heap type that an immediate spells.
    #[inline(always)]
    pub(crate) fn is_of(&self, reference: u32, ty: HeapType) -> bool {
        let ty = match ty {
            HeapType::Concrete(index) => HeapType::Concrete(self.type_id(index)),
            ty => ty,
        };
        // SAFETY: validated: the reference is one of the type's hierarchy.
        unsafe { object_ops::is_of(self.store(), reference, ty) }
    }

    /// Takes a heap type.
    #[inline(always)]
    pub(crate) fn heap_type(&mut self) -> HeapType {
        let first = self.peek(0);
        if !(0x40..0x80).contains(&first) {
            return HeapType::Concrete(self.leb_u32());
        }
        self.skip(1);
        match first {
            0x70 => HeapType::Func,
            0x73 => HeapType::NoFunc,
            0x6F => HeapType::Extern,
            0x72 => HeapType::NoExtern,
            0x6D => HeapType::Eq,
            0x6C => HeapType::I31,
            0x6B => HeapType::Struct,
            0x6A => HeapType::Array,
            0x71 => HeapType::None,
            0x69 => HeapType::Exn,
            0x74 => HeapType::NoExn,
            _ => HeapType::Any,
        }
    }

    /// Drops a call's arguments and takes its results, which lie where the arguments began.
    #[inline]
    pub(crate) fn after_host(&mut self, params: usize, results: usize) {
        self.sp = self.sp.wrapping_sub(params).wrapping_add(results);
        self.reload();
    }

    // Exceptions.

    /// The next operator.
    #[inline]
    pub(crate) fn ip(&self) -> *const u8 {
        self.ip
    }

    /// Makes an exception of the `slots` operands on top; a reference to it.
    ///
    /// # Errors
    ///
    /// If there is no room for it.
    #[inline]
    pub(crate) fn new_exception(&mut self, tag: u32, slots: usize) -> Result<u32, Stop> {
        self.spill();
        self.note_place();
        // SAFETY: validated: the tag exists; the instance is running, and its place is noted.
        let made = unsafe { ops::new_exception(self.cx, tag) }?;
        let payload = self.sp.wrapping_add(1).wrapping_sub(slots);
        // SAFETY: validated: the operands are as many, and nobody writes them meanwhile.
        unsafe { ops::fill_exception(self.cx, made, payload, slots) };
        Ok(made)
    }

    /// The registers where the VM has found that something catches.
    #[inline]
    pub(crate) fn landed(self) -> Self {
        // SAFETY: the store's context is alive, and has just been given the place.
        let Landing { ip, sp, fp, stp, cx } = unsafe { (*self.store()).landing };
        let mut landed = Self { ip, sp, fp, stp, cx, top: 0 };
        landed.reload();
        landed
    }

    // Endings.

    /// Spills the top where the host reads the results.
    #[inline]
    pub(crate) fn exit<M: Mode>(mut self) -> Step<M> {
        self.spill();
        Step::Exit(Exit::Return)
    }

    /// Traps.
    #[inline(always)]
    pub(crate) fn raise<M: Mode>(mut self, code: TrapCode) -> Step<M> {
        self.top = code as u64;
        Step::Go(handler::<Raise, M>(), self)
    }

    /// Ends the execution for a reason of the VM's. Each way is a jump: a call that gave its caller a step would
    /// leave that step in memory, and the handler could not end in a jump either.
    #[inline(always)]
    pub(crate) fn stop<M: Mode>(mut self, stop: Stop) -> Step<M> {
        match stop {
            Stop::Trap(code) => self.raise(code),
            // The store knows why; the code is of no meaning.
            Stop::Host => self.raise(TrapCode::Unreachable),
            Stop::Exception => {
                // SAFETY: the store's context is alive.
                let exception = unsafe { core::mem::take(&mut (*self.store()).exception) };
                self.top = exception.into();
                Step::Go(handler::<Search, M>(), self)
            }
        }
    }

    /// Notes that an exception leaves this activation of the interpreter.
    #[inline]
    pub(crate) fn note_exception(&self, exception: u32) {
        // Its code is of no meaning.
        self.note(TrapCode::Unreachable);
        // SAFETY: the store's context is alive.
        unsafe { (*self.store()).exception = exception };
    }

    #[inline]
    fn note(&self, code: TrapCode) {
        // SAFETY: the store's context is alive.
        let exit = unsafe { &mut (*self.store()).exit };
        (exit.code, exit.ip, exit.fp, exit.cx) = (code, self.ip, self.fp, self.cx);
    }

    // Fuel.

    /// Pays for an operator; `false` if the fuel does not suffice, and then nothing is paid.
    #[inline(always)]
    pub(crate) fn pay(&mut self, units: u64) -> bool {
        // SAFETY: the store's context is alive.
        let fuel = unsafe { &mut (*self.store()).fuel };
        match fuel.checked_sub_unsigned(units) {
            Some(left) if left >= 0 => {
                *fuel = left;
                true
            }
            _ => false,
        }
    }

    /// The step of an operator that could not be paid for.
    #[inline]
    pub(crate) fn out_of_fuel<M: Mode>(self) -> Step<M> {
        self.raise(TrapCode::OutOfFuel)
    }
}

/// The same pointer, of which the optimiser knows nothing: a loop whose length it knows becomes a call
/// of `memset` or is unrolled, and both would cost every call saved registers.
#[inline(always)]
fn opaque(pointer: *mut u64) -> *mut u64 {
    #[cfg(dunlin_dispatch = "tail")]
    {
        let mut pointer = pointer;
        // SAFETY: the template is a comment.
        unsafe {
            core::arch::asm!("/* {0} */", inout(reg) pointer, options(nomem, nostack, preserves_flags));
        }
        pointer
    }
    #[cfg(dunlin_dispatch = "loop")]
    pointer
}

/// Where an activation returns to.
#[derive(Clone, Copy)]
pub(crate) struct Back {
    ip: *const u8,
    fp: *mut u64,
    stp: *const u64,
    cx: *mut VmContext,
}

#[inline(always)]
fn place(base: *mut u8, len: usize, address: u64, offset: u64, width: usize) -> Option<Place> {
    let (end, wrapped) = address.overflowing_add(offset + width as u64);
    if wrapped || end > len as u64 {
        return None;
    }
    // The place is within the memory, whose length is a `usize`.
    Some(Place(base.wrapping_add((address + offset) as usize)))
}

/// Notes a trap, whose code is in the top, and leaves.
pub(crate) struct Raise;

impl Op for Raise {
    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        let code = TrapCode::from_number(r.top as u8).unwrap_or(TrapCode::Unreachable);
        r.note(code);
        Step::Exit(Exit::Failed)
    }
}

/// A branch that drops slots.
pub(crate) struct DroppingBranch;

impl Op for DroppingBranch {
    #[inline(always)]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        r.branch_dropping()
    }
}

/// A branch that keeps several slots, or whose word is an escape.
pub(crate) struct MovingBranch;

impl Op for MovingBranch {
    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        let word = r.side_peek();
        if word & COUNTED != 0 {
            return Step::Go(handler::<CountedBranch, M>(), r);
        }
        let (r, backwards) = r.branch_moving(word);
        if backwards && r.is_beyond_limit() {
            return Step::Go(handler::<Interrupted, M>(), r);
        }
        Step::Next(r)
    }
}

/// The slow path of a poll: stops if that has been asked for.
pub(crate) struct Interrupted;

impl Op for Interrupted {
    #[inline]
    fn run<M: Mode>(r: Regs) -> Step<M> {
        // SAFETY: the context, its store's context and the store's interrupts are alive.
        let requested = unsafe { (*(*(*r.cx).store).interrupts).take_request() };
        if requested { r.raise(TrapCode::Interrupted) } else { Step::Next(r) }
    }
}
