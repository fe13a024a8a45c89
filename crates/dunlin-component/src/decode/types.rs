//! The validator's types → ours. Each of its types is converted once.

use super::unsupported;
use crate::limits::{ITEMS_MAX, TYPES_DEEP_MAX};
use crate::template::ItemType;
use crate::types::{Case, Cases, FuncType, FuncTypeId, Kind, Node, TypeId, TypeTable, Var};
use dunlin::{Error, Result};
use std::collections::HashMap;
use std::sync::Arc;
use wasmparser::PrimitiveValType as Primitive;
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType,
    ComponentFuncTypeId, ComponentValType, ResourceId,
};
use wasmparser::types::TypesRef;

/// Our table, and what of the validator's is in it.
#[derive(Default)]
pub(super) struct Types {
    pub(super) table: TypeTable,
    primitives: Vec<(Primitive, TypeId)>,
    defined: HashMap<ComponentDefinedTypeId, TypeId>,
    funcs: HashMap<ComponentFuncTypeId, FuncTypeId>,
    vars: HashMap<ResourceId, Var>,
    /// How many items have been looked at.
    items: usize,
}

type Shared = Arc<str>;

impl Types {
    /// What stands for a resource type.
    pub(super) fn var(&mut self, id: ResourceId) -> Var {
        let next = Var(self.vars.len() as u32);
        *self.vars.entry(id).or_insert(next)
    }

    /// Counts an item that is looked at.
    pub(super) fn count_item(&mut self) -> Result<()> {
        self.items += 1;
        match self.items {
            ..=ITEMS_MAX => Ok(()),
            _ => Err(unsupported("a component with so many imports and exports")),
        }
    }

    /// The type of an item, for linking.
    pub(super) fn item(
        &mut self,
        known: TypesRef<'_>,
        entity: &ComponentEntityType,
    ) -> Result<ItemType> {
        self.count_item()?;
        Ok(match entity {
            ComponentEntityType::Module(_) => ItemType::Module,
            ComponentEntityType::Component(_) => ItemType::Component,
            ComponentEntityType::Value(_) => ItemType::Value,
            ComponentEntityType::Func(_) => ItemType::Func,
            ComponentEntityType::Type { created, .. } => ItemType::Type(match created {
                ComponentAnyTypeId::Resource(id) => Some(self.var(id.resource())),
                _ => None,
            }),
            ComponentEntityType::Instance(id) => {
                let mut items = Vec::new();
                for (name, item) in &known[*id].exports {
                    items.push((name.as_str().into(), self.item(known, &item.ty)?));
                }
                ItemType::Instance(items.into())
            }
        })
    }

    /// A function type.
    pub(super) fn func(
        &mut self,
        known: TypesRef<'_>,
        id: ComponentFuncTypeId,
    ) -> Result<FuncTypeId> {
        if let Some(found) = self.funcs.get(&id) {
            return Ok(*found);
        }
        let ty = &known[id];
        let mut params = Vec::new();
        for (name, ty) in &ty.params {
            params.push((name.as_str().into(), self.value(known, *ty, TYPES_DEEP_MAX)?));
        }
        let result = ty.result.map(|ty| self.value(known, ty, TYPES_DEEP_MAX)).transpose()?;
        let made = FuncType::new(&self.table, params.into_iter(), result, ty.async_);
        self.table.funcs.push(made.ok_or_else(too_large)?);
        let index = FuncTypeId((self.table.funcs.len() - 1) as u32);
        self.funcs.insert(id, index);
        Ok(index)
    }

    /// The type of a task's result.
    pub(super) fn result(
        &mut self,
        known: TypesRef<'_>,
        ty: Option<wasmparser::ComponentValType>,
    ) -> Result<Option<TypeId>> {
        Ok(match ty {
            None => None,
            Some(wasmparser::ComponentValType::Primitive(primitive)) => {
                Some(self.primitive(primitive))
            }
            Some(wasmparser::ComponentValType::Type(index)) => {
                let ty = ComponentValType::Type(known.component_defined_type_at(index));
                Some(self.value(known, ty, TYPES_DEEP_MAX)?)
            }
        })
    }

    /// A value type, which nests at most so deep.
    fn value(&mut self, known: TypesRef<'_>, ty: ComponentValType, deep: usize) -> Result<TypeId> {
        let id = match ty {
            ComponentValType::Primitive(primitive) => return Ok(self.primitive(primitive)),
            ComponentValType::Type(id) => id,
        };
        if let Some(found) = self.defined.get(&id) {
            return Ok(*found);
        }
        let deep = deep.checked_sub(1).ok_or_else(|| unsupported("a type that nests so deep"))?;
        let made = self.defined(known, &known[id], deep)?;
        self.defined.insert(id, made);
        Ok(made)
    }

    fn primitive(&mut self, primitive: Primitive) -> TypeId {
        if let Some(found) = self.primitives.iter().find(|known| known.0 == primitive) {
            return found.1;
        }
        let made = self.table.add(match primitive {
            Primitive::Bool => Node::scalar(Kind::Bool, 1),
            Primitive::S8 => Node::scalar(Kind::S8, 1),
            Primitive::U8 => Node::scalar(Kind::U8, 1),
            Primitive::S16 => Node::scalar(Kind::S16, 2),
            Primitive::U16 => Node::scalar(Kind::U16, 2),
            Primitive::S32 => Node::scalar(Kind::S32, 4),
            Primitive::U32 => Node::scalar(Kind::U32, 4),
            Primitive::S64 => Node::scalar(Kind::S64, 8),
            Primitive::U64 => Node::scalar(Kind::U64, 8),
            Primitive::F32 => Node::scalar(Kind::F32, 4),
            Primitive::F64 => Node::scalar(Kind::F64, 8),
            Primitive::Char => Node::scalar(Kind::Char, 4),
            Primitive::String => Node::range(Kind::String),
            Primitive::ErrorContext => Node::scalar(Kind::Async("an error context"), 4),
        });
        self.primitives.push((primitive, made));
        made
    }

    fn defined(
        &mut self,
        known: TypesRef<'_>,
        ty: &ComponentDefinedType,
        deep: usize,
    ) -> Result<TypeId> {
        use ComponentDefinedType as Defined;
        let node = match ty {
            Defined::Primitive(primitive) => return Ok(self.primitive(*primitive)),
            Defined::Record(record) => {
                let fields = record.fields.iter();
                let fields = fields.map(|(name, ty)| (name.as_str().into(), *ty)).collect();
                self.record(known, fields, deep, Kind::Record)?
            }
            Defined::Tuple(tuple) => {
                let types = tuple.types.iter().enumerate();
                let fields = types.map(|(index, ty)| (index.to_string().into(), *ty)).collect();
                self.record(known, fields, deep, Kind::Tuple)?
            }
            Defined::List { element, .. } => {
                Node::range(Kind::List(self.value(known, *element, deep)?))
            }
            Defined::Map { key, value, .. } => {
                let fields = vec![("0".into(), *key), ("1".into(), *value)];
                let pair = self.record(known, fields, deep, Kind::Tuple)?;
                Node::range(Kind::Map(self.table.add(pair)))
            }
            Defined::FixedLengthList { element, length, .. } => {
                let element = self.value(known, *element, deep)?;
                Node::fixed_list(&self.table, element, *length).ok_or_else(too_large)?
            }
            Defined::Flags(names) => {
                Node::flags(names.iter().map(|name| name.as_str().into()).collect())
            }
            Defined::Enum(names) => {
                Node::enumeration(names.iter().map(|name| name.as_str().into()).collect())
            }
            Defined::Variant(variant) => {
                let cases = variant.cases.iter();
                let cases = cases.map(|(name, case)| (name.as_str().into(), case.ty)).collect();
                self.variant(known, cases, deep, Kind::Variant)?
            }
            Defined::Option { ty, .. } => {
                let cases = vec![("none".into(), None), ("some".into(), Some(*ty))];
                self.variant(known, cases, deep, Kind::Option)?
            }
            Defined::Result { ok, err, .. } => {
                let cases = vec![("ok".into(), *ok), ("error".into(), *err)];
                self.variant(known, cases, deep, Kind::Result)?
            }
            Defined::Own(id) => Node::scalar(Kind::Own(self.var(id.resource())), 4),
            Defined::Borrow(id) => Node::scalar(Kind::Borrow(self.var(id.resource())), 4),
            Defined::Future { .. } => Node::scalar(Kind::Async("a future"), 4),
            Defined::Stream { .. } => Node::scalar(Kind::Async("a stream"), 4),
        };
        Ok(self.table.add(node))
    }

    fn record(
        &mut self,
        known: TypesRef<'_>,
        fields: Vec<(Shared, ComponentValType)>,
        deep: usize,
        kind: fn(Box<[crate::types::Field]>) -> Kind,
    ) -> Result<Node> {
        let mut converted = Vec::with_capacity(fields.len());
        for (name, ty) in fields {
            converted.push((name, self.value(known, ty, deep)?));
        }
        Node::record(&self.table, converted.into_iter(), kind).ok_or_else(too_large)
    }

    fn variant(
        &mut self,
        known: TypesRef<'_>,
        cases: Vec<(Shared, Option<ComponentValType>)>,
        deep: usize,
        kind: fn(Cases) -> Kind,
    ) -> Result<Node> {
        let mut converted = Vec::with_capacity(cases.len());
        for (name, ty) in cases {
            let ty = ty.map(|ty| self.value(known, ty, deep)).transpose()?;
            converted.push(Case { name, ty });
        }
        Node::variant(&self.table, converted.into(), kind).ok_or_else(too_large)
    }
}

fn too_large() -> Error {
    unsupported("a type whose values are so large")
}
