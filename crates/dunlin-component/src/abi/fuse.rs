//! Runs a [`Program`]: values pass from one component to another without becoming values of the host's.

use super::alone;
use super::program::{At, Block, Choice, Elements, Program, Step};
use super::side::{LIST, STRING, Side};
use super::strings;
use crate::resource;
use crate::trap::{asynchronous, trap};
use dunlin::{Result, StoreContextMut};
use std::ops::Range;

/// One passing of values.
pub(crate) struct Fuse<'s, 'a, T: 'static> {
    pub(crate) store: &'s mut StoreContextMut<'a, T>,
    pub(crate) from: &'s Side,
    pub(crate) to: &'s Side,
    /// The side whose resource types the program speaks of; they are the same on the other.
    pub(crate) speaks: &'s Side,
    pub(crate) program: &'s Program,
    /// The call for whose duration handles are lent.
    pub(crate) scope: Option<u32>,
}

/// Where a value comes from.
pub(crate) trait Source: Copy {
    /// Whether it is among flat values, of which small numbers fill 32 bits.
    const IS_FLAT: bool;

    fn load<T: 'static>(&self, fuse: &Fuse<'_, '_, T>, at: At, bytes: u32) -> Result<u64>;

    /// Where it is in memory, if it is.
    fn address(&self) -> Option<u32>;

    /// Moves on by so many elements in place.
    fn advance(&mut self, elements: &Elements, by: i64);
}

/// Where a value goes.
pub(crate) trait Target {
    fn store<T: 'static>(
        &mut self,
        fuse: &mut Fuse<'_, '_, T>,
        at: At,
        bytes: u32,
        value: u64,
    ) -> Result<()>;

    /// Clears the flat values of a payload.
    fn clear(&mut self, slots: &Range<u32>);

    /// Where it is in memory, if it is.
    fn address(&self) -> Option<u32>;

    /// Moves on by so many elements in place.
    fn advance(&mut self, elements: &Elements, by: i64);
}

/// A value in memory, whose place has been checked.
#[derive(Clone, Copy)]
pub(crate) struct InMemory(pub(crate) u32);

impl InMemory {
    fn advanced(self, elements: &Elements, by: i64) -> Self {
        Self(self.0.wrapping_add((by * i64::from(elements.size)) as u32))
    }
}

impl Source for InMemory {
    const IS_FLAT: bool = false;

    #[inline]
    fn load<T: 'static>(&self, fuse: &Fuse<'_, '_, T>, at: At, bytes: u32) -> Result<u64> {
        fuse.from.load(fuse.store, self.0.wrapping_add(at.offset), bytes)
    }

    fn address(&self) -> Option<u32> {
        Some(self.0)
    }

    fn advance(&mut self, elements: &Elements, by: i64) {
        *self = self.advanced(elements, by);
    }
}

impl Target for InMemory {
    #[inline]
    fn store<T: 'static>(
        &mut self,
        fuse: &mut Fuse<'_, '_, T>,
        at: At,
        bytes: u32,
        value: u64,
    ) -> Result<()> {
        fuse.to.store(fuse.store, self.0.wrapping_add(at.offset), bytes, value)
    }

    fn clear(&mut self, _slots: &Range<u32>) {}

    fn address(&self) -> Option<u32> {
        Some(self.0)
    }

    fn advance(&mut self, elements: &Elements, by: i64) {
        *self = self.advanced(elements, by);
    }
}

/// Flat values that a value is.
#[derive(Clone, Copy)]
pub(crate) struct FlatFrom<'v> {
    slots: &'v [u64],
    base: u32,
}

impl<'v> FlatFrom<'v> {
    pub(crate) fn new(slots: &'v [u64]) -> Self {
        Self { slots, base: 0 }
    }
}

impl Source for FlatFrom<'_> {
    const IS_FLAT: bool = true;

    #[inline]
    fn load<T: 'static>(&self, _fuse: &Fuse<'_, '_, T>, at: At, bytes: u32) -> Result<u64> {
        let slot = self.base.wrapping_add(at.slot) as usize;
        let value = self.slots.get(slot).copied().ok_or_else(missing)?;
        Ok(if bytes >= 8 { value } else { value & ((1 << (8 * bytes)) - 1) })
    }

    fn address(&self) -> Option<u32> {
        None
    }

    fn advance(&mut self, elements: &Elements, by: i64) {
        self.base = self.base.wrapping_add((by * i64::from(elements.slots)) as u32);
    }
}

/// Flat values that a value becomes.
pub(crate) struct FlatTo<'v> {
    slots: &'v mut [u64],
    base: u32,
}

impl<'v> FlatTo<'v> {
    pub(crate) fn new(slots: &'v mut [u64]) -> Self {
        Self { slots, base: 0 }
    }
}

impl Target for FlatTo<'_> {
    #[inline]
    fn store<T: 'static>(
        &mut self,
        _fuse: &mut Fuse<'_, '_, T>,
        at: At,
        _bytes: u32,
        value: u64,
    ) -> Result<()> {
        let slot = self.base.wrapping_add(at.slot) as usize;
        *self.slots.get_mut(slot).ok_or_else(missing)? = value;
        Ok(())
    }

    fn clear(&mut self, slots: &Range<u32>) {
        let range = (self.base + slots.start) as usize..(self.base + slots.end) as usize;
        if let Some(slots) = self.slots.get_mut(range) {
            slots.fill(0);
        }
    }

    fn address(&self) -> Option<u32> {
        None
    }

    fn advance(&mut self, elements: &Elements, by: i64) {
        self.base = self.base.wrapping_add((by * i64::from(elements.slots)) as u32);
    }
}

/// Where a block's value is, on both sides.
struct Place<S, D> {
    from: S,
    to: D,
}

impl<S: Source, D: Target> Place<S, D> {
    #[inline]
    fn load<T: 'static>(&self, fuse: &Fuse<'_, '_, T>, at: At, bytes: u32) -> Result<u64> {
        self.from.load(fuse, at, bytes)
    }

    #[inline]
    fn store<T: 'static>(
        &mut self,
        fuse: &mut Fuse<'_, '_, T>,
        at: At,
        bytes: u32,
        value: u64,
    ) -> Result<()> {
        self.to.store(fuse, at, bytes, value)
    }

    /// Copies many bytes as they are, from memory to memory.
    fn copy<T: 'static>(&self, fuse: &mut Fuse<'_, '_, T>, at: At, bytes: u32) -> Result<()> {
        let (Some(from), Some(to)) = (self.from.address(), self.to.address()) else {
            return Err(missing());
        };
        let from = from.wrapping_add(at.offset) as usize;
        let to = to.wrapping_add(at.offset);
        strings::copy(fuse.store, (fuse.from, fuse.to), from..from + bytes as usize, to)
    }

    fn advance(&mut self, elements: &Elements, by: i64) {
        self.from.advance(elements, by);
        self.to.advance(elements, by);
    }

    /// A discriminant or boolean: all of a flat value, or so many bytes in memory.
    fn small<T: 'static>(&self, fuse: &Fuse<'_, '_, T>, at: At, bytes: u32) -> Result<u32> {
        Ok(self.load(fuse, at, if S::IS_FLAT { 4 } else { bytes })? as u32)
    }
}

#[cold]
fn missing() -> dunlin::Error {
    trap("a flat value is missing")
}

impl<T: 'static> Fuse<'_, '_, T> {
    /// Passes a value of the program's type.
    pub(crate) fn pass(&mut self, from: impl Source, to: impl Target) -> Result<()> {
        self.run(&mut Place { from, to }, 0)
    }

    fn run<S: Source, D: Target>(&mut self, place: &mut Place<S, D>, block: Block) -> Result<()> {
        let program = self.program;
        let steps = &program.blocks[block as usize];
        self.store.consume_fuel(steps.len() as u64)?;
        steps.iter().try_for_each(|step| self.step(place, step))
    }

    #[inline]
    fn step<S: Source, D: Target>(&mut self, place: &mut Place<S, D>, step: &Step) -> Result<()> {
        match step {
            Step::Bits(at, bytes) if *bytes > 8 => place.copy(self, *at, *bytes),
            Step::Bits(at, bytes) => {
                let value = place.load(self, *at, *bytes)?;
                place.store(self, *at, *bytes, value)
            }
            Step::Signed(at, bytes) => {
                let value = place.load(self, *at, *bytes)?;
                place.store(self, *at, *bytes, sign_extended(value, *bytes))
            }
            Step::Bool(at) => {
                // A flat value is false only if all of it is zero.
                let value = place.small(self, *at, 1)?;
                place.store(self, *at, 1, u64::from(value != 0))
            }
            Step::Char(at) => {
                let value = place.load(self, *at, 4)?;
                check_char(value as u32)?;
                place.store(self, *at, 4, value)
            }
            Step::Enum(at, bytes, cases) => {
                let value = place.small(self, *at, *bytes)?;
                check_case(value, *cases)?;
                place.store(self, *at, *bytes, value.into())
            }
            Step::Flags(at, bytes, mask) => {
                let value = place.load(self, *at, *bytes)?;
                place.store(self, *at, *bytes, value & u64::from(*mask))
            }
            Step::String(at) => self.string(place, *at),
            Step::List(at, elements) => self.list(place, *at, elements),
            Step::Repeat(at, elements, count) => self.repeat(place, *at, elements, *count),
            Step::Variant(at, choice) => self.variant(place, *at, choice),
            Step::Own(at, var) => {
                let index = place.load(self, *at, 4)? as u32;
                let ty = self.speaks.resource(*var)?;
                let rep = resource::lift_own(self.store, self.from.instance, index, ty)?;
                let index = resource::lower_own(self.store, self.to.instance, rep, ty)?;
                place.store(self, *at, 4, index.into())
            }
            Step::Borrow(at, var) => {
                let index = place.load(self, *at, 4)? as u32;
                let ty = self.speaks.resource(*var)?;
                let scope = self.scope.ok_or_else(missing)?;
                let rep = resource::lift_borrow(self.store, self.from.instance, index, ty, scope)?;
                let index = resource::lower_borrow(self.store, self.to.instance, rep, ty, scope)?;
                place.store(self, *at, 4, index.into())
            }
            Step::Async(what) => Err(asynchronous(what)),
        }
    }

    fn pair<S: Source, D: Target>(&self, place: &Place<S, D>, at: At) -> Result<(u32, u32)> {
        let second = At { offset: at.offset + 4, slot: at.slot.wrapping_add(1) };
        Ok((place.load(self, at, 4)? as u32, place.load(self, second, 4)? as u32))
    }

    fn set_pair<S: Source, D: Target>(
        &mut self,
        place: &mut Place<S, D>,
        at: At,
        pair: (u32, u32),
    ) -> Result<()> {
        let second = At { offset: at.offset + 4, slot: at.slot.wrapping_add(1) };
        place.store(self, at, 4, pair.0.into())?;
        place.store(self, second, 4, pair.1.into())
    }

    fn string<S: Source, D: Target>(&mut self, place: &mut Place<S, D>, at: At) -> Result<()> {
        let pair = self.pair(place, at)?;
        let found = strings::find(self.store, self.from, pair, STRING)?;
        let passed = strings::pass(self.store, (self.from, self.to), &found, STRING)?;
        self.set_pair(place, at, passed)
    }

    fn list<S: Source, D: Target>(
        &mut self,
        place: &mut Place<S, D>,
        at: At,
        elements: &Elements,
    ) -> Result<()> {
        let (pointer, len) = self.pair(place, at)?;
        let (size, align) = (elements.size, elements.align);
        let range = self.from.list(self.store, (pointer, len), (size, align), LIST)?;
        let target = self.to.allocate(self.store, align, range.len() as u32, LIST)?;
        if elements.plain {
            strings::copy(self.store, (self.from, self.to), range, target)?;
        } else if !(elements.alone && self.list_alone(range, target, elements)?) {
            let mut element = Place { from: InMemory(pointer), to: InMemory(target) };
            for _ in 0..len {
                self.run(&mut element, elements.block)?;
                element.advance(elements, 1);
            }
        }
        self.set_pair(place, at, (target, len))
    }

    /// Passes elements of which nothing leads elsewhere, with both memories at hand; says whether they are.
    fn list_alone(
        &mut self,
        range: Range<usize>,
        target: u32,
        elements: &Elements,
    ) -> Result<bool> {
        let (Some(from), Some(to)) = (&self.from.memory, &self.to.memory) else { return Ok(false) };
        let steps = self.program.blocks[elements.block as usize].len().max(1) as u64;
        let count = range.len() as u64 / u64::from(elements.size.max(1));
        self.store.consume_fuel(count.saturating_mul(steps))?;
        let place = target as usize..target as usize + range.len();
        let Some((from, to)) = from.data_beside(to, &mut *self.store) else { return Ok(false) };
        let (Some(from), Some(to)) = (from.get(range), to.get_mut(place)) else { return Ok(false) };
        let size = elements.size as usize;
        for (from, to) in from.chunks_exact(size).zip(to.chunks_exact_mut(size)) {
            alone::pass(self.program, elements.block, from, to)?;
        }
        Ok(true)
    }

    fn repeat<S: Source, D: Target>(
        &mut self,
        place: &mut Place<S, D>,
        at: At,
        elements: &Elements,
        count: u32,
    ) -> Result<()> {
        // Elements count their places from their own beginning.
        let begin = Elements { size: at.offset, slots: at.slot, ..*elements };
        place.advance(&begin, 1);
        for _ in 0..count {
            self.run(place, elements.block)?;
            place.advance(elements, 1);
        }
        place.advance(elements, -i64::from(count));
        place.advance(&begin, -1);
        Ok(())
    }

    fn variant<S: Source, D: Target>(
        &mut self,
        place: &mut Place<S, D>,
        at: At,
        choice: &Choice,
    ) -> Result<()> {
        let case = place.small(self, at, choice.bytes)?;
        check_case(case, choice.cases.len() as u32)?;
        place.store(self, at, choice.bytes, case.into())?;
        place.to.clear(&choice.slots);
        match choice.cases[case as usize] {
            Some(block) => self.run(place, block),
            None => Ok(()),
        }
    }
}

fn sign_extended(value: u64, bytes: u32) -> u64 {
    let shift = 64 - 8 * bytes;
    let value = (value << shift).cast_signed() >> shift;
    u64::from((value as i32).cast_unsigned())
}

/// Checks that a number is a character's.
pub(crate) fn check_char(value: u32) -> Result<char> {
    char::from_u32(value).ok_or_else(|| trap("invalid `char` bit pattern"))
}

/// Checks a discriminant.
pub(crate) fn check_case(case: u32, cases: u32) -> Result<()> {
    if case < cases { Ok(()) } else { Err(trap("invalid variant discriminant")) }
}

#[cfg(test)]
mod tests {
    use super::sign_extended;

    #[test]
    fn small_numbers_fill_32_bits_with_their_sign() {
        assert_eq!(sign_extended(0x80, 1), 0xffff_ff80);
        assert_eq!(sign_extended(0x7f, 1), 0x7f);
        assert_eq!(sign_extended(0x8000, 2), 0xffff_8000);
    }
}
