//! What is known of native code that has been placed in memory.
//!
//! A [`Region`] is a piece of address space with code in it, and what the code map leads to. It consists of
//! [`Piece`]s: one for the image of a whole module, or one for each function that has been added, and one for the ways
//! in and out that came with it. Pieces begin and end at multiples of [`GRANULE_BYTES`]; which piece a granule is of
//! stands in a table, so that readers, which may be inside a signal handler, need no lock while pieces come and go.

use super::builtins;
use super::image::{ADDRESS_BYTES, CodeImage};
use crate::sys::native::CodeMemory;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};
use dunlin_core::TrapCode;
use dunlin_module::compile::{CallHandler, Relocation};
use dunlin_module::{InlinedCall, Unit};

/// What pieces begin and end at multiples of: no unit asks for more.
pub(super) const GRANULE_BYTES: usize = 64;

/// Memory for code, and what stands where in it.
pub(super) struct Region {
    memory: CodeMemory,
    pieces: Pieces,
}

enum Pieces {
    /// One, which stays.
    One(Piece),
    /// Those that come and go, by the granules that they have; each came from a box.
    Many(Box<[AtomicPtr<Piece>]>),
}

/// What is known of an image in memory. Offsets are from `base` on.
pub(super) struct Piece {
    /// Where it is, and where it begins in the region's memory.
    pub(super) base: usize,
    start: usize,
    pub(super) bytes: usize,
    /// Start and end of each unit, ascending.
    pub(super) units: Box<[(u32, u32, Unit)]>,
    pub(super) traps: Box<[(u32, TrapCode)]>,
    pub(super) source: Box<[(u32, u32)]>,
    pub(super) maps: Box<[(u32, u32)]>,
    pub(super) map_words: Box<[u32]>,
    pub(super) handlers: Box<[CallHandler]>,
    pub(super) inlined: Box<[InlinedCall]>,
    /// Kept for artifacts, which hold the code without addresses.
    pub(super) relocations: Box<[Relocation]>,
}

/// What stands at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Whose code it is.
    pub(super) unit: Unit,
    /// The word of the operator (`CodeImage::source`); `None` in code that belongs to none.
    word: Option<u32>,
}

impl Place {
    /// Whether the code's frame stands for an activation of its function.
    pub(super) fn has_frame(self) -> bool {
        self.word != Some(InlinedCall::NO_FRAME)
    }
}

impl Region {
    /// A region of one image, of which this is all but the code: that has so many bytes, and is written to zeroed memory
    /// by whoever asks. `None` if memory for code is not to be had.
    pub(super) fn whole(
        tables: CodeImage<'_>,
        bytes: usize,
        write_code: impl FnOnce(&mut [u8]),
    ) -> Option<Self> {
        let memory = CodeMemory::new(bytes, |target| {
            write_code(target);
            fill_in(&tables.relocations, target);
        })?;
        let pieces = Pieces::One(Piece::new(tables, bytes, memory.base(), 0));
        Some(Self { memory, pieces })
    }

    /// A region of so many bytes in which there is nothing yet.
    pub(super) fn growing(bytes: usize) -> Option<Self> {
        let memory = CodeMemory::growing(bytes)?;
        let pieces = Box::<[AtomicPtr<Piece>]>::new_zeroed_slice(bytes.div_ceil(GRANULE_BYTES));
        // SAFETY: a null pointer is all zeros. Pages of the table that nobody has touched take no memory.
        let pieces = unsafe { pieces.assume_init() };
        Some(Self { memory, pieces: Pieces::Many(pieces) })
    }

    /// Adds an image at an offset; whether that could be done.
    ///
    /// # Safety
    ///
    /// From there on so many granules are free as the image needs: there is no piece in them, and nobody runs what was
    /// there before.
    pub(super) unsafe fn add(&self, image: CodeImage<'_>, start: usize) -> bool {
        let Pieces::Many(pieces) = &self.pieces else { return false };
        let bytes = image.code.len();
        let write = |target: &mut [u8]| {
            target.copy_from_slice(&image.code);
            fill_in(&image.relocations, target);
        };
        // SAFETY: the caller's promise; who reads code has it from its piece.
        if !unsafe { self.memory.write_at(start, bytes, write) } {
            return false;
        }
        let piece = Box::into_raw(Box::new(Piece::new(image, bytes, self.base() + start, start)));
        for granule in &pieces[granules(start, bytes)] {
            granule.store(piece, Ordering::Release);
        }
        true
    }

    /// Takes the piece at an address out. Who has looked it up before may still read it.
    pub(super) fn take_out(&self, base: usize) -> Option<TakenOut> {
        let Pieces::Many(pieces) = &self.pieces else { return None };
        let piece = pieces.get(base.checked_sub(self.base())? / GRANULE_BYTES)?;
        let piece = piece.load(Ordering::Acquire);
        // SAFETY: a piece that is in the table is alive.
        let of = unsafe { piece.as_ref() }.filter(|of| of.base == base)?;
        for granule in &pieces[granules(of.start, of.bytes)] {
            granule.store(null_mut(), Ordering::SeqCst);
        }
        Some(TakenOut { piece })
    }

    /// Clears bytes of which nobody runs anything, and gives back what pages are in `free` alone.
    ///
    /// # Safety
    ///
    /// In `free`, which has those bytes, there is no piece, and nobody runs what was there before.
    pub(super) unsafe fn clear(&self, bytes: Range<usize>, free: Range<usize>) {
        // SAFETY: the caller's promise.
        unsafe { self.memory.clear(bytes, free) };
    }

    /// Says that nothing is added for some time.
    pub(super) fn rest(&self) {
        self.memory.rest();
    }

    pub(super) fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    pub(super) fn base(&self) -> usize {
        self.memory.base()
    }

    pub(super) fn end(&self) -> usize {
        self.base() + self.memory.capacity()
    }

    pub(super) fn contains(&self, pc: usize) -> bool {
        (self.base()..self.end()).contains(&pc)
    }

    /// The piece that holds `pc`.
    pub(super) fn piece(&self, pc: usize) -> Option<&Piece> {
        let piece = match &self.pieces {
            Pieces::One(piece) => piece,
            Pieces::Many(pieces) => {
                let granule = pieces.get(pc.checked_sub(self.base())? / GRANULE_BYTES)?;
                // SAFETY: a piece that is in the table is alive, and stays so for whoever has counted as a reader or
                // holds the lock of the module's code.
                unsafe { granule.load(Ordering::Acquire).as_ref() }?
            }
        };
        (piece.base..piece.base + piece.bytes).contains(&pc).then_some(piece)
    }

    /// The only piece of a region of one image.
    pub(super) fn first(&self) -> Option<&Piece> {
        match &self.pieces {
            Pieces::One(piece) => Some(piece),
            Pieces::Many(_) => None,
        }
    }

    /// The code of a piece of this region.
    pub(super) fn code(&self, piece: &Piece) -> &[u8] {
        // SAFETY: code is written before its piece is there, and again when that is not there any more.
        unsafe { self.memory.bytes(piece.start, piece.bytes) }
    }

    /// Why the instruction at `pc` traps, if it may.
    pub(super) fn trap(&self, pc: usize) -> Option<TrapCode> {
        let piece = self.piece(pc)?;
        let offset = (pc - piece.base) as u32;
        let found = piece.traps.binary_search_by_key(&offset, |(at, _)| *at).ok()?;
        Some(piece.traps[found].1)
    }

    /// The unit that holds `pc`.
    pub(super) fn unit(&self, pc: usize) -> Option<Unit> {
        self.piece(pc)?.unit(pc)
    }

    /// Where references stand in the frame of code that is to be returned to at `pc`: bytes below its frame
    /// pointer.
    pub(super) fn references(&self, pc: usize) -> &[u32] {
        let found = self.piece(pc).and_then(|piece| {
            let offset = (pc - piece.base) as u32;
            let found = piece.maps.binary_search_by_key(&offset, |(behind, _)| *behind).ok()?;
            let words = piece.map_words.len();
            let end = piece.maps.get(found + 1).map_or(words, |(_, start)| *start as usize);
            piece.map_words.get(piece.maps[found].1 as usize..end)
        });
        found.unwrap_or_default()
    }

    /// The handler behind the call that returns to `pc`: its address, and how far the stack pointer is below
    /// the frame pointer there.
    pub(super) fn handler(&self, pc: usize) -> Option<(usize, usize)> {
        let piece = self.piece(pc)?;
        let offset = (pc - piece.base) as u32;
        let found = piece.handlers.binary_search_by_key(&offset, |of| of.returns_to).ok()?;
        let of = piece.handlers[found];
        Some((piece.base + of.handler as usize, of.frame_bytes as usize))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let Pieces::Many(pieces) = &mut self.pieces else { return };
        let mut last = null_mut();
        for granule in pieces {
            let piece = core::mem::replace(granule.get_mut(), null_mut());
            if !piece.is_null() && piece != last {
                last = piece;
                // SAFETY: it came from a box, its granules are side by side, and nobody knows the region any more.
                drop(unsafe { Box::from_raw(piece) });
            }
        }
    }
}

/// A piece that is not in its region any more.
pub(super) struct TakenOut {
    piece: *mut Piece,
}

// SAFETY: a piece is owned, as a box would be.
unsafe impl Send for TakenOut {}

impl TakenOut {
    /// Frees pieces once nobody reads them.
    pub(super) fn free_all(taken: Vec<Self>) {
        super::map::wait_for_readers();
        for TakenOut { piece } in taken {
            // SAFETY: it came from a box, and whoever may have found it in the region has left it.
            drop(unsafe { Box::from_raw(piece) });
        }
    }
}

/// The granules of so many bytes from an offset on.
fn granules(start: usize, bytes: usize) -> Range<usize> {
    start / GRANULE_BYTES..(start + bytes.max(1)).div_ceil(GRANULE_BYTES)
}

impl Piece {
    fn new(image: CodeImage<'_>, bytes: usize, base: usize, start: usize) -> Self {
        Self {
            base,
            start,
            bytes,
            units: image.units.into(),
            traps: image.traps.into(),
            source: image.source.into(),
            maps: image.maps.into(),
            map_words: image.map_words.into(),
            handlers: image.handlers.into(),
            inlined: image.inlined.into(),
            relocations: image.relocations.into(),
        }
    }

    fn unit(&self, pc: usize) -> Option<Unit> {
        let offset = (pc - self.base) as u32;
        let after = self.units.partition_point(|(start, ..)| *start <= offset);
        let (_, end, unit) = self.units[after.checked_sub(1)?];
        (offset < end).then_some(unit)
    }

    /// What stands at `pc`, which the piece holds.
    pub(super) fn place(&self, pc: usize) -> Option<Place> {
        let unit = self.unit(pc)?;
        let offset = (pc - self.base) as u32;
        let after = self.source.partition_point(|(start, _)| *start <= offset);
        let source = after.checked_sub(1).map(|index| self.source[index].1);
        Some(Place { unit, word: source.filter(|word| *word != u32::MAX) })
    }

    /// The operators that stand at a place in a function's code, from the innermost one outwards: functions, and
    /// offsets in the module. None where the code belongs to none.
    pub(super) fn operators(&self, place: Place) -> impl Iterator<Item = (u32, u32)> {
        let func = if let Unit::Func(func) | Unit::Loop(func, _) = place.unit { func } else { 0 };
        InlinedCall::operators(place.word.unwrap_or(u32::MAX), func, &self.inlined)
    }

    /// From which address on code is of an offset in the module, within `len` bytes from `address`
    /// on; 0 is none.
    pub(super) fn places(&self, address: usize, len: usize) -> impl Iterator<Item = (u64, u32)> {
        let base = self.base;
        let start = (address - base) as u32;
        let first = self.source.partition_point(|(at, _)| *at < start);
        let here = self.source[first..].iter().take_while(move |(at, _)| *at < start + len as u32);
        here.map(move |(at, word)| {
            let innermost = InlinedCall::operators(*word, 0, &self.inlined).next();
            ((base + *at as usize) as u64, innermost.map_or(0, |(_, offset)| offset))
        })
    }
}

/// Writes the builtins' addresses into code.
fn fill_in(relocations: &[Relocation], target: &mut [u8]) {
    for relocation in relocations {
        let address = builtins::address(relocation.builtin) as u64;
        let address = address.wrapping_add_signed(relocation.addend);
        let place = &mut target[relocation.offset as usize..][..ADDRESS_BYTES];
        place.copy_from_slice(&address.to_le_bytes());
    }
}
