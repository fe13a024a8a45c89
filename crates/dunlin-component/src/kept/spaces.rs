//! The index spaces of a component while its definitions are read: how much is in each, so that no index leads beyond.

use crate::template::{Builtin, Captured, CoreSort, Def, Operand, Options, Sort, Source, Template};
use std::sync::Arc;

/// How far the index spaces of a component are.
#[derive(Default)]
pub(super) struct Spaces {
    modules: usize,
    components: usize,
    funcs: usize,
    instances: usize,
    core_instances: usize,
    /// Functions, tables, memories, globals and tags.
    core: [usize; 5],
}

/// What there is besides the component's own spaces.
pub(super) struct Around<'a> {
    pub(super) templates: &'a [Arc<Template>],
    pub(super) modules: usize,
    pub(super) nodes: usize,
    pub(super) funcs: usize,
    pub(super) captures: &'a [(Captured, Source)],
}

/// Whether an index is one of so many.
fn is_in(index: u32, count: usize) -> Option<()> {
    ((index as usize) < count).then_some(())
}

impl Spaces {
    /// Adds what a definition adds; `None` if an index of its leads beyond what there is.
    pub(super) fn define(&mut self, def: &Def, around: &Around<'_>) -> Option<()> {
        match def {
            Def::Import { sort, .. } => self.add(*sort),
            Def::Module(index) => {
                is_in(*index, around.modules)?;
                self.add(Sort::Module);
            }
            Def::CapturedModule(place) => {
                captured(*place, Captured::Module, around)?;
                self.add(Sort::Module);
            }
            Def::SameModule(index) => {
                is_in(*index, self.modules)?;
                self.add(Sort::Module);
            }
            Def::Component(index) => {
                self.component(*index, around)?;
                self.add(Sort::Component);
            }
            Def::CapturedComponent(place) => {
                captured(*place, Captured::Component, around)?;
                self.add(Sort::Component);
            }
            Def::SameComponent(index) => {
                is_in(*index, self.components)?;
                self.add(Sort::Component);
            }
            Def::CoreInstantiate { module, args, .. } => {
                is_in(*module, self.modules)?;
                args.iter().try_for_each(|(_, instance)| is_in(*instance, self.core_instances))?;
                self.core_instances += 1;
            }
            Def::CoreBundle(items) => {
                items.iter().try_for_each(|(_, sort, index)| self.core_item(*sort, *index))?;
                self.core_instances += 1;
            }
            Def::CoreAlias { instance, sort, .. } => {
                is_in(*instance, self.core_instances)?;
                self.core[place(*sort)] += 1;
            }
            other => self.more(other, around)?,
        }
        Some(())
    }

    fn more(&mut self, def: &Def, around: &Around<'_>) -> Option<()> {
        match def {
            Def::Instantiate { component, args, .. } => {
                is_in(*component, self.components)?;
                args.iter().try_for_each(|(_, item)| self.operand(item).map(drop))?;
                self.add(Sort::Instance);
            }
            Def::Bundle(items) => {
                items.iter().try_for_each(|(_, item)| self.operand(item).map(drop))?;
                self.add(Sort::Instance);
            }
            Def::Alias { instance, sort, .. } => {
                is_in(*instance, self.instances)?;
                self.add(*sort);
            }
            Def::Resource { destructor, .. } => {
                destructor.map_or(Some(()), |func| self.core_item(CoreSort::Func, func))?;
            }
            Def::Lift { func, ty, options } => {
                self.core_item(CoreSort::Func, *func)?;
                is_in(ty.0, around.funcs)?;
                self.options(options)?;
                self.add(Sort::Func);
            }
            Def::Lower { func, ty, options, .. } => {
                is_in(*func, self.funcs)?;
                is_in(ty.0, around.funcs)?;
                self.options(options)?;
                self.core[place(CoreSort::Func)] += 1;
            }
            Def::Builtin(builtin) => {
                if let Builtin::TaskReturn { result, options, .. } = builtin {
                    result.map_or(Some(()), |ty| is_in(ty.0, around.nodes))?;
                    self.options(options)?;
                }
                self.core[place(CoreSort::Func)] += 1;
            }
            Def::Export { item, .. } => {
                let sort = self.operand(item)?;
                self.add(sort);
            }
            _ => return None,
        }
        Some(())
    }

    fn add(&mut self, sort: Sort) {
        match sort {
            Sort::Module => self.modules += 1,
            Sort::Func => self.funcs += 1,
            Sort::Component => self.components += 1,
            Sort::Instance => self.instances += 1,
            // Nothing calls types by index at run time.
            Sort::Type => {}
        }
    }

    /// A nested component ends before the one around it, and uses of it what is there by then.
    fn component(&self, index: u32, around: &Around<'_>) -> Option<()> {
        let template = around.templates.get(index as usize)?;
        template.captures.iter().try_for_each(|(what, source)| match (what, source) {
            (Captured::Module, Source::Local(index)) => is_in(*index, self.modules),
            (Captured::Component, Source::Local(index)) => is_in(*index, self.components),
            (what, Source::Captured(place)) => captured(*place, *what, around),
        })
    }

    fn core_item(&self, sort: CoreSort, index: u32) -> Option<()> {
        is_in(index, self.core[place(sort)])
    }

    /// What an operand is.
    fn operand(&self, operand: &Operand) -> Option<Sort> {
        let (index, count, sort) = match operand {
            Operand::Module(index) => (*index, self.modules, Sort::Module),
            Operand::Func(index) => (*index, self.funcs, Sort::Func),
            Operand::Component(index) => (*index, self.components, Sort::Component),
            Operand::Instance(index) => (*index, self.instances, Sort::Instance),
            Operand::Type(_) => return Some(Sort::Type),
        };
        is_in(index, count)?;
        Some(sort)
    }

    fn options(&self, options: &Options) -> Option<()> {
        let funcs = [options.realloc, options.post_return];
        funcs.into_iter().flatten().try_for_each(|func| self.core_item(CoreSort::Func, func))?;
        options.memory.map_or(Some(()), |memory| self.core_item(CoreSort::Memory, memory))
    }
}

/// Whether the component has captured something of this kind at a place.
fn captured(place: u32, what: Captured, around: &Around<'_>) -> Option<()> {
    let capture = around.captures.get(place as usize)?;
    (capture.0 == what).then_some(())
}

fn place(sort: CoreSort) -> usize {
    match sort {
        CoreSort::Func => 0,
        CoreSort::Table => 1,
        CoreSort::Memory => 2,
        CoreSort::Global => 3,
        CoreSort::Tag => 4,
    }
}
