//! An entry → a decoded component. Nothing in it is believed that could lead anywhere: counts are held against the bytes
//! that are left, indices against what there is, and types against what the validator would have let pass.

use super::spaces::{Around, Spaces};
use super::{Facts, OptionBits, async_names};
use crate::adapt::Variants;
use crate::decode::Decoded;
use crate::exports::Hint;
use crate::limits::{ITEMS_DEEP_MAX, TYPES_DEEP_MAX};
use crate::template::{
    Bind, Builtin, Captured, CoreSort, Def, Encoding, ItemType, Operand, Options, Sort, Source,
    Template,
};
use crate::types::{Case, FuncType, FuncTypeId, Kind, Node, TypeId, TypeTable, Var};
use dunlin::ValType;
use std::sync::{Arc, OnceLock};

/// What an entry says of a component of so many bytes; `None` if it makes no sense.
pub(super) fn read(entry: &[u8], component_bytes: usize) -> Option<Facts> {
    let mut reader = Reader { rest: entry, texts: Vec::new(), types: TypeTable::default() };
    reader.texts = reader.list(|reader| {
        let len = reader.number()? as usize;
        let (text, rest) = reader.rest.split_at_checked(len)?;
        reader.rest = rest;
        std::str::from_utf8(text).ok().map(Into::into)
    })?;
    let modules = reader.list(|reader| {
        let start = reader.number()? as usize;
        let end = start.checked_add(reader.number()? as usize)?;
        (end <= component_bytes).then_some(start..end)
    })?;
    reader.nodes()?;
    let funcs = reader.count()?;
    reader.types.funcs.reserve_exact(funcs);
    for _ in 0..funcs {
        let func = reader.func()?;
        reader.types.funcs.push(func);
    }
    let templates = reader.templates(modules.len())?;
    let (imports, exports) = (reader.items(ITEMS_DEEP_MAX)?, reader.items(ITEMS_DEEP_MAX)?);
    if !reader.rest.is_empty() || templates.is_empty() {
        return None;
    }
    let types = reader.types;
    let decoded = Decoded { templates, modules: Vec::new(), types, imports, exports };
    Some(Facts { decoded, modules })
}

type Items = Vec<(Arc<str>, ItemType)>;
type Operands = Box<[(Arc<str>, Operand)]>;

struct Reader<'e> {
    rest: &'e [u8],
    texts: Vec<Arc<str>>,
    types: TypeTable,
}

impl Reader<'_> {
    fn number(&mut self) -> Option<u32> {
        let mut number = 0_u32;
        for shift in (0..35).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            // The fifth byte has four bits.
            let bits = u32::from(byte & 0x7f);
            number |= bits.checked_shl(shift).filter(|moved| moved >> shift == bits)?;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// How many items follow, of which each has at least one byte.
    fn count(&mut self) -> Option<usize> {
        let count = self.number()? as usize;
        (count <= self.rest.len()).then_some(count)
    }

    fn list<I>(&mut self, mut read: impl FnMut(&mut Self) -> Option<I>) -> Option<Vec<I>> {
        let count = self.count()?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(read(self)?);
        }
        Some(list)
    }

    fn maybe(&mut self) -> Option<Option<u32>> {
        match self.number()? {
            0 => Some(None),
            1 => self.number().map(Some),
            _ => None,
        }
    }

    fn flag(&mut self) -> Option<bool> {
        let number = self.number()?;
        (number < 2).then_some(number == 1)
    }

    fn text(&mut self) -> Option<Arc<str>> {
        let number = self.number()?;
        self.texts.get(number as usize).cloned()
    }

    fn names(&mut self) -> Option<Box<[Arc<str>]>> {
        self.list(Self::text).map(Into::into)
    }

    /// A type that has been read.
    fn known(&self, index: u32) -> Option<TypeId> {
        ((index as usize) < self.types.nodes.len()).then_some(TypeId(index))
    }

    fn ty(&mut self) -> Option<TypeId> {
        let index = self.number()?;
        self.known(index)
    }

    fn maybe_ty(&mut self) -> Option<Option<TypeId>> {
        match self.maybe()? {
            Some(index) => self.known(index).map(Some),
            None => Some(None),
        }
    }

    /// All value types. They are made of such as stand before them, and as deep as types nest.
    fn nodes(&mut self) -> Option<()> {
        let count = self.count()?;
        let mut deep: Vec<usize> = Vec::with_capacity(count);
        self.types.nodes.reserve_exact(count);
        for _ in 0..count {
            let node = self.node()?;
            let mut deepest = 0;
            let mut part = |ty: &TypeId| deepest = deepest.max(deep[ty.0 as usize]);
            match &node.kind {
                Kind::List(ty) | Kind::Map(ty) | Kind::FixedList(ty, _) => part(ty),
                Kind::Record(fields) | Kind::Tuple(fields) => {
                    fields.iter().for_each(|field| part(&field.ty));
                }
                Kind::Variant(cases) | Kind::Option(cases) | Kind::Result(cases) => {
                    cases.cases.iter().filter_map(|case| case.ty.as_ref()).for_each(part);
                }
                _ => {}
            }
            // A map's pairs are types of ours that the validator does not count.
            if deepest >= 2 * TYPES_DEEP_MAX {
                return None;
            }
            deep.push(deepest + 1);
            self.types.add(node);
        }
        Some(())
    }

    fn node(&mut self) -> Option<Node> {
        Some(match self.number()? {
            0 => Node::scalar(Kind::Bool, 1),
            1 => Node::scalar(Kind::S8, 1),
            2 => Node::scalar(Kind::U8, 1),
            3 => Node::scalar(Kind::S16, 2),
            4 => Node::scalar(Kind::U16, 2),
            5 => Node::scalar(Kind::S32, 4),
            6 => Node::scalar(Kind::U32, 4),
            7 => Node::scalar(Kind::S64, 8),
            8 => Node::scalar(Kind::U64, 8),
            9 => Node::scalar(Kind::F32, 4),
            10 => Node::scalar(Kind::F64, 8),
            11 => Node::scalar(Kind::Char, 4),
            12 => Node::range(Kind::String),
            tag => self.compound(tag)?,
        })
    }

    fn compound(&mut self, tag: u32) -> Option<Node> {
        Some(match tag {
            13 => Node::range(Kind::List(self.ty()?)),
            14 => {
                let pair = self.ty()?;
                let is_pair =
                    matches!(&self.types.node(pair).kind, Kind::Tuple(of) if of.len() == 2);
                is_pair.then(|| Node::range(Kind::Map(pair)))?
            }
            15 => {
                let (element, len) = (self.ty()?, self.number()?);
                Node::fixed_list(&self.types, element, (len > 0).then_some(len)?)?
            }
            16 | 17 => {
                let fields = self.list(|reader| Some((reader.text()?, reader.ty()?)))?;
                let kind = if tag == 16 { Kind::Record } else { Kind::Tuple };
                (!fields.is_empty()).then_some(())?;
                Node::record(&self.types, fields.into_iter(), kind)?
            }
            18..=20 => self.variant(tag)?,
            21 => {
                let names = self.names()?;
                (!names.is_empty()).then(|| Node::enumeration(names))?
            }
            22 => {
                let names = self.names()?;
                (1..=32).contains(&names.len()).then(|| Node::flags(names))?
            }
            23 => Node::scalar(Kind::Own(Var(self.number()?)), 4),
            24 => Node::scalar(Kind::Borrow(Var(self.number()?)), 4),
            25 => Node::scalar(Kind::Async(self.async_name()?), 4),
            _ => return None,
        })
    }

    fn variant(&mut self, tag: u32) -> Option<Node> {
        let case = |reader: &mut Self| Some(Case { name: reader.text()?, ty: reader.maybe_ty()? });
        let cases: Box<[Case]> = self.list(case)?.into();
        let (makes_sense, kind): (bool, fn(_) -> _) = match tag {
            18 => (!cases.is_empty(), Kind::Variant),
            19 => {
                let is = cases.len() == 2 && cases[0].ty.is_none() && cases[1].ty.is_some();
                (is, Kind::Option)
            }
            _ => (cases.len() == 2, Kind::Result),
        };
        makes_sense.then_some(())?;
        Node::variant(&self.types, cases, kind)
    }

    fn async_name(&mut self) -> Option<&'static str> {
        let number = self.number()? as usize;
        async_names().nth(number)
    }

    fn func(&mut self) -> Option<FuncType> {
        let params = self.list(|reader| Some((reader.text()?, reader.ty()?)))?;
        let (result, is_async) = (self.maybe_ty()?, self.flag()?);
        FuncType::new(&self.types, params.into_iter(), result, is_async)
    }

    fn templates(&mut self, modules: usize) -> Option<Vec<Arc<Template>>> {
        let mut templates: Vec<Arc<Template>> = Vec::new();
        for _ in 0..self.count()? {
            let captures = self.list(Self::capture)?;
            let mut spaces = Spaces::default();
            let around = Around {
                templates: &templates,
                modules,
                nodes: self.types.nodes.len(),
                funcs: self.types.funcs.len(),
                captures: &captures,
            };
            let defs = self.list(|reader| {
                let def = reader.def()?;
                spaces.define(&def, &around)?;
                Some(def)
            })?;
            templates.push(Arc::new(Template { defs, captures }));
        }
        // Nobody is around the outermost, to capture from.
        let is_closed = templates.last().is_none_or(|outermost| outermost.captures.is_empty());
        is_closed.then_some(templates)
    }

    fn capture(&mut self) -> Option<(Captured, Source)> {
        let what = if self.flag()? { Captured::Component } else { Captured::Module };
        let is_captured = self.flag()?;
        let index = self.number()?;
        Some((what, if is_captured { Source::Captured(index) } else { Source::Local(index) }))
    }

    fn def(&mut self) -> Option<Def> {
        Some(match self.number()? {
            0 => {
                let (name, sort, binds) = (self.text()?, self.sort()?, self.binds()?);
                Def::Import { name, sort, binds, hint: Hint::default() }
            }
            1 => Def::Module(self.number()?),
            2 => Def::CapturedModule(self.number()?),
            3 => Def::SameModule(self.number()?),
            4 => {
                let module = self.number()?;
                let args = self.list(|reader| Some((reader.text()?, reader.number()?)))?.into();
                Def::CoreInstantiate { module, args, found: OnceLock::new() }
            }
            5 => {
                let item = |reader: &mut Self| {
                    Some((reader.text()?, reader.core_sort()?, reader.number()?))
                };
                Def::CoreBundle(self.list(item)?.into())
            }
            6 => {
                let (instance, name, sort) = (self.number()?, self.text()?, self.core_sort()?);
                Def::CoreAlias { instance, name, sort, found: OnceLock::new() }
            }
            7 => Def::Component(self.number()?),
            8 => Def::CapturedComponent(self.number()?),
            9 => Def::SameComponent(self.number()?),
            tag => self.more(tag)?,
        })
    }

    fn more(&mut self, tag: u32) -> Option<Def> {
        Some(match tag {
            10 => {
                let (component, args, binds) = (self.number()?, self.operands()?, self.binds()?);
                Def::Instantiate { component, args, binds }
            }
            11 => Def::Bundle(self.operands()?),
            12 => {
                let (instance, name) = (self.number()?, self.text()?);
                let (sort, binds) = (self.sort()?, self.binds()?);
                Def::Alias { instance, name, sort, binds, hint: Hint::default() }
            }
            13 => Def::Resource { var: Var(self.number()?), destructor: self.maybe()? },
            14 => {
                let (func, ty) = (self.number()?, FuncTypeId(self.number()?));
                Def::Lift { func, ty, options: self.options()? }
            }
            15 => {
                let (func, ty) = (self.number()?, FuncTypeId(self.number()?));
                let options = self.options()?;
                Def::Lower { func, ty, options, adapters: Variants::default() }
            }
            16 => Def::Builtin(self.builtin()?),
            17 => {
                let (name, item, binds) = (self.text()?, self.operand()?, self.binds()?);
                Def::Export { name, item, binds }
            }
            _ => return None,
        })
    }

    fn builtin(&mut self) -> Option<Builtin> {
        Some(match self.number()? {
            0 => Builtin::ResourceNew(Var(self.number()?)),
            1 => Builtin::ResourceDrop(Var(self.number()?)),
            2 => Builtin::ResourceRep(Var(self.number()?)),
            3 => Builtin::ContextGet(self.val_type()?, self.number()?),
            4 => Builtin::ContextSet(self.val_type()?, self.number()?),
            5 => Builtin::Backpressure(self.number()?.cast_signed()),
            6 => {
                let (result, options) = (self.maybe_ty()?, self.options()?);
                Builtin::TaskReturn { result, options, core: self.core_type()? }
            }
            7 => Builtin::Async(self.async_name()?, self.core_type()?),
            _ => return None,
        })
    }

    fn core_type(&mut self) -> Option<Arc<dunlin::FuncType>> {
        let (params, results) = (self.list(Self::val_type)?, self.list(Self::val_type)?);
        Some(Arc::new(dunlin::FuncType::new(params, results)))
    }

    fn val_type(&mut self) -> Option<ValType> {
        let types = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];
        types.get(self.number()? as usize).copied()
    }

    fn options(&mut self) -> Option<Options> {
        let bits = OptionBits(self.number()?);
        let encodings = [Encoding::Utf8, Encoding::Utf16, Encoding::Compact];
        let mut index = |bit| if bits.has(bit) { self.number().map(Some) } else { Some(None) };
        let options = Options {
            encoding: *encodings.get((bits.0 & 3) as usize)?,
            memory: index(OptionBits::MEMORY)?,
            realloc: index(OptionBits::REALLOC)?,
            post_return: index(OptionBits::POST_RETURN)?,
            is_async: bits.has(OptionBits::ASYNC),
            has_callback: bits.has(OptionBits::CALLBACK),
        };
        (OptionBits::of(&options).0 == bits.0).then_some(options)
    }

    fn operands(&mut self) -> Option<Operands> {
        self.list(|reader| Some((reader.text()?, reader.operand()?))).map(Into::into)
    }

    fn operand(&mut self) -> Option<Operand> {
        Some(match self.number()? {
            0 => Operand::Module(self.number()?),
            1 => Operand::Func(self.number()?),
            2 => Operand::Type(None),
            3 => Operand::Type(Some(Var(self.number()?))),
            4 => Operand::Component(self.number()?),
            5 => Operand::Instance(self.number()?),
            _ => return None,
        })
    }

    fn binds(&mut self) -> Option<Box<[Bind]>> {
        let bind =
            |reader: &mut Self| Some(Bind { path: reader.names()?, var: Var(reader.number()?) });
        self.list(bind).map(Into::into)
    }

    fn sort(&mut self) -> Option<Sort> {
        let sorts = [Sort::Module, Sort::Func, Sort::Type, Sort::Component, Sort::Instance];
        sorts.get(self.number()? as usize).copied()
    }

    fn core_sort(&mut self) -> Option<CoreSort> {
        use CoreSort::{Func, Global, Memory, Table, Tag};
        [Func, Table, Memory, Global, Tag].get(self.number()? as usize).copied()
    }

    /// Items of instances, which nest at most so deep.
    fn items(&mut self, deep: usize) -> Option<Items> {
        self.list(|reader| Some((reader.text()?, reader.item(deep)?)))
    }

    fn item(&mut self, deep: usize) -> Option<ItemType> {
        Some(match self.number()? {
            0 => ItemType::Module,
            1 => ItemType::Func,
            2 => ItemType::Type(None),
            3 => ItemType::Type(Some(Var(self.number()?))),
            4 => ItemType::Component,
            5 => ItemType::Instance(self.items(deep.checked_sub(1)?)?.into()),
            6 => ItemType::Value,
            _ => return None,
        })
    }
}
