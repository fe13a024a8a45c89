//! A store's lists, in which places are used again once what stood there has been freed.
//!
//! Each place has a *generation*, which goes up when what stands there is removed or freed. A handle keeps the
//! generation that it was made in, and is refused in any other, so that it never leads to what came after. A
//! place whose generations are used up is not used again. Until something is freed nothing of this takes
//! memory.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::{Index, IndexMut, Range};
use dunlin_core::runs::Runs;

/// The last generation of a place.
const LAST: u32 = u32::MAX;

/// The generations of a list's places, and which of them are free. Nothing until something is freed.
#[derive(Default)]
pub(crate) struct Places(Option<Box<Used>>);

/// What there is to know of places that have been used.
#[derive(Default)]
struct Used {
    /// Places beyond the end are in their first generation, 0.
    generations: Vec<u32>,
    free: Runs,
    free_count: usize,
}

impl Places {
    /// Whether nothing was ever freed.
    pub(crate) fn is_untouched(&self) -> bool {
        self.0.is_none()
    }

    /// The generation of a place.
    #[inline]
    pub(crate) fn generation(&self, place: u32) -> u32 {
        self.0.as_ref().map_or(0, |used| used.generation(place))
    }

    /// Ends the generation of a place: handles to what stands there are void.
    pub(crate) fn expire(&mut self, place: u32) {
        self.0.get_or_insert_default().expire(place..place + 1);
    }

    /// Takes free places that follow each other, if there are so many.
    #[inline]
    pub(crate) fn take(&mut self, len: u32) -> Option<u32> {
        let used = self.0.as_mut()?;
        if used.free_count == 0 || len == 0 {
            return None;
        }
        let start = used.free.take(len)?;
        used.free_count -= len as usize;
        Some(start)
    }

    /// Frees places, and ends their generations.
    pub(crate) fn give(&mut self, run: Range<u32>) {
        if run.is_empty() {
            return;
        }
        let used = self.0.get_or_insert_default();
        if !used.expire(run.clone()) {
            return used.give(run);
        }
        let mut start = run.start;
        for place in run.clone().filter(|place| used.generation(*place) == LAST).collect::<Vec<_>>()
        {
            used.give(start..place);
            start = place + 1;
        }
        used.give(start..run.end);
    }
}

impl Drop for Places {
    #[inline]
    fn drop(&mut self) {
        // Most stores have nothing here, and should not have to look closer.
        if let Some(used) = self.0.take() {
            drop_used(used);
        }
    }
}

#[cold]
fn drop_used(used: Box<Used>) {
    drop(used);
}

impl Used {
    #[inline]
    fn generation(&self, place: u32) -> u32 {
        self.generations.get(place as usize).copied().unwrap_or(0)
    }

    /// Ends the generations of places; says whether one of them has come to its last.
    fn expire(&mut self, run: Range<u32>) -> bool {
        if self.generations.len() < run.end as usize {
            self.generations.resize(run.end as usize, 0);
        }
        let mut is_last = false;
        for generation in &mut self.generations[run.start as usize..run.end as usize] {
            *generation = generation.saturating_add(1);
            is_last |= *generation == LAST;
        }
        is_last
    }

    fn give(&mut self, run: Range<u32>) {
        self.free_count += run.len();
        self.free.give(run);
    }
}

/// A list of things of a store.
pub(crate) struct List<T> {
    items: Vec<Option<T>>,
    places: Places,
    len: usize,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new(), places: Places::default(), len: 0 }
    }
}

impl<T> List<T> {
    /// How many things there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The places, with things and without.
    pub(crate) fn places(&self) -> usize {
        self.items.len()
    }

    /// The generation of a place.
    #[inline]
    pub(crate) fn generation(&self, place: u32) -> u32 {
        self.places.generation(place)
    }

    /// Ends the generation of a place: handles to what stands there are void.
    pub(crate) fn expire(&mut self, place: u32) {
        self.places.expire(place);
    }

    /// So many places that follow each other, with nothing in them. New ones are only there once something is put
    /// into them, one after the other and before anything else is reserved.
    #[inline]
    pub(crate) fn reserve(&mut self, len: usize) -> u32 {
        if let Some(start) = self.places.take(len as u32) {
            return start;
        }
        if self.items.capacity() == 0 {
            // Most stores have one instance, whose things are all there will be.
            self.items.reserve_exact(len);
        }
        self.items.len() as u32
    }

    /// Puts a thing into a place that was reserved.
    #[inline]
    pub(crate) fn put(&mut self, place: u32, item: T) {
        if place as usize == self.items.len() {
            self.items.push(Some(item));
        } else {
            self.items[place as usize] = Some(item);
        }
        self.len += 1;
    }

    /// Makes places up to this one, with nothing in them, in a list that has none.
    pub(crate) fn extend_to(&mut self, places: u32) {
        debug_assert!(self.items.is_empty());
        self.items.resize_with(places as usize, || None);
    }

    /// Whether nothing was ever freed.
    pub(crate) fn is_untouched(&self) -> bool {
        self.places.is_untouched()
    }

    /// Takes the thing in a place out, of a list that ends.
    pub(crate) fn take(&mut self, place: u32) -> Option<T> {
        let taken = self.items.get_mut(place as usize)?.take();
        self.len -= usize::from(taken.is_some());
        taken
    }

    /// Adds a thing; its place.
    pub(crate) fn push(&mut self, item: T) -> u32 {
        let place = self.reserve(1);
        self.put(place, item);
        place
    }

    /// Drops what is in these places, and frees them; those that were reserved and are not there yet stay so.
    pub(crate) fn free(&mut self, run: Range<u32>) {
        let run = run.start..run.end.min(self.items.len() as u32);
        for item in &mut self.items[run.start as usize..run.end as usize] {
            self.len -= usize::from(item.take().is_some());
        }
        self.places.give(run);
    }

    /// Takes out the only thing that there is, where it is in the first place.
    pub(crate) fn take_only(&mut self) -> Option<T> {
        let only = if self.len == 1 { self.items.first_mut()?.take() } else { None };
        self.len -= usize::from(only.is_some());
        only
    }

    /// The thing in a place.
    pub(crate) fn get(&self, place: u32) -> Option<&T> {
        self.items.get(place as usize)?.as_ref()
    }

    /// The thing in a place, to change.
    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.items.get_mut(place as usize)?.as_mut()
    }

    /// Whether `is` holds for all things in places that follow each other.
    pub(crate) fn all(&self, first: u32, len: usize, is: impl Fn(&T) -> bool) -> bool {
        (first..).take(len).filter_map(|place| self.get(place)).all(is)
    }

    /// All things with their places.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(&self.items).filter_map(|(place, item)| Some((place, item.as_ref()?)))
    }

    /// All things.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter().flatten()
    }

    /// All things, to change.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.items.iter_mut().flatten()
    }

    /// Two things, to change, if they are two.
    pub(crate) fn pair_mut(&mut self, first: u32, second: u32) -> Option<[&mut T; 2]> {
        let pair = self.items.get_disjoint_mut([first as usize, second as usize]).ok()?;
        let [Some(first), Some(second)] = pair else { return None };
        Some([first, second])
    }
}

impl<T> Index<usize> for List<T> {
    type Output = T;

    #[inline]
    fn index(&self, place: usize) -> &T {
        self.items[place].as_ref().expect("a place in use")
    }
}

impl<T> IndexMut<usize> for List<T> {
    #[inline]
    fn index_mut(&mut self, place: usize) -> &mut T {
        self.items[place].as_mut().expect("a place in use")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_joined_and_the_shortest_that_serves_is_taken() {
        let mut places = Places::default();
        places.give(0..2);
        places.give(8..9);
        places.give(4..6);
        assert_eq!(places.take(3), None);
        assert_eq!(places.take(1), Some(8));
        places.give(2..4);
        assert_eq!(places.take(6), Some(0));
        assert_eq!(places.take(1), None);
        assert_eq!((places.generation(3), places.generation(8), places.generation(9)), (1, 1, 0));
    }

    #[test]
    fn a_place_is_used_again_in_another_generation() {
        let mut list = List::default();
        let first = list.push('a');
        let run = list.reserve(3);
        list.put(run, 'b');
        assert_eq!((list.len(), list.places()), (2, 2));
        (1..3).for_each(|next| list.put(run + next, 'b'));
        assert_eq!((list.len(), list.places()), (4, 4));
        list.free(first..first + 1);
        list.free(run..run + 3);
        assert_eq!((list.push('c'), list.len(), list.generation(first)), (first, 1, 1));
        assert_eq!((list.get(first), list.get(run)), (Some(&'c'), None));
        assert_eq!(list.reserve(3), run);
        assert_eq!(list.places(), 4);
    }

    #[test]
    fn places_that_nothing_was_put_into_are_not_freed() {
        let mut list = List::default();
        let run = list.reserve(3);
        list.put(run, 'a');
        list.free(run..run + 3);
        assert_eq!((list.len(), list.places(), list.reserve(2), list.reserve(1)), (0, 1, 1, 0));
    }

    #[test]
    fn a_place_without_more_generations_is_not_used_again() {
        let used = Used { generations: alloc::vec![0, LAST - 1, 7], ..Used::default() };
        let mut places = Places(Some(Box::new(used)));
        places.give(0..3);
        assert_eq!((places.take(2), places.take(1), places.take(1)), (None, Some(0), Some(2)));
        assert_eq!(places.take(1), None);
        assert_eq!(places.generation(1), LAST);
    }
}
