//! Instructions on whole vector registers.
//!
//! All are of SSE4.2 or older, but for fused multiplication. Their second operand may be a place in the function's
//! own code, which is aligned, but no other place in memory, unless the instruction reads less than a register.

use super::asm::{Asm, Map, Rm, Width};
use super::regs::{Gpr, Xmm};

/// An instruction of two operands: its prefix, map and opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VectorOp {
    prefix: u8,
    map: Map,
    opcode: u8,
}

macro_rules! instructions {
    ($($name:ident = $prefix:literal $map:ident $opcode:literal;)*) => {
        $(pub(crate) const $name: VectorOp =
            VectorOp { prefix: $prefix, map: Map::$map, opcode: $opcode };)*

        /// All of them, for tests.
        #[cfg(test)]
        const ALL: &[(&str, VectorOp)] = &[$((stringify!($name), $name)),*];
    };
}

instructions! {
    PADDB = 0x66 M0F 0xfc;
    PADDW = 0x66 M0F 0xfd;
    PADDD = 0x66 M0F 0xfe;
    PADDQ = 0x66 M0F 0xd4;
    PSUBB = 0x66 M0F 0xf8;
    PSUBW = 0x66 M0F 0xf9;
    PSUBD = 0x66 M0F 0xfa;
    PSUBQ = 0x66 M0F 0xfb;
    PADDSB = 0x66 M0F 0xec;
    PADDSW = 0x66 M0F 0xed;
    PADDUSB = 0x66 M0F 0xdc;
    PADDUSW = 0x66 M0F 0xdd;
    PSUBSB = 0x66 M0F 0xe8;
    PSUBSW = 0x66 M0F 0xe9;
    PSUBUSB = 0x66 M0F 0xd8;
    PSUBUSW = 0x66 M0F 0xd9;
    PAVGB = 0x66 M0F 0xe0;
    PAVGW = 0x66 M0F 0xe3;
    PMINSB = 0x66 M0F38 0x38;
    PMINSW = 0x66 M0F 0xea;
    PMINSD = 0x66 M0F38 0x39;
    PMINUB = 0x66 M0F 0xda;
    PMINUW = 0x66 M0F38 0x3a;
    PMINUD = 0x66 M0F38 0x3b;
    PMAXSB = 0x66 M0F38 0x3c;
    PMAXSW = 0x66 M0F 0xee;
    PMAXSD = 0x66 M0F38 0x3d;
    PMAXUB = 0x66 M0F 0xde;
    PMAXUW = 0x66 M0F38 0x3e;
    PMAXUD = 0x66 M0F38 0x3f;
    PABSB = 0x66 M0F38 0x1c;
    PABSW = 0x66 M0F38 0x1d;
    PABSD = 0x66 M0F38 0x1e;
    PMULLW = 0x66 M0F 0xd5;
    PMULHW = 0x66 M0F 0xe5;
    PMULHUW = 0x66 M0F 0xe4;
    PMULLD = 0x66 M0F38 0x40;
    PMULDQ = 0x66 M0F38 0x28;
    PMULUDQ = 0x66 M0F 0xf4;
    PMULHRSW = 0x66 M0F38 0x0b;
    PMADDWD = 0x66 M0F 0xf5;
    PMADDUBSW = 0x66 M0F38 0x04;
    PACKSSWB = 0x66 M0F 0x63;
    PACKUSWB = 0x66 M0F 0x67;
    PACKSSDW = 0x66 M0F 0x6b;
    PACKUSDW = 0x66 M0F38 0x2b;
    PUNPCKLBW = 0x66 M0F 0x60;
    PUNPCKLWD = 0x66 M0F 0x61;
    PUNPCKLDQ = 0x66 M0F 0x62;
    PUNPCKLQDQ = 0x66 M0F 0x6c;
    PUNPCKHBW = 0x66 M0F 0x68;
    PUNPCKHWD = 0x66 M0F 0x69;
    PUNPCKHDQ = 0x66 M0F 0x6a;
    PUNPCKHQDQ = 0x66 M0F 0x6d;
    PMOVSXBW = 0x66 M0F38 0x20;
    PMOVSXWD = 0x66 M0F38 0x23;
    PMOVSXDQ = 0x66 M0F38 0x25;
    PMOVZXBW = 0x66 M0F38 0x30;
    PMOVZXWD = 0x66 M0F38 0x33;
    PMOVZXDQ = 0x66 M0F38 0x35;
    PCMPEQB = 0x66 M0F 0x74;
    PCMPEQW = 0x66 M0F 0x75;
    PCMPEQD = 0x66 M0F 0x76;
    PCMPEQQ = 0x66 M0F38 0x29;
    PCMPGTB = 0x66 M0F 0x64;
    PCMPGTW = 0x66 M0F 0x65;
    PCMPGTD = 0x66 M0F 0x66;
    PCMPGTQ = 0x66 M0F38 0x37;
    PAND = 0x66 M0F 0xdb;
    PANDN = 0x66 M0F 0xdf;
    POR = 0x66 M0F 0xeb;
    PXOR = 0x66 M0F 0xef;
    PTEST = 0x66 M0F38 0x17;
    PSHUFB = 0x66 M0F38 0x00;
    PSLLW = 0x66 M0F 0xf1;
    PSLLD = 0x66 M0F 0xf2;
    PSLLQ = 0x66 M0F 0xf3;
    PSRLW = 0x66 M0F 0xd1;
    PSRLD = 0x66 M0F 0xd2;
    PSRLQ = 0x66 M0F 0xd3;
    PSRAW = 0x66 M0F 0xe1;
    PSRAD = 0x66 M0F 0xe2;
    MOVUPS = 0x00 M0F 0x10;
    MOVAPS = 0x00 M0F 0x28;
    MOVSS = 0xf3 M0F 0x10;
    MOVSD = 0xf2 M0F 0x10;
    MOVDDUP = 0xf2 M0F 0x12;
    UNPCKLPS = 0x00 M0F 0x14;
    UNPCKLPD = 0x66 M0F 0x14;
    ANDPS = 0x00 M0F 0x54;
    ANDPD = 0x66 M0F 0x54;
    ANDNPS = 0x00 M0F 0x55;
    ANDNPD = 0x66 M0F 0x55;
    ORPS = 0x00 M0F 0x56;
    ORPD = 0x66 M0F 0x56;
    XORPS = 0x00 M0F 0x57;
    XORPD = 0x66 M0F 0x57;
    ADDPS = 0x00 M0F 0x58;
    ADDPD = 0x66 M0F 0x58;
    MULPS = 0x00 M0F 0x59;
    MULPD = 0x66 M0F 0x59;
    SUBPS = 0x00 M0F 0x5c;
    SUBPD = 0x66 M0F 0x5c;
    MINPS = 0x00 M0F 0x5d;
    MINPD = 0x66 M0F 0x5d;
    DIVPS = 0x00 M0F 0x5e;
    DIVPD = 0x66 M0F 0x5e;
    MAXPS = 0x00 M0F 0x5f;
    MAXPD = 0x66 M0F 0x5f;
    SQRTPS = 0x00 M0F 0x51;
    SQRTPD = 0x66 M0F 0x51;
    CVTDQ2PS = 0x00 M0F 0x5b;
    CVTDQ2PD = 0xf3 M0F 0xe6;
    CVTTPS2DQ = 0xf3 M0F 0x5b;
    CVTTPD2DQ = 0x66 M0F 0xe6;
    CVTPS2PD = 0x00 M0F 0x5a;
    CVTPD2PS = 0x66 M0F 0x5a;
}

/// Instructions that have a constant behind their operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VectorImm(VectorOp);

macro_rules! with_constants {
    ($($name:ident = $prefix:literal $map:ident $opcode:literal;)*) => {$(
        pub(crate) const $name: VectorImm =
            VectorImm(VectorOp { prefix: $prefix, map: Map::$map, opcode: $opcode });
    )*};
}

with_constants! {
    PSHUFD = 0x66 M0F 0x70;
    PSHUFLW = 0xf2 M0F 0x70;
    SHUFPS = 0x00 M0F 0xc6;
    PALIGNR = 0x66 M0F3A 0x0f;
    INSERTPS = 0x66 M0F3A 0x21;
    ROUNDPS = 0x66 M0F3A 0x08;
    ROUNDPD = 0x66 M0F3A 0x09;
    CMPPS = 0x00 M0F 0xc2;
    CMPPD = 0x66 M0F 0xc2;
    PINSRB = 0x66 M0F3A 0x20;
    PINSRW = 0x66 M0F 0xc4;
    PINSRD = 0x66 M0F3A 0x22;
    PEXTRB = 0x66 M0F3A 0x14;
    PEXTRW = 0x66 M0F3A 0x15;
    PEXTRD = 0x66 M0F3A 0x16;
}

/// Comparisons of floats, by number in `CMPPS` and `CMPPD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatCmp {
    Eq = 0,
    Lt = 1,
    Le = 2,
    Unordered = 3,
    Ne = 4,
}

/// Shifts of lanes by a constant: the opcode that says how wide they are, and the number behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneShift(u8, u8);

macro_rules! lane_shifts {
    ($($name:ident = $opcode:literal $number:literal;)*) => {$(
        pub(crate) const $name: LaneShift = LaneShift($opcode, $number);
    )*};
}

lane_shifts! {
    PSRLW_IMM = 0x71 2;
    PSRAW_IMM = 0x71 4;
    PSLLW_IMM = 0x71 6;
    PSRLD_IMM = 0x72 2;
    PSRAD_IMM = 0x72 4;
    PSLLD_IMM = 0x72 6;
    PSRLQ_IMM = 0x73 2;
    PSLLQ_IMM = 0x73 6;
}

/// Fused products and sums, by opcode: the first operand is what is added, and the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fused {
    Add = 0xb8,
    /// The product is negated.
    NegatedAdd = 0xbc,
}

impl Asm {
    pub(crate) fn vector(&mut self, op: VectorOp, to: Xmm, from: impl Into<Rm>) {
        self.sse(op.prefix, op.map, op.opcode, Width::W32, to.0, from.into());
    }

    pub(crate) fn vector_imm(&mut self, op: VectorImm, to: Xmm, from: impl Into<Rm>, imm: u8) {
        self.vector_wide_imm(op, Width::W32, to, from.into(), imm);
    }

    /// As [`vector_imm`](Self::vector_imm); some take or give a general operand of this width, which is the second.
    pub(crate) fn vector_wide_imm(
        &mut self,
        VectorImm(op): VectorImm,
        width: Width,
        reg: Xmm,
        rm: Rm,
        imm: u8,
    ) {
        debug_assert!(!matches!(rm, Rm::Code(_)), "a place in the code comes last");
        self.sse_imm((op.prefix, op.map, op.opcode), width, reg.0, rm, imm);
    }

    pub(crate) fn shift_lanes(&mut self, LaneShift(opcode, number): LaneShift, of: Xmm, by: u8) {
        self.sse_imm((0x66, Map::M0F, opcode), Width::W32, number, of.into(), by);
    }

    /// The highest bits of bytes.
    pub(crate) fn pmovmskb(&mut self, to: Gpr, from: Xmm) {
        self.sse(0x66, Map::M0F, 0xd7, Width::W32, to.0, from.into());
    }

    /// The highest bits of lanes of 32 bits.
    pub(crate) fn movmskps(&mut self, to: Gpr, from: Xmm) {
        self.sse(0, Map::M0F, 0x50, Width::W32, to.0, from.into());
    }

    /// The highest bits of lanes of 64 bits.
    pub(crate) fn movmskpd(&mut self, to: Gpr, from: Xmm) {
        self.sse(0x66, Map::M0F, 0x50, Width::W32, to.0, from.into());
    }

    /// Adds a product, rounding once. The processor must have FMA.
    pub(crate) fn fused(&mut self, op: Fused, lanes: Width, to: Xmm, left: Xmm, right: Xmm) {
        let (reg, rm) = (to.0 >> 3 ^ 1, right.0 >> 3 ^ 1);
        let wide = u8::from(lanes == Width::W64);
        let modrm = 0xc0 | (to.0 & 7) << 3 | right.0 & 7;
        self.data(&[
            0xc4,
            reg << 7 | 1 << 6 | rm << 5 | 2,
            wide << 7 | (left.0 ^ 15) << 3 | 1,
            op as u8,
            modrm,
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::x64::asm::Mem;
    use crate::isa::x64::regs::{R9, R15, RAX, RBX};
    use iced_x86::{Decoder, DecoderOptions, FastFormatter};

    /// What another decoder reads in the code: one instruction a line.
    fn read(code: &[u8]) -> Vec<String> {
        let mut formatter = FastFormatter::new();
        let show = |instruction| {
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            text
        };
        Decoder::new(64, code, DecoderOptions::NONE).into_iter().map(show).collect()
    }

    fn assert_reads(write: impl FnOnce(&mut Asm), expected: &[&str]) {
        let mut asm = Asm::default();
        write(&mut asm);
        asm.link();
        assert_eq!(read(asm.code()), expected);
    }

    #[test]
    fn instructions_are_those_that_they_are_called() {
        for (name, op) in ALL {
            let name = name.to_lowercase();
            let text = [format!("{name} xmm9,xmm4"), format!("{name} xmm2,xmm15")];
            let text = text.each_ref().map(String::as_str);
            assert_reads(
                |asm| {
                    asm.vector(*op, Xmm(9), Xmm(4));
                    asm.vector(*op, Xmm(2), Xmm(15));
                },
                &text,
            );
        }
    }

    #[test]
    fn constants_are_read_behind_the_code() {
        let mut asm = Asm::default();
        let label = asm.label();
        asm.vector(PSHUFB, Xmm(11), Rm::Code(label));
        asm.ud2();
        asm.bind(label);
        asm.link();
        assert_eq!(read(asm.code()), ["pshufb xmm11,[0Ch]", "ud2"]);
    }

    #[test]
    fn instructions_with_constants_are_read_as_they_were_meant() {
        assert_reads(
            |asm| {
                asm.vector_imm(PSHUFD, Xmm(9), Xmm(2), 0x1b);
                asm.vector_imm(PSHUFLW, Xmm(1), Xmm(12), 0);
                asm.vector_imm(SHUFPS, Xmm(1), Xmm(2), 0x88);
                asm.vector_imm(PALIGNR, Xmm(10), Xmm(2), 5);
                asm.vector_imm(INSERTPS, Xmm(1), Xmm(9), 0x20);
                asm.vector_imm(ROUNDPS, Xmm(1), Xmm(9), 8);
                asm.vector_imm(ROUNDPD, Xmm(1), Xmm(9), 11);
                asm.vector_imm(CMPPS, Xmm(1), Xmm(9), FloatCmp::Lt as u8);
                asm.vector_imm(CMPPS, Xmm(1), Xmm(9), FloatCmp::Unordered as u8);
                asm.vector_imm(CMPPD, Xmm(1), Xmm(9), FloatCmp::Ne as u8);
                asm.vector_imm(PINSRB, Xmm(9), R9, 15);
                asm.vector_imm(PINSRW, Xmm(9), Mem::at(RBX, 4), 7);
                asm.vector_imm(PINSRD, Xmm(9), R15, 3);
                asm.vector_wide_imm(PINSRD, Width::W64, Xmm(9), Mem::at(RBX, 4).into(), 1);
                asm.vector_imm(PEXTRB, Xmm(9), Mem::indexed(RBX, R9, 0), 15);
                asm.vector_imm(PEXTRW, Xmm(9), RAX, 7);
                asm.vector_imm(PEXTRD, Xmm(9), Mem::at(RBX, 4), 3);
                asm.vector_wide_imm(PEXTRD, Width::W64, Xmm(1), R15.into(), 1);
            },
            &[
                "pshufd xmm9,xmm2,1Bh",
                "pshuflw xmm1,xmm12,0h",
                "shufps xmm1,xmm2,88h",
                "palignr xmm10,xmm2,5h",
                "insertps xmm1,xmm9,20h",
                "roundps xmm1,xmm9,8h",
                "roundpd xmm1,xmm9,0Bh",
                "cmpltps xmm1,xmm9",
                "cmpunordps xmm1,xmm9",
                "cmpneqpd xmm1,xmm9",
                "pinsrb xmm9,r9d,0Fh",
                "pinsrw xmm9,[rbx+4h],7h",
                "pinsrd xmm9,r15d,3h",
                "pinsrq xmm9,[rbx+4h],1h",
                "pextrb [rbx+r9],xmm9,0Fh",
                "pextrw eax,xmm9,7h",
                "pextrd [rbx+4h],xmm9,3h",
                "pextrq r15,xmm1,1h",
            ],
        );
    }

    #[test]
    fn shifts_masks_and_fused_products_are_read_as_they_were_meant() {
        assert_reads(
            |asm| {
                asm.shift_lanes(PSRLW_IMM, Xmm(9), 8);
                asm.shift_lanes(PSRAW_IMM, Xmm(1), 8);
                asm.shift_lanes(PSLLW_IMM, Xmm(1), 8);
                asm.shift_lanes(PSRLD_IMM, Xmm(1), 8);
                asm.shift_lanes(PSRAD_IMM, Xmm(1), 8);
                asm.shift_lanes(PSLLD_IMM, Xmm(1), 8);
                asm.shift_lanes(PSRLQ_IMM, Xmm(1), 8);
                asm.shift_lanes(PSLLQ_IMM, Xmm(14), 8);
                asm.pmovmskb(R9, Xmm(14));
                asm.movmskps(RAX, Xmm(14));
                asm.movmskpd(R9, Xmm(4));
                asm.fused(Fused::Add, Width::W32, Xmm(1), Xmm(9), Xmm(12));
                asm.fused(Fused::Add, Width::W64, Xmm(9), Xmm(2), Xmm(3));
                asm.fused(Fused::NegatedAdd, Width::W32, Xmm(0), Xmm(15), Xmm(8));
                asm.fused(Fused::NegatedAdd, Width::W64, Xmm(8), Xmm(0), Xmm(7));
            },
            &[
                "psrlw xmm9,8h",
                "psraw xmm1,8h",
                "psllw xmm1,8h",
                "psrld xmm1,8h",
                "psrad xmm1,8h",
                "pslld xmm1,8h",
                "psrlq xmm1,8h",
                "psllq xmm14,8h",
                "pmovmskb r9d,xmm14",
                "movmskps eax,xmm14",
                "movmskpd r9d,xmm4",
                "vfmadd231ps xmm1,xmm9,xmm12",
                "vfmadd231pd xmm9,xmm2,xmm3",
                "vfnmadd231ps xmm0,xmm15,xmm8",
                "vfnmadd231pd xmm8,xmm0,xmm7",
            ],
        );
    }
}
