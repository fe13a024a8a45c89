//! A module's native code as plain data: laid out, not yet at any address.
//!
//! It is what a compiler's units become before they are placed in memory, and what an artifact holds.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use dunlin_core::TrapCode;
use dunlin_module::compile::{CallHandler, Relocation};
use dunlin_module::{CompiledFunction, InlinedCall, Module, Unit};

/// Alignment of a unit at least: that of a line of the instruction cache's fetches.
const UNIT_ALIGNMENT: usize = 16;

/// Alignment of parts that are joined: no unit asks for more.
const PART_ALIGNMENT: usize = 64;

/// Bytes of a reference.
const WORD_BYTES: u32 = 4;

/// Bytes of a frame of compiled code at most: none is larger than the stack, which is limited.
const FRAME_BYTES_MAX: u32 = 1 << 28;

/// Bytes of an address that is filled in.
pub(super) const ADDRESS_BYTES: usize = 8;

/// A module's units in the order in which they lie in memory. Offsets are from the first byte of `code`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeImage<'a> {
    /// The code. Where an address of a builtin belongs, its bytes say nothing.
    pub code: Cow<'a, [u8]>,
    /// Start and end of each unit, ascending, and the units too.
    pub units: Vec<(u32, u32, Unit)>,
    /// Addresses to fill in.
    pub relocations: Vec<Relocation>,
    /// Instructions that trap by faulting, ascending, and why they do.
    pub traps: Vec<(u32, TrapCode)>,
    /// From where on code is of the operator at an offset of the module, ascending; `u32::MAX` is none, and from
    /// [`InlinedCall::FIRST_WORD`] on words are of operators in `inlined`.
    pub source: Vec<(u32, u32)>,
    /// Addresses that calls return to, ascending, and where in `map_words` it begins which words of the
    /// frame are references meanwhile.
    pub maps: Vec<(u32, u32)>,
    /// How many bytes below the frame pointer references are.
    pub map_words: Vec<u32>,
    /// Calls behind which exceptions may be caught, by where they return to.
    pub handlers: Vec<CallHandler>,
    /// Calls in whose place bodies stand, by their words.
    pub inlined: Vec<InlinedCall>,
    /// `None` if it is the code of a whole module, and the units ascend. Otherwise it is a *part*: units in any order,
    /// and what they need to be there, ascending and each once.
    pub needs: Option<Vec<Unit>>,
}

/// Words of sources: those of a unit, which begin anew for each, become words of the image.
struct Words {
    /// What is added.
    shift: u32,
    /// The first word of the image that is not taken.
    end: u32,
}

impl Words {
    fn of_image(&mut self, word: u32) -> Option<u32> {
        if !(InlinedCall::FIRST_WORD..InlinedCall::NO_FRAME).contains(&word) {
            return Some(word);
        }
        let word = word.checked_add(self.shift).filter(|word| *word < InlinedCall::NO_FRAME)?;
        self.end = self.end.max(word + 1);
        Some(word)
    }
}

/// Units that have been laid out: an image without code, and the code where it is.
pub(super) struct Layout<'u> {
    pub(super) tables: CodeImage<'static>,
    pub(super) code: Code<'u>,
}

/// The code of units, each still with its own.
pub(super) struct Code<'u> {
    /// Bytes in all.
    pub(super) bytes: usize,
    /// Where each unit's code belongs.
    units: Vec<(usize, &'u [u8])>,
}

impl Code<'_> {
    /// Writes all code to zeroed memory of as many bytes.
    pub(super) fn write(&self, target: &mut [u8]) {
        for (start, code) in &self.units {
            target[*start..start + code.len()].copy_from_slice(code);
        }
    }
}

impl<'u> Layout<'u> {
    /// Lays units out, as [`CodeImage::lay_out`] does.
    pub(super) fn of(units: &'u [(Unit, CompiledFunction)]) -> Option<Self> {
        let mut image = CodeImage::with_room_for(units);
        let mut code = Code { bytes: 0, units: Vec::with_capacity(units.len()) };
        let mut next_word = InlinedCall::FIRST_WORD;
        for (unit, compiled) in units {
            let alignment = UNIT_ALIGNMENT.max(compiled.alignment as usize);
            let start = u32::try_from(code.bytes.checked_next_multiple_of(alignment)?).ok()?;
            code.units.push((start as usize, &compiled.code));
            code.bytes = start as usize + compiled.code.len();
            let end = u32::try_from(code.bytes).ok()?;
            image.units.push((start, end, *unit));
            let relocations = compiled.relocations.iter();
            image
                .relocations
                .extend(relocations.map(|r| Relocation { offset: start + r.offset, ..*r }));
            image.traps.extend(compiled.traps.iter().map(|(at, code)| (start + at, *code)));
            let mut words = Words { shift: next_word - InlinedCall::FIRST_WORD, end: next_word };
            image.source.push((start, u32::MAX));
            for (at, word) in &compiled.source {
                image.source.push((start + at, words.of_image(*word)?));
            }
            image.source.push((end, u32::MAX));
            for call in &compiled.inlined {
                let (word, caller) = (words.of_image(call.word)?, words.of_image(call.caller)?);
                image.inlined.push(InlinedCall { word, caller, ..*call });
            }
            next_word = words.end;
            for (behind, words) in &compiled.maps {
                image.maps.push((start + behind, u32::try_from(image.map_words.len()).ok()?));
                image.map_words.extend_from_slice(words);
            }
            image.handlers.extend(compiled.handlers.iter().map(|of| CallHandler {
                returns_to: start + of.returns_to,
                handler: start + of.handler,
                ..*of
            }));
        }
        Some(Self { tables: image, code })
    }
}

impl CodeImage<'_> {
    /// Lays units out, which ascend. `None` if they are more than 32-bit offsets can tell apart.
    #[must_use]
    pub fn lay_out(units: &[(Unit, CompiledFunction)]) -> Option<Self> {
        let Layout { tables, code } = Layout::of(units)?;
        let mut bytes = alloc::vec![0; code.bytes];
        code.write(&mut bytes);
        Some(Self { code: bytes.into(), ..tables })
    }

    /// An image of nothing, with memory for what is to be laid out but the code.
    fn with_room_for(units: &[(Unit, CompiledFunction)]) -> Self {
        let count =
            |of: fn(&CompiledFunction) -> usize| units.iter().map(|(_, unit)| of(unit)).sum();
        let mut image = Self::default();
        image.units.reserve(units.len());
        image.relocations.reserve(count(|unit| unit.relocations.len()));
        image.traps.reserve(count(|unit| unit.traps.len()));
        image.source.reserve(count(|unit| unit.source.len() + 2));
        image.maps.reserve(count(|unit| unit.maps.len()));
        image
    }

    /// Lays units out as a part of a module's code. `None` as for [`lay_out`](Self::lay_out).
    #[must_use]
    pub fn lay_out_part(units: &[(Unit, CompiledFunction)]) -> Option<Self> {
        let mut needs: Vec<Unit> =
            units.iter().flat_map(|(_, compiled)| compiled.needs.iter().copied()).collect();
        needs.sort_unstable();
        needs.dedup();
        Some(Self { needs: Some(needs), ..Self::lay_out(units)? })
    }

    /// One part of this one and another, of the same module: units of both must be different. `None` if they are more
    /// than 32-bit offsets can tell apart.
    #[must_use]
    pub fn join(mut self, other: &CodeImage<'_>) -> Option<Self> {
        let code = self.code.to_mut();
        code.resize(code.len().next_multiple_of(PART_ALIGNMENT), 0);
        let start = u32::try_from(code.len()).ok()?;
        code.extend_from_slice(&other.code);
        u32::try_from(code.len()).ok()?;
        let words = u32::try_from(self.map_words.len()).ok()?;
        let last = self.inlined.iter().map(|call| call.word);
        let used =
            self.source.iter().map(|(_, word)| *word).filter(|word| *word < InlinedCall::NO_FRAME);
        let next = last.chain(used).max().map_or(InlinedCall::FIRST_WORD, |word| word + 1);
        let shift = next.saturating_sub(InlinedCall::FIRST_WORD);
        let mut of = Words { shift, end: next };
        self.units
            .extend(other.units.iter().map(|(from, to, unit)| (start + from, start + to, *unit)));
        let moved = |r: &Relocation| Relocation { offset: start + r.offset, ..*r };
        self.relocations.extend(other.relocations.iter().map(moved));
        self.traps.extend(other.traps.iter().map(|(at, code)| (start + at, *code)));
        for (at, word) in &other.source {
            self.source.push((start + at, of.of_image(*word)?));
        }
        for call in &other.inlined {
            let (word, caller) = (of.of_image(call.word)?, of.of_image(call.caller)?);
            self.inlined.push(InlinedCall { word, caller, ..*call });
        }
        self.maps.extend(other.maps.iter().map(|(behind, at)| (start + behind, words + at)));
        self.map_words.extend_from_slice(&other.map_words);
        self.handlers.extend(other.handlers.iter().map(|handler| CallHandler {
            returns_to: start + handler.returns_to,
            handler: start + handler.handler,
            ..*handler
        }));
        let mut needs = self.needs.unwrap_or_default();
        needs.extend(other.needs.iter().flatten());
        needs.sort_unstable();
        needs.dedup();
        Some(Self { needs: Some(needs), ..self })
    }

    /// The same image, which borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> CodeImage<'static> {
        CodeImage {
            code: Cow::Owned(self.code.into_owned()),
            units: self.units,
            relocations: self.relocations,
            traps: self.traps,
            source: self.source,
            maps: self.maps,
            map_words: self.map_words,
            handlers: self.handlers,
            inlined: self.inlined,
            needs: self.needs,
        }
    }

    /// Holds what the image says against the module whose code it is.
    ///
    /// # Errors
    ///
    /// What is wrong: an offset beyond the code, a table that does not ascend, a unit that the module
    /// does not have, or one that is missing.
    pub fn check(&self, module: &Module) -> Result<(), &'static str> {
        let len = self.code.len();
        if u32::try_from(len).is_err() {
            return Err("more code than 32-bit offsets reach");
        }
        match &self.needs {
            None => self.check_units(module)?,
            Some(needs) => self.check_part(module, needs)?,
        }
        let in_code = |offset: u32, bytes: usize| offset as usize + bytes <= len;
        if !self.relocations.iter().all(|r| in_code(r.offset, ADDRESS_BYTES)) {
            return Err("a relocation beyond the code");
        }
        if !self.traps.is_sorted_by(|a, b| a.0 < b.0)
            || self.traps.last().is_some_and(|(at, _)| !in_code(*at, 1))
        {
            return Err("a table of traps that does not ascend within the code");
        }
        if !self.source.is_sorted_by_key(|(at, _)| *at)
            || self.source.last().is_some_and(|(at, _)| !in_code(*at, 0))
        {
            return Err("a table of sources that does not ascend within the code");
        }
        if !self.handlers.is_sorted_by(|a, b| a.returns_to < b.returns_to)
            || !self.handlers.iter().all(|of| in_code(of.returns_to.max(of.handler), 1))
        {
            return Err("a table of handlers that does not ascend within the code");
        }
        self.check_inlined(module)?;
        self.check_maps()
    }

    /// Calls in whose place bodies stand ascend, and are of functions that the module has.
    fn check_inlined(&self, module: &Module) -> Result<(), &'static str> {
        let is_sound = |call: &InlinedCall| {
            call.word >= InlinedCall::FIRST_WORD
                && call.caller < call.word
                && module.body_range(call.func).is_some_and(|body| body.start == call.body as usize)
        };
        if !self.inlined.is_sorted_by(|a, b| a.word < b.word) || !self.inlined.iter().all(is_sound)
        {
            return Err("a table of calls in place that does not ascend within the module");
        }
        Ok(())
    }

    /// Maps ascend within the code, and name words of a frame. Which ones is believed, as the code is.
    fn check_maps(&self) -> Result<(), &'static str> {
        let (len, words) = (self.code.len(), self.map_words.len());
        let is_inside =
            |(behind, start): &(u32, u32)| *behind as usize <= len && *start as usize <= words;
        if !self.maps.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1)
            || !self.maps.iter().all(is_inside)
        {
            return Err("a table of maps that does not ascend within the code");
        }
        let is_word = |below: &u32| below.is_multiple_of(WORD_BYTES) && *below <= FRAME_BYTES_MAX;
        if !self.map_words.iter().all(is_word) {
            return Err("a map of words that no frame has");
        }
        Ok(())
    }

    /// The units are all that the module needs, each once; a function has code or a way out. What
    /// stands in tables that never change is believed, as the code is: finding them again takes a pass
    /// over all bodies.
    fn check_units(&self, module: &Module) -> Result<(), &'static str> {
        if !self.units.is_sorted_by_key(|(.., unit)| *unit) {
            return Err("units out of order");
        }
        let imports = module.func_imports();
        // What a way out stands for, so that both lists are of the same units.
        let whole = |unit: Unit| match unit {
            Unit::LeaveFunc(func) if func >= imports => Unit::Func(func),
            unit => unit,
        };
        let has_tables = self.units.iter().any(|(.., unit)| *unit == Unit::Tables);
        let mut needed = Unit::all_of(module, has_tables);
        needed.sort_unstable();
        let mut found: Vec<Unit> = self.units.iter().map(|(.., unit)| whole(*unit)).collect();
        found.sort_unstable();
        if found != needed {
            return Err("units that are not the module's");
        }
        self.check_places()
    }

    /// The units are the module's, each once, and what they need is there. Tables that never change are not: another
    /// part may have found others.
    fn check_part(&self, module: &Module, needs: &[Unit]) -> Result<(), &'static str> {
        let is_type = |ty: u32| module.types().get(ty as usize).is_some();
        let is_ours = |unit: Unit| match unit {
            Unit::Func(func) => (module.func_imports()..module.func_count()).contains(&func),
            Unit::LeaveFunc(func) => func < module.func_count(),
            Unit::Enter(ty) | Unit::LeaveRef(ty) => is_type(ty),
            Unit::Tables | Unit::Loop(..) => false,
        };
        let mut found: Vec<Unit> = self.units.iter().map(|(.., unit)| *unit).collect();
        found.sort_unstable();
        if !found.is_sorted_by(|a, b| a < b) || !found.iter().all(|unit| is_ours(*unit)) {
            return Err("units that are not the module's");
        }
        let has = |unit: Unit| found.binary_search(&unit).is_ok();
        let is_met = |unit: &Unit| match *unit {
            Unit::LeaveFunc(func) => has(Unit::Func(func)) || has(*unit),
            unit => has(unit),
        };
        let can_be_entered = |unit: &Unit| match *unit {
            Unit::Func(func) => has(Unit::Enter(module.func_type_index(func))),
            _ => true,
        };
        if !needs.iter().all(is_met) || !found.iter().all(can_be_entered) {
            return Err("units that need others");
        }
        self.check_places()
    }

    fn check_places(&self) -> Result<(), &'static str> {
        let mut end = 0;
        for (from, to, _) in &self.units {
            if *from < end || to < from || *to as usize > self.code.len() {
                return Err("units that do not ascend within the code");
            }
            end = *to;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// A function with a call in place of which another's body stands, and a map.
    fn unit(byte: u8, needs: &[Unit]) -> CompiledFunction {
        let word = InlinedCall::FIRST_WORD;
        CompiledFunction {
            code: vec![byte; 40],
            relocations: vec![Relocation {
                offset: 8,
                builtin: dunlin_module::Builtin::Unwind,
                addend: 0,
            }],
            traps: vec![(3, TrapCode::Unreachable)],
            source: vec![(1, 20), (2, word), (5, word + 3)],
            maps: vec![(9, vec![4, 8].into())],
            handlers: vec![CallHandler { returns_to: 9, handler: 12, frame_bytes: 16 }],
            inlined: vec![InlinedCall { word, func: 7, body: 100, caller: 20 }],
            needs: needs.to_vec(),
            ..CompiledFunction::default()
        }
    }

    /// Joining parts is laying out their units together, but for what they begin at.
    #[test]
    fn joined_parts_are_those_that_are_laid_out_together() {
        let (first, second) = (Unit::Func(1), Unit::Func(2));
        let units = [
            (first, unit(1, &[Unit::LeaveRef(0), Unit::LeaveFunc(9)])),
            (second, unit(2, &[Unit::LeaveFunc(3), Unit::LeaveRef(0)])),
        ];
        let parts = [0, 1].map(|at| CodeImage::lay_out_part(&units[at..=at]).expect("room"));
        let [one, other] = parts;
        let joined = one.join(&other).expect("room");
        let together = CodeImage::lay_out_part(&units).expect("room");
        let needs = vec![Unit::LeaveFunc(3), Unit::LeaveFunc(9), Unit::LeaveRef(0)];
        assert_eq!(joined.needs, Some(needs));
        assert_eq!(joined.units, [(0, 40, first), (64, 104, second)]);
        assert_eq!((joined.code[39], joined.code[64]), (1, 2));
        // The same but for the offsets of the second.
        let at = |offset: u32| if offset >= 48 { offset + 16 } else { offset };
        let moved =
            |of: Vec<(u32, u32)>| of.into_iter().map(|(a, b)| (at(a), b)).collect::<Vec<_>>();
        assert_eq!(joined.source, moved(together.source));
        assert_eq!(joined.maps, moved(together.maps));
        assert_eq!(joined.map_words, together.map_words);
        assert_eq!(joined.inlined, together.inlined);
        assert_eq!(joined.traps, [(3, TrapCode::Unreachable), (67, TrapCode::Unreachable)]);
        assert_eq!(joined.relocations[1].offset, 72);
        assert_eq!(
            joined.handlers[1],
            CallHandler { returns_to: 73, handler: 76, frame_bytes: 16 }
        );
    }
}
