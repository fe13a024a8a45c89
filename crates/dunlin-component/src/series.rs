//! Lists of which the first part may be shared by many stores.

use std::iter::Chain;
use std::ops::Index;
use std::slice::Iter;
use std::sync::Arc;

/// A list that only grows, the first part of which may be shared.
pub(crate) struct Series<I> {
    shared: Option<Arc<[I]>>,
    own: Vec<I>,
}

impl<I> Default for Series<I> {
    fn default() -> Self {
        Self { shared: None, own: Vec::new() }
    }
}

impl<I> Series<I> {
    /// One that begins with this.
    pub(crate) fn of(shared: &Arc<[I]>) -> Self {
        Self { shared: Some(shared.clone()), own: Vec::new() }
    }

    /// All of it, to be shared from now on.
    ///
    /// It shares nothing before.
    pub(crate) fn share(&mut self) -> Arc<[I]> {
        debug_assert!(self.shared.is_none(), "nothing is shared yet");
        let shared: Arc<[I]> = std::mem::take(&mut self.own).into();
        self.shared = Some(shared.clone());
        shared
    }

    fn base(&self) -> &[I] {
        self.shared.as_deref().unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.base().len() + self.own.len()
    }

    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<&I> {
        let base = self.base();
        match place.checked_sub(base.len()) {
            None => base.get(place),
            Some(place) => self.own.get(place),
        }
    }

    /// Adds an item; its place.
    pub(crate) fn push(&mut self, item: I) -> usize {
        self.own.push(item);
        self.len() - 1
    }

    pub(crate) fn iter(&self) -> Chain<Iter<'_, I>, Iter<'_, I>> {
        self.base().iter().chain(&self.own)
    }
}

impl<I> Index<usize> for Series<I> {
    type Output = I;

    #[inline]
    fn index(&self, place: usize) -> &I {
        self.get(place).expect("a place in the list")
    }
}

#[cfg(test)]
mod tests {
    use super::Series;

    #[test]
    fn places_go_on_where_what_is_shared_ends() {
        let mut first = Series::default();
        assert_eq!([first.push('a'), first.push('b')], [0, 1]);
        let mut second = Series::of(&first.share());
        assert_eq!([first.push('c'), second.push('d'), second.push('e')], [2, 2, 3]);
        assert_eq!(first.iter().collect::<String>(), "abc");
        assert_eq!(second.iter().collect::<String>(), "abde");
        assert_eq!((second[1], second[3], second.get(4), second.len()), ('b', 'e', None, 4));
    }
}
