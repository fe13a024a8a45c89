//! Items by name: what an instance exports, and what a component is instantiated with.

use crate::instance::Item;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// Items that are looked through one after the other; of more there is an index, which takes long to make.
const SEARCHED_MAX: usize = 64;

/// Items by name, in the order in which they were defined.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    items: Vec<(Arc<str>, Item)>,
    /// The places of many, by name.
    sorted: OnceLock<Box<[u32]>>,
}

/// Where a name was found last, which is where it is found next as a rule.
#[derive(Debug, Default)]
pub(crate) struct Hint(AtomicU32);

impl Exports {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { items: Vec::with_capacity(capacity), sorted: OnceLock::new() }
    }

    /// Adds an item, whose name is new.
    pub(crate) fn add(&mut self, name: Arc<str>, item: Item) {
        if self.sorted.get().is_some() {
            self.sorted.take();
        }
        self.items.push((name, item));
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Item)> {
        self.items.iter().map(|(name, item)| (name, item))
    }

    /// The item of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Item> {
        Some(&self.items[self.place(name)?].1)
    }

    /// The item of this name, most likely where one was found before.
    pub(crate) fn find_near(&self, name: &str, hint: &Hint) -> Option<&Item> {
        let near = self.items.get(hint.0.load(Ordering::Relaxed) as usize);
        if let Some((_, item)) = near.filter(|near| near.0.as_ref() == name) {
            return Some(item);
        }
        let place = self.place(name)?;
        hint.0.store(place as u32, Ordering::Relaxed);
        Some(&self.items[place].1)
    }

    fn place(&self, name: &str) -> Option<usize> {
        if self.items.len() <= SEARCHED_MAX {
            return self.items.iter().position(|item| item.0.as_ref() == name);
        }
        let name_at = |place: &u32| self.items[*place as usize].0.as_ref();
        let sorted = self.sorted.get_or_init(|| {
            let mut places: Vec<_> = (0..self.items.len() as u32).collect();
            places.sort_unstable_by_key(name_at);
            places.into()
        });
        let found = sorted.binary_search_by(|place| name_at(place).cmp(name)).ok()?;
        Some(sorted[found] as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::{Exports, Hint};
    use crate::instance::Item;

    #[test]
    fn few_and_many_are_found_and_hints_may_be_wrong() {
        let (mut exports, hint) = (Exports::default(), Hint::default());
        for count in 0..200_u32 {
            exports.add(format!("name-{}", count * 7919 % 200).into(), Item::Func(count));
            for (name, item) in exports.iter() {
                let Item::Func(place) = item else { panic!("a function") };
                for found in [exports.find(name), exports.find_near(name, &hint)] {
                    assert!(matches!(found, Some(Item::Func(found)) if found == place));
                }
            }
            assert!(exports.find("name").is_none());
            assert!(exports.find_near("name", &hint).is_none());
        }
    }
}
