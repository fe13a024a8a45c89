//! When function types of two components are one: components that are linked by the host have tables of their own.

use crate::abi::side::Side;
use crate::func::TypeRef;
use crate::types::{Cases, Field, Kind, TypeId, TypeTable, Var};
use std::collections::HashSet;

/// Whether two types of a table are the same.
pub(crate) fn same_types(types: &TypeTable, a: Option<TypeId>, b: Option<TypeId>) -> bool {
    let resources = |a: Var, b: Var| a == b;
    let mut pairs = Pairs { a: types, b: types, resources: &resources, seen: HashSet::new() };
    pairs.maybe(a, b)
}

/// Whether two function types are the same, resource types included.
pub(crate) fn same_funcs(a: (&TypeRef, &Side), b: (&TypeRef, &Side)) -> bool {
    let (ty_a, ty_b) = (a.0.get(), b.0.get());
    let resources = |var_a: Var, var_b: Var| match (a.1.resource(var_a), b.1.resource(var_b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    };
    let mut pairs =
        Pairs { a: &a.0.types, b: &b.0.types, resources: &resources, seen: HashSet::new() };
    ty_a.is_async == ty_b.is_async
        && pairs.fields(&ty_a.params, &ty_b.params)
        && pairs.maybe(ty_a.result, ty_b.result)
}

/// Types that are compared; each pair once.
struct Pairs<'t> {
    a: &'t TypeTable,
    b: &'t TypeTable,
    resources: &'t dyn Fn(Var, Var) -> bool,
    seen: HashSet<(TypeId, TypeId)>,
}

impl Pairs<'_> {
    fn same(&mut self, a: TypeId, b: TypeId) -> bool {
        if !self.seen.insert((a, b)) {
            return true;
        }
        match (&self.a.node(a).kind, &self.b.node(b).kind) {
            (Kind::List(a), Kind::List(b)) | (Kind::Map(a), Kind::Map(b)) => self.same(*a, *b),
            (Kind::FixedList(a, len_a), Kind::FixedList(b, len_b)) => {
                len_a == len_b && self.same(*a, *b)
            }
            (Kind::Record(a), Kind::Record(b)) => self.fields(a, b),
            // The names of a tuple's fields are numbers.
            (Kind::Tuple(a), Kind::Tuple(b)) => self.fields(a, b),
            (Kind::Variant(a), Kind::Variant(b))
            | (Kind::Option(a), Kind::Option(b))
            | (Kind::Result(a), Kind::Result(b)) => self.cases(a, b),
            (Kind::Enum(a), Kind::Enum(b)) | (Kind::Flags(a), Kind::Flags(b)) => a == b,
            (Kind::Own(a), Kind::Own(b)) | (Kind::Borrow(a), Kind::Borrow(b)) => {
                (self.resources)(*a, *b)
            }
            // What asynchronous types carry is not looked at: values of theirs do not pass.
            (a, b) => {
                std::mem::discriminant(a) == std::mem::discriminant(b) && a.name() == b.name()
            }
        }
    }

    fn maybe(&mut self, a: Option<TypeId>, b: Option<TypeId>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => self.same(a, b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }

    fn fields(&mut self, a: &[Field], b: &[Field]) -> bool {
        a.len() == b.len()
            && a.iter().zip(b).all(|(a, b)| a.name == b.name && self.same(a.ty, b.ty))
    }

    fn cases(&mut self, a: &Cases, b: &Cases) -> bool {
        let mut pairs = a.cases.iter().zip(&b.cases);
        a.cases.len() == b.cases.len()
            && pairs.all(|(a, b)| a.name == b.name && self.maybe(a.ty, b.ty))
    }
}
