//! What the host and the interpreter read and write in objects, and what is done to many elements at once.
//!
//! Offsets have been judged by validation and lengths by the caller; what would lie outside of the heap
//! all the same, because a reference is wrong, is a bug: debug builds panic, others read 0 and write
//! nothing.

use super::heap::Heap;
use super::{ARRAY_ELEMENTS, ARRAY_LENGTH, CARD_SHIFT, GRANULE, Layout, PAGE_BYTES};
use core::cmp::Ordering;
use core::ops::Range;

/// Elements were named that the array does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds;

macro_rules! accessors {
    ($($load:ident $store:ident $ty:ident $bits:literal,)*) => {$(
        #[doc = concat!("The ", $bits, " bits at an offset of an object.")]
        #[must_use]
        #[inline]
        pub fn $load(&self, object: u32, offset: u32) -> $ty {
            match self.place(object, offset, size_of::<$ty>() as u32) {
                // SAFETY: `place` has checked that so many bytes are open.
                Some(at) => unsafe { at.cast::<$ty>().read_unaligned() },
                None => 0,
            }
        }

        #[doc = concat!("Writes the ", $bits, " bits at an offset of an object, without a barrier.")]
        #[inline]
        pub fn $store(&mut self, object: u32, offset: u32, value: $ty) {
            if let Some(at) = self.place(object, offset, size_of::<$ty>() as u32) {
                // SAFETY: `place` has checked that so many bytes are open.
                unsafe { at.cast::<$ty>().write_unaligned(value) };
            }
        }
    )*};
}

impl Heap {
    accessors! {
        load_u8 store_u8 u8 "8",
        load_u16 store_u16 u16 "16",
        load_u32 store_u32 u32 "32",
        load_u64 store_u64 u64 "64",
        load_u128 store_u128 u128 "128",
    }

    /// Writes a reference at an offset of an object, and marks its card.
    #[inline]
    pub fn store_ref(&mut self, object: u32, offset: u32, value: u32) {
        self.store_u32(object, offset, value);
        self.mark_card(object, offset);
    }

    /// Marks the card of an offset of an object, into which a reference was written.
    #[inline]
    pub fn mark_card(&mut self, object: u32, offset: u32) {
        let at = u64::from(object) + u64::from(offset);
        if at < u64::from(self.ground.extent()) {
            let card = self.ground.cards().wrapping_add((at >> CARD_SHIFT) as usize);
            // SAFETY: cards of the extent are open.
            unsafe { card.write(1) };
        }
    }

    /// The number of an object's type.
    #[must_use]
    #[inline]
    pub fn type_id(&self, object: u32) -> u32 {
        self.load_u32(object, 0)
    }

    /// The elements of an array.
    #[must_use]
    #[inline]
    pub fn array_len(&self, array: u32) -> u32 {
        self.load_u32(array, ARRAY_LENGTH)
    }

    /// Whether an object may begin at this offset, as far as the heap can tell: for checks.
    #[must_use]
    pub fn is_alive(&self, object: u32) -> bool {
        let young = self.nursery.from..self.next();
        object.is_multiple_of(GRANULE)
            && object < self.ground.extent()
            && (young.contains(&object) || self.ground.is_start(object))
    }

    #[inline]
    fn place(&self, object: u32, offset: u32, bytes: u32) -> Option<*mut u8> {
        debug_assert!(self.is_alive(object), "no object at {object:#x}");
        let at = u64::from(object) + u64::from(offset);
        // Where null leads to nothing may be readable.
        let is_open =
            object >= PAGE_BYTES && at + u64::from(bytes) <= u64::from(self.ground.extent());
        debug_assert!(is_open, "offset {offset} of the object at {object:#x}");
        is_open.then(|| self.ground.base().wrapping_add(at as usize))
    }

    /// The bytes of so many elements, as offsets in the heap.
    fn elements(
        &self,
        layout: &Layout,
        array: u32,
        index: u32,
        count: u32,
    ) -> Result<Range<u64>, OutOfBounds> {
        let length = self.array_len(array);
        if u64::from(index) + u64::from(count) > u64::from(length) {
            return Err(OutOfBounds);
        }
        let first = u64::from(array) + u64::from(ARRAY_ELEMENTS);
        let at = |index: u32| first + (u64::from(index) << layout.element_shift());
        let start = at(index);
        let end = start + (u64::from(count) << layout.element_shift());
        let is_open = end <= u64::from(self.ground.extent());
        debug_assert!(is_open, "{length} elements at {array:#x}");
        if is_open { Ok(start..end) } else { Err(OutOfBounds) }
    }

    /// Marks the cards of a range that is open and into which references may have been written.
    fn mark_cards(&mut self, layout: &Layout, range: &Range<u64>) {
        if !layout.is_traced() || range.is_empty() {
            return;
        }
        let (first, last) = (range.start >> CARD_SHIFT, (range.end - 1) >> CARD_SHIFT);
        let card = self.ground.cards().wrapping_add(first as usize);
        // SAFETY: cards of the extent are open.
        unsafe { card.write_bytes(1, (last - first + 1) as usize) };
    }

    fn bytes(&self, range: &Range<u64>) -> &[u8] {
        let at = self.ground.base().wrapping_add(range.start as usize);
        // SAFETY: the callers have from `elements` that the range is open; guests write only while the
        // store, and its heap with it, is borrowed exclusively.
        unsafe { core::slice::from_raw_parts(at, (range.end - range.start) as usize) }
    }

    /// Copies elements from one array to another, or within one, as if by way of a third.
    ///
    /// # Errors
    ///
    /// When one of the arrays has not so many elements; nothing is written then.
    pub fn array_copy(
        &mut self,
        layout: &Layout,
        (to, to_index): (u32, u32),
        (from, from_index): (u32, u32),
        count: u32,
    ) -> Result<(), OutOfBounds> {
        let target = self.elements(layout, to, to_index, count)?;
        let source = self.elements(layout, from, from_index, count)?;
        let base = self.ground.base();
        let (dst, src) =
            (base.wrapping_add(target.start as usize), base.wrapping_add(source.start as usize));
        // SAFETY: both ranges are open and of one length.
        unsafe { core::ptr::copy(src, dst, (target.end - target.start) as usize) };
        self.mark_cards(layout, &target);
        Ok(())
    }

    /// Writes one value, in the low bits of `value`, to so many elements.
    ///
    /// # Errors
    ///
    /// When the array has not so many elements; nothing is written then.
    pub fn array_fill(
        &mut self,
        layout: &Layout,
        array: u32,
        index: u32,
        count: u32,
        value: u128,
    ) -> Result<(), OutOfBounds> {
        let range = self.elements(layout, array, index, count)?;
        let at = self.ground.base().wrapping_add(range.start as usize);
        macro_rules! fill {
            ($ty:ident) => {
                for index in 0..count as usize {
                    // SAFETY: the range is open, and has as many elements.
                    unsafe { at.cast::<$ty>().add(index).write_unaligned(value as $ty) };
                }
            };
        }
        match layout.element_bytes() {
            // SAFETY: the range is open.
            1 => unsafe { at.write_bytes(value as u8, count as usize) },
            2 => fill!(u16),
            4 => fill!(u32),
            8 => fill!(u64),
            _ => fill!(u128),
        }
        self.mark_cards(layout, &range);
        Ok(())
    }

    /// Writes elements from bytes as they stand in a data segment: numbers are little-endian. Bytes that
    /// are no whole element are left out.
    ///
    /// # Errors
    ///
    /// When the array has not so many elements; nothing is written then.
    pub fn array_write(
        &mut self,
        layout: &Layout,
        array: u32,
        index: u32,
        bytes: &[u8],
    ) -> Result<(), OutOfBounds> {
        debug_assert!(!layout.is_traced(), "references are written by `array_write_refs`");
        let size = layout.element_bytes() as usize;
        let count = u32::try_from(bytes.len() / size).map_err(|_| OutOfBounds)?;
        let range = self.elements(layout, array, index, count)?;
        let at = self.ground.base().wrapping_add(range.start as usize);
        let len = (range.end - range.start) as usize;
        // SAFETY: the range is open, and a slice of the host's does not lie in the heap.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), at, len) };
        if cfg!(target_endian = "big") && size > 1 {
            // SAFETY: the range is open and nobody else looks at it.
            let written = unsafe { core::slice::from_raw_parts_mut(at, len) };
            written.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        Ok(())
    }

    /// Writes references to an array of them.
    ///
    /// # Errors
    ///
    /// When the array has not so many elements; nothing is written then.
    pub fn array_write_refs(
        &mut self,
        layout: &Layout,
        array: u32,
        index: u32,
        references: &[u32],
    ) -> Result<(), OutOfBounds> {
        debug_assert_eq!(layout.element_bytes(), 4, "an array of references");
        let count = u32::try_from(references.len()).map_err(|_| OutOfBounds)?;
        let range = self.elements(layout, array, index, count)?;
        let at = self.ground.base().wrapping_add(range.start as usize).cast::<u32>();
        // SAFETY: the range is open, and a slice of the host's does not lie in the heap.
        unsafe { core::ptr::copy_nonoverlapping(references.as_ptr(), at, references.len()) };
        self.mark_cards(layout, &range);
        Ok(())
    }

    /// The bytes of so many elements, as the machine holds them.
    ///
    /// # Errors
    ///
    /// When the array has not so many elements.
    pub fn array_bytes(
        &self,
        layout: &Layout,
        array: u32,
        index: u32,
        count: u32,
    ) -> Result<&[u8], OutOfBounds> {
        Ok(self.bytes(&self.elements(layout, array, index, count)?))
    }

    /// Compares so many elements of two arrays as bytes.
    ///
    /// # Errors
    ///
    /// When one of the arrays has not so many elements.
    pub fn array_compare(
        &self,
        layout: &Layout,
        (a, a_index): (u32, u32),
        (b, b_index): (u32, u32),
        count: u32,
    ) -> Result<Ordering, OutOfBounds> {
        let a = self.array_bytes(layout, a, a_index, count)?;
        Ok(a.cmp(self.array_bytes(layout, b, b_index, count)?))
    }
}
