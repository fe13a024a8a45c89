//! What the macros [`record!`](crate::record), [`variant!`](crate::variant), [`enumeration!`](crate::enumeration) and
//! [`flags!`](crate::flags), and what `bindgen!` makes, use of this crate. It is none of anybody else's business.

pub use crate::abi::lift::{Cx, From};
pub use crate::abi::lower::To;
pub use crate::rust_types::places;
pub use crate::typed::{Known, Layout};
pub use crate::types::{TypeId, TypeTable};
pub use dunlin::{AsContextMut, Error, Result, StoreContextMut};

use crate::instance::Instance;
use crate::linker::{compatible, version};
use crate::trap::{trap, usage};
use crate::typed::{Params, Results, TypedFunc, refuse};
use crate::types::{Kind, Node};
use std::sync::Arc;

/// How a type is compared with a component's.
pub type Check = fn(&TypeTable, TypeId, &Known<'_>) -> Result<()>;

/// A value of one flat value.
#[must_use]
pub const fn scalar(bytes: u32) -> Layout {
    Layout { size: bytes, align: bytes, flat: 1 }
}

/// Bytes of so many flags.
#[must_use]
pub const fn flag_bytes(flags: usize) -> u32 {
    match flags {
        ..=8 => 1,
        9..=16 => 2,
        _ => 4,
    }
}

/// The bits of so many flags.
#[must_use]
pub fn mask(flags: usize) -> u32 {
    crate::abi::program::mask(flags)
}

/// The layout of a variant with these payloads and so many cases, the bytes of its discriminant, and where payloads begin.
#[must_use]
pub const fn variant_of(payloads: &[Layout], cases: usize) -> (Layout, u32, u32) {
    let discriminant = Node::discriminant_bytes(cases);
    let mut whole = Layout { size: 0, align: 1, flat: 0 };
    let mut at = 0;
    while at < payloads.len() {
        whole = crate::rust_types::largest(whole, payloads[at]);
        at += 1;
    }
    let payload = discriminant.next_multiple_of(whole.align);
    let align = if whole.align > discriminant { whole.align } else { discriminant };
    let size = (payload + whole.size).next_multiple_of(align);
    (Layout { size, align, flat: whole.flat + 1 }, discriminant, payload)
}

fn check_names<'n>(
    names: impl ExactSizeIterator<Item = &'n Arc<str>>,
    given: &[&str],
    rust: &str,
) -> Result<()> {
    let wanted: Vec<_> = names.map(AsRef::as_ref).collect();
    if wanted == given {
        return Ok(());
    }
    let (wanted, given) = (wanted.join(", "), given.join(", "));
    let what = format_args!("type mismatch: the component has {wanted}, and {rust} has {given}");
    Err(usage(what))
}

/// The types of a record's fields, if they have these names.
///
/// # Errors
///
/// If it is no record, or of other fields.
pub fn fields(types: &TypeTable, ty: TypeId, names: &[&str], rust: &str) -> Result<Vec<TypeId>> {
    let Kind::Record(fields) = &types.node(ty).kind else { return refuse(types, ty, rust) };
    check_names(fields.iter().map(|field| &field.name), names, rust)?;
    Ok(fields.iter().map(|field| field.ty).collect())
}

/// The payloads of a variant's cases, if they have these names.
///
/// # Errors
///
/// If it is no variant, or of other cases.
pub fn cases(
    types: &TypeTable,
    ty: TypeId,
    names: &[&str],
    rust: &str,
) -> Result<Vec<Option<TypeId>>> {
    let Kind::Variant(cases) = &types.node(ty).kind else { return refuse(types, ty, rust) };
    check_names(cases.cases.iter().map(|case| &case.name), names, rust)?;
    Ok(cases.cases.iter().map(|case| case.ty).collect())
}

/// Compares the payload of a case.
///
/// # Errors
///
/// If there is one on one side only, or it is of another type.
pub fn check_payload(
    types: &TypeTable,
    payload: Option<TypeId>,
    check: Option<&Check>,
    known: &Known<'_>,
    name: &str,
) -> Result<()> {
    match (payload, check) {
        (Some(ty), Some(check)) => check(types, ty, known),
        (None, None) => Ok(()),
        _ => {
            Err(usage(format_args!("type mismatch: case `{name}` has a payload on one side only")))
        }
    }
}

/// Compares an enumeration.
///
/// # Errors
///
/// If it is none, or of other cases.
pub fn check_enum(types: &TypeTable, ty: TypeId, names: &[&str], rust: &str) -> Result<()> {
    let Kind::Enum(cases) = &types.node(ty).kind else { return refuse(types, ty, rust) };
    check_names(cases.iter(), names, rust)
}

/// Compares flags.
///
/// # Errors
///
/// If it is none, or of other members.
pub fn check_flags(types: &TypeTable, ty: TypeId, names: &[&str], rust: &str) -> Result<()> {
    let Kind::Flags(flags) = &types.node(ty).kind else { return refuse(types, ty, rust) };
    check_names(flags.iter(), names, rust)
}

/// A discriminant that is none.
#[cold]
#[must_use]
pub fn no_case(case: u32, cases: u32) -> dunlin::Error {
    debug_assert!(case >= cases);
    trap("invalid variant discriminant")
}

/// The instance that a component exports under this name, or under that of a compatible version: the newest.
///
/// # Errors
///
/// If there is none.
pub fn exported_instance(
    mut store: impl AsContextMut,
    instance: &Instance,
    name: &str,
) -> Result<Instance> {
    if let Some(found) = instance.get_instance(&mut store, name) {
        return Ok(found);
    }
    let names = instance.exports(&mut store);
    let wanted = compatible(name);
    let others = names.iter().filter(|other| wanted.is_some() && compatible(other) == wanted);
    let newest = others.max_by_key(|other| version(other));
    let found = newest.and_then(|other| instance.get_instance(&mut store, other));
    found.ok_or_else(|| usage(format_args!("the component exports no instance `{name}`")))
}

/// The same function with parameters that differ in nothing but how long they are borrowed.
#[must_use]
pub fn with_params<P: Params, Q: Params, R: Results>(func: TypedFunc<P, R>) -> TypedFunc<Q, R> {
    func.with_params()
}
