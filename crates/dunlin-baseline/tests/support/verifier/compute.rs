//! Instructions that compute: what is known of what they write.
//!
//! Whatever is not listed gives numbers: of 32 bits where it writes a register of 32 bits, any otherwise.

use super::access::{Place, general, memory_operand, place};
use super::rules::OBJECT_BYTES_MAX;
use super::value::{ANY, Flags, State, U32, Value, What, up_to};
use super::{Verifier, reg};
use dunlin_module::STATIC_ELEMENT_BYTES;
use dunlin_module::layout::{
    CARD_SHIFT, func_record, object, store_context, table_def, type_record,
};
use iced_x86::{Instruction, Mnemonic, OpAccess, OpKind, Register};

/// No place in the heap's cards is further: the heap has 4 GiB, and its last object may begin at their end.
const CARD_MAX: u64 = ((1 << 32) + OBJECT_BYTES_MAX) >> CARD_SHIFT;

/// An operand that is read: where it is known, and whether it is of 64 bits.
#[derive(Clone, Copy)]
struct Source {
    value: Value,
    /// The place in memory that it was read from.
    place: Option<Place>,
}

impl Verifier<'_> {
    /// Executes an instruction behind which the next one follows.
    pub(crate) fn compute(&mut self, instruction: &Instruction, state: &mut State) {
        if self.is_odd(instruction)
            || self.is_stack_operator(instruction, state)
            || self.branch_entry(instruction, state)
        {
            return;
        }
        let operand = memory_operand(instruction)
            .filter(|_| !matches!(instruction.mnemonic(), Mnemonic::Lea | Mnemonic::Nop));
        // Places are made of what registers held before.
        let from = operand.and_then(|_| place(instruction, state));
        let found = operand.map(|operand| self.access(instruction, operand, state));
        let before = state.clone();
        self.write_numbers(instruction, state);
        if instruction.rflags_modified() != 0 {
            state.flags = Flags::Unknown;
        }
        let source = match (instruction.op_count(), found) {
            (0 | 1, _) => return,
            (_, Some(what)) if operand == Some(1) => Value { what, id: u64::MAX },
            _ => match general(instruction.op1_register()) {
                Some((number, _)) => before.regs[number],
                None => {
                    let what = instruction.try_immediate(1).map_or(ANY, What::Const);
                    Value { what, id: u64::MAX }
                }
            },
        };
        let place = from.filter(|_| operand == Some(1));
        let source = Source { value: source, place };
        match general(instruction.op0_register()) {
            Some((to, 8)) => self.wide(instruction, (to, source), &before, state),
            Some((to, 4)) => narrow(instruction, (to, source), &before, state),
            _ => self.to_memory(instruction, from.filter(|_| operand == Some(0)), source, state),
        }
    }

    /// Instructions that no code of this tier has, though they would go on.
    fn is_odd(&mut self, instruction: &Instruction) -> bool {
        use OpKind::{
            MemoryESDI, MemorySegDI, MemorySegEDI, MemorySegESI, MemorySegRDI, MemorySegRSI,
        };
        let has_hidden = (0..instruction.op_count()).any(|op| {
            let kind = instruction.op_kind(op);
            let of_strings =
                [MemoryESDI, MemorySegDI, MemorySegEDI, MemorySegESI, MemorySegRDI, MemorySegRSI];
            of_strings.contains(&kind)
        });
        let is_odd =
            instruction.is_privileged() || instruction.is_string_instruction() || has_hidden;
        if is_odd {
            self.report(instruction, "an instruction that this tier has no use for");
        }
        is_odd
    }

    /// Executes `push`, `pop` and `leave`.
    fn is_stack_operator(&mut self, instruction: &Instruction, state: &mut State) -> bool {
        let (at, mnemonic) = (instruction.ip() as u32, instruction.mnemonic());
        if !matches!(mnemonic, Mnemonic::Push | Mnemonic::Pop | Mnemonic::Leave) {
            if instruction.is_stack_instruction() {
                self.report(instruction, "an instruction that this tier has no use for");
            }
            return false;
        }
        let register = general(instruction.op0_register()).map(|(number, _)| number);
        let pointer = if mnemonic == Mnemonic::Leave { reg::RBP } else { reg::RSP };
        let What::Frame(top) = state.what(pointer) else {
            self.report(instruction, "the stack pointer is not known");
            return true;
        };
        match (mnemonic, register) {
            (Mnemonic::Push, Some(register)) => {
                let what = state.what(register);
                state.forget_cells(top - 8, top);
                if what.is_kept_in_frames() {
                    state.cells.insert(top - 8, what);
                }
                state.set(reg::RSP, What::Frame(top - 8), at);
            }
            (Mnemonic::Leave, _) | (Mnemonic::Pop, Some(_)) => {
                let what = state.cells.get(&top).copied().unwrap_or(ANY);
                state.set(register.unwrap_or(reg::RBP), what, at);
                state.set(reg::RSP, What::Frame(top + 8), at);
            }
            _ => self.report(instruction, "an instruction that this tier has no use for"),
        }
        true
    }

    /// Executes the load of an entry of a table of branches.
    fn branch_entry(&self, instruction: &Instruction, state: &mut State) -> bool {
        if instruction.mnemonic() != Mnemonic::Movsxd {
            return false;
        }
        let Some(Place { base, index: Some((index, 4)), at: 0 }) = place(instruction, state) else {
            return false;
        };
        let (What::BranchTable(table), Some((to, 8))) =
            (base.what, general(instruction.op0_register()))
        else {
            return false;
        };
        let Ok(most) = u32::try_from(index.what.max()) else { return false };
        if most as usize >= self.function.code.len() {
            return false;
        }
        state.set(to, What::BranchEntry { table, most }, instruction.ip() as u32);
        true
    }

    /// Writes numbers to all registers that an instruction changes.
    fn write_numbers(&mut self, instruction: &Instruction, state: &mut State) {
        let at = instruction.ip() as u32;
        let bytes = implied_bytes(instruction);
        let written: Vec<(usize, usize, bool)> = self
            .info
            .info(instruction)
            .used_registers()
            .iter()
            .filter_map(|used| {
                use OpAccess::{CondWrite, ReadCondWrite, ReadWrite, Write};
                let is_maybe = matches!(used.access(), CondWrite | ReadCondWrite);
                let is_written = matches!(used.access(), Write | ReadWrite) || is_maybe;
                let (number, size) = general(used.register()).filter(|_| is_written)?;
                let named = (0..instruction.op_count())
                    .filter_map(|op| general(instruction.op_register(op)))
                    .find(|(of, _)| *of == number);
                let size = named.map_or(size.min(bytes), |(_, size)| size);
                Some((number, size, is_maybe))
            })
            .collect();
        for (number, size, is_maybe) in written {
            let before = state.what(number);
            // What is not written whole stays what it is above.
            let keeps = if before.is_narrow() { U32 } else { ANY };
            let what = match size {
                8 => ANY,
                4 if is_maybe => keeps,
                4 => U32,
                _ => keeps,
            };
            state.set(number, what, at);
        }
    }

    /// What writes a register of 64 bits.
    fn wide(
        &mut self,
        instruction: &Instruction,
        (to, source): (usize, Source),
        before: &State,
        state: &mut State,
    ) {
        use Mnemonic as M;
        let at = instruction.ip() as u32;
        let (own, value) = (before.regs[to], source.value);
        let number = if instruction.op_count() == 3 { instruction.immediate(2) } else { 0 };
        let what = match instruction.mnemonic() {
            M::Mov if source.place.is_none() && value.id != u64::MAX => {
                state.regs[to] = value;
                return;
            }
            M::Mov => self.constant_or_found(instruction, value.what),
            M::Movzx => narrow_load(instruction),
            M::Lea => self.address(instruction, before),
            M::Add => sum(own.what, source),
            M::Sub => {
                self.note_frame(instruction, (to, own.what), value.what);
                difference(own.what, source)
            }
            M::Imul if instruction.op_count() == 3 => product(value.what, number),
            M::Shr => shifted(own.what, value.what),
            M::Cmova | M::Cmovae => chosen(instruction.mnemonic(), (own, source), before.flags),
            M::Cmp | M::Test => {
                state.regs[to] = own;
                state.flags = compared(instruction.mnemonic(), (own, source), 8);
                return;
            }
            M::Xor if is_same(instruction) => What::Const(0),
            _ if is_conditional_move(instruction) => own.what.join(value.what),
            _ => return,
        };
        state.set(to, what, at);
        if instruction.mnemonic() == M::Add {
            state.flags = Flags::Sum(state.regs[to].id);
        }
    }

    /// Notes how large the frame is: what is taken off the stack pointer where it is the frame pointer.
    fn note_frame(&mut self, instruction: &Instruction, own: (usize, What), by: What) {
        let (What::Const(bytes), true) = (by, own == (reg::RSP, What::Frame(0))) else { return };
        let is_first = self.frame_bytes == 0;
        if !is_first && u64::from(self.frame_bytes) != bytes {
            self.report(instruction, "frames of more than one size");
        }
        self.frame_bytes = bytes as u32;
    }

    /// What a move of a constant or from memory gives.
    fn constant_or_found(&self, instruction: &Instruction, what: What) -> What {
        let place = (instruction.next_ip() as u32).wrapping_sub(8);
        match self.builtins.get(&place) {
            Some(builtin) if instruction.op1_kind() == OpKind::Immediate64 => {
                What::Builtin(*builtin)
            }
            _ => what,
        }
    }

    /// What `lea` gives.
    fn address(&self, instruction: &Instruction, state: &State) -> What {
        if instruction.is_ip_rel_memory_operand() {
            let target = instruction.memory_displacement64() as u32;
            let is_way = self.ways.contains(&target);
            return if is_way { What::Way } else { What::BranchTable(target) };
        }
        let Some(Place { base, index, at }) = place(instruction, state) else { return ANY };
        let Some((index, scale)) = index else { return displaced(base.what, at) };
        if let (What::Statics, max) = (base.what, index.what.max()) {
            let elements = self.subject.tables.to_bytes().len() as u64;
            let end = max.checked_mul(scale.into()).and_then(|end| end.checked_add_signed(at));
            let end = end.and_then(|end| end.checked_add(STATIC_ELEMENT_BYTES as u64));
            let is_fine =
                scale == 8 && at >= 0 && at % 8 == 0 && end.is_some_and(|end| end <= elements);
            return if is_fine { What::StaticElement } else { ANY };
        }
        if at == 0 { related(base, index, scale) } else { ANY }
    }

    /// What compares or writes memory.
    fn to_memory(
        &self,
        instruction: &Instruction,
        place: Option<Place>,
        source: Source,
        state: &mut State,
    ) {
        let Some(place) = place else { return };
        let bytes = instruction.memory_size().size();
        match (instruction.mnemonic(), source.value.what) {
            (Mnemonic::Mov, what) if bytes == 8 => self.remember(instruction, what, state),
            (Mnemonic::Cmp, What::Const(places)) if bytes == 8 => {
                let is_len = place.at == type_record::LEN as i64;
                if let (What::TypeRecord, true) = (place.base.what, is_len && places < 1 << 16) {
                    state.flags = Flags::Line(places as u32);
                }
            }
            _ => {}
        }
    }

    /// Executes a loop over slots of the frame, if there is one at the start of a block: one that clears them, or one
    /// that copies locals to them. How often such loops run stands in registers; where they end.
    pub(crate) fn execute_slot_loop(&mut self, start: u32, state: &mut State) -> Option<u32> {
        let (mut all, mut at) = (Vec::new(), start);
        while all.len() < 6 {
            let instruction = self.decode(at)?;
            at = instruction.next_ip() as u32;
            all.push(instruction);
            if instruction.is_jcc_short_or_near() || super::flow::is_end(&instruction) {
                break;
            }
        }
        let last = all.last().filter(|last| super::flow::target(last) == Some(start))?;
        let slot_loop = slot_loop(&all, state)?;
        let SlotLoop { lowest, count, pointer, counter } = slot_loop;
        let end = lowest.checked_add(8 * count)?;
        let What::Frame(top) = state.what(reg::RSP) else { return None };
        // What the function keeps for its caller is no slot.
        let is_kept = state.cells.keys().any(|cell| *cell + 8 > lowest && *cell < end);
        if count < 1 || lowest < top || end > 0 || is_kept {
            self.report(last, "a loop over what are no slots");
        }
        for register in [pointer, counter, 11] {
            state.set(register, ANY, start);
        }
        state.flags = Flags::Unknown;
        Some(at)
    }
}

/// A loop over slots of the frame.
struct SlotLoop {
    lowest: i32,
    count: i32,
    pointer: usize,
    counter: usize,
}

/// What the instructions of such a loop do, the last of which jumps to the first.
fn slot_loop(all: &[Instruction], state: &State) -> Option<SlotLoop> {
    use Mnemonic as M;
    let mnemonics: Vec<Mnemonic> = all.iter().map(Instruction::mnemonic).collect();
    let is_register =
        |of: &Instruction, number| general(of.op0_register()).map(|of| of.0) == Some(number);
    let clears = mnemonics == [M::Mov, M::Add, M::Sub, M::Jne];
    let copies = mnemonics == [M::Mov, M::Mov, M::Sub, M::Add, M::Cmp, M::Jb];
    if !clears && !copies {
        return None;
    }
    // What moves the pointer, what counts, and what stores.
    let store = if clears { &all[0] } else { &all[1] };
    let (moves, counts) = if clears { (&all[1], &all[2]) } else { (&all[2], &all[3]) };
    let (pointer, _) = general(moves.op0_register())?;
    let (counter, _) = general(counts.op0_register())?;
    let Place { base, index: None, at: 0 } = place(store, state)? else { return None };
    let What::Frame(first) = base.what else { return None };
    let is_store = store.memory_size().size() == 8
        && store.op0_kind() == OpKind::Memory
        && general(store.memory_base()).map(|of| of.0) == Some(pointer);
    let steps = moves.immediate(1) == 8 && counts.immediate(1) == 1;
    if !is_store || !steps || pointer == counter {
        return None;
    }
    if clears {
        let What::Const(count) = state.what(counter) else { return None };
        return Some(SlotLoop { lowest: first, count: count.try_into().ok()?, pointer, counter });
    }
    // The slots that it reads are as many as it writes.
    let (load, compare) = (&all[0], &all[4]);
    let from = place(load, state)?;
    let reads = from.base.what == What::LoopSlots
        && from.at == 0
        && load.memory_index_scale() == 8
        && general(load.memory_index()).map(|of| of.0) == Some(counter)
        && is_register(load, 11)
        && pointer != 11;
    if !reads || state.what(counter) != What::Const(0) || !is_register(compare, counter) {
        return None;
    }
    let count = i32::try_from(compare.immediate(1)).ok()?;
    let lowest = first.checked_sub(8 * count.checked_sub(1)?)?;
    Some(SlotLoop { lowest, count, pointer, counter })
}

/// Bytes of what an instruction writes that it does not name.
fn implied_bytes(instruction: &Instruction) -> usize {
    use Mnemonic as M;
    let named = |op| general(instruction.op_register(op)).map(|(_, size)| size);
    let first = || named(0).unwrap_or_else(|| instruction.memory_size().size());
    match instruction.mnemonic() {
        M::Cdq => 4,
        M::Mul | M::Imul | M::Div | M::Idiv => first(),
        M::Cmpxchg => named(1).unwrap_or(8),
        _ => 8,
    }
}

fn is_same(instruction: &Instruction) -> bool {
    instruction.op0_register() == instruction.op1_register()
        && instruction.op0_register() != Register::None
}

fn is_conditional_move(instruction: &Instruction) -> bool {
    let code = instruction.condition_code() != iced_x86::ConditionCode::None;
    code && instruction.op_count() == 2
}

/// What is loaded of one or two bytes.
fn narrow_load(instruction: &Instruction) -> What {
    let named = general(instruction.op1_register()).map(|(_, size)| size);
    match named.unwrap_or_else(|| instruction.memory_size().size()) {
        1 => up_to(u8::MAX.into()),
        _ => up_to(u16::MAX.into()),
    }
}

/// What writes a register of 32 bits.
fn narrow(
    instruction: &Instruction,
    (to, source): (usize, Source),
    before: &State,
    state: &mut State,
) {
    use Mnemonic as M;
    let at = instruction.ip() as u32;
    let (own, value) = (before.regs[to], source.value);
    let what = match instruction.mnemonic() {
        M::Mov if value.id == u64::MAX => match value.what {
            What::Const(value) => What::Const(value & u64::from(u32::MAX)),
            what if what.is_narrow() => what,
            _ => U32,
        },
        M::Mov if value.what.is_narrow() => {
            state.regs[to] = value;
            return;
        }
        M::Movzx => narrow_load(instruction),
        M::Xor | M::Sub if is_same(instruction) => What::Const(0),
        M::Cmp | M::Test => {
            state.regs[to] = own;
            state.flags = compared(instruction.mnemonic(), (own, source), 4);
            return;
        }
        M::Cmova | M::Cmovae if own.what.is_narrow() && value.what.is_narrow() => {
            match chosen(instruction.mnemonic(), (own, source), before.flags) {
                what if what.is_narrow() => what,
                _ => U32,
            }
        }
        _ => return,
    };
    state.set(to, what, at);
}

/// What flags say of a comparison of so many bytes.
fn compared(mnemonic: Mnemonic, (own, source): (Value, Source), bytes: u32) -> Flags {
    let value = source.value;
    if mnemonic == Mnemonic::Test {
        let is_zero_test = own.id == value.id && (bytes == 8 || own.what.is_narrow());
        let is_constant = matches!(own.what, What::Const(of) if of != 0);
        return if is_zero_test { Flags::Zero(own.id, is_constant) } else { Flags::Unknown };
    }
    let Some(place) = source.place else {
        return match (own.what, value.what) {
            (What::Reach { index, bytes, wraps: false, .. }, What::Len(memory)) => {
                Flags::Memory { memory, index, bytes }
            }
            (_, What::Const(number)) if bytes == 8 => Flags::Immediate(own.id, number),
            (what, What::Const(number)) if what.is_narrow() => {
                Flags::Immediate(own.id, number & u64::from(u32::MAX))
            }
            _ => Flags::Unknown,
        };
    };
    match (place.base.what, place.index, place.at as usize, bytes) {
        (What::Heap, Some((array, 1)), object::LENGTH, 4) if own.what.is_narrow() => {
            Flags::Array { array: array.id, index: own.id }
        }
        (What::TableDef(table), None, table_def::LEN, 8) => Flags::Table { table, index: own.id },
        (What::Store, None, store_context::TYPE_COUNT, 8) => Flags::TypeCount(own.id),
        _ => Flags::Unknown,
    }
}

/// What a move gives that is made if something is above, or not below, what it was compared with.
fn chosen(mnemonic: Mnemonic, (own, source): (Value, Source), flags: Flags) -> What {
    let is_above = mnemonic == Mnemonic::Cmova;
    let either = own.what.join(source.value.what);
    if let (What::Const(0), Flags::Line(places), Some(place), true) =
        (own.what, flags, source.place, is_above)
    {
        // A line that is shorter is one at address zero.
        let is_line = place.base.what == What::TypeRecord && place.at == type_record::LINE as i64;
        return if is_line { What::Line(places + 1) } else { either };
    }
    let What::Const(other) = source.value.what else { return either };
    match (own.what, flags) {
        (
            What::Address { memory, index, offset },
            Flags::Memory { memory: of, index: compared, bytes },
        ) if other == 0 && is_above && (memory, index) == (of, compared) && offset <= bytes => {
            What::Masked { room: bytes - offset }
        }
        (What::Element { array, index, stride }, Flags::Array { array: of, index: compared })
            if other == 0 && !is_above && (array, index) == (of, compared) =>
        {
            What::MaskedElement { stride }
        }
        (What::TableElement { table, index }, Flags::Table { table: of, index: compared })
            if other == 0 && !is_above && (table, index) == (of, compared) =>
        {
            What::MaskedTableElement
        }
        (_, Flags::TypeCount(id)) if id == own.id && other == 0 && !is_above => What::TypeIndex,
        (_, Flags::Immediate(id, most)) if id == own.id && other <= most && is_above => up_to(most),
        (_, Flags::Immediate(id, count)) if id == own.id && other < count && !is_above => {
            up_to(count - 1)
        }
        _ => either,
    }
}

/// A value with a displacement added.
fn displaced(what: What, at: i64) -> What {
    match (what, u64::try_from(at)) {
        (What::Frame(from), _) => What::Frame(from + at as i32),
        (what, Ok(at)) => what.max().checked_add(at).map_or(ANY, up_to),
        _ => ANY,
    }
}

/// The sum of two values, the second some times.
fn related(base: Value, index: Value, scale: u32) -> What {
    let sum = index.what.max().checked_mul(scale.into());
    match (base.what, scale) {
        (What::Base(memory), 1) => What::Address { memory, index: index.id, offset: 0 },
        (What::Address { memory, index: of, offset }, 1) => match index.what {
            What::Const(more) => match offset.checked_add(more) {
                Some(offset) => What::Address { memory, index: of, offset },
                None => ANY,
            },
            _ => ANY,
        },
        (What::Heap, 1) if index.what.is_narrow() => What::ObjectOf { array: index.id },
        (What::ObjectOf { array }, _) if index.what.is_narrow() => {
            What::Element { array, index: index.id, stride: scale }
        }
        (What::Element { array, index: of, stride: 8 }, 8) if of == index.id => {
            What::Element { array, index: of, stride: 16 }
        }
        (What::TableBase(table), 4) => What::TableElement { table, index: index.id },
        (What::Code, 8) if index.what == What::StaticCode => What::CodeCell,
        (what, _) => sum.and_then(|sum| what.max().checked_add(sum)).map_or(ANY, up_to),
    }
}

/// What `add` gives.
fn sum(own: What, source: Source) -> What {
    let what = source.value.what;
    if let Some(place) = source.place {
        let of_store = (place.base.what == What::Store).then_some(place.at as usize);
        return match (own, of_store) {
            (What::FuncOffset, Some(store_context::FUNCS)) => What::FuncRecord,
            (What::TypeOffset, Some(store_context::TYPES)) => What::TypeRecord,
            (_, Some(store_context::CARDS)) if own.max() <= CARD_MAX => What::Card,
            _ => ANY,
        };
    }
    match (own, what) {
        (What::Frame(at), What::Const(bytes)) => What::Frame(at.wrapping_add(bytes as i32)),
        (What::HeapOffset, What::Const(bytes)) if bytes == object::ELEMENTS as u64 => own,
        (What::TypeOffset, What::Types) => What::TypeRecord,
        (What::Heap, what) if what.is_narrow() => What::Object,
        (What::BranchTable(of), What::BranchEntry { table, most }) if of == table => {
            What::BranchTarget { table, most }
        }
        (What::Const(bytes), _) if source.value.id != u64::MAX => {
            let max = what.max().checked_add(bytes);
            let (wraps, max) = (max.is_none(), max.unwrap_or(u64::MAX));
            What::Reach { index: source.value.id, bytes, max, wraps }
        }
        _ => own.max().checked_add(what.max()).map_or(ANY, up_to),
    }
}

/// What `sub` gives.
fn difference(own: What, source: Source) -> What {
    match (own, source.value.what, source.place) {
        (What::Frame(at), What::Const(bytes), None) => What::Frame(at.wrapping_sub(bytes as i32)),
        // An access through it has gone well, so that it is no longer zero.
        (What::MaskedElement { .. }, What::Heap, Some(_)) => What::HeapOffset,
        _ => ANY,
    }
}

/// A reference, or the index of a type, times the bytes of a record.
fn product(what: What, bytes: u64) -> What {
    match what {
        What::TypeIndex if bytes == type_record::BYTES as u64 => What::TypeOffset,
        _ if what.is_narrow() && bytes == func_record::BYTES as u64 => What::FuncOffset,
        _ => ANY,
    }
}

/// What `shr` gives.
fn shifted(own: What, by: What) -> What {
    match (own, by) {
        (What::HeapOffset, What::Const(by)) if by == CARD_SHIFT.into() => up_to(CARD_MAX),
        (_, What::Const(by)) if by < 64 => up_to(own.max() >> by),
        _ => ANY,
    }
}
