//! A store's lists, in which places are used again once what stood there has been freed.
//!
//! Each place has a *generation*, which goes up when what stands there is removed or freed. A handle keeps the
//! generation that it was made in, and is refused in any other, so that it never leads to what came after. A
//! place whose generations are used up is not used again. Until something is freed nothing of this takes
//! memory.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut, Range};
use dunlin_core::runs::Runs;

/// The last generation of a place.
const LAST: u32 = u32::MAX;

/// The generations of a list's places, and which of them are free.
#[derive(Default)]
pub(crate) struct Places {
    /// Places beyond the end are in their first generation, 0.
    generations: Vec<u32>,
    free: Runs,
    free_count: usize,
}

impl Places {
    /// The generation of a place.
    #[inline]
    pub(crate) fn generation(&self, place: u32) -> u32 {
        self.generations.get(place as usize).copied().unwrap_or(0)
    }

    /// Ends the generation of a place: handles to what stands there are void.
    pub(crate) fn expire(&mut self, place: u32) {
        let len = self.generations.len().max(place as usize + 1);
        self.generations.resize(len, 0);
        let generation = &mut self.generations[place as usize];
        *generation = generation.saturating_add(1);
    }

    /// Takes free places that follow each other, if there are so many.
    #[inline]
    pub(crate) fn take(&mut self, len: u32) -> Option<u32> {
        if self.free_count == 0 || len == 0 {
            return None;
        }
        let start = self.free.take(len)?;
        self.free_count -= len as usize;
        Some(start)
    }

    /// Frees places, and ends their generations.
    pub(crate) fn give(&mut self, run: Range<u32>) {
        let mut start = run.start;
        for place in run.clone() {
            self.expire(place);
            if self.generation(place) == LAST {
                self.give_run(start..place);
                start = place + 1;
            }
        }
        self.give_run(start..run.end);
    }

    fn give_run(&mut self, run: Range<u32>) {
        self.free_count += run.len();
        if !run.is_empty() {
            self.free.give(run);
        }
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

    /// So many places that follow each other, with nothing in them.
    pub(crate) fn reserve(&mut self, len: usize) -> u32 {
        if let Some(start) = self.places.take(len as u32) {
            return start;
        }
        let start = self.items.len();
        self.items.resize_with(start + len, || None);
        start as u32
    }

    /// Puts a thing into a place that was reserved.
    pub(crate) fn put(&mut self, place: u32, item: T) {
        self.len += usize::from(self.items[place as usize].replace(item).is_none());
    }

    /// Adds a thing; its place.
    pub(crate) fn push(&mut self, item: T) -> u32 {
        let place = match self.places.take(1) {
            Some(place) => {
                self.items[place as usize] = Some(item);
                place
            }
            None => {
                self.items.push(Some(item));
                self.items.len() as u32 - 1
            }
        };
        self.len += 1;
        place
    }

    /// Drops what is in these places, and frees them.
    pub(crate) fn free(&mut self, run: Range<u32>) {
        for item in &mut self.items[run.start as usize..run.end as usize] {
            self.len -= usize::from(item.take().is_some());
        }
        self.places.give(run);
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
        list.put(run + 1, 'b');
        assert_eq!((list.len(), list.places()), (2, 4));
        list.free(first..first + 1);
        list.free(run..run + 3);
        assert_eq!((list.push('c'), list.len(), list.generation(first)), (first, 1, 1));
        assert_eq!((list.get(first), list.get(run)), (Some(&'c'), None));
        assert_eq!(list.reserve(3), run);
        assert_eq!(list.places(), 4);
    }

    #[test]
    fn a_place_without_more_generations_is_not_used_again() {
        let mut places = Places { generations: alloc::vec![0, LAST - 1, 7], ..Places::default() };
        places.give(0..3);
        assert_eq!((places.take(2), places.take(1), places.take(1)), (None, Some(0), Some(2)));
        assert_eq!(places.take(1), None);
        assert_eq!(places.generation(1), LAST);
    }
}
