//! What code that counts notes of how it runs (`dunlin_module::profile`).
//!
//! One piece of zeroed memory for a module: a byte for each of the bytes that its bodies have, then cells for calls and
//! casts, given out as code is made. Compiled code writes there without asking, several threads at a time: what one of them
//! writes may be lost, and any contents are meaningful. Pages that nobody has written to take no memory.

use crate::sync::Mutex;
use crate::sys::Pages;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::{Deref, Range};
use core::sync::atomic::{AtomicU32, Ordering};
use dunlin_module::Module;
use dunlin_module::layout::cell;

/// Bytes of bodies for each cell, and cells of a module at most.
const BODY_BYTES_PER_CELL: usize = 32;
const CELLS_MAX: usize = 1 << 16;

/// Bytes of bodies of a module of which notes are taken: what code adds to an address has 31 bits, and there must be as
/// much address space to be had. The largest programs that we know of have 76 MB.
const BODIES_BYTES_MAX: usize = 128 << 20;

/// Bytes from which on notes are a mapping.
const MAPPED_BYTES_MIN: usize = 16 << 10;

/// Notes on a module.
#[derive(Default)]
pub(crate) struct Notes {
    /// Offsets in the module of the bodies' first and last byte; the first is a multiple of a cell's size.
    bodies: Range<usize>,
    words: Words,
    /// Cells that have been given out, by the operators' offsets.
    cells: Mutex<BTreeMap<u32, u32>>,
}

impl Notes {
    /// Memory for notes on a module.
    pub(crate) fn new(module: &Module) -> Self {
        let imports = module.func_imports();
        let first = module.body_range(imports);
        let last = module.func_count().checked_sub(1).and_then(|func| module.body_range(func));
        let (Some(first), Some(last)) = (first, last) else { return Self::default() };
        let (start, end) =
            (first.start / cell::BYTES * cell::BYTES, last.end.next_multiple_of(cell::BYTES));
        let bytes = end - start;
        if bytes > BODIES_BYTES_MAX {
            return Self::default();
        }
        let cells = (bytes / BODY_BYTES_PER_CELL + 1).min(CELLS_MAX);
        let words = (bytes + cells * cell::BYTES) / size_of::<u32>();
        let Some(words) = Words::zeroed(words) else { return Self::default() };
        Self { bodies: start..end, words, cells: Mutex::default() }
    }

    /// What compiled code adds an operator's offset in the module to. Not to be read through without one.
    pub(crate) fn base(&self) -> *const u8 {
        self.words.as_ptr().cast::<u8>().wrapping_sub(self.bodies.start)
    }

    /// Where notes are taken of the operator at an offset, from [`base`](Self::base) on.
    pub(crate) fn cell(&self, offset: u32) -> Option<i32> {
        if !self.bodies.contains(&(offset as usize)) {
            return None;
        }
        let mut cells = self.cells.lock();
        let next = cells.len();
        let room = (self.words.len() * size_of::<u32>() - self.bodies.len()) / cell::BYTES;
        let cell = match cells.get(&offset) {
            Some(cell) => *cell as usize,
            None if next < room => {
                cells.insert(offset, next as u32);
                next
            }
            None => return None,
        };
        i32::try_from(self.bodies.end + cell * cell::BYTES).ok()
    }

    /// Whether control has got to the place of an operator.
    pub(crate) fn is_reached(&self, offset: u32) -> bool {
        if !self.bodies.contains(&(offset as usize)) {
            return true;
        }
        let at = offset as usize - self.bodies.start;
        let word = self.words[at / size_of::<u32>()].load(Ordering::Relaxed);
        word.to_ne_bytes()[at % size_of::<u32>()] != 0
    }

    /// The operators of a body of which there are cells, and those to whose places control has got.
    pub(crate) fn of_body(&self, body: Range<usize>) -> (Vec<u32>, BTreeSet<u32>) {
        let body = body.start as u32..body.end as u32;
        let cells = self.cells.lock().range(body.clone()).map(|(offset, _)| *offset).collect();
        (cells, body.filter(|offset| self.is_reached(*offset)).collect())
    }

    /// What the operator at an offset has seen most, and in how many of a hundred cases.
    pub(crate) fn seen(&self, offset: u32) -> Option<(u32, u32)> {
        let cell = *self.cells.lock().get(&offset)? as usize;
        let at = (self.bodies.len() + cell * cell::BYTES) / size_of::<u32>();
        let field = |of: usize| self.words[at + of / size_of::<u32>()].load(Ordering::Relaxed);
        let surplus = u64::try_from(field(cell::SURPLUS) as i32).ok().filter(|of| *of > 0)?;
        let others = u64::from(field(cell::OTHERS));
        let (there, all) = (surplus + others, surplus + 2 * others);
        Some((field(cell::SEEN), (100 * there / all) as u32))
    }
}

/// Words that are zero at first.
enum Words {
    Allocated(Box<[AtomicU32]>),
    /// Mapped, so many: an allocator writes the zeros of all but the largest blocks, and nobody may ever write to these.
    Mapped(Pages, usize),
}

impl Default for Words {
    fn default() -> Self {
        Self::Allocated(Box::default())
    }
}

impl Words {
    fn zeroed(count: usize) -> Option<Self> {
        let bytes = count * size_of::<u32>();
        if bytes >= MAPPED_BYTES_MIN {
            return Some(Self::Mapped(Pages::new(bytes)?, count));
        }
        let words = Box::<[AtomicU32]>::new_zeroed_slice(count);
        // SAFETY: zero is a number.
        Some(Self::Allocated(unsafe { words.assume_init() }))
    }
}

impl Deref for Words {
    type Target = [AtomicU32];

    fn deref(&self) -> &[AtomicU32] {
        match self {
            Self::Allocated(words) => words,
            // SAFETY: the mapping has room for so many words, which any bytes are, is aligned to a page, and goes with
            // `self`; whoever writes to it writes words.
            Self::Mapped(pages, count) => unsafe {
                core::slice::from_raw_parts(pages.base().cast(), *count)
            },
        }
    }
}
