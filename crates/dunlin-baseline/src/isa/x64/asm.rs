//! The assembler: instructions to bytes, and labels.
//!
//! Encodings are those of Intel's manual (volume 2). Every method appends one instruction. 32-bit operations
//! clear the upper half of their register. Places in memory are a base, an optional index and a displacement.

use super::regs::{Gpr, RBP, RSP, Xmm};

/// A place in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mem {
    pub(crate) base: Gpr,
    /// What is added, times 1, 2, 4 or 8 (as a power of two).
    pub(crate) index: Option<(Gpr, u8)>,
    pub(crate) disp: i32,
}

impl Mem {
    /// A place behind a register.
    #[inline]
    pub(crate) const fn at(base: Gpr, disp: i32) -> Self {
        Self { base, index: None, disp }
    }

    /// A place behind the sum of two registers.
    #[inline]
    pub(crate) const fn indexed(base: Gpr, index: Gpr, disp: i32) -> Self {
        Self { base, index: Some((index, 0)), disp }
    }
}

/// A register or a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rm {
    Reg(u8),
    Mem(Mem),
    /// What stands at a label in the code: of instructions that end with this operand, without a constant.
    Code(Label),
}

impl From<Gpr> for Rm {
    fn from(reg: Gpr) -> Self {
        Self::Reg(reg.0)
    }
}

impl From<Xmm> for Rm {
    fn from(reg: Xmm) -> Self {
        Self::Reg(reg.0)
    }
}

impl From<Mem> for Rm {
    fn from(mem: Mem) -> Self {
        Self::Mem(mem)
    }
}

/// The width of an integer operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    W32,
    W64,
}

impl Width {
    const fn is64(self) -> bool {
        matches!(self, Self::W64)
    }
}

/// Arithmetic of two operands, by number in opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alu {
    Add = 0,
    Or = 1,
    Adc = 2,
    Sbb = 3,
    And = 4,
    Sub = 5,
    Xor = 6,
    Cmp = 7,
}

/// Shifts, by number in opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shift {
    Rol = 0,
    Ror = 1,
    Shl = 4,
    Shr = 5,
    Sar = 7,
}

/// Operations of one operand, by number in opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Not = 2,
    Neg = 3,
    Mul = 4,
    Imul = 5,
    Div = 6,
    Idiv = 7,
}

/// Atomic operations on memory, by their opcodes for more than one byte. All but exchanges are locked by a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Atomic {
    Exchange = 0x87,
    /// Leaves in the register what was there.
    Add = 0xc1,
    /// With `rax`, which it makes what was there if that is something else.
    CompareExchange = 0xb1,
}

/// Conditions, by number in opcodes; the lowest bit negates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cc {
    O = 0,
    No = 1,
    B = 2,
    Ae = 3,
    E = 4,
    Ne = 5,
    Be = 6,
    A = 7,
    S = 8,
    Ns = 9,
    P = 10,
    Np = 11,
    L = 12,
    Ge = 13,
    Le = 14,
    G = 15,
}

impl Cc {
    /// The opposite.
    pub(crate) const fn not(self) -> Self {
        match self {
            Self::O => Self::No,
            Self::No => Self::O,
            Self::B => Self::Ae,
            Self::Ae => Self::B,
            Self::E => Self::Ne,
            Self::Ne => Self::E,
            Self::Be => Self::A,
            Self::A => Self::Be,
            Self::S => Self::Ns,
            Self::Ns => Self::S,
            Self::P => Self::Np,
            Self::Np => Self::P,
            Self::L => Self::Ge,
            Self::Ge => Self::L,
            Self::Le => Self::G,
            Self::G => Self::Le,
        }
    }
}

/// The maps of opcodes behind `0F`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Map {
    M0F,
    M0F38,
    M0F3A,
}

/// A place in the code that is jumped to, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(u32);

/// Where a label is that has not been placed.
const UNPLACED: u32 = u32::MAX;

/// Bytes that are free before an instruction is written: more than the longest has.
const ROOM: usize = 32;

/// Bytes of the first piece of memory for code.
const FIRST_BYTES: usize = 4 << 10;

/// What stands before an instruction's operands.
#[derive(Clone, Copy)]
struct Head {
    /// The opcode, its first byte lowest, and how many bytes it has.
    opcode: u32,
    len: u8,
    /// A mandatory prefix, or 0.
    prefix: u8,
    is64: bool,
    /// Whether the prefix that says which of sixteen registers are meant stands there even where it says nothing.
    forced: bool,
}

impl Head {
    #[inline(always)]
    const fn new(width: Width, opcode: u8) -> Self {
        let (opcode, is64) = (opcode as u32, width.is64());
        Self { opcode, len: 1, prefix: 0, is64, forced: false }
    }

    /// Of the map behind `0F`.
    #[inline(always)]
    const fn of_0f(width: Width, opcode: u8) -> Self {
        let (opcode, is64) = (0x0f | (opcode as u32) << 8, width.is64());
        Self { opcode, len: 2, prefix: 0, is64, forced: false }
    }

    /// With a mandatory prefix (0 for none), of any map.
    #[inline(always)]
    const fn of_map(prefix: u8, map: Map, opcode: u8, width: Width) -> Self {
        let (opcode, is64) = (opcode as u32, width.is64());
        let (opcode, len) = match map {
            Map::M0F => (0x0f | opcode << 8, 2),
            Map::M0F38 => (0x380f | opcode << 16, 3),
            Map::M0F3A => (0x3a0f | opcode << 16, 3),
        };
        Self { opcode, len, prefix, is64, forced: false }
    }

    #[inline(always)]
    const fn with_prefix(self, prefix: u8) -> Self {
        Self { prefix, ..self }
    }

    #[inline(always)]
    const fn forced(self, forced: bool) -> Self {
        Self { forced, ..self }
    }

    /// The prefixes and the opcode, for the upper bits of three registers' numbers, and how many bytes they have: six
    /// at most.
    #[inline(always)]
    fn bytes(self, reg: u8, index: u8, base: u8) -> (u64, usize) {
        let bits = u8::from(self.is64) << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;
        let (mut bytes, mut len) = (u64::from(self.opcode), usize::from(self.len));
        if bits != 0 || self.forced {
            bytes = bytes << 8 | u64::from(0x40 | bits);
            len += 1;
        }
        if self.prefix != 0 {
            bytes = bytes << 8 | u64::from(self.prefix);
            len += 1;
        }
        (bytes, len)
    }
}

/// A constant behind an instruction's operands: its bytes, and how many.
#[derive(Clone, Copy)]
struct Constant {
    value: i32,
    len: u8,
}

impl Constant {
    const NONE: Self = Self { value: 0, len: 0 };

    const fn byte(value: u8) -> Self {
        Self { value: value as i32, len: 1 }
    }

    const fn word(value: i32) -> Self {
        Self { value, len: 4 }
    }
}

/// Writes an instruction's first bytes.
#[inline(always)]
fn write_start(room: &mut [u8; ROOM], bytes: u64) {
    if let Some(place) = room.first_chunk_mut() {
        *place = bytes.to_le_bytes();
    }
}

/// Writes a number behind so many bytes of an instruction, which are twelve at most.
#[inline(always)]
fn write_number(room: &mut [u8; ROOM], behind: usize, value: i32) {
    if let Some(place) = room[behind & 15..].first_chunk_mut() {
        *place = value.to_le_bytes();
    }
}

/// Code under construction.
///
/// Instructions are put together in numbers, and written with bytes to spare that the next one writes over: there are
/// always some behind the last one.
#[derive(Default)]
pub(crate) struct Asm {
    /// The code, and memory for more.
    memory: Vec<u8>,
    /// Bytes of the code.
    len: usize,
    labels: Vec<u32>,
    /// Places of 32 bits that a label's distance from their end belongs to.
    fixups: Vec<(u32, Label)>,
}

impl Asm {
    /// Forgets all, but keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.labels.clear();
        self.fixups.clear();
    }

    /// The code so far.
    pub(crate) fn code(&self) -> &[u8] {
        &self.memory[..self.len]
    }

    /// Where the next instruction goes.
    #[inline]
    pub(crate) fn here(&self) -> u32 {
        self.len as u32
    }

    #[inline]
    pub(crate) fn label(&mut self) -> Label {
        self.labels.push(UNPLACED);
        Label(self.labels.len() as u32 - 1)
    }

    /// Places a label here.
    #[inline]
    pub(crate) fn bind(&mut self, label: Label) {
        self.labels[label.0 as usize] = self.here();
    }

    /// Where a label is, once it has been placed.
    pub(crate) fn place_of(&self, label: Label) -> u32 {
        self.labels[label.0 as usize]
    }

    /// Fills in the distances of all jumps; every label has been placed.
    pub(crate) fn link(&mut self) {
        for (at, label) in self.fixups.drain(..) {
            let target = self.labels[label.0 as usize];
            debug_assert_ne!(target, UNPLACED, "a label without a place");
            let at = at as usize;
            let distance = i64::from(target) - (at as i64 + 4);
            self.memory[at..at + 4].copy_from_slice(&(distance as i32).to_le_bytes());
        }
    }

    /// Replaces a number that has been written.
    pub(crate) fn patch32(&mut self, at: u32, value: i32) {
        let at = at as usize;
        self.memory[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// The memory that the next instruction is written to.
    #[inline(always)]
    fn room(&mut self) -> &mut [u8; ROOM] {
        if self.memory.len() - self.len < ROOM {
            self.grow(ROOM);
        }
        self.memory[self.len..].first_chunk_mut().expect("room for an instruction")
    }

    /// Makes room for at least so many bytes.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, bytes: usize) {
        let len = (self.len + bytes).max(2 * self.memory.len()).max(FIRST_BYTES);
        self.memory.resize(len, 0);
    }

    /// Appends the first bytes of a number.
    #[inline(always)]
    fn put(&mut self, bytes: u64, len: usize) {
        write_start(self.room(), bytes);
        self.len += len;
    }

    /// Appends bytes that are no instruction.
    pub(crate) fn data(&mut self, bytes: &[u8]) {
        if self.memory.len() - self.len < bytes.len() {
            self.grow(bytes.len());
        }
        self.memory[self.len..][..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Appends zeros up to a multiple.
    pub(crate) fn align(&mut self, bytes: usize) {
        let zeros = self.len.next_multiple_of(bytes) - self.len;
        for _ in 0..zeros {
            self.byte(0);
        }
    }

    #[inline]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.put(byte.into(), 1);
    }

    #[inline]
    pub(crate) fn imm32(&mut self, value: i32) {
        self.put(value as u32 as u64, 4);
    }

    /// The four bytes of a table's entry: a label's distance from the table's beginning.
    pub(crate) fn table_entry(&mut self, label: Label, table: u32) -> (u32, Label, u32) {
        let at = self.here();
        self.imm32(0);
        (at, label, table)
    }

    /// An instruction whose operands are a register, or part of the opcode, and a register or place.
    #[inline(always)]
    fn instruction(&mut self, head: Head, reg: u8, rm: Rm, constant: Constant) {
        match rm {
            Rm::Reg(rm) => self.of_registers(head, reg, rm, constant),
            Rm::Mem(mem) => self.of_memory(head, reg, mem, constant),
            Rm::Code(label) => self.of_code(head, reg, label),
        }
    }

    #[inline(always)]
    fn of_registers(&mut self, head: Head, reg: u8, rm: u8, constant: Constant) {
        let (bytes, len) = head.bytes(reg, 0, rm);
        let modrm = 0xc0 | (reg & 7) << 3 | rm & 7;
        let bytes = bytes | u64::from(modrm) << (8 * len);
        let len = len + 1;
        let room = self.room();
        write_start(room, bytes);
        write_number(room, len, constant.value);
        self.len += len + usize::from(constant.len);
    }

    #[inline(never)]
    fn of_memory(&mut self, head: Head, reg: u8, mem: Mem, constant: Constant) {
        self.write_memory(head, reg, mem, constant);
    }

    /// The same, for instructions that are so many that each has code of its own here.
    #[inline(always)]
    fn write_memory(&mut self, head: Head, reg: u8, mem: Mem, constant: Constant) {
        let (index, scale) = mem.index.map_or((4, 0), |(index, scale)| (index.0, scale));
        let above = if mem.index.is_some() { index } else { 0 };
        let (bytes, len) = head.bytes(reg, above, mem.base.0);
        let (reg, base) = ((reg & 7) << 3, mem.base.0 & 7);
        let (mode, disp_bytes) = match mem.disp {
            0 if base != RBP.0 => (0, 0),
            -128..=127 => (0x40, 1),
            _ => (0x80, 4),
        };
        let (operand, operand_bytes) = if mem.index.is_some() || base == RSP.0 {
            let sib = scale << 6 | (index & 7) << 3 | base;
            (u64::from(mode | reg | 4) | u64::from(sib) << 8, 2)
        } else {
            (u64::from(mode | reg | base), 1)
        };
        let bytes = bytes | operand << (8 * len);
        let len = len + operand_bytes;
        let room = self.room();
        write_start(room, bytes);
        write_number(room, len, mem.disp);
        let len = len + disp_bytes;
        write_number(room, len, constant.value);
        self.len += len + usize::from(constant.len);
    }

    #[cold]
    fn of_code(&mut self, head: Head, reg: u8, label: Label) {
        let (bytes, len) = head.bytes(reg, 0, 0);
        self.put(bytes | u64::from((reg & 7) << 3 | 5) << (8 * len), len + 1);
        self.distance(label);
    }

    /// An instruction of one opcode byte.
    #[inline(always)]
    pub(crate) fn op(&mut self, width: Width, opcode: u8, reg: u8, rm: Rm) {
        self.instruction(Head::new(width, opcode), reg, rm, Constant::NONE);
    }

    /// An instruction of the map behind `0F`.
    #[inline(always)]
    pub(crate) fn op0f(&mut self, width: Width, opcode: u8, reg: u8, rm: Rm) {
        self.instruction(Head::of_0f(width, opcode), reg, rm, Constant::NONE);
    }

    /// As [`op0f`](Self::op0f), with an operand that is a byte register.
    #[inline(always)]
    fn op0f_byte(&mut self, width: Width, opcode: u8, reg: u8, rm: Rm) {
        let head = Head::of_0f(width, opcode).forced(matches!(rm, Rm::Reg(4..8)));
        self.instruction(head, reg, rm, Constant::NONE);
    }

    /// An instruction of one opcode byte that ends with a register's lower bits.
    #[inline(always)]
    fn op_reg(&mut self, width: Width, opcode: u8, reg: Gpr) {
        let (bytes, len) = Head::new(width, opcode | reg.0 & 7).bytes(0, 0, reg.0);
        self.put(bytes, len);
    }

    pub(crate) fn mov(&mut self, width: Width, to: Gpr, from: Gpr) {
        self.op(width, 0x8b, to.0, from.into());
    }

    #[inline(never)]
    pub(crate) fn load(&mut self, width: Width, to: Gpr, from: Mem) {
        self.write_memory(Head::new(width, 0x8b), to.0, from, Constant::NONE);
    }

    #[inline(never)]
    pub(crate) fn store(&mut self, width: Width, to: Mem, from: Gpr) {
        self.write_memory(Head::new(width, 0x89), from.0, to, Constant::NONE);
    }

    pub(crate) fn store8(&mut self, to: Mem, from: Gpr) {
        let head = Head::new(Width::W32, 0x88).forced(from.0 >= 4);
        self.of_memory(head, from.0, to, Constant::NONE);
    }

    pub(crate) fn store16(&mut self, to: Mem, from: Gpr) {
        let head = Head::new(Width::W32, 0x89).with_prefix(0x66);
        self.of_memory(head, from.0, to, Constant::NONE);
    }

    /// Stores a constant, sign-extended.
    pub(crate) fn store_imm(&mut self, width: Width, to: Mem, value: i32) {
        self.of_memory(Head::new(width, 0xc7), 0, to, Constant::word(value));
    }

    /// Stores a constant byte.
    pub(crate) fn store_imm8(&mut self, to: Mem, value: u8) {
        self.of_memory(Head::new(Width::W32, 0xc6), 0, to, Constant::byte(value));
    }

    pub(crate) fn movzx8(&mut self, to: Gpr, from: Rm) {
        self.op0f_byte(Width::W32, 0xb6, to.0, from);
    }

    pub(crate) fn movzx16(&mut self, to: Gpr, from: Rm) {
        self.op0f(Width::W32, 0xb7, to.0, from);
    }

    pub(crate) fn movsx8(&mut self, width: Width, to: Gpr, from: Rm) {
        self.op0f_byte(width, 0xbe, to.0, from);
    }

    pub(crate) fn movsx16(&mut self, width: Width, to: Gpr, from: Rm) {
        self.op0f(width, 0xbf, to.0, from);
    }

    pub(crate) fn movsx32(&mut self, to: Gpr, from: Rm) {
        self.op(Width::W64, 0x63, to.0, from);
    }

    /// Makes a constant; flags stay what they are.
    pub(crate) fn mov_imm(&mut self, to: Gpr, value: u64) {
        if let Ok(low) = u32::try_from(value) {
            let (bytes, len) = Head::new(Width::W32, 0xb8 | to.0 & 7).bytes(0, 0, to.0);
            self.put(bytes | u64::from(low) << (8 * len), len + 4);
        } else if let Ok(low) = i32::try_from(value as i64) {
            self.of_registers(Head::new(Width::W64, 0xc7), 0, to.0, Constant::word(low));
        } else {
            self.mov_imm64(to, value);
        }
    }

    /// Makes a constant by an instruction that has all 64 bits, its last 8 bytes.
    pub(crate) fn mov_imm64(&mut self, to: Gpr, value: u64) {
        self.op_reg(Width::W64, 0xb8, to);
        self.put(value, 8);
    }

    /// Clears a register, and changes flags.
    pub(crate) fn zero(&mut self, reg: Gpr) {
        self.alu(Alu::Xor, Width::W32, reg, reg.into());
    }

    pub(crate) fn lea(&mut self, width: Width, to: Gpr, of: Mem) {
        self.op(width, 0x8d, to.0, of.into());
    }

    pub(crate) fn alu(&mut self, alu: Alu, width: Width, to: Gpr, from: Rm) {
        self.op(width, (alu as u8) << 3 | 3, to.0, from);
    }

    pub(crate) fn alu_imm(&mut self, alu: Alu, width: Width, to: Rm, value: i32) {
        let (opcode, constant) = match i8::try_from(value) {
            Ok(small) => (0x83, Constant::byte(small as u8)),
            Err(_) => (0x81, Constant::word(value)),
        };
        self.instruction(Head::new(width, opcode), alu as u8, to, constant);
    }

    /// As [`alu_imm`](Self::alu_imm), with four bytes to be patched; says where they are.
    pub(crate) fn alu_imm_patched(&mut self, alu: Alu, width: Width, to: Rm) -> u32 {
        self.instruction(Head::new(width, 0x81), alu as u8, to, Constant::word(0));
        self.here() - 4
    }

    pub(crate) fn test(&mut self, width: Width, left: Gpr, right: Gpr) {
        self.op(width, 0x85, right.0, left.into());
    }

    pub(crate) fn test_imm(&mut self, width: Width, left: Rm, value: i32) {
        self.instruction(Head::new(width, 0xf7), 0, left, Constant::word(value));
    }

    /// An atomic operation on so many bytes of memory.
    pub(crate) fn atomic(&mut self, atomic: Atomic, bytes: u64, place: Mem, reg: Gpr) {
        let is_locked = atomic != Atomic::Exchange;
        if is_locked {
            self.byte(0xf0);
        }
        let width = if bytes == 8 { Width::W64 } else { Width::W32 };
        // The opcode before is the same for bytes.
        let opcode = atomic as u8 - u8::from(bytes == 1);
        let head = if is_locked { Head::of_0f(width, opcode) } else { Head::new(width, opcode) };
        let head = head.with_prefix(if bytes == 2 { 0x66 } else { 0 });
        let head = head.forced(bytes == 1 && reg.0 >= 4);
        self.of_memory(head, reg.0, place, Constant::NONE);
    }

    /// Orders all accesses before and behind.
    pub(crate) fn mfence(&mut self) {
        self.put(0xf0_ae0f, 3);
    }

    pub(crate) fn imul(&mut self, width: Width, to: Gpr, from: Rm) {
        self.op0f(width, 0xaf, to.0, from);
    }

    pub(crate) fn imul_imm(&mut self, width: Width, to: Gpr, from: Rm, value: i32) {
        let (opcode, constant) = match i8::try_from(value) {
            Ok(small) => (0x6b, Constant::byte(small as u8)),
            Err(_) => (0x69, Constant::word(value)),
        };
        self.instruction(Head::new(width, opcode), to.0, from, constant);
    }

    pub(crate) fn unary(&mut self, unary: Unary, width: Width, operand: Rm) {
        self.op(width, 0xf7, unary as u8, operand);
    }

    /// Shifts by the low byte of `rcx`.
    pub(crate) fn shift_cl(&mut self, shift: Shift, width: Width, operand: Gpr) {
        self.op(width, 0xd3, shift as u8, operand.into());
    }

    pub(crate) fn shift_imm(&mut self, shift: Shift, width: Width, operand: Gpr, count: u8) {
        let head = Head::new(width, 0xc1);
        self.of_registers(head, shift as u8, operand.0, Constant::byte(count));
    }

    /// Fills `rdx` with the sign of `rax`.
    pub(crate) fn sign_to_rdx(&mut self, width: Width) {
        if width.is64() {
            self.byte(0x48);
        }
        self.byte(0x99);
    }

    pub(crate) fn setcc(&mut self, cc: Cc, to: Gpr) {
        self.op0f_byte(Width::W32, 0x90 | cc as u8, 0, to.into());
    }

    pub(crate) fn cmov(&mut self, cc: Cc, width: Width, to: Gpr, from: Rm) {
        self.op0f(width, 0x40 | cc as u8, to.0, from);
    }

    pub(crate) fn jmp(&mut self, to: Label) {
        self.put(0xe9, 1);
        self.distance(to);
    }

    pub(crate) fn jcc(&mut self, cc: Cc, to: Label) {
        self.put(0x800f | u64::from(cc as u8) << 8, 2);
        self.distance(to);
    }

    fn distance(&mut self, to: Label) {
        self.fixups.push((self.here(), to));
        self.imm32(0);
    }

    pub(crate) fn jmp_to(&mut self, target: Rm) {
        self.op(Width::W32, 0xff, 4, target);
    }

    pub(crate) fn call(&mut self, target: Rm) {
        self.op(Width::W32, 0xff, 2, target);
    }

    /// Makes the address of a label.
    pub(crate) fn lea_label(&mut self, to: Gpr, of: Label) {
        self.of_code(Head::new(Width::W64, 0x8d), to.0, of);
    }

    pub(crate) fn push(&mut self, reg: Gpr) {
        self.op_reg(Width::W32, 0x50, reg);
    }

    pub(crate) fn pop(&mut self, reg: Gpr) {
        self.op_reg(Width::W32, 0x58, reg);
    }

    /// Returns, and takes so many bytes of arguments off the stack.
    pub(crate) fn ret(&mut self, bytes: u16) {
        if bytes == 0 {
            self.byte(0xc3);
        } else {
            self.put(0xc2 | u64::from(bytes) << 8, 3);
        }
    }

    pub(crate) fn ud2(&mut self) {
        self.put(0x0b0f, 2);
    }

    /// An instruction with a mandatory prefix (0 for none), of any map. Vector instructions, and those of
    /// general registers that have one.
    #[inline]
    pub(crate) fn sse(&mut self, prefix: u8, map: Map, opcode: u8, width: Width, reg: u8, rm: Rm) {
        self.instruction(Head::of_map(prefix, map, opcode, width), reg, rm, Constant::NONE);
    }

    /// The same, with a constant behind the operands.
    pub(crate) fn sse_imm(&mut self, op: (u8, Map, u8), width: Width, reg: u8, rm: Rm, value: u8) {
        let (prefix, map, opcode) = op;
        let head = Head::of_map(prefix, map, opcode, width);
        self.instruction(head, reg, rm, Constant::byte(value));
    }

    pub(crate) fn movaps(&mut self, to: Xmm, from: Xmm) {
        self.sse(0, Map::M0F, 0x28, Width::W32, to.0, from.into());
    }

    pub(crate) fn load_f32(&mut self, to: Xmm, from: Mem) {
        self.sse(0xf3, Map::M0F, 0x10, Width::W32, to.0, from.into());
    }

    pub(crate) fn load_f64(&mut self, to: Xmm, from: Mem) {
        self.sse(0xf2, Map::M0F, 0x10, Width::W32, to.0, from.into());
    }

    pub(crate) fn load_v128(&mut self, to: Xmm, from: Mem) {
        self.sse(0, Map::M0F, 0x10, Width::W32, to.0, from.into());
    }

    pub(crate) fn store_f32(&mut self, to: Mem, from: Xmm) {
        self.sse(0xf3, Map::M0F, 0x11, Width::W32, from.0, to.into());
    }

    pub(crate) fn store_f64(&mut self, to: Mem, from: Xmm) {
        self.sse(0xf2, Map::M0F, 0x11, Width::W32, from.0, to.into());
    }

    pub(crate) fn store_v128(&mut self, to: Mem, from: Xmm) {
        self.sse(0, Map::M0F, 0x11, Width::W32, from.0, to.into());
    }

    /// Moves bits from a general register, and clears what is above.
    pub(crate) fn movd_to_xmm(&mut self, width: Width, to: Xmm, from: Gpr) {
        self.sse(0x66, Map::M0F, 0x6e, width, to.0, from.into());
    }

    /// Moves bits to a general register.
    pub(crate) fn movd_to_gpr(&mut self, width: Width, to: Gpr, from: Xmm) {
        self.sse(0x66, Map::M0F, 0x7e, width, from.0, to.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::x64::regs::{R11, R12, R13, R15, RAX, RBX, RDI};
    use iced_x86::{Decoder, DecoderOptions, FastFormatter};

    /// What another decoder reads in the code: one instruction a line.
    fn read(code: &[u8]) -> Vec<String> {
        let decoder = Decoder::new(64, code, DecoderOptions::NONE);
        let mut formatter = FastFormatter::new();
        decoder
            .into_iter()
            .map(|instruction| {
                let mut text = String::new();
                formatter.format(&instruction, &mut text);
                text
            })
            .collect()
    }

    fn assert_reads(write: impl FnOnce(&mut Asm), expected: &[&str]) {
        let mut asm = Asm::default();
        write(&mut asm);
        asm.link();
        assert_eq!(read(asm.code()), expected);
    }

    const NAMES: [&str; 16] = [
        "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
        "r13", "r14", "r15",
    ];

    fn shown(mem: Mem) -> String {
        let mut text = NAMES[mem.base.0 as usize].to_owned();
        if let Some((index, scale)) = mem.index {
            text += &format!("+{}", NAMES[index.0 as usize]);
            if scale > 0 {
                text += &format!("*{}", 1 << scale);
            }
        }
        match mem.disp {
            0 => {}
            disp if disp < 0 => text += &format!("-{:X}h", disp.unsigned_abs()),
            disp => text += &format!("+{disp:X}h"),
        }
        text
    }

    #[test]
    fn every_place_in_memory_is_read_as_it_was_meant() {
        let disps = [0, 0x11, -0x11, 0x11111, -0x11111];
        for base in 0..16 {
            for index in (0..16).filter(|index| *index != RSP.0) {
                for disp in disps {
                    for scale in 0..4 {
                        let mem = Mem { base: Gpr(base), index: Some((Gpr(index), scale)), disp };
                        let expected = format!("mov r11,[{}]", shown(mem));
                        assert_reads(|asm| asm.load(Width::W64, R11, mem), &[&expected]);
                    }
                }
            }
            for disp in disps {
                let mem = Mem::at(Gpr(base), disp);
                let expected = format!("mov [{}],rdi", shown(mem));
                assert_reads(|asm| asm.store(Width::W64, mem, RDI), &[&expected]);
            }
        }
    }

    #[test]
    fn instructions_of_registers_are_read_as_they_were_meant() {
        for to in 0..16 {
            for from in 0..16 {
                let (to_name, from_name) = (NAMES[to as usize], NAMES[from as usize]);
                let (to, from) = (Gpr(to), Gpr(from));
                assert_reads(
                    |asm| {
                        asm.mov(Width::W64, to, from);
                        asm.alu(Alu::Sub, Width::W64, to, from.into());
                        asm.imul(Width::W64, to, from.into());
                        asm.cmov(Cc::Be, Width::W64, to, from.into());
                        asm.test(Width::W64, to, from);
                        asm.movsx32(to, from.into());
                    },
                    &[
                        &format!("mov {to_name},{from_name}"),
                        &format!("sub {to_name},{from_name}"),
                        &format!("imul {to_name},{from_name}"),
                        &format!("cmovbe {to_name},{from_name}"),
                        &format!("test {to_name},{from_name}"),
                        &format!("movsxd {to_name},{}", read_narrow(from)),
                    ],
                );
            }
        }
    }

    /// The name of the lower half of a register.
    fn read_narrow(reg: Gpr) -> String {
        let mut asm = Asm::default();
        asm.op(Width::W32, 0xff, 0, reg.into());
        read(asm.code())[0].trim_start_matches("inc ").to_owned()
    }

    #[test]
    fn bytes_constants_shifts_and_vectors_are_read_as_they_were_meant() {
        assert_reads(
            |asm| {
                asm.setcc(Cc::G, RDI);
                asm.movzx8(R12, RDI.into());
                asm.store8(Mem::at(R13, 0), RDI);
                asm.store16(Mem::at(RSP, 8), R15);
                asm.mov_imm(RAX, 0x1234_5678_9abc_def0);
                asm.mov_imm(R15, u64::MAX);
                asm.mov_imm(RBX, 7);
                asm.shift_imm(Shift::Sar, Width::W64, R13, 3);
                asm.shift_cl(Shift::Rol, Width::W32, RBX);
                asm.unary(Unary::Idiv, Width::W64, R11.into());
                asm.alu_imm(Alu::Cmp, Width::W32, RBX.into(), -1);
                asm.alu_imm(Alu::And, Width::W64, R12.into(), 0x1000);
                asm.imul_imm(Width::W32, RBX, R12.into(), 40);
                asm.movd_to_xmm(Width::W64, Xmm(9), R11);
                asm.movd_to_gpr(Width::W32, RBX, Xmm(12));
                asm.load_f32(Xmm(8), Mem::indexed(R15, R12, 4));
                asm.store_v128(Mem::at(RBP, -0x20), Xmm(15));
                asm.ret(16);
                asm.store_imm8(Mem::at(RDI, 0x10), 1);
                asm.test_imm(Width::W32, R13.into(), 7);
            },
            &[
                "setg dil",
                "movzx r12d,dil",
                "mov [r13],dil",
                "mov [rsp+8h],r15w",
                "mov rax,123456789ABCDEF0h",
                "mov r15,0FFFFFFFFFFFFFFFFh",
                "mov ebx,7h",
                "sar r13,3h",
                "rol ebx,cl",
                "idiv r11",
                "cmp ebx,0FFFFFFFFh",
                "and r12,1000h",
                "imul ebx,r12d,28h",
                "movq xmm9,r11",
                "movd ebx,xmm12",
                "movss xmm8,[r15+r12+4h]",
                "movups [rbp-20h],xmm15",
                "ret 10h",
                "mov byte ptr [rdi+10h],1h",
                "test r13d,7h",
            ],
        );
    }

    #[test]
    fn atomics_and_wide_arithmetic_are_read_as_they_were_meant() {
        assert_reads(
            |asm| {
                asm.atomic(Atomic::Exchange, 1, Mem::at(R13, 1), RDI);
                asm.atomic(Atomic::Exchange, 4, Mem::at(RAX, 0), R12);
                asm.atomic(Atomic::Add, 2, Mem::indexed(R11, R15, 8), RBX);
                asm.atomic(Atomic::Add, 8, Mem::at(RDI, 0), RAX);
                asm.atomic(Atomic::CompareExchange, 1, Mem::at(R12, 0), RBX);
                asm.atomic(Atomic::CompareExchange, 1, Mem::at(RBX, 0), R15);
                asm.atomic(Atomic::CompareExchange, 4, Mem::at(R11, 0), RDI);
                asm.mfence();
                asm.alu(Alu::Adc, Width::W64, RAX, Mem::at(RBP, -8).into());
                asm.alu(Alu::Sbb, Width::W64, R12, R13.into());
                asm.unary(Unary::Mul, Width::W64, R11.into());
                asm.unary(Unary::Imul, Width::W64, Mem::at(RBP, -16).into());
            },
            &[
                "xchg [r13+1h],dil",
                "xchg [rax],r12d",
                "lock xadd [r11+r15+8h],bx",
                "lock xadd [rdi],rax",
                "lock cmpxchg [r12],bl",
                "lock cmpxchg [rbx],r15b",
                "lock cmpxchg [r11],edi",
                "mfence",
                "adc rax,[rbp-8h]",
                "sbb r12,r13",
                "mul r11",
                "imul qword ptr [rbp-10h]",
            ],
        );
    }

    #[test]
    fn jumps_lead_to_their_labels() {
        let mut asm = Asm::default();
        let (back, forth) = (asm.label(), asm.label());
        asm.bind(back);
        asm.jcc(Cc::E, forth);
        asm.jmp(back);
        asm.bind(forth);
        asm.ud2();
        asm.link();
        assert_eq!(read(asm.code()), ["je 0Bh", "jmp 0h", "ud2"]);
    }
}
