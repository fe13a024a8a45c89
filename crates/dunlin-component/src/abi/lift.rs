//! A guest's values → [`Val`]s.
//!
//! What becomes values of the host's takes more memory there than it did in the guest: a budget bounds it for each call.

use super::fuse::{check_case, check_char};
use super::side::{Peer, Side};
use super::{program, strings};
use crate::limits::LIFTED_BYTES_MAX;
use crate::resource;
use crate::trap::{asynchronous, trap};
use crate::types::{Cases, Field, Kind, TypeId, TypeTable};
use crate::val::Val;
use dunlin::{Result, StoreContextMut};

/// What lifting and lowering of the host's values need.
pub struct Cx<'s, 'a, T: 'static> {
    pub(crate) store: &'s mut StoreContextMut<'a, T>,
    pub(crate) side: &'s Side,
    pub(crate) types: &'s TypeTable,
    /// The call for whose duration handles are lent.
    pub(crate) scope: Option<u32>,
    /// Which types of Rust stand for resource types of guests in the call, as the store has them listed.
    pub(crate) guests: Option<u32>,
    /// Bytes of the host's that the call may still fill.
    budget: usize,
}

impl<'s, 'a, T: 'static> Cx<'s, 'a, T> {
    pub(crate) fn new(
        store: &'s mut StoreContextMut<'a, T>,
        side: &'s Side,
        types: &'s TypeTable,
        scope: Option<u32>,
    ) -> Self {
        Self { store, side, types, scope, guests: None, budget: LIFTED_BYTES_MAX }
    }

    /// Takes bytes off the budget.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<()> {
        let left = self.budget.checked_sub(bytes);
        self.budget = left.ok_or_else(|| trap("values of the call are too large for the host"))?;
        Ok(())
    }

    pub(crate) fn load(&self, at: u32, bytes: u32) -> Result<u64> {
        self.side.load(self.store, at, bytes)
    }

    /// A string by its pointer and length.
    pub(crate) fn lift_string(&mut self, pair: (u32, u32)) -> Result<String> {
        let found = strings::find(self.store, self.side, pair, Peer::Host)?;
        self.spend(2 * found.range.len())?;
        strings::decode(self.side.slice(self.store, found.range)?, found.simple)
    }
}

/// Where a value is: in memory, or among flat values of which it is the first.
#[derive(Clone, Copy)]
pub enum From<'v> {
    /// At this address.
    Memory(u32),
    /// The first of these, and those that follow.
    Flat(&'v [u64]),
}

impl From<'_> {
    /// A number of so many bytes.
    ///
    /// # Errors
    ///
    /// If there is no such place.
    pub fn number<T: 'static>(self, cx: &Cx<'_, '_, T>, bytes: u32) -> Result<u64> {
        match self {
            From::Memory(at) => cx.load(at, bytes),
            From::Flat(slots) => {
                slots.first().copied().ok_or_else(|| trap("a flat value is missing"))
            }
        }
    }

    /// A discriminant, of which a flat one is looked at as a whole.
    ///
    /// # Errors
    ///
    /// If there is no such place.
    pub fn small<T: 'static>(self, cx: &Cx<'_, '_, T>, bytes: u32) -> Result<u32> {
        Ok(self.number(cx, bytes)? as u32)
    }

    /// A part of it.
    pub fn part(self, offset: u32, slot: u32) -> Self {
        match self {
            From::Memory(at) => From::Memory(at.wrapping_add(offset)),
            From::Flat(slots) => From::Flat(slots.get(slot as usize..).unwrap_or_default()),
        }
    }
}

impl<T: 'static> Cx<'_, '_, T> {
    /// Lifts a value of this type.
    pub(crate) fn lift(&mut self, ty: TypeId, from: From<'_>) -> Result<Val> {
        let types = self.types;
        let node = types.node(ty);
        let size = node.size;
        Ok(match &node.kind {
            Kind::Bool => Val::Bool(from.small(self, 1)? != 0),
            Kind::S8 => Val::S8(from.number(self, 1)? as i8),
            Kind::U8 => Val::U8(from.number(self, 1)? as u8),
            Kind::S16 => Val::S16(from.number(self, 2)? as i16),
            Kind::U16 => Val::U16(from.number(self, 2)? as u16),
            Kind::S32 => Val::S32(from.number(self, 4)? as i32),
            Kind::U32 => Val::U32(from.number(self, 4)? as u32),
            Kind::S64 => Val::S64(from.number(self, 8)?.cast_signed()),
            Kind::U64 => Val::U64(from.number(self, 8)?),
            Kind::F32 => Val::Float32(one_nan32(from.number(self, 4)? as u32)),
            Kind::F64 => Val::Float64(one_nan64(from.number(self, 8)?)),
            Kind::Char => Val::Char(check_char(from.number(self, 4)? as u32)?),
            Kind::String => Val::String(self.string(from)?),
            Kind::List(element) => Val::List(self.list(*element, from)?),
            Kind::Map(pair) => {
                Val::Map(self.list(*pair, from)?.into_iter().filter_map(pair_of).collect())
            }
            Kind::FixedList(element, len) => Val::List(self.elements(*element, *len, from)?),
            Kind::Record(fields) => self.record(fields, from)?,
            Kind::Tuple(fields) => Val::Tuple(self.fields(fields, from)?),
            Kind::Variant(cases) => {
                let (case, payload) = self.case(cases, from)?;
                Val::Variant(cases.cases[case].name.as_ref().into(), payload)
            }
            Kind::Option(cases) => Val::Option(self.case(cases, from)?.1),
            Kind::Result(cases) => match self.case(cases, from)? {
                (0, payload) => Val::Result(Ok(payload)),
                (_, payload) => Val::Result(Err(payload)),
            },
            Kind::Enum(names) => {
                let case = from.small(self, size)?;
                check_case(case, names.len() as u32)?;
                Val::Enum(names[case as usize].as_ref().into())
            }
            Kind::Flags(names) => {
                let bits = from.small(self, size)? & program::mask(names.len());
                let set = names.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
                Val::Flags(set.map(|(_, name)| name.as_ref().into()).collect())
            }
            Kind::Own(var) => self.handle(*var, from, None)?,
            Kind::Borrow(var) => self.handle(*var, from, self.scope)?,
            Kind::Async(what) => return Err(asynchronous(what)),
        })
    }

    pub(crate) fn pair(&self, from: From<'_>) -> Result<(u32, u32)> {
        Ok((from.small(self, 4)?, from.part(4, 1).small(self, 4)?))
    }

    fn string(&mut self, from: From<'_>) -> Result<String> {
        let pair = self.pair(from)?;
        self.lift_string(pair)
    }

    fn list(&mut self, element: TypeId, from: From<'_>) -> Result<Vec<Val>> {
        let (pointer, len) = self.pair(from)?;
        let node = self.types.node(element);
        self.side.list(self.store, (pointer, len), (node.size, node.align), Peer::Host)?;
        self.elements(element, len, From::Memory(pointer))
    }

    fn elements(&mut self, element: TypeId, len: u32, from: From<'_>) -> Result<Vec<Val>> {
        let node = self.types.node(element);
        let (size, flat) = (node.size, node.flat);
        self.spend(len as usize * size_of::<Val>())?;
        let part = |at: u32| from.part(at.wrapping_mul(size), at.wrapping_mul(flat));
        (0..len).map(|at| self.lift(element, part(at))).collect()
    }

    fn record(&mut self, fields: &[Field], from: From<'_>) -> Result<Val> {
        self.spend(fields.len() * size_of::<(String, Val)>())?;
        let values = self.fields(fields, from)?;
        let names = fields.iter().map(|field| field.name.as_ref().into());
        Ok(Val::Record(names.zip(values).collect()))
    }

    fn fields(&mut self, fields: &[Field], from: From<'_>) -> Result<Vec<Val>> {
        self.spend(size_of_val(fields))?;
        let lift = |field: &Field| self.lift(field.ty, from.part(field.offset, field.slot));
        fields.iter().map(lift).collect()
    }

    /// Which case of a variant it is, and its payload.
    fn case(&mut self, cases: &Cases, from: From<'_>) -> Result<(usize, Option<Box<Val>>)> {
        let case = from.small(self, cases.discriminant)?;
        check_case(case, cases.cases.len() as u32)?;
        let case = case as usize;
        let Some(ty) = cases.cases[case].ty else { return Ok((case, None)) };
        self.spend(size_of::<Val>())?;
        let payload = self.lift(ty, from.part(cases.payload, 1))?;
        Ok((case, Some(Box::new(payload))))
    }

    fn handle(
        &mut self,
        var: crate::types::Var,
        from: From<'_>,
        scope: Option<u32>,
    ) -> Result<Val> {
        let index = from.small(self, 4)?;
        let ty = self.side.resource(var)?;
        let lifted = resource::lift_to_host(self.store, self.side, index, ty, scope)?;
        Ok(Val::Resource(lifted))
    }
}

fn pair_of(pair: Val) -> Option<(Val, Val)> {
    let Val::Tuple(pair) = pair else { return None };
    let [key, value] = <[Val; 2]>::try_from(pair).ok()?;
    Some((key, value))
}

/// A float whose NaN is the one that there is.
pub(crate) fn one_nan32(bits: u32) -> f32 {
    let float = f32::from_bits(bits);
    if float.is_nan() { f32::from_bits(0x7fc0_0000) } else { float }
}

/// As [`one_nan32`].
pub(crate) fn one_nan64(bits: u64) -> f64 {
    let float = f64::from_bits(bits);
    if float.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { float }
}
