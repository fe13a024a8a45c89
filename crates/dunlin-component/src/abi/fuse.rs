//! Runs a [`Program`]: values pass from one component to another without becoming values of the host's.

use super::program::{At, Block, Choice, Elements, Program, Step};
use super::side::{LIST, STRING, Side};
use super::strings;
use crate::resource;
use crate::trap::{asynchronous, trap};
use dunlin::{Result, StoreContextMut};

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

/// Where a block's value is, on both sides.
trait Place {
    /// Whether it is among flat values, of which small numbers fill 32 bits.
    const IS_FLAT: bool;

    fn load<T: 'static>(&self, fuse: &Fuse<'_, '_, T>, at: At, bytes: u32) -> Result<u64>;
    fn store<T: 'static>(
        &mut self,
        fuse: &mut Fuse<'_, '_, T>,
        at: At,
        bytes: u32,
        value: u64,
    ) -> Result<()>;
    /// Copies many bytes as they are.
    fn copy<T: 'static>(&mut self, fuse: &mut Fuse<'_, '_, T>, at: At, bytes: u32) -> Result<()>;
    /// Clears the flat values of a payload.
    fn clear(&mut self, slots: &std::ops::Range<u32>);
    /// Moves on to the next of elements in place.
    fn advance(&mut self, elements: &Elements, by: i64);
}

/// A value in both memories.
struct InMemory {
    from: u32,
    to: u32,
}

impl Place for InMemory {
    const IS_FLAT: bool = false;

    #[inline]
    fn load<T: 'static>(&self, fuse: &Fuse<'_, '_, T>, at: At, bytes: u32) -> Result<u64> {
        fuse.from.load(fuse.store, self.from.wrapping_add(at.offset), bytes)
    }

    #[inline]
    fn store<T: 'static>(
        &mut self,
        fuse: &mut Fuse<'_, '_, T>,
        at: At,
        bytes: u32,
        value: u64,
    ) -> Result<()> {
        fuse.to.store(fuse.store, self.to.wrapping_add(at.offset), bytes, value)
    }

    fn copy<T: 'static>(&mut self, fuse: &mut Fuse<'_, '_, T>, at: At, bytes: u32) -> Result<()> {
        let from = self.from.wrapping_add(at.offset) as usize;
        let to = self.to.wrapping_add(at.offset);
        strings::copy(fuse.store, (fuse.from, fuse.to), from..from + bytes as usize, to)
    }

    fn clear(&mut self, _slots: &std::ops::Range<u32>) {}

    fn advance(&mut self, elements: &Elements, by: i64) {
        let bytes = (by * i64::from(elements.size)) as u32;
        self.from = self.from.wrapping_add(bytes);
        self.to = self.to.wrapping_add(bytes);
    }
}

/// A value of a few flat values on both sides.
struct Flat<'v> {
    source: &'v [u64],
    target: &'v mut [u64],
    base: u32,
}

impl Flat<'_> {
    fn slot(&self, at: At) -> usize {
        self.base.wrapping_add(at.slot) as usize
    }
}

impl Place for Flat<'_> {
    const IS_FLAT: bool = true;

    #[inline]
    fn load<T: 'static>(&self, _fuse: &Fuse<'_, '_, T>, at: At, bytes: u32) -> Result<u64> {
        let value = self.source.get(self.slot(at)).copied().ok_or_else(missing)?;
        Ok(if bytes >= 8 { value } else { value & ((1 << (8 * bytes)) - 1) })
    }

    #[inline]
    fn store<T: 'static>(
        &mut self,
        _fuse: &mut Fuse<'_, '_, T>,
        at: At,
        _bytes: u32,
        value: u64,
    ) -> Result<()> {
        let slot = self.slot(at);
        *self.target.get_mut(slot).ok_or_else(missing)? = value;
        Ok(())
    }

    fn copy<T: 'static>(&mut self, fuse: &mut Fuse<'_, '_, T>, at: At, bytes: u32) -> Result<()> {
        let value = self.load(fuse, at, bytes)?;
        self.store(fuse, at, bytes, value)
    }

    fn clear(&mut self, slots: &std::ops::Range<u32>) {
        let range = (self.base + slots.start) as usize..(self.base + slots.end) as usize;
        if let Some(slots) = self.target.get_mut(range) {
            slots.fill(0);
        }
    }

    fn advance(&mut self, elements: &Elements, by: i64) {
        self.base = self.base.wrapping_add((by * i64::from(elements.slots)) as u32);
    }
}

#[cold]
fn missing() -> dunlin::Error {
    trap("a flat value is missing")
}

impl<T: 'static> Fuse<'_, '_, T> {
    /// Passes flat values.
    pub(crate) fn flat(&mut self, source: &[u64], target: &mut [u64]) -> Result<()> {
        self.run(&mut Flat { source, target, base: 0 }, 0)
    }

    /// Passes a value in memory, whose places have been checked.
    pub(crate) fn memory(&mut self, from: u32, to: u32) -> Result<()> {
        self.run(&mut InMemory { from, to }, 0)
    }

    fn run<P: Place>(&mut self, place: &mut P, block: Block) -> Result<()> {
        let program = self.program;
        program.blocks[block as usize].iter().try_for_each(|step| self.step(place, step))
    }

    #[inline]
    fn step<P: Place>(&mut self, place: &mut P, step: &Step) -> Result<()> {
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
                let value = place.load(self, *at, bool_bytes::<P>())?;
                place.store(self, *at, 1, u64::from(value != 0))
            }
            Step::Char(at) => {
                let value = place.load(self, *at, 4)?;
                check_char(value as u32)?;
                place.store(self, *at, 4, value)
            }
            Step::Enum(at, bytes, cases) => {
                let value = discriminant(place, self, *at, *bytes)?;
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

    fn pair<P: Place>(&self, place: &P, at: At) -> Result<(u32, u32)> {
        let second = At { offset: at.offset + 4, slot: at.slot + 1 };
        Ok((place.load(self, at, 4)? as u32, place.load(self, second, 4)? as u32))
    }

    fn set_pair<P: Place>(&mut self, place: &mut P, at: At, pair: (u32, u32)) -> Result<()> {
        let second = At { offset: at.offset + 4, slot: at.slot + 1 };
        place.store(self, at, 4, pair.0.into())?;
        place.store(self, second, 4, pair.1.into())
    }

    fn string<P: Place>(&mut self, place: &mut P, at: At) -> Result<()> {
        let pair = self.pair(place, at)?;
        let found = strings::find(self.store, self.from, pair, STRING)?;
        let passed = strings::pass(self.store, (self.from, self.to), &found, STRING)?;
        self.set_pair(place, at, passed)
    }

    fn list<P: Place>(&mut self, place: &mut P, at: At, elements: &Elements) -> Result<()> {
        let (pointer, len) = self.pair(place, at)?;
        let (size, align) = (elements.size, elements.align);
        let range = self.from.list(self.store, (pointer, len), (size, align), LIST)?;
        let target = self.to.allocate(self.store, align, range.len() as u32, LIST)?;
        if elements.plain {
            strings::copy(self.store, (self.from, self.to), range, target)?;
        } else {
            let mut element = InMemory { from: pointer, to: target };
            for _ in 0..len {
                self.run(&mut element, elements.block)?;
                element.advance(elements, 1);
            }
        }
        self.set_pair(place, at, (target, len))
    }

    fn repeat<P: Place>(
        &mut self,
        place: &mut P,
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

    fn variant<P: Place>(&mut self, place: &mut P, at: At, choice: &Choice) -> Result<()> {
        let case = discriminant(place, self, at, choice.bytes)?;
        check_case(case, choice.cases.len() as u32)?;
        place.store(self, at, choice.bytes, case.into())?;
        place.clear(&choice.slots);
        match choice.cases[case as usize] {
            Some(block) => self.run(place, block),
            None => Ok(()),
        }
    }
}

/// A discriminant: all of a flat value, or so many bytes in memory.
fn discriminant<P: Place, T: 'static>(
    place: &P,
    fuse: &Fuse<'_, '_, T>,
    at: At,
    bytes: u32,
) -> Result<u32> {
    let bytes = if P::IS_FLAT { 4 } else { bytes };
    Ok(place.load(fuse, at, bytes)? as u32)
}

/// Bytes of a boolean that are looked at.
const fn bool_bytes<P: Place>() -> u32 {
    if P::IS_FLAT { 4 } else { 1 }
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
