//! What is known where the translation is, from what has been executed before on every way there: what fields
//! hold, how long arrays are, which elements exist, what references are.
//!
//! 1. A fact holds from where it is learnt to the end of the way it was learnt on: of the arm of an `if`, of a
//!    block that something else leads to the end of. There, those that came since it was opened are forgotten.
//! 2. Some are outlived by what happens: a store makes those of its [`Place`] old, a call all that it may change or
//!    that would be kept in the frame instead, the start of a loop all that the loop may change.
//!
//! Values that are known are used again in place of being computed again. A place of an element is known *behind*
//! its mask, so that a processor that runs ahead reads no other.

use cranelift_codegen::ir::Value;
use std::collections::HashMap;

/// A kind of places in objects: those of different kinds are never the same.
///
/// A structure's field is at the same index in all types above and below its own, and objects of other types have
/// other addresses; the same is true of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place(pub(crate) u32);

/// Something that may be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    /// What a structure has at a place, from which so many bits are extended this way.
    Field(Value, Place, Extension),
    /// How many elements an array has.
    Length(Value),
    /// The place of the array's element with this index, when it is known to have it.
    Element(Value, Value),
    /// A pointer of the heap's context in the store's, at this offset: a call may make the heap.
    Pointer(usize),
    /// The reference is not null.
    NotNull(Value),
    /// The reference is to an object of the module's type with this index.
    Is(Value, u32),
}

/// How a field's value is extended.
pub(super) type Extension = u8;

/// What is known.
#[derive(Default)]
pub(super) struct Facts {
    known: HashMap<Fact, Known>,
    /// What each was before it was learnt, in that order.
    log: Vec<(Fact, Option<Known>)>,
    /// Grows with whatever happens.
    now: u32,
    /// When the latest call was, and the latest start of a loop.
    called: u32,
    began: u32,
    /// When something was last stored at a kind of places.
    stored: HashMap<Place, u32>,
}

#[derive(Clone, Copy)]
struct Known {
    value: Value,
    since: u32,
}

impl Facts {
    /// How many there are, for [`Facts::forget`].
    pub(super) fn count(&self) -> usize {
        self.log.len()
    }

    /// Forgets what has been learnt since there were `count`.
    pub(super) fn forget(&mut self, count: usize) {
        while self.log.len() > count {
            let Some((fact, before)) = self.log.pop() else { return };
            match before {
                Some(known) => self.known.insert(fact, known),
                None => self.known.remove(&fact),
            };
        }
    }

    /// Forgets all, for good.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.log.iter_mut().for_each(|(_, before)| *before = None);
    }

    /// Learns that a fact holds from here on; `value` is what it is about.
    pub(super) fn learn(&mut self, fact: Fact, value: Value) {
        let before = self.known.insert(fact, Known { value, since: self.now });
        self.log.push((fact, before));
    }

    /// What is known, if it is.
    pub(super) fn get(&self, fact: Fact) -> Option<Value> {
        let known = self.known.get(&fact)?;
        let oldest = match fact {
            Fact::Field(_, place, _) => {
                let stored = self.stored.get(&place).copied().unwrap_or(0);
                stored.max(self.called).max(self.began)
            }
            // It holds an address, which a call in an earlier turn would have changed.
            // The first object may be made in it too.
            Fact::Element(..) | Fact::Pointer(_) => self.called.max(self.began),
            Fact::Length(_) => self.called,
            Fact::NotNull(_) | Fact::Is(..) => 0,
        };
        (known.since >= oldest).then_some(known.value)
    }

    /// Notes a store.
    pub(super) fn store(&mut self, place: Place) {
        self.now += 1;
        self.stored.insert(place, self.now);
    }

    /// Notes a call, which may collect.
    pub(super) fn call(&mut self) {
        self.now += 1;
        self.called = self.now;
    }

    /// Notes the start of a loop.
    pub(super) fn begin_loop(&mut self) {
        self.now += 1;
        self.began = self.now;
    }
}

#[cfg(test)]
mod tests {
    use super::{Fact, Facts, Place};
    use cranelift_codegen::ir::Value;

    #[test]
    fn facts_end_with_their_way_and_stay_old_when_something_was_stored_on_it() {
        let [object, first, second] = [1, 2, 3].map(Value::from_u32);
        let (here, there) = (Place(0), Place(1));
        let [field, other] = [here, there].map(|place| Fact::Field(object, place, 0));
        let mut facts = Facts::default();
        facts.learn(field, first);
        facts.learn(other, first);
        let count = facts.count();
        facts.store(there);
        facts.learn(other, second);
        assert_eq!((facts.get(field), facts.get(other)), (Some(first), Some(second)));
        facts.forget(count);
        assert_eq!((facts.get(field), facts.get(other)), (Some(first), None));
        facts.call();
        assert_eq!(facts.get(field), None);
    }

    #[test]
    fn what_never_changes_outlives_loops_and_calls() {
        let [array, index, value] = [1, 2, 3].map(Value::from_u32);
        let all = [Fact::Length(array), Fact::Element(array, index), Fact::NotNull(array)];
        let mut facts = Facts::default();
        all.into_iter().for_each(|fact| facts.learn(fact, value));
        let known = |facts: &Facts| all.map(|fact| facts.get(fact).is_some());
        assert_eq!(known(&facts), [true; 3]);
        facts.begin_loop();
        assert_eq!(known(&facts), [true, false, true]);
        facts.call();
        assert_eq!(known(&facts), [false, false, true]);
    }
}
