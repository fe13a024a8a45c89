//! What is known of native code that has been placed in memory.
//!
//! A [`Region`] is a piece of address space with code in it, and what the code map leads to. It consists of
//! [`Piece`]s: one for the image of a whole module, or one for each function that has been added, with the ways in
//! and out that came with it. Pieces ascend, and are only ever added, so that readers, which may be inside a signal
//! handler, need no lock.

use super::builtins;
use super::image::{ADDRESS_BYTES, CodeImage};
use crate::sys::native::CodeMemory;
use alloc::boxed::Box;
use core::sync::atomic::{AtomicUsize, Ordering};
use dunlin_core::TrapCode;
use dunlin_module::compile::{CallHandler, Relocation};
use dunlin_module::{InlinedCall, Unit};
use std::sync::OnceLock;

/// Memory for code, and what stands where in it.
pub(super) struct Region {
    pub(super) memory: CodeMemory,
    /// Pieces by their numbers, so many of them together: most regions have few of those that they have room for.
    pieces: Box<[OnceLock<Box<Pieces>>]>,
    count: AtomicUsize,
}

/// Pieces that are made room for at once.
const TOGETHER: usize = 16;

type Pieces = [OnceLock<Piece>; TOGETHER];

fn no_pieces() -> Box<Pieces> {
    Box::new([const { OnceLock::new() }; TOGETHER])
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
        let piece = Piece::new(tables, bytes, memory.base(), 0);
        let pieces = no_pieces();
        pieces[0].set(piece).ok()?;
        let pieces = Box::new([OnceLock::from(pieces)]);
        Some(Self { memory, pieces, count: AtomicUsize::new(1) })
    }

    /// A region of so many bytes in which there is nothing yet, for at least so many pieces.
    pub(super) fn growing(bytes: usize, pieces: usize) -> Option<Self> {
        let memory = CodeMemory::growing(bytes)?;
        let pieces = (0..pieces.div_ceil(TOGETHER)).map(|_| OnceLock::new()).collect();
        Some(Self { memory, pieces, count: AtomicUsize::new(0) })
    }

    /// Adds an image, which it takes, by one thread at a time; where it begins. `None` if there is no room for it.
    pub(super) fn add(&self, image: &mut CodeImage<'_>) -> Option<usize> {
        let count = self.count.load(Ordering::Relaxed);
        let pieces = self.pieces.get(count / TOGETHER)?;
        let place = &pieces.get_or_init(no_pieces)[count % TOGETHER];
        let bytes = image.code.len();
        let start = self.memory.append(bytes, PIECE_ALIGNMENT, |target| {
            target.copy_from_slice(&image.code);
            fill_in(&image.relocations, target);
        })?;
        let piece = Piece::new(core::mem::take(image), bytes, self.memory.base() + start, start);
        let base = piece.base;
        place.set(piece).ok()?;
        self.count.store(count + 1, Ordering::Release);
        Some(base)
    }

    /// The piece of this number, if it is there.
    fn numbered(&self, number: usize) -> Option<&Piece> {
        self.pieces.get(number / TOGETHER)?.get()?[number % TOGETHER].get()
    }

    fn base(&self) -> usize {
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
        // Below `least` they begin before, from `most` on they do not.
        let (mut least, mut most) = (0, self.count.load(Ordering::Acquire));
        while least < most {
            let middle = least.midpoint(most);
            if self.numbered(middle)?.base <= pc { least = middle + 1 } else { most = middle }
        }
        let piece = self.numbered(least.checked_sub(1)?)?;
        (pc < piece.base + piece.bytes).then_some(piece)
    }

    /// The only piece of a region of one image.
    pub(super) fn first(&self) -> Option<&Piece> {
        self.numbered(0)
    }

    /// The code of a piece of this region.
    pub(super) fn code(&self, piece: &Piece) -> &[u8] {
        self.memory.bytes(piece.start, piece.bytes)
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

/// What pieces begin at a multiple of: no unit asks for more.
const PIECE_ALIGNMENT: usize = 64;

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
