//! [`Val`]s → a guest's values.
//!
//! A value that is not of the type that is wanted is the embedder's mistake, and said before anything is called.

use super::lift::{Cx, one_nan32, one_nan64};
use super::side::Peer;
use super::strings;
use crate::limits::RANGE_BYTES_MAX;
use crate::resource::{self, ResourceAny};
use crate::trap::{asynchronous, trap, usage};
use crate::types::{Cases, Field, Kind, TypeId, Var};
use crate::val::Val;
use dunlin::{Error, Result};
use std::sync::Arc;

/// Where a value goes: in memory, or among flat values of which it is the first.
pub enum To<'v> {
    /// At this address.
    Memory(u32),
    /// The first of these, and those that follow.
    Flat(&'v mut [u64]),
}

impl To<'_> {
    /// Writes a number of so many bytes.
    ///
    /// # Errors
    ///
    /// If there is no such place.
    pub fn number<T: 'static>(
        &mut self,
        cx: &mut Cx<'_, '_, T>,
        bytes: u32,
        number: u64,
    ) -> Result<()> {
        match self {
            To::Memory(at) => cx.store(*at, bytes, number),
            To::Flat(slots) => {
                *slots.first_mut().ok_or_else(|| trap("a flat value is missing"))? = number;
                Ok(())
            }
        }
    }

    /// A part of it.
    pub fn part(&mut self, offset: u32, slot: u32) -> To<'_> {
        match self {
            To::Memory(at) => To::Memory(at.wrapping_add(offset)),
            To::Flat(slots) => To::Flat(slots.get_mut(slot as usize..).unwrap_or_default()),
        }
    }

    /// Writes a signed number, which fills 32 bits of a flat value.
    fn signed<T: 'static>(
        &mut self,
        cx: &mut Cx<'_, '_, T>,
        bytes: u32,
        number: i32,
    ) -> Result<()> {
        self.number(cx, bytes, number.cast_unsigned().into())
    }
}

impl<T: 'static> Cx<'_, '_, T> {
    pub(crate) fn store(&mut self, at: u32, bytes: u32, number: u64) -> Result<()> {
        self.side.store(self.store, at, bytes, number)
    }

    /// Lowers text; pointer and length.
    pub(crate) fn lower_string(&mut self, text: &str) -> Result<(u32, u32)> {
        strings::lower(self.store, self.side, text, Peer::Host)
    }

    /// New memory of the guest's for so many elements.
    pub(crate) fn allocate_list(&mut self, len: usize, size: u32, align: u32) -> Result<u32> {
        let bytes = (len as u64).saturating_mul(size.into());
        if bytes > RANGE_BYTES_MAX {
            return Err(trap("list is too long for a component"));
        }
        self.side.allocate(self.store, align, bytes as u32, Peer::Host)
    }

    /// Lowers a value as this type.
    pub(crate) fn lower(&mut self, ty: TypeId, value: &Val, to: &mut To<'_>) -> Result<()> {
        let types = self.types;
        let node = types.node(ty);
        let size = node.size;
        match (&node.kind, value) {
            (Kind::Bool, Val::Bool(value)) => to.number(self, 1, u64::from(*value)),
            (Kind::S8, Val::S8(value)) => to.signed(self, 1, i32::from(*value)),
            (Kind::U8, Val::U8(value)) => to.number(self, 1, u64::from(*value)),
            (Kind::S16, Val::S16(value)) => to.signed(self, 2, i32::from(*value)),
            (Kind::U16, Val::U16(value)) => to.number(self, 2, u64::from(*value)),
            (Kind::S32, Val::S32(value)) => to.signed(self, 4, *value),
            (Kind::U32, Val::U32(value)) => to.number(self, 4, u64::from(*value)),
            (Kind::S64, Val::S64(value)) => to.number(self, 8, value.cast_unsigned()),
            (Kind::U64, Val::U64(value)) => to.number(self, 8, *value),
            (Kind::F32, Val::Float32(value)) => {
                to.number(self, 4, one_nan32(value.to_bits()).to_bits().into())
            }
            (Kind::F64, Val::Float64(value)) => {
                to.number(self, 8, one_nan64(value.to_bits()).to_bits())
            }
            (Kind::Char, Val::Char(value)) => to.number(self, 4, u32::from(*value).into()),
            (Kind::String, Val::String(value)) => {
                let pair = self.lower_string(value)?;
                self.lower_pair(pair, to)
            }
            (Kind::List(element), Val::List(values)) => {
                let pair = self.lower_list(*element, values.len(), values.iter())?;
                self.lower_pair(pair, to)
            }
            (Kind::Map(pair), Val::Map(values)) => self.lower_map(*pair, values, to),
            (Kind::FixedList(element, len), Val::List(values)) if values.len() == *len as usize => {
                self.lower_elements(*element, values.iter(), to)
            }
            (Kind::Record(fields), Val::Record(values)) => self.lower_record(fields, values, to),
            (Kind::Tuple(fields), Val::Tuple(values)) if fields.len() == values.len() => {
                let mut pairs = fields.iter().zip(values);
                pairs.try_for_each(|(field, value)| self.lower_field(field, value, to))
            }
            (Kind::Variant(cases), Val::Variant(name, payload)) => {
                let case = find_name(cases.cases.iter().map(|case| &case.name), name)?;
                self.lower_case(cases, case, payload.as_deref(), to)
            }
            (Kind::Option(cases), Val::Option(payload)) => {
                self.lower_case(cases, payload.is_some().into(), payload.as_deref(), to)
            }
            (Kind::Result(cases), Val::Result(Ok(payload))) => {
                self.lower_case(cases, 0, payload.as_deref(), to)
            }
            (Kind::Result(cases), Val::Result(Err(payload))) => {
                self.lower_case(cases, 1, payload.as_deref(), to)
            }
            (Kind::Enum(names), Val::Enum(name)) => {
                let case = find_name(names.iter(), name)?;
                to.number(self, size, case as u64)
            }
            (Kind::Flags(names), Val::Flags(set)) => {
                let mut bits = 0_u64;
                for flag in set {
                    bits |= 1 << find_name(names.iter(), flag)?;
                }
                to.number(self, size, bits)
            }
            (Kind::Own(var), Val::Resource(resource)) => self.lower_own(*var, resource, to),
            (Kind::Borrow(var), Val::Resource(resource)) => self.lower_borrow(*var, resource, to),
            (Kind::Async(what), _) => Err(asynchronous(what)),
            (kind, value) => Err(mismatch(kind, value)),
        }
    }

    pub(crate) fn lower_pair(&mut self, pair: (u32, u32), to: &mut To<'_>) -> Result<()> {
        to.number(self, 4, pair.0.into())?;
        to.part(4, 1).number(self, 4, pair.1.into())
    }

    fn lower_list<'v>(
        &mut self,
        element: TypeId,
        len: usize,
        values: impl Iterator<Item = &'v Val>,
    ) -> Result<(u32, u32)> {
        let node = self.types.node(element);
        let pointer = self.allocate_list(len, node.size, node.align)?;
        self.lower_elements(element, values, &mut To::Memory(pointer))?;
        Ok((pointer, len as u32))
    }

    fn lower_map(&mut self, pair: TypeId, values: &[(Val, Val)], to: &mut To<'_>) -> Result<()> {
        let node = self.types.node(pair);
        let (size, types) = (node.size, self.types);
        let Kind::Tuple(fields) = &types.node(pair).kind else { return Err(trap("no map")) };
        let pointer = self.allocate_list(values.len(), size, node.align)?;
        for (at, (key, value)) in (pointer..).step_by(size as usize).zip(values) {
            for (field, value) in fields.iter().zip([key, value]) {
                self.lower_field(field, value, &mut To::Memory(at))?;
            }
        }
        self.lower_pair((pointer, values.len() as u32), to)
    }

    fn lower_elements<'v>(
        &mut self,
        element: TypeId,
        values: impl Iterator<Item = &'v Val>,
        to: &mut To<'_>,
    ) -> Result<()> {
        let node = self.types.node(element);
        let (size, flat) = (node.size, node.flat);
        for (at, value) in (0..).zip(values) {
            let at: u32 = at;
            let mut place = to.part(at.wrapping_mul(size), at.wrapping_mul(flat));
            self.lower(element, value, &mut place)?;
        }
        Ok(())
    }

    fn lower_record(
        &mut self,
        fields: &[Field],
        values: &[(String, Val)],
        to: &mut To<'_>,
    ) -> Result<()> {
        if fields.len() != values.len() {
            let (wanted, given) = (fields.len(), values.len());
            return Err(usage(format_args!(
                "a record has {wanted} fields, and {given} were given"
            )));
        }
        for (index, field) in fields.iter().enumerate() {
            // Most likely they are in order.
            let mut values = values[index..].iter().chain(&values[..index]);
            let found = values.find(|value| value.0.as_str() == field.name.as_ref());
            let (_, value) = found.ok_or_else(|| {
                usage(format_args!("a record's field `{}` is missing", field.name))
            })?;
            self.lower_field(field, value, to)?;
        }
        Ok(())
    }

    fn lower_field(&mut self, field: &Field, value: &Val, to: &mut To<'_>) -> Result<()> {
        self.lower(field.ty, value, &mut to.part(field.offset, field.slot))
    }

    fn lower_case(
        &mut self,
        cases: &Cases,
        case: usize,
        payload: Option<&Val>,
        to: &mut To<'_>,
    ) -> Result<()> {
        to.number(self, cases.discriminant, case as u64)?;
        match (cases.cases[case].ty, payload) {
            (Some(ty), Some(value)) => self.lower(ty, value, &mut to.part(cases.payload, 1)),
            (None, None) => Ok(()),
            (Some(_), None) => {
                Err(usage(format_args!("case `{}` has a payload", cases.cases[case].name)))
            }
            (None, Some(_)) => {
                Err(usage(format_args!("case `{}` has no payload", cases.cases[case].name)))
            }
        }
    }

    fn lower_own(&mut self, var: Var, resource: &ResourceAny, to: &mut To<'_>) -> Result<()> {
        let ty = self.side.resource(var)?;
        let rep = resource::given_by_host(self.store, resource, ty)?;
        let index = resource::lower_own(self.store, self.side.instance, rep, ty)?;
        to.number(self, 4, index.into())
    }

    fn lower_borrow(&mut self, var: Var, resource: &ResourceAny, to: &mut To<'_>) -> Result<()> {
        let ty = self.side.resource(var)?;
        let scope = self.scope.ok_or_else(|| trap("nothing is lent by this call"))?;
        let rep = resource::lent_by_host(self.store, resource, ty, scope)?;
        let index = resource::lower_borrow(self.store, self.side.instance, rep, ty, scope)?;
        to.number(self, 4, index.into())
    }
}

fn find_name<'n>(mut names: impl Iterator<Item = &'n Arc<str>>, name: &str) -> Result<usize> {
    let found = names.position(|other| other.as_ref() == name);
    found.ok_or_else(|| usage(format_args!("the type has no case or flag `{name}`")))
}

#[cold]
fn mismatch(kind: &Kind, value: &Val) -> Error {
    let (wanted, given) = (kind.name(), value.kind());
    usage(format_args!("a value of type {wanted} is wanted, and a {given} was given"))
}
