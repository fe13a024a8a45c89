//! Canonical numbers of defined types: equal types have one number, wherever they are defined.
//!
//! Types are equal if their recursion groups are, and they stand at the same place in them
//! (specification, 3.1.3 "Rolling and Unrolling" and 3.3.2 "Defined Types"). So a group is numbered as a
//! whole: mentions of the group's own types become places in it, mentions of others their numbers, and
//! what has the same spelling then is the same group.
//!
//! Groups are counted: a group is kept as long as somebody has asked for its numbers and not released them
//! again, or another group mentions it. Then its numbers are free for other types.
//!
//! A number says what its type is made of in its upper bits, so that a structure is told from an array
//! without a look at anything else.

use crate::runs::Runs;
use crate::types::{CompositeType, FuncType, HeapType, RefType, SubType, ValType};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What the type with a number is made of: the bits of [`KIND_MASK`] in it.
pub const KIND_FUNC: u32 = 0;
/// The kind of structures' types.
pub const KIND_STRUCT: u32 = 1 << 28;
/// The kind of arrays' types.
pub const KIND_ARRAY: u32 = 2 << 28;
/// The kind of exceptions: the rest is that of the number of the function type that says what they carry.
/// No defined type has such a number; objects begin with it.
pub const KIND_EXCEPTION: u32 = 3 << 28;
/// The bits of a number that say its kind.
pub const KIND_MASK: u32 = 3 << 28;

/// Marks a mention of a type of the same group, by its place there.
const SAME_GROUP: u32 = 1 << 31;

/// The place of the type with this number, for [`Canon::at`].
#[must_use]
pub const fn index_of(number: u32) -> usize {
    (number & !KIND_MASK) as usize
}

/// Whether the number is that of a function type.
#[must_use]
pub const fn is_func(number: u32) -> bool {
    number & KIND_MASK == KIND_FUNC
}

/// A defined type with its number.
#[derive(Clone, Debug)]
pub struct Defined {
    /// The type; the types that it mentions are numbers.
    pub ty: SubType,
    /// The numbers of the types above it, outermost first, and its own.
    pub line: Box<[u32]>,
}

impl Defined {
    /// The type's number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.line[self.line.len() - 1]
    }

    /// How many types are above it.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.line.len() - 1
    }
}

/// A recursion group.
#[derive(Debug)]
struct Group {
    rolled: Arc<[SubType]>,
    /// How often it has been asked for and not been released, by type; and the mentions by other groups.
    uses: u64,
    /// The types of other groups that it keeps.
    mentions: Box<[u32]>,
}

/// Numbers of defined types.
#[derive(Default, Debug)]
pub struct Canon {
    numbers: BTreeMap<Arc<[SubType]>, u32>,
    /// By place, and where its group begins.
    types: Vec<Option<(Defined, u32)>>,
    /// By the places of their first types.
    groups: BTreeMap<u32, Group>,
    free: Runs,
    count: usize,
    /// Places whose types are others than when [`Canon::take_changed`] was last asked.
    changed: Vec<u32>,
}

impl Canon {
    /// How many types there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no types.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The type at a place, which is what [`index_of`] says of its number; `None` where there is none.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<&Defined> {
        self.types.get(place)?.as_ref().map(|(defined, _)| defined)
    }

    /// The type with this number; `None` where there is none.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Defined> {
        self.at(index_of(number)).filter(|defined| defined.number() == number)
    }

    /// The places whose types have come or gone since this was last asked.
    pub fn take_changed(&mut self) -> Vec<u32> {
        core::mem::take(&mut self.changed)
    }

    /// Keeps the type with this number until it is released once more; says whether there is one.
    pub fn keep(&mut self, number: u32) -> bool {
        if self.get(number).is_none() {
            return false;
        }
        self.add_uses(index_of(number), 1);
        true
    }

    /// Takes back that each of these numbers was asked for, or kept.
    pub fn release(&mut self, numbers: &[u32]) {
        let mut numbers = numbers.to_vec();
        while let Some(number) = numbers.pop() {
            let Some(Some((_, first))) = self.types.get(index_of(number)) else { continue };
            let first = *first;
            let Some(group) = self.groups.get_mut(&first) else { continue };
            group.uses -= 1;
            if group.uses == 0
                && let Some(group) = self.groups.remove(&first)
            {
                self.numbers.remove(&group.rolled);
                let places = first..first + group.rolled.len() as u32;
                places.clone().for_each(|place| self.types[place as usize] = None);
                self.count -= places.len();
                self.changed.extend(places.clone());
                self.free.give(places);
                numbers.extend(&group.mentions);
            }
        }
    }

    fn add_uses(&mut self, place: usize, uses: u64) {
        if let Some(Some((_, first))) = self.types.get(place)
            && let Some(group) = self.groups.get_mut(first)
        {
            group.uses += uses;
        }
    }

    /// The numbers of a list of types that mention each other by index, of which these ranges are recursion
    /// groups of more or fewer than one type, and every other type is one of its own. Each is asked for once.
    pub fn intern_all(
        &mut self,
        types: &[SubType],
        groups: &[core::ops::Range<u32>],
    ) -> Box<[u32]> {
        let mut numbers = Vec::with_capacity(types.len());
        let mut groups = groups.iter().peekable();
        while numbers.len() < types.len() {
            let first = numbers.len() as u32;
            let group = groups.next_if(|group| group.start == first);
            let end = group.map_or(first + 1, |group| group.end);
            if end > first {
                let group = &types[first as usize..end as usize];
                let found = self.intern_group(group, first, &numbers);
                self.add_uses(found, group.len() as u64);
                let places = found..found + group.len();
                numbers.extend(places.filter_map(|place| self.at(place)).map(Defined::number));
            }
        }
        numbers.into()
    }

    /// The number of a function type that mentions others by number: a final one, of its own group. It is
    /// asked for once.
    pub fn intern_func(&mut self, ty: &FuncType) -> u32 {
        let found = self.intern_rolled(Arc::new([SubType::func(ty.clone())]));
        self.add_uses(found, 1);
        found as u32 | KIND_FUNC
    }

    /// Where the first type of a group stands; `first` is its index in its list, and `before` the numbers
    /// of those before it.
    fn intern_group(&mut self, group: &[SubType], first: u32, before: &[u32]) -> usize {
        let roll = |index: u32| match index.checked_sub(first) {
            Some(place) => SAME_GROUP | place,
            None => before[index as usize],
        };
        self.intern_rolled(group.iter().map(|ty| ty.map_types(roll)).collect())
    }

    fn intern_rolled(&mut self, rolled: Arc<[SubType]>) -> usize {
        if let Some(found) = self.numbers.get(&rolled) {
            return *found as usize;
        }
        let len = rolled.len() as u32;
        let first = self.free.take(len).unwrap_or_else(|| {
            let first = self.types.len() as u32;
            self.types.resize_with((first + len) as usize, || None);
            first
        });
        let mut mentions = Vec::new();
        let number = |place: u32| {
            (first + place)
                | match rolled[place as usize].composite {
                    CompositeType::Func(_) => KIND_FUNC,
                    CompositeType::Struct(_) => KIND_STRUCT,
                    CompositeType::Array(_) => KIND_ARRAY,
                }
        };
        let unroll = |mention: u32| match mention & SAME_GROUP {
            0 => mention,
            _ => number(mention & !SAME_GROUP),
        };
        for (ty, place) in rolled.iter().zip(0..) {
            let ty = ty.map_types(|mention| {
                if mention & SAME_GROUP == 0 {
                    mentions.push(mention);
                }
                unroll(mention)
            });
            let above = ty.supertype.and_then(|above| self.get(above));
            let above = above.map_or(&[][..], |above| &above.line);
            let line = above.iter().copied().chain([number(place)]).collect();
            self.types[(first + place) as usize] = Some((Defined { ty, line }, first));
            self.changed.push(first + place);
        }
        self.count += rolled.len();
        mentions.sort_unstable();
        mentions.dedup();
        // The host may mention what is not there any more.
        mentions.retain(|mention| self.keep(*mention));
        self.numbers.insert(rolled.clone(), first);
        self.groups.insert(first, Group { rolled, uses: 0, mentions: mentions.into() });
        first as usize
    }

    /// Whether the defined type `sub` is `sup` or below it.
    #[must_use]
    pub fn is_subtype(&self, sub: u32, sup: u32) -> bool {
        let found = || self.get(sub)?.line.get(self.get(sup)?.depth());
        sub == sup || found() == Some(&sup)
    }

    /// Whether values of the one heap type are values of the other (specification, 3.3.4 "Heap Types").
    #[must_use]
    pub fn heap_matches(&self, sub: HeapType, sup: HeapType) -> bool {
        use HeapType::{
            Any, Array, Concrete, Eq, Exn, Extern, Func, I31, NoExn, NoExtern, NoFunc, None, Struct,
        };
        match (sub, sup) {
            (Concrete(sub), Concrete(sup)) => self.is_subtype(sub, sup),
            (Concrete(sub), sup) => {
                self.get(sub).is_some_and(|sub| self.heap_matches(sub.ty.composite.kind(), sup))
            }
            (None, Concrete(sup)) => !is_func(sup),
            (NoFunc, Concrete(sup)) => is_func(sup),
            (None, Eq | I31 | Struct | Array | Any)
            | (I31 | Struct | Array, Eq | Any)
            | (Eq, Any)
            | (NoFunc, Func)
            | (NoExtern, Extern)
            | (NoExn, Exn) => true,
            (sub, sup) => sub == sup,
        }
    }

    /// Whether references of the one type are references of the other.
    #[must_use]
    pub fn ref_matches(&self, sub: RefType, sup: RefType) -> bool {
        (sup.nullable || !sub.nullable) && self.heap_matches(sub.heap, sup.heap)
    }

    /// Whether values of the one type are values of the other.
    #[must_use]
    pub fn val_matches(&self, sub: ValType, sup: ValType) -> bool {
        match (sub, sup) {
            (ValType::Ref(sub), ValType::Ref(sup)) => self.ref_matches(sub, sup),
            (sub, sup) => sub == sup,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{FieldType, Mutability, StorageType};

    fn structure(fields: &[HeapType], supertype: Option<u32>) -> SubType {
        let field = |heap: &HeapType| FieldType {
            storage: StorageType::Val(ValType::Ref(RefType::null(*heap))),
            mutability: Mutability::Var,
        };
        let composite = CompositeType::Struct(fields.iter().map(field).collect());
        SubType { is_final: false, supertype, composite }
    }

    #[test]
    fn equal_groups_have_equal_numbers_and_others_have_not() {
        let mut canon = Canon::default();
        let list = |first: u32| structure(&[HeapType::Concrete(first)], None);
        let alone = canon.intern_all(&[list(0)], &[]);
        let second = canon.intern_all(&[SubType::func(FuncType::new([], [])), list(1)], &[]);
        assert_eq!(alone[0], second[1], "one type, at another index");
        assert_eq!(alone[0] & KIND_MASK, KIND_STRUCT);
        let pair = [list(0), list(1)];
        let pair = canon.intern_all(&pair, core::slice::from_ref(&(0..2)));
        assert_ne!(pair[0], alone[0], "of another group");
        assert_ne!(pair[0], pair[1]);
        let twice = canon.intern_all(&[list(0), list(1)], &[]);
        assert_eq!(twice[0], twice[1], "two groups of one shape");
    }

    #[test]
    fn numbers_are_free_when_nobody_has_their_group() {
        let mut canon = Canon::default();
        let list = |heap: HeapType| structure(&[heap], None);
        let first = canon.intern_all(&[list(HeapType::Any)], &[]);
        let below = [list(HeapType::Any), structure(&[HeapType::Any], Some(0))];
        let both = canon.intern_all(&below, &[]);
        assert_eq!((both[0], canon.len()), (first[0], 2));
        let func = canon.intern_func(&FuncType::new(
            [ValType::Ref(RefType::null(HeapType::Concrete(both[1])))],
            [],
        ));
        canon.release(&first);
        canon.release(&both);
        // The function's type mentions the lower one, and that its supertype.
        assert_eq!(canon.len(), 3);
        assert!(canon.is_subtype(both[1], first[0]));
        canon.release(&[func]);
        assert!(canon.is_empty() && canon.get(first[0]).is_none());
        assert!(!canon.heap_matches(HeapType::Concrete(both[1]), HeapType::Struct));
        canon.take_changed();
        let again = canon.intern_all(&[list(HeapType::I31)], &[]);
        assert_eq!((again[0], canon.take_changed()), (first[0], alloc::vec![0]));
        canon.release(&again);
    }

    #[test]
    fn groups_that_mention_themselves_are_released_too() {
        let mut canon = Canon::default();
        for round in 1..50 {
            let pair = [
                structure(&[HeapType::Concrete(1)], None),
                structure(&[HeapType::Concrete(0)], None),
            ];
            let fields = alloc::vec![HeapType::Concrete(0); round];
            let types = [&pair[..], &[structure(&fields, Some(0))]].concat();
            let numbers = canon.intern_all(&types, core::slice::from_ref(&(0..2)));
            assert_eq!(canon.len(), 3);
            canon.release(&numbers);
            assert_eq!((canon.len(), canon.types.len()), (0, 3));
        }
    }

    #[test]
    fn empty_groups_are_passed_over() {
        let mut canon = Canon::default();
        let numbers = canon.intern_all(&[structure(&[], None)], &[0..0, 1..1]);
        assert_eq!(numbers.len(), 1);
    }

    #[test]
    fn subtypes_are_found_along_their_line() {
        let mut canon = Canon::default();
        let any = HeapType::Any;
        let types = [
            structure(&[], None),
            structure(&[any], Some(0)),
            structure(&[any, any], Some(1)),
            structure(&[any, any, any], Some(0)),
        ];
        let [top, middle, low, other] = *canon.intern_all(&types, &[]) else { panic!("four") };
        let below = |sub, sup| canon.is_subtype(sub, sup);
        assert!(below(low, top) && below(low, middle) && below(low, low) && below(other, top));
        assert!(!below(top, low) && !below(other, middle) && !below(middle, other));
        let concrete = HeapType::Concrete;
        assert!(canon.heap_matches(concrete(low), HeapType::Eq));
        assert!(canon.heap_matches(HeapType::None, concrete(low)));
        assert!(!canon.heap_matches(HeapType::NoFunc, concrete(low)));
        assert!(!canon.heap_matches(concrete(low), HeapType::Array));
        let null = RefType::null(concrete(low));
        assert!(!canon.ref_matches(null, RefType::non_null(concrete(low))));
    }
}
