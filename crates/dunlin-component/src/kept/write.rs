//! A decoded component → an entry.
//!
//! Numbers are LEB128, as in binaries. Texts stand once, at the beginning, and are called by number. Of types there is what they
//! are made of; sizes, offsets and core types follow from that.

use super::{OptionBits, async_names};
use crate::decode::Decoded;
use crate::limits::ENTRY_BYTES_MAX;
use crate::template::{
    Bind, Builtin, Captured, CoreSort, Def, ItemType, Operand, Options, Sort, Source, Template,
};
use crate::types::{Cases, FuncType, Kind, Node, TypeId, Var};
use dunlin::ValType;
use std::collections::HashMap;
use std::sync::Arc;

/// The entry of a component; `None` if it has what no entry can have.
pub(super) fn write(decoded: &Decoded, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut writer = Writer::default();
    writer.count(decoded.modules.len());
    for module in &decoded.modules {
        let part = module.info().bytes();
        let start = (part.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize)?;
        writer.count(start);
        writer.count(part.len());
    }
    writer.list(&decoded.types.nodes, Writer::node)?;
    writer.list(&decoded.types.funcs, Writer::func)?;
    writer.list(&decoded.templates, |writer, template| writer.template(template))?;
    for items in [&decoded.imports, &decoded.exports] {
        writer.items(items)?;
    }
    let entry = writer.finish();
    (entry.len() <= ENTRY_BYTES_MAX).then_some(entry)
}

#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Writer {
    /// The entry: texts, and what calls them.
    fn finish(self) -> Vec<u8> {
        let Self { out, texts, .. } = self;
        let mut whole = Self::default();
        whole.count(texts.len());
        for text in texts {
            whole.count(text.len());
            whole.out.extend_from_slice(text.as_bytes());
        }
        whole.out.extend(out);
        whole.out
    }

    fn number(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    fn count(&mut self, count: usize) {
        // Components of which entries are made have fewer bytes, and each item has at least one.
        self.number(count as u32);
    }

    /// A number that may be missing.
    fn maybe(&mut self, number: Option<u32>) {
        match number {
            Some(number) => {
                self.number(1);
                self.number(number);
            }
            None => self.number(0),
        }
    }

    fn text(&mut self, text: &Arc<str>) {
        let next = self.texts.len() as u32;
        let number = *self.numbers.entry(text.clone()).or_insert(next);
        if number == next {
            self.texts.push(text.clone());
        }
        self.number(number);
    }

    fn list<I>(
        &mut self,
        list: &[I],
        mut write: impl FnMut(&mut Self, &I) -> Option<()>,
    ) -> Option<()> {
        self.count(list.len());
        list.iter().try_for_each(|item| write(self, item))
    }

    fn names(&mut self, names: &[Arc<str>]) {
        self.count(names.len());
        names.iter().for_each(|name| self.text(name));
    }

    fn node(&mut self, node: &Node) -> Option<()> {
        let plain = match &node.kind {
            Kind::Bool => 0,
            Kind::S8 => 1,
            Kind::U8 => 2,
            Kind::S16 => 3,
            Kind::U16 => 4,
            Kind::S32 => 5,
            Kind::U32 => 6,
            Kind::S64 => 7,
            Kind::U64 => 8,
            Kind::F32 => 9,
            Kind::F64 => 10,
            Kind::Char => 11,
            Kind::String => 12,
            other => return self.compound(other),
        };
        self.number(plain);
        Some(())
    }

    fn compound(&mut self, kind: &Kind) -> Option<()> {
        match kind {
            Kind::List(element) => self.pair(13, element.0),
            Kind::Map(pair) => self.pair(14, pair.0),
            Kind::FixedList(element, len) => {
                self.pair(15, element.0);
                self.number(*len);
            }
            Kind::Record(fields) | Kind::Tuple(fields) => {
                let tag = if matches!(kind, Kind::Record(_)) { 16 } else { 17 };
                self.pair(tag, fields.len() as u32);
                for field in fields {
                    self.text(&field.name);
                    self.number(field.ty.0);
                }
            }
            Kind::Variant(cases) => self.cases(18, cases),
            Kind::Option(cases) => self.cases(19, cases),
            Kind::Result(cases) => self.cases(20, cases),
            Kind::Enum(names) => {
                self.number(21);
                self.names(names);
            }
            Kind::Flags(names) => {
                self.number(22);
                self.names(names);
            }
            Kind::Own(var) => self.pair(23, var.0),
            Kind::Borrow(var) => self.pair(24, var.0),
            Kind::Async(name) => {
                self.number(25);
                self.async_name(name)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn pair(&mut self, tag: u32, number: u32) {
        self.number(tag);
        self.number(number);
    }

    fn cases(&mut self, tag: u32, cases: &Cases) {
        self.pair(tag, cases.cases.len() as u32);
        for case in &cases.cases {
            self.text(&case.name);
            self.maybe(case.ty.map(|ty| ty.0));
        }
    }

    fn async_name(&mut self, name: &str) -> Option<()> {
        let number = async_names().position(|known| known == name)?;
        self.count(number);
        Some(())
    }

    fn func(&mut self, func: &FuncType) -> Option<()> {
        self.count(func.params.len());
        for param in &func.params {
            self.text(&param.name);
            self.number(param.ty.0);
        }
        self.maybe(func.result.map(|TypeId(ty)| ty));
        self.number(func.is_async.into());
        Some(())
    }

    fn template(&mut self, template: &Template) -> Option<()> {
        self.count(template.captures.len());
        for (what, source) in &template.captures {
            self.number(u32::from(*what == Captured::Component));
            match source {
                Source::Local(index) => self.pair(0, *index),
                Source::Captured(place) => self.pair(1, *place),
            }
        }
        self.list(&template.defs, Self::def)
    }

    fn def(&mut self, def: &Def) -> Option<()> {
        match def {
            Def::Import { name, sort, binds, .. } => {
                self.number(0);
                self.text(name);
                self.sort(*sort);
                self.binds(binds);
            }
            Def::Module(index) => self.pair(1, *index),
            Def::CapturedModule(place) => self.pair(2, *place),
            Def::SameModule(index) => self.pair(3, *index),
            Def::CoreInstantiate { module, args, .. } => {
                self.pair(4, *module);
                self.count(args.len());
                for (name, instance) in args {
                    self.text(name);
                    self.number(*instance);
                }
            }
            Def::CoreBundle(items) => {
                self.number(5);
                self.count(items.len());
                for (name, sort, index) in items {
                    self.text(name);
                    self.core_sort(*sort);
                    self.number(*index);
                }
            }
            Def::CoreAlias { instance, name, sort, .. } => {
                self.pair(6, *instance);
                self.text(name);
                self.core_sort(*sort);
            }
            Def::Component(index) => self.pair(7, *index),
            Def::CapturedComponent(place) => self.pair(8, *place),
            Def::SameComponent(index) => self.pair(9, *index),
            _ => return self.more(def),
        }
        Some(())
    }

    fn more(&mut self, def: &Def) -> Option<()> {
        match def {
            Def::Instantiate { component, args, binds } => {
                self.pair(10, *component);
                self.operands(args);
                self.binds(binds);
            }
            Def::Bundle(items) => {
                self.number(11);
                self.operands(items);
            }
            Def::Alias { instance, name, sort, binds, .. } => {
                self.pair(12, *instance);
                self.text(name);
                self.sort(*sort);
                self.binds(binds);
            }
            Def::Resource { var, destructor } => {
                self.pair(13, var.0);
                self.maybe(*destructor);
            }
            Def::Lift { func, ty, options } => {
                self.pair(14, *func);
                self.number(ty.0);
                self.options(options);
            }
            Def::Lower { func, ty, options, .. } => {
                self.pair(15, *func);
                self.number(ty.0);
                self.options(options);
            }
            Def::Builtin(builtin) => {
                self.number(16);
                self.builtin(builtin)?;
            }
            Def::Export { name, item, binds } => {
                self.number(17);
                self.text(name);
                self.operand(item);
                self.binds(binds);
            }
            _ => return None,
        }
        Some(())
    }

    fn builtin(&mut self, builtin: &Builtin) -> Option<()> {
        match builtin {
            Builtin::ResourceNew(var) => self.pair(0, var.0),
            Builtin::ResourceDrop(var) => self.pair(1, var.0),
            Builtin::ResourceRep(var) => self.pair(2, var.0),
            Builtin::ContextGet(ty, slot) => {
                self.number(3);
                self.val_type(ty)?;
                self.number(*slot);
            }
            Builtin::ContextSet(ty, slot) => {
                self.number(4);
                self.val_type(ty)?;
                self.number(*slot);
            }
            Builtin::Backpressure(by) => self.pair(5, by.cast_unsigned()),
            Builtin::TaskReturn { result, options, core } => {
                self.number(6);
                self.maybe(result.map(|TypeId(ty)| ty));
                self.options(options);
                self.core_type(core)?;
            }
            Builtin::Async(name, core) => {
                self.number(7);
                self.async_name(name)?;
                self.core_type(core)?;
            }
        }
        Some(())
    }

    fn core_type(&mut self, ty: &dunlin::FuncType) -> Option<()> {
        self.list(ty.params(), Self::val_type)?;
        self.list(ty.results(), Self::val_type)
    }

    fn val_type(&mut self, ty: &ValType) -> Option<()> {
        let number = match ty {
            ValType::I32 => 0,
            ValType::I64 => 1,
            ValType::F32 => 2,
            ValType::F64 => 3,
            _ => return None,
        };
        self.number(number);
        Some(())
    }

    fn options(&mut self, options: &Options) {
        self.number(OptionBits::of(options).0);
        let indices = [options.memory, options.realloc, options.post_return];
        indices.into_iter().flatten().for_each(|index| self.number(index));
    }

    fn operands(&mut self, operands: &[(Arc<str>, Operand)]) {
        self.count(operands.len());
        for (name, operand) in operands {
            self.text(name);
            self.operand(operand);
        }
    }

    fn operand(&mut self, operand: &Operand) {
        match operand {
            Operand::Module(index) => self.pair(0, *index),
            Operand::Func(index) => self.pair(1, *index),
            Operand::Type(None) => self.number(2),
            Operand::Type(Some(var)) => self.pair(3, var.0),
            Operand::Component(index) => self.pair(4, *index),
            Operand::Instance(index) => self.pair(5, *index),
        }
    }

    fn binds(&mut self, binds: &[Bind]) {
        self.count(binds.len());
        for Bind { path, var: Var(var) } in binds {
            self.names(path);
            self.number(*var);
        }
    }

    fn sort(&mut self, sort: Sort) {
        self.number(match sort {
            Sort::Module => 0,
            Sort::Func => 1,
            Sort::Type => 2,
            Sort::Component => 3,
            Sort::Instance => 4,
        });
    }

    fn core_sort(&mut self, sort: CoreSort) {
        self.number(match sort {
            CoreSort::Func => 0,
            CoreSort::Table => 1,
            CoreSort::Memory => 2,
            CoreSort::Global => 3,
            CoreSort::Tag => 4,
        });
    }

    fn items(&mut self, items: &[(Arc<str>, ItemType)]) -> Option<()> {
        self.list(items, |writer, (name, ty)| {
            writer.text(name);
            writer.item(ty)
        })
    }

    fn item(&mut self, ty: &ItemType) -> Option<()> {
        match ty {
            ItemType::Module => self.number(0),
            ItemType::Func => self.number(1),
            ItemType::Type(None) => self.number(2),
            ItemType::Type(Some(var)) => self.pair(3, var.0),
            ItemType::Component => self.number(4),
            ItemType::Instance(items) => {
                self.number(5);
                self.items(items)?;
            }
            ItemType::Value => self.number(6),
        }
        Some(())
    }
}
