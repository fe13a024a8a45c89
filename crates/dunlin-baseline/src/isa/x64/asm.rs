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
    pub(crate) const fn at(base: Gpr, disp: i32) -> Self {
        Self { base, index: None, disp }
    }

    /// A place behind the sum of two registers.
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

/// Code under construction.
#[derive(Default)]
pub(crate) struct Asm {
    pub(crate) code: Vec<u8>,
    labels: Vec<u32>,
    /// Places of 32 bits that a label's distance from their end belongs to.
    fixups: Vec<(u32, Label)>,
}

impl Asm {
    /// Forgets all, but keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.code.clear();
        self.labels.clear();
        self.fixups.clear();
    }

    /// Where the next instruction goes.
    pub(crate) fn here(&self) -> u32 {
        self.code.len() as u32
    }

    pub(crate) fn label(&mut self) -> Label {
        self.labels.push(UNPLACED);
        Label(self.labels.len() as u32 - 1)
    }

    /// Places a label here.
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
            self.code[at..at + 4].copy_from_slice(&(distance as i32).to_le_bytes());
        }
    }

    /// Replaces a number that has been written.
    pub(crate) fn patch32(&mut self, at: u32, value: i32) {
        let at = at as usize;
        self.code[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.code.push(byte);
    }

    #[inline]
    pub(crate) fn imm32(&mut self, value: i32) {
        self.code.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn imm64(&mut self, value: u64) {
        self.code.extend_from_slice(&value.to_le_bytes());
    }

    /// The four bytes of a table's entry: a label's distance from the table's beginning.
    pub(crate) fn table_entry(&mut self, label: Label, table: u32) -> (u32, Label, u32) {
        let at = self.here();
        self.imm32(0);
        (at, label, table)
    }

    /// An operand behind an opcode: the register field, and a register or place.
    #[inline]
    pub(super) fn modrm(&mut self, reg: u8, rm: Rm) {
        let reg = (reg & 7) << 3;
        let mem = match rm {
            Rm::Reg(rm) => return self.byte(0xc0 | reg | rm & 7),
            Rm::Mem(mem) => mem,
            Rm::Code(label) => {
                self.byte(reg | 5);
                return self.distance(label);
            }
        };
        let base = mem.base.0 & 7;
        let needs_sib = mem.index.is_some() || base == RSP.0;
        let (mode, small) = match mem.disp {
            0 if base != RBP.0 => (0, true),
            -128..=127 => (0x40, true),
            _ => (0x80, false),
        };
        if needs_sib {
            self.byte(mode | reg | 4);
            let (index, scale) = mem.index.map_or((4, 0), |(index, scale)| (index.0 & 7, scale));
            self.byte(scale << 6 | index << 3 | base);
        } else {
            self.byte(mode | reg | base);
        }
        match (mode, small) {
            (0, _) => {}
            (_, true) => self.byte(mem.disp as u8),
            _ => self.imm32(mem.disp),
        }
    }

    /// The prefix that says which of sixteen registers are meant; left out where it says nothing.
    #[inline]
    fn rex(&mut self, is64: bool, reg: u8, rm: Rm, forced: bool) {
        let (index, base) = match rm {
            Rm::Reg(rm) => (0, rm),
            Rm::Mem(mem) => (mem.index.map_or(0, |(index, _)| index.0), mem.base.0),
            Rm::Code(_) => (0, 0),
        };
        let bits = u8::from(is64) << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;
        if bits != 0 || forced {
            self.byte(0x40 | bits);
        }
    }

    /// An instruction of one opcode byte.
    #[inline]
    pub(crate) fn op(&mut self, width: Width, opcode: u8, reg: u8, rm: Rm) {
        self.rex(width.is64(), reg, rm, false);
        self.byte(opcode);
        self.modrm(reg, rm);
    }

    /// An instruction of the map behind `0F`.
    #[inline]
    pub(crate) fn op0f(&mut self, width: Width, opcode: u8, reg: u8, rm: Rm) {
        self.rex(width.is64(), reg, rm, false);
        self.code.extend_from_slice(&[0x0f, opcode]);
        self.modrm(reg, rm);
    }

    /// As [`op0f`](Self::op0f), with an operand that is a byte register.
    fn op0f_byte(&mut self, width: Width, opcode: u8, reg: u8, rm: Rm) {
        self.rex(width.is64(), reg, rm, matches!(rm, Rm::Reg(4..8)));
        self.code.extend_from_slice(&[0x0f, opcode]);
        self.modrm(reg, rm);
    }

    pub(crate) fn mov(&mut self, width: Width, to: Gpr, from: Gpr) {
        self.op(width, 0x8b, to.0, from.into());
    }

    pub(crate) fn load(&mut self, width: Width, to: Gpr, from: Mem) {
        self.op(width, 0x8b, to.0, from.into());
    }

    pub(crate) fn store(&mut self, width: Width, to: Mem, from: Gpr) {
        self.op(width, 0x89, from.0, to.into());
    }

    pub(crate) fn store8(&mut self, to: Mem, from: Gpr) {
        self.rex(false, from.0, to.into(), from.0 >= 4);
        self.byte(0x88);
        self.modrm(from.0, to.into());
    }

    pub(crate) fn store16(&mut self, to: Mem, from: Gpr) {
        self.byte(0x66);
        self.op(Width::W32, 0x89, from.0, to.into());
    }

    /// Stores a constant, sign-extended.
    pub(crate) fn store_imm(&mut self, width: Width, to: Mem, value: i32) {
        self.op(width, 0xc7, 0, to.into());
        self.imm32(value);
    }

    /// Stores a constant byte.
    pub(crate) fn store_imm8(&mut self, to: Mem, value: u8) {
        self.op(Width::W32, 0xc6, 0, to.into());
        self.byte(value);
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
            self.rex(false, 0, to.into(), false);
            self.byte(0xb8 | to.0 & 7);
            self.imm32(low as i32);
        } else if let Ok(low) = i32::try_from(value as i64) {
            self.op(Width::W64, 0xc7, 0, to.into());
            self.imm32(low);
        } else {
            self.mov_imm64(to, value);
        }
    }

    /// Makes a constant by an instruction that has all 64 bits, its last 8 bytes.
    pub(crate) fn mov_imm64(&mut self, to: Gpr, value: u64) {
        self.rex(true, 0, to.into(), false);
        self.byte(0xb8 | to.0 & 7);
        self.imm64(value);
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
        if let Ok(small) = i8::try_from(value) {
            self.op(width, 0x83, alu as u8, to);
            self.byte(small as u8);
        } else {
            self.op(width, 0x81, alu as u8, to);
            self.imm32(value);
        }
    }

    /// As [`alu_imm`](Self::alu_imm), with four bytes to be patched; says where they are.
    pub(crate) fn alu_imm_patched(&mut self, alu: Alu, width: Width, to: Rm) -> u32 {
        self.op(width, 0x81, alu as u8, to);
        self.imm32(0);
        self.here() - 4
    }

    pub(crate) fn test(&mut self, width: Width, left: Gpr, right: Gpr) {
        self.op(width, 0x85, right.0, left.into());
    }

    pub(crate) fn test_imm(&mut self, width: Width, left: Rm, value: i32) {
        self.op(width, 0xf7, 0, left);
        self.imm32(value);
    }

    /// An atomic operation on so many bytes of memory.
    pub(crate) fn atomic(&mut self, atomic: Atomic, bytes: u64, place: Mem, reg: Gpr) {
        if atomic != Atomic::Exchange {
            self.byte(0xf0);
        }
        if bytes == 2 {
            self.byte(0x66);
        }
        self.rex(bytes == 8, reg.0, place.into(), bytes == 1 && reg.0 >= 4);
        if atomic != Atomic::Exchange {
            self.byte(0x0f);
        }
        // The opcode before is the same for bytes.
        self.byte(atomic as u8 - u8::from(bytes == 1));
        self.modrm(reg.0, place.into());
    }

    /// Orders all accesses before and behind.
    pub(crate) fn mfence(&mut self) {
        self.code.extend_from_slice(&[0x0f, 0xae, 0xf0]);
    }

    pub(crate) fn imul(&mut self, width: Width, to: Gpr, from: Rm) {
        self.op0f(width, 0xaf, to.0, from);
    }

    pub(crate) fn imul_imm(&mut self, width: Width, to: Gpr, from: Rm, value: i32) {
        if let Ok(small) = i8::try_from(value) {
            self.op(width, 0x6b, to.0, from);
            self.byte(small as u8);
        } else {
            self.op(width, 0x69, to.0, from);
            self.imm32(value);
        }
    }

    pub(crate) fn unary(&mut self, unary: Unary, width: Width, operand: Rm) {
        self.op(width, 0xf7, unary as u8, operand);
    }

    /// Shifts by the low byte of `rcx`.
    pub(crate) fn shift_cl(&mut self, shift: Shift, width: Width, operand: Gpr) {
        self.op(width, 0xd3, shift as u8, operand.into());
    }

    pub(crate) fn shift_imm(&mut self, shift: Shift, width: Width, operand: Gpr, count: u8) {
        self.op(width, 0xc1, shift as u8, operand.into());
        self.byte(count);
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
        self.byte(0xe9);
        self.distance(to);
    }

    pub(crate) fn jcc(&mut self, cc: Cc, to: Label) {
        self.code.extend_from_slice(&[0x0f, 0x80 | cc as u8]);
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
        self.code.extend_from_slice(&[0x48 | (to.0 >> 3) << 2, 0x8d, (to.0 & 7) << 3 | 5]);
        self.distance(of);
    }

    pub(crate) fn push(&mut self, reg: Gpr) {
        self.rex(false, 0, reg.into(), false);
        self.byte(0x50 | reg.0 & 7);
    }

    pub(crate) fn pop(&mut self, reg: Gpr) {
        self.rex(false, 0, reg.into(), false);
        self.byte(0x58 | reg.0 & 7);
    }

    /// Returns, and takes so many bytes of arguments off the stack.
    pub(crate) fn ret(&mut self, bytes: u16) {
        if bytes == 0 {
            self.byte(0xc3);
        } else {
            self.byte(0xc2);
            self.code.extend_from_slice(&bytes.to_le_bytes());
        }
    }

    pub(crate) fn ud2(&mut self) {
        self.code.extend_from_slice(&[0x0f, 0x0b]);
    }

    /// An instruction with a mandatory prefix (0 for none), of any map. Vector instructions, and those of
    /// general registers that have one.
    #[inline]
    pub(crate) fn sse(&mut self, prefix: u8, map: Map, opcode: u8, width: Width, reg: u8, rm: Rm) {
        if prefix != 0 {
            self.byte(prefix);
        }
        self.rex(width.is64(), reg, rm, false);
        match map {
            Map::M0F => self.code.extend_from_slice(&[0x0f, opcode]),
            Map::M0F38 => self.code.extend_from_slice(&[0x0f, 0x38, opcode]),
            Map::M0F3A => self.code.extend_from_slice(&[0x0f, 0x3a, opcode]),
        }
        self.modrm(reg, rm);
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
        assert_eq!(read(&asm.code), expected);
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
        read(&asm.code)[0].trim_start_matches("inc ").to_owned()
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
        assert_eq!(read(&asm.code), ["je 0Bh", "jmp 0h", "ud2"]);
    }
}
