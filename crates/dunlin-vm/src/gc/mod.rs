//! The garbage-collected heap of a store.
//!
//! References are 32-bit numbers: 0 is null; with bit 0 set, a small integer (`i31`); with the low three
//! bits `010`, a value of the host, by its index in the store's list; otherwise the offset of an object
//! in the heap, a multiple of 8. An object begins with the number of its type (`layout.rs` says what
//! follows). The heap does not know types: whoever collects lends it a [`Layouts`] and [`Roots`].
//!
//! How it works, by file:
//!
//! 1. Objects begin in the *nursery*, by bumping (`nursery.rs`); large ones are runs of pages that never
//!    move (`large.rs`).
//! 2. A *minor* collection copies what lives in the nursery to the *old space* (`minor.rs`). It finds
//!    references from old objects by the *cards* that every store of a reference marks:
//!    `cards[(reference + offset) >> 9] = 1`.
//! 3. A *major* collection marks everything that can be reached: in slices after minor collections, or at
//!    once, and then it moves objects out of the emptiest blocks while there is room (`mark.rs`,
//!    `old.rs`).
//! 4. When what, and whether the heap grows, is decided in `policy.rs`.
//!
//! Invariants: memory of the nursery from `nursery_next` to `nursery_end` is zero; between collections no
//! old object on a clean card refers to a young one; there are always as many free blocks as the
//! survivors of a full nursery need at worst, so that a minor collection cannot fail; nothing outside
//! the heap's own memory is read or written, whatever a reference holds (`ground.rs`).
//!
//! After Immix (Blackburn and McKinley, 2008) for the old space, V8's scavenger for the nursery, and
//! Whippet (Wingo) for what makes a copying collector reliable: count the worst case of what block ends
//! waste.

mod access;
mod ground;
mod heap;
mod hosts;
mod isa;
mod large;
mod layout;
mod mark;
mod minor;
mod nursery;
mod old;
mod pages;
mod policy;
mod stats;
#[cfg(test)]
mod tests;
mod tuning;

pub use access::OutOfBounds;
pub use ground::{GUARD_BYTES, HEAP_BYTES_MAX};
pub use heap::Heap;
pub use layout::{Layout, LayoutKind};
pub use stats::HeapStats;
pub use tuning::NURSERY_MAX;

use core::ptr::null_mut;
use ground::Ground;

/// The reference that leads nowhere.
pub const NULL: u32 = 0;

/// The header of an object that was moved: never the number of a type.
pub const FORWARDED: u32 = u32::MAX;

/// The low bits of a reference that say what it is: 0 for objects and null.
pub const TAG_MASK: u32 = 7;

/// The low bits of a reference to a value of the host, above which is its index.
pub const HOST: u32 = 2;

/// Objects are as long and aligned as multiples of so many bytes.
pub const GRANULE: u32 = 8;

/// Where the length of an array stands.
pub const ARRAY_LENGTH: u32 = 4;

/// Where the elements of an array begin.
pub const ARRAY_ELEMENTS: u32 = 8;

/// Objects of so many bytes are large: code that bumps by itself allocates only smaller ones.
pub const LARGE_BYTES: u32 = 8 << 10;

/// The bytes of a card, as a power of two.
pub const CARD_SHIFT: u32 = 9;

const CARD_BYTES: u32 = 1 << CARD_SHIFT;
const LINE_BYTES: u32 = 128;
const BLOCK_BYTES: u32 = 32 << 10;
const LINES_PER_BLOCK: u32 = BLOCK_BYTES / LINE_BYTES;
const PAGE_BYTES: u32 = 4096;
const PAGES_PER_BLOCK: u32 = BLOCK_BYTES / PAGE_BYTES;

/// What memory is filled with that holds no object any more, in debug builds and with zeal.
const POISON: u8 = 0xDB;

/// Whether a reference leads to an object of the heap: not null, no small integer, no host's value.
#[must_use]
#[inline]
pub const fn is_object(reference: u32) -> bool {
    reference & TAG_MASK == 0 && reference != NULL
}

/// The reference that is a small integer, of which the upper bit is dropped.
#[must_use]
#[inline]
pub const fn from_i31(value: u32) -> u32 {
    value << 1 | 1
}

/// The reference to the host's value with this index; `None` beyond what a reference can name.
#[must_use]
#[inline]
pub const fn from_host(index: u32) -> Option<u32> {
    if index < 1 << 29 { Some(index << 3 | HOST) } else { None }
}

/// The index of the host's value that a reference names.
#[must_use]
#[inline]
pub const fn as_host(reference: u32) -> Option<u32> {
    if reference & TAG_MASK == HOST { Some(reference >> 3) } else { None }
}

/// What compiled code and interpreters know of a heap; a part of their store's context.
#[derive(Debug)]
#[repr(C)]
pub struct HeapContext {
    /// The address of offset 0. It changes only within [`Heap::collect`].
    pub base: *mut u8,
    /// The card of offset 0: a byte for 512 bytes of the heap.
    pub cards: *mut u8,
    /// Where the next object begins, unless it ends beyond `nursery_end`.
    pub nursery_next: u32,
    /// Up to where memory is zero and free to be bumped through.
    pub nursery_end: u32,
}

impl HeapContext {
    /// The context of a heap without memory: every allocation takes the slow path.
    #[must_use]
    pub const fn new() -> Self {
        Self { base: null_mut(), cards: null_mut(), nursery_next: 0, nursery_end: 0 }
    }
}

impl Default for HeapContext {
    fn default() -> Self {
        Self::new()
    }
}

/// How a heap is to be.
#[derive(Clone, Copy, Debug)]
pub struct HeapConfig {
    /// Bytes that it never exceeds; at most [`HEAP_BYTES_MAX`].
    pub bytes_max: u32,
    /// Bytes that its nursery grows to.
    pub nursery_bytes_max: u32,
    /// Whether to reserve address space, where the machine can: the base never moves then, and a wrong
    /// reference cannot leave the heap even in code that does not check. 4.2 GiB of it are reserved, of
    /// which a 64-bit process has room for some 30,000. Compiled code needs it: it notices null by a fault in
    /// the heap's first page, which is closed then.
    pub reserve: bool,
    /// Whether to ask for a collection at every allocation, move as much as can be moved, and poison
    /// what is left: finds references that a collection does not know of.
    pub zeal: bool,
}

impl Default for HeapConfig {
    fn default() -> Self {
        Self {
            bytes_max: HEAP_BYTES_MAX,
            nursery_bytes_max: NURSERY_MAX,
            reserve: true,
            zeal: false,
        }
    }
}

/// What kind of collection is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Of the nursery only.
    Minor,
    /// Of everything.
    Major,
    /// Whatever is needed to go on allocating: what follows a refused allocation.
    Auto,
}

/// The layouts of the objects of a heap.
pub trait Layouts {
    /// The layout of the objects that begin with this number. It must answer for any number; for one that
    /// was never given to [`Heap::allocate`], with whatever layout.
    fn layout(&self, type_id: u32) -> &Layout;
}

/// The references outside the heap that lead into it.
///
/// # Safety
///
/// The visitor is called with addresses that may be read and written for as long as the collection takes.
pub unsafe trait Roots {
    /// Calls `visitor` with the address of every such reference. A collection may do this twice, and all
    /// references have then been brought up to date in between.
    fn visit(&mut self, visitor: &mut dyn FnMut(*mut u32));
}

/// The layout and the bytes of the object at `at`; `None` if that does not lie within the heap.
#[inline]
fn object_layout<'a, L: Layouts + ?Sized>(
    ground: &Ground,
    layouts: &'a L,
    at: u32,
) -> Option<(&'a Layout, u32)> {
    // No object is where null leads to, of which nothing may be readable.
    if at < PAGE_BYTES || at >= ground.extent() {
        return None;
    }
    // SAFETY: the extent is a multiple of 8, as the offsets of objects are.
    let header = unsafe { ground.word(at) };
    let layout = layouts.layout(header);
    // SAFETY: as above.
    let bytes = layout.object_bytes(unsafe { ground.word(at + 4) });
    let fits = bytes <= u64::from(ground.extent() - at);
    debug_assert!(fits, "an object of {bytes} bytes at {at:#x}, type {header:#x}");
    fits.then_some((layout, bytes as u32))
}
