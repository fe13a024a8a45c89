//! Operands in memory.

use super::rules::Access;
use super::value::{ANY, State, U32, Value, What};
use super::{Verifier, reg};
use iced_x86::{Instruction, OpAccess, OpKind, Register};

/// The number of a general register, and its bytes.
pub(crate) fn general(register: Register) -> Option<(usize, usize)> {
    register.is_gpr().then(|| (register.full_register().number(), register.size()))
}

/// A place in memory, as an instruction names it.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) base: Value,
    /// What is added, and how many times.
    pub(crate) index: Option<(Value, u32)>,
    pub(crate) at: i64,
}

/// The place of an instruction's operand; none if it has no base, or registers that are not of 64 bits.
pub(crate) fn place(instruction: &Instruction, state: &State) -> Option<Place> {
    let value = |register| match general(register) {
        Some((number, 8)) => Some(state.regs[number]),
        _ => None,
    };
    let base = value(instruction.memory_base())?;
    let index = match instruction.memory_index() {
        Register::None => None,
        register => Some((value(register)?, instruction.memory_index_scale())),
    };
    Some(Place { base, index, at: instruction.memory_displacement64() as i64 })
}

/// The number of an instruction's operand in memory.
pub(crate) fn memory_operand(instruction: &Instruction) -> Option<u32> {
    (0..instruction.op_count()).find(|op| instruction.op_kind(*op) == OpKind::Memory)
}

impl Verifier<'_> {
    /// How an instruction accesses its operand in memory.
    fn access_of(&mut self, instruction: &Instruction, operand: u32) -> Access {
        use OpAccess::{
            CondRead, CondWrite, NoMemAccess, None, Read, ReadCondWrite, ReadWrite, Write,
        };
        let kind = self.info.info(instruction).op_access(operand);
        let reads = !matches!(kind, Write | CondWrite | NoMemAccess | None);
        let writes = !matches!(kind, Read | CondRead | NoMemAccess | None);
        debug_assert!(reads || writes || !matches!(kind, ReadWrite | ReadCondWrite));
        Access { at: 0, size: instruction.memory_size().size() as u64, reads, writes }
    }

    /// Checks the access of an instruction to its operand in memory; what it finds there.
    pub(crate) fn access(
        &mut self,
        instruction: &Instruction,
        operand: u32,
        state: &mut State,
    ) -> What {
        let access = self.access_of(instruction, operand);
        self.checked(instruction, access, state).unwrap_or_else(|why| {
            self.report(instruction, why);
            ANY
        })
    }

    fn checked(
        &mut self,
        instruction: &Instruction,
        mut access: Access,
        state: &mut State,
    ) -> Result<What, String> {
        if instruction.segment_prefix() != Register::None {
            return Err("a segment".into());
        }
        if access.size == 0 {
            return Err("an access of unknown size".into());
        }
        if instruction.is_ip_rel_memory_operand() {
            return self.constant(instruction, access);
        }
        let Some(Place { base, index, at }) = place(instruction, state) else {
            return Err("a place without a base".into());
        };
        access.at = at;
        let known = base.what;
        if matches!(known, What::Base(_) | What::Masked { .. } | What::MaskedElement { .. })
            && !self.traps.contains(&(instruction.ip() as u32))
        {
            return Err("an access that may fault and is in no table of traps".into());
        }
        if let What::Base(_) | What::Heap = known {
            let index = index.unwrap_or((Value { what: What::Const(0), id: 0 }, 1));
            let is_fine = index.1 == 1 && self.subject.is_indexed_fine(known, index.0.what, access);
            let found = if access.size == 4 { U32 } else { ANY };
            let index = index.0.what;
            return is_fine.then_some(found).ok_or_else(|| format!("{known:?} with {index:?}"));
        }
        if let Some((index, scale)) = index {
            let index = index.what;
            return Err(format!("{known:?} with {scale} times {index:?}"));
        }
        if let What::Frame(from) = known {
            return self.frame(from, access, state);
        }
        let (frame, area) = (self.frame_bytes, self.shape.area_bytes);
        let found = self.subject.find(known, access, frame, area);
        found.ok_or_else(|| format!("{known:?} at {at}"))
    }

    /// A constant behind the code.
    fn constant(&mut self, instruction: &Instruction, access: Access) -> Result<What, String> {
        let from = instruction.memory_displacement64();
        let to = from.saturating_add(access.size);
        if access.writes || to > self.function.code.len() as u64 {
            return Err("a constant outside of the code".into());
        }
        self.data.insert((from as u32, to as u32));
        Ok(ANY)
    }

    /// An access of the frame or of arguments, no lower than the stack pointer.
    fn frame(&mut self, from: i32, access: Access, state: &mut State) -> Result<What, String> {
        let What::Frame(top) = state.what(reg::RSP) else {
            return Err("the stack pointer is not known".into());
        };
        let place = Access { at: access.at + i64::from(from), ..access };
        let end = 16 + i64::from(self.shape.stack_bytes);
        if !place.is_within(top.into(), end) {
            return Err(format!("outside of the frame, at {}", place.at));
        }
        let at = place.at as i32;
        if access.writes {
            state.forget_cells(at, at + access.size as i32);
            return Ok(ANY);
        }
        let cell = state.cells.get(&at).filter(|_| access.size == 8);
        Ok(cell.copied().unwrap_or(ANY))
    }

    /// Remembers what a frame holds after a store of a register.
    pub(crate) fn remember(&self, instruction: &Instruction, what: What, state: &mut State) {
        let Some(Place { base, index: None, at }) = place(instruction, state) else { return };
        if let (What::Frame(from), true) = (base.what, what.is_kept_in_frames()) {
            state.cells.insert(from + at as i32, what);
        }
    }
}
