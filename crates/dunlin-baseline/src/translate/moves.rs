//! Values to where a call or return wants them, all at once.
//!
//! What goes to memory goes first, while all registers hold what they held; then registers to registers, each as
//! soon as nobody needs what is there, a circle by way of the scratch register; then what comes from elsewhere.

use crate::isa::x64::asm::{Asm, Label, Mem, Rm, Width};
use crate::isa::x64::regs::{Gpr, R11, Xmm};
use crate::isa::x64::vector::MOVAPS;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Gpr(Gpr),
    Xmm(Xmm),
    Mem(Mem),
    Const(u64),
    /// An address.
    Address(Mem),
    /// What stands at a label in the code, 16 bytes.
    Code(Label),
}

/// Where a value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Gpr(Gpr),
    Xmm(Xmm),
    Mem(Mem),
}

/// A value that is moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) to: Target,
    pub(crate) from: Source,
    /// 4, 8 or 16. Four bytes in a general register are extended with zeros.
    pub(crate) bytes: u8,
}

/// A vector register that nobody else uses here.
const SCRATCH: Xmm = Xmm(15);

fn width(bytes: u8) -> Width {
    if bytes == 4 { Width::W32 } else { Width::W64 }
}

/// Moves between registers of one kind: to which, from which, and the bytes.
struct Between {
    pending: [(u8, u8, u8); 16],
    count: usize,
}

/// Moves all of these.
pub(crate) fn moves(asm: &mut Asm, all: &[Move]) {
    let (mut gprs, mut xmms) = (Between::NONE, Between::NONE);
    for of in all {
        match (of.to, of.from) {
            (Target::Mem(_), _) => to_memory(asm, of),
            (Target::Gpr(to), Source::Gpr(from)) => gprs.add(to.0, from.0, of.bytes),
            (Target::Xmm(to), Source::Xmm(from)) => xmms.add(to.0, from.0, of.bytes),
            _ => {}
        }
    }
    let gpr = |asm: &mut Asm, to, from, bytes: u8| {
        // Also to where it is, to clear what is above.
        if to != from || bytes == 4 {
            asm.mov(width(bytes), Gpr(to), Gpr(from));
        }
    };
    gprs.in_turn(asm, R11.0, gpr);
    let xmm = |asm: &mut Asm, to, from, _| {
        if to != from {
            asm.movaps(Xmm(to), Xmm(from));
        }
    };
    xmms.in_turn(asm, SCRATCH.0, xmm);
    for of in all {
        match (of.to, of.from) {
            (Target::Mem(_), _)
            | (Target::Gpr(_), Source::Gpr(_))
            | (Target::Xmm(_), Source::Xmm(_)) => {}
            _ => to_register(asm, of),
        }
    }
}

impl Between {
    const NONE: Self = Self { pending: [(0, 0, 0); 16], count: 0 };

    /// Each register is moved to once.
    fn add(&mut self, to: u8, from: u8, bytes: u8) {
        self.pending[self.count] = (to, from, bytes);
        self.count += 1;
    }

    fn in_turn(mut self, asm: &mut Asm, scratch: u8, mut emit: impl FnMut(&mut Asm, u8, u8, u8)) {
        while self.count > 0 {
            let pending = &mut self.pending[..self.count];
            let is_needed = |to: u8, at: usize| {
                pending.iter().enumerate().any(|(other, (_, from, _))| other != at && *from == to)
            };
            let ready = (0..pending.len()).find(|at| !is_needed(pending[*at].0, *at));
            if let Some(at) = ready {
                let (to, from, bytes) = pending[at];
                self.count -= 1;
                pending[at] = pending[self.count];
                emit(asm, to, from, bytes);
                continue;
            }
            // A circle: whoever wants what is in the first one's way finds it in the scratch register.
            let (to, ..) = pending[0];
            emit(asm, scratch, to, 16);
            for (_, from, _) in pending.iter_mut().filter(|(_, from, _)| *from == to) {
                *from = scratch;
            }
        }
    }
}

fn to_memory(asm: &mut Asm, of: &Move) {
    let Target::Mem(to) = of.to else { return };
    match of.from {
        Source::Gpr(from) => asm.store(Width::W64, to, from),
        Source::Xmm(from) if of.bytes == 16 => asm.store_v128(to, from),
        Source::Xmm(from) => asm.store_f64(to, from),
        Source::Mem(from) if of.bytes == 16 => {
            asm.load_v128(SCRATCH, from);
            asm.store_v128(to, SCRATCH);
        }
        Source::Mem(from) => {
            asm.load(width(of.bytes), R11, from);
            asm.store(Width::W64, to, R11);
        }
        Source::Const(bits) => {
            asm.mov_imm(R11, bits);
            asm.store(Width::W64, to, R11);
        }
        Source::Address(at) => {
            asm.lea(Width::W64, R11, at);
            asm.store(Width::W64, to, R11);
        }
        Source::Code(label) => {
            asm.vector(MOVAPS, SCRATCH, Rm::Code(label));
            asm.store_v128(to, SCRATCH);
        }
    }
}

fn to_register(asm: &mut Asm, of: &Move) {
    match (of.to, of.from) {
        (Target::Gpr(to), Source::Mem(from)) => asm.load(width(of.bytes), to, from),
        (Target::Gpr(to), Source::Const(bits)) => asm.mov_imm(to, bits),
        (Target::Gpr(to), Source::Address(at)) => asm.lea(Width::W64, to, at),
        (Target::Gpr(to), Source::Xmm(from)) => asm.movd_to_gpr(width(of.bytes), to, from),
        (Target::Xmm(to), Source::Mem(from)) if of.bytes == 16 => asm.load_v128(to, from),
        (Target::Xmm(to), Source::Mem(from)) if of.bytes == 4 => asm.load_f32(to, from),
        (Target::Xmm(to), Source::Mem(from)) => asm.load_f64(to, from),
        (Target::Xmm(to), Source::Const(bits)) => {
            asm.mov_imm(R11, bits);
            asm.movd_to_xmm(width(of.bytes), to, R11);
        }
        (Target::Xmm(to), Source::Code(label)) => asm.vector(MOVAPS, to, Rm::Code(label)),
        (Target::Xmm(to), Source::Gpr(from)) => asm.movd_to_xmm(width(of.bytes), to, from),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What registers hold after the moves, if each held its own number: by running the code in the head.
    fn run(pairs: &[(u8, u8)]) -> [u8; 16] {
        let mut asm = Asm::default();
        let all: Vec<Move> = pairs
            .iter()
            .map(|(to, from)| Move {
                to: Target::Gpr(Gpr(*to)),
                from: Source::Gpr(Gpr(*from)),
                bytes: 8,
            })
            .collect();
        moves(&mut asm, &all);
        let mut held: [u8; 16] = std::array::from_fn(|number| number as u8);
        for of in asm.code().chunks(3) {
            let [rex, 0x8b, modrm] = *of else { panic!("not a move of registers: {of:x?}") };
            let (to, from) = ((rex & 4) << 1 | modrm >> 3 & 7, (rex & 1) << 3 | modrm & 7);
            held[to as usize] = held[from as usize];
        }
        held
    }

    #[test]
    fn all_values_arrive_whatever_is_in_the_way() {
        let cases: [&[(u8, u8)]; 5] = [
            &[(0, 1), (1, 0)],
            &[(0, 1), (1, 2), (2, 3)],
            &[(0, 1), (1, 2), (2, 0), (6, 0), (7, 0)],
            &[(8, 9), (9, 8), (0, 0), (1, 2)],
            &[(0, 3), (1, 3), (3, 0), (2, 1), (6, 7), (7, 6)],
        ];
        for case in cases {
            let held = run(case);
            for (to, from) in case {
                assert_eq!(held[*to as usize], *from, "{case:?}");
            }
        }
    }
}
