//! Canonical numbers of defined types: equal types have one number, wherever they are defined.
//!
//! Types are equal if their recursion groups are, and they stand at the same place in them
//! (specification, 3.1.3 "Rolling and Unrolling" and 3.3.2 "Defined Types"). So a group is numbered as a
//! whole: mentions of the group's own types become places in it, mentions of others their numbers, and
//! what has the same spelling then is the same group.
//!
//! A number says what its type is made of in its upper bits, so that a structure is told from an array
//! without a look at anything else.

use crate::types::{CompositeType, FuncType, HeapType, RefType, SubType, ValType};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
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

/// Where the type with this number stands in [`Canon::types`].
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

/// Numbers of defined types.
#[derive(Default, Debug)]
pub struct Canon {
    groups: BTreeMap<Box<[SubType]>, u32>,
    types: Vec<Defined>,
}

impl Canon {
    /// The types by [`index_of`] their numbers.
    #[must_use]
    pub fn types(&self) -> &[Defined] {
        &self.types
    }

    /// The type with this number.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn get(&self, number: u32) -> &Defined {
        &self.types[index_of(number)]
    }

    /// The numbers of a list of types that mention each other by index, of which these ranges are recursion
    /// groups of more or fewer than one type, and every other type is one of its own.
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
                numbers.extend(self.types[found..][..group.len()].iter().map(Defined::number));
            }
        }
        numbers.into()
    }

    /// The number of a function type that mentions others by number: a final one, of its own group.
    pub fn intern_func(&mut self, ty: &FuncType) -> u32 {
        let found = self.intern_rolled(Box::new([SubType::func(ty.clone())]));
        self.types[found].number()
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

    fn intern_rolled(&mut self, rolled: Box<[SubType]>) -> usize {
        if let Some(found) = self.groups.get(&rolled) {
            return *found as usize;
        }
        let first = self.types.len() as u32;
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
            let ty = ty.map_types(unroll);
            let above = ty.supertype.map_or(&[][..], |above| &self.get(above).line);
            let line = above.iter().copied().chain([number(place)]).collect();
            self.types.push(Defined { ty, line });
        }
        self.groups.insert(rolled, first);
        first as usize
    }

    /// Whether the defined type `sub` is `sup` or below it.
    #[must_use]
    pub fn is_subtype(&self, sub: u32, sup: u32) -> bool {
        sub == sup || self.get(sub).line.get(self.get(sup).depth()) == Some(&sup)
    }

    /// Whether values of the one heap type are values of the other (specification, 3.3.4 "Heap Types").
    #[must_use]
    pub fn heap_matches(&self, sub: HeapType, sup: HeapType) -> bool {
        use HeapType::{
            Any, Array, Concrete, Eq, Exn, Extern, Func, I31, NoExn, NoExtern, NoFunc, None, Struct,
        };
        match (sub, sup) {
            (Concrete(sub), Concrete(sup)) => self.is_subtype(sub, sup),
            (Concrete(sub), sup) => self.heap_matches(self.get(sub).ty.composite.kind(), sup),
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
