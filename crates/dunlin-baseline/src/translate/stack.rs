//! The stack of operands, and the registers that they are in.
//!
//! An operand is a constant, a local's value, the outcome of a comparison that has just been made, in a register,
//! or in its slot. An operand that is a local's is what the local was when it was pushed: before the local changes,
//! such operands move to registers of their own.
//!
//! A register is *taken* by an operand on the stack, or *held* by the operator at hand, which pops it and is done
//! with it at its end. Whoever needs a register and finds none writes the lowest operand that is in one to its slot.

use super::Translator;
use crate::isa::x64::asm::{Alu, Cc, Mem, Rm, Width};
use crate::isa::x64::regs::{Gpr, R11, Xmm};
use dunlin_core::ValType;

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    I32,
    I64,
    F32,
    F64,
    V128,
    /// A reference; whether the collector follows it.
    Ref(bool),
}

impl Kind {
    /// The width of a value in a general register.
    #[inline]
    pub(super) fn width(self) -> Width {
        if matches!(self, Self::I64 | Self::F64) { Width::W64 } else { Width::W32 }
    }

    #[inline]
    pub(super) fn is_vector(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::V128)
    }

    #[inline]
    pub(super) fn slots(self) -> u32 {
        if self == Self::V128 { 2 } else { 1 }
    }
}

/// A condition that has just been compared: what the flags say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cond {
    Int(Cc),
    /// Of floats: equal and ordered, or the opposite.
    FloatEq,
    FloatNe,
}

impl Cond {
    pub(super) fn not(self) -> Self {
        match self {
            Self::Int(cc) => Self::Int(cc.not()),
            Self::FloatEq => Self::FloatNe,
            Self::FloatNe => Self::FloatEq,
        }
    }
}

/// Where an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loc {
    Slot,
    Gpr(Gpr),
    Xmm(Xmm),
    Const(u64),
    /// A constant of 128 bits, by its number.
    Vector(u32),
    Local(u32),
    /// On top only, and only until the next operator.
    Cond(Cond),
}

/// An operand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) loc: Loc,
    pub(super) kind: Kind,
    pub(super) slot: u32,
}

impl Translator<'_> {
    /// The kind of values of a type.
    pub(super) fn kind(&self, ty: ValType) -> Kind {
        match ty {
            ValType::I32 => Kind::I32,
            ValType::I64 => Kind::I64,
            ValType::F32 => Kind::F32,
            ValType::F64 => Kind::F64,
            ValType::V128 => Kind::V128,
            ValType::Ref(_) => Kind::Ref(self.is_traced(ty)),
        }
    }

    pub(super) fn push(&mut self, kind: Kind, loc: Loc) {
        match loc {
            Loc::Gpr(reg) => self.taken.add(reg.0),
            Loc::Xmm(reg) => self.vectors_taken.add(reg.0),
            Loc::Local(local) => self.locals[local as usize].aliases += 1,
            Loc::Slot | Loc::Const(_) | Loc::Vector(_) | Loc::Cond(_) => {}
        }
        self.put(kind, loc);
    }

    /// Puts an operand on the stack; what it is in has been taken.
    // Where callers know what it is, its parts are written where they belong: written together elsewhere, they could not
    // be read at once.
    #[inline(always)]
    fn put(&mut self, kind: Kind, loc: Loc) {
        let slot = self.slots;
        self.slots += kind.slots();
        self.slots_max = self.slots_max.max(self.slots);
        self.stack.push(Entry { loc, kind, slot });
    }

    pub(super) fn push_gpr(&mut self, kind: Kind, reg: Gpr) {
        self.taken.add(reg.0);
        self.put(kind, Loc::Gpr(reg));
    }

    pub(super) fn push_xmm(&mut self, kind: Kind, reg: Xmm) {
        self.vectors_taken.add(reg.0);
        self.put(kind, Loc::Xmm(reg));
    }

    pub(super) fn push_local(&mut self, index: u32) {
        let local = &mut self.locals[index as usize];
        local.aliases += 1;
        let kind = local.kind;
        self.put(kind, Loc::Local(index));
    }

    pub(super) fn push_const(&mut self, kind: Kind, bits: u64) {
        self.put(kind, Loc::Const(bits));
    }

    /// The topmost operand, whose register is held. Validated: there is one.
    pub(super) fn pop(&mut self) -> Entry {
        let entry = self.stack.pop().expect("a validated body's operand");
        self.slots = entry.slot;
        self.settled = self.settled.min(self.stack.len());
        match entry.loc {
            Loc::Gpr(reg) => {
                self.taken.remove(reg.0);
                self.held.add(reg.0);
            }
            Loc::Xmm(reg) => {
                self.vectors_taken.remove(reg.0);
                self.vectors_held.add(reg.0);
            }
            Loc::Local(local) => self.locals[local as usize].aliases -= 1,
            Loc::Slot | Loc::Const(_) | Loc::Vector(_) | Loc::Cond(_) => {}
        }
        entry
    }

    /// Notes that an operand is no longer where it was.
    fn release(&mut self, entry: Entry) {
        match entry.loc {
            Loc::Gpr(reg) => self.taken.remove(reg.0),
            Loc::Xmm(reg) => self.vectors_taken.remove(reg.0),
            Loc::Local(local) => self.locals[local as usize].aliases -= 1,
            Loc::Slot | Loc::Const(_) | Loc::Vector(_) | Loc::Cond(_) => {}
        }
    }

    /// Drops operands down to a height; what they are in is free at once.
    pub(super) fn truncate(&mut self, height: usize) {
        while self.stack.len() > height {
            if let Some(entry) = self.stack.pop() {
                self.release(entry);
                self.slots = entry.slot;
            }
        }
        self.settled = self.settled.min(height);
    }

    /// Where an operand is put now.
    pub(super) fn relocate(&mut self, at: usize, loc: Loc) {
        self.release(self.stack[at]);
        match loc {
            Loc::Gpr(reg) => self.taken.add(reg.0),
            Loc::Xmm(reg) => self.vectors_taken.add(reg.0),
            _ => {}
        }
        if loc != Loc::Slot {
            self.settled = self.settled.min(at);
        }
        self.stack[at].loc = loc;
    }

    /// Writes an operand to its slot; flags stay what they are unless it is their outcome.
    pub(super) fn settle(&mut self, at: usize) {
        let entry = self.stack[at];
        if entry.loc != Loc::Slot {
            self.write_slot(entry);
            self.relocate(at, Loc::Slot);
        }
    }

    /// Writes all operands to their slots.
    pub(super) fn settle_all(&mut self) {
        self.settle_below(self.stack.len());
    }

    /// Writes the operands below a height to their slots.
    pub(super) fn settle_below(&mut self, height: usize) {
        for at in self.settled..height {
            self.settle(at);
        }
        self.settled = self.settled.max(height);
    }

    /// Writes operands that are in registers, below a height, to their slots: before a call.
    pub(super) fn spill_below(&mut self, height: usize) {
        self.count_moved(height.saturating_sub(self.settled));
        for at in self.settled..height {
            let is_register =
                matches!(self.stack[at].loc, Loc::Gpr(_) | Loc::Xmm(_) | Loc::Cond(_));
            if is_register {
                self.settle(at);
            }
        }
    }

    /// A value as written to its slot.
    pub(super) fn write_slot(&mut self, entry: Entry) {
        let to = self.slot(entry.slot, entry.kind);
        self.write(entry, to);
    }

    /// Writes a value to memory: a slot or a place of eight or sixteen bytes.
    pub(super) fn write(&mut self, entry: Entry, to: Mem) {
        match entry.loc {
            Loc::Slot => {
                let from = self.slot(entry.slot, entry.kind);
                self.copy(entry.kind, from, to);
            }
            Loc::Gpr(reg) => self.asm.store(Width::W64, to, reg),
            Loc::Xmm(reg) => self.store_vector(entry.kind, to, reg),
            Loc::Const(bits) => self.write_const(bits, to),
            Loc::Vector(index) => {
                self.load_vector_const(index, SCRATCH);
                self.asm.store_v128(to, SCRATCH);
            }
            Loc::Local(local) => {
                let local = self.locals[local as usize];
                match local.home {
                    Some(Loc::Gpr(reg)) => self.asm.store(Width::W64, to, reg),
                    Some(Loc::Xmm(reg)) => self.store_vector(entry.kind, to, reg),
                    _ => {
                        let from = self.slot(local.slot, local.kind);
                        self.copy(local.kind, from, to);
                    }
                }
            }
            Loc::Cond(cond) => {
                self.set_bit(cond, R11);
                self.asm.store(Width::W64, to, R11);
            }
        }
    }

    fn write_const(&mut self, bits: u64, to: Mem) {
        if let Ok(small) = i32::try_from(bits as i64) {
            self.asm.store_imm(Width::W64, to, small);
        } else {
            self.asm.mov_imm(R11, bits);
            self.asm.store(Width::W64, to, R11);
        }
    }

    /// Copies a value between places in memory.
    pub(super) fn copy(&mut self, kind: Kind, from: Mem, to: Mem) {
        if kind == Kind::V128 {
            self.asm.load_v128(SCRATCH, from);
            self.asm.store_v128(to, SCRATCH);
        } else {
            self.asm.load(Width::W64, R11, from);
            self.asm.store(Width::W64, to, R11);
        }
    }

    pub(super) fn store_vector(&mut self, kind: Kind, to: Mem, from: Xmm) {
        match kind {
            Kind::V128 => self.asm.store_v128(to, from),
            // The interpreter's slots hold zeros above; so do registers that hold these.
            Kind::F32 => {
                self.asm.store_f32(to, from);
                self.asm.store_imm(Width::W32, Mem { disp: to.disp + 4, ..to }, 0);
            }
            _ => self.asm.store_f64(to, from),
        }
    }

    pub(super) fn load_vector(&mut self, kind: Kind, to: Xmm, from: Mem) {
        match kind {
            Kind::V128 => self.asm.load_v128(to, from),
            Kind::F32 => self.asm.load_f32(to, from),
            _ => self.asm.load_f64(to, from),
        }
    }

    /// A free register, which is held.
    pub(super) fn alloc(&mut self) -> Gpr {
        let used = self.taken.or(self.held);
        let free = self.temps.without(used).first();
        let reg = free.unwrap_or_else(|| self.evict());
        self.held.add(reg);
        Gpr(reg)
    }

    pub(super) fn alloc_xmm(&mut self) -> Xmm {
        let used = self.vectors_taken.or(self.vectors_held);
        let free = self.vector_temps.without(used).first();
        let reg = free.unwrap_or_else(|| self.evict_xmm());
        self.vectors_held.add(reg);
        Xmm(reg)
    }

    fn evict(&mut self) -> u8 {
        let is_free = |reg: Gpr| !self.held.contains(reg.0) && self.temps.contains(reg.0);
        let found = (self.settled..self.stack.len()).find_map(|at| match self.stack[at].loc {
            Loc::Gpr(reg) if is_free(reg) => Some((at, reg.0)),
            _ => None,
        });
        let (at, reg) = found.expect("no operator holds all registers");
        self.count_moved(at - self.settled);
        self.settle(at);
        reg
    }

    fn evict_xmm(&mut self) -> u8 {
        let found = (self.settled..self.stack.len()).find_map(|at| match self.stack[at].loc {
            Loc::Xmm(reg) if !self.vectors_held.contains(reg.0) => Some((at, reg.0)),
            _ => None,
        });
        let (at, reg) = found.expect("no operator holds all registers");
        self.count_moved(at - self.settled);
        self.settle(at);
        reg
    }

    /// Makes a certain register free, and holds it. What has it moves; no operand that has been popped does.
    pub(super) fn alloc_fixed(&mut self, reg: Gpr) {
        debug_assert!(!self.held.contains(reg.0), "a register that is in use");
        if self.taken.contains(reg.0) {
            let at = self.stack.iter().position(|entry| entry.loc == Loc::Gpr(reg));
            let at = at.expect("whose it is");
            self.count_moved(at);
            let free = self.temps.without(self.taken.or(self.held)).first();
            match free {
                Some(other) => {
                    self.asm.mov(Width::W64, Gpr(other), reg);
                    self.relocate(at, Loc::Gpr(Gpr(other)));
                }
                None => self.settle(at),
            }
        }
        self.held.add(reg.0);
    }

    /// A register that holds an operand: not to be changed.
    pub(super) fn gpr(&mut self, entry: Entry) -> Gpr {
        match entry.loc {
            Loc::Gpr(reg) => reg,
            Loc::Local(local) => match self.locals[local as usize].home {
                Some(Loc::Gpr(reg)) => reg,
                _ => self.owned(entry),
            },
            _ => self.owned(entry),
        }
    }

    /// A register that holds an operand, to be changed.
    pub(super) fn owned(&mut self, entry: Entry) -> Gpr {
        if let Loc::Gpr(reg) = entry.loc {
            return reg;
        }
        let reg = self.alloc();
        self.load_gpr(entry, reg);
        reg
    }

    /// Loads an operand into a register; flags stay what they are.
    pub(super) fn load_gpr(&mut self, entry: Entry, to: Gpr) {
        let width = entry.kind.width();
        match entry.loc {
            Loc::Gpr(from) if from == to => {}
            Loc::Gpr(from) => self.asm.mov(width, to, from),
            Loc::Xmm(from) => self.asm.movd_to_gpr(width, to, from),
            Loc::Const(bits) => self.asm.mov_imm(to, bits),
            // No number is one.
            Loc::Vector(_) => {}
            Loc::Cond(cond) => self.set_bit(cond, to),
            Loc::Slot => {
                let from = self.slot(entry.slot, entry.kind);
                self.asm.load(width, to, from);
            }
            Loc::Local(index) => {
                let local = self.locals[index as usize];
                match local.home {
                    Some(Loc::Gpr(from)) if from == to => {}
                    Some(Loc::Gpr(from)) => self.asm.mov(width, to, from),
                    Some(Loc::Xmm(from)) => self.asm.movd_to_gpr(width, to, from),
                    _ => {
                        let from = self.slot(local.slot, local.kind);
                        self.asm.load(width, to, from);
                    }
                }
            }
        }
    }

    /// An integer operand as an instruction takes it: a register or a slot.
    pub(super) fn rm(&mut self, entry: Entry) -> Rm {
        match self.slot_of(entry) {
            Some(slot) => slot.into(),
            None => self.gpr(entry).into(),
        }
    }

    /// The slot that an operand is in, if it is in one.
    pub(super) fn slot_of(&self, entry: Entry) -> Option<Mem> {
        match entry.loc {
            Loc::Slot => Some(self.slot(entry.slot, entry.kind)),
            Loc::Local(local) => {
                let local = self.locals[local as usize];
                local.home.is_none().then(|| self.slot(local.slot, local.kind))
            }
            _ => None,
        }
    }

    /// A vector register that holds an operand: not to be changed.
    pub(super) fn xmm(&mut self, entry: Entry) -> Xmm {
        match entry.loc {
            Loc::Xmm(reg) => reg,
            Loc::Local(local) => match self.locals[local as usize].home {
                Some(Loc::Xmm(reg)) => reg,
                _ => self.owned_xmm(entry),
            },
            _ => self.owned_xmm(entry),
        }
    }

    /// A vector register that holds an operand, to be changed.
    pub(super) fn owned_xmm(&mut self, entry: Entry) -> Xmm {
        if let Loc::Xmm(reg) = entry.loc {
            return reg;
        }
        let reg = self.alloc_xmm();
        self.load_xmm(entry, reg);
        reg
    }

    pub(super) fn load_xmm(&mut self, entry: Entry, to: Xmm) {
        match entry.loc {
            Loc::Xmm(from) if from == to => {}
            Loc::Xmm(from) => self.asm.movaps(to, from),
            Loc::Gpr(from) => self.asm.movd_to_xmm(entry.kind.width(), to, from),
            Loc::Const(bits) => self.const_xmm(bits, entry.kind, to),
            Loc::Vector(index) => self.load_vector_const(index, to),
            Loc::Local(local) if self.locals[local as usize].home.is_some() => {
                if let Some(Loc::Xmm(from)) = self.locals[local as usize].home
                    && from != to
                {
                    self.asm.movaps(to, from);
                }
            }
            _ => {
                if let Some(from) = self.slot_of(entry) {
                    self.load_vector(entry.kind, to, from);
                }
            }
        }
    }

    fn const_xmm(&mut self, bits: u64, kind: Kind, to: Xmm) {
        if bits == 0 {
            self.xor_xmm(to);
        } else {
            self.asm.mov_imm(R11, bits);
            self.asm.movd_to_xmm(kind.width(), to, R11);
        }
    }

    /// Clears a vector register.
    pub(super) fn xor_xmm(&mut self, reg: Xmm) {
        use crate::isa::x64::asm::Map;
        self.asm.sse(0, Map::M0F, 0x57, Width::W32, reg.0, reg.into());
    }

    /// A float operand as an instruction takes it: a register or a slot. A vector's slot is not aligned.
    pub(super) fn xrm(&mut self, entry: Entry) -> Rm {
        match self.slot_of(entry) {
            Some(slot) if entry.kind != Kind::V128 => slot.into(),
            _ => self.xmm(entry).into(),
        }
    }

    /// Makes the outcome of a comparison a number, 0 or 1.
    pub(super) fn set_bit(&mut self, cond: Cond, to: Gpr) {
        match cond {
            Cond::Int(cc) => self.asm.setcc(cc, to),
            Cond::FloatEq | Cond::FloatNe => {
                let (other, cc) = if cond == Cond::FloatEq { (0, Cc::E) } else { (1, Cc::Ne) };
                // What unordered gives, unless the comparison was ordered: then the flag.
                let done = self.asm.label();
                self.asm.mov_imm(to, other);
                self.asm.jcc(Cc::P, done);
                self.asm.setcc(cc, to);
                self.asm.bind(done);
            }
        }
        self.asm.movzx8(to, to.into());
    }

    /// Makes the outcome of a comparison that is on top a number in a register.
    pub(super) fn settle_cond(&mut self) {
        let Some(Entry { loc: Loc::Cond(cond), .. }) = self.stack.last().copied() else { return };
        // Whoever has a register may have to leave it, which changes no flags.
        let reg = self.alloc();
        self.held.remove(reg.0);
        self.set_bit(cond, reg);
        let at = self.stack.len() - 1;
        self.relocate(at, Loc::Gpr(reg));
    }

    /// Compares an integer with zero.
    pub(super) fn test_zero(&mut self, entry: Entry) {
        match self.slot_of(entry) {
            Some(slot) => self.asm.alu_imm(Alu::Cmp, entry.kind.width(), slot.into(), 0),
            None => {
                let reg = self.gpr(entry);
                self.asm.test(entry.kind.width(), reg, reg);
            }
        }
    }
}

/// A vector register that no operand is ever in.
pub(super) const SCRATCH: Xmm = Xmm(15);
